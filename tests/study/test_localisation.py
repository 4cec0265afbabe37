"""Localisation scores: cases by hand, ties, closed forms of chance, swapped sounds, and what stops with an error."""
from itertools import product

import numpy as np
import pytest
import torch

from vscg.data.labels import BACKGROUND, CLASSES
from vscg.data.planted import bump
from vscg.data.prepared import Dataset
from vscg.errors import VscgError
from vscg.models import Output
from vscg.study import localisation as loc

RNG = np.random.default_rng(0)


def one(regions):
    """A map or mask (1,1,H,W) from nested lists."""
    return np.array(regions)[None, None]


def case(clips=4, seconds=10):
    """Random maps, masks of 1 to 9 regions, and the seconds that count: none in clip 0."""
    maps = RNG.dirichlet(np.ones(49), (clips, seconds)).reshape(clips, seconds, 7, 7)
    mask = np.zeros(maps.shape, dtype=bool)
    for clip, second in np.ndindex(clips, seconds):
        mask[clip, second].flat[RNG.choice(49, RNG.integers(1, 10), replace=False)] = True
    scored = RNG.random((clips, seconds)) < 0.6
    scored[0], scored[1:, 0] = False, True
    return maps, mask, scored


MASK = one([[True, False, False], [True, False, False], [False, False, False]])


def test_scores_of_one_map_by_hand():
    maps = one([[0.4, 0.25, 0.0], [0.1, 0.05, 0.05], [0.05, 0.05, 0.05]])
    assert loc.pointing(maps, MASK).item() == 1
    assert loc.iou(maps, MASK).item() == 1 / 3              # of 0.4 and 0.25, of which one lies in the mask of two
    assert loc.iou(maps, MASK, 0.25).item() == 2 / 3
    assert loc.iou(maps, MASK, 1).item() == 1 / 2
    # 0.4 beats all seven others; 0.1 beats all but the 0.25.
    assert loc.roc_auc(maps, MASK).item() == pytest.approx((7 + 6) / 14)


def test_equally_large_regions_share_the_point_and_count_half():
    maps = one([[0.3, 0.3, 0.0], [0.1, 0.1, 0.0], [0.1, 0.1, 0.0]])
    assert loc.pointing(maps, MASK).item() == 1 / 2
    assert loc.roc_auc(maps, MASK).item() == pytest.approx((6 + 0.5 + 3 + 3 / 2) / 14)


def test_scores_agree_with_a_slow_version():
    maps, mask, scored = case()
    slow = {name: [] for name in loc.SCORES}
    for clip in np.flatnonzero(scored.any(1)):
        of = {name: [] for name in loc.SCORES}
        for second in np.flatnonzero(scored[clip]):
            a, m = maps[clip, second].ravel(), mask[clip, second].ravel()
            claimed, true = set(np.flatnonzero(a >= a.max() / 2)), set(np.flatnonzero(m))
            overlap = len(claimed & true) / len(claimed | true)
            of["pointing"].append(m[a.argmax()])
            of["iou"].append(overlap)
            of["success"].append(overlap >= 0.5)
            of["roc_auc"].append(np.mean([x > y for x, y in product(a[m], a[~m])]))
        for name in of:
            slow[name].append(np.mean(of[name]))
    found = loc.scores(maps, mask, scored)
    assert all(np.allclose(found[name], slow[name]) for name in loc.SCORES)
    assert len(found["iou"]) == 3                           # the clip without a scored second is left out


def test_chance_is_what_an_even_map_gets_and_what_random_maps_point():
    _, mask, scored = case()
    even, expected = loc.scores(np.full(mask.shape, 1 / 49), mask, scored), loc.chance(mask, scored)
    assert all(np.allclose(even[name], expected[name]) for name in loc.SCORES)
    drawn = [loc.scores(RNG.random(mask.shape), mask, scored) for _ in range(300)]
    for name in ("pointing", "roc_auc"):
        assert np.mean([d[name].mean() for d in drawn]) == pytest.approx(expected[name].mean(), abs=0.02)


def test_area_under_the_success_curve_is_the_mean_iou_but_for_its_steps():
    maps, mask, _ = case(20)
    overlap = loc.iou(maps, mask)
    area = loc.success_area(overlap)
    assert area.shape == overlap.shape and np.abs(area - overlap).max() <= 0.025 + 1e-9
    share = [(overlap >= at).mean() for at in np.linspace(0, 1, 21)]
    assert area.mean() == pytest.approx(np.trapezoid(share, dx=0.05))
    assert loc.success_area(np.array([[0.0, 1.0, np.nan]])).tolist()[0][:2] == pytest.approx([0.025, 1.0])


def test_a_second_without_object_has_no_score_and_does_not_count():
    maps, mask, scored = case()
    before = loc.scores(maps, mask, scored)
    mask[~scored] = False
    assert np.isnan(loc.pointing(maps, mask)[~scored]).all() and np.isnan(loc.roc_auc(maps, mask)[~scored]).all()
    assert np.isnan(loc.success(loc.iou(maps, mask)))[~scored].all()
    assert all(np.array_equal(before[name], after) for name, after in loc.scores(maps, mask, scored).items())


def test_only_seconds_that_are_heard_and_seen_are_scored():
    labels = np.eye(CLASSES)[[[BACKGROUND, BACKGROUND, 3, 3]]]
    mask = np.zeros((1, 4, 7, 7), dtype=bool)
    mask[0, 1:3, 2, 2] = True                               # second 1: seen, not heard; second 3: no region
    assert loc.scored_seconds(labels, mask).tolist() == [[False, False, True, False]]


def test_centre_prior_is_a_round_bump_that_fits_an_object_in_the_middle():
    prior = loc.centre_prior()
    assert prior.sum() == pytest.approx(1) and prior.argmax() == 24
    assert np.allclose(prior, prior.T) and np.allclose(prior, prior[::-1])
    assert prior[3, 4] / prior[3, 3] == pytest.approx(np.exp(-0.5 / 1.75**2))
    middle, corner = (one(bump(np.array(at)) > 0.4) for at in ((3, 3), (0.5, 0.5)))
    scored = np.ones((1, 1), dtype=bool)
    at_middle, at_corner = (loc.scores(one(prior), mask, scored) for mask in (middle, corner))
    assert at_middle["pointing"] == 1 and at_middle["roc_auc"] == 1 and at_middle["iou"] > 0.5
    assert at_corner["pointing"] == 0 and at_corner["roc_auc"] < 0.5


def test_other_clip_is_of_another_class_and_each_is_used_once():
    category = RNG.permutation(np.repeat([0, 1, 2, 28], [1, 5, 3, 9]))      # the largest class holds just a half
    drawn = {seed: loc.other_clip(category, seed) for seed in (0, 1)}
    for other in drawn.values():
        assert sorted(other) == list(range(18)) and (category[other] != category).all()
    assert not np.array_equal(drawn[0], drawn[1]) and np.array_equal(drawn[0], loc.other_clip(category, 0))
    with pytest.raises(VscgError, match="class 7 holds more than half of the 3 clips"):
        loc.other_clip(np.array([7, 7, 1]))


class Loud(torch.nn.Module):
    """Attention that says which sound and which picture came in."""

    def forward(self, audio, visual):
        attention = torch.zeros(*visual.shape[:4])
        attention[..., 0, 0], attention[..., 0, 1] = audio[..., 0], visual[..., 0, 0, 0]
        return Output(attention=attention)


class Blind(torch.nn.Module):
    def forward(self, audio, visual):
        return Output()


def test_attention_comes_from_the_asked_pictures_and_sounds(tmp_path):
    clips = np.arange(6, dtype=np.float32)
    audio = np.tile(clips[:, None, None], (1, 10, 128))
    visual = np.tile(clips[:, None, None, None, None], (1, 10, 7, 7, 512)).astype(np.float16)
    data = Dataset("toy", "0", tmp_path, visual, audio, np.zeros((6, 10, 29), np.uint8), None, {}, ())
    rows, sounds = np.tile([5, 1, 2], 25), np.tile([0, 4, 3], 25)                   # more than are done at a time
    own, swapped = loc.attention_of(Loud(), data, rows), loc.attention_of(Loud(), data, rows, sounds)
    assert own.shape == (75, 10, 7, 7) and own[:, 0, 0, :2].tolist() == [[5, 5], [1, 1], [2, 2]] * 25
    assert swapped[:, 9, 0, :2].tolist() == [[0, 5], [4, 1], [3, 2]] * 25
    with pytest.raises(VscgError, match="Blind has no attention"):
        loc.attention_of(Blind(), data, rows)


def test_faults_stop_with_one_clear_error():
    maps, mask, scored = case()
    with pytest.raises(VscgError, match="one shape"):
        loc.pointing(maps[:2], mask)
    with pytest.raises(VscgError, match="no second is scored"):
        loc.scores(maps, mask, np.zeros_like(scored))
    for bad in (-1, np.nan):
        wrong = maps.copy()
        wrong[2, 3, 4, 5] = bad
        with pytest.raises(VscgError, match="clip 2 has a map"):
            loc.iou(wrong, mask)
    mask[1, 0] = False
    with pytest.raises(VscgError, match="second 0 of clip 1 cannot be scored"):
        loc.scores(maps, mask, scored)


def test_no_score_depends_on_the_maps_level():
    maps, mask, scored = case()
    plain, scaled = loc.scores(maps, mask, scored), loc.scores(maps * 8, mask, scored)
    assert all(np.allclose(plain[name], scaled[name]) for name in loc.SCORES)


def test_a_map_that_is_the_mask_is_right_and_its_opposite_is_wrong():
    _, mask, scored = case()
    assert {float(value) for values in loc.scores(mask * 1.0, mask, scored).values() for value in values} == {1.0}
    assert {float(value) for values in loc.scores(~mask * 1.0, mask, scored).values() for value in values} == {0.0}


@pytest.mark.parametrize("threshold", [0, 1.5])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(VscgError, match="above 0"):
        loc.iou(np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2), bool), threshold)


def test_attention_of_a_model_of_one_modality_is_given_that_alone(tmp_path):
    clips = np.arange(1, 4, dtype=np.float32)
    data = Dataset("toy", "0", tmp_path, np.tile(clips[:, None, None, None, None], (1, 10, 7, 7, 512)),
                   np.tile(clips[:, None, None], (1, 10, 128)), np.zeros((3, 10, 29), np.uint8), None, {}, ())
    for modality, expected in (("audio", [[1, 0], [2, 0], [3, 0]]), ("visual", [[0, 1], [0, 2], [0, 3]])):
        found = loc.attention_of(Loud(), data, np.arange(3), modality=modality)
        assert found[:, 0, 0, :2].tolist() == expected
