"""Spatial-channel attention of CMRA, CMBS and DMIN: the sound weighs the visual channels, then the places.

Leading axes are free: "..." stands for (B,T) in the systems. R = 49 regions of a map.
"""
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims


class ChannelGate(nn.Module):
    """How much each visual channel goes with the sound: the regions' mean, multiplied by the sound, decides."""

    def __init__(self, audio_dim: int = 128, visual_dim: int = 512, hidden_dim: int = 256):
        super().__init__()
        self.audio_map, self.visual_map = nn.Linear(audio_dim, visual_dim), nn.Linear(visual_dim, visual_dim)
        self.bottleneck, self.expand = nn.Linear(visual_dim, hidden_dim), nn.Linear(hidden_dim, visual_dim)

    def forward(self, audio: Tensor, regions: Tensor) -> Tensor:
        """Audio (...,audio_dim) and regions (...,R,D) to gates in (0,1), (...,D)."""
        # The sound is the same for all regions, so the mean of the products is the product with the mean.
        joint = self.audio_map(audio).relu() * self.visual_map(regions).relu_().mean(-2)
        return self.expand(self.bottleneck(joint).relu()).sigmoid()


def apply_gate(regions: Tensor, gate: Tensor) -> Tensor:
    """Regions (...,R,D), each channel multiplied by one plus its gate (...,D)."""
    return regions * (1 + gate).unsqueeze(-2)


def pool(logits: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
    """Regions (...,R,D) to their mean (...,D), weighted by the softmax of logits (...,R), and the weights (...,R)."""
    weights = logits.softmax(-1)
    return (weights.unsqueeze(-2) @ regions).squeeze(-2), weights


class GuidedPooling(nn.Module):
    """A guiding vector, such as the sound's, says how much each region counts in the mean of the regions.

    The logits pass a tanh, so no region counts more than e^2 times as much as another.
    """

    def __init__(self, guide_dim: int = 128, visual_dim: int = 512, hidden_dim: int = 256):
        super().__init__()
        self.guide_map, self.visual_map = nn.Linear(guide_dim, hidden_dim), nn.Linear(visual_dim, hidden_dim)
        self.score = nn.Linear(hidden_dim, 1)

    def forward(self, guide: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Guide (...,guide_dim) and regions (...,R,D) to their mean (...,D) and its weights (...,R), which sum to 1."""
        # Scaling the score's weights by the guide, once for all regions, spares a product as large as the map.
        direction = self.score.weight * self.guide_map(guide).relu()               # (...,hidden_dim)
        logits = (self.visual_map(regions).relu_() @ direction.unsqueeze(-1)).squeeze(-1) + self.score.bias
        return pool(logits.tanh(), regions)


class SpatialChannelAttention(nn.Module):
    """CMRA's: gated channels, then the mean over the regions, both guided by the sound."""

    def __init__(self, dims: Dims = AVE):
        super().__init__()
        self.channel, self.spatial = ChannelGate(dims.audio, dims.visual), GuidedPooling(dims.audio, dims.visual)

    def forward(self, audio: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Audio (...,128) and regions (...,R,512) to the attended vector (...,512) and the weights (...,R)."""
        return self.spatial(audio, apply_gate(regions, self.channel(audio, regions)))


def visual_layer(dropout: float, dim: int = 512) -> nn.Sequential:
    """The map, ReLU and dropout that each region's vector passes first: (...,dim) to (...,dim)."""
    return nn.Sequential(nn.Linear(dim, dim), nn.ReLU(inplace=True), nn.Dropout(dropout))
