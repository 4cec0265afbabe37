"""AVSDN, the audio-visual sequence-to-sequence dual network (ICASSP 2019).

Encoders hand their fused last states to a decoder.
"""
import torch
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.errors import VscgError, choose
from vscg.models.attention import AudioGuidedAttention
from vscg.models.dmrn import ResidualFusion
from vscg.models.output import Output
from vscg.models.recurrent import LSTM

HEADS = ("segment29", "two_head")
SPATIAL = ("agva", "mean")
POOLINGS = ("average", "maximum")


class AVSDN(nn.Module):
    """Two LSTM encoders read the clip; an LSTM that starts from their fused last states reads both modalities again.

    No program of the authors was found; a third-party port has `head="two_head"`.

    Args:
        head: "segment29", 29 logits for each segment, or "two_head", each segment's event relevance and the clip's
            event category (28 classes in both settings).
        spatial: how a 7x7 map becomes one vector: "agva", audio-guided attention, or "mean", the plain mean.
        bidirectional: whether the three LSTMs also run backwards.
        pooling: over time, before the category logits: "average" or "maximum"; weakly supervised two_head only.
    Raises VscgError: an unknown choice, or a pooling where there is none to choose.
    """

    def __init__(self, setting: str, *, head: str = "segment29", spatial: str = "agva", bidirectional: bool = True,
                 pooling: str = "average", dims: Dims = AVE):
        super().__init__()
        for what, value, allowed in (("head", head, HEADS), ("spatial", spatial, SPATIAL),
                                     ("pooling", pooling, POOLINGS)):
            choose(f"{what} of avsdn", value, allowed)
        self.weakly, self.maximum = setting == "weakly", pooling == "maximum"
        if self.maximum and not (self.weakly and head == "two_head"):
            raise VscgError(f"avsdn, {setting} supervised with head {head!r}, has no pooling 'maximum': leave it at "
                            "'average', or take the weakly supervised setting with head 'two_head'.")
        self.attention = AudioGuidedAttention.of(dims) if spatial == "agva" else None

        def lstm(input_dim: int) -> LSTM:
            return LSTM(input_dim, 128, batch_first=True, bidirectional=bidirectional)

        self.audio_encoder, self.visual_encoder = lstm(dims.audio), lstm(dims.visual)
        self.fusion = ResidualFusion(128)      # of the states of one direction; hidden and cell states share it
        self.decoder = lstm(dims.audio + dims.visual)
        dim = 256 if bidirectional else 128
        if head == "segment29":
            self.classifier = nn.Linear(dim, dims.classes)
            nn.init.xavier_uniform_(self.classifier.weight)
        else:
            self.classifier = None
            self.relevance, self.category = nn.Linear(dim, 1), nn.Linear(dim, dims.events)
            nn.init.xavier_uniform_(self.relevance.weight)
            nn.init.xavier_uniform_(self.category.weight)

    def decode(self, audio: Tensor, attended: Tensor) -> Tensor:
        """Audio (B,T,128) and attended visual vectors (B,T,512) to fused features (B,T,dim), non-negative."""
        _, audio_states = self.audio_encoder(audio)                                # hidden and cell, (directions,B,128)
        _, visual_states = self.visual_encoder(attended)
        start = tuple(self.fusion(a.relu(), v.relu()) for a, v in zip(audio_states, visual_states, strict=True))
        return self.decoder(torch.cat([audio, attended], -1), start)[0].relu()

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`; of two_head, `video_probability` is (B,28)."""
        if self.attention is None:
            attended, attention = visual.mean((2, 3)), None                        # (B,T,512)
        else:
            attended, attention = self.attention(audio, visual)
        fused = self.decode(audio, attended)                                       # (B,T,dim)
        if self.classifier is not None:
            logits = self.classifier(fused)
            probability = logits.mean(1).softmax(-1) if self.weakly else None
            return Output(segment_logits=logits, video_probability=probability, attention=attention)
        relevance = self.relevance(fused).squeeze(-1)
        category = self.category(fused.amax(1) if self.maximum else fused.mean(1))
        probability = None
        if self.weakly:
            gated = relevance.sigmoid().unsqueeze(-1) * category.unsqueeze(1)      # (B,T,28)
            probability = gated.amax(1).softmax(-1)
        return Output(event_relevance=relevance, event_category=category, video_probability=probability,
                      attention=attention)
