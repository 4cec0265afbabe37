"""CMAN, the cross-modal attention network (AAAI 2020): where, when and which to attend, one after the other.

No program of its authors was found: ours follows a detailed note of a third party.
"""
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.errors import choose
from vscg.models.adaptive import AdaptiveAttention, SentinelLSTM
from vscg.models.channel_attention import pool
from vscg.models.output import Output

SIMILARITIES = ("cosine", "dot")
MEMORIES = ("attended", "embedded")
FUSIONS = ("concat", "sum")


class Where(nn.Module):
    """The cells of a map count by their cosine with the sound, in place of AVEL's perceptron.

    s_i = cos(W_v x_i, W_a a), v = sum_i softmax(s)_i x_i of the raw cells; none counts more than e^2 times another.
    `similarity` is "cosine", or "dot" for the dot product over 16, which never moves the bias of W_v.
    """

    def __init__(self, *, similarity: str, dims: Dims = AVE):
        super().__init__()
        choose("similarity of cman", similarity, SIMILARITIES)
        self.cosine = similarity == "cosine"
        self.visual_map, self.audio_map = nn.Linear(dims.visual, 256), nn.Linear(dims.audio, 256)

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Audio (B,T,128) and maps (B,T,7,7,512) to v (B,T,512) and the weights (B,T,7,7), which sum to 1."""
        regions = visual.flatten(2, 3)                                             # (B,T,R,512)
        x, a = self.visual_map(regions), self.audio_map(audio).unsqueeze(-1)       # (B,T,R,256), (B,T,256,1)
        if self.cosine:
            scores = F.normalize(x, dim=-1) @ F.normalize(a, dim=-2)               # (B,T,R,1)
        else:
            scores = x @ (a / math.sqrt(256))
        attended, weights = pool(scores.squeeze(-1), regions)
        return attended, weights.unflatten(-1, visual.shape[2:4])


class When(nn.Module):
    """y = e + softmax(Q K^T / 16) V over the segments, without e if not `residual`; a bias of K would shift whole rows.
    """

    def __init__(self, *, residual: bool):
        super().__init__()
        self.residual = residual
        self.query, self.value = nn.Linear(256, 256), nn.Linear(256, 256)
        self.key = nn.Linear(256, 256, bias=False)

    def forward(self, sequence: Tensor) -> Tensor:
        """e (B,T,256) to y (B,T,256)."""
        scores = self.query(sequence) @ self.key(sequence).mT / math.sqrt(256)     # (B,T,T)
        read = scores.softmax(-1) @ self.value(sequence)
        return sequence + read if self.residual else read


class CMAN(nn.Module):
    """Where, then when in each modality, an LSTM with a sentinel, then which of the other's segments, both ways.

    New is the last step, for the picture h^v_t + c(h^v_t, s^v_t, M^a): the context c, see `AdaptiveAttention`, is read
    from the sound's sequence M^a, and for the sound from the picture's.

    Args:
        attention_size: k of `AdaptiveAttention`; None: as many as it attends to, the segments.
        similarity, residual, bidirectional: of `Where`, "cosine" or "dot", of `When`, and of `SentinelLSTM`.
        memory: what the other modality reads: "attended", y after `When`, or "embedded", e before it.
        fusion: of the two modalities, "concat" or "sum". Weakly supervised, AVEL's maximum over time follows.
        dropout: rate before the maps of the sentinel and of the co-attention; the adaptive attention has 0.5.
    """

    def __init__(self, setting: str, *, attention_size: int | None = None, similarity: str = "cosine",
                 memory: str = "attended", residual: bool = True, bidirectional: bool = False, fusion: str = "concat",
                 dropout: float = 0.0, dims: Dims = AVE):
        super().__init__()
        choose("memory of cman", memory, MEMORIES)
        choose("fusion of cman", fusion, FUSIONS)
        self.weakly, self.embedded, self.concat = setting == "weakly", memory == "embedded", fusion == "concat"
        self.where = Where(similarity=similarity, dims=dims)
        self.audio_embed, self.visual_embed = nn.Linear(dims.audio, 256), nn.Linear(dims.visual, 256)
        self.audio_when, self.visual_when = (When(residual=residual) for _ in range(2))
        self.audio_lstm, self.visual_lstm = (SentinelLSTM(bidirectional=bidirectional, dropout=dropout)
                                             for _ in range(2))
        self.audio_which, self.visual_which = (AdaptiveAttention(size=attention_size or dims.segments, dropout=dropout)
                                               for _ in range(2))
        self.classifier = nn.Linear(512 if self.concat else 256, dims.classes)

    def represent(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """All but the classifier: f, (B,T,512) or as a sum (B,T,256), the attention (B,T,7,7) and the betas (B,T)."""
        attended, attention = self.where(audio, visual)                            # (B,T,512), (B,T,7,7)
        e_a, e_v = self.audio_embed(audio), self.visual_embed(attended)            # (B,T,256), as all that follow
        y_a, y_v = self.audio_when(e_a), self.visual_when(e_v)
        (h_a, s_a), (h_v, s_v) = self.audio_lstm(y_a), self.visual_lstm(y_v)
        m_a, m_v = (e_a, e_v) if self.embedded else (y_a, y_v)
        (c_a, beta_a), (c_v, beta_v) = self.audio_which(h_a, s_a, m_v), self.visual_which(h_v, s_v, m_a)
        both = h_v + c_v, h_a + c_a
        fused = torch.cat(both, -1) if self.concat else sum(both)
        return fused, attention, {"beta_visual": beta_v, "beta_audio": beta_a}

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`; extras hold beta_visual and beta_audio (B,10).

        A beta is the weight of a modality's own sentinel: near 1, the other modality had nothing to say.
        """
        fused, attention, betas = self.represent(audio, visual)
        logits = self.classifier(fused)                                            # (B,T,29)
        probability = logits.amax(1).softmax(-1) if self.weakly else None
        return Output(segment_logits=logits, video_probability=probability, attention=attention, extras=betas)
