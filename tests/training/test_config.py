"""Run configurations: what each protocol and profile resolves to, and what is refused."""
import json
from dataclasses import replace

import pytest

from vscg.errors import VscgError
from vscg.training.config import ON_TOP, PROFILES, SCHEDULES, RunConfig, Schedule, learning_rate, looks

FAULTS = ("selection", "target", "order", "drop_last", "background", "stale_avps", "empty_as_first")


def test_clean_protocol_has_none_of_the_faults():
    config = RunConfig(setting="weakly").resolve()
    assert (config.selection, config.target, config.order) == ("validation", "presence", "shuffled")
    assert not (config.drop_last or config.stale_avps or config.empty_as_first)
    assert all(looks(config.schedule, epoch) for epoch in range(config.epochs))


def test_released_protocol_has_all_of_them_as_published():
    config = RunConfig(protocol="released").resolve()
    assert config.stale_avps and config.empty_as_first
    for epochs, expected in ((120, (2, 2)), (30, (0, 1))):
        shorter = RunConfig(protocol="released", epochs=epochs).resolve().schedule
        assert (shorter.first_look, shorter.look_every) == expected, "the same fractions of the length, rounded"
    assert [epoch for epoch in range(20) if looks(Schedule(first_look=3, look_every=5), epoch)] == [3, 8, 13, 18]


def test_each_fault_can_be_switched_alone():
    for setting, change in (("fully", {"stale_avps": True}), ("fully", {"drop_last": True}),
                            ("fully", {"order": "first-random"}), ("weakly", {"target": "proportion"}),
                            ("fully", {"selection": "test"}), ("fully", {"empty_as_first": True}),
                            ("fully", {"background": True})):
        clean, config = RunConfig(setting=setting).resolve(), RunConfig(setting=setting, **change).resolve()
        assert config == replace(clean, **change, schedule=config.schedule)
        assert config.schedule == replace(clean.schedule, **{k: v for k, v in change.items() if k in ON_TOP})


def test_a_field_that_the_run_does_not_read_is_refused():
    for system, setting, loss, change in (("vscg", "fully", None, {"target": "proportion"}),
                                          ("avel", "fully", None, {"stale_avps": True}),
                                          ("vscg", "weakly", None, {"stale_avps": True}),
                                          ("psp", "fully", None, {"empty_as_first": True})):
        config = RunConfig(system=system, setting=setting, loss=loss, **change)
        with pytest.raises(VscgError, match=f"{next(iter(change))}.*does not read it"):
            config.resolve()
        replace(config, protocol="released").resolve()       # which has these habits for every system


def test_a_schedule_of_ones_own_is_taken_as_it_is():
    """Forty epochs; what is given beside it lies on top, and the clean protocol has no habit of a program."""
    plan = replace(SCHEDULES["vscg", "fully"], batch=8, epochs=40, decay_epochs=(28, 36), decay=0.3, look_every=2)
    config = RunConfig(schedule=plan, profile="standard").resolve()
    assert (config.batch, config.epochs, config.selection, config.drop_last) == (8, 40, "validation", False)
    assert [learning_rate(config.schedule, epoch, 0) for epoch in (0, 27, 28, 35, 36, 39)] == pytest.approx(
        [1e-3, 1e-3, 3e-4, 3e-4, 9e-5, 9e-5])
    assert (config.schedule.first_look, config.schedule.look_every) == (plan.first_look, 2)
    released = RunConfig(schedule=plan, protocol="released", batch=4).resolve()
    assert (released.batch, released.schedule.batch, released.selection, released.drop_last) == (4, 4, "test", True)


def test_the_rate_rises_in_equal_steps_and_a_shorter_run_warms_up_for_less():
    schedule = RunConfig(system="avt", profile="full").resolve().schedule
    assert [learning_rate(schedule, 0, step) for step in (0, 1, 249, 499, 500)] == pytest.approx(
        [2e-7, 4e-7, 5e-5, 1e-4, 1e-4])
    assert learning_rate(schedule, 10, 100) == pytest.approx(0.5 * 101 / 500 * 1e-4)
    assert RunConfig(system="avt").resolve().schedule.warm_up_steps == 15                 # 3 epochs of 100


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
       for system in ("cman", "avrb", "avin", "csa") for setting in ("fully", "weakly")},
    ("dam", "fully"): (64, 300, 1e-3, (), 0.1, 0, "validation"),
    ("avt", "fully"): (32, 100, 1e-4, (10, 20, 30), 0.5, 0.1, "validation"),
    ("avt", "weakly"): (32, 100, 1e-4, (10, 20, 30), 0.5, 0.1, "validation"),
    ("dca", "fully"): (128, 300, 1e-3, (), 0.1, 0, "validation"),
    ("cssnet", "fully"): (64, 100, 1e-3, (10, 20, 30), 0.5, 0.1, "validation"),
    ("cssnet", "weakly"): (64, 100, 1e-3, (10, 20, 30), 0.5, 0.1, "validation"),
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
    schedule = config.schedule
    batch, epochs, lr, decay_epochs, decay, clip_norm, selection = PUBLISHED[system, setting]
    assert (config.batch, config.epochs, schedule.lr, schedule.clip_norm) == (batch, epochs, lr, clip_norm)
    assert (schedule.decay_epochs, schedule.decay, config.selection) == (decay_epochs, decay, selection)
    assert schedule.decay_steps == (0 if decay_epochs else 15_000)
    for epoch in range(epochs):
        drops = sum(epoch + 1 > after for after in decay_epochs)
        assert learning_rate(schedule, epoch, schedule.warm_up_steps) == pytest.approx(lr * decay**drops)
    assert schedule.warm_up_steps == (500 if system == "avt" else 0)
    clean = RunConfig(system=system, setting=setting, profile="full").resolve()
    assert replace(clean, protocol="released", schedule=schedule, **{name: getattr(config, name) for name in FAULTS}
                   ) == config, "the protocols differ in the faults alone"
    assert replace(clean.schedule, first_look=schedule.first_look, look_every=schedule.look_every,
                   **{name: getattr(schedule, name) for name in ON_TOP}) == schedule


# Loaders that train on an epoch's last, incomplete batch; a system without a program has none that would drop it.
KEEP = ("cmra", "cmbs", "dmin", "cman", "dam", "avrb", "avin", "csa", "avt", "dca", "cssnet")
LOOKS = {"vscg": ((5, 5), (51, 1)), "psp": ((5, 5), (51, 1)), "avel": ((0, 5), (0, 5)), "dmrn": ((0, 5), None)}
ORDERS = {"vscg": ("shuffled", "first-random"), "psp": ("shuffled", "first-random"), "avel": ("stored", "stored"),
          "dmrn": ("stored", None)}


@pytest.mark.parametrize("system, setting", SCHEDULES)
def test_habits_of_the_released_programs(system, setting):
    """Epochs that may be picked, order of the clips, clips left out or added, and the weak tag that tells too much."""
    weakly = setting == "weakly"
    released, clean = (RunConfig(system=system, setting=setting, profile="full", protocol=protocol).resolve()
                       for protocol in ("released", "clean"))
    assert (released.schedule.first_look, released.schedule.look_every) == LOOKS.get(system, ((0, 1), (0, 1)))[weakly]
    assert released.order == ORDERS.get(system, ("shuffled", "shuffled"))[weakly]
    assert (released.drop_last, clean.drop_last) == (system not in KEEP, False)
    assert (released.background, clean.background) == (weakly and system != "avsdn", weakly)
    assert released.target == ("proportion" if system in ("vscg", "psp") else "presence")


def test_profiles_and_their_seeds():
    """The short one is over before any decay, the standard one has the plan's schedule at each system's own rate."""
    assert {name: profile.seeds for name, profile in PROFILES.items()} == {"quick": 1, "standard": 5, "full": 5}
    for (system, setting), published in SCHEDULES.items():
        quick, standard = (RunConfig(system=system, setting=setting, profile=name).resolve()
                           for name in ("quick", "standard"))
        assert (quick.batch, quick.epochs, quick.schedule.clip_norm) == (8, 3, published.clip_norm)
        assert {learning_rate(quick.schedule, epoch, 900) for epoch in range(3)} == {published.lr}
        assert (standard.batch, standard.epochs, standard.schedule.clip_norm) == (8, 80, published.clip_norm)
        rates = [learning_rate(standard.schedule, epoch, 160 * epoch + 900) for epoch in (55, 56, 71, 72, 79)]
        assert rates == pytest.approx([published.lr * rate for rate in (1, 0.3, 0.3, 0.09, 0.09)])


@pytest.mark.parametrize("changes", [{}, {"system": "psp", "loss": "c+t", "model_options": {"head": "two_part"}},
                                     {"protocol": "released", "epochs": 120}, {"schedule": Schedule(lr=1e-2)}], ids=str)
def test_configuration_survives_json_and_resolving_twice(changes):
    config = RunConfig(**changes).resolve()
    values = json.loads(json.dumps(config.to_json()))
    assert RunConfig.from_json(values) == config == config.resolve()
    assert not set(values) & set(values["schedule"]), "nothing is written twice"


@pytest.mark.parametrize("change, named", [
    ({"system": "yolo"}, "avel"), ({"setting": ["fully"]}, "weakly"), ({"profile": "fast"}, "quick"),
    ({"protocol": "dirty"}, "released"), ({"modality": "smell"}, "audio"), ({"selection": "train"}, "validation"),
    ({"target": "length"}, "proportion"), ({"order": "random"}, "shuffled"), ({"precision": "fp8"}, "bf16"),
    ({"system": "psp", "variant": "paper"}, "psp"), ({"system": "dmrn", "setting": "weakly"}, "dmrn"),
    ({"loss": "c+t+a"}, "2bce[+]s-bce"), ({"batch": 2.5}, "batch is 2.5: give a whole number from 1"),
    ({"epochs": "3"}, "epochs"), ({"seed": -1}, "seed"), ({"drop_last": "no"}, "True or False"),
    ({"schedule": {"lr": 1e-3}}, "Schedule"), ({"epochs": 3, "schedule": Schedule(first_look=3)}, "first_look"),
    ({"model_options": {"variant": "paper"}}, "variant: give that as a field"), ({"model_options": ["a"]}, "mapping")])
def test_a_bad_value_is_one_error_that_says_what_is_allowed(change, named):
    with pytest.raises(VscgError, match=named):
        RunConfig(**change).resolve()


@pytest.mark.parametrize("change", [{"lr": float("nan")}, {"lr": -1e-3}, {"decay": 2}, {"look_every": 0},
                                    {"decay_epochs": (0,)}, {"decay_epochs": 3}, {"clip_norm": "0.1"}])
def test_a_bad_schedule_is_refused_where_it_is_made(change):
    with pytest.raises(VscgError, match=next(iter(change))):
        Schedule(**change)
