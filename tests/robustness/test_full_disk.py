"""A disk that is full in the middle of a write: one error that says so, and the old file stays whole."""
import contextlib
import hashlib
import resource

import numpy as np
import pytest

from tests.features.test_extract import Heard, Seen
from tests.media import write_clip
from tests.robustness.killing import numbers
from vscg.data import download
from vscg.data.planted import generate
from vscg.data.prepared import read_prepared
from vscg.features.extract import Networks, extract
from vscg.machine.files import WriteError, write_atomically
from vscg.predict import write_mp4
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.records import find_records


@contextlib.contextmanager
def room(size):
    """No file may grow beyond a size: like a full disk, the kernel refuses to write, and this needs no rights."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


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


@pytest.mark.parametrize("writer, size", [("any_file", 40_000), ("planted", 500_000), ("video", 40_000),
                                          ("features", 500_000), ("small", 100_000)])
def test_a_full_disk_is_one_error_and_the_old_files_stay(writer, size, server, monkeypatch, tmp_path):
    write, folder = getattr(Writers(server, monkeypatch, tmp_path), writer), tmp_path / "disk"
    folder.mkdir()

    def seen() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name[0] != "."}

    write(folder, 1)
    before = seen()
    with room(size), pytest.raises(download.VscgError, match="File too large") as error:
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
