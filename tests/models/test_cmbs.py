"""CMBS: attention among the regions, gates, both settings, both rules."""
import numpy as np
import pytest
import torch
from torch import nn

from tests import loops
from tests.models.test_channel_attention import slow_gate, slow_pooling
from vscg.errors import VscgError
from vscg.models.cmbs import CMBS, SelfAttentiveSpatialAttention, strongest_mean
from vscg.models.output import predict_segments

SETTINGS = pytest.mark.parametrize("setting", ["fully", "weakly"])
NO_DROPOUT = dict(visual_dropout=0, region_dropout=0, dropout=0, interaction_dropout=0)


@pytest.fixture(autouse=True)
def drawn():
    """The same weights and inputs in every run."""
    torch.manual_seed(0)


def clips(batch=2, dtype=None):
    return torch.rand(batch, 10, 128, dtype=dtype), torch.rand(batch, 10, 7, 7, 512, dtype=dtype)


def values(output):
    """All tensors of an output by name."""
    found = {name: value for name, value in vars(output).items() if isinstance(value, torch.Tensor)}
    return found | dict(output.extras)


@pytest.mark.parametrize("scaled, divisor", [(False, 1), (True, np.sqrt(128))])
def test_spatial_attention_agrees_with_loops(scaled, divisor):
    module = SelfAttentiveSpatialAttention(beta=0.4, dropout=0, scaled=scaled).double()
    with torch.no_grad():
        module.norm.weight.uniform_(0.5, 1.5), module.norm.bias.uniform_(-1, 1)
    audio, regions = torch.rand(1, 2, 128).double(), torch.rand(1, 2, 5, 512).double()
    attended, weights = module(audio, regions)
    w = loops.weights(module)
    for t in range(2):
        a, x = audio[0, t].numpy(), regions[0, t].numpy()
        q, k, u = (loops.linear(x, loops.part(w, name)) for name in ("query", "key", "value"))
        related = np.zeros_like(x)
        for i in range(5):
            share = loops.softmax(np.array([q[i] @ k[j] / divisor for j in range(5)]))
            row = x[i] + sum(share[j] * u[j] for j in range(5))
            related[i] = (row - row.mean()) / np.sqrt(row.var() + 1e-5) * w["norm.weight"] + w["norm.bias"]
        summary, _ = slow_pooling(sum(related) / 5, related, loops.part(w, "visual_spatial"))
        gated = x * (1 + slow_gate(a, related, loops.part(w, "channel")))
        slow, slow_weights = slow_pooling(a, gated, loops.part(w, "spatial"))
        np.testing.assert_allclose(attended[0, t].detach(), slow + 0.4 * loops.sigmoid(summary) * slow, atol=1e-12)
        np.testing.assert_allclose(weights[0, t].detach(), slow_weights, atol=1e-12)


def test_region_dropout_leaves_the_regions_themselves():
    module = SelfAttentiveSpatialAttention(beta=0.4, dropout=1)
    audio, regions = torch.rand(2, 3, 128), torch.rand(2, 3, 49, 512)
    before = module.train()(audio, regions)[0]
    with torch.no_grad():
        module.value.weight.normal_()
    assert torch.equal(module(audio, regions)[0], before)


def test_strongest_mean_by_hand():
    scores = torch.tensor([[[1.0, 0], [9, 0], [2, 0], [7, 0], [3, 0], [4, 8]]])
    assert strongest_mean(scores).tolist() == [[(9 + 7 + 4 + 3) / 4, 2.0]]


def test_gates_scale_the_other_modality_fully_and_the_same_one_weakly():
    """Audio gate 1/4, visual gate 3/4."""
    ones = torch.ones(1, 2, 256)
    for setting, crossed, audio_scale, visual_scale, gate in (
            ("fully", None, 1.075, 1.025, 3 / 16), ("weakly", None, 0.85, 0.95, 1 / 2),
            ("fully", False, 1.025, 1.075, 3 / 16), ("weakly", True, 0.95, 0.85, 1 / 2)):
        model = CMBS(setting, crossed=crossed)
        with torch.no_grad():
            for layer, value in ((model.audio_gate, 0.25), (model.visual_gate, 0.75)):
                layer.weight.zero_(), layer.bias.fill_(float(np.log(value / (1 - value))))
        audio, visual, found = model.suppress((ones, ones), (2 * ones, 3 * ones))
        torch.testing.assert_close(audio, 2 * audio_scale * ones)
        torch.testing.assert_close(visual, 3 * visual_scale * ones)
        torch.testing.assert_close(found, torch.full((1, 2), gate))


@SETTINGS
def test_each_gate_reads_its_own_modality(setting):
    model, x = CMBS(setting), torch.randn(1, 2, 256)
    seen = {}
    for name in ("audio", "visual"):
        getattr(model, f"{name}_gate").register_forward_hook(
            lambda layer, args, result, name=name: seen.update({name: args[0]}))
    model.suppress((x, x + 1), (x, x))
    assert torch.equal(seen["audio"], x) and torch.equal(seen["visual"], x + 1)


@SETTINGS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_outputs(setting, dtype):
    output = CMBS(setting).to(dtype).eval()(*clips(dtype=dtype))
    shapes = {"event_relevance": (2, 10), "attention": (2, 10, 7, 7), "gate": (2, 10)} | (
        {"event_category": (2, 28), "av_score": (2, 28)} if setting == "fully" else
        {"raw_logits": (2, 29), "video_probability": (2, 29)})
    assert {name: tuple(value.shape) for name, value in values(output).items()} == shapes
    assert {value.dtype for value in values(output).values()} == {dtype} and output.threshold == 0.5
    torch.testing.assert_close(output.attention.sum((2, 3)), torch.ones(2, 10, dtype=dtype))
    assert (output.extras["gate"] > 0).all() and (output.extras["gate"] < 1).all()


@SETTINGS
def test_clips_of_a_batch_do_not_touch(setting):
    model, (audio, visual) = CMBS(setting).eval(), clips()
    together, alone = values(model(audio, visual)), values(model(audio[1:], visual[1:]))
    for name, value in together.items():
        torch.testing.assert_close(value[1:], alone[name], atol=1e-5, rtol=1e-4)


@SETTINGS
@pytest.mark.parametrize("plug", ["none", "psp", "escm"])
def test_gradients_reach_every_parameter(setting, plug):
    model = CMBS(setting, plug=plug, **NO_DROPOUT)
    output = values(model(*clips()))
    del output["attention"]
    sum((value * torch.randn_like(value)).sum() for value in output.values()).backward()
    silent = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert silent <= {"attention.key.bias"}                                        # see the next test


@SETTINGS
def test_the_key_bias_changes_nothing(setting):
    """It adds the same to all logits of a region's softmax: its gradient is rounding alone."""
    model, inputs = CMBS(setting, **NO_DROPOUT), clips()
    before = values(model(*inputs))
    with torch.no_grad():
        model.attention.key.bias += 1
    for name, value in values(model(*inputs)).items():
        torch.testing.assert_close(value, before[name], atol=1e-5, rtol=1e-4)


@SETTINGS
def test_the_plug_stands_between_the_interactions_and_the_mean(setting):
    model, inputs, seen = CMBS(setting, plug="psp").eval(), clips(), {}
    for name in ("audio_interaction", "visual_interaction", "plug", "head"):
        getattr(model, name).register_forward_hook(
            lambda layer, args, result, name=name: seen.update({name: (args, result)}))
    model(*inputs)
    assert torch.equal(seen["plug"][0][0], seen["audio_interaction"][1])
    assert torch.equal(seen["plug"][0][1], seen["visual_interaction"][1])
    assert torch.equal(seen["audio_interaction"][0][1], seen["visual_interaction"][1])     # the audio comes second
    fused = sum(seen["plug"][1]) / 2
    assert torch.equal(seen["head"][0][0], fused if setting == "fully" else fused.mT)


def test_plug_none_has_no_parameters():
    assert not list(CMBS("fully").plug.parameters()) and list(CMBS("fully", plug="escm").plug.parameters())


@SETTINGS
def test_dropout_rates(setting):
    def rates(model):
        return {(name.split(".")[0], name.endswith("attention.dropout"), layer.p)
                for name, layer in model.named_modules() if isinstance(layer, nn.Dropout)}

    found = rates(CMBS(setting, visual_dropout=0.6, region_dropout=0.7, dropout=0.8, interaction_dropout=0.9))
    blocks = {(f"{name}_interaction", inner, rate) for name in ("audio", "visual")
              for inner, rate in ((True, 0.9), (False, 0.8))}
    assert found == {("visual_layer", False, 0.6), ("attention", True, 0.7), ("transformer", True, 0.8),
                     ("transformer", False, 0.8)} | blocks
    usual = {(name, rate) for name, _, rate in rates(CMBS(setting)) if not name.endswith("interaction")}
    assert usual == {("visual_layer", 0.2 if setting == "fully" else 0.1), ("attention", 0.2), ("transformer", 0.1)}
    still, inputs = CMBS(setting, **NO_DROPOUT), clips()
    assert torch.equal(still.train()(*inputs).event_relevance, still.eval()(*inputs).event_relevance)


def test_size_heads_and_constants():
    """Live parameters of the published programs."""
    for setting, count, heads, constants in (("fully", 9_200_473, 4, (0.1, 0.4, 0.3)),
                                             ("weakly", 9_395_518, 2, (0.2, 0.5, 0.5))):
        model = CMBS(setting)
        assert sum(p.numel() for p in model.parameters()) == count
        assert model.audio_interaction.attention.heads == model.visual_interaction.attention.heads == heads
        assert (model.alpha, model.attention.beta, model.gamma) == constants


def test_published_rule_never_says_background_and_the_mended_one_can():
    published, mended, inputs = CMBS("weakly"), CMBS("weakly", rule="mended"), clips()
    with torch.no_grad():
        published.audio_gate.bias.fill_(-3), published.visual_gate.bias.fill_(-3)
    mended.load_state_dict(published.state_dict())
    one, other = published.eval()(*inputs), mended.eval()(*inputs)
    assert torch.equal(one.event_relevance, one.extras["gate"]) and (one.event_relevance.sigmoid() > 0.5).all()
    torch.testing.assert_close(other.event_relevance.sigmoid(), other.extras["gate"])
    assert torch.equal(one.video_probability, other.video_probability)
    assert one.extras["gate"].max() < 0.5
    assert (predict_segments(other) == 28).all()
    assert torch.equal(predict_segments(one), one.extras["raw_logits"].argmax(-1, keepdim=True).expand(-1, 10))


def test_errors():
    with pytest.raises(VscgError, match="rule 'mend' .*published, mended"):
        CMBS("weakly", rule="mend")
    with pytest.raises(VscgError, match="plug 'vscg'"):
        CMBS("fully", plug="vscg")
