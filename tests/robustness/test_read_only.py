"""A place that may only be read: what is there can be used, and what is missing ends in one error, at once."""
import errno
import os

import pytest
import torch

from tests.robustness.killing import numbers
from vscg.cli import main
from vscg.data import load_dataset, prepared_file
from vscg.machine.files import WriteError, in_use, locked, runs_dir
from vscg.training import loop
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.records import find_records
from vscg.training.sweep import sweep

DATA = "planted-mini:train=4,val=2,test=2,background=1"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The book's home, and what makes it read-only for this process, whatever rights it has."""
    folder, opening, making = tmp_path / "home", os.open, os.mkdir
    monkeypatch.setenv("VSCG_HOME", str(folder))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    def refuse(path, wanted):
        if wanted and os.fspath(path).startswith(str(folder)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    def open_file(path, flags, *arguments, **options):
        refuse(path, flags & (os.O_WRONLY | os.O_RDWR))
        return opening(path, flags, *arguments, **options)

    def make(path, *arguments, **options):
        refuse(path, not os.path.exists(path))
        return making(path, *arguments, **options)

    def patch():
        monkeypatch.setattr(os, "open", open_file)
        monkeypatch.setattr(os, "mkdir", make)

    folder.mkdir()
    return patch


def run(**changes) -> RunConfig:
    return RunConfig(**{"system": "avel", "data": DATA, "batch": 4, "epochs": 1, **changes})


def test_what_is_there_is_used_and_what_is_missing_ends_at_once(home, monkeypatch, capsys):
    record, begun = fit(run(), progress=False), run(epochs=2)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):       # a second run, that did not finish
        patched.setattr(loop, "write_record", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
        fit(begun, progress=False)
    assert len(list(runs_dir().iterdir())) == 2
    home()

    again = fit(run(), progress=False)
    assert not again.fresh and numbers(again) == numbers(record) and again.predictions().shape == (2, 10)
    again.model()
    assert [found.folder for found in find_records(runs_dir())] == [record.folder]
    assert not sweep([run()]).check().records[0].fresh
    assert main(["runs"]) == 0 and "AVEL" in capsys.readouterr().out
    assert len(load_dataset(DATA)) == 9 and prepared_file(DATA).parent.parent == runs_dir().parent

    monkeypatch.setattr(loop, "_train", None)                  # none is trained only to be lost
    words = "cannot be written .Permission denied.*Choose a folder that you may write to"
    for missing in (run(seed=1), begun):
        with pytest.raises(WriteError, match=words) as error:
            fit(missing, progress=False)
        assert str(runs_dir()) in str(error.value)
    for refused in (lambda: load_dataset("planted-mini:train=5,val=2,test=2,background=1"),
                    lambda: locked(runs_dir() / "new").__enter__(), lambda: in_use(record.folder)):
        with pytest.raises(WriteError, match=words):
            refused()
    assert main(["train", "--system", "avel", "--data", DATA, "--seed", "1"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: ") and len(shown.splitlines()) == 1
