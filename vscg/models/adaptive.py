"""CMAN's adaptive attention ("Knowing When to Look"): an LSTM with a sentinel, on which attention may fall back."""
import torch
from torch import Tensor, nn

from vscg.models.recurrent import LSTMCell


def bare(inputs: int, outputs: int) -> nn.Linear:
    """A linear map without bias."""
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.xavier_uniform_(layer.weight)
    return layer


class SentinelLSTM(nn.Module):
    """An LSTM from zero, and for each segment a sentinel: what its own memory can say about the segment.

    s_t = sigmoid(W_x y_t + W_h h_{t-1}) * tanh(m_t): the gate sees the state before the step, the memory is that after.
    If `bidirectional`, there are two LSTMs of 128, forwards and backwards, in place of one of 256; `dropout` is the
    rate before both maps of the gate.
    """

    def __init__(self, *, bidirectional: bool = False, dropout: float = 0.0):
        super().__init__()
        directions = 2 if bidirectional else 1
        self.cells = nn.ModuleList(LSTMCell(256, 256 // directions) for _ in range(directions))
        self.input_map, self.hidden_map = bare(256, 256), bare(256, 256)           # W_x, W_h
        self.dropout = nn.Dropout(dropout)

    @staticmethod
    def run(cell: LSTMCell, sequence: Tensor) -> list[Tensor]:
        """The states before each step, the states and the memories after it: (B,T,hidden) each."""
        hidden = memory = sequence.new_zeros(len(sequence), cell.hidden_size)
        steps = []
        for y in sequence.unbind(1):
            before = hidden
            hidden, memory = cell(y, (before, memory))
            steps.append((before, hidden, memory))
        return [torch.stack(each, 1) for each in zip(*steps, strict=True)]

    def forward(self, sequence: Tensor) -> tuple[Tensor, Tensor]:
        """y (B,T,256) to the states h and the sentinels s, both (B,T,256)."""
        found = [self.run(self.cells[0], sequence)]
        if len(self.cells) == 2:
            found.append([each.flip(1) for each in self.run(self.cells[1], sequence.flip(1))])
        before, hidden, memory = (torch.cat(each, -1) for each in zip(*found, strict=True))
        gate = (self.input_map(self.dropout(sequence)) + self.hidden_map(self.dropout(before))).sigmoid()
        return hidden, gate * memory.tanh()


class AdaptiveAttention(nn.Module):
    """Which of the memory's segments help, or does the sentinel do?

    z_{t,i} = w tanh(W_a M_i + W_g h_t), zeta_t = w tanh(W_s s_t + W_g h_t), beta_t = last entry of softmax([z_t ;
    zeta_t]), c_t = beta_t s_t + (1 - beta_t) sum_i softmax(z_t)_i M_i. `size` is k, of the space in which the scores
    are made, `dropout` the rate before each map.
    """

    def __init__(self, *, size: int = 10, dropout: float = 0.0):
        super().__init__()
        self.memory_map, self.hidden_map, self.sentinel_map = (bare(256, size) for _ in range(3))    # W_a, W_g, W_s
        self.score = bare(size, 1)                                                 # w
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, sentinel: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """h, s and M, (B,T,256) each, to the context c (B,T,256) and beta (B,T) in (0,1)."""
        query = self.hidden_map(self.dropout(hidden)).unsqueeze(2)                 # (B,T,1,k)
        others = self.memory_map(self.dropout(memory)).unsqueeze(1)                # (B,1,T,k)
        own = self.sentinel_map(self.dropout(sentinel)).unsqueeze(2)               # (B,T,1,k)
        z = self.score(self.dropout((others + query).tanh())).squeeze(-1)          # (B,T,T), t by i
        zeta = self.score(self.dropout((own + query).tanh())).squeeze(-1)          # (B,T,1)
        beta = torch.cat([z, zeta], -1).softmax(-1)[..., -1:]                      # (B,T,1)
        context = beta * sentinel + (1 - beta) * (z.softmax(-1) @ memory)
        return context, beta.squeeze(-1)
