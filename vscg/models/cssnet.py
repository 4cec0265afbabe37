"""CSS-Net, the consistent segment selection network (IEEE TMM 2023), known from its abstract."""
import math

import torch.nn.functional as F
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.errors import choose
from vscg.models.attention import AudioGuidedAttention
from vscg.models.encoder import BiLSTM
from vscg.models.heads import TwoPartHead
from vscg.models.output import Output
from vscg.models.transformer import gated_probability

ATTENTIONS = ("bgca", "agva")


class VisuallyGuidedAudio(nn.Module):
    """New in CSS-Net, the second path of its attention: what is seen says which seconds of the sound count."""

    def __init__(self, dims: Dims = AVE):
        super().__init__()
        self.query, self.value = nn.Linear(dims.visual, 128), nn.Linear(dims.audio, dims.audio)
        self.key = nn.Linear(dims.audio, 128, bias=False)      # a bias would shift all of a query's scores alike
        self.norm = nn.LayerNorm(dims.audio)

    def forward(self, audio: Tensor, attended: Tensor) -> Tensor:
        """LN(A + softmax(Q(v) K(A)^T / sqrt(128)) U(A)): audio (B,T,128) and visual vectors (B,T,512) to (B,T,128)."""
        scores = self.query(attended) @ self.key(audio).mT / math.sqrt(128)        # (B,T_v,T_a)
        return self.norm(audio + scores.softmax(-1) @ self.value(audio))


class SegmentSelection(nn.Module):
    """New in CSS-Net (CASM): all pairs of segments are correlated, and only those above a threshold share features.

    The idea of PSP, with correlations over the channels, cut up to `threshold`, tau, in place of learned similarities.
    """

    def __init__(self, *, threshold: float = 0.1):
        super().__init__()
        self.threshold = threshold

    def correlation(self, audio: Tensor, visual: Tensor) -> Tensor:
        """R_ij = corr(h^v_i, h^a_j) over the channels of (B,T,dim) twice: (B,T_v,T_a), values in [-1,1]."""
        v, a = (F.normalize(x - x.mean(-1, keepdim=True), dim=-1, eps=1e-8) for x in (visual, audio))
        return v @ a.mT

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """W = R where R > tau, else 0; h^v_i + sum_j W_ij h^a_j / sum_j W_ij, and h^a_j likewise over i.

        Audio and visual states (B,T,dim) to the new audio and visual ones; a segment without a partner stays as it is.
        """
        r = self.correlation(audio, visual)
        w = r * (r > self.threshold)                                               # (B,T_v,T_a)
        to_visual, to_audio = w / (w.sum(2, keepdim=True) + 1e-8), w / (w.sum(1, keepdim=True) + 1e-8)
        return audio + to_audio.mT @ visual, visual + to_visual @ audio


class CSSNet(nn.Module):
    """Attention on two paths, two Bi-LSTMs, segment selection, a two-part head; the loss pulls clip vectors together.

    `attention` is "bgca", its own, or "agva", VSCG's, as in Table I; `dropout` is the rate after the last two maps.
    """

    def __init__(self, setting: str, *, attention: str = "bgca", dropout: float = 0.2, dims: Dims = AVE):
        super().__init__()
        choose("attention of cssnet", attention, ATTENTIONS)
        self.fully = setting == "fully"
        self.attention = AudioGuidedAttention.of(dims)
        self.audio_attention = VisuallyGuidedAudio(dims) if attention == "bgca" else None
        self.audio_lstm, self.visual_lstm = BiLSTM(dims.audio), BiLSTM(dims.visual)
        self.selection = SegmentSelection()

        def project() -> nn.Sequential:
            return nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Dropout(dropout), nn.LayerNorm(256))

        self.audio_project, self.visual_project = project(), project()
        self.head = TwoPartHead(events=dims.events if self.fully else dims.classes)

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`.

        Extras: global_visual, global_audio, G^v, G^a (B,256), means over time for the loss; weakly raw_logits (B,29).
        """
        attended, attention = self.attention(audio, visual)                        # (B,T,512)
        if self.audio_attention is not None:
            audio = self.audio_attention(audio, attended)                          # (B,T,128)
        audio, visual = self.selection(self.audio_lstm(audio), self.visual_lstm(attended))   # (B,T,256)
        audio, visual = self.audio_project(audio), self.visual_project(visual)     # g^a, g^v
        extras = {"global_visual": visual.mean(1), "global_audio": audio.mean(1)}
        relevance, category = self.head((visual + audio) / 2)
        if self.fully:
            return Output(event_relevance=relevance, event_category=category, attention=attention, extras=extras)
        return Output(event_relevance=relevance, video_probability=gated_probability(relevance.sigmoid(), category),
                      attention=attention, extras={**extras, "raw_logits": category})
