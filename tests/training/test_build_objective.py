"""Which losses there are, of which terms, which system trains with which, and what a model must produce for it."""
import math
import re

import pytest
import torch

from tests.training.test_objectives import LABELS, rand, slow_bce, slow_cross_entropy
from vscg.errors import VscgError
from vscg.models import SYSTEMS, Output, build_model
from vscg.training import objectives as ob

LABELS = LABELS.double()
COMBINATIONS = [(system, setting, variant) for system in SYSTEMS for setting in SYSTEMS[system].settings
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
    "ce+eigenvalue": dict(ce=1, eigenvalue=0.01), "c+t+pull": dict(event_relevance=1, category=1, pull=0.1),
    "c+t+n-pull": dict(event_relevance=1, category=1, pull_normalised=0.1),
    "c+t+pull+push": dict(event_relevance=1, category=1, pull=0.1, push=0.1), "mlsm+pull": dict(mlsm=1, pull=0.001),
    "mlsm+n-pull": dict(mlsm=1, pull_normalised=0.001), "mlsm+pull+push": dict(mlsm=1, pull=0.001, push=0.001),
}
PUBLISHED = {
    "vscg": ("c+t+avps", "2bce+s-bce"), "psp": ("ce+avps", "bce"), "avel": ("mlsm", "mlsm"), "dmrn": ("mlsm", None),
    "cmra": ("c+t", "mlsm"), "cmbs": ("c+t+gate+av", "mlsm"), "dmin": ("c+t+self", "mlsm+self"),
    "avsdn": ("ce", "bce"), "cman": ("ce", "mlsm"), "dam": ("0.5c+0.5t", None), "avrb": ("ce", "mlsm"),
    "avin": ("ce", "mlsm"), "csa": ("ce", "mlsm"), "avt": ("ce", "mlsm"), "dca": ("ce+eigenvalue", None),
    "cssnet": ("c+t+pull", "mlsm+pull"),
}


def published(system, setting, variant):
    return "c17+t+avps16" if (variant, setting) == ("paper", "fully") else PUBLISHED[system][setting == "weakly"]


def output(clip_classes=29):
    """Everything that any loss reads."""
    p, p_self = (rand(4, clip_classes, seed=seed).softmax(-1) for seed in (3, 4))
    return Output(event_relevance=rand(4, 10), event_category=rand(4, 28), segment_logits=rand(4, 10, 29, seed=2),
                  similarity=rand(4, 10, seed=1), video_probability=p, smooth_probability=p.softmax(-1),
                  extras={"gate": rand(4, 10, seed=5).sigmoid(), "av_score": rand(4, 28, seed=6),
                          "event_self": rand(4, 28, seed=7), "video_prob_self": p_self,
                          "global_visual": rand(4, 6, seed=8), "global_audio": rand(4, 6, seed=9),
                          "representation": rand(4, 10, 8, seed=10)})


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


def slow_cosine(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True)) / math.hypot(*x) / math.hypot(*y)


def slow_pull(o, setting, normalised):
    """Cosine and squared distance of each clip's two vectors; weakly of the clips with an event, the first three."""
    count, total = 4 if setting == "fully" else 3, 0
    for v, a in list(zip(o.extras["global_visual"].tolist(), o.extras["global_audio"].tolist(), strict=True))[:count]:
        apart = 1 - slow_cosine(v, a)
        total += apart + (2 * apart if normalised else sum((x - y) ** 2 for x, y in zip(v, a, strict=True)) / len(v))
    return total / count


def slow_push(o):
    """Every two of the three clips with an event hold different ones."""
    v, a = o.extras["global_visual"].tolist(), o.extras["global_audio"].tolist()
    return sum(max(0, slow_cosine(v[i], a[k]) - 0.2) for i in range(3) for k in range(3) if i != k) / 6


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
        "pull": lambda: slow_pull(o, setting, False),
        "pull_normalised": lambda: slow_pull(o, setting, True),
        "push": lambda: slow_push(o),
        "eigenvalue": lambda: 0,       # forty segments are too few; see test_dca.py
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
    assert ob.LOSSES == WEIGHTS


@pytest.mark.parametrize("system, setting, variant", COMBINATIONS)
def test_every_system_trains_with_its_published_loss_and_produces_what_it_reads(system, setting, variant):
    loss = published(system, setting, variant)
    assert ob.published_loss(system, setting, variant) == loss
    objective = ob.build_objective(system, setting=setting, variant=variant)
    assert objective.name == loss
    torch.manual_seed(0)
    model = build_model(system, setting=setting, variant=variant)
    total, parts = objective(model(torch.rand(4, 10, 128), torch.rand(4, 10, 7, 7, 512)), LABELS.float())
    assert total.isfinite() and all(part.isfinite() and (part > 0 or name == "eigenvalue")
                                    for name, part in parts.items())


@pytest.mark.parametrize("loss", ["mlsm", "bce", "2bce+s-bce", "mlsm+self"])
@pytest.mark.parametrize("target", ob.TARGETS)
def test_the_tag_is_cut_where_the_clip_has_no_background_class(loss, target):
    """AVSDN's port has 28 classes for the clip: a clip without event then has an empty tag."""
    compare(ob.build_objective("avsdn", setting="weakly", loss=loss, target=target), output(clip_classes=28),
            WEIGHTS[loss], "weakly", target)


@pytest.mark.parametrize("system, setting, loss, missing", [
    ("vscg", "fully", "ce+avps", "segment_logits"), ("psp", "fully", "c+t", "event_relevance"),
    ("avel", "fully", "ce+avps", "similarity"), ("vscg", "weakly", "mlsm+self", "video_prob_self")])
def test_a_loss_that_the_model_does_not_fit_says_what_is_missing(system, setting, loss, missing):
    o = build_model(system, setting=setting)(torch.rand(1, 10, 128), torch.rand(1, 10, 7, 7, 512))
    with pytest.raises(VscgError, match=f"{re.escape(repr(loss))} reads {missing},.*head"):
        ob.build_objective(system, setting=setting, loss=loss)(o, LABELS[:1].float())


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


@pytest.mark.parametrize("arguments, words", [
    (dict(system="dca", setting="weakly"), "setting of dca 'weakly'"),
    (dict(system="vscg", target="duration"), "target 'duration'.*presence, proportion"),
    (dict(system="vscg", loss="c+t+avp"), "loss 'c[+]t[+]avp'.*mlsm[+]self")])
def test_errors(arguments, words):
    with pytest.raises(VscgError, match=words):
        ob.build_objective(**arguments)
