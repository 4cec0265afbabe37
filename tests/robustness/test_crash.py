"""A run that is killed, again and again and anywhere, or asked for twice at once, ends with the same numbers."""
import os
import signal
import time

import numpy as np
import pytest

from tests.robustness.killing import Kill, count_lines, log_of, numbers, start
from vscg.training.config import RunConfig
from vscg.training.records import find_records

pytestmark = pytest.mark.usefixtures("server_of_processes")
KILLS, EPOCHS = (50, 8) if os.environ.get("VSCG_FUZZ") == "long" else (8, 3)
RUNS = [{"setting": "weakly", "system": "avel"}, {"protocol": "released"}]     # the last has targets left over


def draw(rng, lines: list[int]) -> list[Kill]:
    """Kills in all epochs and in the writing of the record; `lines` are those of each epoch and of that writing."""
    kills = []
    for number in range(KILLS - 2):
        epoch = number * (EPOCHS + 1) // (KILLS - 2)
        # Before the state of the last epoch is saved, before record.json gets its name: the next kill finds work left.
        room = 0.75 * lines[EPOCHS] if epoch == EPOCHS else 0.95 * min(lines[:EPOCHS])
        kills.append(Kill(epoch, rng.uniform(0, room)))
    results = Kill(EPOCHS - 1, 0.9 * lines[EPOCHS - 1])      # while they are worked out, all being trained
    there = Kill(EPOCHS, lines[EPOCHS] - 1)                  # when the record is there
    return [*(kill for kill in kills if kill.epoch < EPOCHS), results, *(k for k in kills if k.epoch == EPOCHS), there]


@pytest.mark.parametrize("changes", RUNS, ids=lambda changes: "-".join(changes.values()) or "plain")
def test_killed_anywhere_a_run_ends_with_the_same_numbers(changes, smallest, tmp_path):
    config = RunConfig(epochs=EPOCHS, batch=2, data="tiny", **changes)
    lines = count_lines(config, smallest, tmp_path / "whole")
    whole, = find_records(tmp_path / "whole")
    store = tmp_path / "killed"
    kills = draw(np.random.default_rng(0), lines)
    for kill in kills:
        process = start(config, smallest, store, kill)
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"{kill} did not end the run"
        assert kill == kills[-1] or not find_records(store)
    record, = find_records(store)
    process = start(config, smallest, store)
    process.join()
    assert process.exitcode == 0 and numbers(record) == numbers(whole)


def begun(store) -> list[list[int]]:
    """Process and epoch, for every epoch that was begun."""
    return [[int(word) for word in line.split()] for line in log_of(store).read_text().splitlines()]


def test_asked_for_twice_at_once_a_run_is_trained_once(smallest, tmp_path):
    config, store = RunConfig(system="avel", epochs=3, batch=2, data="tiny"), tmp_path / "runs"
    both = [start(config, smallest, store) for _ in range(2)]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0] and len(find_records(store)) == 1
    assert len({process for process, _ in begun(store)}) == 1 and [epoch for _, epoch in begun(store)] == [0, 1, 2, 3]


def test_the_one_that_waits_goes_on_where_the_other_was_killed(smallest, tmp_path):
    config, store = RunConfig(system="avel", epochs=4, batch=2, data="tiny"), tmp_path / "runs"
    first = start(config, smallest, store, Kill(2, 50))
    while not log_of(store).exists():
        assert first.is_alive()
        time.sleep(0.01)
    second = start(config, smallest, store)
    first.join()
    second.join()
    assert (first.exitcode, second.exitcode) == (-signal.SIGKILL, 0)
    assert begun(store) == [*([first.pid, epoch] for epoch in range(3)), *([second.pid, epoch] for epoch in (2, 3, 4))]
