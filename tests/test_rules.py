"""Intervals over seeds and clips, and the two rules."""
import numpy as np
import pytest

from vscg.errors import VscgError
from vscg.evaluation import bootstrap_interval
from vscg.rules import sign, two_way_interval, verdict

RNG = np.random.default_rng(0)


class TestTwoWayInterval:
    def test_one_seed_is_the_bootstrap_over_clips(self):
        values = RNG.random(30)
        assert two_way_interval(values[None]) == bootstrap_interval(values)

    def test_agrees_with_the_loop_that_draws_seeds_and_clips(self):
        values = RNG.random((3, 8))
        generator = np.random.default_rng(5)
        clips = generator.integers(8, size=(50, 8), dtype=np.int32)
        seeds = generator.integers(3, size=(50, 3))
        means = []
        for r in range(50):
            drawn = [values[seeds[r, s], clips[r, n]] for s in range(3) for n in range(8)]
            means.append(sum(drawn) / len(drawn))
        expected = np.quantile(means, [0.05, 0.95])
        assert two_way_interval(values, level=0.9, resamples=50, seed=5) == pytest.approx(tuple(expected))

    def test_seeds_that_differ_widen_it_as_much_as_they_differ(self):
        assert two_way_interval(np.array([[0.0] * 50, [1.0] * 50])) == (0, 1)
        assert two_way_interval(np.full((3, 50), 0.7)) == pytest.approx((0.7, 0.7))

    def test_covers_the_true_mean_about_as_often_as_it_says(self):
        generator, hits = np.random.default_rng(1), 0
        for _ in range(200):
            values = (generator.normal(0, 1, (12, 1)) + generator.normal(0, 1, (1, 40))
                      + generator.normal(0, 1, (12, 40)))
            low, high = two_way_interval(values, resamples=400)
            hits += low <= 0 <= high
        assert 0.86 <= hits / 200 <= 0.99

    @pytest.mark.parametrize("values", [np.zeros(5), np.zeros((0, 5)), np.array([[0.1, np.nan]])])
    def test_bad_values_are_refused(self, values):
        with pytest.raises(VscgError, match="shape"):
            two_way_interval(values)
        with pytest.raises(VscgError, match="level"):
            two_way_interval(np.zeros((1, 2)), level=95)


@pytest.mark.parametrize("paper, interval, data, profile, expected", [
    (79.7, (79, 80), "ave", "full", "agrees"), (79.7, (79.7, 80), "ave", "full", "agrees"),
    (79.7, (70, 79.6), "ave", "full", "lower"), (79.7, (79.8, 81), "ave", "full", "higher"),
    (79.7, (70, 100 * 0.1 + 69.7 - 1e-12), "ave", "full", "agrees"),
    (79.7, (79, 80), "planted", "full", "not on AVE"), (79.7, (79, 80), "ave", "quick", "not the full schedule"),
    (79.7, None, "ave", "full", "reported only"), (79.7, None, "planted", "quick", "reported only")])
def test_verdict_rule(paper, interval, data, profile, expected):
    assert verdict(paper, interval, data, profile) == expected


@pytest.mark.parametrize("paper, interval, expected", [
    (1.8, (0.2, 3), "agrees"), (-1.8, (-3, -0.2), "agrees"), (1.8, (-3, -0.2), "contradicts"),
    (-1.8, (0.2, 3), "contradicts"), (1.8, (-1, 1), "open"), (1.8, (1e-15, 1), "open"), (-1.8, (-1, 0), "open"),
    (0, (0.2, 3), "paper: equal"), (1.8, None, "not measured"), (np.nan, None, "not measured")])
def test_sign_rule(paper, interval, expected):
    assert sign(paper, interval) == expected
