"""CSS-Net: its attention, its selection and its losses, by hand and in loops, and the whole system."""
import math

import numpy as np
import pytest
import torch

from tests import loops
from tests.models.test_transformer import slow_norm
from tests.models.whole import agrees, unreached, zeroed
from tests.training.test_objectives import labels_of
from vscg.models.cssnet import CSSNet, SegmentSelection, VisuallyGuidedAudio
from vscg.training.objectives import pull_loss, push_loss

EACH = pytest.mark.parametrize("setting, attention", [(setting, attention) for setting in ("fully", "weakly")
                                                     for attention in ("bgca", "agva")])


@pytest.fixture
def states():
    """Audio and visual states after the Bi-LSTMs: unrelated, so that some pairs pass the threshold and some do not."""
    return torch.randn(2, 2, 10, 256, dtype=torch.float64)


def slow_guided(audio, attended, w):
    """One clip: the audio (10,128) after the visually guided path."""
    key, value = loops.linear(audio, loops.part(w, "key")), loops.linear(audio, loops.part(w, "value"))
    read = []
    for query in loops.linear(attended, loops.part(w, "query")):
        shares = loops.softmax(np.array([query @ k / math.sqrt(128) for k in key]))
        read.append(sum(share * u for share, u in zip(shares, value, strict=True)))
    return slow_norm(audio + np.stack(read), loops.part(w, "norm"))


def slow_select(audio, visual, threshold=0.1):
    """One clip: the new audio and visual states, pair by pair."""
    w = np.zeros((10, 10))
    for i in range(10):
        for j in range(10):
            r = np.corrcoef(visual[i], audio[j])[0, 1]
            w[i, j] = r if r > threshold else 0
    new_audio, new_visual = audio.copy(), visual.copy()
    for i in range(10):
        for j in range(10):
            new_visual[i] += w[i, j] / (w[i].sum() + 1e-8) * audio[j]
            new_audio[j] += w[i, j] / (w[:, j].sum() + 1e-8) * visual[i]
    return new_audio, new_visual


def slow_cssnet(audio, visual, w, setting, attention):
    """One clip: outputs by name."""
    attended = loops.attend(audio, visual, loops.part(w, "attention"))
    if attention == "bgca":
        audio = slow_guided(audio, attended, loops.part(w, "audio_attention"))
    streams = slow_select(loops.lstm(audio, loops.part(w, "audio_lstm.lstm")),
                          loops.lstm(attended, loops.part(w, "visual_lstm.lstm")))
    g_a, g_v = (slow_norm(loops.relu(loops.linear(x, loops.part(w, f"{name}_project.0"))),
                          loops.part(w, f"{name}_project.3")) for x, name in zip(streams, ("audio", "visual"),
                                                                                 strict=True))
    fused = (g_a + g_v) / 2
    relevance = loops.linear(fused, loops.part(w, "head.relevance"))[:, 0]
    category = loops.linear(fused.max(0), loops.part(w, "head.category"))
    found = {"event_relevance": relevance, "global_visual": g_v.mean(0), "global_audio": g_a.mean(0)}
    if setting == "fully":
        return found | {"event_category": category}
    gated = np.array([max(loops.sigmoid(e) * c for e in relevance) for c in category])
    return found | {"raw_logits": category, "video_probability": loops.softmax(gated)}


@EACH
def test_agrees_with_loops_and_trains(setting, attention, clips):
    model = CSSNet(setting, attention=attention, dropout=0).double()
    agrees(model, clips, slow_cssnet, setting=setting, attention=attention)
    assert unreached(model, clips, "cssnet", setting) == []


class TestAttention:
    def test_a_second_is_found_by_hand(self):
        """What is seen asks for channel 0, which second 3 has log 6 stronger: it gets 6/15 of the look, others 1/15."""
        path = zeroed(VisuallyGuidedAudio())
        with torch.no_grad():
            path.norm.weight.fill_(1)
            path.query.bias[0], path.key.weight[0, 0], path.value.weight[1, 0] = math.sqrt(128), 1, 1
            audio = torch.zeros(1, 10, 128, dtype=torch.float64)
            audio[0, 3, 0] = math.log(6)
            heard = path(audio, torch.zeros(1, 10, 512, dtype=torch.float64))[0, 0]
        # The first second has 6/15 log 6 in channel 1 and 0 elsewhere, normalised.
        raw = np.eye(128)[1] * 6 / 15 * math.log(6)
        np.testing.assert_allclose(heard, (raw - raw.mean()) / np.sqrt(raw.var() + 1e-5), atol=1e-12)


class TestSelection:

    def test_two_partners_by_hand(self):
        """Visual second 0 goes with two sounds, correlation 0.8 and 0.6, and takes 4/7 and 3/7 of them."""
        basis = torch.eye(4, dtype=torch.float64) @ torch.tensor(       # orthonormal, each with mean 0
            [[1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1], [0, 0, 0, 0]], dtype=torch.float64) / 2
        visual, audio = torch.zeros(2, 1, 3, 4, dtype=torch.float64)
        visual[0, 0] = basis[0]
        audio[0, 0], audio[0, 1] = 0.8 * basis[0] + 0.6 * basis[1], 0.6 * basis[0] - 0.8 * basis[1]
        audio[0, 2] = basis[2]
        select = SegmentSelection()
        torch.testing.assert_close(select.correlation(audio, visual)[0, 0],
                                   torch.tensor([0.8, 0.6, 0], dtype=torch.float64))
        new_audio, new_visual = select(audio, visual)
        torch.testing.assert_close(new_visual[0, 0], visual[0, 0] + (4 * audio[0, 0] + 3 * audio[0, 1]) / 7)
        torch.testing.assert_close(new_audio[0, :2], audio[0, :2] + visual[0, 0])
        assert torch.equal(new_audio[0, 2], audio[0, 2]) and torch.equal(new_visual[0, 1:], visual[0, 1:])

    def test_a_coefficient_at_the_threshold_is_cut(self, states):
        audio, visual = states
        r = SegmentSelection().correlation(audio, visual)
        at = SegmentSelection(threshold=r[0, 2].max().item())(audio, visual)[1]
        assert torch.equal(at[0, 2], visual[0, 2])


class TestLosses:
    def test_pull(self):
        """test_build_objective has plain sums: here what pulls nothing. Equal vectors, and no clip that counts."""
        visual, audio = torch.randn(2, 3, 256, dtype=torch.float64)
        for normalised in (False, True):
            assert pull_loss(visual, visual, torch.ones(3), normalised).item() == pytest.approx(0, abs=1e-12)
            assert pull_loss(visual, audio, torch.zeros(3), normalised) == 0

    def test_push(self):
        """Clips 0 and 2 hold one event, 1 another, 3 none: pairs of different events are 0-1, 1-0, 1-2 and 2-1."""
        visual = torch.tensor([[1, 0], [0, 2], [1, 0], [0, 1]], dtype=torch.float64)
        audio = torch.tensor([[0, 3], [0, 1], [3, 4], [1, 1]], dtype=torch.float64)
        labels = labels_of((3, 0, 10), (7, 1, 4), (3, 5, 6), (0, 4, 4)).double()
        # cos(v_0, a_1) = 0, cos(v_1, a_0) = 1, cos(v_1, a_2) = 0.8, cos(v_2, a_1) = 0
        assert push_loss(visual, audio, labels).item() == pytest.approx((0.8 + 0.6) / 4)
        assert push_loss(visual[:1], audio[:1], labels[:1]) == 0
