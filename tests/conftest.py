"""Fixtures that several test files share."""
import threading
from multiprocessing import forkserver
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.loopback import Server
from vscg.data.labels import CATEGORIES, read_annotations
from vscg.data.planted import generate
from vscg.data.prepared import Dataset, read_prepared
from vscg.machine.files import ave_dir
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.records import Record

TINY = {"train": 16, "val": 4, "test": 4, "background": 2}      # clips of the `tiny` data set


@pytest.fixture(scope="session")
def ave_small() -> Path:
    """Folder with the real AVE annotations, order files and the other small files."""
    return ave_dir() or pytest.skip("the real AVE files are not here (set VSCG_AVE_DIR)")


@pytest.fixture(scope="session")
def server_of_processes():
    """What tests begin as a process forks from one server, which has imported all that takes long, once."""
    forkserver.set_forkserver_preload(["vscg.training.sweep", "torch._dynamo", "distributed"])
    forkserver.ensure_running()
    return forkserver._forkserver._forkserver_pid


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Dataset:
    """A planted data set of 26 clips."""
    return read_prepared(generate(tmp_path_factory.mktemp("data") / "tiny.h5", **TINY))


@pytest.fixture(scope="session")
def smallest(tmp_path_factory):
    """File of a planted data set of 9 clips, which no test may change."""
    path = tmp_path_factory.mktemp("data") / "smallest.h5"
    generate(path, train=4, val=2, test=2, background=1)
    before = path.read_bytes()
    yield path
    assert path.read_bytes() == before


@pytest.fixture
def official_folder(tmp_path):
    """Factory: a folder in the official form, see `make_official`."""
    return lambda clips=6, noisy=2, packed=False, name="official": make_official(tmp_path / name, clips, noisy, packed)


def make_official(folder: Path, clips: int, noisy: int = 2, packed: bool = False) -> Path:
    """A folder in the official form with `clips` annotated and `noisy` background-only clips.

    `packed` stores the visual maps as one compressed constant per clip: full shape, but small and quick to write.
    """
    rng = np.random.default_rng(clips)
    folder.mkdir()
    lines = [f"{CATEGORIES[i % 28]}&clip_{i:06d}&good&{i % 5}&{10 - i % 4}" for i in range(clips)]
    (folder / "Annotations.txt").write_text("\n".join(lines) + "\n")
    rows, held = rng.permutation(clips), max(1, clips // 6)
    for split, part in (("test", rows[:held]), ("val", rows[held:2 * held]), ("train", rows[2 * held:])):
        write(folder / f"{split}_order.h5", "order", np.sort(part))
    for suffix, count in (("", clips), ("_noisy", noisy)):
        write(folder / f"audio_feature{suffix}.h5", "avadataset", rng.random((count, 10, 128)))
        path = folder / f"visual_feature{suffix}.h5"
        if packed:
            write_packed(path, count)
        else:
            write(path, "avadataset", rng.random((count, 10, 7, 7, 512)))
    write(folder / "labels_noisy.h5", "avadataset", np.eye(29, dtype=np.float32)[[28] * noisy])
    categories = read_annotations(folder / "Annotations.txt").category
    write(folder / "mil_labels.h5", "avadataset", np.eye(29, dtype=np.float32)[categories])
    return folder


def write(path: Path, key: str, values: np.ndarray) -> None:
    """One data set in a new HDF5 file."""
    with h5py.File(path, "w") as handle:
        handle[key] = values


def write_packed(path: Path, clips: int) -> None:
    """Full-shape visual features, each clip the same compressed chunk, written without compressing it again."""
    shape = (10, 7, 7, 512)
    with h5py.File(path, "w") as handle:
        found = handle.create_dataset("avadataset", (clips, *shape), "float64", chunks=(1, *shape), compression="gzip")
        found[0] = 0.5
        mask, chunk = found.id.read_direct_chunk((0,) * 5)
        for row in range(1, clips):
            found.id.write_direct_chunk((row, 0, 0, 0, 0), chunk, mask)


@pytest.fixture
def server(monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def heard_alone(tiny, tmp_path_factory) -> Record:
    """A short run of AVEL on sound alone."""
    return short_run(tiny, tmp_path_factory, system="avel", epochs=1, modality="audio")


@pytest.fixture(scope="session")
def plain(tiny, tmp_path_factory) -> Record:
    """A short run of VSCG."""
    return short_run(tiny, tmp_path_factory, epochs=2)


def short_run(data: Dataset, tmp_path_factory, **fields) -> Record:
    return fit(RunConfig(batch=8, data="tiny", **fields), dataset=data, store=tmp_path_factory.mktemp("home") / "runs",
               device="cpu", progress=False)
