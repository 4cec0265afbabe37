"""What systems get wrong, counted: kinds of error, confused pairs, seconds at an event's edge, trust in answers.

`predicted` (S,N,T) holds the classes that S runs (seeds) give to the same N clips of T seconds, `true` (N,T) the
annotated ones, of 29 classes; the last is background. Intervals are drawn over seeds and clips, as in
`evaluation.two_way_interval`.
"""
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vscg.data.ave import repeated_videos
from vscg.data.labels import BACKGROUND, CLASSES
from vscg.errors import VscgError
from vscg.models import Output
from vscg.training.evaluation import bounds, draws

BINS = 10      # of confidence
KINDS = {"missed": "an event second called background", "invented": "a background second called an event",
         "misnamed": "an event second given another event's name"}


def error_kinds(predicted: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """Which seconds are wrong in which of the three `KINDS`, (S,N,T) bool each; a wrong second is of one kind."""
    wrong, called, event = predicted != true, predicted != BACKGROUND, true != BACKGROUND
    return {"missed": wrong & ~called, "invented": wrong & ~event, "misnamed": wrong & called & event}


def confused_pairs(predicted: np.ndarray, true: np.ndarray) -> pd.DataFrame:
    """Misnamed seconds by pair of true and predicted event, the most frequent first, equal ones in class order.

    Returns: columns `true`, `predicted` (class indices); `seconds` and `clips`, how many a run has, mean over the runs;
    `share` of all misnamed seconds, 0..1. Pairs that do not occur are left out.
    """
    seed, clip, second = np.nonzero(error_kinds(predicted, true)["misnamed"])
    found = pd.DataFrame({"true": true[clip, second], "predicted": predicted[seed, clip, second],
                          "clip": seed * len(true) + clip})
    pairs = found.groupby(["true", "predicted"])["clip"].agg(seconds="size", clips="nunique").reset_index()
    pairs["share"] = pairs["seconds"] / max(1, len(found))
    pairs[["seconds", "clips"]] /= len(predicted)
    return pairs.sort_values("seconds", ascending=False, kind="stable", ignore_index=True)


def group_numbers(groups: Iterable[Sequence[int]]) -> np.ndarray:
    """Number of each class's group: (29,) int64. Classes in no group, such as background, have their own."""
    numbers = np.arange(CLASSES)
    for group in groups:
        numbers[list(group)] = CLASSES + group[0]
    return numbers


def group_by_chance(true: np.ndarray, where: np.ndarray, groups: Iterable[Sequence[int]]) -> float:
    """Share of wrong names, at `where` (S,N,T), that stay in their group if all events are as likely: 0..1 or NaN."""
    numbers = group_numbers(groups)[:-1]
    others = (numbers[:, None] == numbers).sum(1) - 1
    names = np.broadcast_to(true, where.shape)[where]
    return float(others[names].mean() / (CLASSES - 2)) if names.size else float("nan")


def edge_distance(true: np.ndarray) -> np.ndarray:
    """Seconds to the nearest edge, (N,T) int64: 1, 2, ... inside an event, -1, -2, ... in background, 0 without edge.

    An edge lies between two neighbouring seconds of unlike class, both at distance 1; a clip's ends are no edges.
    """
    clips, edges = np.nonzero(np.diff(true, axis=1))
    distance = np.full(true.shape, true.shape[1] + 1)
    for t in range(true.shape[1]):
        # From second t to the edge after second e: e - t + 1 if t comes first, else t - e.
        np.minimum.at(distance[:, t], clips, np.where(t <= edges, edges - t + 1, t - edges))
    distance[distance > true.shape[1]] = 0
    return np.where(true == BACKGROUND, -distance, distance)


def other_names(video_ids: Sequence[str], category: np.ndarray) -> np.ndarray:
    """Under which other classes a clip's video is annotated: (N,29) bool, for all N clips of a data set."""
    others = np.zeros((len(category), CLASSES), dtype=bool)
    for rows in repeated_videos(video_ids).values():
        for row in rows:
            others[row, category[rows]] = True
    others[np.arange(len(category)), category] = False
    return others


def resampled_shares(hits: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Share of the seconds `where` that are `hits`, first as measured, then in each resample of seeds and clips.

    Both are (S,N,T) bool, or one of them (N,T) if the same for all seeds. All seconds count alike. The resamples depend
    on the numbers of seeds and clips alone, so two results can be subtracted: the difference is then paired. Returns
    (1+R,) in 0..1, NaN where a resample has no such second; VscgError for another shape, or no second at all.
    """
    hits, where = np.broadcast_arrays(hits, where)
    if hits.ndim != 3 or not hits.size:
        raise VscgError(f"shares need seconds of shape (seeds, clips, seconds); got {hits.shape}")
    parts = np.stack([(hits & where).sum(2), where.sum(2)], -1).astype(np.float64)          # (S,N,2)
    seeds, clips = draws(parts.shape[:2])
    of_seed = np.stack([seed[clips].sum(1) for seed in parts], 1)                           # (R,S,2)
    drawn = np.take_along_axis(of_seed, seeds[..., None], 1).sum(1)
    sums = np.vstack([parts.sum((0, 1)), drawn])
    return np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0)


def estimate(resampled: np.ndarray) -> tuple[float, float, float]:
    """`(value, low, high)`, a value and its 95% interval, from (1+R,), the measured value first.

    Resamples that are NaN are left out; all three are NaN where nothing was measured.
    """
    rest = resampled[1:][np.isfinite(resampled[1:])]
    return (float(resampled[0]), *bounds(rest)) if np.isfinite(resampled[0]) else (float("nan"),) * 3


def class_probability(output: Output) -> Tensor:
    """Probability of each class in each second: (B,T,C), sums to 1; VscgError for a system that gives none.

    Of segment logits their softmax. Of the two-part head (Eq. 14, 15): an event's probability is that the second is
    relevant, sigmoid(o_t), times that the clip holds this event, softmax(o_c); background's is 1 - sigmoid(o_t).
    """
    if output.segment_logits is not None:
        return output.segment_logits.softmax(-1)
    if output.event_category is None or output.event_relevance is None:
        raise VscgError("This system gives no probability of a second's classes: it has neither segment logits nor a "
                        "relevance and a category.")
    there = output.event_relevance.sigmoid()[..., None]
    return torch.cat([there * output.event_category.softmax(-1)[:, None], 1 - there], -1)


def confidence_of(probability: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Probability of the class that was answered, which a threshold may keep from being the largest: (...,T)."""
    return np.take_along_axis(probability, predicted[..., None], -1)[..., 0]


def reliability(confidence: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """How often answers of about the same confidence are right; ten bins of equal width, the last with 1.

    `confidence` in 0..1 and `right`, bool, are (S,N,T); VscgError for others. One row for each bin that is not empty:
    `confidence` (mean), `mean`, `low`, `high` (share of right answers with its interval), `share` of all seconds.
    """
    number = _bin(confidence, right, BINS)
    lines = [(confidence[number == b].mean(), *estimate(resampled_shares(right, number == b)), (number == b).mean())
             for b in np.unique(number)]
    return pd.DataFrame(lines, columns=["confidence", "mean", "low", "high", "share"])


def calibration_errors(confidence: np.ndarray, right: np.ndarray, bins: int = BINS,
                       resamples: int = 2000) -> np.ndarray:
    """Expected calibration error (Guo et al., ICML 2017), first as measured, then in each resample: (1+R,) in 0..1.

    In each bin of `reliability` the mean confidence is held against the share of right answers; the absolute
    differences are averaged, weighted by the bins' seconds. Each seed has an error of its own, the mean over seeds is
    returned: errors of different networks must not cancel. It is never negative, so noise pushes it up:
    `perfect_calibration` says how far, and `calibration_estimate` gives the interval.
    """
    number = _bin(confidence, right, bins)
    gap = np.stack([((right - confidence) * (number == b)).sum(2) for b in range(bins)], -1)          # (S,N,B)
    seeds, clips = draws(gap.shape[:2], resamples)
    times = np.stack([np.bincount(row, minlength=gap.shape[1]) for row in clips])                     # (R,N)
    times = np.vstack([np.ones((1, gap.shape[1])), times])
    of_seed = np.stack([np.abs(times @ seed).sum(1) for seed in gap], 1) / right[0].size              # (1+R,S)
    return np.append(of_seed[0].mean(), np.take_along_axis(of_seed[1:], seeds, 1).mean(1))


def calibration_estimate(errors: np.ndarray) -> tuple[float, float, float]:
    """Value and 95% interval of `calibration_errors`, `(value, low, high)` in 0..1.

    Resampling adds as much noise to the error as sampling the clips did before, and noise only makes it larger. So the
    resamples are turned around at the measured value (the basic bootstrap), which takes both out, down to 0.
    """
    low, high = bounds(errors[1:])
    return float(errors[0]), *(max(0.0, 2 * float(errors[0]) - end) for end in (high, low))


def perfect_calibration(confidence: np.ndarray) -> float:
    """Mean calibration error of a system that means what it says, with these confidences (S,N,T).

    Answers are right with their confidence, a clip's seconds by one draw: what exceeds it clearly is more than noise.
    """
    generator, errors = np.random.default_rng(0), []
    for _ in range(200):
        right = generator.random((*confidence.shape[:2], 1)) < confidence
        errors.append(calibration_errors(confidence, right, resamples=1)[0])
    return float(np.mean(errors))


def _bin(confidence: np.ndarray, right: np.ndarray, bins: int) -> np.ndarray:
    """Bin of each second, after the checks that calibration needs."""
    if confidence.ndim != 3 or confidence.shape != right.shape or right.dtype != bool or not confidence.size:
        raise VscgError("calibration needs confidence and right of one shape (seeds, clips, seconds), right bool; got "
                        f"{confidence.shape} and {right.dtype} {right.shape}")
    if bins < 1 or not ((confidence >= 0) & (confidence <= 1)).all():
        raise VscgError("calibration needs at least one bin and every confidence in 0..1")
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)
