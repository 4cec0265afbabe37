"""Which system trains with which losses, and their weights."""
import pytest
import torch
from test_objectives import LABELS, rand

from vscg import objectives as ob
from vscg.errors import VscgError
from vscg.models import SETTINGS, SYSTEMS, Output

LABELS = LABELS.double()


def output():
    p = rand(4, 29, seed=3).softmax(-1)
    return Output(event_relevance=rand(4, 10), event_category=rand(4, 28), segment_logits=rand(4, 10, 29, seed=2),
                  similarity=rand(4, 10, seed=1), video_probability=p, smooth_probability=p.softmax(-1))


def expected_parts(o, system, setting, variant="released", target="presence"):
    """Every term, with its weight, as the specification lists them."""
    tag = ob.weak_target(LABELS, target)
    avps = ob.similarity_loss(o.similarity, ob.similarity_target(LABELS), variant)
    category = ob.category_loss if variant == "released" else ob.segment_category_loss
    return {
        ("vscg", "fully"): dict(event_relevance=(1, ob.event_relevance_loss(o.event_relevance, LABELS)),
                                category=(1, category(o.event_category, LABELS)), avps=(1, avps)),
        ("vscg", "weakly"): dict(bce=(2, ob.clip_loss(o.video_probability, tag)),
                                 smooth=(1, ob.clip_loss(o.smooth_probability, tag))),
        ("psp", "fully"): dict(ce=(1, ob.segment_cross_entropy(o.segment_logits, LABELS)), avps=(100, avps)),
        ("psp", "weakly"): dict(bce=(1, ob.clip_loss(o.video_probability, tag))),
        ("avel", "fully"): dict(mlsm=(1, ob.multi_label_soft_margin(o.segment_logits.softmax(-1), LABELS))),
        ("avel", "weakly"): dict(mlsm=(1, ob.multi_label_soft_margin(o.video_probability, tag))),
    }[system, setting]


@pytest.mark.parametrize("target", ob.TARGETS)
@pytest.mark.parametrize("system, setting, variant", [(system, setting, variant) for system, entry in SYSTEMS.items()
                                                      for setting in SETTINGS for variant in entry.variants])
def test_parts_and_weights(system, setting, variant, target):
    o = output()
    total, parts = ob.build_objective(system, setting=setting, variant=variant, target=target)(o, LABELS)
    expected = expected_parts(o, system, setting, variant, target)
    assert list(parts) == list(expected)
    for name, (_, value) in expected.items():
        torch.testing.assert_close(parts[name], value)
    torch.testing.assert_close(total, sum(weight * value for weight, value in expected.values()))
    assert total.shape == () and total.requires_grad


def test_total_by_hand():
    o = output()
    total, parts = ob.build_objective("vscg", setting="weakly")(o, LABELS)
    assert total.item() == pytest.approx(2 * parts["bce"].item() + parts["smooth"].item())
    total, parts = ob.build_objective("psp")(o, LABELS)
    assert total.item() == pytest.approx(parts["ce"].item() + 100 * parts["avps"].item())
    total, parts = ob.build_objective("vscg")(o, LABELS)
    assert total.item() == pytest.approx(sum(part.item() for part in parts.values()))


def test_the_fully_supervised_loss_takes_no_weak_target():
    o = output()
    one, other = (ob.build_objective("vscg", target=target)(o, LABELS)[0] for target in ob.TARGETS)
    assert torch.equal(one, other)
    one, other = (ob.build_objective("vscg", setting="weakly", target=target)(o, LABELS)[0] for target in ob.TARGETS)
    assert not torch.equal(one, other)


def test_released_faults_can_be_switched_on():
    o, later = output(), LABELS.flip(0)
    clean = ob.build_objective("vscg")
    empty = ob.build_objective("vscg", empty_as_first=True)
    changed = {name for name, value in clean(o, LABELS)[1].items() if not torch.equal(value, empty(o, LABELS)[1][name])}
    assert changed == {"category"}
    for system in ("vscg", "psp"):
        clean, stale = ob.build_objective(system), ob.build_objective(system, stale_avps=True)
        clean(o, LABELS), stale(o, LABELS)
        after, left = clean(o, later)[1], stale(o, later)[1]
        assert {name for name, value in after.items() if not torch.equal(value, left[name])} == {"avps"}


def test_what_was_left_over_is_part_of_the_objective_s_state():
    objective = ob.build_objective("psp", stale_avps=True)
    objective(output(), LABELS)
    buffers = dict(objective.named_buffers())
    assert len(buffers) == 1 and next(iter(buffers.values())).shape == (4, 10)
    assert list(objective.parameters()) == []


@pytest.mark.parametrize("arguments, words", [
    (dict(system="vscgg"), ["system 'vscgg'", "vscg, psp, avel"]),
    (dict(system="vscg", setting="semi"), ["setting 'semi'", "fully, weakly"]),
    (dict(system="vscg", variant="mine"), ["variant of vscg 'mine'", "released, paper"]),
    (dict(system="avel", variant="paper"), ["variant of avel 'paper'", "released"]),
    (dict(system="vscg", target="duration"), ["target 'duration'", "presence, proportion"])])
def test_errors(arguments, words):
    with pytest.raises(VscgError) as error:
        ob.build_objective(**arguments)
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)
