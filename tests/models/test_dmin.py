"""DMIN: dense attention, bilinear pooling, the LSTM over each region, both settings."""
import math

import numpy as np
import pytest
import torch

from tests import loops
from tests.models.whole import draw_clips
from vscg.models.dmin import DMIN, BilinearRecurrentAttention, DenseAttention, root


class TestDenseAttention:
    def test_logits_agree_with_all_shifts(self):
        """Every circular shift of the query's channels is made, weighted and averaged, as published."""
        dim, length = 6, 4
        query, key = torch.randn(2, 3, length, dim).double(), torch.randn(2, 3, 2 * length, dim).double()
        logits = DenseAttention(12, heads=2, dropout=0).logits(query, key)
        for b, h, i, n in np.ndindex(2, 3, length, 2 * length):
            q, k = query[b, h, i].numpy() / math.sqrt(dim), key[b, h, n].numpy()
            if n >= length:
                expected = q @ k
            else:
                shares = [0.5] + [0.5 / (dim - 1)] * (dim - 1)
                expected = sum(share * sum(q[(c + s) % dim] * k[c] for c in range(dim))
                               for s, share in enumerate(shares)) / dim
            assert logits[b, h, i, n].item() == pytest.approx(expected, abs=1e-12)


class TestRoot:
    def test_by_hand(self):
        x = torch.tensor([0.0, 0.25, 4.0], requires_grad=True)
        root(x).sum().backward()
        assert root(x).tolist() == [0, 0.5, 2] and x.grad.tolist() == [0, 1, 0.25]

    def test_huge_gradients_from_above_stay_zero_at_zero(self):
        x = torch.zeros(4, requires_grad=True)
        (root(x) * 1e30).sum().backward()
        assert x.grad.tolist() == [0] * 4


def slow_score(audio, regions, w):
    """One clip: audio (T,128) and gated regions (T,R,512) to the logits of all regions (T,R) before their tanh."""
    segments, count = regions.shape[:2]
    joint = np.zeros((segments, count, 256))
    sound = loops.relu(loops.linear(audio, loops.part(w, "audio_map")))
    layers = [{name.replace("l1", "l0"): value for name, value in loops.part(w, "lstm").items() if f"l{i}" in name}
              for i in range(2)]
    for r in range(count):
        picture = loops.relu(loops.linear(regions[:, r], loops.part(w, "visual_map")))
        sequence = np.concatenate([picture + sound, sound], 1)
        joint[:, r] = loops.lstm(loops.lstm(sequence, layers[0]), layers[1])
        for t in range(segments):
            m = (loops.relu(loops.linear(regions[t, r], loops.part(w, "visual_factors")))
                 * loops.relu(loops.linear(audio[t], loops.part(w, "audio_factors"))))
            y = np.array([sum(m[5 * k:5 * k + 5]) for k in range(256)])
            y = np.sqrt(np.maximum(y, 0)) - np.sqrt(np.maximum(-y, 0))
            joint[t, r] += y / max(np.sqrt(y @ y), 1e-12)
    return joint @ w["score.weight"][0] + w["score.bias"]


class TestSpatialAttention:
    def test_agrees_with_loops(self):
        module = BilinearRecurrentAttention(dropout=0).double()
        audio, regions = torch.rand(2, 3, 128).double(), torch.rand(2, 3, 4, 512).double()
        attended, weights = module(audio, regions)
        gated = (regions * (1 + module.channel(audio, regions)).unsqueeze(-2)).detach()
        for b in range(2):
            logits = np.tanh(slow_score(audio[b].numpy(), gated[b].numpy(), loops.weights(module)))
            for t in range(3):
                alpha = loops.softmax(logits[t])
                np.testing.assert_allclose(weights[b, t].detach(), alpha, atol=1e-12)
                np.testing.assert_allclose(attended[b, t].detach(), alpha @ gated[b, t].numpy(), atol=1e-12)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_gradients_are_finite_where_nothing_meets(self, dtype):
        module = BilinearRecurrentAttention(dropout=0).to(dtype)
        with torch.no_grad():
            module.audio_factors.bias.zero_()
        audio, regions = torch.rand(1, 3, 128, dtype=dtype), torch.rand(1, 3, 49, 512, dtype=dtype)
        audio[0, 1] = 0
        assert (module.visual_factors(regions) < 0).any()
        (module(audio, regions)[0] * torch.randn(512, dtype=dtype)).sum().backward()
        assert [name for name, p in module.named_parameters() if not p.grad.isfinite().all()] == []

    def test_bilinear_dropout(self):
        module, audio, regions = BilinearRecurrentAttention(dropout=1), torch.rand(1, 2, 128), torch.rand(1, 2, 3, 512)
        assert not module.train().bilinear(audio, regions).any() and module.eval().bilinear(audio, regions).any()


def test_the_second_head_reads_the_encoded_picture_alone():
    for setting, name in (("fully", "event_self"), ("weakly", "video_prob_self")):
        model, inputs, seen = DMIN(setting).eval(), draw_clips(), []
        model.transformer.visual_encoder.register_forward_hook(lambda layer, args, out, seen=seen: seen.append(out))
        output = model(*inputs)
        encoded, = seen
        if setting == "fully":
            expected = model.visual_head(encoded.amax(1))
        else:
            relevance, raw = model.visual_head(encoded)
            expected = (relevance.sigmoid().unsqueeze(-1) * raw.unsqueeze(1)).amax(1).softmax(-1)
        torch.testing.assert_close(output.extras[name], expected)
