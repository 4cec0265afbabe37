"""Modules that can be put into other systems, between their last feature module and their classifier (Table IV)."""
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.errors import choose
from vscg.models.escm import EventSemanticConsistency
from vscg.models.psp import PositiveSamplePropagation, ProjectAndNorm


class PassThrough(nn.Module):
    """Nothing plugged in: both modalities as they come."""

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Returns both as they are."""
        return audio, visual


class PluggedESCM(EventSemanticConsistency):
    """ESCM as a plug: its normalised outputs alone."""

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """A^seg, V^seg (B,T,256) to (N_a, N_v), the same shape."""
        return super().forward(audio, visual)[0]


def propagation(setting: str, dropout: float = 0.1, dims: Dims = AVE) -> PositiveSamplePropagation:
    """PSP as PSP-Net uses it.

    Weakly supervised, it cuts at 0.095 instead of 0.099, just below an even share of ten segments, or at as much of
    another even share. There it normalises the propagated features directly, without a map or dropout before, and
    without the second normalisation of gamma.
    """
    fully = setting == "fully"
    project = ProjectAndNorm(dropout=dropout if fully else 0.0, linear=fully)
    return PositiveSamplePropagation(threshold=(0.99 if fully else 0.95) / dims.segments, dropout=dropout,
                                     renormalise=fully, project=project)


def consistency(setting: str, dims: Dims = AVE) -> PluggedESCM:
    """ESCM as the paper describes it, with its rate r_i: 0.2 fully and 0.5 weakly supervised (Sec. IV-A)."""
    return PluggedESCM(dropout=0.2 if setting == "fully" else 0.5, segments=dims.segments)


PLUGS = {"none": lambda setting, dims: PassThrough(), "psp": lambda setting, dims: propagation(setting, dims=dims),
         "escm": consistency}


def build_plug(name: str, setting: str, dims: Dims = AVE) -> nn.Module:
    """One of `PLUGS`: audio and visual features (B,T,256) to two of the same shape; VscgError for an unknown name,
    or as `EventSemanticConsistency`."""
    choose("plug", name, PLUGS)
    return PLUGS[name](setting, dims)
