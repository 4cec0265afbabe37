"""What runs leave behind, damaged at random: read as it was, or one error."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.robustness.cases import cases, damaged
from vscg.models import build_model
from vscg.training.config import RunConfig
from vscg.training.evaluation import summarise
from vscg.training.records import write_record

FILES = ("record.json", "history.csv", "predictions.safetensors", "state.safetensors")


@pytest.fixture(scope="module")
def run(child):
    """A finished run: its folder, its files by name, and what it reads as."""
    folder = child.folder / "runs" / "0123456789abcdef"
    folder.mkdir(parents=True)
    classes = torch.arange(20).reshape(2, 10).to(torch.int8).numpy()
    result = {"epoch": 1, **dict.fromkeys(("val", "test"), summarise(classes, classes))}
    values = {"key": folder.name, "config": RunConfig(system="avel", epochs=2, batch=8).resolve().to_json(),
              "data": {"name": "planted-mini", "fingerprint": "0"}, "results": {"validation": result, "test": result},
              "finished": "2026-01-01T00:00:00+00:00", "seconds": 1.5, "device": "CPU", "versions": {"python": "3.11"}}
    rows = [{"epoch": epoch, "lr": 1e-3, "loss": 1.0, "val_accuracy": 0.5, "test_accuracy": 0.5} for epoch in (1, 2)]
    write_record(folder, values, rows, build_model("avel").state_dict(), dict.fromkeys(("validation", "test"), classes))
    return folder, {name: (folder / name).read_bytes() for name in FILES}, child.case("record", folder)


@cases(80, 600)
@given(data=st.data(), name=st.sampled_from(FILES))
def test_damaged_files_of_a_run(child, run, data, name):
    folder, files, sound = run
    changed = data.draw(damaged(files[name], [range(min(len(files[name]), 2000))]))
    (folder / name).write_bytes(changed)
    found = child.case("record", folder)
    (folder / name).write_bytes(files[name])
    # JSON may be laid out otherwise and say the same.
    assert sound and found == (sound if changed == files[name] or found and name == "record.json" else None)


@pytest.fixture(scope="module")
def state(child):
    """A saved state of a run, and what the run ends with from there."""
    result = child.case("saved_state", child.folder / "checkpoint.pt", writes=True, limit=2000)
    return (child.folder / "checkpoint.pt").read_bytes(), result


@cases(20, 200)
@given(data=st.data())
def test_a_damaged_state(child, state, data):
    content, end = state
    changed = data.draw(damaged(content, [range(0, 12_000)]))
    (path := child.folder / "checkpoint.pt").write_bytes(changed)
    assert child.case("state", path, limit=500) == (end if changed == content else None)
