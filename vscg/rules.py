"""Intervals over seeds and clips, and the rules that hold a measured interval against the paper's figure."""
import textwrap

import numpy as np

from vscg.errors import VscgError

WIDTH = 88     # characters of a line in which a rule is printed
DIGITS = 9     # kept in comparisons: a sum of tenths in binary is not exact

VERDICT_RULE = textwrap.fill(
    "The paper's figure is the highest of many evaluations on the test clips, so it is held against our accuracy "
    "selected by test. It agrees if it lies inside our 95% interval; ours is lower or higher if the whole interval "
    "lies below or above the paper's figure. Only runs on AVE with the full schedule are judged; systems that are not "
    "built here are reported only.", WIDTH)
SIGN_RULE = textwrap.fill(
    "A measured difference agrees with the paper if its 95% interval excludes 0 and has the sign of the paper's "
    "difference, contradicts it if it excludes 0 with the other sign, and leaves it open if it includes 0. Differences "
    "are taken between the same seeds and the same test clips, selected by validation.", WIDTH)


def verdict(paper: float, interval: tuple[float, float] | None, data: str, profile: str) -> str:
    """The verdict by `VERDICT_RULE`.

    Args:
        paper: the paper's accuracy in percent.
        interval: `(low, high)` of ours in percent, selected by test; None if the row is reported only.
        data: name of the data set that ours was measured on.
        profile: of the runs.
    """
    if interval is None:
        return "reported only"
    if data != "ave":
        return "not on AVE"
    if profile != "full":
        return "not the full schedule"
    low, high = np.round(interval, DIGITS)
    return "lower" if high < paper else "higher" if low > paper else "agrees"


def sign(paper: float, interval: tuple[float, float] | None) -> str:
    """How a measured difference's interval stands to the paper's difference, by `SIGN_RULE`; None: not measured."""
    if interval is None:
        return "not measured"
    if paper == 0:
        return "paper: equal"
    low, high = np.round(interval, DIGITS)
    if low <= 0 <= high:
        return "open"
    return "agrees" if (low > 0) == (paper > 0) else "contradicts"


def two_way_interval(per_seed_and_clip: np.ndarray, level: float = 0.95, resamples: int = 2000,
                     seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean over seeds and clips, both drawn with replacement.

    With one seed it covers the clips alone. Two or three seeds say little about all seeds: the interval is then
    rather too narrow.

    Args:
        per_seed_and_clip: (S, N) finite values, the same N clips for each of S seeds.
        level: coverage aimed at, between 0 and 1.

    Returns: `(low, high)`, in the values' unit.
    """
    values = np.asarray(per_seed_and_clip, dtype=np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise VscgError("bootstrap over seeds and clips needs one finite value for each seed and clip, shape (S,N); "
                        f"got {values.shape}")
    if not 0 < level < 1 or resamples < 1:
        raise VscgError(f"bootstrap needs a level between 0 and 1 and at least one resample; got {level}, {resamples}")
    return bounds(resampled_means(values, draws(values.shape, resamples, seed)), level)


def draws(shape: tuple[int, int], resamples: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of seeds (R,S) and of clips (R,N) drawn with replacement, independently of each other."""
    generator = np.random.default_rng(seed)
    # Clips first: with one seed this is the bootstrap of evaluation.bootstrap_interval to the digit.
    clips = generator.integers(shape[1], size=(resamples, shape[1]), dtype=np.int32)
    return generator.integers(shape[0], size=(resamples, shape[0])), clips


def resampled_means(values: np.ndarray, drawn: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Mean of (S,N) values in each resample that `draws` gave: (R,)."""
    seeds, clips = drawn
    of_seed = np.stack([row[clips].mean(axis=1) for row in values], axis=1)
    return np.take_along_axis(of_seed, seeds, axis=1).mean(axis=1)


def bounds(resampled: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The two ends that leave out an equal share of the resamples on each side."""
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
