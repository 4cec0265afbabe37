"""From features to one sequence per modality: projections, AGVA and the Bi-LSTMs (Sec. III-C)."""
from dataclasses import replace

from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.models.attention import AudioGuidedAttention
from vscg.models.recurrent import LSTM


class BiLSTM(nn.Module):
    """One single-layer bidirectional LSTM that starts from zero."""

    def __init__(self, input_dim: int = 128, hidden_dim: int = 128):
        super().__init__()
        self.lstm = LSTM(input_dim, hidden_dim, batch_first=True, bidirectional=True)

    def forward(self, sequence: Tensor) -> Tensor:
        """A sequence (B,T,input_dim) to its states in both directions (B,T,2*hidden_dim), values in (-1,1)."""
        return self.lstm(sequence)[0]


def linear_pair(input_dim: int, hidden_dim: int, output_dim: int) -> nn.Sequential:
    """Two linear maps without bias and without an activation between them (released fully supervised systems)."""
    return nn.Sequential(nn.Linear(input_dim, hidden_dim, bias=False), nn.Linear(hidden_dim, output_dim, bias=False))


class SegmentEncoder(nn.Module):
    """Audio (B,T,D_a) and visual maps (B,T,H,W,D_v) to two sequences (B,T,256): what VSCG and PSP-Net share.

    Fully supervised, both pass a pair of linear maps; weakly, the attended visual vector alone passes one with bias.
    """

    def __init__(self, setting: str, dims: Dims = AVE):
        super().__init__()
        fully = setting == "fully"
        self.audio_projection = linear_pair(dims.audio, 256, 128) if fully else nn.Identity()
        heard = 128 if fully else dims.audio
        self.attention = AudioGuidedAttention.of(replace(dims, audio=heard))
        self.visual_projection = linear_pair(dims.visual, 256, 128) if fully else nn.Linear(dims.visual, 128)
        self.audio_lstm = BiLSTM(heard)
        self.visual_lstm = BiLSTM()

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns X_a (B,T,256), X_v (B,T,256) and the attention (B,T,H,W)."""
        audio = self.audio_projection(audio)                                       # (B,T,128), weakly D_a
        attended, attention = self.attention(audio, visual)                        # (B,T,D_v)
        return self.audio_lstm(audio), self.visual_lstm(self.visual_projection(attended)), attention
