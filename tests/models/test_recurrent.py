"""Recurrent layers that stay in single precision on a GPU: elsewhere they are torch's own."""
import pytest
import torch
from torch import nn

from vscg.models import recurrent


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("started", [False, True])
def test_on_a_cpu_they_are_torchs_own(kind, started):
    torch.manual_seed(0)
    options = {"batch_first": True, "bidirectional": True}
    theirs, ours = getattr(nn, kind)(4, 3, **options), getattr(recurrent, kind)(4, 3, **options)
    ours.load_state_dict(theirs.state_dict())
    state = torch.randn(2, 2, 3)
    state = (state, 2 * state) if kind == "LSTM" else state
    x = torch.randn(2, 5, 4)
    for a, b in zip(theirs(x, state if started else None), ours(x, state if started else None), strict=True):
        assert all(map(torch.equal, a, b)) if isinstance(a, tuple) else torch.equal(a, b)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_on_a_gpu_autocast_changes_nothing(kind):
    torch.manual_seed(0)
    layer = getattr(recurrent, kind)(4, 3, batch_first=True).cuda()
    x, state = torch.randn(2, 5, 4).bfloat16().cuda(), torch.zeros(1, 2, 3).bfloat16().cuda()
    state = (state, state) if kind == "LSTM" else state
    plain = layer(x.float())[0]
    with torch.autocast("cuda", torch.bfloat16):
        assert torch.equal(layer(x, state)[0], plain)
