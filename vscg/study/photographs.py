"""The composed clips as a study: the rule that sets their difficulty, the systems trained on them, and where they look.

The rule is no contestant. It stands before the systems: `vscg.features.composed.Dials` was set by it alone.
"""
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vscg.features import composed
from vscg.study.seen import observe
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.records import OBSERVED, Record, find_record, records_dir

DATA = "composed"
BATCH, EPOCHS = 8, 12
SEEDS = {"vscg": 3, "psp": 3, "avel": 3, "avsdn": 3, "cmra": 3, "cmbs": 2, "dmin": 1}     # runs of each
KEPT = ("attention", "foreign")                  # of each run, for the chapter
# Dials from easy to hard. Taken is the first level at which `references.floor` with `REGIONS` names at most `MOST` of
# the test seconds.
LEVELS = (composed.Dials(silent=1, under=12, smallest=72, largest=112),
          composed.Dials(silent=2, under=6, smallest=56, largest=96),
          composed.Dials(silent=2, under=0, smallest=48, largest=80),
          composed.Dials(silent=3, under=0, smallest=40, largest=72))
MOST = 0.75
REGIONS = (3,)                                   # brightest, of the rule that picks the level


@dataclass(frozen=True)
class Truth:
    """The test clips, composed anew: what the chapter needs of them, and no network does."""
    clips: tuple[composed.Clip, ...]
    labels: np.ndarray                           # (N,10,29) uint8, one-hot
    source: np.ndarray                           # (N,10,7,7) bool, the sounding thing, where it is seen
    silent: np.ndarray                           # (N,10,S,7,7) bool, each silent thing


def truth() -> Truth:
    """The test clips of `composed.load`."""
    dials, seed = composed.Dials(), 0
    layout = composed.plan(dials, seed)
    rows = np.flatnonzero(layout["split"] == "test")
    clips = tuple(composed.draw(dials, layout, seed, rows))
    regions = np.stack([clip.regions() for clip in clips])
    return Truth(clips, composed.labels_of(layout)[rows], regions[:, :, 0], regions[:, :, 1:])


def levels() -> dict:
    """What the rule made of `LEVELS`, and what its stronger form does: the record that `book/photographs.py` wrote."""
    return json.loads((records_dir() / "composed.json").read_text(encoding="utf-8"))


def configs() -> list[RunConfig]:
    """The runs of the chapter, fully supervised, system by system."""
    return [RunConfig(system=system, data=DATA, seed=seed, batch=BATCH, epochs=EPOCHS)
            for system, seeds in SEEDS.items() for seed in range(seeds)]


def runs(progress: bool = True) -> Iterator[Record]:
    """The finished runs of `configs`, here or of the book; missing ones are trained now, errors as `composed.load`."""
    data, wanted = None, composed.fingerprint()
    for config in configs():
        record = find_record(config, wanted)
        if record is None or OBSERVED not in record.values["sums"]:      # trained by `fit` alone, or stopped behind it
            data = data or composed.load(progress=progress)
            record = observe(record or fit(config, dataset=data, progress=progress), data, KEPT)
        yield record
