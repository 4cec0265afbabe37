"""Our models are the published programs: the same outputs, losses, gradients and training steps, to rounding.

Systems without a program are what an independent prototype of what is known about them computes.
"""
import pytest
import torch

from tests.golden import golden
from tests.golden.compare import CASES, FOLDER, TOLERANCES, compare, path_of
from vscg.machine.files import file_sum, value_hash


@pytest.fixture(autouse=True)
def one_thread():
    """Threads that wait for one another on a busy machine cost more than they bring here."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_every_golden_file_is_compared_and_is_what_was_computed():
    files = {path.stem: path for path in FOLDER.rglob("*.npz")}
    assert set(files) == set(CASES) and len(CASES) == 34
    assert value_hash({name: file_sum(path) for name, path in files.items()}) == (
        "ca8f0cc89d7820d267c72a304cb4805107309734f684b9fcf58f18804ffa1b87")
    assert TOLERANCES == {"absolute": 1e-5, "relative gradient": 1e-4, "relative trajectory": 1e-3,
                          "relative fall": 1e-2, "count": 0}


@pytest.mark.parametrize("case", CASES)
def test_same_numbers_as_the_published_program(case):
    meta, published = golden.load(path_of(case))
    rows = compare(case)
    names = [row.quantity for row in rows]
    parts = {f"loss part {part}" for part in meta["parts"]}
    assert {*published, "loss", *parts, "gradient norm", "gradient projection",
            "loss before Adam step 5", "parameters, live and dead"} <= set(names)
    assert len(names) == len(set(names))
    outside = [row for row in rows if not row.within]
    assert not outside, outside


def test_the_comparison_sees_a_changed_weight(monkeypatch):
    honest = golden.weights

    def changed(meta):
        found = honest(meta)
        found["lstm_audio.bias_ih_l0"] = found["lstm_audio.bias_ih_l0"] + 0.01
        return found

    monkeypatch.setattr(golden, "weights", changed)
    outside = {row.quantity for row in compare("avel_weakly") if not row.within}
    assert {"segment_logits", "gradient norm", "gradient projection"} <= outside
    assert not any(quantity.startswith(("parameters", "dead")) for quantity in outside)
