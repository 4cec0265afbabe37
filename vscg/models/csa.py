"""CSA, spatial and semantic co-attention (IEEE TMM 2021), known from its abstract: its equations are our reading."""
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.models.channel_attention import pool
from vscg.models.encoder import BiLSTM
from vscg.models.output import Output


class CoSpatialAttention(nn.Module):
    """New in CSA: in each segment the sound weighs the places, and what is seen there gates the sound's channels."""

    def __init__(self, dims: Dims = AVE):
        super().__init__()
        # A bias of the visual map would shift all scores alike.
        self.visual_map, self.audio_map = nn.Linear(dims.visual, 256, bias=False), nn.Linear(dims.audio, 256)
        self.gate = nn.Linear(dims.visual + dims.audio, dims.audio)

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """s_i = <W_v x_i, W_a a> / 16, v = sum_i softmax(s)_i x_i, a' = a + a * sigmoid(W_g [v ; a]).

        Audio (B,T,128) and maps (B,T,7,7,512) to a' (B,T,128), v (B,T,512), and the places' weights (B,T,7,7), sum 1.
        """
        # <W_v x, W_a a> = <x, W_v^T W_a a>: one product for each segment instead of one for each of its places.
        direction = self.audio_map(audio) @ self.visual_map.weight                 # (B,T,512)
        regions = visual.flatten(2, 3)                                             # (B,T,R,512)
        scores = (regions @ direction.unsqueeze(-1)).squeeze(-1) / math.sqrt(256)  # (B,T,R)
        attended, alpha = pool(scores, regions)
        gate = self.gate(torch.cat([attended, audio], -1)).sigmoid()
        return audio + audio * gate, attended, alpha.unflatten(-1, visual.shape[2:4])


class CoSemanticAttention(nn.Module):
    """New in CSA: over the whole video, each channel of one modality gathers the other's channels that go with it.

    Channels are compared by the mean of their products, or by `correlation` over time, in [-1,1].
    """

    def __init__(self, *, correlation: bool = False):
        super().__init__()
        self.correlation = correlation
        self.visual_map, self.audio_map = nn.Linear(256, 256, bias=False), nn.Linear(256, 256, bias=False)

    def affinity(self, audio: Tensor, visual: Tensor) -> Tensor:
        """M_ij = 1/T sum_t (T_v h^v)_{t,i} (T_a h^a)_{t,j}, (B,256,256), visual channels by audio channels."""
        p, q = self.visual_map(visual), self.audio_map(audio)                      # (B,T,256)
        if self.correlation:
            p, q = (F.normalize(x - x.mean(1, keepdim=True), dim=1) for x in (p, q))
            return p.mT @ q
        return p.mT @ q / p.shape[1]

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """h^v_i + sum_j softmax_j(M_ij) h^a_j, and h^a_j + sum_i softmax_i(M_ij) h^v_i, in each segment.

        Audio and visual states (B,T,256) to the new audio and visual ones, the same shape.
        """
        m = self.affinity(audio, visual)
        return audio + visual @ m.softmax(-2), visual + audio @ m.softmax(-1).mT


class CSA(nn.Module):
    """Co-spatial attention, two Bi-LSTMs, co-semantic attention, a classifier; weakly supervised, AVEL's pooling.

    The classifier has the sizes of AVEL's, without the ReLU before it.
    """

    def __init__(self, setting: str, *, correlation: bool = False, dims: Dims = AVE):
        super().__init__()
        self.weakly = setting == "weakly"
        self.spatial = CoSpatialAttention(dims)
        self.audio_lstm, self.visual_lstm = BiLSTM(dims.audio), BiLSTM(dims.visual)
        self.semantic = CoSemanticAttention(correlation=correlation)
        self.hidden, self.classifier = nn.Linear(512, 64), nn.Linear(64, dims.classes)

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`."""
        audio, attended, attention = self.spatial(audio, visual)
        audio, visual = self.semantic(self.audio_lstm(audio), self.visual_lstm(attended))    # (B,T,256)
        logits = self.classifier(self.hidden(torch.cat([visual, audio], -1)).relu())         # (B,T,29)
        probability = logits.amax(1).softmax(-1) if self.weakly else None
        return Output(segment_logits=logits, video_probability=probability, attention=attention)
