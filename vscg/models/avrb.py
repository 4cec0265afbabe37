"""AVRB, "See the Sound, Hear the Pixels" (WACV 2020), known from its abstract: the names of two blocks and their roles.

The equations inside the blocks are ours: a baseline in their style, which neither confirms nor questions the paper's
figures. Its unsupervised form (a triplet loss on Gram matrices) is left out.
"""
import torch
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.errors import VscgError, choose
from vscg.models.attention import AudioGuidedAttention
from vscg.models.bilinear import BilinearPooling
from vscg.models.encoder import BiLSTM
from vscg.models.output import Output

FUSIONS = ("low_rank", "mfb")
POOLINGS = ("swab", "max")


class AudioVisualFusion(nn.Module):
    """The fusion block (AVFB): f = P(tanh(U h^v) * tanh(V h^a)), a bilinear form of low rank."""

    def __init__(self):
        super().__init__()
        self.audio_map, self.visual_map, self.output = (nn.Linear(256, 256) for _ in range(3))     # V, U, P

    def forward(self, audio: Tensor, visual: Tensor) -> Tensor:
        """h^a, h^v (B,T,256) to f (B,T,256)."""
        return self.output(self.visual_map(visual).tanh() * self.audio_map(audio).tanh())


class SegmentWiseAttention(nn.Module):
    """The segment-wise attention block (SWAB): which seconds matter; none is erased.

    alpha = softmax over t of w^T tanh(W f_t + b), f'_t = (1 + g alpha_t) f_t; 10 for g doubles segments on average.
    """

    def __init__(self, *, gate_scale: float = 1.0):
        super().__init__()
        self.gate_scale = gate_scale
        self.hidden, self.score = nn.Linear(256, 256), nn.Linear(256, 1, bias=False)

    def forward(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """f (B,T,256) to f' (B,T,256) and alpha (B,T), which sums to 1."""
        alpha = self.score(self.hidden(fused).tanh()).squeeze(-1).softmax(1)       # (B,T)
        return fused + self.gate_scale * alpha.unsqueeze(-1) * fused, alpha


class AVRB(nn.Module):
    """AVEL's encoders, the two blocks, two linear layers; weakly supervised, alpha is the pooling over time.

    Args:
        fusion: "low_rank", see `AudioVisualFusion`, or "mfb", see `BilinearPooling`.
        gate_scale: see `SegmentWiseAttention`.
        pooling: weakly supervised: logits are pooled by "swab", sum_t alpha_t logits_t, or by their "max".
    Raises VscgError: an unknown choice, or a pooling where there is none to choose.
    """

    def __init__(self, setting: str, *, fusion: str = "low_rank", gate_scale: float = 1.0, pooling: str = "swab",
                 dims: Dims = AVE):
        super().__init__()
        choose("fusion of avrb", fusion, FUSIONS)
        choose("pooling of avrb", pooling, POOLINGS)
        if setting == "fully" and pooling != "swab":
            raise VscgError(f"avrb, fully supervised, pools nothing over time: leave out the pooling {pooling!r}.")
        self.weakly, self.maximum = setting == "weakly", pooling == "max"
        self.attention = AudioGuidedAttention.of(dims)
        self.audio_lstm, self.visual_lstm = BiLSTM(dims.audio), BiLSTM(dims.visual)
        self.fusion = AudioVisualFusion() if fusion == "low_rank" else BilinearPooling(dropout=0.0)
        self.segment = SegmentWiseAttention(gate_scale=gate_scale)
        self.hidden, self.classifier = nn.Linear(768, 128), nn.Linear(128, dims.classes)
        for layer in (self.hidden, self.classifier):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`; extras hold segment_weight, alpha (B,10)."""
        attended, attention = self.attention(audio, visual)                        # (B,T,512)
        audio, visual = self.audio_lstm(audio), self.visual_lstm(attended)         # h^a, h^v (B,T,256)
        fused, alpha = self.segment(self.fusion(audio, visual))
        logits = self.classifier(self.hidden(torch.cat([fused, visual, audio], -1)).relu())    # (B,T,29)
        probability = None
        if self.weakly:
            pooled = logits.amax(1) if self.maximum else torch.einsum("bt,btc->bc", alpha, logits)
            probability = pooled.softmax(-1)
        return Output(segment_logits=logits, video_probability=probability, attention=attention,
                      extras={"segment_weight": alpha})
