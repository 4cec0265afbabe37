"""From fused features to classes."""
import numpy as np
import pytest
import torch

from tests import loops
from tests.models.whole import build
from vscg.models.heads import (
    TwoPartHead,
    WeightingHead,
    segment_cosine,
)


def fused(batch=2, segments=5, dim=6):
    return torch.randn(batch, segments, dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


class TestTwoPartHead:
    def test_by_hand(self):
        head = TwoPartHead(2, 2)
        with torch.no_grad():
            head.relevance.weight.copy_(torch.tensor([[1.0, -1.0]])), head.relevance.bias.fill_(0.5)
            head.category.weight.copy_(torch.tensor([[1.0, 0.0], [1.0, 1.0]])), head.category.bias.zero_()
        relevance, category = head(torch.tensor([[[1.0, 4.0], [3.0, -2.0]]]))
        assert relevance.tolist() == [[-2.5, 5.5]]
        assert category.tolist() == [[3.0, 7.0]]                    # of the maximum over time of each feature, (3, 4)


class TestWeightingHead:
    first = torch.eye(29, dtype=torch.float64)[:1, None]              # (1,1,29): one segment, all on class 0

    def weighed(self, head, weight):
        """What comes of the segment score (2, 0, ...) if the branch's map is (weight, 0, ...)."""
        head.double().segment = torch.nn.Identity()
        with torch.no_grad():
            head.weight.weight.copy_(weight * self.first[0])
        return head(2 * self.first)

    @pytest.mark.parametrize("weight, factor", [(0.0, 0.5), (-5.0, 0.5), (np.log(3) / 2, 0.75), (100.0, 1.0)])
    def test_weights_lie_between_a_half_and_one(self, weight, factor):
        """Score (2, 0, ...): the branch sees 2 * weight, ReLU keeps it at 0 or more, the sigmoid at a half or more."""
        score, probability = self.weighed(WeightingHead(), weight)
        torch.testing.assert_close(score, 2 * factor * self.first)
        assert probability[0, 0].item() == pytest.approx(1 / (1 + 28 * np.exp(-2 * factor)))

    @pytest.mark.parametrize("weight, factor", [(0.0, 0.5), (-np.log(3) / 2, 0.25), (-100.0, 0.0)])
    def test_without_the_relu_a_weight_can_silence(self, weight, factor):
        score, _ = self.weighed(build("vscg", "weakly", rectified=False).head, weight)
        torch.testing.assert_close(score, 2 * factor * self.first)


def test_segment_cosine():
    """(3, 4) and (4, 3): 24/25. Opposite vectors: -1. A vector of zeros goes with nothing."""
    audio = torch.tensor([[[3.0, 4.0], [1.0, 2.0], [0.0, 0.0]]])
    visual = torch.tensor([[[4.0, 3.0], [-2.0, -4.0], [1.0, 1.0]]])
    torch.testing.assert_close(segment_cosine(audio, visual), torch.tensor([[0.96, -1.0, 0.0]]))
    a, v = fused(), fused().flip(-1)
    for b in range(2):
        np.testing.assert_allclose(segment_cosine(a, v)[b], loops.cosine(a[b].numpy(), v[b].numpy()))
