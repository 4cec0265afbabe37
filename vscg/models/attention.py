"""Audio-guided visual attention (AGVA): where in the picture is what the microphone hears? (Sec. III-C, after AVEL)."""
import torch
from torch import Tensor, nn

from vscg.data.labels import Dims


class AudioGuidedAttention(nn.Module):
    """Weighs the R regions of each segment's visual map, 49, by how well they go with the segment's sound.

    `hidden_dim` is the size of the space in which both meet; the score layers work on R-vectors.
    """

    def __init__(self, *, audio_dim: int = 128, visual_dim: int = 512, hidden_dim: int = 512, regions: int = 49):
        super().__init__()
        self.visual_map = nn.Linear(visual_dim, hidden_dim)
        self.audio_map = nn.Linear(audio_dim, hidden_dim)
        self.visual_score = nn.Linear(hidden_dim, regions, bias=False)
        self.audio_score = nn.Linear(hidden_dim, regions, bias=False)
        self.region_score = nn.Linear(regions, 1, bias=False)
        for layer in (self.visual_map, self.audio_map, self.visual_score, self.audio_score, self.region_score):
            nn.init.xavier_uniform_(layer.weight)

    @classmethod
    def of(cls, dims: Dims) -> "AudioGuidedAttention":
        """The attention for features of these sizes."""
        return cls(audio_dim=dims.audio, visual_dim=dims.visual, regions=dims.regions)

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Audio (B,T,D_a) and visual maps (B,T,H,W,D_v), R = H*W, to what is attended to.

        Returns:
            attended: (B,T,D_v), the attention-weighted mean of the map's raw vectors.
            attention: (B,T,H,W), non-negative, sums to 1 over each map.
        """
        height, width = visual.shape[2:4]
        regions = visual.flatten(2, 3)                                             # (B,T,R,D_v)
        v = self.visual_score(self.visual_map(regions).relu())                     # (B,T,R,R)
        g = self.audio_score(self.audio_map(audio).relu())                         # (B,T,R)
        # The audio term goes along the rows: its i-th entry is added to the whole row of region i.
        z = self.region_score((v + g.unsqueeze(-1)).tanh()).squeeze(-1)            # (B,T,R)
        alpha = z.softmax(-1)
        attended = torch.einsum("btr,btrd->btd", alpha, regions)
        return attended, alpha.unflatten(-1, (height, width))
