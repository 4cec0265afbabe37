"""Products of rounded factors against rounding by hand, and against the processor's own bf16 products."""
import math
import struct

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from vscg.machine.rounding import FACTORS, RoundedProducts, round_tf32
from vscg.models import SYSTEMS, build_model
from vscg.training.batches import forward
from vscg.training.objectives import build_objective


def by_hand(value: float) -> float:
    """TF32: a sign, 8 bits of exponent, 10 of mantissa."""
    mantissa, exponent = math.frexp(value)               # mantissa in 0.5..1 has 11 bits, the first always 1
    return math.copysign(math.floor(abs(mantissa) * 2**11 + 0.5) / 2**11, value) * 2.0**exponent


def test_tf32_keeps_ten_bits_of_mantissa():
    sizes = 10.0 ** np.arange(-20, 20).repeat(25)
    values = (np.random.default_rng(0).standard_normal(1000) * sizes).astype(np.float32)
    assert round_tf32(torch.from_numpy(values)).tolist() == [by_hand(float(value)) for value in values]
    for exact in (0.0, 1.0, -1.5, 1 + 2**-10, math.inf, -math.inf):
        assert round_tf32(torch.tensor([exact])).item() == exact
    assert round_tf32(torch.tensor([1 + 2**-11, -1 - 2**-11])).tolist() == [1 + 2**-10, -1 - 2**-10]
    assert round_tf32(torch.tensor([math.nan])).isnan().all()
    nan = torch.tensor([struct.unpack("f", b"\xff\xff\xff\x7f")[0]])       # the largest bit pattern there is
    assert round_tf32(nan).isnan().all()


@pytest.mark.parametrize("product", [lambda a, b: a @ b, lambda a, b: torch.addmm(torch.full((5, 5), 1 + 2**-20), a, b),
                                     lambda a, b: torch.bmm(a[None], b[None]), lambda a, b: F.linear(a, b.T),
                                     lambda a, b: F.conv2d(a[None, None], b[None, None, :3, :3])])
def test_products_take_rounded_factors_and_nothing_else_is_rounded(product):
    torch.manual_seed(0)
    a, b = torch.randn(5, 7), torch.randn(7, 5)
    with RoundedProducts(tf32=True):
        rounded = product(a, b)
    assert torch.equal(rounded, product(round_tf32(a), round_tf32(b)))
    assert not torch.equal(rounded, product(a, b))
    with RoundedProducts():
        plain = product(a, b)
    assert torch.equal(plain, product(a, b))


def test_the_gradient_is_made_of_rounded_products_too():
    torch.manual_seed(0)
    a, b, seen = torch.randn(5, 7, requires_grad=True), torch.randn(7, 5), torch.randn(5, 5)
    with RoundedProducts(tf32=True):
        (a @ b).backward(seen)
    assert torch.equal(a.grad, round_tf32(seen) @ round_tf32(b).T)


@pytest.mark.parametrize("setting", ["fully", "weakly"])
def test_bf16_agrees_with_torchs_own_products(setting, monkeypatch):
    """The gradient of a whole step is as far from float32's as torch's own, and no farther from torch's than two are
    that round alike and sum in another order, which depends on the processor."""
    torch.manual_seed(0)
    model, objective = build_model("vscg", setting=setting).eval(), build_objective("vscg", setting=setting)
    audio, visual = torch.rand(2, 10, 128), torch.rand(2, 10, 7, 7, 512)
    labels = torch.zeros(2, 10, 29)
    labels[..., 0] = 1

    def step(precision: str) -> torch.Tensor:
        model.zero_grad()
        total, _ = objective(forward(model, audio, visual, precision), labels)
        total.backward()
        return torch.cat([total.detach()[None], *(p.grad.flatten() for p in model.parameters() if p.grad is not None)])

    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)      # its LSTM wants bf16 instructions
    exact, native = step("fp32"), step("bf16")
    with RoundedProducts():
        ours = step("bf16")
    assert not torch.equal(native, exact)
    error = (native - exact).norm()
    assert 0.5 * error < (ours - exact).norm() < 2 * error
    assert (ours - native).norm() < error


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_product_of_a_systems_step_is_rounded(system):
    """Whatever multiplies matrices is in the table: torch's counter of operations finds none outside it."""
    model, objective = build_model(system), build_objective(system)
    audio, visual, labels = torch.rand(2, 10, 128), torch.rand(2, 10, 7, 7, 512), torch.zeros(2, 10, 29)
    labels[..., 0] = 1
    with FlopCounterMode(display=False) as counter, RoundedProducts():
        objective(forward(model, audio, visual, "bf16"), labels)[0].backward()
    counted = set(counter.get_flop_counts()["Global"])
    assert counted and counted <= {op.overloadpacket for op in FACTORS}
    assert torch.backends.mkldnn.enabled
