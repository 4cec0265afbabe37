"""Every loss, one function each, and which system uses which (Sec. III-E).

B clips, T = 10 segments, 29 classes with background last. Every loss is a mean over the clips of the batch.
"""
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vscg.models import SETTINGS, SYSTEMS, Output, choose

TARGETS = ("presence", "proportion")


def event_indicator(labels: Tensor) -> Tensor:
    """y_t (B,T): 1 where the one-hot labels (B,T,29) name an event, 0 on background."""
    return labels[..., :-1].sum(-1)


def event_class(labels: Tensor) -> Tensor:
    """The clip's event, (B,) int64 from labels (B,T,29); 0 where no segment holds one."""
    return labels[..., :-1].sum(1).argmax(-1)


def weak_target(labels: Tensor, target: str) -> Tensor:
    """The clip's one tag, (B,29) from labels (B,T,29).

    "presence" is the event alone, one-hot (background for a clip without event). "proportion" is the mean of the
    segments' labels: it gives the event's duration away, which weak supervision does not have.
    """
    if target == "proportion":
        return labels.mean(1)
    has_event = event_indicator(labels).amax(1) > 0
    tag = torch.where(has_event, event_class(labels), labels.shape[-1] - 1)
    return F.one_hot(tag, labels.shape[-1]).to(labels.dtype)


def event_relevance_loss(relevance: Tensor, labels: Tensor) -> Tensor:
    """L_t of Eq. 18: binary cross-entropy of the relevance logits (B,T) with y_t."""
    return F.binary_cross_entropy_with_logits(relevance, event_indicator(labels))


def category_loss(category: Tensor, labels: Tensor, empty_as_first: bool = False) -> Tensor:
    """Cross-entropy of the clip's category logits (B,28) with its event, as the released program computes L_c.

    A clip without event has no category and is left out; the released program counts it as class 0, which
    `empty_as_first` reproduces.
    """
    counts = torch.ones_like(category[:, 0]) if empty_as_first else event_indicator(labels).amax(1)
    loss = F.cross_entropy(category, event_class(labels), reduction="none")
    return (loss * counts).sum() / counts.sum().clamp(min=1)


def segment_category_loss(category: Tensor, labels: Tensor) -> Tensor:
    """L_c as Eq. 17 writes it: -1/(T(C-1)) sum over segments and the 28 events of Y log O; background adds nothing.

    The network has one category output per clip (Eq. 15), so every segment shares it.
    """
    log_o = category.log_softmax(-1).unsqueeze(1)                                  # (B,1,28)
    return -(labels[..., :-1] * log_o).mean(dim=(1, 2)).mean()


def normalised_similarity(similarity: Tensor, variant: str = "released") -> Tensor:
    """s (B,T): rows of the similarity divided by their l1 norm; the released program applies ReLU first (Eq. 16)."""
    values = similarity.relu() if variant == "released" else similarity
    return values / (values.abs().sum(-1, keepdim=True) + 1e-8)


def similarity_target(labels: Tensor) -> Tensor:
    """y_tl (B,T): y_t divided by its sum, so that a clip's event segments share the mass 1."""
    y = event_indicator(labels)
    return y / y.sum(-1, keepdim=True).clamp(min=1)


def similarity_loss(similarity: Tensor, target: Tensor, variant: str = "released") -> Tensor:
    """L_avps of Eq. 18: mean squared error of s with y_tl, both (B,T)."""
    return F.mse_loss(normalised_similarity(similarity, variant), target)


def clip_loss(probability: Tensor, target: Tensor) -> Tensor:
    """L_bce of Eq. 20: binary cross-entropy of class probabilities (B,29) with the clip's tag (B,29)."""
    return F.binary_cross_entropy(probability, target)


def smooth_loss(probability: Tensor, target: Tensor) -> Tensor:
    """L_s-bce of Eq. 21: the same after a second softmax, which flattens the 29 values to within 0.033 and 0.089."""
    return clip_loss(probability.softmax(-1), target)


def segment_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """L_ce: cross-entropy over the 29 classes of every segment, logits and labels (B,T,29)."""
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(0, 1))


def multi_label_soft_margin(values: Tensor, target: Tensor) -> Tensor:
    """AVEL's loss, mean over everything; its program feeds it probabilities: it can move only from 0.68 to 0.72."""
    return F.multilabel_soft_margin_loss(values.flatten(0, -2), target.flatten(0, -2))


class SimilarityTerm(nn.Module):
    """L_avps with the target either fresh for each batch or, as in the released loader, never cleared.

    There only event segments are written, so background segments keep what an earlier batch left in their row.
    """

    def __init__(self, variant: str, stale: bool):
        super().__init__()
        self.variant, self.stale = variant, stale
        self.register_buffer("left_over", torch.zeros(0, 10))

    def forward(self, output: Output, labels: Tensor) -> Tensor:
        target = similarity_target(labels)
        if self.stale:
            self._grow(labels)
            rows = self.left_over[:len(labels)]
            target = torch.where(event_indicator(labels) > 0, target, rows)
            self.left_over[:len(labels)] = target
        return similarity_loss(output.similarity, target, self.variant)

    def _grow(self, labels: Tensor) -> None:
        extra = len(labels) - len(self.left_over)
        if extra > 0:
            self.left_over = torch.cat([self.left_over.to(labels), labels.new_zeros(extra, labels.shape[1])])


class Objective(nn.Module):
    """A weighted sum of named terms; call it with an `Output` and labels (B,T,29), get the total and its parts."""

    def __init__(self, **terms: tuple[float, Callable[[Output, Tensor], Tensor]]):
        super().__init__()
        self.terms = terms
        self.stateful = nn.ModuleList(term for _, term in terms.values() if isinstance(term, nn.Module))

    def forward(self, output: Output, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        parts = {name: term(output, labels) for name, (_, term) in self.terms.items()}
        return sum(weight * parts[name] for name, (weight, _) in self.terms.items()), parts


def build_objective(system: str, *, setting: str = "fully", variant: str = "released", target: str = "presence",
                    stale_avps: bool = False, empty_as_first: bool = False) -> Objective:
    """The training loss of a system.

    Args:
        system, setting, variant: as for `build_model`.
        target: the weak tag, see `weak_target`.
        stale_avps, empty_as_first: faults of the released fully supervised program, see `SimilarityTerm` and
            `category_loss`.

    Returns:
        A callable: `total, parts = loss(output, labels)`.

    Raises:
        VscgError: unknown name.
    """
    choose("system", system, SYSTEMS)
    choose("setting", setting, SETTINGS)
    choose(f"variant of {system}", variant, SYSTEMS[system].variants)
    choose("target", target, TARGETS)

    def category(output: Output, labels: Tensor) -> Tensor:
        if variant == "paper":
            return segment_category_loss(output.event_category, labels)
        return category_loss(output.event_category, labels, empty_as_first)

    def on_clip(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Output, Tensor], Tensor]:
        return lambda output, labels: loss(output.video_probability, weak_target(labels, target))

    similarity = SimilarityTerm(variant, stale_avps)
    objectives = {
        ("vscg", "fully"): dict(
            event_relevance=(1, lambda output, labels: event_relevance_loss(output.event_relevance, labels)),
            category=(1, category), avps=(1, similarity)),
        ("vscg", "weakly"): dict(bce=(2, on_clip(clip_loss)), smooth=(1, on_clip(smooth_loss))),
        ("psp", "fully"): dict(
            ce=(1, lambda output, labels: segment_cross_entropy(output.segment_logits, labels)),
            avps=(100, similarity)),
        ("psp", "weakly"): dict(bce=(1, on_clip(clip_loss))),
        ("avel", "fully"): dict(
            mlsm=(1, lambda output, labels: multi_label_soft_margin(output.segment_logits.softmax(-1), labels))),
        ("avel", "weakly"): dict(mlsm=(1, on_clip(multi_label_soft_margin))),
    }
    return Objective(**objectives[system, setting])
