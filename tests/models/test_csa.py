"""CSA: co-spatial and co-semantic attention by hand and in loops, and the whole system."""
import math

import numpy as np
import pytest
import torch

from tests import loops
from tests.models.whole import agrees, unreached, zeroed
from vscg.models.csa import CSA, CoSemanticAttention, CoSpatialAttention

EACH = pytest.mark.parametrize("setting, correlation", [("fully", False), ("weakly", False), ("fully", True)])


def slow_spatial(audio, visual, w):
    """One segment: a' (128,), v (512,) and alpha (49,)."""
    regions, sound = visual.reshape(49, 512), loops.linear(audio, loops.part(w, "audio_map"))
    alpha = loops.softmax(np.array([w["visual_map.weight"] @ x @ sound / math.sqrt(256) for x in regions]))
    attended = sum(share * x for share, x in zip(alpha, regions, strict=True))
    gate = loops.sigmoid(loops.linear(np.concatenate([attended, audio]), loops.part(w, "gate")))
    return audio + audio * gate, attended, alpha


def slow_affinity(audio, visual, w, correlation):
    """M (256,256) of one clip, channel by channel."""
    p, q = (loops.linear(x, loops.part(w, name)).T for x, name in ((visual, "visual_map"), (audio, "audio_map")))
    if correlation:
        return np.corrcoef(p, q)[:256, 256:]
    return np.array([[sum(one * other) / 10 for other in q] for one in p])


def slow_semantic(audio, visual, w, correlation):
    """One clip: the new audio and visual states (10,256)."""
    m = slow_affinity(audio, visual, w, correlation)
    rows = [loops.softmax(row) for row in m]
    columns = [loops.softmax(column) for column in m.T]
    return (audio + np.stack([visual @ column for column in columns], 1),
            visual + np.stack([audio @ row for row in rows], 1))


def slow_csa(audio, visual, w, setting, correlation):
    """One clip through CSA."""
    found = [slow_spatial(a, v, loops.part(w, "spatial")) for a, v in zip(audio, visual, strict=True)]
    sound, attended, alpha = (np.stack(each) for each in zip(*found, strict=True))
    states = [loops.lstm(x, loops.part(w, f"{name}_lstm.lstm")) for name, x in (("audio", sound), ("visual", attended))]
    sound, picture = slow_semantic(*states, loops.part(w, "semantic"), correlation)
    logits = loops.two_layers(np.concatenate([picture, sound], 1), loops.part(w, "hidden"), loops.part(w, "classifier"))
    result = dict(segment_logits=logits, attention=alpha.reshape(10, 7, 7))
    return result if setting == "fully" else result | dict(video_probability=loops.softmax(logits.max(0)))


@EACH
def test_agrees_with_loops_and_trains(setting, correlation, clips):
    model = CSA(setting, correlation=correlation).double()
    agrees(model, clips, slow_csa, setting=setting, correlation=correlation)
    assert unreached(model, clips, "csa", setting) == []


def test_where_the_sound_looks_by_hand():
    """One cell shows what the sound asks for: the others share what is left of exp(s), s = 32 * 1 / 16."""
    spatial, visual = zeroed(CoSpatialAttention()), torch.zeros(1, 1, 7, 7, 512, dtype=torch.float64)
    with torch.no_grad():
        spatial.visual_map.weight[0, 5] = 1
        spatial.audio_map.bias[0] = 32
        spatial.gate.weight[0, 5] = 1
        visual[0, 0, 3, 2, 5] = 1
    audio, attended, alpha = spatial(torch.ones(1, 1, 128, dtype=torch.float64), visual)
    share = math.exp(2) / (math.exp(2) + 48)
    assert alpha[0, 0, 3, 2].item() == pytest.approx(share) == pytest.approx(attended[0, 0, 5].item())
    # The seen channel opens the first audio channel's gate; the others' stand half open.
    assert audio[0, 0, 0].item() == pytest.approx(1 + 1 / (1 + math.exp(-share))) and audio[0, 0, 1].item() == 1.5


def test_channels_that_vary_together_find_each_other():
    """Visual channel 0 and audio channel 1 switch on together in one second, strongly; nothing else happens."""
    semantic = CoSemanticAttention().double()
    with torch.no_grad():
        for layer in (semantic.visual_map, semantic.audio_map):
            layer.weight.copy_(torch.eye(256))
        audio, visual = torch.zeros(2, 1, 10, 256, dtype=torch.float64)
        audio[0, 4, 1], visual[0, 4, 0] = 20, 20
        m = semantic.affinity(audio, visual)
        assert m[0, 0, 1] == 40 and m.sum() == 40
        new_audio, new_visual = semantic(audio, visual)
    assert new_visual[0, 4, 0].item() == pytest.approx(20 + 20) and new_audio[0, 4, 1].item() == pytest.approx(20 + 20)
    assert new_visual[0, 4, 7].item() == pytest.approx(20 / 256) and not new_visual[0, :4].any()
