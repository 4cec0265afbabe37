"""The rules that hold a measured interval against the paper's figure."""
import textwrap

import numpy as np

WIDTH = 88     # characters of a line in which a rule is printed
DIGITS = 9     # kept in comparisons: a sum of tenths in binary is not exact

VERDICT_RULE = textwrap.fill(
    "A figure of the paper is judged only by runs that do as its program does: on AVE, with the full schedule and the "
    "released protocol (its tags, its batches), at the epoch that the program would have kept. It agrees if it lies "
    "inside our 95% interval; ours is lower or higher if the whole interval lies below or above it. A row that no "
    "published program computes, rebuilt from a description or an abstract, is never held against a figure: the "
    "difference may be ours. Systems that are not built here are reported only.", WIDTH)
SIGN_RULE = textwrap.fill(
    "A measured difference agrees with the paper if its 95% interval excludes 0 and has the sign of the paper's "
    "difference, contradicts it if it excludes 0 with the other sign, and leaves it open if it includes 0. Differences "
    "are taken between the same seeds and the same test clips, selected by validation. One seed decides nothing: its "
    "interval is over clips alone, and another seed may give another sign.", WIDTH)


def verdict(paper: float, interval: tuple[float, float] | None, origin: str, data: str, profile: str,
            protocol: str) -> str:
    """The verdict by `VERDICT_RULE`.

    Args:
        paper: the paper's accuracy in percent.
        interval: `(low, high)` of ours in percent, at the epoch that the program would have kept; None if the row is
            reported only.
        origin: where the row comes from, one of `models.ORIGINS`.
        data: name of the data set that ours was measured on.
        profile, protocol: of the runs.
    """
    if interval is None:
        return "reported only"
    if origin != "published code":
        return "not the published code"
    if data != "ave":
        return "not on AVE"
    if profile != "full":
        return "not the full schedule"
    if protocol != "released":
        return "not the released protocol"
    low, high = np.round(interval, DIGITS)
    return "lower" if high < paper else "higher" if low > paper else "agrees"


def sign(paper: float, interval: tuple[float, float] | None, seeds: int) -> str:
    """How a measured difference's interval stands to the paper's difference, by `SIGN_RULE`; None: not measured."""
    if interval is None:
        return "not measured"
    if paper == 0:
        return "paper: equal"
    if seeds == 1:
        return "one seed"
    low, high = np.round(interval, DIGITS)
    if low <= 0 <= high:
        return "open"
    return "agrees" if (low > 0) == (paper > 0) else "contradicts"
