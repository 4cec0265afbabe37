"""Positive sample propagation (PSP): segments that go together across modalities share features (Sec. III-C)."""
import math

from torch import Tensor, nn


def xavier_map(dim: int) -> nn.Linear:
    """A square linear map without bias, Xavier-uniform."""
    layer = nn.Linear(dim, dim, bias=False)
    nn.init.xavier_uniform_(layer.weight)
    return layer


class ProjectAndNorm(nn.Module):
    """Linear, ReLU, dropout per modality, then one LayerNorm that both modalities share (Eq. 12, norm of Eq. 13).

    `dropout` is r_s after PSP, r_i after ISCE; without `linear`, no map and no ReLU: so in the released weakly
    supervised programs, after PSP in PSP-Net and after ISCE in VSCG.
    """

    def __init__(self, dim: int = 256, *, dropout: float, linear: bool = True):
        super().__init__()
        self.audio_map = nn.Sequential(xavier_map(dim), nn.ReLU()) if linear else nn.Identity()
        self.visual_map = nn.Sequential(xavier_map(dim), nn.ReLU()) if linear else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """(B,T,dim) twice to (B,T,dim) twice."""
        return self.norm(self.dropout(self.audio_map(audio))), self.norm(self.dropout(self.visual_map(visual)))


class PositiveSamplePropagation(nn.Module):
    """All-pair similarity of audio and visual segments; weak pairs are cut, strong ones pass their features on.

    Args:
        threshold: normalised similarities not strictly above it are cut.
        dropout: rate in the four branch maps.
        renormalise: divide each row by its sum once more after the cut (released fully supervised programs).
        project: the block that follows, usually `ProjectAndNorm`.
    """

    def __init__(self, *, dim: int = 256, threshold: float = 0.099, dropout: float, renormalise: bool,
                 project: nn.Module):
        super().__init__()
        self.threshold, self.renormalise, self.scale = threshold, renormalise, math.sqrt(dim)

        def branch() -> nn.Sequential:
            return nn.Sequential(xavier_map(dim), nn.ReLU(), nn.Dropout(dropout))

        self.audio_compare, self.audio_send = branch(), branch()
        self.visual_compare, self.visual_send = branch(), branch()
        self.project = project

    def cut(self, beta: Tensor) -> Tensor:
        """Similarities (B,T,T) to propagation weights gamma (B,T,T): rows divided by their sum, weak entries zeroed."""
        gamma = beta / (beta.sum(-1, keepdim=True) + 1e-8)
        gamma = gamma * (gamma > self.threshold)
        return gamma / (gamma.sum(-1, keepdim=True) + 1e-8) if self.renormalise else gamma

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """X_a, X_v (B,T,dim) to the segment-level encodings A^seg, V^seg (B,T,dim)."""
        beta = (self.visual_compare(visual) @ self.audio_compare(audio).mT / self.scale).relu()   # (B,T_v,T_a)
        visual_new = visual + self.cut(beta) @ self.audio_send(audio)
        audio_new = audio + self.cut(beta.mT) @ self.visual_send(visual)
        return self.project(audio_new, visual_new)
