"""DMIN, the dense modality interaction network (IEEE TMM 2022), built on CMRA."""
import math

import torch
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.models.bilinear import pool_products
from vscg.models.channel_attention import ChannelGate, apply_gate, pool, visual_layer
from vscg.models.heads import TwoPartHead
from vscg.models.output import Output
from vscg.models.recurrent import LSTM
from vscg.models.transformer import CrossModalTransformer, Interaction, MultiHeadAttention, gated_probability


class DenseAttention(MultiHeadAttention):
    """Attention in which a query meets the other modality's keys channel by channel, in each head all with all.

    The memory is the other modality, then the query's own sequence, equally long. A key of the first half is compared
    with all circular shifts of the query's channels in its head (64 of 256); the unshifted one has the weight `own`,
    the others share the rest, and the mean over the shifts is taken. The shifts add up to the product of the two sums
    of channels, so no shift is ever made.
    """

    own = 0.5

    def logits(self, query: Tensor, key: Tensor) -> Tensor:
        """As `MultiHeadAttention.logits`; the first half of the keys is the other modality."""
        dim = query.shape[-1]
        other, itself = super().logits(query, key).chunk(2, -1)
        shifted = (1 - self.own) / (dim - 1)
        sums = (query.sum(-1, keepdim=True) / math.sqrt(dim)) @ key[..., :other.shape[-1], :].sum(-1, keepdim=True).mT
        return torch.cat([((self.own - shifted) * other + shifted * sums) / dim, itself], -1)


def root(x: Tensor) -> Tensor:
    """Square root of x >= 0 whose gradient where x is 0 is 0 (published so) and not infinite."""
    zero = x == 0
    return x.masked_fill(zero, 1).sqrt().masked_fill(zero, 0)


class BilinearRecurrentAttention(nn.Module):
    """CMRA's channel gates; the places are scored by factorised bilinear pooling and by an LSTM over time."""

    def __init__(self, *, dropout: float, dims: Dims = AVE):
        super().__init__()
        self.channel = ChannelGate(dims.audio, dims.visual)
        # Five products are summed into each of the 256 entries of the pooled vector.
        self.audio_factors, self.visual_factors = nn.Linear(dims.audio, 1280), nn.Linear(dims.visual, 1280)
        self.dropout = nn.Dropout(dropout)
        self.audio_map, self.visual_map = nn.Linear(dims.audio, 256), nn.Linear(dims.visual, 256)
        self.lstm = LSTM(512, 128, num_layers=2, batch_first=True, bidirectional=True)
        self.score = nn.Linear(256, 1)

    def bilinear(self, audio: Tensor, regions: Tensor) -> Tensor:
        """Audio (B,T,128) and regions (B,T,R,512) to vectors (B,T,R,256) of length 1, or 0 where nothing meets."""
        product = self.visual_factors(regions).relu_() * self.audio_factors(audio).relu().unsqueeze(-2)
        # Products of ReLUs are never negative, so the published signed root is the plain one.
        return pool_products(self.dropout(product), root)

    def recurrent(self, audio: Tensor, regions: Tensor) -> Tensor:
        """As `bilinear`; each region is followed through the segments by itself."""
        sound = self.audio_map(audio).relu().unsqueeze(1)                          # (B,1,T,256)
        picture = self.visual_map(regions).relu_().transpose(1, 2)                 # (B,R,T,256)
        steps = torch.cat([picture + sound, sound.expand_as(picture)], -1)
        return self.lstm(steps.flatten(0, 1))[0].unflatten(0, steps.shape[:2]).transpose(1, 2)

    def forward(self, audio: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Audio (B,T,128) and regions (B,T,R,512) to the attended vector (B,T,512) and the weights (B,T,R)."""
        regions = apply_gate(regions, self.channel(audio, regions))
        joint = self.recurrent(audio, regions) + self.bilinear(audio, regions)     # (B,T,R,256)
        return pool(self.score(joint).squeeze(-1).tanh(), regions)


class DMIN(nn.Module):
    """CMRA with another spatial attention, dense attention in the decoders and a second head on the picture alone.

    Rates: after the first map of the visual regions, in the bilinear pooling, in the encoders and in the interaction,
    and in the decoders, of which None takes 0.02 (fully) or 0.1 (weakly).
    """

    def __init__(self, setting: str, *, visual_dropout: float = 0.2, bilinear_dropout: float = 0.1,
                 dropout: float = 0.1, decoder_dropout: float | None = None, dims: Dims = AVE):
        super().__init__()
        self.fully = setting == "fully"
        if decoder_dropout is None:
            decoder_dropout = 0.02 if self.fully else 0.1
        self.visual_layer = visual_layer(visual_dropout, dims.visual)
        self.attention = BilinearRecurrentAttention(dropout=bilinear_dropout, dims=dims)
        self.transformer = CrossModalTransformer(dims.audio, dims.visual, dropout=dropout,
                                                 decoder_dropout=decoder_dropout, decoder_attention=DenseAttention)
        self.interaction = Interaction(heads=4 if self.fully else 2, dropout=dropout, attention_dropout=dropout)
        self.head = TwoPartHead(events=dims.events if self.fully else dims.classes)
        self.visual_head = nn.Linear(256, dims.events) if self.fully else TwoPartHead(events=dims.classes)

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`.

        Extras: weakly raw_logits (B,29); of the picture alone, fully event_self (B,28) logits, weakly
        video_prob_self (B,29).
        """
        attended, weights = self.attention(audio, self.visual_layer(visual.flatten(2, 3)))   # (B,T,512)
        attention = weights.unflatten(-1, visual.shape[2:4])
        (_, encoded), (audio, visual) = self.transformer(audio, attended)          # (B,T,256)
        relevance, category = self.head(self.interaction(visual, audio))
        if self.fully:
            return Output(event_relevance=relevance, event_category=category, attention=attention,
                          extras={"event_self": self.visual_head(encoded.amax(1))})
        relevance_self, category_self = self.visual_head(encoded)
        return Output(event_relevance=relevance, video_probability=gated_probability(relevance.sigmoid(), category),
                      attention=attention, extras={
                          "raw_logits": category,
                          "video_prob_self": gated_probability(relevance_self.sigmoid(), category_self)})
