"""CMBS: attention among the regions, gates, both settings, both rules."""
import numpy as np
import pytest
import torch

from tests import loops
from tests.models.test_channel_attention import slow_gate, slow_pooling
from tests.models.whole import draw_clips
from vscg.errors import VscgError
from vscg.models.cmbs import CMBS, SelfAttentiveSpatialAttention, strongest_mean
from vscg.models.output import predict_segments


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


def test_published_rule_never_says_background_and_the_mended_one_can():
    published, mended, inputs = CMBS("weakly"), CMBS("weakly", rule="mended"), draw_clips()
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
    with pytest.raises(VscgError, match="fully supervised, has no rule 'mended'"):
        CMBS("fully", rule="mended")
