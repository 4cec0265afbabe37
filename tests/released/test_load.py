"""Published weights in our models."""
import numpy as np
import pytest
import torch

from tests.golden import golden
from tests.golden.compare import CASES, options_of, path_of, system_and_setting
from vscg.errors import VscgError
from vscg.models import build_model
from vscg.released.load import DEAD, KEYS, load_released, our_name

EVERY = pytest.mark.parametrize("case", CASES)


def published(case="vscg_weakly"):
    """The published names with the golden weights."""
    return golden.weights(golden.load(path_of(case))[0])


def fresh(case="vscg_weakly", **options):
    torch.manual_seed(0)
    system, setting = system_and_setting(case)
    return build_model(system, setting=setting, **options_of(case), **options)


def refused(model, source) -> str:
    """The message of the one error, after a check that the model is as before."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(VscgError) as error:
        load_released(model, source)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert "\n" not in str(error.value)
    return str(error.value)


@EVERY
def test_every_weight_arrives_at_its_place_and_dead_ones_may_be_missing(case):
    weights, model = published(case), fresh(case)
    assert load_released(model, weights) is model
    state, dead = model.state_dict(), DEAD[system_and_setting(case)]
    assert {name: weights[name].shape for name in dead} == dead
    arrived = {}
    for name, value in weights.items():
        ours = our_name(*system_and_setting(case), name)
        assert (ours is None) == (name in dead)
        if ours is not None:
            assert ours not in arrived and np.array_equal(state[ours].numpy(), value)
            arrived[ours] = name
    assert set(arrived) == set(state)
    alive = load_released(fresh(case), {name: value for name, value in weights.items() if name not in dead})
    assert all(torch.equal(value, state[name]) for name, value in alive.state_dict().items())


def test_every_system_and_setting_has_a_table():
    assert set(KEYS) == set(DEAD) == {system_and_setting(case) for case in CASES}


def test_a_state_dict_file_and_tensors_of_another_type(tmp_path):
    weights = {name: torch.as_tensor(value).double() for name, value in published().items()}
    torch.save(weights, tmp_path / "state.pt")
    model = load_released(fresh(), str(tmp_path / "state.pt"))
    assert {value.dtype for value in model.state_dict().values()} == {torch.float32}
    assert torch.equal(model.head.weight.weight, weights["W3.weight"].float())


def test_missing_names():
    weights = published()
    del weights["W3.weight"], weights["escm.a_gru.bias_ih_l0"]
    message = refused(fresh(), weights)
    assert "lacks 2 parameters of vscg (weakly)" in message and "escm.isce.audio_gru.bias_ih_l0" in message
    assert "lacks" in refused(fresh(), {})


@pytest.mark.parametrize("name", ["decoder.weight", "W3.bias", "escm.L1.bias", "W9.weight", "weight", ""])
def test_unknown_names(name):
    message = refused(fresh(), {**published(), name: np.zeros(3, np.float32)})
    assert name in message and "no parameter of the published vscg (weakly supervised)" in message


@pytest.mark.parametrize("name, wrong", [("W3.weight", (1, 30)), ("linear_v.weight", (512, 128)),
                                         ("escm.layer_norm.bias", (1,)), ("L2.weight", ())])
def test_wrong_shapes(name, wrong):
    weights = published()
    right = weights[name].shape
    message = refused(fresh(), {**weights, name: np.zeros(wrong, np.float32)})
    assert name in message and str(wrong) in message and str(tuple(right)) in message


def test_weights_of_another_setting_or_system():
    assert "no parameter of the published vscg (weakly" in refused(fresh("vscg_weakly"), published("vscg_fully"))
    assert "no parameter of the published psp (fully" in refused(fresh("psp_fully"), published("vscg_weakly"))
    assert "no parameter of the published avel" in refused(fresh("avel_fully"), published("psp_fully"))
    assert "(1280, 512), cmra (fully) needs (256, 512)" in refused(fresh("cmra_fully"), published("dmin_fully"))
    assert "localize_module.classifier_self" in refused(fresh("dmin_fully"), published("dmin_weakly"))
    # CMRA's settings differ in one class.
    assert "(28, 256)" in refused(fresh("cmra_fully"), published("cmra_weakly"))
    # Our own head of AVSDN is not the port's.
    ours = build_model("avsdn", setting="fully")
    assert "no parameter of the published avsdn" in refused(ours, published("avsdn_fully"))
    # The published PSP-Net is part of VSCG: what is left over is named.
    assert "lacks" in refused(fresh("vscg_weakly"), {name: value for name, value in published("vscg_weakly").items()
                                                     if not name.startswith("escm")})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none(value):
    weights = {name: np.array(values) for name, values in published().items()}
    name = next(name for name in weights if our_name("vscg", "weakly", name))
    weights[name].flat[0] = value
    assert f"{name} holds values that are no finite numbers" in refused(fresh(), weights)


@pytest.mark.parametrize("change, said", [
    (lambda values: (50 * values).to(torch.int8), "holds torch.int8, vscg needs torch.float32; quantised"),
    (lambda values: values.to(torch.complex64), "holds torch.complex64"), (lambda values: values > 0, "torch.bool"),
    (lambda values: values.double() + 1e300, "holds values that are no finite numbers")])
def test_numbers_of_another_kind_and_too_large_ones(change, said):
    weights = {name: torch.as_tensor(values) for name, values in published().items()}
    name = next(name for name in weights if our_name("vscg", "weakly", name))
    message = refused(fresh(), weights | {name: change(weights[name])})
    assert message.startswith(f"the mapping: {name} ") and said in message


@pytest.mark.parametrize("case", ["vscg_fully", "vscg_weakly"])
def test_the_paper_variant_is_refused(case):
    message = refused(fresh(case, variant="paper"), published(case))
    assert "'paper'" in message and "variant='released'" in message
