"""AVSDN, all its options."""
import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests import loops
from tests.models.test_dmrn import slow_fusion
from vscg.errors import VscgError
from vscg.models.avsdn import AVSDN

CASES = [dict(setting=setting, head=head, spatial=spatial, bidirectional=bidirectional)
         for setting, head, spatial, bidirectional in itertools.product(
             ("fully", "weakly"), ("segment29", "two_head"), ("agva", "mean"), (True, False))]
CASES.append(dict(setting="weakly", head="two_head", pooling="maximum"))
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))


@pytest.fixture(autouse=True)
def drawn():
    """The same weights and inputs in every run."""
    torch.manual_seed(0)


def clips(count=2):
    return torch.rand(count, 10, 128), torch.rand(count, 10, 7, 7, 512)


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
def test_agrees_with_loops(case):
    model, (audio, visual) = AVSDN(**case).double(), clips(1)
    output = model(audio.double(), visual.double())
    slow = slow_avsdn(audio[0].double().numpy(), visual[0].double().numpy(), loops.weights(model), **case)
    for name, expected in slow.items():
        np.testing.assert_allclose(getattr(output, name)[0].detach(), expected, atol=1e-9, err_msg=name)


@EACH
def test_shapes_and_gradients(case):
    model = AVSDN(**case)
    output = model(*clips())
    found = {name: tuple(value.shape) for name, value in vars(output).items() if torch.is_tensor(value)}
    expected = ({"segment_logits": (2, 10, 29)} if case["head"] == "segment29"
                else {"event_relevance": (2, 10), "event_category": (2, 28)})
    if case["setting"] == "weakly":
        expected["video_probability"] = (2, 29 if case["head"] == "segment29" else 28)
        torch.testing.assert_close(output.video_probability.sum(-1), torch.ones(2))
    if case.get("spatial") != "mean":
        expected["attention"] = (2, 10, 7, 7)
        torch.testing.assert_close(output.attention.sum((2, 3)), torch.ones(2, 10))
    assert found == expected
    if output.video_probability is not None:
        loss = -output.video_probability[:, 3].log().sum()
    elif output.segment_logits is not None:
        loss = F.cross_entropy(output.segment_logits.flatten(0, 1), torch.randint(29, (20,)))
    else:
        loss = output.event_relevance.sum() + F.cross_entropy(output.event_category, torch.tensor([3, 20]))
    loss.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("head", ["segment29", "two_head"])
@pytest.mark.parametrize("setting", ["fully", "weakly"])
def test_size(setting, head):
    """256 * 29 + 29 = 256 + 1 + 256 * 28 + 28: both heads have the same number of parameters."""
    assert sum(p.numel() for p in AVSDN(setting, head=head).parameters()) == 2_162_510


def test_both_parts_of_the_clip_distribution_by_hand():
    """Relevance 0 and log 3 (sigmoid 1/2 and 3/4), category logits 4, -4 and 0: the largest products are 3, -2, 0."""
    model = AVSDN("weakly", head="two_head", spatial="mean")
    with torch.no_grad():
        for layer in (model.relevance, model.category):
            layer.weight.zero_(), layer.bias.zero_()
        model.relevance.weight[0, 0] = math.log(3)
        model.category.bias[:2] = torch.tensor([4.0, -4.0])
    model.decode = lambda audio, attended: F.one_hot(torch.tensor([[5, 0]]), 256).float()
    output = model(*clips(1))
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
    assert model(*clips(1)).event_category[0, :2].tolist() == [expected, 0.0]


def test_the_decoder_starts_from_the_whole_clip():
    """Forward LSTMs alone: the last segment reaches the first one's logits through the fused state only."""
    model, (audio, visual) = AVSDN("fully", bidirectional=False), clips(1)
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
    model(*clips())
    assert [tuple(state.shape) for state in seen] == [(2, 2, 128)] * 4      # directions, clips
    assert all((state >= 0).all() and (state == 0).any() for state in seen)


def test_the_plain_mean_does_not_see_where():
    model, (audio, visual) = AVSDN("fully", spatial="mean"), clips(1)
    moved = visual.flatten(2, 3)[:, :, torch.randperm(49)].unflatten(2, (7, 7))
    torch.testing.assert_close(model(audio, moved).segment_logits, model(audio, visual).segment_logits)


@pytest.mark.parametrize("head, layers", [("segment29", ["classifier"]), ("two_head", ["relevance", "category"])])
def test_initial_weights_of_the_head(head, layers):
    """Xavier-uniform reaches past the framework's own bound, 1/16, and stays below its own."""
    model = AVSDN("fully", head=head)
    for layer in (getattr(model, name) for name in layers):
        assert 1 / 16 < layer.weight.abs().max() <= math.sqrt(6 / (256 + layer.out_features))


@pytest.mark.parametrize("options, message", [
    (dict(head="one"), "head of avsdn 'one' is unknown: choose one of segment29, two_head."),
    (dict(spatial="max"), "spatial of avsdn 'max' is unknown: choose one of agva, mean."),
    (dict(pooling="median"), "pooling of avsdn 'median' is unknown: choose one of average, maximum."),
    (dict(pooling="maximum"), "avsdn, weakly supervised with head 'segment29', has no pooling 'maximum'"),
    (dict(setting="fully", head="two_head", pooling="maximum"), "avsdn, fully supervised with head 'two_head'"),
])
def test_options_that_do_not_exist(options, message):
    with pytest.raises(VscgError) as caught:
        AVSDN(**{"setting": "weakly", **options})
    assert str(caught.value).startswith(message)
