"""The references of planted tables: what each may use, and that the dials of today meet the conditions on record."""
import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from vscg.data import BACKGROUND, planted
from vscg.data.prepared import read_prepared
from vscg.errors import VscgError
from vscg.study import references
from vscg.training.records import records_dir


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A small draw without noise to speak of: the ceiling names every clip, the linear rule only its kind."""
    path = tmp_path_factory.mktemp("references") / "study.h5"
    return read_prepared(planted.generate(path, size="study", train=160, val=40, test=60, background=4,
                                          ambiguity=0.1, clarity=1.0, audio_noise=0.3, visual_noise=0.3))


def share(said, data):
    return (said == data.labels[data.splits["test"]].argmax(-1)).mean()


def test_the_ceiling_knows_what_the_linear_rule_cannot(study):
    top, rule = references.ceiling(study), references.floor(study)
    assert top.shape == rule.shape == (60, 10)
    assert share(top, study) > 0.97 and 0.4 < share(rule, study) < 0.8
    # It names the kind: a wrong name is the twin's in most cases.
    truth = study.category[study.splits["test"]]
    names = np.array([np.bincount(row[row != BACKGROUND], minlength=28).argmax() for row in rule])
    wrong = names != truth
    twin = planted.twins.KIND_OF[names[wrong]] == planted.twins.KIND_OF[truth[wrong]]
    assert wrong.sum() > 10 and twin.mean() > 0.6


@pytest.fixture
def short(monkeypatch):
    """The plain network in ten epochs, where what is asked does not depend on how well it learns."""
    monkeypatch.setitem(references.PLAN, "epochs", 10)


def test_the_floor_and_the_plain_network_see_no_test_label(study, short):
    blind = replace(study, labels=study.labels.copy(), category=study.category.copy())
    test = study.splits["test"]
    blind.labels[test], blind.category[test] = np.eye(29)[3], 3
    assert np.array_equal(references.floor(blind), references.floor(study))
    assert np.array_equal(references.plain_network(blind, 1), references.plain_network(study, 1))


def test_the_plain_network_takes_each_second_by_itself_and_no_places(study, short):
    shuffled = replace(study, visual=study.visual[:, :, ::-1, ::-1])
    both = references.plain_network(study)
    assert both.shape == (5, 60, 10)
    assert (references.plain_network(shuffled) == both).mean() > 0.97          # sums in another order
    order = np.random.default_rng(0).permutation(10)
    turned = replace(study, visual=study.visual[:, order], audio=study.audio[:, order], labels=study.labels[:, order])
    assert (references.plain_network(turned)[:, :, np.argsort(order)] == both).mean() > 0.9
    one = replace(study, audio=study.audio.copy())
    one.audio[study.splits["test"], 4] = 0                                     # training sees nothing of it
    changed = (references.plain_network(one) != both).any((0, 1))
    assert changed.tolist() == [second == 4 for second in range(10)]
    silent = replace(study, audio=np.zeros_like(study.audio))
    assert np.array_equal(references.plain_network(silent, modality="visual"),
                          references.plain_network(study, modality="visual"))


def test_the_ceiling_refuses_data_whose_prototypes_it_does_not_know(tmp_path):
    data = read_prepared(planted.generate(tmp_path / "mini.h5", train=3, val=1, test=1, background=0))
    with pytest.raises(VscgError, match="planted-mini is not planted-study or planted"):
        references.ceiling(data)


@pytest.mark.parametrize("size, draws", [("study", 10), ("mini", 1), ("full", 1)])
def test_records_are_of_the_dials_of_today(size, draws):
    record = json.loads((records_dir() / f"references_{size}.json").read_text())
    assert record["data"] == planted.NAMES[size]
    assert record["dials"] == asdict(planted.SIZES[size]), "python -m tests.references measures them anew"
    assert record["schedule"] == json.loads(json.dumps(references.PLAN)), "the plain network has every row's schedule"
    of_today = [planted.fingerprint(size, seed) for seed in range(draws)]
    assert [draw["fingerprint"] for draw in record["draws"]] == of_today
    found = references.on_record(planted.NAMES[size])
    assert list(found.columns) == list(range(draws)) and found.shape == (4 + (size != "mini"), draws)
    assert found.loc[references.TITLES["floor"]].tolist() == [100 * draw["floor"]["all"] for draw in record["draws"]]


def test_a_draw_has_the_references_of_all_and_other_dials_have_none():
    assert references.on_record("planted-study:seed=7").equals(references.on_record("planted-study"))
    for name in ("planted-study:dynamics=1", "planted-mini:ambiguity=0.8", "ave", "some.h5"):
        assert references.on_record(name).empty


def test_the_dials_meet_the_conditions():
    floor, plain, audio, visual, top = references.on_record("planted-study").mean(axis=1)
    assert top >= 97 and 60 <= plain <= 75 and plain - floor >= 5, references.CONDITIONS
    assert max(audio, visual) <= plain - 8, references.CONDITIONS


def test_the_plain_networks_rate_falls_as_the_plan_says(study, monkeypatch):
    for name, value in (("epochs", 6), ("decay_epochs", (1,)), ("decay", 0.0)):
        monkeypatch.setitem(references.PLAN, name, value)
    said = references.plain_network(study)
    assert all(np.array_equal(said[0], each) for each in said[1:])


def test_the_penalty_of_the_rule_is_the_one_that_validation_finds_best(study, monkeypatch):
    sight, right = references.pooled(study, 3).astype(float), {}
    for penalties in ((1,), (1000,), (1, 1000)):
        monkeypatch.setattr(references, "PENALTIES", penalties)
        right[penalties] = references._accuracy(references._rule(study, sight), study, "val")
    assert right[1, 1000] == max(right[1,], right[1000,]) > min(right[1,], right[1000,])
