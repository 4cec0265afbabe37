"""AVIN, the audio-visual interacting network (ICASSP 2020), rebuilt from a detailed note by a third party.

No program of its authors was found; the interactions follow the program of the self-and-collaborative attention (SCAN)
that AVIN takes up, the bilinear pooling that of DMIN.
"""
import math

import torch
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.errors import VscgError, choose
from vscg.models.attention import AudioGuidedAttention
from vscg.models.bilinear import BilinearPooling
from vscg.models.output import Output
from vscg.models.recurrent import LSTM

SPATIAL = ("mean", "agva")
WEIGHTS = ("scalar", "channel")
QUERIES = ("other", "both")
POOLINGS = ("max", "mean")


class AVIN(nn.Module):
    """LSTMs, bilinear pooling of both modalities, and interactions within and between them; both settings.

    Args:
        spatial: how a 7x7 map becomes one vector: "mean", or "agva", audio-guided attention.
        bidirectional: LSTMs of 128 in both directions, or one of 256 forwards.
        bilinear_dim, factors: entries of the bilinear vector, and products in each.
        dropout: rate on the products of the bilinear pooling.
        weights: of the interactions: "scalar", one for each segment, or "channel", one for each of its entries (SCAN).
        scaled: whether their dot products are divided by 16, the root of their size.
        rescale: factor of the interactions, whose weights sum to 1 over the segments: 10 gives them the size of F.
        inter_query: who asks a modality between the two: the "other" one's mean (SCAN), or the mean of "both".
        pooling: over time, weakly supervised: softmax of the "max" of the logits, or "mean" of their softmax.
    Raises VscgError: an unknown choice, or a pooling where there is none to choose.
    """

    def __init__(self, setting: str, *, spatial: str = "mean", bidirectional: bool = True, bilinear_dim: int = 256,
                 factors: int = 5, dropout: float = 0.1, weights: str = "scalar", scaled: bool = False,
                 rescale: float = 1.0, inter_query: str = "other", pooling: str = "max",
                 dims: Dims = AVE):
        super().__init__()
        for what, value, allowed in (("spatial", spatial, SPATIAL), ("weights", weights, WEIGHTS),
                                     ("inter_query", inter_query, QUERIES), ("pooling", pooling, POOLINGS)):
            choose(f"{what} of avin", value, allowed)
        if setting == "fully" and pooling != "max":
            raise VscgError(f"avin, fully supervised, pools nothing over time: leave out the pooling {pooling!r}.")
        self.weakly, self.pooling, self.rescale = setting == "weakly", pooling, rescale
        self.channel, self.both = weights == "channel", inter_query == "both"
        self.scale = math.sqrt(256) if scaled else 1.0
        self.attention = AudioGuidedAttention.of(dims) if spatial == "agva" else None
        self.audio_lstm, self.visual_lstm = (
            LSTM(dim, 128 if bidirectional else 256, batch_first=True, bidirectional=bidirectional)
            for dim in (dims.audio, dims.visual))
        self.bilinear = BilinearPooling(bilinear_dim, factors=factors, dropout=dropout)
        self.classifier = nn.Linear(4 * 256 + bilinear_dim, dims.classes)

    def interact(self, sequence: Tensor, query: Tensor) -> Tensor:
        """Att(x, m)_t = w_t x_t with w = softmax over t of <x_t, m>: x (B,T,256), m (B,256) to (B,T,256)."""
        products = sequence * query.unsqueeze(1)
        logits = products if self.channel else products.sum(-1, keepdim=True)      # (B,T,256) or (B,T,1)
        return self.rescale * (logits / self.scale).softmax(1) * sequence

    def interactions(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """New in AVIN: each modality is asked by its own mean (I), then by the other one's mean after that (E).

        I = Att(F, mean_t F), E^v = Att(F^v, mean_t I^a), E^a = Att(F^a, mean_t I^v): F^a, F^v (B,T,256) to I^v, I^a,
        E^v, E^a, the same shape. There is nothing to learn in it.
        """
        intra_audio, intra_visual = (self.interact(x, x.mean(1)) for x in (audio, visual))
        ask_visual, ask_audio = intra_audio.mean(1), intra_visual.mean(1)          # (B,256)
        if self.both:
            ask_visual = ask_audio = (ask_visual + ask_audio) / 2
        return intra_visual, intra_audio, self.interact(visual, ask_visual), self.interact(audio, ask_audio)

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`; no attention unless `spatial` is "agva"."""
        if self.attention is None:
            attended, attention = visual.mean((2, 3)), None                        # (B,T,512)
        else:
            attended, attention = self.attention(audio, visual)
        audio, visual = self.audio_lstm(audio)[0], self.visual_lstm(attended)[0]   # F^a, F^v (B,T,256)
        features = *self.interactions(audio, visual), self.bilinear(audio, visual)
        logits = self.classifier(torch.cat(features, -1))                          # (B,T,29)
        probability = None
        if self.weakly:
            probability = logits.amax(1).softmax(-1) if self.pooling == "max" else logits.softmax(-1).mean(1)
        return Output(segment_logits=logits, video_probability=probability, attention=attention)
