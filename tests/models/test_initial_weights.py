"""Layers that the published programs start by Xavier's rule, and a threshold that a head brings along."""
import torch
from torch import nn

from tests.models.test_systems import build, clips
from vscg.models.avel import AVEL
from vscg.models.dmrn import DMRN
from vscg.models.psp import PositiveSamplePropagation, ProjectAndNorm


def drawn_from_xavier(layer: nn.Linear) -> bool:
    """Beyond the framework's own bound, within Xavier's."""
    inputs, outputs = layer.in_features, layer.out_features
    return inputs**-0.5 < layer.weight.abs().max() <= (6 / (inputs + outputs)) ** 0.5


def test_initial_weights():
    torch.manual_seed(0)
    psp = PositiveSamplePropagation(dropout=0, renormalise=True, project=ProjectAndNorm(dropout=0))
    layers = [layer for layer in psp.modules() if isinstance(layer, nn.Linear)]
    avel = AVEL("fully")
    assert len(layers) == 6 and all(map(drawn_from_xavier, [*layers, avel.hidden, avel.classifier,
                                                              DMRN("fully").classifier]))


def test_pspnet_with_the_two_part_head_takes_seventy_percent():
    assert build("psp", "fully", head="two_part").eval()(*clips(1)).threshold == 0.7
