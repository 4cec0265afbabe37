"""Plugs: nothing, PSP or ESCM between a system's last feature module and its classifier (Table IV)."""
import numpy as np
import pytest
import torch

from tests import loops
from tests.models.whole import build, draw_clips, rates, values
from vscg.models import SETTINGS
from vscg.models.plug import PassThrough, PluggedESCM, build_plug, consistency, propagation

HOSTS = pytest.mark.parametrize("system", ["avel", "psp", "cmbs"])
EACH = pytest.mark.parametrize("setting", SETTINGS)
PLUGGED = pytest.mark.parametrize("plug", ["psp", "escm"])


def streams(batch=2, seed=5):
    return torch.randn(2, batch, 10, 256, generator=torch.Generator().manual_seed(seed))


def test_nothing_plugged_in_has_no_parameters_and_changes_nothing():
    for setting in SETTINGS:
        plug, inputs = build_plug("none", setting), streams()
        assert type(plug) is PassThrough and not plug.state_dict() and not list(plug.buffers())
        for out, stream in zip(plug(*inputs), inputs, strict=True):
            assert out is stream or torch.equal(out, stream)
        assert torch.equal(plug.train()(*inputs)[1], inputs[1])


@EACH
def test_propagation_agrees_with_loops(setting):
    torch.manual_seed(0)
    plug, (audio, visual) = propagation(setting).double().eval(), streams().double()
    assert sorted({*rates(plug).values()}) == ([0.1] if setting == "fully" else [0, 0.1])
    out = plug(audio, visual)
    for b in range(2):
        new = loops.propagate(audio[b].numpy(), visual[b].numpy(), loops.weights(plug),
                              {"fully": 0.099, "weakly": 0.095}[setting], renormalise=setting == "fully")
        slow = loops.project(*new, loops.part(loops.weights(plug), "project"))
        for ours, theirs in zip(out, slow, strict=True):
            np.testing.assert_allclose(ours[b].detach(), theirs, atol=1e-10)


@EACH
def test_consistency_is_the_papers_escm(setting):
    """Uncrossed, with its linear maps, and the paper's rate: its normalised outputs, which are two."""
    torch.manual_seed(0)
    plug, (audio, visual) = consistency(setting).double().eval(), streams().double()
    assert isinstance(plug, PluggedESCM) and not plug.crossed and plug.prior == "cere"
    assert list(rates(plug).values()) == [0.2 if setting == "fully" else 0.5]
    out = plug(audio, visual)
    for b in range(2):
        slow, _ = loops.escm(audio[b].numpy(), visual[b].numpy(), loops.weights(plug))
        for ours, theirs in zip(out, slow, strict=True):
            np.testing.assert_allclose(ours[b].detach(), theirs, atol=1e-10)


@HOSTS
@EACH
@PLUGGED
def test_one_option_plugs_into_every_host_and_gradients_reach_it_and_what_lies_before(system, setting, plug):
    model, inputs = build(system, setting=setting, plug=plug), draw_clips(4)
    assert type(model.plug) is type(build_plug(plug, setting))
    assert [name for name in model.state_dict() if name.startswith("plug.")]
    plain, output = values(build(system, setting=setting).eval()(*inputs)), values(model.eval()(*inputs))
    assert {name: value.shape for name, value in output.items()} == {name: v.shape for name, v in plain.items()}
    assert not all(torch.equal(value, plain[name]) for name, value in output.items() if name != "attention")
    output = values(model.train()(*inputs))
    sum((value * torch.randn_like(value)).sum() for name, value in output.items() if name != "attention").backward()
    for name, parameter in model.named_parameters():
        if name.startswith(("plug.", "attention.spatial", "audio_lstm", "psp.project", "transformer")):
            assert parameter.grad is not None and parameter.grad.any(), name


@HOSTS
@EACH
def test_the_plug_is_the_last_module_before_the_classifier(system, setting):
    """What the plug returns is all that the classifier reads: zeros in, and the clip no longer matters."""
    model = build(system, setting=setting, plug="escm").eval()
    model.plug.register_forward_hook(lambda layer, inputs, result: tuple(map(torch.zeros_like, result)))
    read = {"avel": "hidden", "psp": "head", "cmbs": "head"}[system]
    seen = []
    getattr(model, read).register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    model(*draw_clips())
    assert len(seen) == 1 and not seen[0].any()


@pytest.mark.parametrize("system", ["avel", "cmbs"])
@EACH
def test_the_plug_draws_its_weights_and_leaves_the_others_what_comes_before(system, setting):
    """With one seed, all that is built before the plug starts from the same weights: only the plug differs."""
    plain, plugged = (build(system, setting=setting, plug=plug).state_dict() for plug in ("none", "escm"))
    after = {"avel": ("hidden", "classifier"), "cmbs": ("head",)}[system]
    assert all(torch.equal(value, plugged[name]) for name, value in plain.items() if not name.startswith(after))
    assert set(plugged) - set(plain) == {name for name in plugged if name.startswith("plug.")}
