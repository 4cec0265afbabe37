"""From fused features F (B,T,256) to classes (Sec. III-E)."""
import torch.nn.functional as F
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.errors import choose
from vscg.models.output import Output


class TwoPartHead(nn.Module):
    """Is each segment an event, and which event does the clip hold? (Eq. 14, 15).

    `events` are the clip's classes, 28 events; weakly supervised, CMRA, CSS-Net and DMIN add background, 29.
    """

    def __init__(self, dim: int = 256, events: int = 28):
        super().__init__()
        self.relevance = nn.Linear(dim, 1)
        self.category = nn.Linear(dim, events)

    def forward(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """Event relevance o_t (B,T) and event category o_c (B,events), both logits; fused is (B,T,dim)."""
        return self.relevance(fused).squeeze(-1), self.category(fused.amax(1))


class SegmentHead(nn.Module):
    """Class logits for each segment, 29 on AVE, without biases."""

    def __init__(self, classes: int = 29):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(256, 64, bias=False), nn.ReLU(), nn.Linear(64, classes, bias=False))

    def forward(self, fused: Tensor) -> Tensor:
        """Fused features (B,T,256) to logits (B,T,29)."""
        return self.layers(fused)


class WeightingHead(nn.Module):
    """Weakly supervised: segment scores, weighted by a branch of their own, averaged into one clip distribution.

    If `rectified`, a ReLU stands before the branch's sigmoid, as in the released programs: a weight lies between 0.5
    and 1, so the branch can halve a segment, not silence it. `classes` are events and background.
    """

    def __init__(self, rectified: bool = True, classes: int = 29):
        super().__init__()
        self.rectified = rectified
        self.segment = SegmentHead(classes)
        self.weight = nn.Linear(classes, 1, bias=False)

    def forward(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """Fused features (B,T,256) to weighted segment logits (B,T,29) and the clip's probabilities O_c^w (B,29)."""
        score = self.segment(fused)
        weight = self.weight(score)
        score = score * (weight.relu() if self.rectified else weight).sigmoid()
        return score, score.mean(1).softmax(-1)


# Fully supervised; each fits the losses that read it.
HEADS = {"two_part": lambda dims: TwoPartHead(events=dims.events), "segment": lambda dims: SegmentHead(dims.classes)}


def build_head(setting: str, head: str, rectified: bool = True, dims: Dims = AVE) -> nn.Module:
    """The head `head` of `HEADS` when fully supervised, the weighting head when weakly supervised."""
    choose("head", head, HEADS)
    return HEADS[head](dims) if setting == "fully" else WeightingHead(rectified, dims.classes)


def segment_cosine(audio: Tensor, visual: Tensor) -> Tensor:
    """Similarity of each segment's two vectors: (B,T,dim) twice to (B,T), in [-1,1]."""
    return F.cosine_similarity(audio, visual, dim=-1, eps=1e-12)


def classify(head: nn.Module, fused: Tensor, **fields: Tensor | float | None) -> Output:
    """Run a head on fused features (B,T,256); `fields` are what the output holds besides."""
    if isinstance(head, TwoPartHead):
        relevance, category = head(fused)
        return Output(event_relevance=relevance, event_category=category, **fields)
    if isinstance(head, SegmentHead):
        return Output(segment_logits=head(fused), **fields)
    score, probability = head(fused)
    return Output(segment_logits=score, video_probability=probability, smooth_probability=probability.softmax(-1),
                  **fields)
