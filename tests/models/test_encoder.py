"""Bi-LSTMs and what stands before them."""
import math

import numpy as np
import torch

from vscg.models.encoder import BiLSTM


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
