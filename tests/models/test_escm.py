"""ESCM: the clip's event (CERE) guides every segment (ISCE)."""
import numpy as np
import pytest
import torch

from tests import loops
from tests.models.whole import build, draw_clips, unreached
from vscg.models import SETTINGS
from vscg.models.escm import (
    PRIORS,
    CrossModalEventExtractor,
    EquationGRU,
    EventSemanticConsistency,
    SemanticConsistencyEnhancer,
)


def streams(batch=2, segments=10, dim=8, seed=5):
    return torch.randn(2, batch, segments, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def small_escm(crossed=False, linear=True, dropout=0.0, prior="cere"):
    torch.manual_seed(0)
    return EventSemanticConsistency(dim=8, event_dim=4, dropout=dropout, linear=linear, crossed=crossed,
                                    prior=prior).double()


def slow_pool(sequence, prior):
    """One clip's segments (T,8) to two initial states (2,4): the first half of the pooled vector, then the second."""
    pooled = [sum(column) / len(column) if prior == "average" else max(column) for column in sequence.T.tolist()]
    return np.array([pooled[:4], pooled[4:]])


class TestCERE:

    def test_by_hand(self):
        """Kernels that pass the middle value on: the maxima over segments 0..3 and 4..7; 8 and 9 are left over."""
        module = CrossModalEventExtractor(1, 1)
        with torch.no_grad():
            for block in (module.block1, module.block2):
                block[0].weight.copy_(torch.tensor([[[0.0, 0, 1, 0, 0]]]))
                block[0].bias.zero_()
        sequence = torch.tensor([1.0, 5, 2, 0, -7, -1, -3, -2, 9, 9]).reshape(1, 10, 1)
        assert module(sequence).flatten().tolist() == [5, 0]       # ReLU: the second half is negative throughout

    def test_the_kernel_looks_both_ways(self):
        """A kernel that looks two segments ahead, then plain: maxima of what stands two segments later."""
        module = CrossModalEventExtractor(1, 1)
        with torch.no_grad():
            module.block1[0].weight.copy_(torch.tensor([[[0.0, 0, 0, 0, 1]]]))
            module.block2[0].weight.copy_(torch.tensor([[[0.0, 0, 1, 0, 0]]]))
            module.block1[0].bias.zero_(), module.block2[0].bias.zero_()
        assert module(torch.arange(10.0).reshape(1, 10, 1)).flatten().tolist() == [5, 9]

    def test_one_shared_call_equals_two(self):
        module = small_escm()
        audio, visual = streams()
        expected = (module.cere(audio) + module.cere(visual)) / 2
        for prior in module.priors(audio, visual):
            torch.testing.assert_close(prior, expected)
        assert (expected >= 0).all() and expected.any()


class TestISCE:
    def test_initial_state_layout(self):
        """An update gate that is shut keeps the initial state: position 0 forward, position 1 backward, all along."""
        module = SemanticConsistencyEnhancer(8, 4).double()
        with torch.no_grad():
            for gru in (module.audio_gru, module.visual_gru):
                gru.bias_ih_l0[4:8] = gru.bias_ih_l0_reverse[4:8] = 1000
        audio, visual = streams()
        prior_a, prior_v = streams(segments=2, dim=4, seed=6)
        for out, prior in zip(module(audio, visual, prior_a, prior_v), (prior_a, prior_v), strict=True):
            assert out.shape == (2, 10, 8)
            torch.testing.assert_close(out, prior.flatten(1).unsqueeze(1).expand(-1, 10, -1))

    def test_by_hand(self):
        """One step, gates half open, candidate tanh(1): h = h_0 / 2 + tanh(1) / 2 (Eq. 7)."""
        module = SemanticConsistencyEnhancer(1, 1).double()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.zero_()
            module.audio_gru.bias_ih_l0[2] = module.audio_gru.bias_ih_l0_reverse[2] = 1
        x, prior = torch.ones(1, 1, 1).double(), torch.tensor([[[0.2], [-0.6]]], dtype=torch.float64)
        out, other = module(x, x, prior, prior)
        half = np.tanh(1) / 2
        np.testing.assert_allclose(out.detach().flatten(), [0.1 + half, -0.3 + half])
        np.testing.assert_allclose(other.detach().flatten(), [0.1, -0.3])


class TestGRUOfTheEquations:
    """Eq. 4 to 8 to the letter, which torch's GRU is not."""

    def module(self, dim=8, hidden_dim=4):
        torch.manual_seed(0)
        return EquationGRU(dim, hidden_dim).double()

    def test_agrees_with_loops(self):
        module, (audio, _) = self.module(), streams()
        start = streams(segments=2, dim=4, seed=6)[0]                      # (B,2,4)
        y, last = module(audio, start.transpose(0, 1))
        assert y.shape == (2, 10, 8) and last.shape == (2, 2, 4)
        for b in range(2):
            slow, state = loops.equation_gru(audio[b].numpy(), start[b].numpy(), loops.weights(module))
            np.testing.assert_allclose(y[b].detach(), slow, atol=1e-12)
            np.testing.assert_allclose(last[:, b].detach(), state, atol=1e-12)

    def test_by_hand(self):
        """W_z = 0: z = 1/2. W_r = 0: r = 1/2, so the candidate reads half the state: tanh(h/2 + f). W' = 1."""
        module = self.module(1, 1)
        with torch.no_grad():
            for weight in module.parameters():
                weight.zero_()
            module.candidate[0].weight.fill_(1.0), module.output[0].weight.fill_(1.0)
        y, last = module(torch.full((1, 1, 1), 0.3).double(), torch.tensor([[[0.8]], [[0.8]]]).double())
        h = 0.4 + np.tanh(0.4 + 0.3) / 2
        assert last[0].item() == pytest.approx(h) and y[0, 0, 0].item() == pytest.approx(1 / (1 + np.exp(-h)))
        assert y[0, 0, 1].item() == 0.5

    def test_it_starts_with_weights_like_the_librarys(self):
        module = EquationGRU(256, 128)
        for weight in module.parameters():
            assert 0.95 * 128**-0.5 < weight.abs().max() <= 128**-0.5

    @pytest.mark.parametrize("setting", SETTINGS)
    def test_in_vscg_its_weights_learn(self, setting, clips):
        model = build("vscg", setting, gru="equations").double()
        assert not [name for name in unreached(model, clips, "vscg", setting) if name.startswith("escm")]


class TestPriorsOfTableIII:
    """Where the initial states come from, and what each choice has of its own."""

    def test_zero_is_a_gru_without_initial_state(self):
        module, (audio, visual) = small_escm(prior="zero"), streams()
        assert not any(prior.any() for prior in module.priors(audio, visual))
        _, (raw_a, raw_v) = module(audio, visual)
        assert torch.equal(raw_a, module.isce.audio_gru(audio)[0])
        assert torch.equal(raw_v, module.isce.visual_gru(visual)[0])
        for b in range(2):
            slow = loops.gru(audio[b].numpy(), np.zeros((2, 4)), loops.weights(module.isce.audio_gru))
            np.testing.assert_allclose(raw_a[b].detach(), slow, atol=1e-12)

    @pytest.mark.parametrize("prior", ["average", "maximum"])
    def test_pools_agree_with_loops(self, prior):
        module, (audio, visual) = small_escm(prior=prior), streams()
        events = module.events(audio, visual)
        for found, stream in zip(events, (audio, visual), strict=True):
            for b in range(2):
                np.testing.assert_allclose(found[b], slow_pool(stream[b], prior), atol=1e-12)
        for found in module.priors(audio, visual):
            for b in range(2):
                mean = (slow_pool(audio[b], prior) + slow_pool(visual[b], prior)) / 2
                np.testing.assert_allclose(found[b], mean, atol=1e-12)

    def test_unshared_reads_each_modality_with_its_own(self):
        module, (audio, visual) = small_escm(prior="unshared"), streams()
        audio_event, visual_event = module.events(audio, visual)
        assert torch.equal(audio_event, module.cere(audio)) and torch.equal(visual_event, module.visual_cere(visual))
        assert not torch.allclose(visual_event, module.cere(visual))
        torch.testing.assert_close(module.priors(audio, visual)[0], (audio_event + visual_event) / 2)
        # With the same weights in both it is the shared one.
        module.visual_cere.load_state_dict(module.cere.state_dict())
        shared = small_escm()
        shared.load_state_dict({name: value for name, value in module.state_dict().items()
                                if not name.startswith("visual_cere")})
        torch.testing.assert_close(module(audio, visual), shared(audio, visual))

    @pytest.mark.parametrize("crossed", [False, True])
    @pytest.mark.parametrize("prior", PRIORS)
    def test_gradients_reach_every_parameter(self, prior, crossed):
        module = small_escm(crossed=crossed, prior=prior)
        audio, visual = (stream.requires_grad_() for stream in streams())
        (normed_a, normed_v), _ = module(audio, visual)
        ((normed_a + normed_v) * torch.arange(8.0)).sum().backward()
        for name, value in [*module.named_parameters(), ("audio", audio), ("visual", visual)]:
            assert value.grad is not None and value.grad.any(), name

    @pytest.mark.parametrize("setting", SETTINGS)
    def test_vscg_without_it_classifies_what_psp_gives(self, setting):
        model = build("vscg", setting, escm=False).eval()
        assert model.escm is None and not any("escm" in name for name in model.state_dict())
        seen = {}
        model.psp.register_forward_hook(lambda layer, inputs, result: seen.update(psp=result))
        model.head.register_forward_pre_hook(lambda layer, inputs: seen.update(head=inputs[0]))
        output = model(*draw_clips())
        assert torch.equal(seen["head"], (seen["psp"][0] + seen["psp"][1]) / 2)
        if setting == "fully":
            audio, visual = (stream[0].detach().double().numpy() for stream in seen["psp"])
            np.testing.assert_allclose(output.similarity[0].detach(), loops.cosine(audio, visual), atol=1e-5)

    def test_vscg_without_it_in_the_paper_variant_multiplies_what_psp_gives(self):
        model, seen = build("vscg", variant="paper", escm=False).eval(), []
        model.psp.register_forward_hook(lambda layer, inputs, result: seen.extend(result))
        output = model(*draw_clips())
        torch.testing.assert_close(output.similarity, (seen[0] * seen[1]).sum(-1))


@pytest.mark.parametrize("crossed, linear", [(False, True), (True, False)])
class TestESCM:
    def test_agrees_with_loops(self, crossed, linear):
        module = small_escm(crossed, linear)
        audio, visual = streams()
        normed, raw = module(audio, visual)
        for b in range(2):
            slow_normed, slow_raw = loops.escm(audio[b].numpy(), visual[b].numpy(), loops.weights(module))
            for ours, slow in zip((*normed, *raw), (*slow_normed, *slow_raw), strict=True):
                assert ours.shape == (2, 10, 8)
                np.testing.assert_allclose(ours[b].detach(), slow, atol=1e-12)


@pytest.mark.parametrize("prior", ["cere", "average", "maximum", "unshared"])
def test_crossed(prior):
    module = small_escm(crossed=True, linear=False, prior=prior)
    audio, visual = streams()
    audio_event, visual_event = module.events(audio, visual)
    prior_a, prior_v = module.priors(audio, visual)
    torch.testing.assert_close(prior_a, visual_event @ module.audio_prior_map.weight.T)
    torch.testing.assert_close(prior_v, audio_event @ module.visual_prior_map.weight.T)
    assert module.audio_prior_map.bias is None and module.visual_prior_map.bias is None
