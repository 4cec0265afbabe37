"""The paper's tables from run records: its figures beside ours with intervals, paired differences, verdicts by rule.

Everything measured is computed from records; accuracies are fractions inside and percent in every frame and table.
"""
import math
import shlex
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from vscg.data.prepared import Dataset
from vscg.errors import VscgError, choose
from vscg.machine.files import runs_dir
from vscg.models import SETTINGS, SYSTEMS, build_model
from vscg.released.load import DEAD
from vscg.study import show
from vscg.study.paper import DIGITS, PARAMETERS, TABLES, Row, sign, verdict
from vscg.study.runs import cell_configs, seed_count
from vscg.training.evaluation import bounds, clip_accuracy, draws, resampled_means, two_way_interval
from vscg.training.records import Record, find_record


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
        changed = set(self.row.run) - {"system"}
        origin = SYSTEMS[self.row.run["system"]].origin
        return "described in detail" if changed and origin == "published code" else origin


@dataclass(frozen=True)
class TableResult:
    """A table of the paper with what was measured. Frames are tidy, in percent; `show` is for notebooks."""

    name: str
    cells: tuple[Cell, ...]
    data: str
    profile: str
    seeds: int
    protocol: str = "clean"

    def frame(self) -> pd.DataFrame:
        """One line per row and setting.

        Columns: row, setting, paper, `mean`, `low`, `high` (selected by validation), `test_mean`, `test_low`,
        `test_high` (selected by test), `each_seed` (a tuple, selected by validation), all in percent; seeds, data,
        origin, verdict, note.
        """
        return pd.DataFrame([self._line(cell) for cell in self.cells])

    def _line(self, cell: Cell) -> dict:
        picked, tested = (100 * np.array(cell.measured(selection)) for selection in ("validation", "test"))
        # What the run's own protocol kept: with the released one, what the published program would have kept.
        kept = picked if cell.records and cell.records[0].config.selection == "validation" else tested
        paper = cell.row.paper[cell.setting]
        paper = np.nan if paper is None else paper
        each_seed = (100 * cell.per_clip().mean(axis=1)).tolist() if cell.records else []
        return {"row": cell.row.name, "setting": cell.setting, "paper": paper,
                **dict(zip(("mean", "low", "high"), picked, strict=True)),
                **dict(zip(("test_mean", "test_low", "test_high"), tested, strict=True)),
                "each_seed": tuple(each_seed), "seeds": len(cell.records), "data": self.data if cell.records else "",
                "origin": cell.origin, "note": cell.row.note,
                "verdict": verdict(paper, tuple(kept[1:]) if cell.records else None, cell.origin, self.data,
                                   self.profile, self.protocol)}

    def differences(self) -> pd.DataFrame:
        """One line per setting and pair of rows that the paper argues from, first minus second, in percentage points.

        Columns: first, second, setting, paper, `mean`, `low`, `high` (selected by validation, NaN unless both were
        measured), sign, seeds, data.
        """
        lines = []
        cells = {(cell.row.name, cell.setting): cell for cell in self.cells}
        for first, second in TABLES[self.name].pairs:
            for setting in SETTINGS:
                if (first, setting) in cells and (second, setting) in cells:
                    lines.append(self._difference(cells[first, setting], cells[second, setting]))
        return pd.DataFrame(lines)

    def _difference(self, first: Cell, second: Cell) -> dict:
        figures = [cell.row.paper[cell.setting] for cell in (first, second)]
        # Rounded: the paper prints tenths, and 79.7 - 77.9 in binary is not 1.8.
        paper = np.nan if None in figures else round(figures[0] - figures[1], 1)
        mean, interval, seeds = np.nan, None, 0
        if first.records and second.records:
            values = 100 * (first.per_clip() - second.per_clip())
            mean, interval, seeds = float(values.mean()), two_way_interval(values), len(values)
        low, high = interval or (np.nan, np.nan)
        return {"first": first.row.name, "second": second.row.name, "setting": first.setting, "paper": paper,
                "mean": mean, "low": low, "high": high, "sign": sign(paper, interval, seeds), "seeds": seeds,
                "data": self.data if interval else ""}

    def caption(self, setting: str | None = None) -> str:
        """What the table shows, on which data, and where it ran."""
        devices = dict.fromkeys(record.values["device"] for cell in self.cells for record in cell.records)
        title = f"Table {self.name}. {TABLES[self.name].title}"
        over = "clips" if self.seeds == 1 else "seeds and clips"
        return (f"{title}{f', {setting} supervised' if setting else ''}. Measured on {self.data}, profile "
                f"{self.profile}, {self.protocol} protocol, {self.seeds} seed{'s' if self.seeds > 1 else ''}, "
                f"{'; '.join(devices)}. "
                f"In brackets: 95% interval over {over}.")

    def show(self, setting: str | None = None) -> Styler:
        """The table for a notebook, of one setting or of all; numbers in square brackets lead to `show_notes`."""
        text = show.accuracy_text(self._of(self.frame(), setting), self._note_numbers())
        return show.styled(text, self.caption(setting), self._uuid("table", setting))

    def show_differences(self, setting: str | None = None) -> Styler:
        """The paired differences for a notebook, of one setting or of all."""
        text = show.difference_text(self._of(self.differences(), setting))
        return show.styled(text, f"Differences in {self.caption(setting)}", self._uuid("differences", setting))

    def show_notes(self) -> Styler:
        """What the paper leaves open or contradicts, row by row, by the numbers that `show` gives."""
        notes = {cell.row.name: cell.row.note for cell in self.cells}
        text = pd.DataFrame([(f"[{number}]", name, notes[name]) for name, number in self._note_numbers().items()],
                            columns=["", "row", "note"])
        return show.styled(text, f"Notes to Table {self.name}.", self._uuid("notes"))

    def export(self, folder: Path | None = None) -> list[Path]:
        """Write the table and its differences as CSV and LaTeX; returns the files. Default: `exports.export_folder`."""
        folder = folder or show.export_folder(self.data, self.profile, self.protocol)
        frame, differences = self.frame(), self.differences()
        comment = self.caption()
        if self.data != "ave":
            comment += " Numbers on other data than AVE are no reproduction of the paper's accuracies."
        name = f"table-{self.name}"
        return [*show.write_table(folder, name, frame, show.accuracy_text(frame, {}), comment),
                *show.write_table(folder, f"{name}-differences", differences, show.difference_text(differences),
                                     f"Differences in {comment}")]

    def _note_numbers(self) -> dict[str, int]:
        """Row name -> number of its note."""
        noted = dict.fromkeys(cell.row.name for cell in self.cells if cell.row.note)
        return {name: number for number, name in enumerate(noted, 1)}

    def _of(self, frame: pd.DataFrame, setting: str | None) -> pd.DataFrame:
        """The lines of one setting without that column."""
        if setting is None:
            return frame
        choose(f"setting of Table {self.name}", setting, list(dict.fromkeys(frame["setting"])))
        return frame[frame["setting"] == setting].drop(columns="setting")

    def _uuid(self, what: str, setting: str | None = None) -> str:
        return "-".join(filter(None, (what, self.name, setting)))


def order_agreement(result: TableResult, setting: str,
                    selection: str = "validation") -> tuple[float, float, float, int]:
    """Share of the pairs of rows whose measured order is the paper's, with its 95% interval over seeds and clips.

    Pairs that the paper prints as equal do not count, nor do rows that it does not print; a pair measured as equal
    counts half: 0.5 is what chance gives. All rows share the seeds and clips of a resample.

    Returns: `(share, low, high, pairs)`; NaN and 0 if there is no pair.
    """
    cells = [cell for cell in result.cells if cell.setting == setting and cell.records and cell.row.printed]
    pairs = [(a, b) for a, b in combinations(range(len(cells)), 2)
             if cells[a].row.paper[setting] != cells[b].row.paper[setting]]
    if not pairs:
        return np.nan, np.nan, np.nan, 0
    paper = np.array([cell.row.paper[setting] for cell in cells])
    values = [cell.per_clip(selection) for cell in cells]
    drawn = draws(values[0].shape)
    means = np.column_stack([[value.mean(), *resampled_means(value, drawn)] for value in values]).T
    a, b = np.array(pairs).T
    measured = np.sign(np.round(means[a] - means[b], DIGITS))
    share = (1 + np.sign(paper[a] - paper[b]) @ measured / len(pairs)) / 2
    return float(share[0]), *bounds(share[1:]), len(pairs)


def table(name: str, *, dataset: Dataset, profile: str, seeds: int | None = None, store: Path | None = None,
          data: str | None = None, protocol: str = "clean") -> TableResult:
    """A table of the paper from the records of its runs; nothing is trained.

    Args:
        name: a name in `paper.TABLES`.
        dataset: the data that the runs used.
        profile, seeds, protocol: as for `table_configs`.
        store: folder of runs, default `runs_dir()`.
        data: what the data set is called in configurations, if not by its own name.

    Raises:
        VscgError: runs are missing (it says how many and how to train them), or a record is damaged.
    """
    choose("table", name, TABLES)
    seeds, store, data = seed_count(profile, seeds), store or runs_dir(), data or dataset.name
    truth = dataset.labels[dataset.splits["test"]].argmax(-1)
    cells, missing = [], []
    for row in TABLES[name].rows:
        for setting in row.paper:
            records = tuple(find_record(config.resolve(), dataset.fingerprint, store)
                            for config in cell_configs(row, setting, data, profile, seeds, protocol))
            missing += [f"{row.name}, {setting} supervised, seed {seed}"
                        for seed, record in enumerate(records) if record is None]
            cells.append(Cell(row, setting, records, dataset.name, truth))
    if missing:
        needed = sum(len(cell.records) for cell in cells)
        raise VscgError(f"Table {name} lacks {len(missing)} of its {needed} runs on {data}: {'; '.join(missing[:3])}"
                        f"{'; and others' if len(missing) > 3 else ''}. Train them with `python -m vscg sweep "
                        f"--tables {name} --data {shlex.quote(data)} --profile {profile} --seeds {seeds} "
                        f"--protocol {protocol}`.")
    return TableResult(name, tuple(cells), dataset.name, profile, seeds, protocol)


REGISTERED = "The paper prints the registered count, fully supervised, dead parameters included."
REASONS = {
    "avt": "No program was found: ours has five layers, with which it has as many parameters as the paper prints.",
    "cmbs": "The paper's count is neither of the two. Weakly supervised it would be 14.4 million without the "
            "self-attention over picture regions (395,008) or without the visual spatial branch (394,241); what was "
            "counted is not known.",
}


def parameter_table() -> pd.DataFrame:
    """One line per system of Table II and setting.

    Columns: system, setting; paper (millions, from a table of fully supervised systems); live, dead, registered
    (parameters of our model, parameters of the published program that never receive a gradient, and their sum);
    difference (paper minus registered, millions, both rounded as the paper does); reason.
    """
    lines = []
    for name, paper in PARAMETERS.items():
        entry = SYSTEMS[name]
        for setting in entry.settings:
            live = sum(values.numel() for values in build_model(name, setting=setting).parameters())
            dead = sum(math.prod(shape) for shape in DEAD[name, setting].values())
            lines.append({"system": entry.title, "setting": setting, "paper": paper, "live": live, "dead": dead,
                          "registered": live + dead, "difference": round(paper - round((live + dead) / 1e6, 1), 1),
                          "reason": REASONS.get(name, REGISTERED)})
    return pd.DataFrame(lines)
