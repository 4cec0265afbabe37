"""What runs leave behind: records, histories, predictions, weights, failures, saved states and configurations."""

import json
import shutil
from dataclasses import fields
from typing import NamedTuple

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from tests.robustness.cases import JSON, altered, cases, damaged, nested
from vscg.models import build_model
from vscg.training import checkpoint
from vscg.training.config import RunConfig
from vscg.training.evaluation import summarise
from vscg.training.records import write_record

CONFIG = RunConfig(system="avel", epochs=2, batch=8).resolve()
FILES = ("record.json", "history.csv", "predictions.safetensors", "state.safetensors")


class Sound(NamedTuple):
    """What a sound run left, and what it reads as."""

    content: object
    result: object

    def __repr__(self) -> str:
        return "Sound(...)"


@pytest.fixture(scope="module")
def run(child):
    """The files of a finished run, by name, and what the run reads as."""
    folder = child.folder / "runs" / "0123456789abcdef"
    folder.mkdir(parents=True)
    classes = torch.arange(20).reshape(2, 10).to(torch.int8)
    results = {"epoch": 1, **dict.fromkeys(("val", "test"), summarise(classes.numpy(), classes.numpy()))}
    values = {
        "key": folder.name,
        "config": CONFIG.to_json(),
        "data": {"name": "planted-mini", "fingerprint": "0"},
        "results": {"validation": results, "test": results},
        "finished": "2026-01-01T00:00:00+00:00",
        "seconds": 1.5,
        "device": "CPU",
        "versions": {"python": "3.11"},
    }
    rows = [{"epoch": epoch, "lr": 1e-3, "loss": 1.0, "val_accuracy": 0.5, "test_accuracy": 0.5} for epoch in (1, 2)]
    torch.manual_seed(0)
    write_record(
        folder,
        values,
        rows,
        build_model("avel").state_dict(),
        {name: classes.numpy() for name in ("rows", "validation", "test")},
    )
    return Sound({name: (folder / name).read_bytes() for name in FILES}, child.case("record", folder))


def put(child, run, **changed: bytes):
    """The run's folder with some of its files changed."""
    folder = child.folder / "runs" / "0123456789abcdef"
    for name, content in (run[0] | changed).items():
        if not (folder / name).exists() or (folder / name).read_bytes() != content:
            (folder / name).write_bytes(content)
    return folder


@cases(80, 600)
@given(data=st.data(), name=st.sampled_from(FILES))
def test_damaged_files_of_a_run(child, run, data, name):
    content = run[0][name]
    head = [range(min(len(content), 2000))]
    changed = data.draw(damaged(content, head if name.endswith("safetensors") else []))
    found = child.case("record", put(child, run, **{name: changed}))
    if name != "record.json" and changed != content:
        assert found is None, "a file that is not what the run wrote was read"


@cases(80, 600)
@given(data=st.data())
def test_a_record_of_other_values(child, run, data):
    values = data.draw(altered(json.loads(run[0]["record.json"])))
    child.case("record", put(child, run, **{"record.json": json.dumps(values).encode()}))


@cases(40, 300)
@given(data=st.data(), kind=st.sampled_from(["values", "text", "shape", "dtype", "missing", "more"]))
def test_predictions_histories_and_weights_of_another_form(child, run, data, kind):
    """With the right sums: what a program wrote that means something else by it."""
    values = json.loads(run[0]["record.json"])
    del values["sums"]
    name = data.draw(st.sampled_from(FILES[1:]))
    if name == "history.csv":
        lines = run[0][name].decode().splitlines()
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at] = data.draw(
            st.sampled_from(
                [
                    "",
                    "1",
                    "1,2,3,4,5,6",
                    "x,y",
                    '"',
                    "epoch,epoch",
                    "1,a,1,0.5,0.5",
                    "2,1e-3,inf,0.5,2",
                    "1e999,1,1,1,1",
                    "\0",
                    "epoch,lr,loss,val_accuracy,test_accuracy",
                    "9" * 400 + ",1,1,1,1",
                ]
            )
            | st.text(max_size=30)
        )
        content = "\n".join(lines).encode("utf-8", "replace")
    else:
        tensors = safetensors.torch.load(run[0][name])
        key = data.draw(st.sampled_from(sorted(tensors)))
        if kind == "missing":
            del tensors[key]
        else:
            old = tensors["more" if kind == "more" else key] = tensors[key].clone()
            tensors[key] = {
                "values": old + 100,
                "shape": old.reshape(-1),
                "dtype": old.double(),
                "text": old.bool(),
                "more": old.clone(),
            }[kind]
        content = safetensors.torch.save(tensors)
    child.case("record", put(child, run, **{"record.json": json.dumps(values).encode(), name: content}))


def test_the_sound_run_is_read(child, run):
    assert run[1] and child.case("record", put(child, run)) == run[1]


@pytest.mark.parametrize("change, said", [
    (lambda config: config.update(selection=None), "gaps"), (lambda config: config.pop("selection"), "another version"),
    (lambda config: config.update(more=1), "another version")], ids=["gap", "missing", "more"])
def test_a_record_whose_configuration_has_a_gap_or_other_fields_is_refused(change, said, child, run):
    values = json.loads(run.content["record.json"])
    change(values["config"])
    assert child.case("record", put(child, run, **{"record.json": json.dumps(values).encode()})) is None
    assert said in child.said


@pytest.mark.parametrize(
    "text",
    [
        nested(100_000),
        "",
        "{",
        "[]",
        "null",
        "NaN",
        "9" * 5000,
        '{"a":' * 50_000,
        "\ufeff{}",
        json.dumps({"config": 1}),
        '"' + "x" * 10**6 + '"',
    ],
)
def test_json_that_is_hard_to_read(child, run, text):
    assert child.case("record", put(child, run, **{"record.json": text.encode()})) is None
    shutil.rmtree(put(child, run))
    (path := child.folder / "config.json").write_text(text)
    assert child.case("config", path) is None
    put_back = child.folder / "runs" / "0123456789abcdef"
    put_back.mkdir()


@cases(100, 800)
@given(data=st.data())
def test_a_stored_configuration_of_any_values(child, data):
    path = child.folder / "config.json"
    path.write_text(json.dumps(data.draw(altered(CONFIG.to_json()))))
    child.case("config", path)


@cases(100, 800)
@given(changes=st.dictionaries(st.sampled_from([f.name for f in fields(RunConfig)]), JSON, max_size=3))
def test_a_configuration_of_any_values(child, changes):
    child.case("given_config", child.folder, changes=changes)


@pytest.fixture(scope="module")
def state(child):
    """A saved state of a run, and what the run ends with from there."""
    path = child.folder / "checkpoint.safetensors"
    path.unlink(missing_ok=True)
    result = child.case("saved_state", path, writes=True, limit=2000)
    return Sound(path.read_bytes(), result)


@cases(20, 200)
@given(data=st.data())
def test_a_damaged_state(child, state, data):
    content, end = state
    changed = data.draw(damaged(content, [range(0, 12_000)]))
    path = child.folder / "checkpoint.safetensors"
    path.write_bytes(changed)
    found = child.case("state", path, limit=500)
    assert found is None or (found == end and changed == content), "a run went on from other numbers than it had"


def test_a_state_that_would_replace_a_method_is_refused(child, state):
    path = child.folder / "checkpoint.safetensors"
    path.write_bytes(state.content)
    run, tensors = checkpoint.read_state(path)
    checkpoint.write_state(path, tensors | {"objective/forward": torch.zeros(2)}, run)
    assert child.case("state", path, limit=500) is None and "no tensor 'forward'" in child.said


def test_a_state_that_counts_more_epochs_than_it_has_is_refused(child, state):
    path = child.folder / "checkpoint.safetensors"
    path.write_bytes(state.content)
    run, tensors = checkpoint.read_state(path)
    checkpoint.write_state(path, tensors, run | {"epoch": 2**40})
    assert child.case("state", path, limit=500) is None and "does not fit its epoch" in child.said


@cases(20, 200)
@given(data=st.data())
def test_a_state_of_other_values(child, state, data):
    path = child.folder / "checkpoint.safetensors"
    path.write_bytes(state[0])
    with safe_open(path, "pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}
    if data.draw(st.booleans()):
        metadata["run"] = json.dumps(data.draw(altered(json.loads(metadata["run"]))))
    else:
        name = data.draw(st.sampled_from(sorted(tensors)))
        kind = data.draw(st.sampled_from(["missing", "shape", "dtype", "values", "more"]))
        if kind == "missing":
            del tensors[name]
        elif kind == "more":
            tensors[
                data.draw(
                    st.sampled_from(
                        [
                            "objective/forward",
                            "objective/__class__",
                            "adam/x",
                            "adam/999/step",
                            "model/x",
                            "best/validation/x",
                            "x",
                            "adam/",
                            "objective/a.b",
                        ]
                    )
                )
            ] = torch.zeros(2)
        else:
            tensors[name] = {
                "shape": tensors[name].reshape(-1)[:1].clone(),
                "dtype": tensors[name].double(),
                "values": tensors[name] + 1,
            }[kind]
    metadata["sum"] = checkpoint._sum(metadata["run"], tensors)  # so that the form is looked at too
    path.write_bytes(safetensors.torch.save(tensors, metadata))
    child.case("state", path, limit=500)
