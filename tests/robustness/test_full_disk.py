"""A disk that is full in the middle of a write: one error that says so, and the old file stays whole."""
import contextlib
import hashlib
import multiprocessing
import os
import resource

import numpy as np
import pandas as pd
import pytest

from tests.features.test_extract import Heard, Seen
from tests.media import write_clip
from tests.robustness.killing import TINY, numbers
from tests.robustness.mounts import mounted
from vscg.data import download
from vscg.data.ave import prepare_ave
from vscg.data.planted import generate
from vscg.data.prepared import read_prepared
from vscg.features.extract import Networks, extract
from vscg.features.video import Window
from vscg.features.weights import Weights, fetch
from vscg.machine.files import WriteError, write_atomically
from vscg.predict import Watched, write_mp4, write_results
from vscg.study.show import write_table
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.records import find_records
from vscg.training.sweep import sweep


class Full:
    """A folder that takes so many bytes and no more, while the block lasts."""

    def __init__(self, folder, kind):
        self.folder, self.kind = folder, kind

    @contextlib.contextmanager
    def __call__(self, room):
        if self.kind == "disk":
            filler = self.folder.parent / "filler"
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


@pytest.fixture(params=["disk", "limit"])
def full(request, tmp_path):
    """A folder on a small disk of its own, or below a limit on the size of files, which needs no rights."""
    with mounted(tmp_path / "disk") if request.param == "disk" else contextlib.nullcontext():
        (tmp_path / "disk" / "place").mkdir(parents=True)
        yield Full(tmp_path / "disk" / "place", request.param)


def watched() -> list[Watched]:
    """A clip of 2 s that was watched, of noise, which takes room."""
    rng = np.random.default_rng(0)
    window = Window(0, rng.integers(0, 256, (2, 16, 64, 64, 3), np.uint8), np.zeros(32_000, np.float32), 16_000,
                    np.zeros(2, bool))
    return [Watched(window, np.arange(2), np.full((2, 29), np.nan), rng.dirichlet(np.ones(49), 2).reshape(2, 7, 7))]


class Writers:
    """Every way in which the package writes a file for its user: called with a folder and the number of the call."""

    def __init__(self, server, official_folder, monkeypatch, tmp_path):
        self.server, self.official_folder, self.patch, self.elsewhere = server, official_folder, monkeypatch, tmp_path

    def any_file(self, folder, turn):
        write_atomically(folder / "file", bytes([turn]) * 100_000)

    def planted(self, folder, turn):
        generate(folder / "tiny.h5", seed=turn, progress=False, **TINY)

    def real(self, folder, turn):
        source = self.elsewhere / f"official-{turn}"
        if not source.exists():
            self.official_folder(clips=4 + turn, noisy=1, packed=True, name=source.name)
        prepare_ave(source, folder / "ave.h5", progress=False)

    def table(self, folder, turn):
        frame = pd.DataFrame({"row": np.arange(20_000) + turn})
        write_table(folder, "table", frame, frame[:1].astype(str), "made here")

    def video(self, folder, turn):
        noise = np.random.default_rng(turn).integers(0, 256, (32, 64, 64, 3), np.uint8)
        write_mp4(folder / "video.mp4", noise, np.zeros(32_000), 16_000)

    def clip(self, folder, turn):
        write_results("clip.mp4", watched(), folder, "made here" * turn)

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

    def weights(self, folder, turn):
        content = np.random.default_rng(turn).bytes(300_000)
        name = f"tiny-{hashlib.sha256(content).hexdigest()[:8]}.pth"
        self.server.files = {name: content}
        fetch(Weights(self.server.url + name), folder, progress=False)


@pytest.fixture
def writers(server, official_folder, monkeypatch, tmp_path):
    return Writers(server, official_folder, monkeypatch, tmp_path)


def seen(folder) -> dict[str, bytes]:
    """The files that a user sees."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name[0] != "."}


# The room is less than the writer needs; at the second of two, a writer that asks for the free space sees enough of it.
@pytest.mark.parametrize("writer, room", [
    ("any_file", 40_000), ("planted", 500_000), ("planted", 4_700_000), ("real", 500_000), ("real", 3_700_000),
    ("table", 50_000), ("video", 40_000), ("clip", 4096), ("features", 500_000), ("small", 100_000),
    ("weights", 100_000)])
def test_a_full_disk_is_one_error_and_the_old_files_stay(writer, room, writers, full):
    write = getattr(writers, writer)
    write(full.folder, 1)
    before = seen(full.folder)
    with full(room) as words, pytest.raises(download.VscgError, match=words) as error:
        write(full.folder, 2)
    assert str(full.folder) in str(error.value) and len(str(error.value).splitlines()) == 1
    assert seen(full.folder).items() >= before.items() or writer == "clip"
    write(full.folder, 2)
    after = seen(full.folder)
    assert after.keys() >= before.keys() and after != before
    assert not [path for path in full.folder.rglob(".*") if path.name != ".lock"]


def run(data, seed=0) -> RunConfig:
    return RunConfig(system="avel", data=str(data), batch=4, epochs=3, seed=seed)


def test_a_run_on_a_full_disk_goes_on_once_there_is_room(full, tmp_path):
    tiny = read_prepared(generate(tmp_path / "tiny.h5", progress=False, **TINY))
    options = {"dataset": tiny, "device": "cpu", "progress": False, "save_every": 0}
    whole = fit(run(tiny.path), store=tmp_path / "whole", **options)
    with full(1_000_000) as words, pytest.raises(WriteError, match=f"checkpoint.safetensors: cannot be.*({words})"):
        fit(run(tiny.path), store=full.folder, **options)
    assert not find_records(full.folder)
    record = fit(run(tiny.path), store=full.folder, **options)
    assert record.fresh and numbers(record) == numbers(whole)


@pytest.mark.parametrize("full", ["disk"], indirect=True)        # a limit does not reach the processes of a sweep
def test_a_sweep_on_a_full_disk_stops_with_one_error_and_goes_on_once_there_is_room(full, tmp_path, capfd):
    configs = [run(generate(tmp_path / "tiny.h5", progress=False, **TINY), seed) for seed in range(3)]
    with full(1_000_000) as words, pytest.raises(WriteError, match=f"safetensors: cannot be.*({words})"):
        sweep(configs, store=full.folder, workers=1, device="cpu", progress=False)
    assert "Traceback" not in capfd.readouterr().err
    assert not multiprocessing.active_children() and not list(full.folder.rglob("failure.json"))
    done = sweep(configs, store=full.folder, workers=1, device="cpu", progress=False).check()
    assert [record.fresh for record in done.records] == [True] * 3
