"""Factorised bilinear pooling (MFB): sums of products of two vectors; DMIN has it in places, AVIN in segments."""
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn


def signed_root(x: Tensor) -> Tensor:
    """sign(x) sqrt(|x| + 1e-12): near 0 its slope is large, but finite, and 0 at 0."""
    return x.sign() * (x.abs() + 1e-12).sqrt()


def pool_products(products: Tensor, root: Callable[[Tensor], Tensor], factors: int = 5) -> Tensor:
    """Products (...,D*factors) to vectors (...,D) of length 1, or 0 where all products are.

    Each entry sums neighbouring products, then passes `root`.
    """
    return F.normalize(root(products.unflatten(-1, (-1, factors)).sum(-1)), dim=-1, eps=1e-12)


class BilinearPooling(nn.Module):
    """z = L2(root(sum over the factors of (U^T v) * (V^T a))): a bilinear form of rank `factors` for each entry of z.

    `dim` is the size of z; `factors`, q, products are summed into one entry; `dropout` is the rate on the products.
    """

    def __init__(self, dim: int = 256, *, factors: int = 5, dropout: float):
        super().__init__()
        self.factors = factors
        self.audio_factors = nn.Linear(256, dim * factors, bias=False)             # V
        self.visual_factors = nn.Linear(256, dim * factors, bias=False)            # U
        for layer in (self.audio_factors, self.visual_factors):
            nn.init.xavier_uniform_(layer.weight)
        self.dropout = nn.Dropout(dropout)

    def forward(self, audio: Tensor, visual: Tensor) -> Tensor:
        """Audio and visual vectors (...,256) to z (...,dim), of length 1, or 0 where all products are."""
        products = self.visual_factors(visual) * self.audio_factors(audio)         # (...,dim*factors)
        return pool_products(self.dropout(products), signed_root, self.factors)
