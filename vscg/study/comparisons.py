"""What may be compared: rows by the plan's finished runs, the primary family of differences, orders of rows."""
import math
import textwrap
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from vscg.errors import VscgError
from vscg.study import show, statistics
from vscg.study.cells import Cell, paired, with_common_seeds
from vscg.study.paper import PRIMARY
from vscg.study.planned import STUDY
from vscg.study.runs import printed_difference
from vscg.study.tables import TableResult, measured_on, table

COMPARED_RULE = textwrap.fill(
    "Quick runs only show that the code learns: they end early, by default on data that a rule in closed form solves, "
    "so they are not compared. With profile quick the chapters compare the finished runs of the plan instead, on "
    "planted-study, with a longer schedule, up to ten seeds, and a floor and a ceiling beside the rows; with profile "
    "standard or full they compare the runs of that profile. The plan's runs come in one by one, and chapter 25 counts "
    "them. Until all are there, rows may have different seeds, and each seed has its own test clips; only differences "
    "and orders use the seeds that both rows share.", statistics.WIDTH)


def compared(result: TableResult) -> TableResult:
    """The table by which rows may be compared, by `COMPARED_RULE`: itself, or the one of the plan's finished runs."""
    if result.profile != "quick":
        return result
    return table(result.name, profile="standard", seeds=statistics.PLANNED)


def primary_family(results: Sequence[TableResult]) -> pd.DataFrame:
    """The primary family, `paper.PRIMARY`, judged together: the frame of `statistics.family`.

    `results` are Tables III, IV and V of one data set, profile and protocol; what is missing counts as not measured.
    VscgError: no table, or tables of several data sets, profiles or protocols.
    """
    made = sorted({f"{result.data}, {result.profile}, {result.protocol}" for result in results})
    if len(made) != 1:
        raise VscgError(f"the primary family got tables of {'; '.join(made) or 'nothing'}: give Tables III, IV and V "
                        "of one data set, profile and protocol.")
    pairs = _primary_pairs(results)
    frame = statistics.family({name: paired(*pair) if pair else None for name, pair in pairs.items()},
                              {name: printed_difference(*where) for name, where in PRIMARY.items()},
                              {name for name, (table, *rows) in PRIMARY.items() if pairs[name]
                               and next(result for result in results if result.name == table).learning(*rows)},
                              statistics.PLANNED if results[0].data == STUDY else statistics.FEWEST,
                              together=results[0].data == STUDY)
    return frame.assign(low=frame["low"].clip(-100, 100), high=frame["high"].clip(-100, 100))


def _primary_pairs(results: Sequence[TableResult]) -> dict[str, tuple[Cell, Cell] | None]:
    of = {result.name: result for result in results}
    return {name: of[table].pair(*where) if table in of else None for name, (table, *where) in PRIMARY.items()}


def show_family(results: Sequence[TableResult]) -> Styler:
    """`primary_family` for a notebook."""
    smallest = {result.name: result.differences().set_index(["first", "second", "setting"])["smallest"]
                for result in results}
    frame = primary_family(results).assign(smallest=[smallest.get(name, {}).get(tuple(where), math.nan)
                                                     for name, *where in PRIMARY.values()])
    text = show.family_text(frame)
    cells = [cell for pair in _primary_pairs(results).values() for cell in pair or ()]
    caption = f"The primary family of {len(text)} differences. {measured_on(results[0], cells)}"
    return show.styled(text, caption, "family")


def smallest_found(differences: pd.DataFrame) -> str:
    """The median of the smallest detectable differences of `TableResult.differences`, in words; of one seed none."""
    several = differences[differences["seeds"] > 1]
    middle = several["smallest"].fillna(math.inf).median()
    size = "more than 100" if middle == math.inf else f"{middle:.1f}"
    return "none" if several.empty else f"{size} points (median of {len(several)})"


class Order(NamedTuple):
    """Share of pairs of rows in the paper's order, the range of random orders, how many pairs, seeds of a pair."""
    share: float
    low: float
    high: float
    pairs: int
    fewest: int
    most: int

    def __str__(self) -> str:
        if not self.pairs:
            return "no pair of rows shares a seed"
        seeds = f"{self.fewest} to {self.most}" if self.fewest < self.most else self.most
        return (f"{self.share:.2f} of {self.pairs} pairs of rows stand in the paper's order, common seeds of a pair: "
                f"{seeds}; random orders {self.low:.2f} to {self.high:.2f}")


def order_agreement(result: TableResult, setting: str) -> Order:
    """How far the measured order of the rows is the paper's, by `statistics.ORDER_RULE`; NaN and no pairs if none.

    Rows that the paper does not print and pairs that it prints as equal do not count; a pair measured as equal counts
    half.
    """
    cells = [cell for cell in result.cells if cell.setting == setting and cell.records and cell.row.printed]
    paper = np.array([cell.row.paper[setting] for cell in cells])
    apart = {(a, b): paired(*both) for a, b in combinations(range(len(cells)), 2)
             if paper[a] != paper[b] and (both := with_common_seeds((cells[a], cells[b])))}
    if not apart:
        return Order(math.nan, math.nan, math.nan, 0, 0, 0)
    a, b = np.array(list(apart)).T
    measured = np.round([values.mean() for values in apart.values()], statistics.DIGITS)
    share = (1 + np.sign(paper[a] - paper[b]) * np.sign(measured)).mean() / 2
    seeds = [len(values) for values in apart.values()]
    return Order(float(share), *statistics.chance_order(paper, list(apart)), len(apart), min(seeds), max(seeds))
