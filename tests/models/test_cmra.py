"""CMRA as a whole, in both settings."""
import pytest
import torch

from tests.models.whole import draw_clips, rates
from vscg.models.cmra import CMRA

SETTINGS = pytest.mark.parametrize("setting", ["fully", "weakly"])


@SETTINGS
def test_dropout_rates(setting):
    found = {(name.split(".")[0], rate) for name, rate in rates(CMRA(setting, visual_dropout=0.6, dropout=0.7)).items()}
    assert found == {("visual_layer", 0.6), ("transformer", 0.7), ("interaction", 0.7)}
    assert set(rates(CMRA(setting)).values()) == {0.1, 0.2}


@pytest.mark.parametrize("setting, heads", [("fully", 4), ("weakly", 2)])
def test_heads_and_twins(setting, heads):
    assert CMRA(setting).interaction.attention.heads == heads
    first, second = CMRA(setting, twins=False).transformer.audio_encoder.layers
    assert not torch.equal(first.linear1.weight, second.linear1.weight)


def test_weakly_the_clip_is_read_from_gated_logits():
    output = CMRA("weakly").eval()(*draw_clips())
    for b in range(2):
        gates = output.event_relevance[b].sigmoid()
        logits = torch.stack([max(gate * raw for gate in gates) for raw in output.extras["raw_logits"][b]])
        torch.testing.assert_close(output.video_probability[b], logits.softmax(-1))
