"""AVT, an audio-visual transformer with instance attention (ACCV 2020), known from its abstract and its size."""
import torch
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.errors import VscgError, choose
from vscg.models.output import Output
from vscg.models.transformer import TransformerLayer

POSITIONS = ("none", "temporal")


class Positions(nn.Module):
    """A learned vector for each segment, added to a sequence (B,T,dim)."""

    def __init__(self, segments: int = 10, dim: int = 512):
        super().__init__()
        self.weight = nn.Parameter(0.02 * torch.randn(segments, dim))

    def forward(self, sequence: Tensor) -> Tensor:
        """The sequence with its positions, the same shape."""
        return sequence + self.weight


class AVT(nn.Module):
    """New in AVT: places meet within a frame and over time, then the sound asks which of them it comes from.

    Five post-norm layers of eight heads; the number of layers and their widths are our choice, which the paper's
    15.8 M parameters allow. Without positions, places and segments are sets: no layer knows their order.

    Args:
        dropout: rate in all layers: on the attention weights, after the attention, after the ReLU and after the map.
        positions: "none", or "temporal" for learned positions of the segments before the two layers over time.
        dims: sizes of the data; all layers are as wide as a region's vector.
    Raises VscgError: an unknown choice, or a width that eight heads cannot share.
    """

    def __init__(self, setting: str, *, dropout: float = 0.1, positions: str = "none", dims: Dims = AVE):
        super().__init__()
        choose("positions of avt", positions, POSITIONS)
        if dims.visual % 8:
            raise VscgError(f"AVT shares the {dims.visual} numbers of a region's vector equally among eight heads: "
                            "bring the visual features to a multiple of 8, or take another system.")
        self.weakly = setting == "weakly"

        def layer() -> TransformerLayer:
            return TransformerLayer(dims.visual, heads=8, hidden=2048, dropout=dropout)

        self.audio_projection = nn.Linear(dims.audio, dims.visual)
        self.intra, self.inter, self.audio, self.instance, self.temporal = (layer() for _ in range(5))
        self.audio_positions, self.temporal_positions = (
            Positions(dims.segments, dims.visual) if positions == "temporal" else nn.Identity() for _ in range(2))
        self.classifier = nn.Linear(dims.visual, dims.classes)

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`.

        The new step: A_t = softmax(Q(a_t) K(X_t)^T / 8) over the places X_t of second t, in eight heads, whose mean is
        the attention; u_t is the layer's output for the one query a_t.
        """
        clips, segments, height, width = visual.shape[:4]
        frames = visual.flatten(0, 1).flatten(1, 2)                                # (B*T,R,512)
        frames = self.intra(frames, frames)                                        # which places belong together
        tracks = frames.unflatten(0, (clips, segments)).transpose(1, 2).flatten(0, 1)   # (B*R,T,512)
        tracks = self.inter(tracks, tracks)                                        # each place over time
        frames = tracks.unflatten(0, (clips, -1)).transpose(1, 2).flatten(0, 1)    # (B*T,R,512)
        sound = self.audio_positions(self.audio_projection(audio))                 # (B,T,512)
        sound = self.audio(sound, sound)
        query = sound.flatten(0, 1).unsqueeze(1)                                   # (B*T,1,512)
        read, weights = self.instance.attention.attend(query, frames)              # weights (B*T,heads,1,R)
        fused = self.instance.finish(query, read).unflatten(0, (clips, segments)).squeeze(2)   # (B,T,512)
        fused = self.temporal_positions(fused)
        logits = self.classifier(self.temporal(fused, fused))                      # (B,T,29)
        probability = logits.amax(1).softmax(-1) if self.weakly else None
        return Output(segment_logits=logits, video_probability=probability,
                      attention=weights.mean(1).reshape(clips, segments, height, width))
