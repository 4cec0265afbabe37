"""PSP-Net (CVPR 2021), the baseline that VSCG builds on: segment encoding and PSP, no ESCM."""
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.errors import VscgError
from vscg.models.encoder import SegmentEncoder
from vscg.models.heads import WeightingHead, build_head, classify, segment_cosine
from vscg.models.output import Output
from vscg.models.plug import build_plug, propagation


class PSPNet(nn.Module):
    """AGVA, Bi-LSTM, PSP and a classifier of each segment.

    Args:
        dropout: rate in every dropout of PSP.
        plug: what stands between PSP and the classifier, one of `plug.PLUGS` (Table IV).
        head: fully supervised, "segment" or "two_part", the head that VSCG's loss needs (Table V).
        threshold: tau_b, for the two-part head.
    Raises VscgError: an unknown choice, one that the setting does not read, or as `EventSemanticConsistency` with the
        plug "escm".
    """

    def __init__(self, setting: str, *, dropout: float = 0.1, plug: str = "none", head: str = "segment",
                 threshold: float = 0.7, dims: Dims = AVE):
        super().__init__()
        if head != "segment" and setting == "weakly" or threshold != 0.7 and (setting, head) != ("fully", "two_part"):
            raise VscgError(f"PSP-Net, {setting} supervised with head {head!r}, does not read that head or threshold: "
                            "leave it out.")
        self.threshold = threshold
        self.encoder = SegmentEncoder(setting, dims)
        self.psp = propagation(setting, dropout, dims)
        self.plug = build_plug(plug, setting, dims)
        self.head = build_head(setting, head, dims=dims)

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`."""
        audio, visual, attention = self.encoder(audio, visual)
        audio, visual = self.plug(*self.psp(audio, visual))
        fused = (audio + visual) / 2                                               # (B,T,256)
        if isinstance(self.head, WeightingHead):
            return classify(self.head, fused, attention=attention)
        return classify(self.head, fused, similarity=segment_cosine(audio, visual), attention=attention,
                        threshold=self.threshold)
