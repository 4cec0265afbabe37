"""Event semantic consistency modelling (ESCM): CERE reads the whole clip, ISCE guides every second (Sec. III-D)."""
import torch
from torch import Tensor, nn

from vscg.choices import choose
from vscg.models.psp import ProjectAndNorm


class CrossModalEventExtractor(nn.Module):
    """CERE: two blocks of convolution, ReLU and max-pooling along time (Eq. 1 to 3).

    Ten segments become five, then two: the two columns of E. One instance serves both modalities, so that both speak
    the same language.
    """

    def __init__(self, dim: int = 256, event_dim: int = 128, kernel: int = 5):
        super().__init__()
        padding = kernel // 2
        self.block1 = nn.Sequential(nn.Conv1d(dim, event_dim, kernel, padding=padding), nn.ReLU(), nn.MaxPool1d(2, 2))
        self.block2 = nn.Sequential(nn.Conv1d(event_dim, event_dim, kernel, padding=padding), nn.ReLU(),
                                    nn.MaxPool1d(2, 2))

    def forward(self, sequence: Tensor) -> Tensor:
        """Segment encodings (B,T,dim) with T = 10 to the clip's event representation E^T (B,2,event_dim)."""
        return self.block2(self.block1(sequence.mT)).mT


class SemanticConsistencyEnhancer(nn.Module):
    """ISCE: one bidirectional GRU per modality, started from the clip's event representation (Eq. 4 to 8, 10, 11)."""

    def __init__(self, dim: int = 256, event_dim: int = 128):
        super().__init__()
        self.audio_gru = nn.GRU(dim, event_dim, batch_first=True, bidirectional=True)
        self.visual_gru = nn.GRU(dim, event_dim, batch_first=True, bidirectional=True)

    def forward(self, audio: Tensor, visual: Tensor, audio_prior: Tensor,
                visual_prior: Tensor) -> tuple[Tensor, Tensor]:
        """A^seg, V^seg (B,T,dim) and initial states (B,2,event_dim) to A^ISCE, V^ISCE (B,T,2*event_dim).

        Position 0 of a prior starts the forward GRU, position 1 the backward GRU.
        """
        return (self.audio_gru(audio, audio_prior.transpose(0, 1).contiguous())[0],
                self.visual_gru(visual, visual_prior.transpose(0, 1).contiguous())[0])


# Where the initial states come from. The paper's Table III compares "cere" with the others: "unshared" has an extractor
# for each modality, "average" and "maximum" pool the segments, "zero" gives no prior at all.
PRIORS = ("cere", "unshared", "average", "maximum", "zero")


class EventSemanticConsistency(nn.Module):
    """ESCM: CERE on both modalities, their mean as both GRUs' initial state (Eq. 9), then project and norm (Eq. 12).

    Args:
        dropout: r_i of the project-and-norm block.
        linear: whether that block has its linear maps.
        crossed: released weakly supervised program only: the audio GRU starts from a linear map of the *visual* event
            representation and the visual GRU from one of the *audio* event representation, not both from the mean.
        prior: one of `PRIORS`.
    """

    def __init__(self, *, dim: int = 256, event_dim: int = 128, dropout: float, linear: bool = True,
                 crossed: bool = False, prior: str = "cere"):
        super().__init__()
        choose("prior", prior, PRIORS)
        self.prior, self.event_dim = prior, event_dim
        self.cere = CrossModalEventExtractor(dim, event_dim) if prior in ("cere", "unshared") else None
        self.visual_cere = CrossModalEventExtractor(dim, event_dim) if prior == "unshared" else None
        self.isce = SemanticConsistencyEnhancer(dim, event_dim)
        self.project = ProjectAndNorm(2 * event_dim, dropout=dropout, linear=linear)
        self.crossed = crossed and prior != "zero"
        if self.crossed:
            self.audio_prior_map = nn.Linear(event_dim, event_dim, bias=False)
            self.visual_prior_map = nn.Linear(event_dim, event_dim, bias=False)

    def events(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Event representations E_a, E_v (B,2,event_dim) of segments (B,T,dim)."""
        if self.prior == "cere":
            # Both modalities in one call of the shared extractor: half the convolutions to launch.
            return self.cere(torch.cat([audio, visual])).chunk(2)
        if self.prior == "unshared":
            return self.cere(audio), self.visual_cere(visual)
        # One pooled vector of 256 has to start two GRUs of 128: its first half starts the forward one, its second half
        # the backward one. The paper does not say how it does this.
        pool = {"average": lambda x: x.mean(1), "maximum": lambda x: x.amax(1)}[self.prior]
        return pool(audio).unflatten(-1, (2, self.event_dim)), pool(visual).unflatten(-1, (2, self.event_dim))

    def priors(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Initial states (B,2,event_dim) of the audio and of the visual GRU."""
        if self.prior == "zero":
            zeros = audio.new_zeros(len(audio), 2, self.event_dim)
            return zeros, zeros
        audio_event, visual_event = self.events(audio, visual)
        if self.crossed:
            return self.audio_prior_map(visual_event), self.visual_prior_map(audio_event)
        event = (audio_event + visual_event) / 2
        return event, event

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """A^seg, V^seg (B,T,dim) to (N_a, N_v), normalised, and (A^ISCE, V^ISCE), the GRUs' outputs; all (B,T,256)."""
        enhanced = self.isce(audio, visual, *self.priors(audio, visual))
        return self.project(*enhanced), enhanced
