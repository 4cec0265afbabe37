"""PSP: pairs of segments across the modalities that go together share their features."""
import numpy as np
import pytest
import torch
from torch import nn

from tests import loops
from vscg.models.psp import PositiveSamplePropagation, ProjectAndNorm


class Untouched(nn.Module):
    """Takes the place of project-and-norm where only the propagation is of interest."""

    def forward(self, audio, visual):
        return audio, visual


def propagation(dim=8, *, threshold=0.25, renormalise=False, project=None, dropout=0.0):
    torch.manual_seed(0)
    return PositiveSamplePropagation(dim=dim, threshold=threshold, dropout=dropout, renormalise=renormalise,
                                     project=project or Untouched()).double()


def streams(batch=2, segments=4, dim=8):
    return torch.randn(2, batch, segments, dim, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def identity_maps(module):
    """Every branch the identity, which leaves ReLU."""
    with torch.no_grad():
        for branch in (module.audio_compare, module.audio_send, module.visual_compare, module.visual_send):
            branch[0].weight.copy_(torch.eye(len(branch[0].weight)))
    return module


def test_the_threshold_is_strict_and_cut_rows_stay_zero():
    beta = torch.tensor([[[1.0, 1.0, 1.0, 1.0], [3.0, 1.0, 0.0, 0.0], [4.0, 3.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    # Row 0: four shares of exactly one quarter, none above it. Row 1: 3/4 stays. Row 2: 1/2 and 3/8 stay.
    plain = propagation().float().cut(beta)
    torch.testing.assert_close(plain, torch.tensor([[[0.0] * 4, [0.75, 0, 0, 0], [0.5, 0.375, 0, 0], [0.0] * 4]]))
    again = propagation(renormalise=True).float().cut(beta)
    torch.testing.assert_close(again, torch.tensor([[[0.0] * 4, [1.0, 0, 0, 0], [4 / 7, 3 / 7, 0, 0], [0.0] * 4]]))
    assert (propagation(threshold=0.2499).float().cut(beta)[0, 0] == 0.25).all()


@pytest.mark.parametrize("renormalise", [True, False])
def test_agrees_with_loops(renormalise):
    module = propagation(renormalise=renormalise)
    audio, visual = streams()
    new_audio, new_visual = module(audio, visual)
    assert new_audio.shape == new_visual.shape == (2, 4, 8)
    for b in range(2):
        slow = loops.propagate(audio[b].numpy(), visual[b].numpy(), loops.weights(module), 0.25, renormalise)
        np.testing.assert_allclose(new_audio[b].detach(), slow[0], atol=1e-12)
        np.testing.assert_allclose(new_visual[b].detach(), slow[1], atol=1e-12)
        assert (np.abs(slow[0] - audio[b].numpy()) > 0).any(), "nothing was propagated, so this showed nothing"


def test_by_hand():
    """One-dimensional segments: beta = (1,3; 0,0) for visual rows, so its transpose has rows (1,0) and (3,0)."""
    module = identity_maps(propagation(dim=1))
    audio, visual = torch.tensor([[[1.0], [3.0]]]).double(), torch.tensor([[[1.0], [-2.0]]]).double()
    new_audio, new_visual = module(audio, visual)
    # Visual 0 takes 3/4 of audio 1 (its 1/4 of audio 0 is cut); visual 1 compares as 0 with everything: nothing.
    torch.testing.assert_close(new_visual.flatten(), torch.tensor([1 + 0.75 * 3, -2]).double())
    # Both audio segments take all of visual 0: the transpose is taken first. After dividing, they would get 0 and 3/4.
    torch.testing.assert_close(new_audio.flatten(), torch.tensor([1 + 1.0, 3 + 1.0]).double())


class TestProjectAndNorm:
    @pytest.mark.parametrize("with_maps", [True, False])
    def test_agrees_with_loops(self, with_maps):
        torch.manual_seed(0)
        module = ProjectAndNorm(8, dropout=0.3, linear=with_maps).double().eval()
        nn.init.normal_(module.norm.weight), nn.init.normal_(module.norm.bias)
        audio, visual = streams()
        for b in range(2):
            slow = loops.project(audio[b].numpy(), visual[b].numpy(), loops.weights(module))
            for ours, theirs in zip(module(audio, visual), slow, strict=True):
                np.testing.assert_allclose(ours[b].detach(), theirs, atol=1e-12)

    def test_one_layer_norm_serves_both(self):
        module = ProjectAndNorm(8, dropout=0.0)
        assert [name for name, _ in module.named_parameters()] == ["audio_map.0.weight", "visual_map.0.weight",
                                                                  "norm.weight", "norm.bias"]
        assert module.norm.eps == 1e-6
        torch.nn.init.constant_(module.norm.weight, 0.0)
        torch.nn.init.constant_(module.norm.bias, 2.5)
        assert all((out == 2.5).all() for out in module(*streams().float()))

    def test_without_maps_by_hand(self):
        """(1, -1) has mean 0 and variance 1: it stays as it is, and its negative part is not cut off."""
        module = ProjectAndNorm(2, dropout=0.0, linear=False)
        audio, visual = torch.tensor([[[1.0, -1.0]]]), torch.tensor([[[0.0, 8.0]]])
        out = module(audio, visual)
        torch.testing.assert_close(out[0], audio, atol=1e-6, rtol=0)
        torch.testing.assert_close(out[1], torch.tensor([[[-1.0, 1.0]]]), atol=1e-6, rtol=0)

    def test_dropout_stands_before_the_norm(self):
        torch.manual_seed(0)
        module = ProjectAndNorm(512, dropout=0.5, linear=False).train()
        out, _ = module(torch.rand(1, 1, 512) + 1, torch.rand(1, 1, 512))
        smallest = (out == out.min()).double().mean()      # dropped entries were equal (zero) when they were normalised
        assert 0.4 < smallest < 0.6
        assert abs(out.mean().item()) < 1e-5 and out.var(unbiased=False).item() == pytest.approx(1, abs=1e-4)
