"""Run configurations: what each protocol and profile resolves to, and what is refused."""
import json
from dataclasses import replace

import pytest

from vscg.errors import VscgError
from vscg.models import BUILT, SYSTEMS
from vscg.training.config import PROFILES, SCHEDULES, RunConfig, Schedule
from vscg.training.objectives import LOSSES


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
                   {"selection": "test"}, {"empty_as_first": True}, {"background": True}):
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


def test_every_system_has_a_schedule_in_each_of_its_settings():
    assert set(SCHEDULES) == {(system, setting) for system in BUILT for setting in SYSTEMS[system].settings}


# (system, setting) -> batch, epochs, learning rate, epochs after which it drops and by which factor, clipping norm, the
# program's selection, as the papers' programs have them.
PUBLISHED = {
    ("vscg", "fully"): (128, 300, 1e-3, (60, 120, 240), 0.8, 0, "test"),
    ("vscg", "weakly"): (128, 300, 1e-3, (80, 180, 240, 300), 0.8, 0, "test"),
    ("psp", "fully"): (128, 300, 1e-3, (60, 120), 0.8, 0, "test"),
    ("psp", "weakly"): (128, 300, 1e-3, (80, 160), 0.8, 0, "test"),
    ("avel", "fully"): (64, 300, 1e-3, (), 0.1, 0, "validation"),
    ("avel", "weakly"): (64, 300, 1e-3, (), 0.1, 0, "validation"),
    ("dmrn", "fully"): (64, 300, 1e-3, (), 0.1, 0, "validation"),
    ("avsdn", "fully"): (64, 45, 1e-3, (10, 20, 30), 0.5, 0.1, "validation"),
    ("avsdn", "weakly"): (64, 45, 1e-3, (5, 20, 40), 0.5, 0.1, "validation"),
    **{(system, setting): (64, 300, 1e-3, (), 0.1, 0, "validation")
       for system in ("cman", "avrb", "avin") for setting in ("fully", "weakly")},
    ("dam", "fully"): (64, 300, 1e-3, (), 0.1, 0, "validation"),
    ("cmra", "fully"): (32, 200, 5e-4, (10, 20, 30), 0.5, 0.1, "test"),
    ("cmra", "weakly"): (32, 200, 5e-4, (5, 20, 40), 0.5, 0.5, "test"),
    ("dmin", "fully"): (32, 200, 5e-4, (10, 20, 30), 0.5, 0.1, "test"),
    ("dmin", "weakly"): (32, 200, 5e-4, (5, 20, 40), 0.5, 0.5, "test"),
    ("cmbs", "fully"): (64, 200, 7e-4, (10, 20, 30), 0.5, 0.5, "test"),
    ("cmbs", "weakly"): (64, 200, 6e-4, (10, 20, 40), 0.5, 0.5, "test"),
}


@pytest.mark.parametrize("system, setting", SCHEDULES)
def test_published_schedules(system, setting):
    """At full length a run resolves to the published figures, and its rate falls after the epochs that are named."""
    config = RunConfig(system=system, setting=setting, profile="full", protocol="released").resolve()
    batch, epochs, lr, decay_epochs, decay, clip_norm, selection = PUBLISHED[system, setting]
    assert (config.batch, config.epochs, config.lr, config.clip_norm) == (batch, epochs, lr, clip_norm)
    assert (config.decay_epochs, config.decay, config.selection) == (decay_epochs, decay, selection)
    assert config.decay_steps == (0 if decay_epochs else 15_000)
    for epoch in range(epochs):
        drops = sum(epoch + 1 > after for after in decay_epochs)
        assert config.learning_rate(epoch, 0) == pytest.approx(lr * decay**drops)
    clean = RunConfig(system=system, setting=setting, profile="full").resolve()
    assert replace(clean, protocol="released", **{name: getattr(config, name) for name in (
        "selection", "target", "order", "drop_last", "background", "stale_avps", "empty_as_first", "first_look",
        "look_every")}
    ) == config, "the protocols differ in the faults alone"


def test_targets_of_the_released_programs():
    """The duration leak is VSCG's and PSP-Net's; the others read the one-hot tags."""
    found = {system: RunConfig(system=system, setting="weakly", protocol="released").resolve().target
             for system in BUILT if "weakly" in SYSTEMS[system].settings}
    assert {system for system, target in found.items() if target == "proportion"} == {"vscg", "psp"}


# Loaders that train on an epoch's last, incomplete batch; a system without a program has none that would drop it.
KEEP = ("cmra", "cmbs", "dmin", "cman", "dam", "avrb", "avin")


def test_clips_that_the_released_loaders_leave_out_or_add():
    for system, setting in SCHEDULES:
        released = RunConfig(system=system, setting=setting, protocol="released").resolve()
        clean = RunConfig(system=system, setting=setting).resolve()
        assert (released.drop_last, clean.drop_last) == (system not in KEEP, False), system
        assert (released.background, clean.background) == (setting == "weakly" and system != "avsdn",
                                                           setting == "weakly"), system


def test_profiles_and_their_seeds():
    assert {name: profile.seeds for name, profile in PROFILES.items()} == {"quick": 1, "standard": 3, "full": 5}
    for system, setting in SCHEDULES:
        for name in ("quick", "standard"):
            config = RunConfig(system=system, setting=setting, profile=name).resolve()
            assert (config.batch, config.epochs) == (8, 3)
            schedule = SCHEDULES[system, setting]
            assert (config.lr, config.clip_norm) == (schedule.lr, schedule.clip_norm)
            assert not [epoch for epoch in range(3) if config.learning_rate(epoch, 3 * 300) != config.lr]


def test_the_released_program_never_clips_unless_it_says_so():
    assert Schedule().clip_norm == 0
    assert RunConfig(clip_norm=0.3).resolve().clip_norm == 0.3
    assert RunConfig(system="cmra", clip_norm=0.0).resolve().clip_norm == 0.0


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_can_be_chosen(loss):
    config = RunConfig(loss=loss).resolve()
    assert config.loss == loss and replace(config, loss="c+t+avps") == RunConfig().resolve()


def test_configuration_survives_json_and_resolving_twice():
    config = RunConfig(system="psp", loss="c+t", model_options={"dropout": 0.3, "head": "two_part"}).resolve()
    assert RunConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert config.resolve() == config


@pytest.mark.parametrize("change, named", [
    ({"system": "yolo"}, "avel"), ({"setting": "semi"}, "weakly"), ({"profile": "fast"}, "quick"),
    ({"protocol": "dirty"}, "released"), ({"modality": "smell"}, "audio"), ({"selection": "train"}, "validation"),
    ({"target": "length"}, "proportion"), ({"order": "random"}, "shuffled"), ({"batch": 0}, "batch"),
    ({"system": "psp", "variant": "paper"}, "psp"), ({"system": "dca"}, "reported only"),
    ({"system": "dmrn", "setting": "weakly"}, "dmrn"), ({"loss": "c+t+a"}, "2bce[+]s-bce"),
    ({"epochs": 0}, "epochs"), ({"first_look": 10}, "first_look"), ({"look_every": 0}, "look"),
    ({"precision": "fp8"}, "bf16"), ({"decay_epochs": (0,)}, "decay_epochs"),
    ({"epochs": "3"}, "epochs"), ({"batch": 2.5}, "whole number"), ({"batch": True}, "whole number"),
    ({"lr": float("nan")}, "lr"), ({"lr": -1e-3}, "lr"), ({"seed": -1}, "seed"),
    ({"decay_epochs": 3}, "decay_epochs"), ({"drop_last": "no"}, "True or False"), ({"setting": ["fully"]}, "weakly"),
    ({"model_options": {"variant": "paper"}}, "variant: give that as a field"),
    ({"model_options": {"setting": "weakly"}}, "setting: give"), ({"model_options": {"system": "psp"}}, "system: give"),
    ({"model_options": ["escm"]}, "model_options"), ({"system": None}, "avel")])
def test_a_bad_value_is_one_error_that_says_what_is_allowed(change, named):
    with pytest.raises(VscgError, match=named):
        RunConfig(**change).resolve()


LOOKS = {"vscg": ((5, 5), (51, 1)), "psp": ((5, 5), (51, 1)), "avel": ((0, 5), (0, 5)), "dmrn": ((0, 5), None)}
ORDERS = {"vscg": ("shuffled", "first-random"), "psp": ("shuffled", "first-random"), "avel": ("stored", "stored"),
          "dmrn": ("stored", None)}


@pytest.mark.parametrize("system, setting", SCHEDULES)
def test_epochs_that_may_be_picked_and_order_of_the_released_programs(system, setting):
    config = RunConfig(system=system, setting=setting, profile="full", protocol="released").resolve()
    weakly = setting == "weakly"
    assert (config.first_look, config.look_every) == LOOKS.get(system, ((0, 1), (0, 1)))[weakly]
    assert config.order == ORDERS.get(system, ("shuffled", "shuffled"))[weakly]
