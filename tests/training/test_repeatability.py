"""Equal seeds give equal numbers, bit by bit on as many threads, and nearly so on another number of them."""
import numpy as np
import pytest

from tests.robustness.killing import numbers, start
from vscg.data.planted import generate
from vscg.training.config import RunConfig
from vscg.training.records import find_records

# Sums are taken in another order on another number of threads, and float32 rounds them otherwise; what training makes
# of it grows with its length. These are for 10 steps of 8 clips from new weights.
LOSS = 1e-5           # relative, of an epoch's mean; 1e-7 was seen
WEIGHT = 1e-4         # absolute, of any weight; 3e-6 was seen


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A planted data set of 20 clips."""
    return generate(tmp_path_factory.mktemp("data") / "set.h5", train=16, val=2, test=2, background=0)


def run(data, store, threads):
    process = start(RunConfig(epochs=5, batch=8, data="set"), data, store, threads=threads)
    process.join()
    assert process.exitcode == 0
    record, = find_records(store)
    assert record.values["threads"] == threads
    return record


def test_the_same_seed_on_one_thread_and_on_two(data, tmp_path):
    """That one thread repeats itself, tests/robustness/test_crash.py shows with every kill."""
    one, two, again = (run(data, tmp_path / name, threads) for name, threads in (("1", 1), ("2", 2), ("2 again", 2)))
    assert numbers(two) == numbers(again)
    np.testing.assert_allclose(one.history.loss, two.history.loss, rtol=LOSS)
    for (name, a), b in zip(one.model().state_dict().items(), two.model().state_dict().values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=WEIGHT, err_msg=name)
