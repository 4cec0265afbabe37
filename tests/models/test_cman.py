"""CMAN: where, when and which by hand and in loops, its sentinel, and the whole system with every switch."""
import math

import numpy as np
import pytest
import torch

from tests import loops
from tests.models.whole import agrees, unreached, zeroed
from vscg.models.adaptive import AdaptiveAttention, SentinelLSTM
from vscg.models.cman import CMAN, Where

CASES = [dict(setting="fully"), dict(setting="weakly"), dict(setting="fully", attention_size=256),
         dict(setting="fully", similarity="dot"), dict(setting="weakly", memory="embedded"),
         dict(setting="fully", residual=False), dict(setting="fully", bidirectional=True),
         dict(setting="weakly", fusion="sum")]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))


@pytest.fixture
def sequences():
    """h, s and M of an attention, or any others."""
    return torch.randn(3, 2, 10, 256, dtype=torch.float64)


def slow_where(audio, visual, w, similarity):
    """One segment: v (512,) and the weights of its 49 cells."""
    regions, sound, scores = visual.reshape(49, 512), loops.linear(audio, loops.part(w, "audio_map")), []
    for region in regions:
        x = loops.linear(region, loops.part(w, "visual_map"))
        scale = math.sqrt(x @ x) * math.sqrt(sound @ sound) if similarity == "cosine" else 16
        scores.append(x @ sound / scale)
    weights = loops.softmax(np.array(scores))
    return sum(weight * region for weight, region in zip(weights, regions, strict=True)), weights


def slow_when(sequence, w, residual):
    query, key, value = (loops.linear(sequence, loops.part(w, name)) for name in ("query", "key", "value"))
    read = [sum(share * v for share, v in zip(loops.softmax(key @ q / 16), value, strict=True)) for q in query]
    return sequence + read if residual else np.array(read)


def slow_sentinel_lstm(sequence, w):
    """One clip: states h and sentinels s, (10,256) each; the second LSTM, if there is one, runs backwards."""
    directions = 2 if "cells.1.weight_ih" in w else 1
    hidden, memories, before = (np.zeros((10, 256)) for _ in range(3))
    for d in range(directions):
        own, at = loops.part(w, f"cells.{d}"), slice(256 // directions * d, 256 // directions * (d + 1))
        h = m = np.zeros(256 // directions)
        for t in range(10)[::-1 if d else 1]:
            before[t, at] = h
            h, m = loops.lstm_step(sequence[t], h, m, *(own[f"{kind}_{part}"] for kind in ("weight", "bias")
                                                        for part in ("ih", "hh")))
            hidden[t, at], memories[t, at] = h, m
    gates = [loops.sigmoid(w["input_map.weight"] @ y + w["hidden_map.weight"] @ h)
             for y, h in zip(sequence, before, strict=True)]
    return hidden, np.array(gates) * np.tanh(memories)


def slow_which(hidden, sentinel, memory, w):
    """One clip: contexts c (10,256) and beta (10,), by the second form: eleven weights, the last for the sentinel."""
    contexts, betas = [], []
    for h, s in zip(hidden, sentinel, strict=True):
        g = w["hidden_map.weight"] @ h
        z = [w["score.weight"][0] @ np.tanh(w["memory_map.weight"] @ m + g) for m in memory]
        alpha = loops.softmax(np.array([*z, w["score.weight"][0] @ np.tanh(w["sentinel_map.weight"] @ s + g)]))
        betas.append(alpha[10])
        contexts.append(sum(share * m for share, m in zip(alpha, [*memory, s], strict=True)))
    return np.array(contexts), np.array(betas)


def slow_cman(audio, visual, w, *, setting, similarity="cosine", memory="attended", residual=True, fusion="concat",
              **sizes):
    """One clip through CMAN."""
    found = [slow_where(a, v, loops.part(w, "where"), similarity) for a, v in zip(audio, visual, strict=True)]
    attended, weights = (np.stack(each) for each in zip(*found, strict=True))
    e, y, h, s = {}, {}, {}, {}
    for name, x in (("audio", audio), ("visual", attended)):
        e[name] = loops.linear(x, loops.part(w, f"{name}_embed"))
        y[name] = slow_when(e[name], loops.part(w, f"{name}_when"), residual)
        h[name], s[name] = slow_sentinel_lstm(y[name], loops.part(w, f"{name}_lstm"))
    read, result = (y if memory == "attended" else e), dict(attention=weights.reshape(10, 7, 7))
    for name, other in (("visual", "audio"), ("audio", "visual")):
        context, result[f"beta_{name}"] = slow_which(h[name], s[name], read[other], loops.part(w, f"{name}_which"))
        h[name] = h[name] + context
    fused = np.concatenate([h["visual"], h["audio"]], 1) if fusion == "concat" else h["visual"] + h["audio"]
    result["segment_logits"] = loops.linear(fused, loops.part(w, "classifier"))
    if setting == "weakly":
        result["video_probability"] = loops.softmax(result["segment_logits"].max(0))
    return result


@EACH
def test_agrees_with_loops_and_trains(case, clips):
    model = CMAN(**case).double()
    agrees(model, clips, slow_cman, **case)
    # It shifts all 49 dot products alike.
    silent = ["where.visual_map.bias"] if case.get("similarity") == "dot" else []
    assert unreached(model, clips, "cman", case["setting"]) == silent


class TestWhere:
    def test_by_hand(self):
        """One cell points where the sound points (cosine 1), one against it (-1), the others across (0)."""
        where, visual = zeroed(Where(similarity="cosine")), torch.zeros(1, 1, 7, 7, 512, dtype=torch.float64)
        with torch.no_grad():
            where.audio_map.bias[5] = 3
            where.visual_map.weight[5, 0] = where.visual_map.weight[6, 1] = 1
            visual[..., 1] = 2
            visual[0, 0, 3, 2, :2] = torch.tensor([0.1, 0])
            visual[0, 0, 4, 4, :2] = torch.tensor([-7, 0])
            attended, weights = where(torch.zeros(1, 1, 128, dtype=torch.float64), visual)
        total = math.e + 1 / math.e + 47
        assert weights[0, 0, 3, 2].item() == pytest.approx(math.e / total)
        assert weights[0, 0, 4, 4].item() == pytest.approx(1 / math.e / total)
        assert attended[0, 0, :2].tolist() == pytest.approx([(0.1 * math.e - 7 / math.e) / total, 2 * 47 / total])

    def test_a_silent_second_and_an_empty_cell_give_numbers(self, clips):
        where, (audio, visual) = Where(similarity="cosine").double(), clips
        with torch.no_grad():
            where.audio_map.bias.zero_(), where.visual_map.bias.zero_()
        audio[0, 3], visual[0, 3, 2, 2] = 0, 0
        weights = where(audio, visual)[1]
        torch.testing.assert_close(weights[0, 3], torch.full((7, 7), 1 / 49, dtype=torch.float64))


class TestSentinel:
    def test_the_gate_sees_the_state_before_the_step(self, sequences):
        """With W_h = 1 and W_x = 0 it is open by half in the first segment, by sigmoid(h_0) in the second."""
        lstm = SentinelLSTM().double()
        with torch.no_grad():
            lstm.input_map.weight.zero_(), lstm.hidden_map.weight.copy_(torch.eye(256))
            memories = []
            lstm.cells[0].register_forward_hook(lambda cell, inputs, states: memories.append(states[1]))
            hidden, sentinel = lstm(sequences[0])
        torch.testing.assert_close(sentinel[:, 0], memories[0].tanh() / 2)
        torch.testing.assert_close(sentinel[:, 1], hidden[:, 0].sigmoid() * memories[1].tanh())


class TestWhich:
    def test_by_hand(self):
        """One segment of ten scores log 30 by tanh(1000) = 1, the nine others and the sentinel 0."""
        which, (hidden, sentinel, memory) = zeroed(AdaptiveAttention(size=1)), torch.zeros(3, 1, 10, 256).double()
        with torch.no_grad():
            which.memory_map.weight[0, 0], which.score.weight[0, 0] = 1000, math.log(30)
            memory[0, 4, 0], sentinel[..., 1] = 1, 1
            context, beta = which(hidden, sentinel, memory)
        assert beta[0].tolist() == pytest.approx([1 / 40] * 10)
        assert context[0, 7, :3].tolist() == pytest.approx([30 / 40, 1 / 40, 0])


def test_dropout_stands_before_the_maps_of_the_co_attention(clips):
    """Everything dropped: the scores are equal."""
    beta = CMAN("fully", dropout=1.0).double().train()(*clips).extras["beta_audio"]
    torch.testing.assert_close(beta, torch.full((2, 10), 1 / 11).double())


def test_dropout_stands_before_each_map_of_cmans_attention():
    wide = (2, 7, 256)
    for module, inputs, expected in ((AdaptiveAttention(dropout=0.5), 3, [wide] * 3 + [(2, 7, 1, 10), (2, 7, 7, 10)]),
                                     (SentinelLSTM(dropout=0.5), 1, [wide] * 2)):
        shapes = []
        module.dropout.register_forward_pre_hook(
            lambda layer, given, shapes=shapes: shapes.append(tuple(given[0].shape)))
        module(*[torch.randn(wide)] * inputs)
        assert sorted(shapes) == sorted(expected)
