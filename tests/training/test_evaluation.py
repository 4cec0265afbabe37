"""Metrics: by hand, against loop-written versions, and on the real AVE split where it is there."""
import json
from itertools import groupby

import numpy as np
import pytest

from vscg.errors import VscgError
from vscg.training import evaluation as ev

BG = 28
# Two clips of five seconds. Clip 0: class 3 on 0..3, half found, one second called 4. Clip 1: class 5 on 1..2.
TRUE = np.array([[3, 3, 3, 3, BG], [BG, 5, 5, BG, BG]])
PREDICTED = np.array([[3, 3, 4, BG, BG], [BG, 5, 5, 5, BG]])


def random_pair(seed, clips=40, agree=0.6):
    rng, classes = np.random.default_rng(seed), (0, 1, BG)
    true = np.repeat(rng.choice(classes, (clips, 5)), 2, axis=1)
    return np.where(rng.random(true.shape) < agree, true, rng.choice(classes, true.shape)), true


def test_accuracies_by_hand():
    assert ev.clip_accuracy(PREDICTED, TRUE).tolist() == [3 / 5, 4 / 5]
    assert ev.segment_accuracy(PREDICTED, TRUE) == pytest.approx(7 / 10)
    assert ev.event_accuracy(PREDICTED, TRUE) == pytest.approx(4 / 6)
    assert ev.background_accuracy(PREDICTED, TRUE) == pytest.approx(3 / 4)
    per_class = ev.class_accuracy(PREDICTED, TRUE)
    assert (per_class[3], per_class[5], per_class[BG]) == (2 / 4, 1.0, 3 / 4)
    assert np.flatnonzero(~np.isnan(per_class)).tolist() == [3, 5, BG]  # class 4 is predicted, never true
    counts = ev.confusion_matrix(PREDICTED, TRUE)
    assert counts.shape == (29, 29) and counts.sum() == 10
    cells = {(3, 3): 2, (3, 4): 1, (3, BG): 1, (5, 5): 2, (BG, 5): 1, (BG, BG): 3}
    assert {tuple(cell): counts[tuple(cell)] for cell in np.argwhere(counts).tolist()} == cells
    assert np.isnan(ev.event_accuracy([[BG, BG]], [[BG, BG]])) and np.isnan(ev.background_accuracy([[1, 1]], [[1, 1]]))


def test_event_f1_by_hand():
    # Claimed: 3 on [0,2), overlap 1/2 with [0,4); 4 alone; 5 on [1,4), overlap 2/3 with [1,3). Wanted: 3 and 5.
    assert ev.event_f1(PREDICTED, TRUE) == pytest.approx({"precision": 2 / 3, "recall": 1.0, "f1": 4 / 5})
    # Just below a half, 2/5 and 3/7, nothing matches.
    assert ev.event_f1([[1, 1, BG, BG, BG]], [[1] * 5])["f1"] == ev.event_f1([[1] * 7], [[1] * 3 + [BG] * 4])["f1"] == 0
    # One long claim over two true events is matched once; the class and the clip must both agree.
    assert ev.event_f1([[1] * 5], [[1, 1, 1, BG, 1]]) == pytest.approx({"precision": 1.0, "recall": 1 / 2, "f1": 2 / 3})
    assert ev.event_f1([[1, 1], [BG, BG]], [[BG, BG], [1, 1]])["f1"] == 0
    none, some = [[BG, BG]], [[1, BG]]
    assert [set(ev.event_f1(*pair).values()) for pair in ((none, none), (some, none), (none, some))] == [{1}, {0}, {0}]


def slow_event_f1(predicted, true):
    """Events as sets of (clip, class, seconds); at each step the best pair left over is removed from both sides."""
    def events(rows):
        found = []
        for clip, row in enumerate(rows):
            for c, run in groupby(enumerate(row), key=lambda pair: pair[1]):
                if c != BG:
                    found.append((clip, c, frozenset(t for t, _ in run)))
        return found

    claimed, wanted, matched = events(predicted), events(true), 0
    sizes = len(claimed), len(wanted)
    while True:
        pairs = [(len(a[2] & b[2]) / len(a[2] | b[2]), -min(a[2]), -min(b[2]), a, b)
                 for a in claimed for b in wanted if a[:2] == b[:2]]
        best = max(pairs, key=lambda pair: pair[:3], default=None)
        if best is None or best[0] < 0.5:
            return matched / sizes[0], matched / sizes[1], 2 * matched / sum(sizes)
        claimed.remove(best[3])
        wanted.remove(best[4])
        matched += 1


@pytest.mark.parametrize("agree", [0.5, 0.7, 0.8])
def test_event_f1_agrees_with_loops(agree):
    for seed in range(5):
        predicted, true = random_pair(seed, clips=12, agree=agree)
        fast = ev.event_f1(predicted, true)
        assert tuple(fast.values()) == pytest.approx(slow_event_f1(predicted, true))
        assert 0 < fast["f1"] < 1
        assert ev.event_f1(true, true)["f1"] == 1


def test_bootstrap_agrees_with_loop():
    values = np.random.default_rng(1).random(30)
    draws = np.random.default_rng(0).integers(30, size=(2000, 30), dtype=np.int32)
    slow = [sum(values[i] for i in row) / 30 for row in draws]
    assert ev.bootstrap_interval(values) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))
    assert ev.bootstrap_interval([0.5] * 4) == (0.5, 0.5)


def test_bootstrap_is_as_wide_as_the_spread_between_clips_asks_for():
    """400 simulated test sets of 80 clips; segments taken as independent would promise too much."""
    rng = np.random.default_rng(3)
    sets = rng.binomial(10, rng.beta(7, 3, (400, 80))) / 10
    intervals = np.array([ev.bootstrap_interval(clips) for clips in sets])
    assert 0.91 <= ((intervals[:, 0] <= 0.7) & (0.7 <= intervals[:, 1])).mean() <= 0.98
    assert np.diff(intervals).mean() == pytest.approx(2 * 1.96 * sets.std(axis=1).mean() / np.sqrt(80), rel=0.05)


class TestTwoWayInterval:
    def test_agrees_with_the_loop_that_draws_seeds_and_clips(self):
        values = np.random.default_rng(0).random((3, 8))
        generator = np.random.default_rng(0)
        clips = generator.integers(8, size=(2000, 8), dtype=np.int32)
        seeds = generator.integers(3, size=(2000, 3))
        means = []
        for r in range(2000):
            drawn = [values[seeds[r, s], clips[r, n]] for s in range(3) for n in range(8)]
            means.append(sum(drawn) / len(drawn))
        assert ev.two_way_interval(values) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))

    def test_seeds_that_differ_widen_it_as_much_as_they_differ(self):
        assert ev.two_way_interval(np.array([[0.0] * 50, [1.0] * 50])) == (0, 1)
        assert ev.two_way_interval(np.full((3, 50), 0.7)) == pytest.approx((0.7, 0.7))

    def test_covers_the_true_mean_about_as_often_as_it_says(self):
        generator, hits = np.random.default_rng(1), 0
        for _ in range(200):
            values = (generator.normal(0, 1, (12, 1)) + generator.normal(0, 1, (1, 40))
                      + generator.normal(0, 1, (12, 40)))
            low, high = ev.two_way_interval(values)
            hits += low <= 0 <= high
        assert 0.86 <= hits / 200 <= 0.99

    @pytest.mark.parametrize("values", [np.zeros(5), np.zeros((0, 5)), np.array([[0.1, np.nan]])])
    def test_bad_values_are_refused(self, values):
        with pytest.raises(VscgError, match="shape"):
            ev.two_way_interval(values)


def test_paired_difference():
    rng = np.random.default_rng(0)
    shared = rng.random(200)
    a, b = shared + 0.02 + 0.01 * rng.standard_normal(200), shared
    mean, low, high = ev.paired_difference(a, b)
    assert mean == pytest.approx(np.mean(a - b)) and low < mean < high
    assert (low, high) == ev.bootstrap_interval(a - b)
    assert low > 0 and ev.bootstrap_interval(a)[0] < b.mean()  # only the pairing shows so small a difference
    assert ev.paired_difference(b, a)[0] == pytest.approx(-mean)
    with pytest.raises(VscgError, match="same clips"):
        ev.paired_difference(a, b[1:])


def test_summary_is_json_ready():
    summary = ev.summarise(PREDICTED, TRUE)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["accuracy"] == pytest.approx(0.7) and summary["accuracy_interval"] == pytest.approx([0.6, 0.8])
    assert summary["event_f1"]["recall"] == 1.0
    assert len(summary["class_accuracy"]) == 29 and summary["class_accuracy"][4] is None
    assert ev.summarise([[BG]], [[BG]])["event_accuracy"] is None


def test_learnt_windows_by_hand_and_by_search():
    # Class 2: one event on [1,3), one on [0,2).
    true = np.array([[BG, 2, 2], [2, 2, BG], [4, 4, 4], [BG, BG, BG]])
    windows = ev.learnt_windows(true, np.array([2, 2, 4, 7]))
    assert windows[2].tolist() == [0, 3]  # [1,2), [0,2), [1,3) and [0,3) are right on 4 of 6: the longest wins
    assert windows[4].tolist() == [0, 3] and windows[7].tolist() == [0, 0] and windows[9].tolist() == [0, 3]
    rng = np.random.default_rng(0)
    category = rng.integers(28, size=300)
    start = rng.integers(5, size=300)[:, None]
    second = np.arange(10)
    true = np.where((second >= start) & (second < start + category[:, None] % 4 + 2), category[:, None], BG)
    windows = ev.learnt_windows(true, category)
    for c in (0, 1, 13):
        rows = true[category == c]

        def right(s, e, rows=rows, c=c):
            return sum(int(value == (c if s <= t < e else BG)) for row in rows for t, value in enumerate(row))
        assert right(*windows[c]) == max(right(s, e) for s in range(10) for e in range(s, 11))


def test_baselines_by_hand():
    one_hot = np.eye(29)
    train, test = one_hot[[[3, 3, 3, BG], [3, 3, BG, BG]]], one_hot[[[3, 3, 3, 3], [BG, 3, BG, BG]]]
    table = ev.trivial_baselines(train, test, np.array([3, 3]), np.array([3, 3])).set_index("name")
    assert list(table.columns) == ["accuracy", "low", "high"]
    # Learnt window [0,3): 3 of 4 and 2 of 4 right. Duration at the start: [0,4) all right, [0,1) 2 of 4.
    assert table["accuracy"].tolist() == pytest.approx([3 / 8, 5 / 8, 5 / 8, 6 / 8])
    assert ((table["low"] <= table["accuracy"]) & (table["accuracy"] <= table["high"])).all()


def test_baselines_on_ave(ave_small):
    import h5py

    from vscg.data.labels import labels_from_annotations, read_annotations
    annotations = read_annotations(ave_small / "Annotations.txt")
    labels = labels_from_annotations(annotations)
    rows = {}
    for split in ("train", "test"):
        with h5py.File(ave_small / f"{split}_order.h5") as file:
            rows[split] = file["order"][:]
    train, test = rows["train"], rows["test"]
    table = ev.trivial_baselines(labels[train], labels[test], annotations.category[train], annotations.category[test])
    assert (100 * table["accuracy"]).round(1).tolist() == [17.8, 82.2, 81.4, 86.9]
    half_width = (table["high"] - table["low"])[1] / 2
    assert half_width / 1.96 == pytest.approx(0.014, abs=0.001)  # the standard error on 402 clips


@pytest.mark.parametrize(("predicted", "true", "message"), [
    ([[1, 2]], [[1]], "one shape"),
    ([1, 2], [1, 2], "clips, segments"),
    ([[1.0]], [[1]], "integer"),
    (np.zeros((0, 10), int), np.zeros((0, 10), int), "non-empty"),
    ([[0], [29]], [[0], [0]], "predicted has a class outside 0..28 in clip 1"),
])
def test_bad_arrays_are_named(predicted, true, message):
    with pytest.raises(VscgError, match=message):
        ev.segment_accuracy(predicted, true)
