"""Torch's recurrent layers, kept in single precision on a GPU."""
import torch
from torch import Tensor, nn


class _SinglePrecision:
    """Out of autocast, in which torch hands cuDNN's recurrent layers float16, whatever it was asked for.

    Without a scaled loss, gradients of a millionth vanish in float16.
    """

    def forward(self, sequence: Tensor, state: Tensor | tuple[Tensor, Tensor] | None = None):
        """As torch's layer, whose shapes it has."""
        if sequence.device.type != "cuda":
            return super().forward(sequence, state)
        with torch.autocast("cuda", enabled=False):
            single = state.float() if isinstance(state, Tensor) else state and tuple(each.float() for each in state)
            return super().forward(sequence.float(), single)


class LSTM(_SinglePrecision, nn.LSTM):
    """`torch.nn.LSTM`, on a GPU in single precision."""


class GRU(_SinglePrecision, nn.GRU):
    """`torch.nn.GRU`, on a GPU in single precision."""


class LSTMCell(_SinglePrecision, nn.LSTMCell):
    """`torch.nn.LSTMCell`, one step, on a GPU in single precision."""
