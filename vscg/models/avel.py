"""AVEL ("A+V-att"; ECCV 2018), the first system for the task: AGVA, two Bi-LSTMs, a classifier."""
import torch
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.models.attention import AudioGuidedAttention
from vscg.models.encoder import BiLSTM
from vscg.models.output import Output
from vscg.models.plug import build_plug


class AVEL(nn.Module):
    """Both settings share one network; weakly supervised, the segment logits are max-pooled over time.

    `plug`, one of `plug.PLUGS`, stands between the Bi-LSTMs and the classifier (Table IV). Raises VscgError: an
    unknown plug, or as `EventSemanticConsistency` with the plug "escm".
    """

    def __init__(self, setting: str, *, plug: str = "none", dims: Dims = AVE):
        super().__init__()
        self.weakly = setting == "weakly"
        self.attention = AudioGuidedAttention.of(dims)
        self.audio_lstm = BiLSTM(dims.audio)
        self.visual_lstm = BiLSTM(dims.visual)
        self.plug = build_plug(plug, setting, dims)
        self.hidden, self.classifier = nn.Linear(512, 64), nn.Linear(64, dims.classes)
        for layer in (self.hidden, self.classifier):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`."""
        attended, attention = self.attention(audio, visual)
        fused = torch.cat(self.plug(self.audio_lstm(audio), self.visual_lstm(attended)), -1)   # (B,T,512)
        logits = self.classifier(self.hidden(fused.relu()).relu())
        probability = logits.amax(1).softmax(-1) if self.weakly else None
        return Output(segment_logits=logits, video_probability=probability, attention=attention)
