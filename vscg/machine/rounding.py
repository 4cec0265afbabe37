"""Matrix products of rounded factors, on a processor that has no instructions for them.

A tensor core rounds the factors of a product and sums in float32. So does this, with float32 products of factors that
are rounded first: the same numbers but for the order of the sums, so a CPU can tell what rounding does to accuracy.
"""
from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

_aten = torch.ops.aten
# Which arguments are factors; the others are added to the product.
FACTORS = {_aten.mm.default: (0, 1), _aten.addmm.default: (1, 2), _aten.bmm.default: (0, 1),
           _aten.baddbmm.default: (1, 2), _aten.convolution.default: (0, 1),
           _aten.convolution_backward.default: (0, 1, 2)}


def round_tf32(values: Tensor) -> Tensor:
    """float32 rounded to TF32's 10 bits of mantissa, to the nearest, halves away from zero."""
    rounded = (values.contiguous().view(torch.int32) + 0x1000).bitwise_and_(-0x2000).view(torch.float32)
    return torch.where(values.isfinite(), rounded, values)


class RoundedProducts(TorchDispatchMode):
    """While it is active, products of float32 tensors take factors rounded to TF32 if `tf32` says so, and products of
    bf16 tensors, as autocast hands them over, are computed in float32 and rounded once, at the end."""

    def __init__(self, tf32: bool = False):
        super().__init__()
        self.tf32 = tf32

    def __enter__(self) -> Self:
        # oneDNN would run an LSTM as one operation, whose products could not be rounded; without it they are seen.
        self.onednn = torch.backends.mkldnn.enabled
        torch.backends.mkldnn.enabled = False
        return super().__enter__()

    def __exit__(self, *error) -> None:
        super().__exit__(*error)
        torch.backends.mkldnn.enabled = self.onednn

    def __torch_dispatch__(self, op: Callable, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if op not in FACTORS:
            return op(*args, **kwargs)
        kind = args[FACTORS[op][0]].dtype
        if kind == torch.bfloat16:
            product = op(*tree_map_only(Tensor, Tensor.float, args), **kwargs)
            return tree_map_only(Tensor, Tensor.bfloat16, product)
        if self.tf32 and kind == torch.float32:
            args = [round_tf32(value) if place in FACTORS[op] else value for place, value in enumerate(args)]
        return op(*args, **kwargs)
