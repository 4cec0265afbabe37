"""Modules that can be put into other systems, between their last feature module and their classifier (Table IV)."""
from torch import Tensor, nn

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


def propagation(setting: str, dropout: float = 0.1) -> PositiveSamplePropagation:
    """PSP as PSP-Net uses it.

    Weakly supervised, it cuts at 0.095 instead of 0.099 and normalises the propagated features directly, without a map
    or dropout before, and without the second normalisation of gamma.
    """
    fully = setting == "fully"
    return PositiveSamplePropagation(threshold=0.099 if fully else 0.095, dropout=dropout, renormalise=fully,
                                     project=ProjectAndNorm(dropout=dropout if fully else 0.0, linear=fully))


def consistency(setting: str) -> PluggedESCM:
    """ESCM as the paper describes it, with its rate r_i: 0.2 fully and 0.5 weakly supervised (Sec. IV-A)."""
    return PluggedESCM(dropout=0.2 if setting == "fully" else 0.5)


PLUGS = {"none": lambda setting: PassThrough(), "psp": propagation, "escm": consistency}


def build_plug(name: str, setting: str) -> nn.Module:
    """A module that maps audio and visual features, (B,T,256) each, to two of the same shape.

    Args:
        name: "none", "psp" or "escm".
        setting: "fully" or "weakly".

    Raises:
        VscgError: unknown name.
    """
    choose("plug", name, PLUGS)
    return PLUGS[name](setting)
