"""DAM: dual matching by hand and at its limits, and the whole system with every switch."""
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests import loops
from tests.models.test_transformer import slow_attention
from tests.models.whole import agrees, unreached
from vscg.models.dam import DAM, match

CASES = [dict(), dict(scaled=True), dict(residual=True), dict(locals_after=True),
         dict(scaled=True, residual=True, locals_after=True)]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case) or "default")


def slow_dam(audio, visual, w, scaled=False, residual=False, locals_after=False):
    """One clip through DAM, dropout off."""
    attended = loops.attend(audio, visual, loops.part(w, "attention"))
    local, read, whole = {}, {}, {}
    for name, x in (("audio", audio), ("visual", attended)):
        local[name] = loops.linear(x, loops.part(w, f"{name}_project"))
        read[name] = slow_attention(local[name], local[name], loops.part(w, f"{name}_self"), heads=1)
        read[name] += residual * local[name]
        whole[name] = sum(read[name]) / 10
    compared, scale = (read if locals_after else local), 16 if scaled else 1
    p = np.array([(loops.sigmoid(whole["audio"] @ v / scale) + loops.sigmoid(whole["visual"] @ a / scale)) / 2
                  for v, a in zip(compared["visual"], compared["audio"], strict=True)])
    hidden = loops.relu(loops.linear(np.concatenate([whole["visual"], whole["audio"]]), loops.part(w, "category.0")))
    hidden = loops.relu(loops.linear(hidden, loops.part(w, "category.3")))
    return dict(event_category=loops.linear(hidden, loops.part(w, "category.6")), relevance_prob=p,
                event_relevance=np.log(p / (1 - p)))


@EACH
def test_agrees_with_loops_and_trains(case, clips):
    model = DAM("fully", **case).double().eval()
    agrees(model, clips, slow_dam, **case)
    assert unreached(model, clips, "dam") == []
    # The keys' third of the bias shifts all of a query's scores alike.
    for attention in (model.audio_self, model.visual_self):
        query, key, value = attention.in_proj_bias.grad.chunk(3)
        assert key.abs().max() < 1e-12 < min(query.abs().max(), value.abs().max())


def vectors(*values):
    """Features of one clip that have the given first entries, (1,len,1)."""
    return torch.tensor(values, dtype=torch.float64).reshape(1, -1, 1)


class TestMatch:
    def test_by_hand(self):
        """x = log 3 and y = 0: p is the mean of 3/4 and 1/2. x = y = log 3: p = 3/4. Both sure of the opposite: 1/2."""
        phi_a, phi_v = torch.ones(1, 1).double(), 2 * torch.ones(1, 1).double()
        visual = vectors(math.log(3), math.log(3), 200)
        audio = vectors(0, math.log(3) / 2, -100)
        p, logit = match(phi_a, phi_v, audio, visual)
        assert p[0].tolist() == pytest.approx([5 / 8, 3 / 4, 1 / 2])
        assert logit[0].tolist() == pytest.approx([math.log(5 / 3), math.log(3), 0], abs=1e-12)

    def test_the_scale_divides_both_products(self):
        p, _ = match(torch.ones(1, 1).double(), torch.ones(1, 1).double(), vectors(0), vectors(16 * math.log(3)), 16)
        assert p.item() == pytest.approx(5 / 8)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_the_logit_is_finite_and_exact_where_the_probability_is_0_or_1(self, dtype):
        one = torch.ones(1, 1, dtype=dtype)
        x = torch.tensor([200.0, -200, 200, -200, 30], dtype=dtype)[None, :, None].requires_grad_()
        y = torch.tensor([200.0, -200, -200, 200, 30], dtype=dtype)[None, :, None].requires_grad_()
        p, logit = match(one, one, y, x)
        assert logit[0].tolist() == pytest.approx([200, -200, 0, 0, 30], rel=1e-5, abs=1e-5)
        torch.testing.assert_close(logit.sigmoid(), p)
        logit.sum().backward()
        assert x.grad.isfinite().all() and y.grad.isfinite().all()

    def test_the_loss_of_the_logit_is_that_of_the_probability(self):
        phi_a, phi_v = torch.randn(2, 3, 256).double() / 16
        audio, visual = torch.randn(2, 3, 10, 256).double()
        p, logit = match(phi_a, phi_v, audio, visual)
        target = torch.randint(2, (3, 10)).double()
        torch.testing.assert_close(F.binary_cross_entropy_with_logits(logit, target), F.binary_cross_entropy(p, target),
                                   atol=1e-6, rtol=0)
        assert not torch.allclose(match(phi_v, phi_a, audio, visual)[0], p, atol=0.01), "whose global it is counts"
