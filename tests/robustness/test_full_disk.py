"""A disk that is full in the middle of a write: one error that says so, and the old file stays whole."""
import contextlib
import hashlib
import multiprocessing
import os
import resource

import numpy as np
import pytest

from tests.features.test_extract import Heard, Seen
from tests.media import write_clip
from tests.robustness.killing import numbers
from tests.robustness.mounts import mounted
from vscg.data import download
from vscg.data.planted import generate
from vscg.data.prepared import read_prepared
from vscg.features.extract import Networks, extract
from vscg.machine.files import WriteError, write_atomically
from vscg.predict import write_mp4
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.records import find_records
from vscg.training.sweep import sweep


@pytest.fixture(params=["disk", "limit"])
def full(request, tmp_path):
    """A folder on a small disk of its own, or below a limit on the size of files, which needs no rights, and what lets
    it take so many bytes and no more while a block lasts."""
    folder = tmp_path / "disk" / "place"

    @contextlib.contextmanager
    def leave(room):
        if request.param == "disk":
            filler = folder.parent / "filler"
            free = os.statvfs(filler.parent).f_bavail * os.statvfs(filler.parent).f_frsize
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, free - room)
            yield "No space left|no space left|are free"
            filler.unlink()
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
            try:
                yield "File too large"
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    with mounted(tmp_path / "disk") if request.param == "disk" else contextlib.nullcontext():
        folder.mkdir(parents=True)
        yield folder, leave


class Writers:
    """The ways in which the package writes a file for its user: called with a folder and the number of the call."""

    def __init__(self, server, monkeypatch, tmp_path):
        self.server, self.patch, self.elsewhere = server, monkeypatch, tmp_path

    def any_file(self, folder, turn):
        write_atomically(folder / "file", bytes([turn]) * 100_000)

    def planted(self, folder, turn):
        generate(folder / "tiny.h5", seed=turn, progress=False, train=4, val=2, test=2, background=1)

    def video(self, folder, turn):
        noise = np.random.default_rng(turn).integers(0, 256, (32, 64, 64, 3), np.uint8)
        write_mp4(folder / "video.mp4", noise, np.zeros(32_000), 16_000)

    def features(self, folder, turn):
        clips = self.elsewhere / f"clips-{turn}"
        clips.mkdir(exist_ok=True)
        if not (clips / "a.mkv").exists():
            write_clip(clips / "a.mkv", fps=4)
        extract(clips, folder / "features.h5", networks=Networks(Seen(float(turn)), Heard()), progress=False)

    def small(self, folder, turn):
        content = np.random.default_rng(turn).bytes(300_000)
        self.server.files = {f"{turn}.h5": content}
        self.patch.setattr(download, "SMALL_FILES", {f"{turn}.h5": hashlib.sha256(content).hexdigest()})
        path, = download.download_small(folder, self.server.url, progress=False)
        path.replace(folder / "a.h5")                      # a download itself replaces nothing


# The room is less than the writer needs; at the second of two, a writer that asks for the free space sees enough of it.
@pytest.mark.parametrize("writer, room", [("any_file", 40_000), ("planted", 500_000), ("planted", 4_700_000),
                                          ("video", 40_000), ("features", 500_000), ("small", 100_000)])
def test_a_full_disk_is_one_error_and_the_old_files_stay(writer, room, full, server, monkeypatch, tmp_path):
    write, (folder, leave) = getattr(Writers(server, monkeypatch, tmp_path), writer), full

    def seen() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name[0] != "."}

    write(folder, 1)
    before = seen()
    with leave(room) as words, pytest.raises(download.VscgError, match=words) as error:
        write(folder, 2)
    assert str(folder) in str(error.value) and len(str(error.value).splitlines()) == 1
    assert seen() == before
    write(folder, 2)
    assert seen().keys() == before.keys() and seen() != before
    assert not [path for path in folder.rglob(".*") if path.name != ".lock"]


def run(data, seed=0) -> RunConfig:
    return RunConfig(system="avel", data=str(data), batch=4, epochs=3, seed=seed)


def test_a_run_on_a_full_disk_goes_on_once_there_is_room(full, smallest, tmp_path):
    folder, leave = full
    options = {"dataset": read_prepared(smallest), "device": "cpu", "progress": False, "save_every": 0}
    whole = fit(run(smallest), store=tmp_path / "whole", **options)
    with leave(1_000_000) as words, pytest.raises(WriteError, match=f"checkpoint.*: cannot be written.*({words})"):
        fit(run(smallest), store=folder, **options)
    assert not find_records(folder)
    record = fit(run(smallest), store=folder, **options)
    assert record.fresh and numbers(record) == numbers(whole)


@pytest.mark.parametrize("full", ["disk"], indirect=True)        # a limit does not reach the processes of a sweep
def test_a_sweep_on_a_full_disk_stops_with_one_error_and_goes_on_once_there_is_room(full, smallest, capfd):
    (folder, leave), configs = full, [run(smallest, seed) for seed in range(3)]
    with leave(1_000_000) as words, pytest.raises(WriteError, match=f"safetensors: cannot be.*({words})"):
        sweep(configs, store=folder, workers=1, device="cpu", progress=False)
    assert "Traceback" not in capfd.readouterr().err
    assert not multiprocessing.active_children() and not list(folder.rglob("failure.json"))
    done = sweep(configs, store=folder, workers=1, device="cpu", progress=False).check()
    assert [record.fresh for record in done.records] == [True] * 3
