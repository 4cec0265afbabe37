"""What several seeds can say: intervals, agreement with one figure, a family of signs, power, convergence, order.

`values` is everywhere (S,N): one number for each of S seeds (runs) and each of the same N test clips, a score or the
difference of two rows. The unit is kept; margins are in points. The model behind it is the two-way random one, value =
mean + seed + clip + residual with independent parts. One seed has no spread, so it decides nothing. Each rule is a
text, written before the runs and printed above what it decides.
"""
import math
import textwrap
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import nctdtrinc, stdtr, stdtrit

from vscg.errors import VscgError
from vscg.training.evaluation import two_way_interval

WIDTH = 88            # characters of a line in which a rule is printed
DIGITS = 9            # kept in comparisons: a sum of tenths in binary is not exact
ALPHA = 0.05          # of intervals and of the family, two-sided; of each half of the test for agreement, one-sided
POWER = 0.8
MARGIN = 1.5          # points within which two accuracies count as equal
RISE = 0.5            # points that a converged curve may still rise in its last third
LAST_GAIN = 3         # points that its last epoch may gain: three times the spread of such gains in settled runs
SHORTEST = 9          # epochs of the shortest curve whose last third has a slope with a standard error
PLANNED = 10          # seeds of the primary family in book/plan.md, on planted-study
FEWEST = 3            # seeds that a sign needs: with two, a 95% interval may cover 89%

INTERVAL_RULE = textwrap.fill(
    "In brackets: the 95% interval of the mean over seeds and clips, a t interval with Satterthwaite's degrees of "
    "freedom; a table cuts it at 0 and 100%, and that of a difference at 100 points. Where it reaches them, the seeds "
    "are too few for how much they differ; of two seeds that differ much, about 90 of 100 such intervals hold the true "
    "mean. One seed: a bootstrap over clips alone, in which another seed may not lie. A difference that rounds to 0 "
    "keeps its sign: -0.0 lies below 0.", WIDTH)
AGREEMENT_RULE = textwrap.fill(
    f"The paper's figure is one run on the same clips. Ours agrees with it if the 90% interval of our mean minus the "
    f"figure lies within {MARGIN} points of 0 on both sides (two one-sided tests at 5%). The interval holds the spread "
    f"of our runs and, with the same spread, the paper's one run. Otherwise ours is lower or higher if the 95% "
    f"interval lies below or above 0, and the question is open if it holds 0. One seed decides nothing.", WIDTH)
FAMILY_RULE = textwrap.fill(
    f"A sign is called only in the primary family, which was named before the runs. The two-sided t tests of its "
    f"differences (Satterthwaite's degrees of freedom) are corrected together by Holm's method. A difference agrees "
    f"with the paper if its corrected p is below {ALPHA} and it has the paper's sign, contradicts it with the other "
    f"sign, and is open otherwise. It is still learning if one of its two rows is, by all seeds of that row, and it "
    f"needs {FEWEST} seeds; on planted-study all differences of the family need the {PLANNED} of the plan before one "
    f"gets a word. What has no test keeps its place in the family. Its two rows count as "
    f"equal, whatever the sign, if the 90% interval lies within {MARGIN} points of 0 on both sides. Every other "
    f"difference has an interval and no word.", WIDTH, break_on_hyphens=False)
POWER_RULE = textwrap.fill(
    "Smallest detectable difference: if the true difference has this size, 80 of 100 studies with as many seeds and "
    "clips detect it (their 95% interval excludes 0), provided that runs and clips vary as much as here. A smaller one "
    "is missed more often. Two or three runs are a poor estimate of how much runs vary: this figure can then be "
    "several times too small or too large. With one seed there is none, and none is given above the largest possible "
    "difference.", WIDTH)
LEARNING_RULE = textwrap.fill(
    f"A row is still learning if the line through the last third of its validation curve (mean over seeds) rises by "
    f"more than {RISE} points over that third and its slope exceeds two standard errors, or if its last epoch gained "
    f"more than {LAST_GAIN} points. A curve of fewer than {SHORTEST} epochs cannot show that it has converged: it "
    f"counts as still learning.", WIDTH)
ORDER_RULE = textwrap.fill(
    "Share of the pairs of rows in the paper's order, beside the range of at least 95% of the shares when the rows "
    "stand in random order. A share inside that range is no better than chance. Each pair counts with the seeds that "
    "both rows have.", WIDTH)


class Interval(NamedTuple):
    """A mean with the two ends of an interval."""
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Parts:
    """Variances of the two-way model, in the square of the values' unit; an unbiased estimate can be negative."""
    seed: float
    clip: float
    residual: float

    def error(self, seeds: int, clips: int) -> tuple[float, float]:
        """Standard error of the mean over S seeds and N clips, and Satterthwaite's degrees of freedom.

        With the mean squares A = N seed + residual, B = S clip + residual and E = residual the squared error is
        V / SN, V = max(A, E) + max(B, E) - E, and df = V^2 / (A^2/(S-1) + B^2/(N-1) + E^2/((S-1)(N-1))).
        """
        a, b, e = clips * self.seed + self.residual, seeds * self.clip + self.residual, self.residual
        v = max(a, e) + max(b, e) - e
        spread = a ** 2 / (seeds - 1) + b ** 2 / (clips - 1) + e ** 2 / ((seeds - 1) * (clips - 1))
        return math.sqrt(v / (seeds * clips)), v ** 2 / spread if spread else math.inf


def variance_parts(values: np.ndarray) -> Parts:
    """Variances of seeds, clips and the rest, by two-way analysis; VscgError unless finite (S,N), at least two each."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2 or not np.isfinite(values).all():
        raise VscgError("variance parts need finite values for at least two seeds and two clips, shape (S,N); got "
                        f"shape {values.shape}")
    (s, n), of_seed, of_clip = values.shape, values.mean(1, keepdims=True), values.mean(0, keepdims=True)
    residual = ((values - of_seed - of_clip + values.mean()) ** 2).sum() / ((s - 1) * (n - 1))
    return Parts(float(of_seed.var(ddof=1) - residual / n), float(of_clip.var(ddof=1) - residual / s), float(residual))


def run_sd(values: np.ndarray) -> float:
    """Standard deviation s of the runs' means over these clips, to be printed beside every row; NaN for one run."""
    return float(np.std(np.mean(values, axis=1), ddof=1)) if len(values) > 1 else math.nan


def mean_interval(values: np.ndarray, alpha: float = ALPHA) -> Interval:
    """The mean over seeds and clips with its interval of 1 - alpha (of one seed 95%), by `INTERVAL_RULE`.

    Simulated with the book's variances, the t interval holds the true mean in 93 to 98% of studies with 3 to 10 seeds,
    and in about 90% with two that dominate. The percentile bootstrap over seeds and clips holds it in 75% with three
    seeds that dominate: their interval ends at their extremes.
    """
    if len(values) == 1:
        return Interval(float(np.mean(values)), *two_way_interval(values))
    error, freedom = variance_parts(values).error(*np.shape(values))
    return _around(values, float(stdtrit(freedom, 1 - alpha / 2)) * error)


def next_run(values: np.ndarray, alpha: float = ALPHA) -> Interval:
    """Where one more run on the same clips lies with probability 1 - alpha; NaN for one run.

    It is the mean of S runs, plus and minus t s sqrt(1 + 1/S), where s is the standard deviation of the runs: the clips
    stay, so that only the spread of the runs' means counts. t has S - 1 degrees of freedom.
    """
    half = float(stdtrit(len(values) - 1, 1 - alpha / 2)) * run_sd(values) * math.sqrt(1 + 1 / len(values))
    return _around(values, half)


def _around(values: np.ndarray, half: float) -> Interval:
    mean = float(np.mean(values))
    return Interval(mean, mean - half, mean + half)


def share_reaching(values: np.ndarray, figure: float) -> float:
    """Share of our runs whose accuracy in percent, with the one decimal that the paper prints, reaches its figure."""
    return float((np.round(np.mean(values, axis=1), 1) >= figure).mean())


JUDGED = ("agrees", "lower", "higher", "open")


def agreement(values: np.ndarray, figure: float) -> str:
    """How our runs stand to the paper's one run on the same clips, by `AGREEMENT_RULE`; both in percent.

    One of `JUDGED`, or "one seed". A mean that is surely lower, but surely within the margin, agrees.
    """
    if len(values) == 1:
        return "one seed"
    inner, outer = (np.round(np.array(next_run(values, alpha)[1:]) - figure, DIGITS) for alpha in (2 * ALPHA, ALPHA))
    if -MARGIN < inner[0] and inner[1] < MARGIN:
        return "agrees"
    return "lower" if outer[1] < 0 else "higher" if outer[0] > 0 else "open"


def p_value(values: np.ndarray) -> float:
    """Two-sided p of the mean over seeds and clips against 0, the test of `mean_interval`; VscgError as there."""
    mean, (error, freedom) = float(np.mean(values)), variance_parts(values).error(*np.shape(values))
    return 2 * float(stdtr(freedom, -abs(mean) / error)) if error else float(mean == 0)


def holm(p: Sequence[float]) -> np.ndarray:
    """Holm's corrected p, in the given order: the i-th smallest of m times m - i + 1, never falling, at most 1."""
    p = np.asarray(p, dtype=np.float64)
    order, corrected = np.argsort(p, kind="stable"), np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return corrected


def family(differences: Mapping[str, np.ndarray | None], paper: Mapping[str, float],
           learning: Container[str] = (), fewest: int = FEWEST, together: bool = False) -> pd.DataFrame:
    """The primary family, judged together by `FAMILY_RULE`.

    Columns: name, paper, mean, low, high, seeds, p, `equal` (whether the two rows count as equal), holm, word.
    `differences` are name -> (S,N) in points, None if the runs are missing; of `paper` only the sign counts. `learning`
    names those of which a row is still learning; a word needs `fewest` seeds, and with `together` all differences do.
    """
    lines, least = [], min(0 if values is None else len(values) for values in differences.values())
    for name, values in differences.items():
        seeds = 0 if values is None else len(values)
        interval = mean_interval(values) if seeds else Interval(math.nan, math.nan, math.nan)
        untested = ("not measured" if not seeds else "still learning" if name in learning
                    else f"fewer than {fewest} seeds" if seeds < fewest
                    else f"others have fewer than {fewest} seeds" if together and least < fewest else "")
        lines.append({"name": name, "paper": paper[name], **interval._asdict(), "seeds": seeds,
                      "p": math.nan if untested else p_value(values),
                      # Two one-sided t tests at 5%: both ends of the 90% interval.
                      "equal": not untested and max(map(abs, mean_interval(values, 2 * ALPHA)[1:])) < MARGIN,
                      "word": untested})
    frame = pd.DataFrame(lines)
    frame.insert(frame.columns.get_loc("word"), "holm", holm(frame["p"].fillna(1)))
    called = np.where((frame["mean"] > 0) == (frame["paper"] > 0), "agrees", "contradicts")
    frame["word"] = frame["word"].where(frame["word"] != "", np.where(frame["holm"] < ALPHA, called, "open"))
    return frame


def interval_of_draws(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of one number for each draw, (S,), with the ends of its 95% t interval; NaN for one draw."""
    spread = run_sd(np.reshape(values, (-1, 1)))
    return _around(values, float(stdtrit(len(values) - 1, 1 - ALPHA / 2)) * spread / math.sqrt(len(values)))


def smallest_difference(parts: Parts, seeds: int, clips: int) -> float:
    """The true difference that 80% power finds, by `POWER_RULE` and the noncentral t distribution, in the parts' unit.

    Many degrees of freedom make it 2.8 times the error of `Parts.error`, 2 make it 5.7 times, 1 makes it 16 times.
    """
    error, freedom = parts.error(seeds, clips)
    return float(nctdtrinc(freedom, 1 - POWER, stdtrit(freedom, 1 - ALPHA / 2))) * error


def smallest_of(values: np.ndarray) -> float:
    """The smallest detectable difference by `POWER_RULE`, in the unit of differences (S,N), or (S,) of draws.

    NaN for one seed.
    """
    if len(values) < 2:
        return math.nan
    if values.ndim == 2:
        return smallest_difference(variance_parts(values), *values.shape)
    spread = Parts(seed=float(np.var(values, ddof=1)), clip=0, residual=0)      # nothing is left to vary over clips
    return smallest_difference(spread, len(values), clips=2)


class Course(NamedTuple):
    """The end of a validation curve: slope in points an epoch with its standard error, last gain in points, word."""
    slope: float
    error: float
    last_gain: float
    word: str


def course(curve: np.ndarray) -> Course:
    """Is a row still learning? By `LEARNING_RULE`, with the word "still learning" or "converged".

    `curve` is the validation accuracy after each epoch, in percent: (E,) of one run or (S,E) of several, E at least 2.
    Slope (least squares) and error are NaN for a short curve.
    """
    curve = np.atleast_2d(curve).mean(0)
    gain = float(curve[-1] - curve[-2])
    if len(curve) < SHORTEST:
        return Course(math.nan, math.nan, gain, "still learning")
    last = curve[-(len(curve) // 3):]
    epoch = np.arange(len(last)) - (len(last) - 1) / 2
    slope = float(epoch @ last / (epoch @ epoch))
    left = last - last.mean() - slope * epoch
    error = math.sqrt(left @ left / (len(last) - 2) / (epoch @ epoch))
    rises = slope * (len(last) - 1) > RISE and slope > 2 * error
    return Course(slope, error, gain, "still learning" if rises or gain > LAST_GAIN else "converged")


def chance_order(paper: Sequence[float], pairs: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Range (2.5 to 97.5%) of the share of pairs in the paper's order when the rows stand in random order.

    Over all orders of up to 8 rows, over 20,000 drawn ones (the same in every call) of more. `paper` holds its figure
    for each row; `pairs` are those that count, none that it prints as equal.
    """
    paper = np.asarray(paper)
    ranks = (np.array(list(permutations(range(len(paper))))) if len(paper) <= 8
             else np.random.default_rng(0).permuted(np.tile(np.arange(len(paper)), (20_000, 1)), axis=1))
    a, b = np.array(pairs).T
    share = ((ranks[:, a] > ranks[:, b]) == (paper[a] > paper[b])).mean(1)
    # An order and its reverse are equally likely. No interpolation: a share between two possible ones is none.
    low, high = np.quantile([*share, *(1 - share)], [ALPHA / 2, 1 - ALPHA / 2], method="inverted_cdf")
    return float(low), float(high)
