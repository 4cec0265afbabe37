"""VSCG, the video-level semantic consistency guidance network, in both settings and both variants (Sec. III)."""
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.errors import VscgError, choose
from vscg.models.encoder import SegmentEncoder
from vscg.models.escm import EventSemanticConsistency
from vscg.models.heads import WeightingHead, build_head, classify, segment_cosine
from vscg.models.output import Output
from vscg.models.psp import PositiveSamplePropagation, ProjectAndNorm

SIMILARITIES = ("cosine", "product")


class VSCG(nn.Module):
    """Segment encoding (AGVA, Bi-LSTM, PSP), then ESCM, then a head.

    Args:
        variant: "released", what the authors' program computes, or "paper", what the text says.
        psp_dropout: rate in PSP's four branch maps; None takes 0.2 (fully) or 0.1 (weakly supervised).
        psp_project_dropout: rate r_s in PSP's project-and-norm.
        escm_dropout: rate r_i in ESCM's project-and-norm; None takes the setting's and variant's own (paper: 0.2 and
            0.5; released: 0.1 and 0.5).
        threshold: tau_b, for the two-part head.
        escm: False leaves ESCM out: the classifier reads PSP's output ("w/o ESCM" of Table III).
        prior: where ESCM's initial states come from, one of `escm.PRIORS` (Table III).
        head: fully supervised, "two_part" or "segment", the head that PSP-Net's loss needs (Table V).
        renormalise: PSP's second division by the row sum; None: as the released program of the setting.
        crossed, linear: ESCM's crossed initial states and its linear maps after the GRUs; None: the variant's own.
        gru: ISCE's GRUs, "library" as in the released program or "equations" as Eq. 4 to 8 write them.
        rectified: weakly supervised, whether the weighting branch has a ReLU before its sigmoid.
        similarity: "cosine" of the normalised streams or "product" of the ISCE outputs (Eq. 16); None: the variant's.
    Raises VscgError: an unknown choice, one that setting or escm=False leaves unread, or as `EventSemanticConsistency`.
        Setting and variant are checked by `build_model` alone.
    """

    def __init__(self, setting: str, variant: str = "released", *, psp_dropout: float | None = None,
                 psp_project_dropout: float = 0.2, escm_dropout: float | None = None, threshold: float = 0.7,
                 escm: bool = True, prior: str = "cere", head: str = "two_part", renormalise: bool | None = None,
                 crossed: bool | None = None, linear: bool | None = None, gru: str = "library",
                 rectified: bool = True, similarity: str | None = None, dims: Dims = AVE):
        super().__init__()
        if not escm and (prior != "cere" or gru != "library" or {escm_dropout, crossed, linear} != {None}):
            raise VscgError("VSCG without ESCM does not read escm_dropout, prior, crossed, linear and gru: leave them "
                            "out, or escm=False.")
        fully, released = setting == "fully", variant == "released"
        # The released weakly supervised program crosses the initial states and has no linear map after the GRUs.
        quirk = released and not fully
        crossed = quirk if crossed is None else crossed
        linear = not quirk if linear is None else linear
        renormalise = fully if renormalise is None else renormalise
        if not rectified if fully else head != "two_part" or similarity is not None or threshold != 0.7:
            raise VscgError(f"VSCG, {setting} supervised, does not read "
                            f"{'rectified' if fully else 'head, similarity and threshold'}: leave it out.")
        if psp_dropout is None:
            psp_dropout = 0.2 if fully else 0.1
        if escm_dropout is None:
            escm_dropout = (0.1 if released else 0.2) if fully else 0.5
        self.similarity = similarity or ("cosine" if released else "product")
        choose("similarity", self.similarity, SIMILARITIES)
        self.threshold = threshold
        self.encoder = SegmentEncoder(setting, dims)
        self.psp = PositiveSamplePropagation(threshold=0.99 / dims.segments, dropout=psp_dropout,
                                             renormalise=renormalise,
                                             project=ProjectAndNorm(dropout=psp_project_dropout))
        self.escm = EventSemanticConsistency(dropout=escm_dropout, linear=linear, crossed=crossed,
                                             prior=prior, gru=gru, segments=dims.segments) if escm else None
        self.head = build_head(setting, head, rectified, dims)

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`."""
        audio, visual, attention = self.encoder(audio, visual)                     # X_a, X_v (B,T,256)
        audio, visual = self.psp(audio, visual)                                    # A^seg, V^seg
        audio_isce, visual_isce = audio, visual
        if self.escm is not None:
            (audio, visual), (audio_isce, visual_isce) = self.escm(audio, visual)
        fused = (audio + visual) / 2                                               # F^{v<->a}, Eq. 13
        if isinstance(self.head, WeightingHead):
            return classify(self.head, fused, attention=attention)
        # Eq. 16 multiplies the ISCE outputs; the released program takes the cosine after project and norm.
        cosine = self.similarity == "cosine"
        similarity = segment_cosine(audio, visual) if cosine else (audio_isce * visual_isce).sum(-1)
        return classify(self.head, fused, similarity=similarity, attention=attention, threshold=self.threshold)
