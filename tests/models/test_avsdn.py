"""AVSDN, all its options."""
import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests import loops
from tests.models.test_dmrn import slow_fusion
from tests.models.whole import agrees, draw_clips, unreached
from vscg.models.avsdn import AVSDN

CASES = [dict(setting=setting, head=head, spatial=spatial, bidirectional=bidirectional)
         for setting, head, spatial, bidirectional in itertools.product(
             ("fully", "weakly"), ("segment29", "two_head"), ("agva", "mean"), (True, False))]
CASES.append(dict(setting="weakly", head="two_head", pooling="maximum"))
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))


def slow_lstm(sequence, w, start=None):
    """One clip through an LSTM of one or two directions: outputs (T,D) and the last hidden and cell states (n,128)."""
    suffixes = [suffix for suffix in ("_l0", "_l0_reverse") if f"bias_ih{suffix}" in w]
    out, hidden, cells = np.zeros((10, 128 * len(suffixes))), [], []
    for d, suffix in enumerate(suffixes):
        h, cell = (np.zeros(128), np.zeros(128)) if start is None else (start[0][d], start[1][d])
        for t in range(10) if d == 0 else range(9, -1, -1):
            gates = (w[f"weight_ih{suffix}"] @ sequence[t] + w[f"bias_ih{suffix}"]
                     + w[f"weight_hh{suffix}"] @ h + w[f"bias_hh{suffix}"])
            i, f, g, o = np.split(gates, 4)
            cell = loops.sigmoid(f) * cell + loops.sigmoid(i) * np.tanh(g)
            h = loops.sigmoid(o) * np.tanh(cell)
            out[t, 128 * d:128 * (d + 1)] = h
        hidden.append(h), cells.append(cell)
    return out, (hidden, cells)


def slow_avsdn(audio, visual, w, *, setting, head, spatial="agva", pooling="average", bidirectional=True):
    """One clip through AVSDN."""
    if spatial == "agva":
        attended = loops.attend(audio, visual, loops.part(w, "attention"))
    else:
        attended = np.stack([sum(segment.reshape(49, 512)) / 49 for segment in visual])
    _, audio_states = slow_lstm(audio, loops.part(w, "audio_encoder"))
    _, visual_states = slow_lstm(attended, loops.part(w, "visual_encoder"))
    start = [[slow_fusion(loops.relu(a), loops.relu(v), loops.part(w, "fusion")) for a, v in zip(*both, strict=True)]
             for both in zip(audio_states, visual_states, strict=True)]
    fused = loops.relu(slow_lstm(np.concatenate([audio, attended], 1), loops.part(w, "decoder"), start)[0])
    assert fused.shape == (10, 256 if bidirectional else 128)
    if head == "segment29":
        logits = loops.linear(fused, loops.part(w, "classifier"))
        result = dict(segment_logits=logits)
        clip = sum(logits) / 10
    else:
        relevance = loops.linear(fused, loops.part(w, "relevance"))[:, 0]
        pooled = fused.max(0) if pooling == "maximum" else sum(fused) / 10
        category = loops.linear(pooled, loops.part(w, "category"))
        result = dict(event_relevance=relevance, event_category=category)
        clip = np.array([max(loops.sigmoid(r) * c for r in relevance) for c in category])
    return {**result, "video_probability": loops.softmax(clip)} if setting == "weakly" else result


@EACH
def test_agrees_with_loops_and_trains(case, clips):
    model = AVSDN(**case).double()
    agrees(model, clips, slow_avsdn, **case)
    loss = {"fully": "c+t", "weakly": "mlsm"}[case["setting"]] if case["head"] == "two_head" else None
    relevance = {"relevance.bias"} if case["setting"] == "weakly" else set()
    assert set(unreached(model, clips, "avsdn", case["setting"], loss=loss)) <= relevance
    assert (model(*clips).attention is None) == (case.get("spatial") == "mean")


@pytest.mark.parametrize("setting", ["fully", "weakly"])
def test_both_heads_have_one_size(setting):
    """256 * 29 + 29 = 256 + 1 + 256 * 28 + 28."""
    assert {sum(p.numel() for p in AVSDN(setting, head=head).parameters()) for head in ("segment29", "two_head")} == {
        2_162_510}


def test_both_parts_of_the_clip_distribution_by_hand():
    """Relevance 0 and log 3 (sigmoid 1/2 and 3/4), category logits 4, -4 and 0: the largest products are 3, -2, 0."""
    model = AVSDN("weakly", head="two_head", spatial="mean")
    with torch.no_grad():
        for layer in (model.relevance, model.category):
            layer.weight.zero_(), layer.bias.zero_()
        model.relevance.weight[0, 0] = math.log(3)
        model.category.bias[:2] = torch.tensor([4.0, -4.0])
    model.decode = lambda audio, attended: F.one_hot(torch.tensor([[5, 0]]), 256).float()
    output = model(*draw_clips(1))
    torch.testing.assert_close(output.event_relevance, torch.tensor([[0.0, math.log(3)]]))
    total = math.exp(3) + math.exp(-2) + 26
    torch.testing.assert_close(output.video_probability[0, :3],
                               torch.tensor([math.exp(3), math.exp(-2), 1]) / total)


@pytest.mark.parametrize("pooling, expected", [("average", 0.5), ("maximum", 1.0)])
def test_pooling_by_hand(pooling, expected):
    """One feature is 1 in one of two segments, and the first category reads it."""
    model = AVSDN("weakly", head="two_head", spatial="mean", pooling=pooling)
    with torch.no_grad():
        model.category.weight.zero_(), model.category.bias.zero_()
        model.category.weight[0, 5] = 1
    model.decode = lambda audio, attended: F.one_hot(torch.tensor([[5, 0]]), 256).float()
    assert model(*draw_clips(1)).event_category[0, :2].tolist() == [expected, 0.0]


def test_the_decoder_starts_from_the_whole_clip():
    """Forward LSTMs alone: the last segment reaches the first one's logits through the fused state only."""
    model, (audio, visual) = AVSDN("fully", bidirectional=False), draw_clips(1)
    later = audio.clone()
    later[0, 9] += 1
    first = [model(sound, visual).segment_logits[0, 0] for sound in (audio, later)]
    assert not torch.equal(*first)
    model.fusion.register_forward_hook(lambda module, inputs, fused: torch.zeros_like(fused))
    first = [model(sound, visual).segment_logits[0, 0] for sound in (audio, later)]
    assert torch.equal(*first)


def test_hidden_and_cell_states_pass_the_one_fusion_after_relu():
    model, seen = AVSDN("fully", spatial="mean"), []
    model.fusion.register_forward_pre_hook(lambda module, inputs: seen.extend(inputs))
    model(*draw_clips())
    assert [tuple(state.shape) for state in seen] == [(2, 2, 128)] * 4      # directions, clips
    assert all((state >= 0).all() and (state == 0).any() for state in seen)


def test_the_plain_mean_does_not_see_where():
    model, (audio, visual) = AVSDN("fully", spatial="mean"), draw_clips(1)
    moved = visual.flatten(2, 3)[:, :, torch.randperm(49)].unflatten(2, (7, 7))
    torch.testing.assert_close(model(audio, moved).segment_logits, model(audio, visual).segment_logits)
