"""Records: what is damaged or of another version is named; what ships reads as what was trained, and trains anew."""
import contextlib
import dataclasses
import json
from types import SimpleNamespace

import pytest
import torch

from tests.training.test_loop import quick, run
from vscg.errors import VscgError
from vscg.study.effects import load_study
from vscg.training import records
from vscg.training.config import RunConfig
from vscg.training.keys import run_key
from vscg.training.loop import verify
from vscg.training.records import OtherVersion, find_record, find_records, read_record, run_title, ship, shipped_dir

FILES = ("history.csv", "predictions.safetensors", "state.safetensors")
# A short run that ships for the sake of `python -m vscg verify`; its data is made in a second.
SHORT = RunConfig(system="avel", data="planted-mini:train=16,val=4,test=8,background=2", epochs=6, batch=4)


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    return run(quick(system="avel", epochs=6), tiny, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def copy(trained, tmp_path):
    """A copy of the run that may be damaged."""
    folder = tmp_path / trained.key
    folder.mkdir()
    for path in trained.folder.glob("*.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return read_record(folder)


def read_all(record) -> list:
    return [record.history, record.predictions("last"), record.model()]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: content[:99] + b"?" + content[100:],
                                    None], ids=["cut", "changed", "missing"])
def test_a_file_that_is_not_what_the_run_wrote_is_named(name, damage, copy):
    path = copy.folder / name
    if damage:
        path.write_bytes(damage(path.read_bytes()))
    else:
        path.unlink()
    with pytest.raises(VscgError, match=f"{name} is damaged: delete {copy.folder} and run again"):
        read_all(copy)


@pytest.mark.parametrize("change", [
    lambda values: values["config"].pop("seed"), lambda values: values["config"].update(momentum=0.9),
    lambda values: values["config"]["schedule"].update(nesterov=True), lambda values: values.update(sum=None)])
def test_a_record_of_another_version_is_called_that_and_the_others_are_found(change, copy, trained):
    older = copy.folder.with_name("older")
    older.mkdir()
    values = json.loads(json.dumps(copy.values))
    change(values)
    content = records.record_json(values) if values["sum"] else json.dumps({"config": values["config"]}).encode()
    (older / "record.json").write_bytes(content)
    (copy.folder.with_name("gone") / "record.json").mkdir(parents=True)        # listed, and no file when it is read
    others = []
    assert [found.folder for found in find_records(copy.folder.parent, others.append)] == [copy.folder]
    assert [str(error).partition(":")[0] for error in others] == [
        f"{older / 'record.json'} is of another version of the package"]
    with pytest.raises(OtherVersion):
        read_record(older)
    (older / "record.json").write_text("{")
    others.clear()
    assert [found.folder for found in find_records(copy.folder.parent, others.append)] == [copy.folder]
    assert "is damaged" in str(others[0])
    with pytest.raises(VscgError, match="is damaged"):
        find_records(copy.folder.parent)


def test_a_shipped_run_reads_as_the_local_one_but_has_no_weights(trained, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "records_dir", lambda: tmp_path)
    config = quick(system="avel", epochs=6)
    assert find_record(config, tiny.fingerprint, tmp_path) is None
    file, = ship([trained])
    assert file == shipped_dir() / f"{trained.key}.zip" and file.stat().st_size < 5000
    found = find_record(config, tiny.fingerprint, tmp_path)
    assert found.shipped and not found.fresh and found.values == trained.values and found.config == trained.config
    assert found.history.equals(trained.history) and found.result == trained.result and found.key == trained.key
    for which in ("validation", "test", "last"):
        assert (found.predictions(which) == trained.predictions(which)).all()
    assert f"shipped record (run {trained.key}, " in found.describe()
    assert f"torch {torch.__version__}" in found.describe()
    changes = ({}, {"loss": "c+t"}, {"epochs": 40}, {"profile": "standard"}, {"protocol": "released"},
               {"modality": "audio"})
    assert len({run_title(RunConfig(**change)) for change in changes}) == len(changes)
    assert run_title(RunConfig(epochs=40, model_options={"escm": False})) == (
        "VSCG (escm=False, epochs=40), fully supervised, planted-mini, quick, seed 0")
    with pytest.raises(VscgError, match="without its weights: `vscg.fit"):
        found.model()
    assert [one.folder for one in find_records(shipped_dir())] == [file]
    local = find_record(config, tiny.fingerprint, trained.folder.parent)
    assert not local.shipped and local.folder == trained.folder, "a local run comes first"
    content = file.read_bytes()
    assert ship([local]) == [file] and file.read_bytes() == content, "the same run, the same bytes"
    file.write_bytes(content[:-30])
    with pytest.raises(VscgError, match="is damaged"):
        find_record(config, tiny.fingerprint, tmp_path)


def test_verify_finds_the_same_numbers_or_says_how_far_they_are(trained, tiny, monkeypatch):
    table, same = verify(trained, dataset=tiny, device="cpu")
    assert same and len(table) == 6 and not table.filter(like="_now_more").to_numpy().any()
    assert table.loss.tolist() == trained.history.loss.tolist()
    seen = []
    monkeypatch.setattr("vscg.training.loop.subnormals", lambda zero: seen.append(zero) or contextlib.nullcontext())
    for values in (trained.values, {name: value for name, value in trained.values.items() if name != "subnormals"}):
        verify(dataclasses.replace(trained, values=values), dataset=tiny, device="cpu")
    assert seen == [True, False], "as it was trained: before this was recorded, exact"
    monkeypatch.setattr("vscg.training.loop.epoch_seed", lambda config, epoch: epoch)
    table, same = verify(trained, dataset=tiny, device="cpu")
    assert not same and table.loss_now_more.all()
    with pytest.raises(VscgError, match="is not the data set"):
        verify(trained, dataset=dataclasses.replace(tiny, fingerprint="0"))


def test_a_run_that_shipped_is_trained_again_on_this_processor(tmp_path, monkeypatch):
    """Losses within what another order of float32 sums does in 24 steps, see test_repeatability."""
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    record, = (one for one in find_records(shipped_dir()) if one.config == SHORT.resolve())
    table, _ = verify(record, device="cpu")
    assert table.loss_now_more.abs().max() < 1e-5 * table.loss.max()


def test_records_that_come_with_the_book_are_of_todays_code():
    """Otherwise no call finds them: `python -m tests.renew BASE` if no number has changed, else train and ship anew."""
    found = find_records(shipped_dir(), other=lambda error: pytest.fail(str(error)))
    assert found and not [one.key for one in found if one.key != run_key(one.config, one.values["data"]["fingerprint"])]
    study = load_study(records.records_dir() / "deviations.json")
    assert study.current() == len(study.values["runs"]) > 0
    assert sum(file.stat().st_size for file in shipped_dir().iterdir()) < 20e6


def test_the_revision_of_the_code_is_told(monkeypatch, tmp_path):
    git = (records.PACKAGE.parent / ".git").exists()
    assert (records.code_revision.__wrapped__() != "unknown") == git
    monkeypatch.setattr(records, "PACKAGE", tmp_path / "vscg")
    assert records.code_revision.__wrapped__() == "unknown"
    assert records.records_dir() == tmp_path / "book" / "records"


@pytest.mark.parametrize("damage", [
    lambda text: text[:-9], lambda text: "[" * 100_000, lambda text: "[]", lambda text: text.replace("0.", "1.", 1),
    lambda text: text.replace('"seed": 0', '"seed": 1'), lambda text: text.replace('"epoch": ', '"epoch": -')])
def test_a_record_that_is_not_what_the_run_wrote_is_named(damage, copy):
    path = copy.folder / "record.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(VscgError, match="record.json is damaged: delete"):
        read_record(copy.folder)


def test_verify_says_how_much_more_it_is_now_and_trains_on_the_runs_threads(plain, tiny, monkeypatch):
    threads = []

    def train(*given, **options):
        threads.append(torch.get_num_threads())
        return SimpleNamespace(history=plain.history.assign(loss=plain.history.loss + 0.5), values=plain.values)

    monkeypatch.setattr("vscg.training.loop._train", train)
    other = dataclasses.replace(plain, values={**plain.values, "threads": torch.get_num_threads() + 1})
    table, _ = verify(other, dataset=tiny, device="cpu")
    assert table.loss_now_more.tolist() == pytest.approx([0.5] * 2)
    assert threads == [torch.get_num_threads() + 1]


def test_runs_are_found_oldest_first(plain, tmp_path):
    for name, day in (("b", "2026-01-01"), ("a", "2026-01-02")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_bytes(records.record_json({**plain.values, "finished": day}))
    assert [record.folder.name for record in find_records(tmp_path)] == ["b", "a"]
