"""Failures, counted: cases by hand, slow versions, agreement with the book's other intervals, and errors."""
import numpy as np
import pytest
import torch

from vscg.data.labels import BACKGROUND, CLASSES
from vscg.errors import VscgError
from vscg.models import Output
from vscg.study import failures
from vscg.training.evaluation import two_way_interval

B = BACKGROUND
TRUE = np.array([[B, 3, 3, B], [5, 5, 5, 5]])
PREDICTED = np.array([[[3, 3, 6, B], [5, 1, 1, 5]], [[B, 6, 6, 4], [1, B, 5, 5]]])        # two runs


def random_case():
    generator = np.random.default_rng(0)
    true, other = generator.integers(CLASSES, size=(40, 10)), generator.integers(CLASSES, size=(3, 40, 10))
    return np.where(generator.random(other.shape) < 0.6, true, other), true


def test_every_wrong_second_is_of_one_kind():
    kinds = failures.error_kinds(PREDICTED, TRUE)
    assert {name: of.sum(axis=(1, 2)).tolist() for name, of in kinds.items()} == {
        "missed": [0, 1], "invented": [1, 1], "misnamed": [3, 3]}
    assert list(kinds) == list(failures.KINDS)
    predicted, true = random_case()
    assert (sum(of.astype(int) for of in failures.error_kinds(predicted, true).values()) == (predicted != true)).all()


def test_confused_pairs_by_hand():
    pairs = failures.confused_pairs(PREDICTED, TRUE)
    assert pairs.values.tolist() == [[3, 6, 1.5, 1, 0.5], [5, 1, 1.5, 1, 0.5]]
    assert failures.confused_pairs(TRUE[None], TRUE).empty


def test_confused_pairs_are_sorted_and_add_up():
    predicted, true = random_case()
    pairs = failures.confused_pairs(predicted, true)
    misnamed = failures.error_kinds(predicted, true)["misnamed"].sum()
    assert pairs["seconds"].is_monotonic_decreasing and pairs["share"].sum() == pytest.approx(1)
    assert pairs["seconds"].sum() * len(predicted) == pytest.approx(misnamed)
    assert ((pairs["true"] != pairs["predicted"]) & (pairs[["true", "predicted"]] < B).all(axis=1)).all()


def test_groups_and_their_chance():
    numbers = failures.group_numbers([(1, 5), (3, 6, 4)])
    assert numbers[1] == numbers[5] != numbers[3] == numbers[6] == numbers[4] and len(set(numbers)) == 29 - 3
    where = failures.error_kinds(PREDICTED, TRUE)["misnamed"]
    # Three misnamed seconds of class 3, which has two relatives, and three of class 5, which has one.
    assert failures.group_by_chance(TRUE, where, [(1, 5), (3, 6, 4)]) == pytest.approx((3 * 2 + 3 * 1) / 6 / 27)
    assert np.isnan(failures.group_by_chance(TRUE, where & False, [(1, 5)]))


@pytest.mark.parametrize("true, distance", [
    ([B, B, 3, 3, 3, B], [-2, -1, 1, 2, 1, -1]),
    ([3, 3, 3, B, B], [3, 2, 1, -1, -2]),              # the clip's own ends are no edges
    ([3, 3, 3], [0, 0, 0]), ([B, B], [0, 0]),
    ([2, 2, 3, B], [2, 1, 1, -1]),                     # from one event to another
    ([B, 3, B, B, B], [-1, 1, -1, -2, -3])])
def test_edge_distance_by_hand(true, distance):
    assert failures.edge_distance(np.array([true])).tolist() == [distance]


def test_edge_distance_agrees_with_a_slow_version():
    generator = np.random.default_rng(1)
    true = np.where(generator.random((50, 10)) < 0.4, 3, B)
    for row, got in zip(true, failures.edge_distance(true), strict=True):
        edges = [e for e in range(9) if row[e] != row[e + 1]]
        for t in range(10):
            nearest = min((e - t + 1 if t <= e else t - e for e in edges), default=0)
            assert got[t] == (nearest if row[t] == 3 else -nearest)


def test_other_names_of_a_video():
    others = failures.other_names(["a", "b", "a", "c", "a"], np.array([1, 5, 5, 5, 1]))
    assert [np.flatnonzero(row).tolist() for row in others] == [[5], [], [1], [], [5]]


def test_shares_of_all_seconds_are_the_two_way_interval():
    predicted, true = random_case()
    right = predicted == true
    value, low, high = failures.estimate(failures.resampled_shares(right, np.ones(true.shape, bool)))
    assert value == pytest.approx(right.mean())
    assert (low, high) == pytest.approx(two_way_interval(right.mean(2)))


def test_shares_count_seconds_not_clips():
    right = np.array([[[1, 1, 1, 1], [0, 0, 0, 0]]], dtype=bool)
    where = np.array([[1, 1, 1, 0], [1, 0, 0, 0]], dtype=bool)
    assert failures.resampled_shares(right, where)[0] == 3 / 4
    # One of the two clips has no such second: resamples of that clip alone say nothing and are left out.
    some = failures.resampled_shares(right, where & [[True], [False]])
    assert np.isnan(some[1:]).any() and failures.estimate(some) == (1, 1, 1)
    assert np.isnan(failures.estimate(failures.resampled_shares(right, where & False))).all()


def test_probability_of_either_head():
    logits = torch.randn(2, 3, CLASSES)
    assert torch.equal(failures.class_probability(Output(segment_logits=logits)), logits.softmax(-1))
    relevance = torch.tensor([[0.0, 100.0]])
    category = torch.zeros(1, B)
    probability = failures.class_probability(Output(event_relevance=relevance, event_category=category))
    assert torch.allclose(probability[0, 0], torch.tensor([0.5 / B] * B + [0.5]))
    assert torch.allclose(probability[0, 1], torch.tensor([1 / B] * B + [0.0]))
    with pytest.raises(VscgError, match="neither segment logits"):
        failures.class_probability(Output(event_relevance=relevance))


CONFIDENCE = np.array([[[0.2, 0.25], [0.8, 1.0]], [[0.2, 0.25], [0.8, 1.0]]])
RIGHT = np.array([[[1, 0], [1, 1]], [[0, 0], [0, 1]]], dtype=bool)


def test_reliability_by_hand():
    frame = failures.reliability(CONFIDENCE, RIGHT)         # 0.2 and 0.25 share a bin; 1.0 has the last one
    assert frame[["confidence", "mean", "share"]].values.tolist() == [
        [pytest.approx(0.225), 0.25, 0.5], [0.8, 0.5, 0.25], [1.0, 1.0, 0.25]]
    assert frame[["mean", "low", "high"]].values.tolist() == [
        list(failures.estimate(failures.resampled_shares(RIGHT, inside)))
        for inside in (CONFIDENCE < 0.5, CONFIDENCE == 0.8, CONFIDENCE == 1)] and frame["low"][0] < frame["high"][0]


def test_calibration_error_by_hand_is_a_mean_over_seeds():
    # Seed 0: |0.5 - 0.225| / 2 + |1 - 0.9| / 2; seed 1: |0 - 0.225| / 2 + |0.5 - 0.9| / 2.
    by_hand = ((0.275 + 0.1) / 2 + (0.225 + 0.4) / 2) / 2
    errors = failures.calibration_errors(CONFIDENCE, RIGHT, bins=2, resamples=50)
    assert errors[0] == pytest.approx(by_hand) and len(errors) == 51
    pooled = (0.025 + 0.15) / 2          # the two seeds together would nearly cancel
    assert errors[0] > 2 * pooled


def test_resampled_calibration_errors_agree_with_a_slow_version():
    generator = np.random.default_rng(3)
    confidence = generator.random((2, 7, 10))
    right = generator.random(confidence.shape) < confidence
    errors = failures.calibration_errors(confidence, right, resamples=5)
    seeds, clips = failures.draws((2, 7), 5)
    for r in range(5):
        slow = []
        for s in seeds[r]:
            c, y = confidence[s][clips[r]].ravel(), right[s][clips[r]].ravel()
            bins = np.minimum((c * 10).astype(int), 9)
            slow.append(sum(abs(c[bins == b].mean() - y[bins == b].mean()) * (bins == b).mean() for b in set(bins)))
        assert errors[1 + r] == pytest.approx(np.mean(slow))


def test_calibration_interval_turns_the_resamples_around_and_stops_at_zero():
    resampled = np.append(0.1, np.linspace(0.1, 0.2, 1001))       # noise makes the resampled errors larger
    value, low, high = failures.calibration_estimate(resampled)
    assert (value, low, high) == pytest.approx((0.1, 0.2 - 0.1975, 0.2 - 0.1025))
    assert failures.calibration_estimate(np.append(0.05, np.linspace(0.1, 0.2, 11))) == (0.05, 0, 0)


def test_a_perfect_system_has_only_noise_and_less_with_more_clips():
    generator = np.random.default_rng(4)
    few, many = (failures.perfect_calibration(generator.random((1, n, 10))) for n in (30, 1000))
    assert 0 < many < few / 2


def test_confidence_is_the_answers_not_the_largest():
    probability = np.array([[[0.6, 0.4], [0.1, 0.9]]])
    assert failures.confidence_of(probability, np.array([[1, 1]])).tolist() == [[0.4, 0.9]]


NONE = np.zeros((2, 2, 2), bool)


@pytest.mark.parametrize("call, words", [
    (lambda: failures.resampled_shares(NONE[0], NONE[0]), "shares need"),
    (lambda: failures.reliability(NONE * 0.5, NONE[0]), "one shape"),
    (lambda: failures.reliability(NONE * 0.5, NONE * 1), "right bool"),
    (lambda: failures.calibration_errors(NONE + 1.5, NONE), "in 0..1"),
    (lambda: failures.calibration_errors(NONE * 0.5, NONE, bins=0), "at least one bin")])
def test_values_of_another_form_are_refused(call, words):
    with pytest.raises(VscgError, match=words):
        call()


def test_noise_of_a_perfect_system_has_one_draw_for_a_clip():
    """All say one half: the share of right answers of 50 clips lies sqrt(2/pi 0.25/50) from it on average."""
    found = failures.perfect_calibration(np.full((1, 50, 10), 0.5))
    assert found == pytest.approx((2 / np.pi * 0.25 / 50) ** 0.5, rel=0.2)
