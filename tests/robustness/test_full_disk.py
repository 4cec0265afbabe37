"""A disk that is full in the middle of a write: one error that says so, and the old file stays whole."""
import contextlib
import multiprocessing
import resource
import sys

import pytest

from tests.features.test_extract import Heard, Seen
from tests.media import write_clip
from tests.robustness.killing import numbers
from vscg.data.planted import generate
from vscg.data.prepared import read_prepared
from vscg.errors import VscgError
from vscg.features.extract import extract
from vscg.features.networks import Networks
from vscg.machine.files import WriteError, write_atomically
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.records import find_records
from vscg.training.sweep import sweep

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a limit for another process is Linux's")


@contextlib.contextmanager
def room(size, process=0):
    """No file of a process, this one, may grow beyond a size: like a full disk, the kernel refuses to write, and this
    needs no rights."""
    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Writers:
    """The ways in which the package writes a file for its user: called with a folder and the number of the call."""

    def __init__(self, tmp_path):
        self.elsewhere = tmp_path

    def any_file(self, folder, turn):
        write_atomically(folder / "file", bytes([turn]) * 100_000)

    def planted(self, folder, turn):
        generate(folder / "tiny.h5", seed=turn, train=4, val=2, test=2, background=1)

    def features(self, folder, turn):
        clips = self.elsewhere / f"clips-{turn}"
        clips.mkdir(exist_ok=True)
        if not (clips / "a.mkv").exists():
            write_clip(clips / "a.mkv", fps=4)
        extract(clips, folder / "features.h5", networks=Networks(Seen(float(turn)), Heard()))


@pytest.mark.parametrize("writer, size", [("any_file", 40_000), ("planted", 500_000), ("features", 500_000)])
def test_a_full_disk_is_one_error_and_the_old_files_stay(writer, size, tmp_path):
    write, folder = getattr(Writers(tmp_path), writer), tmp_path / "disk"
    folder.mkdir()

    def seen() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name[0] != "."}

    write(folder, 1)
    before = seen()
    with room(size), pytest.raises(VscgError, match="File too large") as error:
        write(folder, 2)
    assert str(folder) in str(error.value) and len(str(error.value).splitlines()) == 1
    assert seen() == before
    write(folder, 2)
    assert seen().keys() == before.keys() and seen() != before
    assert not [path for path in folder.rglob(".*") if path.name != ".lock"]


def test_a_run_on_a_full_disk_goes_on_once_there_is_room(smallest, tmp_path):
    config = RunConfig(system="avel", data=str(smallest), batch=4, epochs=3)
    options = {"dataset": read_prepared(smallest), "device": "cpu", "progress": False, "save_every": 0}
    whole = fit(config, store=tmp_path / "whole", **options)
    with room(1_000_000), pytest.raises(WriteError, match="checkpoint.*: cannot be written.*File too large"):
        fit(config, store=tmp_path / "disk", **options)
    assert not find_records(tmp_path / "disk")
    record = fit(config, store=tmp_path / "disk", **options)
    assert record.fresh and numbers(record) == numbers(whole)


def test_a_sweep_on_a_full_disk_stops_with_one_error_and_goes_on_once_there_is_room(smallest, tmp_path, capfd,
                                                                                         server_of_processes):
    configs = [RunConfig(system="avel", data=str(smallest), batch=4, epochs=1, seed=seed) for seed in range(3)]
    options = {"store": tmp_path / "disk", "workers": 1, "device": "cpu"}
    with (room(1_000_000, server_of_processes),                            # the runs' processes have its limits
          pytest.raises(WriteError, match="safetensors: cannot be written.*File too large")):
        sweep(configs, **options)
    assert "Traceback" not in capfd.readouterr().err
    assert not multiprocessing.active_children() and not list(tmp_path.rglob("failure.json"))
    assert [record.fresh for record in sweep(configs, **options).check().records] == [True] * 3
