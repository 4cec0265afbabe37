"""Layers that start by Xavier's rule, as the published programs' do."""
import pytest
from torch import nn

from tests.models.whole import build
from vscg.models.attention import AudioGuidedAttention
from vscg.models.psp import PositiveSamplePropagation, ProjectAndNorm


def borrowed(model):
    """CMAN's maps from 256 entries without bias, but for the two keys, which are the framework's."""
    return [layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear) and layer.bias is None
            and layer.in_features == 256 and not name.endswith("key")]


DRAWN = {
    "AGVA": lambda: list(AudioGuidedAttention().children()),
    "PSP": lambda: [layer for layer in PositiveSamplePropagation(
        dropout=0, renormalise=True, project=ProjectAndNorm(dropout=0)).modules() if isinstance(layer, nn.Linear)],
    "AVEL": lambda: [(model := build("avel")).hidden, model.classifier], "DMRN": lambda: [build("dmrn").classifier],
    "AVRB": lambda: [(model := build("avrb")).hidden, model.classifier], "AVSDN": lambda: [build("avsdn").classifier],
    "AVSDN, two parts": lambda: [(model := build("avsdn", head="two_head")).relevance, model.category],
    "CMAN": lambda: borrowed(build("cman", attention_size=256))}


@pytest.mark.parametrize("name", DRAWN)
def test_they_reach_past_the_frameworks_bound_and_stay_within_xaviers(name):
    layers = DRAWN[name]()
    assert len(layers) == {"AGVA": 5, "PSP": 6, "CMAN": 12}.get(name, len(layers))
    for layer in layers:
        bound = (6 / (layer.in_features + layer.out_features)) ** 0.5
        assert max(0.9 * bound, layer.in_features**-0.5) < layer.weight.abs().max() <= bound


def test_the_fusion_of_avrb_is_the_frameworks():
    assert build("avrb").fusion.output.weight.abs().max() <= 1 / 16
