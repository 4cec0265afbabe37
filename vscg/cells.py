"""One row of a table in one setting: which runs it needs, and what they measured."""
from dataclasses import dataclass, field

import numpy as np

from vscg.choices import choose
from vscg.config import PROFILES, RunConfig
from vscg.errors import VscgError
from vscg.evaluation import clip_accuracy, two_way_interval
from vscg.models import SYSTEMS
from vscg.paper import TABLES, Row
from vscg.records import Record

MOST_SEEDS = 1000


@dataclass(frozen=True)
class Cell:
    """One row of a table in one setting. `records` are its runs by seed; none where the paper has a dash."""

    row: Row
    setting: str
    records: tuple[Record, ...]
    dataset: str                                                        # name
    truth: np.ndarray = field(repr=False, compare=False)                # (N,10) classes of the test clips

    def per_clip(self, selection: str = "validation") -> np.ndarray:
        """Share of right segments for each seed and test clip, (S,N) in 0..1, at the epoch that `selection` picked."""
        return np.stack([self._right(record, selection) for record in self.records])

    def _right(self, record: Record, selection: str) -> np.ndarray:
        predicted = record.predictions(selection)
        try:
            return clip_accuracy(predicted, self.truth)
        except VscgError as error:                         # of the comparison: other clips than the truth
            raise VscgError(f"{record.folder / 'predictions.safetensors'} is damaged ({error}): delete the folder "
                            f"{record.folder} and run again.") from error

    def measured(self, selection: str = "validation") -> tuple[float, float, float]:
        """Accuracy with its 95% interval over seeds and clips: `(mean, low, high)` in 0..1, NaN without records."""
        if not self.records:
            return np.nan, np.nan, np.nan
        values = self.per_clip(selection)
        return float(values.mean()), *two_way_interval(values)

    @property
    def origin(self) -> str:
        """One of `models.ORIGINS`. What the paper puts into another system, no published program contains."""
        if self.setting not in SYSTEMS[self.row.run["system"]].settings:
            return "reported only"
        origin = SYSTEMS[self.row.run["system"]].origin
        changed = set(self.row.run) - {"system"}
        return "described in detail" if changed and origin == "published code" else origin


def table_configs(table: str, *, data: str, profile: str, seeds: int | None = None,
                  protocol: str = "clean") -> list[RunConfig]:
    """The runs that a table needs: every row, in every setting its system has, with seeds 0, 1, ...

    Args:
        table: a name in `paper.TABLES`.
        data: the data set's name, or the path of a prepared file.
        profile: a name in `config.PROFILES`.
        seeds: how many; default the profile's.
        protocol: a name in `config.PROTOCOLS`.
    """
    choose("table", table, TABLES)
    seeds = seed_count(profile, seeds)
    return [config for row in TABLES[table].rows for setting in row.paper
            for config in cell_configs(row, setting, data, profile, seeds, protocol)]


def seed_count(profile: str, seeds: int | None) -> int:
    """The number of seeds, None for the profile's; VscgError for an unknown profile or a number out of range."""
    choose("profile", profile, PROFILES)
    seeds = PROFILES[profile].seeds if seeds is None else seeds
    if not 1 <= seeds <= MOST_SEEDS:
        raise VscgError(f"seeds is {seeds}: give a number from 1 to {MOST_SEEDS}.")
    return seeds


def cell_configs(row: Row, setting: str, data: str, profile: str, seeds: int, protocol: str) -> list[RunConfig]:
    """The runs of one row in one setting, by seed; none if its system has no such setting."""
    if setting not in SYSTEMS[row.run["system"]].settings:
        return []
    return [RunConfig(**row.run, setting=setting, data=data, profile=profile, protocol=protocol, seed=seed)
            for seed in range(seeds)]
