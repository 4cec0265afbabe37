"""Which losses there are, of which terms, which system trains with which, and what a model must produce for it."""
import pytest
import torch

from tests.training.test_objectives import LABELS, rand, slow_bce, slow_cross_entropy
from vscg.errors import VscgError
from vscg.models import BUILT, SYSTEMS, Output, build_model
from vscg.training import objectives as ob

LABELS = LABELS.double()
COMBINATIONS = [(system, setting, variant) for system in BUILT for setting in SYSTEMS[system].settings
                for variant in SYSTEMS[system].variants]
# Every loss with its terms and their weights, as the papers and their programs have them.
WEIGHTS = {
    "c+t+avps": dict(event_relevance=1, category=1, avps=1),
    "c17+t+avps16": dict(event_relevance=1, category_17=1, avps_16=1),
    "c17+t+avps": dict(event_relevance=1, category_17=1, avps=1),
    "c+t+avps16": dict(event_relevance=1, category=1, avps_16=1), "c+t": dict(event_relevance=1, category=1),
    "ce+avps": dict(ce=1, avps=100), "mlsm": dict(mlsm=1), "2bce+s-bce": dict(bce=2, smooth=1), "bce": dict(bce=1),
    "mlsm+self": dict(mlsm=0.92, mlsm_self=0.08),
    "c+t+self": dict(event_relevance=1, category=0.9, category_self=0.1),
    "c+t+gate+av": dict(event_relevance=1, gate=1, category=1, av_score=1),
    "c+t+p-gate+av": dict(event_relevance=1, probability_gate=1, category=1, av_score=1), "ce": dict(ce=1),
    "0.5c+0.5t": dict(category=0.5, event_relevance=0.5), "0.9c+0.1t": dict(category=0.9, event_relevance=0.1),
}
PUBLISHED = {
    "vscg": ("c+t+avps", "2bce+s-bce"), "psp": ("ce+avps", "bce"), "avel": ("mlsm", "mlsm"), "dmrn": ("mlsm", None),
    "cmra": ("c+t", "mlsm"), "cmbs": ("c+t+gate+av", "mlsm"), "dmin": ("c+t+self", "mlsm+self"),
    "avsdn": ("ce", "bce"), "cman": ("ce", "mlsm"), "dam": ("0.5c+0.5t", None), "avrb": ("ce", "mlsm"),
    "avin": ("ce", "mlsm"),
}


def published(system, setting, variant):
    return "c17+t+avps16" if (variant, setting) == ("paper", "fully") else PUBLISHED[system][setting == "weakly"]


def output(clip_classes=29):
    """Everything that any loss reads."""
    p, p_self = (rand(4, clip_classes, seed=seed).softmax(-1) for seed in (3, 4))
    return Output(event_relevance=rand(4, 10), event_category=rand(4, 28), segment_logits=rand(4, 10, 29, seed=2),
                  similarity=rand(4, 10, seed=1), video_probability=p, smooth_probability=p.softmax(-1),
                  extras={"gate": rand(4, 10, seed=5).sigmoid(), "av_score": rand(4, 28, seed=6),
                          "event_self": rand(4, 28, seed=7), "video_prob_self": p_self})


def slow_margin(values, target):
    """Binary cross-entropy of the sigmoids, which is what the multi-label loss is."""
    return slow_bce(torch.tensor(values).sigmoid().tolist(), target)


def slow_category(logits, labels, variant):
    """Released: mean over the clips that have an event. Paper: Eq. 17, over segments and the 28 events."""
    rows = [(row, [segment.index(1) for segment in clip if segment.index(1) < 28])
            for row, clip in zip(logits.tolist(), labels.tolist(), strict=True)]
    if variant == "released":
        found = [slow_cross_entropy(row, events[0]) for row, events in rows if events]
        return sum(found) / len(found)
    return sum(slow_cross_entropy(row, c) for row, events in rows for c in events) / (len(rows) * 10 * 28)


def slow_avps(similarity, labels, variant):
    cells = []
    for row, clip in zip(similarity.tolist(), labels.tolist(), strict=True):
        kept = [max(x, 0) for x in row] if variant == "released" else row
        events = [1 - segment[28] for segment in clip]
        cells += [(x / (sum(map(abs, kept)) + 1e-8) - y / max(sum(events), 1)) ** 2
                  for x, y in zip(kept, events, strict=True)]
    return sum(cells) / len(cells)


def slow_term(term, o, setting, target="presence"):
    """One term by plain sums over lists."""
    happens = [[1 - segment[28] for segment in clip] for clip in LABELS.tolist()]
    segments = [row for clip in o.segment_logits.softmax(-1).tolist() for row in clip]
    one_hot = [row for clip in LABELS.tolist() for row in clip]
    # The clip's tag: its event or background; as a proportion, the mean of its segments. Cut to the clip's classes.
    tags = []
    for clip in LABELS.tolist():
        counts = [sum(column) for column in zip(*clip, strict=True)]
        events = [c for c in range(28) if counts[c]] or [28]
        tags.append([count / 10 if target == "proportion" else float(c == events[0])
                     for c, count in enumerate(counts)][:o.video_probability.shape[-1]])
    return {
        "event_relevance": lambda: slow_bce(o.event_relevance.sigmoid().tolist(), happens),
        "gate": lambda: slow_bce(o.extras["gate"].sigmoid().tolist(), happens),
        "probability_gate": lambda: slow_bce(o.extras["gate"].tolist(), happens),
        "category": lambda: slow_category(o.event_category, LABELS, "released"),
        "category_17": lambda: slow_category(o.event_category, LABELS, "paper"),
        "category_self": lambda: slow_category(o.extras["event_self"], LABELS, "released"),
        "av_score": lambda: slow_category(o.extras["av_score"], LABELS, "released"),
        "avps": lambda: slow_avps(o.similarity, LABELS, "released"),
        "avps_16": lambda: slow_avps(o.similarity, LABELS, "paper"),
        "ce": lambda: sum(slow_cross_entropy(row, label.index(1)) for row, label in zip(
            o.segment_logits.flatten(0, 1).tolist(), one_hot, strict=True)) / 40,
        "mlsm": lambda: (slow_margin(segments, one_hot) if setting == "fully"
                         else slow_margin(o.video_probability.tolist(), tags)),
        "mlsm_self": lambda: slow_margin(o.extras["video_prob_self"].tolist(), tags),
        "bce": lambda: slow_bce(o.video_probability.tolist(), tags),
        "smooth": lambda: slow_bce(o.video_probability.softmax(-1).tolist(), tags),
    }[term]()


def compare(objective, o, weights, *arguments):
    total, parts = objective(o, LABELS)
    assert list(parts) == list(weights)
    for term, value in parts.items():
        assert value.item() == pytest.approx(slow_term(term, o, *arguments)), term
    assert total.item() == pytest.approx(sum(weight * slow_term(term, o, *arguments)
                                             for term, weight in weights.items()))
    assert total.shape == () and total.requires_grad


@pytest.mark.parametrize("target", ob.TARGETS)
@pytest.mark.parametrize("setting", ["fully", "weakly"])
@pytest.mark.parametrize("loss", ob.LOSSES)
def test_every_loss_by_plain_sums(loss, setting, target):
    objective = ob.build_objective("vscg", setting=setting, loss=loss, target=target)
    assert objective.name == loss
    compare(objective, output(), WEIGHTS[loss], setting, target)


def test_the_table_of_losses_holds_no_other():
    assert set(ob.LOSSES) == set(WEIGHTS) and ob.LOSSES == WEIGHTS


@pytest.mark.parametrize("system, setting, variant", COMBINATIONS)
def test_every_system_trains_with_its_published_loss(system, setting, variant):
    loss = published(system, setting, variant)
    assert ob.published_loss(system, setting, variant) == loss
    objective = ob.build_objective(system, setting=setting, variant=variant)
    assert objective.name == loss
    compare(objective, output(), WEIGHTS[loss], setting)


@pytest.mark.parametrize("system, setting, variant", COMBINATIONS)
def test_every_model_produces_what_its_own_loss_reads(system, setting, variant):
    torch.manual_seed(0)
    model = build_model(system, setting=setting, variant=variant)
    total, parts = ob.build_objective(system, setting=setting, variant=variant)(
        model(torch.rand(4, 10, 128), torch.rand(4, 10, 7, 7, 512)), LABELS.float())
    assert total.isfinite() and all(part.isfinite() and part > 0 for part in parts.values())
    assert total.item() == pytest.approx(sum(weight * parts[name].item() for name, weight
                                             in WEIGHTS[published(system, setting, variant)].items()), rel=1e-5)


@pytest.mark.parametrize("loss", ["mlsm", "bce", "2bce+s-bce", "mlsm+self"])
@pytest.mark.parametrize("target", ob.TARGETS)
def test_the_tag_is_cut_where_the_clip_has_no_background_class(loss, target):
    """AVSDN's port has 28 classes for the clip: a clip without event then has an empty tag."""
    compare(ob.build_objective("avsdn", setting="weakly", loss=loss, target=target), output(clip_classes=28),
            WEIGHTS[loss], "weakly", target)


def test_avsdn_with_two_heads_trains_on_the_cut_tag():
    torch.manual_seed(0)
    model = build_model("avsdn", setting="weakly", head="two_head")
    o = model(torch.rand(4, 10, 128), torch.rand(4, 10, 7, 7, 512))
    assert o.video_probability.shape == (4, 28)
    total, _ = ob.build_objective("avsdn", setting="weakly", loss="mlsm")(o, LABELS.float())
    tags = ob.weak_target(LABELS, "presence")[:, :28].tolist()
    assert total.item() == pytest.approx(slow_margin(o.video_probability.tolist(), tags), rel=1e-5)
    total.backward()


@pytest.mark.parametrize("system, setting, loss, missing", [
    ("vscg", "fully", "ce+avps", "segment_logits"), ("psp", "fully", "c+t", "event_relevance"),
    ("psp", "fully", "c+t+avps", "event_relevance"), ("avel", "fully", "ce+avps", "similarity"),
    ("avel", "fully", "bce", "video_probability"), ("cmra", "fully", "c+t+self", "event_self"),
    ("cmra", "fully", "c+t+gate+av", "gate"), ("vscg", "weakly", "mlsm+self", "video_prob_self")])
def test_a_loss_that_the_model_does_not_fit_says_what_is_missing(system, setting, loss, missing):
    torch.manual_seed(0)
    o = build_model(system, setting=setting)(torch.rand(1, 10, 128), torch.rand(1, 10, 7, 7, 512))
    with pytest.raises(VscgError) as error:
        ob.build_objective(system, setting=setting, loss=loss)(o, LABELS[:1].float())
    message = str(error.value)
    assert repr(loss) in message and f"reads {missing}," in message and "head" in message and "\n" not in message


@pytest.mark.parametrize("system, loss, head", [("vscg", "ce+avps", "segment"), ("psp", "c+t", "two_part"),
                                                ("psp", "c+t+avps", "two_part")])
def test_the_head_that_fits_mends_it(system, loss, head):
    """Table V: the losses of VSCG and PSP-Net, each on the other."""
    torch.manual_seed(0)
    o = build_model(system, head=head)(torch.rand(4, 10, 128), torch.rand(4, 10, 7, 7, 512))
    total, parts = ob.build_objective(system, loss=loss)(o, LABELS.float())
    assert list(parts) == list(WEIGHTS[loss]) and total.isfinite()


def test_total_by_hand():
    o = output()
    total, parts = ob.build_objective("vscg", setting="weakly")(o, LABELS)
    assert total.item() == pytest.approx(2 * parts["bce"].item() + parts["smooth"].item())
    total, parts = ob.build_objective("psp")(o, LABELS)
    assert total.item() == pytest.approx(parts["ce"].item() + 100 * parts["avps"].item())
    total, parts = ob.build_objective("vscg")(o, LABELS)
    assert total.item() == pytest.approx(sum(part.item() for part in parts.values()))
    total, parts = ob.build_objective("dmin", setting="weakly")(o, LABELS)
    assert total.item() == pytest.approx(0.92 * parts["mlsm"].item() + 0.08 * parts["mlsm_self"].item())


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
    (dict(system="vscgg"), ["system 'vscgg'", "vscg"]),
    (dict(system="dca"), ["DCA is reported only", "vscg"]),
    (dict(system="vscg", setting="semi"), ["setting of vscg 'semi'", "fully, weakly"]),
    (dict(system="dmrn", setting="weakly"), ["setting of dmrn 'weakly'", "fully"]),
    (dict(system="vscg", variant="mine"), ["variant of vscg 'mine'", "released, paper"]),
    (dict(system="avel", variant="paper"), ["variant of avel 'paper'", "released"]),
    (dict(system="vscg", target="duration"), ["target 'duration'", "presence, proportion"]),
    (dict(system="vscg", loss="c+t+avp"), ["loss 'c+t+avp'", *ob.LOSSES])])
def test_errors(arguments, words):
    with pytest.raises(VscgError) as error:
        ob.build_objective(**arguments)
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)
