"""A run that is killed, again and again and anywhere, or asked for twice at once, ends with the same numbers."""
import math
import os
import signal
import time

import numpy as np
import pytest

from tests.robustness.killing import TINY, Kill, count_lines, log_of, numbers, start
from vscg.data.planted import generate
from vscg.training.config import RunConfig
from vscg.training.records import find_records

LONG = os.environ.get("VSCG_FUZZ") == "long"       # 50 kills of each run; otherwise, 51 of the three
KILLS, EPOCHS = (50, 8) if LONG else (17, 5)
RUNS = [{}, {"setting": "weakly"}, {"protocol": "released"}]      # the last has targets left over in its loss
MORE = [{"setting": "weakly", "protocol": "released"}, {"variant": "paper"}, {"system": "psp", "protocol": "released"},
        {"system": "avel", "setting": "weakly"}, {"system": "cmbs"}]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A planted data set of 9 clips."""
    return generate(tmp_path_factory.mktemp("data") / "tiny.h5", progress=False, **TINY)


def name(changes: dict) -> str:
    return "-".join(changes.values()) or "plain"


def draw(rng, lines: list[int], seconds: float, size: int) -> list[Kill]:
    """Kills spread over all epochs and the writing of the record, of every kind, those of one epoch in any order.

    Args:
        lines: of each epoch, and of the writing of the record.
        seconds: of an epoch.
        size: of the file of weights, bytes; a saved state is three times as large and more.
    """
    kills = []
    spread = KILLS - 2
    for number in range(spread):
        epoch = number * (EPOCHS + 1) // spread
        how = ("line", "write", "time")[number % 3]
        if how == "time" and epoch > EPOCHS - 2:
            how = "line"                                # an alarm could come too late
        # Before the state of the last epoch is saved, before record.json gets its name: the next kill finds work left.
        room = 0.75 * lines[EPOCHS] if epoch == EPOCHS else 0.95 * min(lines[:EPOCHS])
        after = {"line": rng.uniform(0, room), "time": rng.uniform(0, seconds),
                 "write": math.exp(rng.uniform(math.log(10), math.log(size)))}[how]
        kills.append(Kill(epoch, how, after))
    results = Kill(EPOCHS - 1, "line", 0.9 * lines[EPOCHS - 1])      # while they are worked out, all being trained
    there = Kill(EPOCHS, "line", lines[EPOCHS] - 1)                  # when the record is there
    return [*(kill for kill in kills if kill.epoch < EPOCHS), results, *(k for k in kills if k.epoch == EPOCHS), there]


@pytest.mark.parametrize("changes", RUNS + MORE * LONG, ids=name)
def test_killed_anywhere_a_run_ends_with_the_same_numbers(changes, tiny, tmp_path):
    config = RunConfig(epochs=EPOCHS, batch=2, data="tiny", **changes)
    lines = count_lines(config, tiny, tmp_path / "whole")
    whole, = find_records(tmp_path / "whole")
    size = (whole.folder / "state.safetensors").stat().st_size
    kills = draw(np.random.default_rng(0), lines, 0.8 * whole.values["seconds"] / EPOCHS, size)
    store = tmp_path / "killed"
    for kill in kills:
        process = start(config, tiny, store, kill)
        process.join()
        assert -process.exitcode in (Kill.SIGNALS[kill.how], signal.SIGKILL), f"{kill} did not end the run"
        if kill != kills[-1]:
            assert not find_records(store)
    record, = find_records(store)
    process = start(config, tiny, store)
    process.join()
    assert process.exitcode == 0 and numbers(record) == numbers(whole)


def begun(store) -> list[list[int]]:
    """Process and epoch, for every epoch that was begun."""
    return [[int(word) for word in line.split()] for line in log_of(store).read_text().splitlines()]


def test_asked_for_twice_at_once_a_run_is_trained_once(tiny, tmp_path):
    config, store = RunConfig(system="avel", epochs=3, batch=2, data="tiny"), tmp_path / "runs"
    both = [start(config, tiny, store) for _ in range(2)]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0] and len(find_records(store)) == 1
    assert len({process for process, _ in begun(store)}) == 1 and [epoch for _, epoch in begun(store)] == [0, 1, 2, 3]


def test_the_one_that_waits_goes_on_where_the_other_was_killed(tiny, tmp_path):
    config, store = RunConfig(system="avel", epochs=4, batch=2, data="tiny"), tmp_path / "runs"
    first = start(config, tiny, store, Kill(2, "line", 50))
    while not log_of(store).exists():
        assert first.is_alive()
        time.sleep(0.01)
    second = start(config, tiny, store)
    first.join()
    second.join()
    assert (first.exitcode, second.exitcode) == (-Kill.SIGNALS["line"], 0)
    assert begun(store) == [*([first.pid, epoch] for epoch in range(3)), *([second.pid, epoch] for epoch in (2, 3, 4))]
    start(config, tiny, tmp_path / "whole").join()
    assert numbers(*find_records(store)) == numbers(*find_records(tmp_path / "whole"))
