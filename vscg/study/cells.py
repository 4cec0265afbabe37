"""One row of a table in one setting, with its runs; rows compared seed by seed."""
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from vscg.data.labels import BACKGROUND
from vscg.models import SYSTEMS
from vscg.study import statistics
from vscg.study.paper import Row
from vscg.training.evaluation import clip_accuracy
from vscg.training.records import Record


@dataclass(frozen=True)
class Cell:
    """One row of a table in one setting. `records` are its runs by seed; none where the paper has a dash."""
    row: Row
    setting: str
    records: tuple[Record, ...]
    outcome: str                                                        # of the profile
    truth: np.ndarray = field(repr=False, compare=False)                # (N,10) classes of the test clips

    def per_clip(self, selection: str | None = None) -> np.ndarray:
        """Share of right segments for each seed and test clip, (S,N) in 0..1, at the epoch that `selection` picked.

        "last" is the mean over the last five epochs; None takes the outcome of the profile.
        """
        return np.stack([np.mean([clip_accuracy(epoch, self.truth, record.dims.classes) for epoch in
                                  record.predictions(selection or self.outcome).reshape(-1, *self.truth.shape)], axis=0)
                         for record in self.records])

    def shares(self) -> tuple[float, float]:
        """The share of right event seconds and of right background seconds over all runs, in 0..1; NaN of none."""
        event = self.truth != (self.records[0].dims.background if self.records else BACKGROUND)
        right = [record.predictions(self.outcome) == self.truth for record in self.records]
        return tuple(float(np.mean([found[..., seconds].mean() for found in right]))
                     if right and seconds.any() else math.nan for seconds in (event, ~event))

    @cached_property
    def course(self) -> str:
        """"still learning" or "converged" by `statistics.LEARNING_RULE`; empty without records."""
        curves = [100 * record.history["val_accuracy"].to_numpy() for record in self.records]
        return statistics.course(np.stack(curves)).word if curves else ""

    @property
    def learning(self) -> bool:
        return self.course == "still learning"

    @property
    def origin(self) -> str:
        """One of `models.ORIGINS`. What the paper puts into another system, no published program contains."""
        if self.setting not in SYSTEMS[self.row.run["system"]].settings:
            return "reported only"
        changed = set(self.row.run) - {"system", "schedule"}
        origin = SYSTEMS[self.row.run["system"]].origin
        return "described in detail" if changed and origin == "published code" else origin


def with_common_seeds(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The same rows with those of their runs whose seeds all of them have; empty if there is no such seed."""
    seeds = [{record.config.seed for record in cell.records} for cell in cells]
    common = set.intersection(*seeds) if seeds else set()
    return tuple(replace(cell, records=tuple(record for record in cell.records if record.config.seed in common))
                 for cell in cells) if common else ()


def paired(first: Cell, second: Cell) -> np.ndarray:
    """First minus second for each seed and clip, (S,N) in percentage points, of the profile's outcome."""
    return 100 * (first.per_clip() - second.per_clip())


def seeds_text(cells: Sequence[Cell]) -> str:
    """How many seeds the measured cells have: "1 seed", "5 seeds", "3 to 10 seeds"."""
    counts = [len(cell.records) for cell in cells if cell.records]
    least, most = min(counts, default=0), max(counts, default=0)
    return f"{f'{least} to ' * (least < most)}{most} seed{'s' * (most != 1)}"


def schedule_text(cells: Sequence[Cell]) -> str:
    """Epochs, batch and first learning rate of measured cells; in brackets the rows that have another value."""
    parts, mixed = [], len({cell.setting for cell in cells}) > 1
    for name, text in (("epochs", "{} epochs"), ("batch", "batches of {}"), ("lr", "learning rate {}")):
        rows = {}
        for cell in cells:
            label = f"{cell.row.name} {cell.setting}" if mixed else cell.row.name
            rows.setdefault(getattr(cell.records[0].config.schedule, name), []).append(label)
        usual = max(rows, key=lambda value: len(rows[value]))
        others = "; ".join(f"{value} for {' and '.join(rows[value])}" for value in rows if value != usual)
        parts.append(text.format(usual) + (f" ({others})" if others else ""))
    return ", ".join(parts)
