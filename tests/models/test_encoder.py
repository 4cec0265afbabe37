"""Bi-LSTMs and what stands before them."""
import math

import numpy as np
import pytest
import torch

from tests import loops
from vscg.models.encoder import BiLSTM, SegmentEncoder, linear_pair


def test_bilstm_agrees_with_a_manual_recurrence():
    torch.manual_seed(0)
    module = BiLSTM(4, 3).double()
    x = torch.randn(2, 6, 4, dtype=torch.float64)
    out = module(x)
    assert out.shape == (2, 6, 6)
    for b in range(2):
        np.testing.assert_allclose(out[b].detach(), loops.lstm(x[b].numpy(), loops.weights(module.lstm)), atol=1e-12)


def test_bilstm_by_hand():
    """No input weights, candidate 1 before tanh, gates half open: c_1 = tanh(1)/2, c_2 = c_1/2 + tanh(1)/2."""
    module = BiLSTM(1, 1).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.lstm.bias_ih_l0[2] = module.lstm.bias_ih_l0_reverse[2] = 1
    out = module(torch.randn(1, 2, 1, dtype=torch.float64))[0]
    first = math.tanh(math.tanh(1) / 2) / 2
    second = math.tanh(math.tanh(1) / 4 + math.tanh(1) / 2) / 2
    np.testing.assert_allclose(out.detach(), [[first, second], [second, first]])


def test_directions():
    torch.manual_seed(0)
    module = BiLSTM(4, 3)
    x = torch.randn(1, 6, 4)
    before = module(x)[0]
    x[0, 3] += 1
    changed = (module(x)[0] - before).abs() > 0
    assert changed[:, :3].any(-1).tolist() == [False] * 3 + [True] * 3   # the past does not see segment 3
    assert changed[:, 3:].any(-1).tolist() == [True] * 4 + [False] * 2   # nor does what the backward half saw before


def test_linear_pair_is_linear():
    torch.manual_seed(0)
    pair = linear_pair(4, 7, 3).double()
    x, y = torch.randn(2, 5, 4, dtype=torch.float64)
    torch.testing.assert_close(pair(2 * x - y), 2 * pair(x) - pair(y))
    torch.testing.assert_close(pair(x), x @ (pair[1].weight @ pair[0].weight).T)
    assert (pair(torch.zeros(4).double()) == 0).all()


@pytest.mark.parametrize("setting", ["fully", "weakly"])
class TestSegmentEncoder:
    def test_agrees_with_loops(self, setting):
        torch.manual_seed(3)
        module = SegmentEncoder(setting).double()
        audio, visual = torch.rand(1, 3, 128, dtype=torch.float64), torch.rand(1, 3, 7, 7, 512, dtype=torch.float64)
        found = module(audio, visual)[:2]
        for ours, slow in zip(found, loops.encode(audio[0].numpy(), visual[0].numpy(), loops.weights(module)),
                              strict=True):
            np.testing.assert_allclose(ours[0].detach(), slow, atol=1e-10)

    def test_what_is_before_the_lstms(self, setting):
        module = SegmentEncoder(setting)
        shapes = {name: tuple(value.shape) for name, value in module.named_parameters() if "projection" in name}
        assert shapes == ({"audio_projection.0.weight": (256, 128), "audio_projection.1.weight": (128, 256),
                           "visual_projection.0.weight": (256, 512), "visual_projection.1.weight": (128, 256)}
                          if setting == "fully" else
                          {"visual_projection.weight": (128, 512), "visual_projection.bias": (128,)})

    def test_pictures_do_not_reach_the_sound(self, setting):
        torch.manual_seed(0)
        module, audio = SegmentEncoder(setting), torch.rand(1, 4, 128)
        one, other = (module(audio, torch.rand(1, 4, 7, 7, 512)) for _ in range(2))
        assert torch.equal(one[0], other[0]) and not torch.equal(one[1], other[1])
