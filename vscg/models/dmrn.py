"""DMRN, the dual multimodal residual network: AVEL's encoders, then a residual fusion in place of concatenation."""
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.models.attention import AudioGuidedAttention
from vscg.models.encoder import BiLSTM
from vscg.models.output import Output


def two_maps(dim: int) -> nn.Sequential:
    """Linear, tanh, Linear, all of size `dim`: one modality's part of the message."""
    return nn.Sequential(nn.Linear(dim, dim), nn.Tanh(), nn.Linear(dim, dim))


class ResidualFusion(nn.Module):
    """Audio and visual vectors of one size `dim` to one fused vector: a message from both is added to each."""

    def __init__(self, dim: int = 256):
        super().__init__()
        self.audio_map, self.visual_map = two_maps(dim), two_maps(dim)

    def forward(self, audio: Tensor, visual: Tensor) -> Tensor:
        """(...,dim) twice to their fused mean (...,dim), values in (-1,1)."""
        message = (self.visual_map(visual) + self.audio_map(audio)) / 2
        # The published program crosses the residuals: the new visual vector grows out of the audio one and vice versa.
        # The mean of the two is the same either way.
        visual_new, audio_new = (audio + message).tanh(), (visual + message).tanh()
        return (audio_new + visual_new) / 2


class DMRN(nn.Module):
    """AGVA, two Bi-LSTMs, one residual fusion of each segment, a classifier; fully supervised only."""

    def __init__(self, setting: str, *, dims: Dims = AVE):
        super().__init__()
        self.attention = AudioGuidedAttention.of(dims)
        self.audio_lstm = BiLSTM(dims.audio)
        self.visual_lstm = BiLSTM(dims.visual)
        self.fusion = ResidualFusion(256)
        self.classifier = nn.Linear(256, dims.classes)
        nn.init.xavier_uniform_(self.classifier.weight)

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`."""
        attended, attention = self.attention(audio, visual)
        fused = self.fusion(self.audio_lstm(audio), self.visual_lstm(attended))    # (B,T,256)
        return Output(segment_logits=self.classifier(fused), attention=attention)
