"""The paper's tables from run records: its figures beside ours with intervals, paired differences, verdicts by rule.

Everything measured is computed from records; accuracies are fractions inside and percent in every frame and table.
"""
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler

from vscg.data.labels import BACKGROUND
from vscg.data.planted import true_classes
from vscg.data.prepared import Dataset
from vscg.data.sets import PLANTED, dataset_fingerprint
from vscg.errors import VscgError, choose
from vscg.machine.files import runs_dir
from vscg.models import SETTINGS
from vscg.plots import course_figure
from vscg.study import references, show, statistics
from vscg.study.cells import Cell, paired, schedule_text, seeds_text, with_common_seeds
from vscg.study.paper import TABLES, verdict
from vscg.study.planned import STUDY
from vscg.study.runs import EVERY, cell_configs, printed_difference, seed_count
from vscg.training.config import PROFILES, SELECTIONS
from vscg.training.records import find_record

DIFFERENCE = ("first", "second", "setting", "paper", "mean", "low", "high", "smallest", "learning", "seeds",
              "of_seeds", "data", "first_origin", "second_origin")
REFERENCES = " The last rows are references and no contestants; they use every second's label, whatever the setting."
DRAWS = (" A row of seed k was tested on draw k of the clips, and rows of other seeds on other clips: only differences "
         "and orders compare the same ones. The references are means over {} draws; from draw to draw the ceiling goes "
         "from {:.1f} to {:.1f}%.")
SAME = " The last row is the share of event seconds, the same in every draw: a right tag that localises nothing."
EVERYWHERE = "the right event in every second"
ABOVE = {references.BESIDE[0]: "the rule in closed form", EVERYWHERE: EVERYWHERE}
OUTCOMES = {"validation": "selected by validation", "last": "mean of the last five epochs"}


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

        Columns: row, setting, paper, `mean`, `low`, `high` (the profile's outcome: selected by validation, or the mean
        of the last five epochs), `test_mean`, `test_low`, `test_high` (selected by test), `val_mean` (by validation),
        `each_seed` (a tuple of outcomes), `event` and `background` (the outcome over these seconds alone), all in
        percent; `sd`, the spread of the runs (`statistics.run_sd`, in points, NaN for one); seeds, `of_seeds` (a
        tuple), course, data, origin, note, verdict; `reaching`, the share of the runs that reach the paper's figure,
        NaN unless the verdict judges them. In `attrs` stand the outcome's name and `references`.
        """
        frame = pd.DataFrame([self._line(cell) for cell in self.cells])
        frame.attrs = {"outcome": OUTCOMES[PROFILES[self.profile].outcome], "references": self.references}
        return frame

    @cached_property
    def references(self) -> dict[str, tuple[float, float, float]]:
        """What the rows of a planted table are held against: title -> percent with its 95% interval over draws."""
        found = references.on_record(self.data)
        return {title: statistics.interval_of_draws(found.loc[title].to_numpy())
                for title in references.BESIDE if title in found.index}

    def held_against(self, setting: str | None) -> dict[str, tuple[float, float, float]]:
        """The `references` and, where weakly supervised rows are shown, what a right tag in every second would have."""
        if setting == "fully" or not self.references:
            return self.references
        share = 100 * float((self.cells[0].truth != BACKGROUND).mean())
        return {**self.references, EVERYWHERE: (share, math.nan, math.nan)}

    def courses(self, setting: str) -> pd.DataFrame:
        """Test accuracy in percent after each epoch of every measured row of a setting: row, epoch, seed, accuracy."""
        return pd.DataFrame([(cell.row.name, record.config.seed, epoch, 100 * accuracy)
                             for cell in self.cells if cell.setting == setting for record in cell.records
                             for epoch, accuracy in record.history[["epoch", "test_accuracy"]].itertuples(index=False)],
                            columns=["row", "seed", "epoch", "accuracy"])

    def show_courses(self, setting: str) -> Figure | None:
        """The curves of a setting's measured rows, for a notebook; without any a sentence is printed instead."""
        if setting in self.measured():
            rows = dict.fromkeys(cell.row.name for cell in self.cells)
            return course_figure(self.courses(setting), self.held_against(setting), list(rows))
        print(f"no {setting} supervised run is finished")
        return None

    def _line(self, cell: Cell) -> dict:
        paper = cell.row.paper[cell.setting]
        paper = math.nan if paper is None else paper
        values = {selection: 100 * cell.per_clip(selection)
                  for selection in {*SELECTIONS, cell.outcome}} if cell.records else {}
        # What the run's own protocol kept: with the released one, what the published program would have kept.
        picked, kept = values.get(cell.outcome), values[cell.records[0].config.selection] if values else None
        word = verdict(paper, kept, cell.origin, self.data, self.profile, self.protocol, cell.learning)
        # No accuracy lies beyond 0 or 100: cut there, an interval holds the true one as often.
        intervals = [float(end) for selection in (cell.outcome, "test") for end in (
            np.clip(statistics.mean_interval(values[selection]), 0, 100) if values else (math.nan,) * 3)]
        return {"row": cell.row.name, "setting": cell.setting, "paper": paper,
                **dict(zip(("mean", "low", "high", "test_mean", "test_low", "test_high"), intervals, strict=True)),
                "val_mean": values["validation"].mean() if values else math.nan,
                **dict(zip(("event", "background"), (100 * share for share in cell.shares()), strict=True)),
                "each_seed": tuple(picked.mean(axis=1).tolist()) if values else (),
                "sd": statistics.run_sd(picked) if values else math.nan, "seeds": len(cell.records),
                "of_seeds": tuple(record.config.seed for record in cell.records),
                "course": cell.course, "data": self.data if values else "", "origin": cell.origin,
                "note": cell.row.note, "verdict": word,
                "reaching": statistics.share_reaching(kept, paper) if word in statistics.JUDGED else math.nan}

    def differences(self) -> pd.DataFrame:
        """One line per setting and pair of rows that the paper argues from, first minus second, in percentage points.

        Pairs of which a row was not measured are left out. Columns: first, second, setting, paper, `mean`, `low`,
        `high` (of the outcome), `smallest` (the smallest detectable difference that 80% power would find,
        `statistics.POWER_RULE`; NaN with one seed, and above 100), `learning` (whether one of the two rows still is),
        seeds, `of_seeds` (a tuple), data, first_origin, second_origin.
        """
        return pd.DataFrame([self._difference(first, second, setting) for setting in SETTINGS
                             for first, second in EVERY[self.name].pairs if self.pair(first, second, setting)],
                            columns=DIFFERENCE)

    def measured(self) -> tuple[str, ...]:
        """The settings that have a run."""
        return tuple(dict.fromkeys(cell.setting for cell in self.cells if cell.records))

    def pair(self, first: str, second: str, setting: str) -> tuple[Cell, Cell] | None:
        """The cells of two rows in one setting, with the seeds that both have; None if there is none."""
        found = {cell.row.name: cell for cell in self.cells if cell.setting == setting}
        return with_common_seeds([found[first], found[second]]) or None if {first, second} <= set(found) else None

    def learning(self, first: str, second: str, setting: str) -> bool:
        """Whether one of two rows still learns, by all of its seeds."""
        return any(cell.learning for cell in self.cells if cell.setting == setting and cell.row.name in (first, second))

    def _difference(self, first: str, second: str, setting: str) -> dict:
        pair = self.pair(first, second, setting)
        values = paired(*pair)
        mean, low, high = np.clip(statistics.mean_interval(values), -100, 100)
        smallest = statistics.smallest_of(values)
        smallest = smallest if smallest <= 100 else math.nan            # no true difference is larger
        return {"first": first, "second": second, "setting": setting,
                "paper": printed_difference(self.name, first, second, setting), "mean": mean, "low": low, "high": high,
                "smallest": smallest, "learning": self.learning(first, second, setting), "seeds": len(values),
                "of_seeds": tuple(record.config.seed for record in pair[0].records),
                "data": self.data, "first_origin": pair[0].origin, "second_origin": pair[1].origin}

    def caption(self, setting: str | None = None, cells: Sequence[Cell] | None = None) -> str:
        """What the table shows, on which data, by which schedule, and where it ran; `cells` are by default its own."""
        cells = [cell for cell in self.cells if setting in (None, cell.setting)] if cells is None else cells
        name = f"Table {self.name}. " if self.name in TABLES else ""
        return (f"{name}{EVERY[self.name].title}{f', {setting} supervised' if setting else ''}. "
                + measured_on(self, cells))

    def show(self, setting: str | None = None) -> Styler:
        """The table for a notebook, of one setting or of all; numbers in square brackets lead to `show_notes`."""
        frame = self._of(self.frame(), setting)
        waiting = (frame["seeds"] == 0) & (self.data == STUDY)               # of the plan's rows, not of the paper's
        text = show.accuracy_text(frame[~waiting], self._note_numbers(), self.held_against(setting))
        text, once = show.said_once(text)
        once += " Rows without a finished run are left out." * bool(waiting.any())
        once += REFERENCES * bool(self.references) + self._draws()
        once += SAME * (EVERYWHERE in self.held_against(setting))
        return show.styled(text, self.caption(setting) + once, self._uuid("table", setting))

    def _draws(self) -> str:
        """What rows with draws of their own have to be read with; empty where all have the same clips."""
        if self.data != STUDY:
            return ""
        of_ceiling = references.on_record(self.data).loc[references.BESIDE[-1]]
        return DRAWS.format(len(of_ceiling), of_ceiling.min(), of_ceiling.max())

    def show_differences(self, setting: str | None = None) -> Styler:
        """The paired differences for a notebook, of one setting or of all."""
        lines = self.differences()
        text, once = show.said_once(show.difference_text(self._of(lines, setting)))
        # Of two rows with three seeds and one, their difference has one.
        cells = [cell for *pair, where in lines[["first", "second", "setting"]].itertuples(index=False)
                 if setting in (None, where) for cell in self.pair(*pair, where)]
        what = "Differences in" if self.name in TABLES else "Differences."
        caption = f"{what} {self.caption(setting, cells)}{once.replace('measured row', 'difference')}"
        return show.styled(text, caption, self._uuid("differences", setting))

    def show_learning(self) -> Styler:
        """What each row has learnt, for a notebook: its loss in the first and the last epoch, and a yes by `learnt`."""
        ends = [np.mean([record.history["loss"].iloc[[0, -1]] for record in cell.records], axis=0)
                for cell in self.cells if cell.records]
        text = show.learning_text(self._learnt(), ends)
        caption = (f"What the rows of Table {self.name} learn on {self.data}, profile {self.profile}: the training "
                   "loss in the first and in the last epoch, and whether the interval of the accuracy lies above the "
                   f"commonest class's {self._commonest():.1f}%.")
        return show.styled(text, caption, self._uuid("learning", None))

    def learnt(self) -> str:
        """A sentence for the box "On this page": how many rows have an interval above the commonest class."""
        counts = [f"{rows['learnt'].sum()} of {len(rows)} {setting}"
                  for setting, rows in self._learnt().groupby("setting")]
        return (f"On {self.data}, profile {self.profile}, {' and '.join(counts)} supervised rows have learnt something:"
                f" their intervals lie above the {self._commonest():.1f}% of the seconds that the commonest class has.")

    def _learnt(self) -> pd.DataFrame:
        return self.frame().query("seeds > 0").assign(learnt=lambda rows: rows["low"] > self._commonest())

    def _commonest(self) -> float:
        truth = self.cells[0].truth
        return 100 * np.unique(truth, return_counts=True)[1].max() / truth.size

    def findings(self, first: str, second: str) -> list[str]:
        """Sentences for the box "On this page": two rows apart, rows above the references, what the rules may judge.

        The difference `first` minus `second` is said where the two rows share two seeds or more.
        """
        frame, pairs, said = self.frame(), self.differences(), []
        for setting in self.measured():
            rows = frame[(frame["setting"] == setting) & (frame["seeds"] > 0)]
            several = rows[rows["seeds"] > 1]              # the interval of one seed is over clips alone
            where = f"On {self.data}, profile {self.profile}, {setting} supervised"
            named = (pairs["first"] == first) & (pairs["second"] == second) & (pairs["setting"] == setting)
            for line in pairs[named & (pairs["seeds"] > 1)].itertuples():
                apart = show.points(line.mean / 100, line.low / 100, line.high / 100)
                said.append(f"{where}, {line.seeds} of {self.seeds} seeds: {first} minus {second} {apart}, "
                            f"{show.findable(line.smallest / 100)}{'; a row still learns' * line.learning}.")
            above = [f"above {ABOVE[title]} ({value:.1f}%) in {(several['low'] > value).sum()} of {len(several)} rows"
                     for title, (value, *_) in self.held_against(setting).items() if title in ABOVE]
            if above and len(several):
                alone = len(rows) - len(several)
                others = f" that have two seeds or more; {alone} {'have' if alone > 1 else 'has'} one" if alone else ""
                said.append(f"{where}, the interval lies {' and '.join(above)}{others}.")
        words = frame["verdict"][frame["verdict"].isin(statistics.JUDGED)].value_counts()
        judged = ", ".join(f"{count} {word}" for word, count in words.items())
        learns, rows = (frame["course"] == "still learning").sum(), (frame["seeds"] > 0).sum()
        apart = ", each setting counted," * (len(self.measured()) > 1)
        learning = (f"{learns} of {rows} rows{apart} still learn, and their figures tell how fast, not how good they "
                    "become" if learns else "No row still learns")
        return [*said, f"{learning}; by the rule "
                + (f"the rows are, against the paper: {judged}." if judged else "no row is judged against the paper.")]

    def show_notes(self) -> Styler:
        """What the paper leaves open or contradicts, row by row, by the numbers that `show` gives."""
        notes = {cell.row.name: cell.row.note for cell in self.cells}
        text = pd.DataFrame([(f"[{number}]", name, notes[name]) for name, number in self._note_numbers().items()],
                            columns=["", "row", "note"])
        return show.styled(text, f"Notes to Table {self.name}.", self._uuid("notes"))

    def export(self, folder: Path | None = None) -> list[Path]:
        """Write the table and its differences as CSV and LaTeX; returns the files. Default: `show.export_folder`."""
        folder = folder or show.export_folder(self.data, self.profile, self.protocol)
        frame, differences = self.frame(), self.differences()
        comment = self.caption()
        if self.data != "ave":
            comment += " Numbers on other data than AVE are no reproduction of the paper's accuracies."
        name = f"table-{self.name}"
        return [*show.write_table(folder, name, frame, show.accuracy_text(frame, {}, self.held_against(None)),
                                   comment),
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


def measured_on(result: TableResult, cells: Sequence[Cell]) -> str:
    """On which data, by which schedule and where some cells of a table ran, and what stands in brackets."""
    cells = [cell for cell in cells if cell.records]
    if not cells:
        return f"No run on {result.data}, profile {result.profile}, is finished."
    devices = "; ".join(dict.fromkeys(record.values["device"] for cell in cells for record in cell.records))
    seeds, alone = seeds_text(cells), "clips alone; another seed may lie outside"
    over = (alone if seeds == "1 seed" else f"seeds and clips, of one seed over {alone}" if seeds.startswith("1 ")
            else "seeds and clips")
    return (f"Measured on {result.data}, profile {result.profile}: {schedule_text(cells)}; {result.protocol} protocol, "
            f"{seeds}, {devices}. In brackets: 95% interval over {over}.")


def table(name: str, *, dataset: Dataset | None = None, profile: str, seeds: int | None = None,
          store: Path | None = None, data: str | None = None, protocol: str = "clean") -> TableResult:
    """A table of `runs.EVERY` from the records of its runs on `dataset`; nothing is trained.

    Args:
        dataset: a loaded data set; None, or the loaded "planted-study", for the runs of book/plan.md, of which every
            one has a draw of its own. They come in seed by seed: each row then has the seeds that are there. A draw
            that is named by its seed is a data set like any other.
        profile, seeds, protocol: as for `table_configs`.
        store, data: the folder of runs, and the data set's name in configurations, if not the usual ones.
    Raises VscgError: runs are missing (it says how many and how to train them), or a record is damaged.
    """
    choose("table", name, EVERY)
    if dataset and dataset.name == STUDY:
        dataset = None
    seeds, store = seed_count(profile, EVERY[name].seeds or seeds), store or runs_dir()
    title = dataset.name if dataset else STUDY
    data, truth = data or title, (dataset.labels[dataset.splits["test"]].argmax(-1) if dataset
                                  else true_classes(PLANTED[STUDY]))
    cells, missing, fingerprint_of = [], [], cache(dataset_fingerprint)      # of a planted draw it takes milliseconds
    for row in EVERY[name].rows:
        for setting in row.paper:
            configs = cell_configs(row, setting, data, profile, seeds, protocol)
            prints = [dataset.fingerprint if dataset else fingerprint_of(config.data) for config in configs]
            records = [find_record(config.resolve(), of_data, store)
                       for config, of_data in zip(configs, prints, strict=True)]
            if dataset:
                missing += [f"{row.name}, {setting} supervised, seed {seed}"
                            for seed, record in enumerate(records) if record is None]
            cells.append(Cell(row, setting, tuple(filter(None, records)), PROFILES[profile].outcome, truth))
    if missing:
        needed = len(missing) + sum(len(cell.records) for cell in cells)
        raise VscgError(f"Table {name} lacks {len(missing)} of its {needed} runs on {data}: {'; '.join(missing[:3])}"
                        f"{'; and others' if len(missing) > 3 else ''}. Train them with `python -m vscg sweep "
                        f"--tables {name} --data {shlex.quote(data)} --profile {profile} --seeds {seeds} "
                        f"--protocol {protocol}`.")
    return TableResult(name, tuple(cells), title, profile, seeds, protocol)
