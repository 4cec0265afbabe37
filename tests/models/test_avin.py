"""AVIN: bilinear pooling and interactions by hand and in loops, and the whole system with every switch."""
import math

import numpy as np
import pytest
import torch

from tests import loops
from tests.models.whole import agrees, unreached
from vscg.models.avin import AVIN
from vscg.models.bilinear import BilinearPooling, signed_root

CASES = [dict(setting="fully"), dict(setting="weakly"), dict(setting="fully", spatial="agva"),
         dict(setting="fully", bidirectional=False), dict(setting="fully", bilinear_dim=128, factors=2),
         dict(setting="weakly", weights="channel"), dict(setting="fully", scaled=True, rescale=10.0),
         dict(setting="fully", inter_query="both"), dict(setting="weakly", pooling="mean")]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))


@pytest.fixture
def states():
    """F^a and F^v."""
    return torch.randn(2, 2, 10, 256, dtype=torch.float64) / 4


def slow_bilinear(audio, visual, w, factors=5):
    """z of one segment, entry by entry."""
    u, v = w["visual_factors.weight"] @ visual, w["audio_factors.weight"] @ audio
    z = [sum(u[factors * i + j] * v[factors * i + j] for j in range(factors)) for i in range(len(u) // factors)]
    z = np.array([math.copysign(math.sqrt(abs(x) + 1e-12), x) for x in z])
    return z / math.sqrt(z @ z)


def slow_interact(sequence, query, weights="scalar", scale=1, rescale=1.0):
    if weights == "scalar":
        shares = loops.softmax(np.array([x @ query / scale for x in sequence]))[:, None]
    else:
        shares = np.stack([loops.softmax(channel * m / scale) for channel, m in zip(sequence.T, query, strict=True)], 1)
    return rescale * shares * sequence


def slow_avin(audio, visual, w, *, setting, spatial="mean", bidirectional=True, weights="scalar", scaled=False,
              rescale=1.0, inter_query="other", pooling="max", factors=5, bilinear_dim=256):
    """One clip through AVIN, dropout off."""
    if spatial == "agva":
        attended = loops.attend(audio, visual, loops.part(w, "attention"))
    else:
        attended = np.stack([sum(segment.reshape(49, 512)) / 49 for segment in visual])

    def ask(sequence, query):
        return slow_interact(sequence, query, weights, 16 if scaled else 1, rescale)

    f_a, f_v = (loops.lstm(x, loops.part(w, name)) for x, name in ((audio, "audio_lstm"), (attended, "visual_lstm")))
    assert ("weight_hh_l0_reverse" in loops.part(w, "audio_lstm")) == bidirectional
    i_a, i_v = ask(f_a, sum(f_a) / 10), ask(f_v, sum(f_v) / 10)
    m_a, m_v = sum(i_a) / 10, sum(i_v) / 10
    if inter_query == "both":
        m_a = m_v = (m_a + m_v) / 2
    z = np.stack([slow_bilinear(a, v, loops.part(w, "bilinear"), factors) for a, v in zip(f_a, f_v, strict=True)])
    assert z.shape == (10, bilinear_dim)
    logits = loops.linear(np.concatenate([i_v, i_a, ask(f_v, m_a), ask(f_a, m_v), z], 1), loops.part(w, "classifier"))
    if setting == "fully":
        return dict(segment_logits=logits)
    clip = loops.softmax(logits.max(0)) if pooling == "max" else sum(map(loops.softmax, logits)) / 10
    return dict(segment_logits=logits, video_probability=clip)


@EACH
def test_agrees_with_loops_and_trains(case, clips):
    model = AVIN(**case).double().eval()
    agrees(model, clips, slow_avin, **case)
    assert unreached(model, clips, "avin", case["setting"]) == []
    assert (model(*clips).attention is None) == (case.get("spatial") != "agva")


class TestBilinearPooling:
    def test_the_root_by_hand(self):
        x = torch.tensor([-4.0, 0, 0.25], dtype=torch.float64, requires_grad=True)
        signed_root(x).sum().backward()
        assert signed_root(x).tolist() == pytest.approx([-2, 0, 0.5]) and x.grad.tolist() == pytest.approx([0.25, 0, 1])

    def test_neighbouring_products_are_summed(self):
        """Products 1, 1 and -1, -8: sums 2 and -9, roots sqrt 2 and -3, of length sqrt 11."""
        pooling = BilinearPooling(2, factors=2, dropout=0).double()
        with torch.no_grad():
            pooling.visual_factors.weight.zero_(), pooling.audio_factors.weight.zero_()
            pooling.visual_factors.weight[:, 0] = torch.tensor([1, 2, -1, 4])
            pooling.audio_factors.weight[:, 3] = torch.tensor([1, 0.5, 1, -2])
            audio, visual = torch.zeros(2, 1, 256, dtype=torch.float64)
            audio[0, 3] = visual[0, 0] = 1
            assert pooling(audio, visual)[0].tolist() == pytest.approx([math.sqrt(2 / 11), -3 / math.sqrt(11)])

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_gradients_are_finite_where_nothing_meets(self, dtype, states):
        pooling = BilinearPooling(dropout=0).to(dtype)
        audio, visual = states.to(dtype)
        audio[0, 3] = 0
        (pooling(audio, visual) * torch.randn(256, dtype=dtype)).sum().backward()
        assert not pooling(audio, visual)[0, 3].any()
        assert all(p.grad.isfinite().all() and p.grad.any() for p in pooling.parameters())

    def test_dropout_takes_products(self, states):
        pooling = BilinearPooling(dropout=1).double()
        assert not pooling.train()(*states).any() and pooling.eval()(*states).any()


class TestInteractions:
    def test_by_hand(self):
        """Two segments, 2 and 4 in one channel: their mean 3 asks with 6 and 12, so the second has all but e^-6."""
        model, x = AVIN("fully").double(), torch.zeros(1, 2, 256, dtype=torch.float64)
        x[0, :, 7] = torch.tensor([2.0, 4.0])
        second = 1 / (1 + math.exp(-6))
        assert model.interact(x, x.mean(1))[0, :, 7].tolist() == pytest.approx([2 * (1 - second), 4 * second])

    def test_weights_of_a_channel_are_its_own(self):
        """Asked in one channel alone, the others' weights stay at 1/10; a scalar weight would change all."""
        x, query = torch.ones(1, 10, 256).double(), torch.zeros(1, 256).double()
        x[0, 4, 7], query[0, 7] = 3, 1
        scalar, channel = (AVIN("fully", weights=weights).interact(x, query) for weights in ("scalar", "channel"))
        share = math.exp(3) / (math.exp(3) + 9 * math.e)
        assert scalar[0, 4, :2].tolist() == pytest.approx([share, share])
        assert channel[0, 4, [0, 7]].tolist() == pytest.approx([0.1, 3 * share])
        assert scalar[0, 4, 7].item() == pytest.approx(3 * share)
