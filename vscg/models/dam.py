"""DAM, dual attention matching (ICCV 2019), rebuilt from a detailed note; no program of its authors was found.

A segment's label is taken apart: one event for the clip, and for each segment whether it belongs to that event.
"""
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.models.attention import AudioGuidedAttention
from vscg.models.output import Output
from vscg.models.transformer import MultiHeadAttention


def match(global_audio: Tensor, global_visual: Tensor, audio: Tensor, visual: Tensor,
          scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """New in DAM: a segment belongs to the event if it agrees with what the *other* modality says of the whole clip.

    x_t = <phi_a, v_t> / scale, y_t = <phi_v, a_t> / scale, p_t = (sigmoid(x_t) + sigmoid(y_t)) / 2.

    Of phi_a, phi_v (B,D) and a, v (B,T,D); returns p (B,T) and its logit, log(p / (1 - p)) (B,T).
    """
    x, y = (torch.einsum("btd,bd->bt", local, whole) / scale
            for local, whole in ((visual, global_audio), (audio, global_visual)))
    # p / (1 - p) = (sigmoid(x) + sigmoid(y)) / (sigmoid(-x) + sigmoid(-y)), in logarithms finite for any x and y.
    yes, no = (torch.logaddexp(F.logsigmoid(sign * x), F.logsigmoid(sign * y)) for sign in (1, -1))
    return (x.sigmoid() + y.sigmoid()) / 2, yes - no


class DAM(nn.Module):
    """AGVA, self-attention over the clip, an event for the clip, and `match`; fully supervised only.

    Args:
        dropout: rate after both hidden layers of the event's classifier.
        scaled: whether `match` divides its dot products by 16, the root of their size.
        residual: whether the self-attention adds what came in.
        locals_after: whether `match` compares the segments after self-attention, not before.
    """

    def __init__(self, setting: str, *, dropout: float = 0.2, scaled: bool = False, residual: bool = False,
                 locals_after: bool = False, dims: Dims = AVE):
        super().__init__()
        self.residual, self.locals_after = residual, locals_after
        self.scale = math.sqrt(256) if scaled else 1.0
        self.attention = AudioGuidedAttention.of(dims)
        self.audio_project, self.visual_project = nn.Linear(dims.audio, 256), nn.Linear(dims.visual, 256)
        self.audio_self, self.visual_self = (MultiHeadAttention(heads=1, dropout=0.0) for _ in range(2))
        self.category = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Dropout(dropout),
                                      nn.Linear(512, 512), nn.ReLU(), nn.Dropout(dropout),
                                      nn.Linear(512, dims.events))

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`; extras hold relevance_prob, p (B,10)."""
        attended, attention = self.attention(audio, visual)                        # (B,T,512)
        audio, visual = self.audio_project(audio), self.visual_project(attended)   # a, v (B,T,256)
        read_audio, read_visual = self.audio_self(audio, audio), self.visual_self(visual, visual)
        if self.residual:
            read_audio, read_visual = audio + read_audio, visual + read_visual
        phi_a, phi_v = read_audio.mean(1), read_visual.mean(1)                     # (B,256), background included
        if self.locals_after:
            audio, visual = read_audio, read_visual
        probability, logit = match(phi_a, phi_v, audio, visual, self.scale)        # (B,T)
        return Output(event_relevance=logit, event_category=self.category(torch.cat([phi_v, phi_a], -1)),
                      attention=attention, extras={"relevance_prob": probability})
