"""Every loss, one function each, and which system uses which (Sec. III-E): means over the clips of the batch.

B clips, T segments, background the last class; shapes are given with AVE's numbers, 29 classes.
"""
import functools
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vscg.errors import VscgError, choose
from vscg.models import Output, check_system

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

    A clip without event is left out; the released program counts it as class 0, which `empty_as_first` reproduces.
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
    """AVEL's loss of values and 0/1 targets, both (B,29) or (B,T,29), mean over everything.

    Its program feeds it probabilities: it moves only from 0.680 to 0.715.
    """
    return F.multilabel_soft_margin_loss(values.flatten(0, -2), target.flatten(0, -2))


def discriminative_eigenvalues(rows: Tensor, classes: Tensor, ridge: float) -> Tensor:
    """How far classes lie apart in the directions that tell them apart: v of S_b e = v (S_w + lambda I) e.

    S_w is the mean of the covariances within the classes, S_b the covariance of all rows minus S_w. `rows` (N,D) and
    `classes` (N,C) one-hot are float64, `ridge` is lambda; a class of one row has no covariance and is left out of S_w.
    Returns (D,) float64, ascending; not more than the classes that are there less one can be far above 0.
    """
    counts = classes.sum(0)
    centred = rows - classes @ (classes.T @ rows / counts.clamp(min=1).unsqueeze(-1))
    weights = classes @ ((counts > 1) / (counts - 1).clamp(min=1))                 # 1/(n_c - 1) of each row's class
    within = centred.T @ (weights.unsqueeze(-1) * centred) / (counts > 1).sum().clamp(min=1)
    between = rows.T.cov() - within
    # With S_w + lambda I = G G^T the eigenvalues are those of the symmetric G^-1 S_b G^-T.
    factor = torch.linalg.cholesky(within + torch.full_like(within[0], ridge).diag())
    half = torch.linalg.solve_triangular(factor, between, upper=False)
    ratio = torch.linalg.solve_triangular(factor, half.mT, upper=False)
    return torch.linalg.eigvalsh((ratio + ratio.mT) / 2)


def eigenvalue_loss(representation: Tensor, labels: Tensor, *, ridge: float = 1e-3, margin: float = 1.0,
                    min_rows: int = 640) -> Tensor:
    """DCA's objective, read as Deep LDA: minus the mean of the batch's least `discriminative_eigenvalues`.

    Of the C' - 1 largest, C' classes being there, those count that lie within `margin` of their least: what tells the
    classes apart worst is raised. Below 0 where classes lie apart. `representation` is r (B,T,D) of all segments,
    `ridge` lambda; background is a class. Below `min_rows` segments the loss is 0: with one clip to a class the network
    would shrink S_w, the scatter within single clips, and the loss would fall without bound.
    """
    rows, classes = representation.flatten(0, 1).double(), labels.flatten(0, 1).double()     # (N,D), (N,29)
    if len(rows) < min_rows:
        return representation.new_zeros(())
    counts, values = classes.sum(0), discriminative_eigenvalues(rows, classes, ridge)
    largest = torch.arange(len(values), 0, -1, device=values.device) < (counts > 0).sum()
    least = values.detach().masked_fill(~largest, torch.inf).min()
    kept = largest & (values <= least + margin)
    return (-(values * kept).sum() / kept.sum().clamp(min=1)).to(representation.dtype)


def pull_loss(visual: Tensor, audio: Tensor, counts: Tensor, normalised: bool = False) -> Tensor:
    """L_av of CSS-Net: 1 - cos(G^v, G^a) plus their squared distance, mean over clips whose `counts` (B,) is 1, not 0.

    G^v, G^a are (B,D); the distance is a mean over the channels or, `normalised`, that of both scaled to length 1.
    """
    if normalised:
        distance = (F.normalize(visual, dim=-1) - F.normalize(audio, dim=-1)).square().sum(-1)
    else:
        distance = (visual - audio).square().mean(-1)
    each = 1 - F.cosine_similarity(visual, audio, dim=-1) + distance               # (B,)
    return (each * counts).sum() / counts.sum().clamp(min=1)


def push_loss(visual: Tensor, audio: Tensor, labels: Tensor, margin: float = 0.2) -> Tensor:
    """Negatives for `pull_loss`: mean of max(0, cos(G^v_i, G^a_k) - margin) over pairs of clips of different events.

    G^v, G^a are (B,D), labels (B,T,29); a clip without event is in no pair.
    """
    has_event, event = event_indicator(labels).amax(1), event_class(labels)
    pairs = has_event * has_event.unsqueeze(-1) * (event != event.unsqueeze(-1))    # (B,B)
    cosine = F.normalize(visual, dim=-1) @ F.normalize(audio, dim=-1).T
    return ((cosine - margin).relu() * pairs).sum() / pairs.sum().clamp(min=1)


class SimilarityTerm(nn.Module):
    """L_avps with the target either fresh for each batch or, as in the released loader, never cleared.

    There only event segments are written, so background segments keep what an earlier batch left in their row.
    `variant` is that of `normalised_similarity`.
    """

    def __init__(self, variant: str, stale: bool):
        super().__init__()
        self.variant, self.stale = variant, stale
        self.register_buffer("left_over", torch.zeros(0))

    def forward(self, similarity: Tensor, labels: Tensor) -> Tensor:
        """The loss, a scalar, from the similarity (B,T) and labels (B,T,29); a stale target is remembered."""
        target = similarity_target(labels)
        if self.stale:
            self._grow(labels)
            rows = self.left_over[:len(labels)]
            target = torch.where(event_indicator(labels) > 0, target, rows)
            self.left_over[:len(labels)] = target
        return similarity_loss(similarity, target, self.variant)

    def _grow(self, labels: Tensor) -> None:
        extra = len(labels) - len(self.left_over)
        if extra > 0:
            self.left_over = torch.cat([self.left_over.to(labels), labels.new_zeros(extra, labels.shape[1])])


class Objective(nn.Module):
    """A weighted sum of terms; call it with an `Output` and labels (B,T,29), get the total and its parts.

    `terms`: name -> weight, the fields of `Output` or its extras that it reads, with spaces between, and the term.
    """

    def __init__(self, name: str, terms: Mapping[str, tuple[float, str, Callable[..., Tensor]]]):
        super().__init__()
        self.name, self.terms = name, terms
        self.stateful = nn.ModuleList(term for _, _, term in terms.values() if isinstance(term, nn.Module))

    def read(self, output: Output, field: str) -> Tensor:
        """A field of the output or of its extras, in its own shape; VscgError if the model does not produce it."""
        values = output.extras.get(field, getattr(output, field, None))
        if values is None:
            raise VscgError(f"The loss {self.name!r} reads {field}, which this model does not produce: choose a loss "
                            f"that fits the model, or a head that fits the loss where the system has several "
                            f"(fully supervised VSCG and PSP-Net: model_options={{'head': 'two_part'}} for an event "
                            f"relevance and category, 'segment' for segment logits).")
        return values

    def forward(self, output: Output, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum and each term without its weight, all scalars, of labels (B,T,29); VscgError as `read`."""
        parts = {name: term(*(self.read(output, field) for field in fields.split()), labels)
                 for name, (_, fields, term) in self.terms.items()}
        return sum(weight * parts[name] for name, (weight, _, _) in self.terms.items()), parts


# Which terms a loss has, with their weights. A name tells the terms in the paper's symbols; c17 and avps16 are terms as
# Eq. 17 and Eq. 16 write them, c and avps as the released program computes them; p-gate takes CMBS's gate for the
# probability that it is, gate, as its program does, for a logit; n-pull compares vectors of length 1, and pull+push has
# negatives, two other readings of CSS-Net's abstract.
LOSSES: dict[str, dict[str, float]] = {
    "c+t+avps": {"event_relevance": 1, "category": 1, "avps": 1},      # Eq. 17 and 18, L_fully
    "c17+t+avps16": {"event_relevance": 1, "category_17": 1, "avps_16": 1},
    "c17+t+avps": {"event_relevance": 1, "category_17": 1, "avps": 1},
    "c+t+avps16": {"event_relevance": 1, "category": 1, "avps_16": 1},
    "c+t": {"event_relevance": 1, "category": 1},                      # without the negative pair filter
    "ce+avps": {"ce": 1, "avps": 100},                                 # PSP-Net's
    "mlsm": {"mlsm": 1},                                               # AVEL's, on segments or on the clip's tag
    "2bce+s-bce": {"bce": 2, "smooth": 1},                             # Eq. 19, L_weak
    "bce": {"bce": 1},
    "mlsm+self": {"mlsm": 0.92, "mlsm_self": 0.08},                    # DMIN's
    "c+t+self": {"event_relevance": 1, "category": 0.9, "category_self": 0.1},
    "c+t+gate+av": {"event_relevance": 1, "gate": 1, "category": 1, "av_score": 1},    # CMBS's
    "c+t+p-gate+av": {"event_relevance": 1, "probability_gate": 1, "category": 1, "av_score": 1},
    "ce": {"ce": 1},
    "0.5c+0.5t": {"category": 0.5, "event_relevance": 0.5},           # DAM's, lambda = 0.5
    "0.9c+0.1t": {"category": 0.9, "event_relevance": 0.1},           # the second best lambda of its authors
    "ce+eigenvalue": {"ce": 1, "eigenvalue": 0.01},                    # DCA's
    "c+t+pull": {"event_relevance": 1, "category": 1, "pull": 0.1},    # CSS-Net's
    "c+t+n-pull": {"event_relevance": 1, "category": 1, "pull_normalised": 0.1},
    "c+t+pull+push": {"event_relevance": 1, "category": 1, "pull": 0.1, "push": 0.1},
    # The multi-label loss of probabilities can hardly move: with 0.1 here everything became background.
    "mlsm+pull": {"mlsm": 1, "pull": 0.001},
    "mlsm+n-pull": {"mlsm": 1, "pull_normalised": 0.001},
    "mlsm+pull+push": {"mlsm": 1, "pull": 0.001, "push": 0.001},
}
# (system, setting) -> the loss that its program trains with; ours where there is no program, and for AVSDN
_PUBLISHED_LOSS = {
    ("vscg", "fully"): "c+t+avps", ("vscg", "weakly"): "2bce+s-bce", ("psp", "fully"): "ce+avps",
    ("psp", "weakly"): "bce", ("avel", "fully"): "mlsm", ("avel", "weakly"): "mlsm", ("dmrn", "fully"): "mlsm",
    ("cmra", "fully"): "c+t", ("cmra", "weakly"): "mlsm", ("cmbs", "fully"): "c+t+gate+av",
    ("cmbs", "weakly"): "mlsm", ("dmin", "fully"): "c+t+self", ("dmin", "weakly"): "mlsm+self",
    ("avsdn", "fully"): "ce", ("avsdn", "weakly"): "bce",
    ("cman", "fully"): "ce", ("cman", "weakly"): "mlsm", ("dam", "fully"): "0.5c+0.5t",
    ("avrb", "fully"): "ce", ("avrb", "weakly"): "mlsm", ("avin", "fully"): "ce", ("avin", "weakly"): "mlsm",
    ("csa", "fully"): "ce", ("csa", "weakly"): "mlsm", ("avt", "fully"): "ce", ("avt", "weakly"): "mlsm",
    ("dca", "fully"): "ce+eigenvalue", ("cssnet", "fully"): "c+t+pull", ("cssnet", "weakly"): "mlsm+pull",
}


def published_loss(system: str, setting: str, variant: str = "released") -> str:
    """The loss of a system's program, or of its text where the variant is "paper"; ours where there is no program."""
    loss = _PUBLISHED_LOSS[system, setting]
    return "c17+t+avps16" if (variant, loss) == ("paper", "c+t+avps") else loss


def build_objective(system: str, *, setting: str = "fully", variant: str = "released", loss: str | None = None,
                    target: str = "presence", stale_avps: bool = False, empty_as_first: bool = False) -> Objective:
    """The training loss of a system: `total, parts = loss(output, labels)`.

    Args:
        system, setting, variant: as for `build_model`.
        loss: another loss than the system's own, one of `LOSSES`; the model needs a head with the outputs it reads.
        target: the weak tag, see `weak_target`.
        stale_avps, empty_as_first: faults of released fully supervised programs, see `SimilarityTerm` and
            `category_loss`.
    Raises VscgError: unknown name, or, when it is called, an output that lacks what the loss reads.
    """
    check_system(system, setting, variant)
    choose("target", target, TARGETS)
    loss = loss or published_loss(system, setting, variant)
    choose("loss", loss, LOSSES)

    def category(values: Tensor, labels: Tensor) -> Tensor:
        return category_loss(values, labels, empty_as_first)

    def on_clip(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
        # Some programs have no background among the clip's classes: the tag is cut to theirs.
        return lambda values, labels: function(values, weak_target(labels, target)[:, :values.shape[-1]])

    def pull(visual: Tensor, audio: Tensor, labels: Tensor, normalised: bool = False) -> Tensor:
        # Weakly supervised, what a clip without event shows and what it sounds like need not go together.
        counts = event_indicator(labels).amax(1) if setting == "weakly" else torch.ones_like(labels[:, 0, 0])
        return pull_loss(visual, audio, counts, normalised)

    vectors = "global_visual global_audio"
    # term -> what of the output it reads, and the loss of that
    terms = {
        "event_relevance": ("event_relevance", event_relevance_loss),
        "category": ("event_category", category),
        "category_17": ("event_category", segment_category_loss),
        "avps": ("similarity", SimilarityTerm("released", stale_avps)),
        "avps_16": ("similarity", SimilarityTerm("paper", stale_avps)),
        "ce": ("segment_logits", segment_cross_entropy),
        "mlsm": (("video_probability", on_clip(multi_label_soft_margin)) if setting == "weakly" else
                 ("segment_logits", lambda logits, labels: multi_label_soft_margin(logits.softmax(-1), labels))),
        "bce": ("video_probability", on_clip(clip_loss)),
        "smooth": ("video_probability", on_clip(smooth_loss)),
        "mlsm_self": ("video_prob_self", on_clip(multi_label_soft_margin)),
        "category_self": ("event_self", category),
        "av_score": ("av_score", category),
        # CMBS takes the gate, a product of two sigmoids, for a logit: this term never comes near 0.
        "gate": ("gate", event_relevance_loss),
        "probability_gate": ("gate", lambda gate, labels: F.binary_cross_entropy(gate, event_indicator(labels))),
        "eigenvalue": ("representation", eigenvalue_loss),
        "pull": (vectors, pull),
        "pull_normalised": (vectors, functools.partial(pull, normalised=True)),
        "push": (vectors, push_loss),
    }
    return Objective(loss, {name: (weight, *terms[name]) for name, weight in LOSSES[loss].items()})
