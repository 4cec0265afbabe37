"""AVRB: its two blocks by hand and in loops, and the whole system with every switch."""
import math

import numpy as np
import pytest
import torch

from tests import loops
from tests.models.test_avin import slow_bilinear
from tests.models.whole import agrees, unreached, zeroed
from vscg.models.avrb import AVRB, AudioVisualFusion, SegmentWiseAttention

CASES = [dict(setting="fully"), dict(setting="weakly"), dict(setting="fully", fusion="mfb"),
         dict(setting="weakly", gate_scale=10.0), dict(setting="weakly", pooling="max")]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))


@pytest.fixture
def fused():
    return torch.randn(2, 10, 256, dtype=torch.float64)


def slow_fuse(audio, visual, w):
    u, v = (np.tanh(loops.linear(x, loops.part(w, name))) for x, name in ((visual, "visual_map"), (audio, "audio_map")))
    return loops.linear(u * v, loops.part(w, "output"))


def slow_segments(fused, w, gate_scale=1.0):
    """One clip: f' (10,256) and alpha (10,)."""
    scores = [w["score.weight"][0] @ np.tanh(loops.linear(f, loops.part(w, "hidden"))) for f in fused]
    alpha = loops.softmax(np.array(scores))
    return np.stack([(1 + gate_scale * a) * f for a, f in zip(alpha, fused, strict=True)]), alpha


def slow_avrb(audio, visual, w, *, setting, fusion="low_rank", gate_scale=1.0, pooling="swab"):
    """One clip through AVRB."""
    attended = loops.attend(audio, visual, loops.part(w, "attention"))
    h_a = loops.lstm(audio, loops.part(w, "audio_lstm.lstm"))
    h_v = loops.lstm(attended, loops.part(w, "visual_lstm.lstm"))
    fuse = slow_fuse if fusion == "low_rank" else slow_bilinear
    f = np.stack([fuse(a, v, loops.part(w, "fusion")) for a, v in zip(h_a, h_v, strict=True)])
    f, alpha = slow_segments(f, loops.part(w, "segment"), gate_scale)
    logits = loops.two_layers(np.concatenate([f, h_v, h_a], 1), loops.part(w, "hidden"), loops.part(w, "classifier"))
    result = dict(segment_logits=logits, segment_weight=alpha)
    if setting == "weakly":
        clip = logits.max(0) if pooling == "max" else sum(a * row for a, row in zip(alpha, logits, strict=True))
        result["video_probability"] = loops.softmax(clip)
    return result


@EACH
def test_agrees_with_loops_and_trains(case, clips):
    model = AVRB(**case).double()
    agrees(model, clips, slow_avrb, **case)
    assert unreached(model, clips, "avrb", case["setting"]) == []


class TestFusion:
    def test_by_hand(self):
        """Both modalities must speak: tanh(1) * tanh(2), and nothing where one is silent."""
        block = AudioVisualFusion().double()
        with torch.no_grad():
            for layer in (block.audio_map, block.visual_map, block.output):
                layer.weight.copy_(torch.eye(256)), layer.bias.zero_()
            audio, visual = torch.zeros(2, 1, 256, dtype=torch.float64)
            visual[0, :2], audio[0, 0] = 1, 2
            assert block(audio, visual)[0, :2].tolist() == pytest.approx([math.tanh(1) * math.tanh(2), 0])


class TestSegmentWiseAttention:
    def test_by_hand(self):
        """One segment scores log 3 by tanh(1000) = 1, the nine others 0: alpha is 3/12 and 1/12."""
        block, fused = zeroed(SegmentWiseAttention(gate_scale=2.0)), torch.zeros(1, 10, 256, dtype=torch.float64)
        with torch.no_grad():
            block.hidden.weight[0, 5], block.score.weight[0, 0] = 1000, math.log(3)
            fused[0, 4, 5], fused[..., 6] = 1, 1
            gated, alpha = block(fused)
        assert alpha[0].tolist() == pytest.approx([3 / 12 if t == 4 else 1 / 12 for t in range(10)])
        assert gated[0, [4, 0], 6].tolist() == pytest.approx([1 + 2 * 3 / 12, 1 + 2 / 12])


def test_the_weights_of_the_segments_pool_the_clip(clips):
    """All weight on one segment: the clip's distribution is that segment's."""
    model = AVRB("weakly").double()
    model.segment.score.register_forward_hook(lambda layer, inputs, scores: 1e3 * torch.eye(10)[4].double()[:, None]
                                              .expand(2, 10, 1))
    output = model(*clips)
    torch.testing.assert_close(output.video_probability, output.segment_logits[:, 4].softmax(-1))
