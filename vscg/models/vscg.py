"""VSCG, the video-level semantic consistency guidance network, in both settings and both variants (Sec. III)."""
import torch.nn.functional as F
from torch import Tensor, nn

from vscg.models.encoder import SegmentEncoder
from vscg.models.escm import EventSemanticConsistency
from vscg.models.heads import TwoPartHead, WeightingHead
from vscg.models.output import Output
from vscg.models.psp import PositiveSamplePropagation, ProjectAndNorm


class VSCG(nn.Module):
    """Segment encoding (AGVA, Bi-LSTM, PSP), then ESCM, then a head.

    Args:
        setting: "fully" or "weakly" supervised.
        variant: "released", what the authors' program computes, or "paper", what the text says.
        psp_dropout: rate in PSP's four branch maps.
        psp_project_dropout: rate r_s in PSP's project-and-norm.
        escm_dropout: rate r_i in ESCM's project-and-norm; None takes the setting's and variant's own (paper: 0.2 and
            0.5; released: 0.1 and 0.5).
        threshold: tau_b, fully supervised only.
    """

    def __init__(self, setting: str, variant: str = "released", *, psp_dropout: float | None = None,
                 psp_project_dropout: float = 0.2, escm_dropout: float | None = None, threshold: float = 0.7):
        super().__init__()
        fully, released = setting == "fully", variant == "released"
        if psp_dropout is None:
            psp_dropout = 0.2 if fully else 0.1
        if escm_dropout is None:
            escm_dropout = (0.1 if released else 0.2) if fully else 0.5
        self.released, self.threshold = released, threshold
        self.encoder = SegmentEncoder(setting)
        self.psp = PositiveSamplePropagation(dropout=psp_dropout, renormalise=fully,
                                             project=ProjectAndNorm(dropout=psp_project_dropout))
        # The released weakly supervised program crosses the initial states and has no linear map after the GRUs.
        quirk = released and not fully
        self.escm = EventSemanticConsistency(dropout=escm_dropout, linear=not quirk, crossed=quirk)
        self.head = TwoPartHead() if fully else WeightingHead()

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`."""
        audio, visual, attention = self.encoder(audio, visual)                     # X_a, X_v (B,T,256)
        audio, visual = self.psp(audio, visual)                                    # A^seg, V^seg
        (audio, visual), (audio_isce, visual_isce) = self.escm(audio, visual)
        fused = (audio + visual) / 2                                               # F^{v<->a}, Eq. 13
        if isinstance(self.head, TwoPartHead):
            # Eq. 16 multiplies the ISCE outputs; the released program takes the cosine after project and norm.
            similarity = (F.cosine_similarity(audio, visual, dim=-1, eps=1e-12) if self.released
                          else (audio_isce * visual_isce).sum(-1))
            relevance, category = self.head(fused)
            return Output(event_relevance=relevance, event_category=category, similarity=similarity,
                          attention=attention, threshold=self.threshold)
        score, probability = self.head(fused)
        return Output(segment_logits=score, video_probability=probability, smooth_probability=probability.softmax(-1),
                      attention=attention)
