"""The sound weighs the visual channels, then the places."""
import math

import numpy as np
import torch

from tests import loops
from vscg.models.channel_attention import (
    ChannelGate,
    GuidedPooling,
    apply_gate,
    pool,
)


def features(guide=4, size=5, batch=2, segments=3, regions=6):
    return (torch.randn(batch, segments, guide, dtype=torch.float64),
            torch.randn(batch, segments, regions, size, dtype=torch.float64))


def slow_gate(audio, regions, w):
    """One segment: audio (A,) and regions (R,D) to gates (D,); the products are made for each region."""
    u = loops.relu(loops.linear(audio, loops.part(w, "audio_map")))
    r = sum(u * loops.relu(loops.linear(region, loops.part(w, "visual_map"))) for region in regions) / len(regions)
    return loops.sigmoid(loops.linear(loops.relu(loops.linear(r, loops.part(w, "bottleneck"))),
                                      loops.part(w, "expand")))


def slow_pooling(guide, regions, w):
    """One segment: guide (G,) and regions (R,D) to the mean (D,) and the weights (R,)."""
    h = loops.relu(loops.linear(guide, loops.part(w, "guide_map")))
    logits = [np.tanh(loops.linear(loops.relu(loops.linear(region, loops.part(w, "visual_map"))) * h,
                                   loops.part(w, "score"))[0]) for region in regions]
    weights = loops.softmax(np.array(logits))
    return sum(weight * region for weight, region in zip(weights, regions, strict=True)), weights


def test_gate_agrees_with_loops():
    module, (audio, regions) = ChannelGate(4, 5, 3).double(), features()
    gate, w = module(audio, regions).detach(), loops.weights(module)
    assert gate.shape == (2, 3, 5) and (gate > 0).all() and (gate < 1).all()
    for b, t in np.ndindex(2, 3):
        np.testing.assert_allclose(gate[b, t], slow_gate(audio[b, t].numpy(), regions[b, t].numpy(), w), atol=1e-12)


def test_pooling_agrees_with_loops():
    module, (guide, regions) = GuidedPooling(4, 5, 3).double(), features()
    mean, weights = module(guide, regions)
    for b, t in np.ndindex(2, 3):
        slow, slow_weights = slow_pooling(guide[b, t].numpy(), regions[b, t].numpy(), loops.weights(module))
        np.testing.assert_allclose(mean[b, t].detach(), slow, atol=1e-12)
        np.testing.assert_allclose(weights[b, t].detach(), slow_weights, atol=1e-12)


def test_gate_by_hand():
    """A gate of 0 leaves a channel, a gate of 1 doubles it."""
    regions = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert apply_gate(regions, torch.tensor([0.0, 1.0])).tolist() == [[1.0, 4.0], [3.0, 8.0]]


def test_pool_by_hand():
    mean, weights = pool(torch.tensor([math.log(3), 0.0]), torch.tensor([[8.0], [4.0]]))
    torch.testing.assert_close(weights, torch.tensor([0.75, 0.25]))
    torch.testing.assert_close(mean, torch.tensor([7.0]))
