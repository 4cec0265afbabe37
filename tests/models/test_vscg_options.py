"""The options of VSCG that switch one difference between paper and program at a time."""
import pytest
import torch

from tests.models.whole import draw_clips
from vscg.errors import VscgError
from vscg.models import build_model


def outputs(setting, variant="released", **options):
    torch.manual_seed(3)
    model = build_model("vscg", setting=setting, variant=variant, **options).eval()
    output = model(*draw_clips())
    return output, {name: tuple(value.shape) for name, value in model.named_parameters()}


@pytest.mark.parametrize("setting, variant, own", [
    ("fully", "released", dict(renormalise=True, crossed=False, linear=True, similarity="cosine")),
    ("fully", "paper", dict(renormalise=True, crossed=False, linear=True, similarity="product", escm_dropout=0.2)),
    ("weakly", "released", dict(renormalise=False, crossed=True, linear=False)),
    ("weakly", "paper", dict(renormalise=False, crossed=False, linear=True))])
def test_a_variant_is_its_options(setting, variant, own):
    """Whatever the other variant's own values are, setting all options by name gives this variant's network."""
    usual, parameters = outputs(setting, variant)
    for other in ("released", "paper"):
        named, same = outputs(setting, other, **own)
        assert parameters == same
        for field in ("event_relevance", "event_category", "similarity", "segment_logits"):
            if getattr(usual, field) is not None:
                assert torch.equal(getattr(usual, field), getattr(named, field)), field


@pytest.mark.parametrize("setting, option", [
    ("fully", {"renormalise": False}), ("fully", {"similarity": "product"}), ("fully", {"crossed": True}),
    ("weakly", {"crossed": False}), ("weakly", {"linear": True}), ("weakly", {"renormalise": True}),
    ("fully", {"gru": "equations"}), ("weakly", {"gru": "equations"})])
def test_each_option_changes_the_outputs_alone(setting, option):
    usual, changed = outputs(setting)[0], outputs(setting, **option)[0]
    if "similarity" in option:
        assert torch.equal(usual.event_relevance, changed.event_relevance)
        assert not torch.allclose(usual.similarity, changed.similarity)
    elif setting == "fully":
        assert not torch.allclose(usual.event_relevance, changed.event_relevance)
    else:
        assert not torch.allclose(usual.segment_logits, changed.segment_logits)


@pytest.mark.parametrize("option", [{"escm_dropout": 0.1}, {"prior": "zero"}, {"crossed": False}, {"linear": True},
                                    {"gru": "equations"}])
def test_without_escm_its_options_are_refused(option):
    with pytest.raises(VscgError, match="VSCG without ESCM does not read .* leave them out"):
        build_model("vscg", escm=False, **option)
