"""What CMRA, CMBS and DMIN share after the spatial attention: a small cross-modal transformer; AVT has its layers.

Each modality is encoded by itself, then reads the other one; the interaction block joins the two readings. There are
no masks and no positional encodings; normalisation comes after each sum.
"""
import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention in several heads; keys and values come from the same memory.

    Vectors have `dim`, d, entries, each head has its own d/heads channels, `dropout` is the rate on the weights.
    """

    def __init__(self, dim: int = 256, *, heads: int = 4, dropout: float):
        super().__init__()
        self.heads = heads
        # One matrix for queries, keys and values, drawn as one: its bound is that of a (3d,d) matrix.
        self.in_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(3 * dim, dim)))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.zeros_(self.out_proj.bias)
        self.dropout = nn.Dropout(dropout)

    def logits(self, query: Tensor, key: Tensor) -> Tensor:
        """Queries (B,heads,L_q,d/heads) and keys (B,heads,L_k,d/heads) to what the softmax takes, (B,heads,L_q,L_k)."""
        return (query / math.sqrt(query.shape[-1])) @ key.mT

    def attend(self, query: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Queries (B,L_q,d) read a memory (B,L_k,d): (B,L_q,d), and with which weights, (B,heads,L_q,L_k)."""
        parts = [query.shape[-1], 2 * query.shape[-1]]
        (query_weight, memory_weight), (query_bias, memory_bias) = (
            self.in_proj_weight.split(parts), self.in_proj_bias.split(parts))
        q = F.linear(query, query_weight, query_bias).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = F.linear(memory, memory_weight, memory_bias).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = self.logits(q, k).softmax(-1)
        read = self.dropout(weights) @ v                                           # (B,heads,L_q,d/heads)
        return self.out_proj(read.transpose(1, 2).flatten(2)), weights

    def forward(self, query: Tensor, memory: Tensor) -> Tensor:
        """As `attend`, without the weights."""
        return self.attend(query, memory)[0]


class TransformerLayer(nn.Module):
    """Attention, then a map of each step through `hidden` units; each is added to what came in and normalised.

    An encoder layer reads its own sequence, a decoder layer another memory: the caller says which. `dropout` is the
    rate on the attention weights, after the attention, after the ReLU and after the map; `attention` is a class.
    """

    def __init__(self, dim: int = 256, *, heads: int = 4, hidden: int, dropout: float,
                 attention: type[MultiHeadAttention] = MultiHeadAttention):
        super().__init__()
        self.attention = attention(dim, heads=heads, dropout=dropout)
        self.linear1, self.linear2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query: Tensor, memory: Tensor) -> Tensor:
        """Queries (B,L_q,dim) and a memory (B,L_k,dim) to (B,L_q,dim)."""
        return self.finish(query, self.attention(query, memory))

    def finish(self, query: Tensor, read: Tensor) -> Tensor:
        """The layer after its attention: queries and what they read, both (B,L_q,dim), to (B,L_q,dim)."""
        query = self.norm1(query + self.dropout(read))
        mapped = self.linear2(self.dropout(self.linear1(query).relu()))
        return self.norm2(query + self.dropout(mapped))


class Encoder(nn.Module):
    """A linear map and two layers of self-attention, which start from the same weights, as published, if `twins`."""

    def __init__(self, input_dim: int, dim: int = 256, *, hidden: int, dropout: float, twins: bool = True):
        super().__init__()
        self.affine = nn.Linear(input_dim, dim)
        layer = TransformerLayer(dim, hidden=hidden, dropout=dropout)
        second = copy.deepcopy(layer) if twins else TransformerLayer(dim, hidden=hidden, dropout=dropout)
        self.layers = nn.ModuleList([layer, second])

    def forward(self, sequence: Tensor) -> Tensor:
        """A sequence (B,T,input_dim) to its encoding (B,T,dim)."""
        x = self.affine(sequence)
        for layer in self.layers:
            x = layer(x, x)
        return x


class Decoder(nn.Module):
    """A linear map and one layer whose memory is the other modality, followed by the sequence itself."""

    def __init__(self, input_dim: int, dim: int = 256, *, hidden: int, dropout: float,
                 attention: type[MultiHeadAttention] = MultiHeadAttention):
        super().__init__()
        self.affine = nn.Linear(input_dim, dim)
        self.layer = TransformerLayer(dim, hidden=hidden, dropout=dropout, attention=attention)

    def forward(self, sequence: Tensor, other: Tensor) -> Tensor:
        """The sequence (B,T,input_dim), not yet encoded, and the other modality, encoded (B,T,dim): (B,T,dim)."""
        x = self.affine(sequence)
        return self.layer(x, torch.cat([other, x], 1))


class CrossModalTransformer(nn.Module):
    """One encoder and one decoder per modality; each decoder reads the other modality's encoding.

    Vectors of sizes `audio_dim` and `visual_dim` come in; within, all have 256 entries. `twins` as for `Encoder`.
    """

    def __init__(self, audio_dim: int = 128, visual_dim: int = 512, *, encoder_hidden: int = 2048,
                 decoder_hidden: int = 2048, dropout: float, decoder_dropout: float,
                 decoder_attention: type[MultiHeadAttention] = MultiHeadAttention, twins: bool = True):
        super().__init__()
        encoder = dict(hidden=encoder_hidden, dropout=dropout, twins=twins)
        decoder = dict(hidden=decoder_hidden, dropout=decoder_dropout, attention=decoder_attention)
        self.audio_encoder = Encoder(audio_dim, **encoder)
        self.visual_encoder = Encoder(visual_dim, **encoder)
        self.audio_decoder = Decoder(audio_dim, **decoder)
        self.visual_decoder = Decoder(visual_dim, **decoder)

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Audio (B,T,audio_dim) and visual (B,T,visual_dim) to the encoded and the decoded pair, all (B,T,256)."""
        audio_encoded, visual_encoded = self.audio_encoder(audio), self.visual_encoder(visual)
        decoded = self.audio_decoder(audio, visual_encoded), self.visual_decoder(visual, audio_encoded)
        return (audio_encoded, visual_encoded), decoded


class Interaction(nn.Module):
    """The product of two sequences reads both of them (AVInter of the published programs).

    `dropout` is the rate after the attention, `attention_dropout` that on its weights.
    """

    def __init__(self, dim: int = 256, *, heads: int, dropout: float, attention_dropout: float):
        super().__init__()
        self.attention = MultiHeadAttention(dim, heads=heads, dropout=attention_dropout)
        self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Two sequences (B,T,dim) to one (B,T,dim)."""
        product = first * second
        return self.norm(product + self.dropout(self.attention(product, torch.cat([second, first], 1))))


def gated_probability(gate: Tensor, logits: Tensor) -> Tensor:
    """The clip's class distribution (B,C) from gates in (0,1) (B,T) and class logits of the whole clip (B,C).

    The logits times each gate, their largest over time: the widest gate for a positive logit, else the narrowest.
    """
    return (gate.unsqueeze(-1) * logits.unsqueeze(1)).amax(1).softmax(-1)
