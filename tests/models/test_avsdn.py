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


def slow_avsdn(audio, visual, w, *, setting, head, spatial="agva", pooling="average", bidirectional=True):
    """One clip through AVSDN."""
    if spatial == "agva":
        attended = loops.attend(audio, visual, loops.part(w, "attention"))
    else:
        attended = np.stack([sum(segment.reshape(49, 512)) / 49 for segment in visual])
    audio_states, visual_states = (loops.directions(x, loops.part(w, f"{name}_encoder"), loops.lstm_step)[1]
                                   for name, x in (("audio", audio), ("visual", attended)))
    start = [[slow_fusion(loops.relu(a), loops.relu(v), loops.part(w, "fusion")) for a, v in zip(*both, strict=True)]
             for both in zip(audio_states, visual_states, strict=True)]
    fused = loops.relu(loops.directions(np.concatenate([audio, attended], 1), loops.part(w, "decoder"),
                                        loops.lstm_step, start)[0])
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
