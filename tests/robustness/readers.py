"""Every reader of the package as the fuzz tests call it: from a path to a result in a form that JSON can hold.

Each checks that what it got holds together: a damaged file may be refused or, where the damage does not show, read, but
never read as something that the rest of the package cannot use.
"""
import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vscg.data import load_dataset
from vscg.data.ave import check, prepare_ave
from vscg.data.planted import generate
from vscg.data.prepared import SPLITS, read_fingerprint, read_prepared
from vscg.errors import VscgError
from vscg.features import weights
from vscg.features.video import read_windows
from vscg.predict import load_checkpoint
from vscg.released.reader import read_checkpoint
from vscg.training.checkpoint import load_run, save_run
from vscg.training.config import RunConfig
from vscg.training.records import find_records, read_record


def digest(*arrays: np.ndarray) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()


def weights_of(model: nn.Module) -> list[np.ndarray]:
    return [value.detach().numpy() for value in model.state_dict().values()]


def prepared(path: Path) -> str:
    data = read_prepared(path)
    n = len(data)
    assert data.visual.shape == (n, 10, 7, 7, 512) and data.audio.shape == (n, 10, 128) and len(data.video_ids) == n
    assert np.isfinite(data.visual).all() and np.isfinite(data.audio).all() and (data.labels.sum(-1) == 1).all()
    rows = np.concatenate([data.splits[name] for name in SPLITS])
    assert len(set(rows)) == len(rows) and all(0 <= row < n for row in rows)
    assert all(len(values) == n for values in data.truth.values()) and read_fingerprint(path) == data.fingerprint
    texts = np.array(data.video_ids + (data.name, data.fingerprint))
    return digest(data.visual, data.audio, data.labels, data.category, rows, *data.truth.values(), texts)


def official(path: Path) -> str:
    """An official folder to a prepared file; a file that is there survives a refusal."""
    target = path.with_name("ave.h5")
    before = target.read_bytes() if target.exists() else None
    try:
        check(path)
        prepare_ave(path, target)
    except VscgError:
        assert (target.read_bytes() if target.exists() else None) == before, "what was there is lost"
        raise
    finally:
        assert not list(target.parent.glob(".*partial")), "left behind"
    return prepared(target)


def record(path: Path) -> str | None:
    """A run's folder: all that the package and the book read in it."""
    if read_record(path) is None:
        return None
    said = shipped(path)
    model, title = load_checkpoint(str(path))
    assert title and not model.training
    return said + digest(*weights_of(model))


def shipped(path: Path) -> str:
    """The same of a run without weights, in one file."""
    found = read_record(path)
    text, result = found.describe(), found.result
    low, high = result["test"]["accuracy_interval"]
    assert 0 <= result["test"]["accuracy"] <= 1 and low <= high and result["epoch"] >= 1
    assert [one.folder for one in find_records(path.parent)].count(path) == 1
    predicted = [found.predictions(selection) for selection in ("validation", "test")]
    assert all(one.shape[1:] == (10,) and one.min() >= 0 and one.max() <= 28 for one in predicted)
    history = found.history
    assert history.epoch.tolist() == list(range(1, len(history) + 1))
    return json.dumps([text, found.values, history.to_dict("list")]) + digest(*predicted)


def planted_name(home: Path, name: str) -> int:
    """A data set by its name, which chooses what is made and under which file name, in a home folder."""
    data = load_dataset(name)
    assert data.path.parent == home / "data"
    return len(data)


@cache
def _tiny(folder: Path):
    return read_prepared(generate(folder / "tiny.h5", train=8, val=2, test=2, background=1))


def _run(folder: Path):
    from vscg.training import loop

    tiny = _tiny(folder)
    resolved = RunConfig(system="avel", epochs=2, batch=8, data="tiny", protocol="released").resolve()
    cpu = torch.device("cpu")
    run = loop.Run(resolved, loop.Features(tiny, cpu), tiny.splits, cpu)
    run.devices = []
    return run, tiny.labels.argmax(-1)


def saved_state(path: Path) -> str:
    """The state of a run after its first epoch, to `path`."""
    run, truth = _run(path.parent)
    run.next_epoch(truth, lambda steps: None)
    save_run(path, run)
    return state(path)


def state(path: Path) -> str:
    """A saved state, and the run from there to its end."""
    run, truth = _run(path.parent)
    load_run(path, run)
    while run.epoch < 2:
        run.next_epoch(truth, lambda steps: None)
    best = run.best[run.config.selection]
    return digest(*weights_of(run.model), *(value.numpy() for value in (*best["predictions"].values(), *run.last)),
                  np.array([str(run.history), str(best["epoch"])]))


def checkpoint(path: Path) -> list:
    """A published checkpoint: names, dtypes, shapes and a sum over the numbers."""
    found = read_checkpoint(path)
    assert all(type(name) is str and type(value) is torch.Tensor for name, value in found.items())
    return [[[name, str(value.dtype), list(value.shape)] for name, value in found.items()],
            digest(*(value.reshape(-1).view(torch.uint8).numpy() for value in found.values()))]


class Small(nn.Module):
    """Stands for VGG-19: the reader of weights takes the class."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 2))


def network(path: Path) -> str:
    found = weights.load(Small, path)
    assert not found.training and all(value.dtype == torch.float32 for value in found.state_dict().values())
    return digest(*weights_of(found))


def media(path: Path) -> list:
    found = []
    for window in read_windows(path, pad=True):
        assert window.frames.shape == (10, 16, 224, 224, 3) and window.frames.dtype == np.uint8
        assert window.waveform.shape == (10 * window.sample_rate,) and np.isfinite(window.waveform).all()
        found.append([window.start, window.sample_rate, digest(window.frames, window.waveform, window.padded)])
    return found
