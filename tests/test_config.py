"""Run configurations: what each protocol and profile resolves to, and what is refused."""
from dataclasses import replace

import pytest

from vscg.config import SCHEDULES, RunConfig
from vscg.errors import VscgError
from vscg.models import SYSTEMS


def test_clean_protocol_has_none_of_the_faults():
    config = RunConfig(setting="weakly").resolve()
    assert (config.selection, config.target, config.order) == ("validation", "presence", "shuffled")
    assert not (config.drop_last or config.stale_avps or config.empty_as_first)
    assert all(config.looks(epoch) for epoch in range(config.epochs))


def test_released_protocol_has_all_of_them_as_published():
    fully = RunConfig(protocol="released", profile="full").resolve()
    assert (fully.selection, fully.order, fully.batch, fully.epochs) == ("test", "shuffled", 128, 300)
    assert fully.drop_last and fully.stale_avps and fully.empty_as_first
    assert sum(fully.looks(epoch) for epoch in range(300)) == 59
    weakly = RunConfig(protocol="released", profile="full", setting="weakly").resolve()
    assert (weakly.target, weakly.order) == ("proportion", "first-random")
    assert sum(weakly.looks(epoch) for epoch in range(300)) == 249
    avel = RunConfig(system="avel", protocol="released", profile="full").resolve()
    assert (avel.selection, avel.order, avel.target, avel.batch) == ("validation", "stored", "presence", 64)


def test_each_fault_can_be_switched_alone():
    clean = RunConfig().resolve()
    for change in ({"stale_avps": True}, {"drop_last": True}, {"order": "first-random"}, {"target": "proportion"},
                   {"selection": "test"}, {"empty_as_first": True}):
        assert RunConfig(**change).resolve() == replace(clean, **change)


def test_learning_rate_drops_where_the_paper_schedule_says():
    config = RunConfig(profile="full").resolve()
    assert [config.learning_rate(epoch, 0) for epoch in (0, 59, 60, 119, 120, 239, 240)] == pytest.approx(
        [1e-3, 1e-3, 8e-4, 8e-4, 6.4e-4, 6.4e-4, 5.12e-4])
    avel = RunConfig(system="avel", profile="full").resolve()
    assert [avel.learning_rate(0, step) for step in (0, 14_999, 15_000)] == pytest.approx([1e-3, 1e-3, 1e-4])


def test_the_quick_profile_never_reaches_a_decay():
    config = RunConfig(profile="quick").resolve()
    assert config.learning_rate(config.epochs - 1, 10_000) == config.lr


def test_every_system_has_a_schedule_in_both_settings():
    assert set(SCHEDULES) == {(system, setting) for system in SYSTEMS for setting in ("fully", "weakly")}


def test_configuration_survives_json_and_resolving_twice():
    config = RunConfig(system="psp", model_options={"dropout": 0.3}).resolve()
    assert RunConfig.from_json(config.to_json()) == config
    assert config.resolve() == config


@pytest.mark.parametrize("change, named", [
    ({"system": "yolo"}, "avel"), ({"setting": "semi"}, "weakly"), ({"profile": "fast"}, "quick"),
    ({"protocol": "dirty"}, "released"), ({"modality": "smell"}, "audio"), ({"selection": "train"}, "validation"),
    ({"target": "length"}, "proportion"), ({"order": "random"}, "shuffled"), ({"batch": 0}, "batch"),
    ({"system": "psp", "variant": "paper"}, "psp"), ({"epochs": 0}, "epochs"), ({"first_look": 10}, "first_look"),
    ({"look_every": 0}, "look")])
def test_a_bad_value_is_one_error_that_says_what_is_allowed(change, named):
    with pytest.raises(VscgError, match=named):
        RunConfig(**change).resolve()
