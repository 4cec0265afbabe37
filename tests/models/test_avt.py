"""AVT: its five layers in loops, what they cannot know, the instance attention by hand, and positions."""
import math

import numpy as np
import pytest
import torch

from tests import loops
from tests.models.test_transformer import slow_layer
from tests.models.whole import agrees, unreached
from vscg.models.avt import AVT

LAYERS = ("intra", "inter", "audio", "instance", "temporal")


@pytest.fixture(scope="module")
def made():
    """Factory: a model in float64 without dropout, each built once."""
    models = {}

    def make(setting="fully", positions="none"):
        if (setting, positions) not in models:
            torch.manual_seed(0)
            models[setting, positions] = AVT(setting, dropout=0, positions=positions).double()
        models[setting, positions].zero_grad()
        return models[setting, positions]
    return make


def slow_avt(audio, visual, w, setting):
    """One clip through AVT."""
    def layer(name, query, memory):
        return slow_layer(query, memory, loops.part(w, name), heads=8)

    frames = np.stack([layer("intra", frame, frame) for frame in visual.reshape(10, 49, 512)])
    for place in range(49):
        frames[:, place] = layer("inter", frames[:, place], frames[:, place])
    sound = loops.linear(audio, loops.part(w, "audio_projection")) + w.get("audio_positions.weight", 0)
    sound = layer("audio", sound, sound)
    fused = np.concatenate([layer("instance", sound[t:t + 1], frames[t]) for t in range(10)])
    fused = fused + w.get("temporal_positions.weight", 0)
    logits = loops.linear(layer("temporal", fused, fused), loops.part(w, "classifier"))
    result = dict(segment_logits=logits)
    return result if setting == "fully" else result | dict(video_probability=loops.softmax(logits.max(0)))


@pytest.mark.parametrize("setting, positions", [("fully", "none"), ("weakly", "temporal")])
def test_agrees_with_loops_and_trains(setting, positions, made, clips):
    model = made(setting, positions)
    agrees(model, [x[1:] for x in clips], slow_avt, setting=setting)
    assert unreached(model, clips, "avt", setting) == []
    # A key's bias shifts all of a query's scores alike: nothing but rounding reaches it.
    for name in LAYERS:
        queries, keys, values = getattr(model, name).attention.in_proj_bias.grad.chunk(3)
        assert keys.abs().max() < 1e-9 * values.abs().max() and queries.any()


def test_the_sound_finds_the_place_by_hand(clips):
    """Head 0 asks for channel 0, where one place shows log 16 and the others 0; seven heads look everywhere."""
    model = AVT("fully", dropout=0).double()
    for layer in (model.intra, model.inter, model.audio):
        layer.register_forward_hook(lambda layer, args, result: args[0])           # as it came
    with torch.no_grad():
        for p in (*model.audio_projection.parameters(), model.instance.attention.in_proj_weight):
            p.zero_()
        model.audio_projection.bias[0] = 8                                         # the scale is sqrt(64)
        model.instance.attention.in_proj_weight[0, 0] = model.instance.attention.in_proj_weight[512, 0] = 1
        visual = torch.zeros_like(clips[1])
        visual[1, 4, 2, 5, 0] = math.log(16)
        attention = model(clips[0], visual).attention
    assert attention[1, 4, 2, 5].item() == pytest.approx((16 / 64 + 7 / 49) / 8)
    assert attention[1, 4, 0, 0].item() == pytest.approx((1 / 64 + 7 / 49) / 8)
    torch.testing.assert_close(attention[0], torch.full((10, 7, 7), 1 / 49, dtype=torch.float64))


def test_initial_weights():
    torch.manual_seed(0)
    model, bound = AVT("fully"), math.sqrt(6 / (1536 + 512))
    for layer in (getattr(model, name) for name in LAYERS):
        assert 0.99 * bound < layer.attention.in_proj_weight.abs().max() <= bound and layer.attention.heads == 8
        assert not layer.attention.in_proj_bias.any() and not layer.attention.out_proj.bias.any()
    assert not torch.equal(model.intra.linear1.weight, model.inter.linear1.weight)
    tables = [getattr(AVT("fully", positions="temporal"), f"{name}_positions").weight for name in ("audio", "temporal")]
    assert all(table.shape == (10, 512) and table.std().item() == pytest.approx(0.02, rel=0.1) for table in tables)
