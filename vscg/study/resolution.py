"""What the paper's tables can resolve: its printed margins against chance, and what others obtained on AVE.

Nothing here is trained. A margin between two systems on the same 402 test clips has two kinds of chance in it: which
clips were drawn, and which weights each of the two runs began with.
"""
import math

import pandas as pd
from scipy.special import chdtri

from vscg.models import SETTINGS
from vscg.study.paper import TABLES
from vscg.study.runs import printed_difference
from vscg.training.records import records_dir

CLIPS = 402                        # of AVE's test split
MARGIN = 1.96                      # standard errors
PER_CLIP = (15.0, 30.0, 35.0)      # paired standard deviation of a clip, points: the smallest, a middle, the largest
RIVALS = ("PSP-Net", "CMBS", "DMIN")       # near ones, of which others reported runs
COMPARED = (*RIVALS, "CSS-Net")            # with those that the text names


def margins() -> pd.DataFrame:
    """One line for each of some printed margins: pairs of Tables III to V, and VSCG over `COMPARED` in Table I.

    Columns: table, first, second, setting; margin (points, as printed), `z15`, `z30`, `z35` in standard errors of 402
    clips by `PER_CLIP`, and `runs` in standard deviations of a difference of two single runs.
    """
    lines, (spread, *_) = [], run_to_run()
    for name in ("I", "III", "IV", "V"):
        for first, second in TABLES[name].pairs:
            for setting in SETTINGS:
                margin = printed_difference(name, first, second, setting)
                if math.isnan(margin) or name == "I" and second not in COMPARED:
                    continue
                lines.append({"table": name, "first": first, "second": second, "setting": setting, "margin": margin,
                              **{f"z{sd:.0f}": margin / (sd / math.sqrt(CLIPS)) for sd in PER_CLIP},
                              "runs": margin / (math.sqrt(2) * spread)})
    return pd.DataFrame(lines)


def smallest_margin(per_clip: float) -> float:
    """The smallest margin, in points, above `MARGIN` standard errors of 402 clips with this deviation of a clip."""
    return MARGIN * per_clip / math.sqrt(CLIPS)


def reproductions() -> pd.DataFrame:
    """What others obtained on AVE with programs: system, setting, published, obtained (percent), source, date."""
    return pd.read_csv(records_dir() / "reproductions.csv")


def selections() -> pd.DataFrame:
    """By which split programs for this task choose the epoch that they report: book/records/selection.csv."""
    return pd.read_csv(records_dir() / "selection.csv", dtype=str).fillna("")


def run_to_run() -> tuple[float, float, float, int]:
    """Standard deviation of a run, in points, pooled over the settings of `RIVALS`: `(deviation, low, high, freedom)`.

    The published figure counts as one run of its group; the 95% interval is a variance's, by chi-squared.
    """
    found, squares, free = reproductions(), 0.0, 0
    for _, group in found[found["system"].isin(RIVALS)].groupby(["system", "setting"]):
        runs = [group["published"].iloc[0], *group["obtained"]]
        mean = sum(runs) / len(runs)
        squares, free = squares + sum((run - mean) ** 2 for run in runs), free + len(runs) - 1
    low, high = (math.sqrt(squares / chdtri(free, tail)) for tail in (0.025, 0.975))
    return math.sqrt(squares / free), low, high, free
