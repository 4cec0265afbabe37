"""DMRN and its residual fusion."""
import math

import numpy as np
import pytest
import torch

from tests import loops
from tests.models.whole import agrees, zeroed
from vscg.models.dmrn import DMRN, ResidualFusion


def slow_fusion(audio, visual, w):
    """The fused vector of one audio and one visual vector, component by component."""
    def message(x, name):
        return loops.linear(np.tanh(loops.linear(x, loops.part(w, f"{name}.0"))), loops.part(w, f"{name}.2"))

    from_audio, from_visual = message(audio, "audio_map"), message(visual, "visual_map")
    fused = np.zeros(len(audio))
    for d in range(len(audio)):
        m = (from_audio[d] + from_visual[d]) / 2
        fused[d] = (np.tanh(audio[d] + m) + np.tanh(visual[d] + m)) / 2
    return fused


class TestResidualFusion:
    def test_by_hand(self):
        """Audio map: tanh(1 * x) * 2, visual map: the constant 1; so m = (2 tanh(0.5) + 1) / 2 for audio 0.5."""
        block = zeroed(ResidualFusion(1)).float()
        with torch.no_grad():
            block.audio_map[0].weight.fill_(1), block.audio_map[2].weight.fill_(2), block.visual_map[2].bias.fill_(1)
        m = math.tanh(0.5) + 0.5
        expected = (math.tanh(0.5 + m) + math.tanh(-2 + m)) / 2
        assert block(torch.tensor([0.5]), torch.tensor([-2.0])).item() == pytest.approx(expected)


def slow_dmrn(audio, visual, w):
    """One clip through DMRN."""
    attended = loops.attend(audio, visual, loops.part(w, "attention"))
    streams = (loops.lstm(audio, loops.part(w, "audio_lstm.lstm")),
               loops.lstm(attended, loops.part(w, "visual_lstm.lstm")))
    fused = np.stack([slow_fusion(a, v, loops.part(w, "fusion")) for a, v in zip(*streams, strict=True)])
    return dict(segment_logits=loops.linear(fused, loops.part(w, "classifier")))


def test_agrees_with_loops(clips):
    agrees(DMRN("fully").double(), clips, slow_dmrn)
