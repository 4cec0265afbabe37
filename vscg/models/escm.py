"""Event semantic consistency modelling (ESCM): CERE reads the whole clip, ISCE guides every second (Sec. III-D)."""
import torch
from torch import Tensor, nn

from vscg.errors import VscgError, choose
from vscg.models.psp import ProjectAndNorm
from vscg.models.recurrent import GRU


class CrossModalEventExtractor(nn.Module):
    """CERE: two blocks of convolution, ReLU and max-pooling along time (Eq. 1 to 3).

    Ten segments become five, then two, the columns of E. One serves both modalities: they speak the same language.
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


class EquationGRU(nn.Module):
    """A bidirectional GRU as Eq. 4 to 8 write it; torch's differs in two places and has biases.

    Here the reset gate acts on the state *before* the matrix product (Eq. 6), and what comes out is a sigmoid of a map
    of the state (Eq. 8). Weights are drawn as torch draws a GRU's.
    """

    def __init__(self, dim: int, hidden_dim: int):
        super().__init__()

        def maps(input_dim: int, output_dim: int) -> nn.ModuleList:      # one for each direction
            return nn.ModuleList(nn.Linear(input_dim, output_dim, bias=False) for _ in range(2))

        self.gates = maps(hidden_dim + dim, 2 * hidden_dim)              # W_z above W_r
        self.candidate, self.output = maps(hidden_dim + dim, hidden_dim), maps(hidden_dim, hidden_dim)
        for weight in self.parameters():
            nn.init.uniform_(weight, -hidden_dim ** -0.5, hidden_dim ** -0.5)

    def forward(self, sequence: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        """A sequence (B,T,dim) and initial states (2,B,hidden_dim) to y (B,T,2*hidden_dim) and the last states."""
        directions, last = [], []
        for direction, h in enumerate(start):
            states = []
            for f in (sequence.flip(1) if direction else sequence).unbind(1):
                z, r = self.gates[direction](torch.cat([h, f], -1)).sigmoid().chunk(2, -1)
                candidate = self.candidate[direction](torch.cat([r * h, f], -1)).tanh()
                h = z * h + (1 - z) * candidate
                states.append(h)
            y = self.output[direction](torch.stack(states, 1)).sigmoid()
            directions.append(y.flip(1) if direction else y)
            last.append(h)
        return torch.cat(directions, -1), torch.stack(last)


def _library_gru(dim: int, hidden_dim: int) -> GRU:
    return GRU(dim, hidden_dim, batch_first=True, bidirectional=True)


GRUS = {"library": _library_gru, "equations": EquationGRU}


class SemanticConsistencyEnhancer(nn.Module):
    """ISCE: one bidirectional GRU per modality, started from the clip's event representation (Eq. 4 to 8, 10, 11).

    `gru` is "library", torch's, which the released program uses, or "equations", see `EquationGRU`.
    """

    def __init__(self, dim: int = 256, event_dim: int = 128, gru: str = "library"):
        super().__init__()
        choose("gru", gru, GRUS)
        self.audio_gru, self.visual_gru = GRUS[gru](dim, event_dim), GRUS[gru](dim, event_dim)

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
        dropout, linear: r_i of the project-and-norm block, and whether that has its linear maps.
        crossed: released weakly supervised program only: the audio GRU starts from a linear map of the *visual* event
            representation and the visual GRU from one of the *audio* event representation, not both from the mean.
        prior, gru: one of `PRIORS`, one of `GRUS`.
        segments: T; CERE pools by four and must be left with two columns, one for each direction of a GRU.
    Raises VscgError: an unknown choice, or segments that CERE does not pool to two.
    """

    def __init__(self, *, dim: int = 256, event_dim: int = 128, dropout: float, linear: bool = True,
                 crossed: bool = False, prior: str = "cere", gru: str = "library", segments: int = 10):
        super().__init__()
        choose("prior", prior, PRIORS)
        if prior in ("cere", "unshared") and segments // 4 != 2:
            raise VscgError(f"ESCM's event extractor (CERE) pools a clip's segments by four, ten in the paper, and "
                            f"needs two left, as from 8 to 11; these clips have {segments}: take a system "
                            "without ESCM or, of VSCG itself, another prior (model_options={'prior': 'average'}, "
                            "'maximum' or 'zero').")
        self.prior, self.event_dim = prior, event_dim
        self.cere = CrossModalEventExtractor(dim, event_dim) if prior in ("cere", "unshared") else None
        self.visual_cere = CrossModalEventExtractor(dim, event_dim) if prior == "unshared" else None
        self.isce = SemanticConsistencyEnhancer(dim, event_dim, gru)
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
