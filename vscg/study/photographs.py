"""The composed clips as a study: the rule that sets their difficulty, the systems trained on them, and where they look.

The rule is no contestant. It stands before the systems: `vscg.features.composed.Dials` was set by it alone.
"""
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vscg.data.prepared import Dataset
from vscg.features import composed
from vscg.study.seen import observe
from vscg.training.config import RunConfig
from vscg.training.evaluation import segment_accuracy
from vscg.training.loop import fit
from vscg.training.records import Record, find_record, records_dir

DATA = "composed"
BATCH, EPOCHS = 8, 12
SEEDS = {"vscg": 3, "psp": 3, "avel": 3, "avsdn": 3, "cmra": 3, "cmbs": 2, "dmin": 1}     # runs of each
KEPT = ("attention", "foreign")                  # of each run, for the chapter
# Dials from easy to hard. Taken is the first level at which `closed_form` names at most `MOST` of the test seconds.
LEVELS = (composed.Dials(silent=1, under=12, smallest=72, largest=112),
          composed.Dials(silent=2, under=6, smallest=56, largest=96),
          composed.Dials(silent=2, under=0, smallest=48, largest=80),
          composed.Dials(silent=3, under=0, smallest=40, largest=72))
MOST = 0.75

BRIGHTEST = 3                                    # regions that stand for a picture
RIDGES = (1e1, 1e2, 1e3, 1e4)                    # tried on validation
THRESHOLDS = np.linspace(-0.2, 0.8, 51)          # of a correlation, tried on validation, for each modality


def closed_form(data: Dataset) -> np.ndarray:
    """What a rule without any training says of the test clips: classes (N,T) int64.

    A picture is the mean of its three brightest regions. The clip's class: a ridge regression from the mean and the
    maximum over time of picture and sound. A second is an event if its sound and its picture both correlate with the
    mean of the class over all event seconds of the training clips, by more than two thresholds. Ridge and thresholds
    are those that do best on validation.
    """
    maps = data.visual.reshape(*data.visual.shape[:2], -1, data.visual.shape[-1])           # (N,T,R,D)
    order = np.linalg.norm(maps.astype(np.float32), axis=-1).argsort(2)[:, :, -BRIGHTEST:, None]
    train, truth = data.splits["train"], data.labels.argmax(-1)
    seconds = []                                 # of each modality, (N,T,D), standardised
    for values in (np.take_along_axis(maps, order, 2).mean(2, dtype=np.float32), data.audio):
        mean, spread = values[train].mean((0, 1)), values[train].std((0, 1))
        seconds.append((values - mean) / np.maximum(spread, 1e-6))
    clips = np.concatenate([part for values in seconds for part in (values.mean(1), values.max(1))], 1)
    clips = (clips - clips[train].mean(0)) / np.maximum(clips[train].std(0), 1e-6)
    targets = np.eye(data.dims.events)[data.category[train]]
    gram, products = clips[train] @ clips[train].T, clips @ clips[train].T
    fits = [products @ np.linalg.solve(gram + ridge * np.eye(len(train)), targets - targets.mean(0))
            for ridge in RIDGES]
    val = data.splits["val"]
    scores = max(fits, key=lambda fit: (fit[val].argmax(1) == data.category[val]).mean())
    named = scores.argmax(1)
    fitting = [_correlation(values, np.stack([values[train][truth[train] == c].mean(0)
                                              for c in range(data.dims.events)])[named]) for values in seconds]

    def said(rows: np.ndarray, low: float, lower: float) -> np.ndarray:
        event = (fitting[0][rows] > low) & (fitting[1][rows] > lower)
        return np.where(event, named[rows, None], data.dims.background)

    best = max(((low, lower) for low in THRESHOLDS for lower in THRESHOLDS),
               key=lambda pair: segment_accuracy(said(val, *pair), truth[val], data.dims.classes))
    return said(data.splits["test"], *best)


def _correlation(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Pearson's, of each second (N,T,D) with its clip's vector (N,D): (N,T)."""
    values, wanted = values - values.mean(-1, keepdims=True), wanted - wanted.mean(-1, keepdims=True)
    lengths = np.linalg.norm(values, axis=-1) * np.linalg.norm(wanted, axis=-1)[:, None]
    return np.einsum("ntd,nd->nt", values, wanted) / np.maximum(lengths, 1e-9)


@dataclass(frozen=True)
class Truth:
    """The test clips, composed anew: what the chapter needs of them, and no network does."""
    clips: tuple[composed.Clip, ...]
    labels: np.ndarray                           # (N,10,29) uint8, one-hot
    source: np.ndarray                           # (N,10,7,7) bool, the sounding thing, where it is seen
    silent: np.ndarray                           # (N,10,S,7,7) bool, each silent thing


def truth(dials: composed.Dials | None = None, seed: int = 0) -> Truth:
    """The test clips of `composed.load` with these dials."""
    dials = dials or composed.Dials()
    layout = composed.plan(dials, seed)
    rows = np.flatnonzero(layout["split"] == "test")
    clips = tuple(composed.draw(dials, layout, seed, rows))
    regions = np.stack([clip.regions() for clip in clips])
    return Truth(clips, composed.labels_of(layout)[rows], regions[:, :, 0], regions[:, :, 1:])


def levels() -> dict:
    """What `closed_form` made of `LEVELS`: the record that `book/photographs.py` wrote."""
    return json.loads((records_dir() / "composed.json").read_text(encoding="utf-8"))


def configs() -> list[RunConfig]:
    """The runs of the chapter, fully supervised, system by system."""
    return [RunConfig(system=system, data=DATA, seed=seed, batch=BATCH, epochs=EPOCHS)
            for system, seeds in SEEDS.items() for seed in range(seeds)]


def runs(progress: bool = True) -> Iterator[Record]:
    """The finished runs of `configs`: those that are here, or came with the book; what is missing is trained now.

    Only for a training the features are needed: VscgError as `composed.load` where the networks cannot be had.
    """
    data, wanted = None, composed.fingerprint()
    for config in configs():
        record = find_record(config, wanted)
        if record is None:
            data = data or composed.load(progress=progress)
            record = observe(fit(config, dataset=data, progress=progress), data, KEPT)
        yield record
