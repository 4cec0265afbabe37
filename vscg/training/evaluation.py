"""Every metric of the book, their intervals, and the baselines that need no localisation.

`predicted` and `true` are integer arrays (N, T) of class indices; `classes` is their number, of which the last is
background: 29 on AVE. Accuracies are fractions 0..1. VscgError: arrays that are empty, hold no integers, have not
one shape (N, T), or name a class outside 0..classes-1. Intervals come from a bootstrap over clips, and over seeds where
there are several: the segments of one clip are not independent of each other, clips are.
"""
import numpy as np
import pandas as pd

from vscg.data.labels import CLASSES
from vscg.errors import VscgError


def clip_accuracy(predicted: np.ndarray, true: np.ndarray, classes: int = CLASSES) -> np.ndarray:
    """Share of right segments in each clip: (N,) float64 in 0..1."""
    predicted, true = _pair(predicted, true, classes)
    return (predicted == true).mean(axis=1)


def segment_accuracy(predicted: np.ndarray, true: np.ndarray, classes: int = CLASSES) -> float:
    """The paper's metric (Sec. IV-A): share of right segments among all N*T, background included."""
    return float(clip_accuracy(predicted, true, classes).mean())


def event_accuracy(predicted: np.ndarray, true: np.ndarray, classes: int = CLASSES) -> float:
    """Share of right segments among those whose truth is an event; NaN if there is none."""
    predicted, true = _pair(predicted, true, classes)
    return _share((predicted == true)[true != classes - 1])


def background_accuracy(predicted: np.ndarray, true: np.ndarray, classes: int = CLASSES) -> float:
    """Share of right segments among those whose truth is background; NaN if there is none."""
    predicted, true = _pair(predicted, true, classes)
    return _share((predicted == true)[true == classes - 1])


def class_accuracy(predicted: np.ndarray, true: np.ndarray, classes: int = CLASSES) -> np.ndarray:
    """Share of right segments for each true class: (classes,) float64, NaN where the class is absent from the truth."""
    counts = confusion_matrix(predicted, true, classes)
    segments = counts.sum(axis=1)
    return np.where(segments > 0, counts.diagonal() / np.maximum(segments, 1), np.nan)


def confusion_matrix(predicted: np.ndarray, true: np.ndarray, classes: int = CLASSES) -> np.ndarray:
    """Number of segments for each pair of true class (row) and predicted class (column): (classes, classes) int64."""
    predicted, true = _pair(predicted, true, classes)
    cells = np.bincount((true * classes + predicted).ravel(), minlength=classes**2)
    return cells.reshape(classes, classes)


def event_f1(predicted: np.ndarray, true: np.ndarray, classes: int = CLASSES) -> dict[str, float]:
    """Precision, recall and F1 of whole events, micro-averaged over all clips.

    An event is a maximal run of one class other than background. A predicted and a true event match if they have the
    same clip and class and their temporal intersection over union is at least one half. No event can match two. Returns
    `precision`, `recall`, `f1`, each 0..1: all 1 without any event, all 0 with events on one side only.
    """
    predicted, true = _pair(predicted, true, classes)
    claimed, wanted = _events(predicted, classes - 1), _events(true, classes - 1)
    n_claimed, n_wanted = sum(map(len, claimed.values())), sum(map(len, wanted.values()))
    if n_claimed + n_wanted == 0:
        return {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    matched = sum(_matches(claimed[key], wanted[key]) for key in claimed.keys() & wanted.keys())
    return {"precision": matched / n_claimed if n_claimed else 0.0, "recall": matched / n_wanted if n_wanted else 0.0,
            "f1": 2 * matched / (n_claimed + n_wanted)}


def bootstrap_interval(per_clip: np.ndarray) -> tuple[float, float]:
    """95% interval of the mean of (N,) finite values, one a clip: `two_way_interval` of one seed, errors included."""
    return two_way_interval(np.asarray(per_clip)[None])


def paired_difference(per_clip_a: np.ndarray, per_clip_b: np.ndarray) -> tuple[float, float, float]:
    """Mean of a - b, each (N,), over the same clips, with its bootstrap interval: `(mean, low, high)`.

    VscgError for other shapes, or values that are not finite.
    """
    a, b = np.asarray(per_clip_a, dtype=np.float64), np.asarray(per_clip_b, dtype=np.float64)
    if a.shape != b.shape:
        raise VscgError(f"a paired difference needs the same clips on both sides; got shapes {a.shape} and {b.shape}")
    return float((a - b).mean()), *bootstrap_interval(a - b)


def two_way_interval(per_seed_and_clip: np.ndarray) -> tuple[float, float]:
    """95% percentile bootstrap interval `(low, high)` of a mean over seeds and clips, both drawn with replacement.

    The values are (S,N), finite: the same N clips for each of S seeds; VscgError for anything else. With one seed the
    interval covers the clips alone. Two or three seeds say little about all: it is then rather too narrow.
    """
    values = np.asarray(per_seed_and_clip, dtype=np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise VscgError("bootstrap over seeds and clips needs one finite value for each seed and clip, shape (S,N); "
                        f"got {values.shape}")
    return bounds(resampled_means(values, draws(values.shape)))


def draws(shape: tuple[int, int], resamples: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of seeds (R,S) and of clips (R,N) drawn with replacement, independently; the same in every call."""
    generator = np.random.default_rng(0)
    clips = generator.integers(shape[1], size=(resamples, shape[1]), dtype=np.int32)
    return generator.integers(shape[0], size=(resamples, shape[0])), clips


def resampled_means(values: np.ndarray, drawn: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Mean of (S,N) values in each resample that `draws` gave: (R,)."""
    seeds, clips = drawn
    of_seed = np.stack([row[clips].mean(axis=1) for row in values], axis=1)
    return np.take_along_axis(of_seed, seeds, axis=1).mean(axis=1)


def bounds(resampled: np.ndarray) -> tuple[float, float]:
    """The two ends between which 95% of the resamples lie, as many below as above."""
    low, high = np.quantile(resampled, [(1 - 0.95) / 2, (1 + 0.95) / 2])
    return float(low), float(high)


def summarise(predicted: np.ndarray, true: np.ndarray, classes: int = CLASSES) -> dict:
    """All metrics of one system as plain floats and lists, ready for JSON; None where a class or kind is absent."""
    per_clip = clip_accuracy(predicted, true, classes)
    return {"accuracy": float(per_clip.mean()),
            "accuracy_interval": list(bootstrap_interval(per_clip)),
            "event_accuracy": _or_none(event_accuracy(predicted, true, classes)),
            "background_accuracy": _or_none(background_accuracy(predicted, true, classes)),
            "event_f1": event_f1(predicted, true, classes),
            "class_accuracy": [_or_none(value) for value in class_accuracy(predicted, true, classes)]}


def trivial_baselines(train_labels: np.ndarray, test_labels: np.ndarray, train_category: np.ndarray,
                      test_category: np.ndarray) -> pd.DataFrame:
    """Accuracy on test clips of four rules that look at neither sound nor picture: `name`, `accuracy`, `low`, `high`.

    Labels are (N,T,C) one-hot, background last; `category` (N,) holds each clip's class, which the labels lack for an
    annotated clip without an event segment. Fractions, with 95% intervals over clips.
    """
    train, true = np.asarray(train_labels).argmax(axis=2), np.asarray(test_labels).argmax(axis=2)
    category, classes = np.asarray(test_category)[:, None], np.asarray(test_labels).shape[2]
    second = np.arange(true.shape[1])
    windows = learnt_windows(train, train_category, classes)[category[:, 0]]
    inside = {"always background": np.zeros(true.shape, dtype=bool),
              "right category everywhere": np.ones(true.shape, dtype=bool),
              "right category, learnt window": (second >= windows[:, :1]) & (second < windows[:, 1:]),
              "right category and duration, at the start": second < (true != classes - 1).sum(axis=1, keepdims=True)}
    rows, drawn = [], draws((1, len(true)), 20_000)        # 2,000 would leave more of the first decimal to chance
    for name, mask in inside.items():
        per_clip = clip_accuracy(np.where(mask, category, classes - 1), true, classes)
        rows.append((name, float(per_clip.mean()), *bounds(resampled_means(per_clip[None], drawn))))
    return pd.DataFrame(rows, columns=["name", "accuracy", "low", "high"])


def learnt_windows(true: np.ndarray, category: np.ndarray, classes: int = CLASSES) -> np.ndarray:
    """For each class, the window of seconds that is right most often: (classes, 2) int64 of `[start, end)`.

    Of all windows, the empty one too, marking it as the category and the rest as background has the largest accuracy
    on `true` (N,T) of that class. Equal ones: the longest, then the earliest. Without clips it is the whole clip.
    """
    true, category = np.asarray(true), np.asarray(category)
    length = true.shape[1]
    windows = sorted(((s, e) for s in range(length) for e in range(s, length + 1)), key=lambda w: (w[0] - w[1], w[0]))
    second = np.arange(length)
    inside = np.array([(second >= s) & (second < e) for s, e in windows])
    best = np.tile([0, length], (classes, 1))
    for c in np.unique(category):
        event = true[category == c] != classes - 1
        right = inside @ event.sum(axis=0) + ~inside @ (~event).sum(axis=0)
        best[c] = windows[right.argmax()]
    return best


def _pair(predicted: np.ndarray, true: np.ndarray, classes: int = CLASSES) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays as int64, after the checks that every metric needs."""
    arrays = {"predicted": np.asarray(predicted), "true": np.asarray(true)}
    for name, array in arrays.items():
        if array.ndim != 2 or not array.size or not np.issubdtype(array.dtype, np.integer):
            raise VscgError(f"{name} must be a non-empty integer array (clips, segments); "
                            f"got {array.dtype} of shape {array.shape}")
        if array.min() < 0 or array.max() >= classes:
            clip = np.argwhere((array < 0) | (array >= classes))[0][0]
            raise VscgError(f"{name} has a class outside 0..{classes - 1} in clip {clip}")
    predicted, true = arrays.values()
    if predicted.shape != true.shape:
        raise VscgError(f"predicted and true must have one shape; got {predicted.shape} and {true.shape}")
    return predicted.astype(np.int64), true.astype(np.int64)


def _events(classes: np.ndarray, background: int) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Events of (N, T) classes: (clip, class) -> [(start, end), ...] in seconds, end exclusive, in order of time."""
    length = classes.shape[1]
    events: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for clip, row in enumerate(classes.tolist()):
        start = 0
        for end in range(1, length + 1):
            if end == length or row[end] != row[start]:
                if row[start] != background:
                    events.setdefault((clip, row[start]), []).append((start, end))
                start = end
    return events


def _matches(claimed: list[tuple[int, int]], wanted: list[tuple[int, int]]) -> int:
    """Number of matches between the events of one clip and class."""
    # Two events of one class do not touch: what overlaps both covers the gap too, and matches one of them at most.
    shared = ((min(e, end) - max(s, start), e - s + end - start) for s, e in claimed for start, end in wanted)
    return sum(both / (length - both) >= 0.5 for both, length in shared)


def _share(right: np.ndarray) -> float:
    return float(right.mean()) if right.size else float("nan")


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
