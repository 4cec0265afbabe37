"""CMRA as a whole, in both settings."""
import pytest
import torch
from torch import nn

from vscg.models.cmra import CMRA

SETTINGS = pytest.mark.parametrize("setting", ["fully", "weakly"])


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


@SETTINGS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_outputs(setting, dtype):
    output = CMRA(setting).to(dtype).eval()(*clips(dtype=dtype))
    shapes = {"event_relevance": (2, 10), "attention": (2, 10, 7, 7)} | (
        {"event_category": (2, 28)} if setting == "fully" else {"raw_logits": (2, 29), "video_probability": (2, 29)})
    assert {name: tuple(value.shape) for name, value in values(output).items()} == shapes
    assert {value.dtype for value in values(output).values()} == {dtype} and output.threshold == 0.5
    torch.testing.assert_close(output.attention.sum((2, 3)), torch.ones(2, 10, dtype=dtype))


@SETTINGS
def test_clips_of_a_batch_do_not_touch(setting):
    model, (audio, visual) = CMRA(setting).eval(), clips()
    together, alone = values(model(audio, visual)), values(model(audio[1:], visual[1:]))
    for name, value in together.items():
        torch.testing.assert_close(value[1:], alone[name], atol=1e-5, rtol=1e-4)


@SETTINGS
def test_gradients_reach_every_parameter(setting):
    model = CMRA(setting, visual_dropout=0, dropout=0)
    output = values(model(*clips()))
    del output["attention"]
    sum((value * torch.randn_like(value)).sum() for value in output.values()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@SETTINGS
def test_dropout_rates(setting):
    model = CMRA(setting, visual_dropout=0.6, dropout=0.7)
    rates = {(name.split(".")[0], layer.p) for name, layer in model.named_modules() if isinstance(layer, nn.Dropout)}
    assert rates == {("visual_layer", 0.6), ("transformer", 0.7), ("interaction", 0.7)}
    usual, inputs = CMRA(setting), clips()
    assert {layer.p for layer in usual.modules() if isinstance(layer, nn.Dropout)} == {0.1, 0.2}
    assert not torch.equal(usual(*inputs).event_relevance, usual(*inputs).event_relevance)
    still = CMRA(setting, visual_dropout=0, dropout=0)
    assert torch.equal(still.train()(*inputs).event_relevance, still.eval()(*inputs).event_relevance)


def test_size_and_heads():
    """Live parameters of the published programs."""
    for setting, count, heads in (("fully", 9_509_150, 4), ("weakly", 9_509_407, 2)):
        model = CMRA(setting)
        assert sum(p.numel() for p in model.parameters()) == count
        assert model.interaction.attention.heads == heads
        first, second = CMRA(setting, twins=False).transformer.audio_encoder.layers
        assert not torch.equal(first.linear1.weight, second.linear1.weight)


def test_weakly_the_clip_is_read_from_gated_logits():
    output = CMRA("weakly").eval()(*clips())
    for b in range(2):
        gates = output.event_relevance[b].sigmoid()
        logits = torch.stack([max(gate * raw for gate in gates) for raw in output.extras["raw_logits"][b]])
        torch.testing.assert_close(output.video_probability[b], logits.softmax(-1))


def test_the_sound_moves_the_attention():
    model, (audio, visual) = CMRA("fully").eval(), clips()
    assert not torch.allclose(model(audio, visual).attention, model(-audio, visual).attention)
