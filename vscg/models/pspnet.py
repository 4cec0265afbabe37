"""PSP-Net, the baseline that VSCG builds on: segment encoding and PSP, no ESCM."""
import torch.nn.functional as F
from torch import Tensor, nn

from vscg.models.encoder import SegmentEncoder
from vscg.models.heads import SegmentHead, WeightingHead
from vscg.models.output import Output
from vscg.models.psp import PositiveSamplePropagation, ProjectAndNorm


class PSPNet(nn.Module):
    """AGVA, Bi-LSTM, PSP and a classifier over 29 classes per segment.

    Args:
        setting: "fully" or "weakly" supervised.
        dropout: rate in every dropout of PSP.
    """

    def __init__(self, setting: str, *, dropout: float = 0.1):
        super().__init__()
        fully = setting == "fully"
        self.encoder = SegmentEncoder(setting)
        # Weakly supervised, PSP-Net normalises the propagated features directly, without dropout or a map.
        project = ProjectAndNorm(dropout=dropout if fully else 0.0, linear=fully)
        self.psp = PositiveSamplePropagation(threshold=0.099 if fully else 0.095, dropout=dropout, renormalise=fully,
                                             project=project)
        self.head = SegmentHead() if fully else WeightingHead()

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`."""
        audio, visual, attention = self.encoder(audio, visual)
        audio, visual = self.psp(audio, visual)
        fused = (audio + visual) / 2                                               # (B,T,256)
        if isinstance(self.head, SegmentHead):
            return Output(segment_logits=self.head(fused), attention=attention,
                          similarity=F.cosine_similarity(audio, visual, dim=-1, eps=1e-12))
        score, probability = self.head(fused)
        return Output(segment_logits=score, video_probability=probability, attention=attention)
