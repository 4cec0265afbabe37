"""Features on the device, arithmetic of lower precision, and predictions."""
import warnings

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import _get_current_dispatch_mode
from torch.utils._pytree import tree_leaves

from tests.robustness.killing import numbers
from tests.training.test_loop import quick, run
from vscg.machine import graphs
from vscg.machine.device import cpu_has_bf16
from vscg.machine.rounding import RoundedProducts
from vscg.models import SYSTEMS, build_model, predict_segments
from vscg.training import batches, loop
from vscg.training.batches import Features, arithmetic, forward, outputs, predict

CPU = torch.device("cpu")


def test_one_modality_is_zeros(tiny):
    rows = torch.arange(4)
    audio, visual, _ = Features(tiny, CPU, "audio").batch(rows)
    assert audio.any() and not visual.any()
    audio, visual, _ = Features(tiny, CPU, "visual").batch(rows)
    assert not audio.any() and visual.any()
    assert tiny.visual[:4].any() and tiny.audio[:4].any()           # the data set itself is untouched


def test_the_maps_of_a_batch_are_what_the_precision_computes_with(tiny):
    rows = torch.tensor([5, 0, 3, 5, 1, 9, 2, 7, 4, 8, 6])
    exact = torch.from_numpy(tiny.visual)[rows].float()
    assert torch.equal(Features(tiny, CPU).batch(rows)[1], exact)
    maps = Features(tiny, CPU, precision="bf16").batch(rows)[1]
    assert maps.dtype == torch.bfloat16 and torch.equal(maps, exact.bfloat16())


@pytest.mark.parametrize("has_bf16", [True, False])
@pytest.mark.parametrize("system", SYSTEMS)
def test_maps_that_are_bf16_already_give_what_autocast_would_round_them_to(system, has_bf16, tiny, monkeypatch):
    if has_bf16 and not cpu_has_bf16():
        pytest.skip("no bf16 instructions here")
    monkeypatch.setattr(batches, "cpu_has_bf16", lambda: has_bf16)
    torch.manual_seed(0)
    model = build_model(system).eval()
    rows = torch.arange(3)
    with torch.no_grad(), arithmetic(CPU, "bf16"):
        found = [forward(model, *Features(tiny, CPU, precision=precision).batch(rows)[:2], "bf16")
                 for precision in ("fp32", "bf16")]
    for field in ("event_relevance", "event_category", "segment_logits", "attention"):
        if getattr(found[0], field) is not None:
            one, other = (getattr(output, field) for output in found)
            # AVIN averages a map and AVT adds to it before any product rounds it: a rounded map tells there.
            far = {"avin": 2**-7, "avt": 2**-6}.get(system, 0)
            assert torch.allclose(one, other, rtol=0, atol=far), field


def told() -> dict[str, str]:
    """What torch has been told of float32 products: of all, of a GPU's, and of each kind on a GPU and on a CPU."""
    found = torch.backends
    return {"all": found.fp32_precision, "cuda": found.cudnn.fp32_precision, "matmul": found.cuda.matmul.fp32_precision,
            **{name: getattr(found.cudnn, name).fp32_precision for name in ("conv", "rnn")},
            **{f"cpu {name}": getattr(found.mkldnn, name).fp32_precision for name in ("matmul", "conv", "rnn")}}


@pytest.fixture(params=[lambda: None, lambda: setattr(torch.backends, "fp32_precision", "tf32"),
                        lambda: setattr(torch.backends, "fp32_precision", "bf16"),
                        lambda: setattr(torch.backends.cuda.matmul, "fp32_precision", "tf32"),
                        lambda: torch.set_float32_matmul_precision("medium")],
                ids=["nothing", "all tf32", "all bf16", "matmul tf32", "the old way"])
def telling(request):
    """Tells torch of a precision; after it no one, and no default of torch, is told otherwise than before."""
    before = told()
    yield request.param
    torch.set_float32_matmul_precision("highest")
    for part in (torch.backends, torch.backends.cuda.matmul, torch.backends.mkldnn.matmul):
        part.fp32_precision = "none"
    assert told() == before


def test_products_are_rounded_if_the_precision_says_so_and_torch_is_left_as_it_was(telling):
    telling()
    before, deterministic = told(), torch.backends.cudnn.deterministic
    for precision, found in (("fp32", "ieee"), ("bf16", "ieee"), ("tf32", "tf32")):
        with arithmetic(torch.device("cuda"), precision):
            assert {told()[name] for name in ("matmul", "conv", "rnn")} == {found}
            assert torch.backends.cudnn.deterministic
        with arithmetic(CPU, precision):
            assert {told()[f"cpu {name}"] for name in ("matmul", "conv", "rnn")} == {"ieee"}
        assert (told(), torch.backends.cudnn.deterministic) == (before, deterministic)


@pytest.mark.parametrize("precision, has_bf16, rounds", [("fp32", False, False), ("bf16", False, True),
                                                         ("bf16", True, False), ("tf32", False, True),
                                                         ("tf32", True, True)])
def test_a_cpu_rounds_by_itself_what_it_has_no_instructions_for(precision, has_bf16, rounds, monkeypatch):
    monkeypatch.setattr(batches, "cpu_has_bf16", lambda: has_bf16)
    with arithmetic(CPU, precision):
        mode = _get_current_dispatch_mode()
        assert isinstance(mode, RoundedProducts) is rounds
        assert not rounds or mode.tf32 is (precision == "tf32")
    assert _get_current_dispatch_mode() is None


@pytest.mark.parametrize("setting", ["fully", "weakly"])
def test_every_precision_trains_on_a_cpu_and_rounds(setting, tiny, tmp_path):
    exact, *others = (run(quick(setting=setting, precision=each, epochs=4), tiny, tmp_path)
                      for each in ("fp32", "bf16", "tf32"))
    for rounded in others:
        losses = rounded.history.loss.tolist()
        assert losses != exact.history.loss.tolist() and rounded.folder != exact.folder
        assert losses == pytest.approx(exact.history.loss.tolist(), rel=0.1) and losses[-1] < 0.9 * losses[0]
        assert {value.dtype for value in rounded.model().state_dict().values()} == {torch.float32}


def test_outputs_are_the_models_for_pictures_with_their_own_sounds_or_others(tiny, monkeypatch):
    monkeypatch.setattr(batches, "EVALUATION_BATCH", 3)
    torch.manual_seed(0)
    model, features = build_model("vscg", threshold=0.0).train(), Features(tiny, CPU)
    rows, sounds = np.array([5, 0, 3, 3, 9, 1, 7]), np.array([1, 2, 3, 4, 5, 6, 7])
    for heard in (None, sounds):
        found = list(outputs(model, features, rows, sounds=heard))
        assert [len(one.attention) for one in found] == [3, 3, 1] and not found[0].attention.requires_grad
        audio = torch.from_numpy(tiny.audio[rows if heard is None else heard])
        whole = model.eval()(audio, torch.from_numpy(tiny.visual[rows]).float())
        for field in ("attention", "similarity", "event_category"):
            torch.testing.assert_close(torch.cat([getattr(one, field) for one in found]), getattr(whole, field))
        if heard is None:
            said = predict_segments(whole).numpy()
            assert (predict(model, features, rows) == said).all() and (said != said[::-1]).any()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
class TestOnAGpu:
    device = torch.device("cuda")

    def test_an_epoch_waits_for_the_device_once_at_its_end(self, tiny):
        started = loop.Run(quick().resolve(), Features(tiny, self.device), tiny.splits, self.device)
        for _ in range(graphs.WARM_UP + 1):                 # after these, batches of every size are recorded
            started.train_epoch(lambda steps: None)
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                started.train_epoch(lambda steps: None)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert len([warning for warning in caught if "synchroniz" in str(warning.message)]) <= 1

    @pytest.mark.parametrize("system, setting", [("vscg", "fully"), ("vscg", "weakly"), ("avsdn", "fully"),
                                                 ("dmin", "weakly")])
    def test_no_layer_computes_in_float16(self, system, setting, tiny):
        model, found = build_model(system, setting=setting).to(self.device), {}
        for name, module in model.named_modules():
            module.register_forward_hook(lambda module, inputs, output, name=name: found.update(
                {name: [each.dtype for each in tree_leaves(output) if torch.is_tensor(each)]}))
        forward(model, *Features(tiny, self.device, precision="bf16").batch(torch.arange(4))[:2], "bf16")
        assert any(torch.bfloat16 in types for types in found.values())
        assert not {name: types for name, types in found.items() if torch.float16 in types}

    def test_the_same_run_again_has_the_same_numbers(self, tiny, tmp_path):
        first, second = (run(quick(epochs=graphs.WARM_UP + 2), tiny, tmp_path / name, device="cuda") for name in "ab")
        assert first.history.loss.tolist() == second.history.loss.tolist()

    @pytest.mark.parametrize("precision", ["fp32", "bf16"])
    def test_maps_that_stay_on_the_host_give_the_same_batches(self, precision, tiny, monkeypatch):
        batches = torch.randperm(len(tiny.visual)).split(7)
        there = Features(tiny, self.device, precision=precision)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (tiny.visual.nbytes, tiny.visual.nbytes))
        here = Features(tiny, self.device, precision=precision)
        assert here.home.type == "cpu" and there.home.type == "cuda"
        found = [here.batch(rows)[1] for rows in batches]              # queued one after the other, looked at later
        for rows, maps in zip(batches, found, strict=True):
            assert torch.equal(maps, there.batch(rows)[1])


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    return run(quick(epochs=2), tiny, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("telling", [lambda: setattr(torch.backends, "fp32_precision", "tf32"),
                                     lambda: setattr(torch.backends, "fp32_precision", "bf16"),
                                     lambda: torch.set_float32_matmul_precision("medium")], indirect=True,
                         ids=["all tf32", "all bf16", "the old way"])      # the others say nothing to a CPU
def test_whatever_torch_was_told_of_precision_a_run_gives_the_same_numbers(telling, whole, tiny, tmp_path):
    telling()
    assert numbers(run(quick(epochs=2), tiny, tmp_path)) == numbers(whole)
