"""Sound-source localisation, counted: a system's attention held against a mask of where the sounding object is.

Maps (N,T,H,W) are non-negative with any sum, mask (N,T,H,W) is True on the object's regions. Every score is given for
each second, (N,T) in 0..1, and NaN where the mask does not allow it; `scores` takes the means over the seconds that
count, one value for each clip, because the seconds of a clip are not independent of each other.

The protocol of the literature (Senocak et al., "Learning to Localize Sound Source in Visual Scenes", CVPR 2018): a map
becomes a set of regions by a threshold, and the set is compared with the true one by intersection over union (IoU).
Reported are the share of pictures whose IoU is at least 0.5, and the area under the curve of that share over all values
that could stand in place of 0.5. Maps here have a level of their own, so the threshold is a fraction of each map's
maximum. There several annotators weigh the true regions; here the truth is a plain mask.
"""
import numpy as np
import torch
from torch import nn

from vscg.data.labels import GRID, event_mask
from vscg.data.prepared import Dataset
from vscg.errors import VscgError
from vscg.training.batches import Features, outputs

HALF = 0.5                                       # of a map's maximum; and the IoU from which a second is a success
GRID_OF_THRESHOLDS = np.linspace(0, 1, 21)       # steps of 0.05, as in the literature
SCORES = {"pointing": "pointing accuracy", "iou": "mean IoU", "success": "IoU of 0.5 or more", "roc_auc": "ROC AUC"}


def scored_seconds(labels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Seconds that count, (N,T) bool: the object is heard and seen (an event in `labels` (N,T,29)) and has a region."""
    return event_mask(labels) & mask.any((2, 3))


def pointing(maps: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Does the largest region lie in the mask? (N,T), 1 or 0, NaN where the mask is empty.

    Among regions that are equally large one is drawn at random: the value is the share of them inside the mask.
    """
    maps, mask = _regions(maps, mask)
    largest = maps == maps.max(-1, keepdims=True)
    return np.where(mask.any(-1), (largest & mask).sum(-1) / largest.sum(-1), np.nan)


def iou(maps: np.ndarray, mask: np.ndarray, threshold: float = HALF) -> np.ndarray:
    """Intersection over union of the mask and the regions of at least `threshold` times their map's maximum: (N,T).

    0..1, NaN where the mask is empty. The threshold is above 0 and at most 1; with 1 only the largest regions are left.
    """
    if not 0 < threshold <= 1:
        raise VscgError(f"threshold is {threshold}: give a fraction of the maximum, above 0 and at most 1.")
    maps, mask = _regions(maps, mask)
    claimed = maps >= threshold * maps.max(-1, keepdims=True)
    return np.where(mask.any(-1), (claimed & mask).sum(-1) / (claimed | mask).sum(-1), np.nan)


def success(overlap: np.ndarray, at: float | np.ndarray = HALF) -> np.ndarray:
    """Is the IoU at least `at`? 1 or 0, NaN where `overlap` (N,T) is. An array of values gives a last axis to it."""
    overlap = np.expand_dims(overlap, tuple(range(-np.ndim(at), 0)))
    return np.where(np.isfinite(overlap), overlap >= at, np.nan)


def success_area(overlap: np.ndarray) -> np.ndarray:
    """Area under each second's success over IoU thresholds 0, 0.05, ..., 1 by trapezoids: (N,T) of `overlap` (N,T).

    Its mean over seconds is the AUC of the literature; without steps it is the mean IoU, within 0.025. So `scores`
    gives the mean IoU and, as AUC, that of the ROC curve, which needs no threshold at all.
    """
    return np.trapezoid(success(overlap, GRID_OF_THRESHOLDS), GRID_OF_THRESHOLDS, axis=-1)


def roc_auc(maps: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How often is a region inside the mask larger than one outside, over all such pairs of a map? (N,T).

    The area under the map's ROC curve; equal values count half. NaN where the mask is empty or full.
    """
    maps, mask = _regions(maps, mask)
    inside, outside = mask.sum(-1), (~mask).sum(-1)
    larger = np.sign(maps[..., :, None] - maps[..., None, :])                      # (N,T,R,R): 1, 0 or -1
    wins = np.einsum("ntr,ntrs,nts->nt", mask, larger, ~mask) / np.maximum(inside * outside, 1)
    return np.where((inside > 0) & (outside > 0), (1 + wins) / 2, np.nan)


def scores(maps: np.ndarray, mask: np.ndarray, scored: np.ndarray) -> dict[str, np.ndarray]:
    """All of `SCORES`, each a mean over the scored seconds of a clip: (C,) in 0..1.

    `scored` (N,T) is of `scored_seconds`; C clips have one. VscgError: none is, or its mask is empty or full.
    """
    overlap = iou(maps, mask)
    seconds = {"pointing": pointing(maps, mask), "iou": overlap, "success": success(overlap),
               "roc_auc": roc_auc(maps, mask)}
    return {name: clip_means(values, scored) for name, values in seconds.items()}


def clip_means(values: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """Mean of `values` (N,T) over the scored seconds (N,T) of each clip that has one: (C,). Errors as `scores`."""
    if not scored.any():
        raise VscgError("no second is scored: the labels and the mask have no second in which an object is heard and "
                        "seen.")
    if not np.isfinite(values[scored]).all():
        clip, second = np.argwhere(scored & ~np.isfinite(values))[0]
        raise VscgError(f"second {second} of clip {clip} cannot be scored: its mask is empty or fills the whole map.")
    number = scored.sum(1)
    return np.where(scored, values, 0).sum(1)[number > 0] / number[number > 0]


def chance(mask: np.ndarray, scored: np.ndarray) -> dict[str, np.ndarray]:
    """What an even map gets, in closed form: (C,) for each of `SCORES`, as `scores`.

    Pointing: the mask's share of the map, for any region may be drawn. IoU: the same share, for all regions pass any
    threshold. That is generous: fewer regions, picked blindly, expect a smaller IoU. ROC AUC: a half.
    """
    share = mask.mean((2, 3))
    seconds = {"pointing": share, "iou": share, "success": (share >= HALF) * 1.0, "roc_auc": np.full(share.shape, 0.5)}
    return {name: clip_means(values, scored) for name, values in seconds.items()}


def centre_prior() -> np.ndarray:
    """A map (7,7) that knows only that things are filmed in the middle: a bump a quarter of it wide, sum 1."""
    squares = ((np.arange(GRID) - (GRID - 1) / 2) / (GRID / 4)) ** 2
    bump = np.exp(-(squares[:, None] + squares) / 2)
    return bump / bump.sum()


def other_clip(category: np.ndarray, seed: int = 0) -> np.ndarray:
    """For each clip one of another class, each once, at random: (N,) positions; VscgError if a class has over half."""
    generator, size = np.random.default_rng(seed), len(category)
    classes, of = np.unique(category, return_inverse=True)
    if np.bincount(of).max() > size / 2:
        raise VscgError(f"class {classes[np.bincount(of).argmax()]} holds more than half of the {size} clips: their "
                        "sounds cannot all be swapped with those of other classes.")
    # Class by class, in random order: half of all clips further on there is no clip of the same class.
    order = np.lexsort((generator.random(size), generator.permutation(len(classes))[of]))
    other = np.empty(size, dtype=np.int64)
    other[order] = np.roll(order, size // 2)
    return other


@torch.inference_mode()
def attention_of(model: nn.Module, data: Dataset, rows: np.ndarray,
                 sound_rows: np.ndarray | None = None, modality: str = "both") -> np.ndarray:
    """A system's attention (N,T,G,G) float32, each map of sum 1, for pictures `rows` (N,), with sounds `sound_rows`.

    The sounds are the pictures' own if None; `modality` is that of the model's run. VscgError: the system has no
    attention over the picture.
    """
    features = Features(data, torch.device("cpu"), modality)
    parts = [output.attention for output in outputs(model, features, rows, sounds=sound_rows)]
    if any(part is None for part in parts):
        raise VscgError(f"{type(model).__name__} has no attention over the picture: nothing can be localised.")
    return torch.cat(parts).numpy()


def _regions(maps: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both with their two last axes joined, after the checks that every score needs."""
    maps, mask = np.asarray(maps), np.asarray(mask)
    if maps.ndim != 4 or maps.shape != mask.shape or mask.dtype != bool:
        raise VscgError(f"maps and mask must have one shape (clips, seconds, height, width) and mask be bool; got "
                        f"{maps.shape} and {mask.dtype} {mask.shape}")
    if not (np.isfinite(maps) & (maps >= 0)).all():
        raise VscgError(f"clip {np.argwhere(~(maps >= 0) | ~np.isfinite(maps))[0][0]} has a map with a value that is "
                        "negative or not finite.")
    return maps.reshape(*maps.shape[:2], -1), mask.reshape(*mask.shape[:2], -1)
