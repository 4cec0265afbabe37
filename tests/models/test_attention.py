"""AGVA: which regions of the picture go with the sound."""
import math

import numpy as np
import pytest
import torch

from tests import loops
from vscg.models.attention import AudioGuidedAttention


def small(seed=0, regions=6):
    torch.manual_seed(seed)
    return AudioGuidedAttention(audio_dim=4, visual_dim=5, hidden_dim=3, regions=regions).double()


def features(seed=1, batch=2, segments=3, size=(2, 3)):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(batch, segments, 4, generator=generator, dtype=torch.float64),
            torch.randn(batch, segments, *size, 5, generator=generator, dtype=torch.float64))


def test_agrees_with_loops():
    module, (audio, visual) = small(), features()
    attended, attention = module(audio, visual)
    for b, t in np.ndindex(2, 3):
        slow, alpha = loops.attention(audio[b, t].numpy(), visual[b, t].reshape(6, 5).numpy(), loops.weights(module))
        np.testing.assert_allclose(attended[b, t].detach(), slow, atol=1e-12)
        np.testing.assert_allclose(attention[b, t].detach(), alpha.reshape(2, 3), atol=1e-12)


def test_the_sound_is_added_along_the_rows():
    """Two regions, a silent visual term: region 0's row holds tanh(g_0) twice, so z = (2 tanh(g_0), 2 tanh(g_1))."""
    module = AudioGuidedAttention(audio_dim=1, visual_dim=1, hidden_dim=1, regions=2).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.audio_map.weight.fill_(1)
        module.audio_score.weight.copy_(torch.tensor([[math.atanh(math.log(3) / 2)], [0.0]]))
        module.region_score.weight.fill_(1)
    attended, attention = module(torch.ones(1, 1, 1).double(), torch.tensor([8.0, 4.0]).double().reshape(1, 1, 1, 2, 1))
    # z = (ln 3, 0), so alpha = (3/4, 1/4). Added along the columns, both rows would be equal and alpha one half each.
    torch.testing.assert_close(attention.flatten(), torch.tensor([0.75, 0.25]).double())
    assert attended.item() == pytest.approx(0.75 * 8 + 0.25 * 4)
