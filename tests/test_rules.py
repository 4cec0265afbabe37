"""The two rules."""
import numpy as np
import pytest

from vscg.models import ORIGINS
from vscg.rules import VERDICT_RULE, sign, verdict

AS_THE_PAPER = ("published code", "ave", "full", "released")


@pytest.mark.parametrize("paper, interval, runs, expected", [
    (79.7, (79, 80), AS_THE_PAPER, "agrees"), (79.7, (79.7, 80), AS_THE_PAPER, "agrees"),
    (79.7, (70, 79.6), AS_THE_PAPER, "lower"), (79.7, (79.8, 81), AS_THE_PAPER, "higher"),
    (79.7, (70, 100 * 0.1 + 69.7 - 1e-12), AS_THE_PAPER, "agrees"),
    (79.7, (79, 80), ("published code", "planted", "full", "released"), "not on AVE"),
    (79.7, (79, 80), ("published code", "ave", "quick", "released"), "not the full schedule"),
    (79.7, (79, 80), ("published code", "ave", "full", "clean"), "not the released protocol"),
    (79.7, None, AS_THE_PAPER, "reported only"),
    (79.7, None, ("reported only", "planted", "quick", "clean"), "reported only")])
def test_verdict_rule(paper, interval, runs, expected):
    assert verdict(paper, interval, *runs) == expected


@pytest.mark.parametrize("interval", [(79, 80), (70, 79), (80, 81)])
@pytest.mark.parametrize("origin", [origin for origin in ORIGINS if origin != "published code"])
def test_no_figure_is_judged_by_what_no_published_program_computes(origin, interval):
    assert verdict(79.7, interval, origin, *AS_THE_PAPER[1:]) == "not the published code"
    assert "no published program computes" in " ".join(VERDICT_RULE.split())


@pytest.mark.parametrize("paper, interval, expected", [
    (1.8, (0.2, 3), "agrees"), (-1.8, (-3, -0.2), "agrees"), (1.8, (-3, -0.2), "contradicts"),
    (-1.8, (0.2, 3), "contradicts"), (1.8, (-1, 1), "open"), (1.8, (1e-15, 1), "open"), (-1.8, (-1, 0), "open"),
    (0, (0.2, 3), "paper: equal"), (1.8, None, "not measured"), (np.nan, None, "not measured")])
def test_sign_rule(paper, interval, expected):
    assert sign(paper, interval, seeds=2) == expected


def test_one_seed_decides_no_sign():
    assert sign(1.8, (0.2, 3), seeds=1) == sign(1.8, (-1, 1), seeds=1) == "one seed"
    assert sign(1.8, None, seeds=1) == "not measured"
