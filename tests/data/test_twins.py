"""The clips of planted-study and planted: what is drawn is what the module's first lines say."""
from dataclasses import replace

import numpy as np
import pytest

from vscg.data import BACKGROUND, EVENT_CLASSES, planted, twins
from vscg.data.labels import GROUPS
from vscg.data.prepared import read_prepared

DIALS = planted.SIZES["study"]
LOOKS = twins.Prototypes.draw(0)
# Nothing but the object itself, with all its evidence in every second.
BARE = replace(DIALS, ambiguity=0.0, faint=0.0, group=0.0, room=0.0, instance=0.0, audio_noise=0.0, audio_cut=-9.0,
               audio_scale=1.0, visual_noise=0.0, distractor=0.0)


def clips(count, category, start=0, end=10, dials=DIALS, seed=0):
    return [twins.make_clip(np.random.default_rng([seed, 2, row]), LOOKS, dials, category, start, end)
            for row in range(count)]


def amount(x, *directions):
    """Least squares of x (...,D) on directions (D,) each: (...,K)."""
    return x @ np.linalg.pinv(np.stack(directions))


def test_26_classes_are_twins_two_and_two_within_their_group():
    assert sorted(c for kind in twins.TWINS for c in kind) == list(range(EVENT_CLASSES))
    assert [len(kind) for kind in twins.TWINS].count(2) == 13 and [len(kind) for kind in twins.TWINS].count(1) == 2
    for kind in twins.TWINS:
        assert any(set(kind) <= set(members) for members in GROUPS)
        assert [twins.SIGN[c] for c in kind] == [1, -1][:len(kind)]


@pytest.mark.parametrize("first, second", [kind for kind in twins.TWINS if len(kind) == 2][::4])
def test_only_the_pairing_of_sound_and_look_tells_twins_apart(first, second):
    """The manners' amounts: their product has the twin's sign; either alone comes in both signs for both."""
    for twin, sign in ((first, 1), (second, -1)):
        heard, seen = [], []
        for clip in clips(60, twin, dials=BARE):
            kind, manner = amount(clip["audio"][5] - 9.0, LOOKS.kind_audio[twins.KIND_OF[twin]], LOOKS.manner_audio[0])
            assert kind == pytest.approx(1, abs=1e-3) and abs(manner) == pytest.approx(DIALS.manner, abs=1e-3)
            heard.append(np.sign(manner))
            # The picture is cut at 0.8: the correlation with the direction has its sign all the same.
            centre = clip["visual"][5].reshape(49, -1)[clip["source_mask"][5].ravel()].astype(float).mean(0)
            seen.append(np.sign(np.corrcoef(centre, LOOKS.manner_visual[0])[0, 1]))
        assert (np.array(heard) * np.array(seen) == sign).mean() > 0.95
        assert 0.4 < np.mean(np.array(heard) == sign) < 0.8          # the dial `lean` is 0.6
        assert {-1, 1} == set(heard) == set(seen)


@pytest.mark.parametrize("changes", [{}, {"ambiguity": 0.8, "dynamics": 1.0}])
def test_the_evidence_without_features_is_that_of_the_clips(changes):
    evidence, event = planted.true_evidence("study", 3, **changes), planted.true_classes("study") != BACKGROUND
    rows = np.flatnonzero(planted.layout_of(DIALS, 3)["split"] == "test")
    assert evidence.shape == (len(rows), 2, 10) and not evidence.transpose(0, 2, 1)[~event].any()
    for clip in (0, 3, 500, 999):
        made = planted.redraw(replace(DIALS, **changes), 3, int(rows[clip]))
        for modality, found in zip(("audio", "visual"), evidence[clip], strict=True):
            assert np.array_equal(found[event[clip]], made[f"{modality}_evidence"][event[clip]])
    assert event[[0, 3, 500, 999]].any(1).all() and (evidence[event.any(1)].max(2) > 0.1).all()


def test_how_often_and_how_clearly_seconds_show_their_class():
    found = clips(300, 4)
    strong = np.concatenate([clip["audio_evidence"] for clip in found])
    # One second of ten is strong in any case, and a weak one has at most `weakest` of it.
    assert (strong > DIALS.weakest).mean() == pytest.approx(1 - 0.9 * DIALS.ambiguity, abs=0.04)
    clear = np.array([clip["visual_evidence"].max() for clip in found])
    assert {round(float(value), 6) for value in clear} == {1.0, DIALS.clarity}
    assert (clear < 1).mean() == pytest.approx(DIALS.faint, abs=0.08)


def test_dynamics_bring_bursts_at_the_time_of_the_class():
    def seconds(dynamics):
        found = clips(400, 4, dials=replace(DIALS, dynamics=dynamics, faint=0.0))
        return np.stack([clip["audio_evidence"] > DIALS.weakest for clip in found]).astype(float)

    calm, bursts = seconds(0.0), seconds(1.0)
    assert abs(np.corrcoef(calm[:, 4], calm[:, 5])[0, 1]) < 0.15 < 0.5 < np.corrcoef(bursts[:, 4], bursts[:, 5])[0, 1]
    # What stays with 0.8 follows the envelope 1.5 seconds later, at a third of its height.
    latest = np.angle((bursts.mean(0) * np.exp(2j * np.pi * np.arange(0.5, 10) / 10)).sum()) * 10 / (2 * np.pi)
    assert abs((latest - 10 * LOOKS.peaks[4] - 1.5 + 5) % 10 - 5) < 0.7
    assert np.ptp(calm.mean(0)) < 0.15 < 0.3 < np.ptp(bursts.mean(0)) < 0.5


@pytest.mark.parametrize("start, end", [(0, 10), (3, 8), (0, 2)])
def test_an_event_is_what_is_heard_and_seen(start, end):
    for clip in clips(40, 9, start, end):
        event = np.isin(np.arange(10), np.arange(start, end))
        assert (clip["heard"][event] & clip["seen"][event]).all() and not (clip["heard"] & clip["seen"])[~event].any()
        assert np.array_equal(clip["source_mask"].any((1, 2)), clip["seen"])
        assert not clip["audio_evidence"][~clip["heard"]].any() and not clip["visual_evidence"][~clip["seen"]].any()
        assert clip["audio"].min() >= 0 and clip["visual"].min() >= 0 and clip["visual"].dtype == np.float16


def test_a_silent_object_of_another_group_is_there_and_has_no_manner():
    there = [clip["silent_mask"].any() for clip in clips(400, 9)]
    assert np.mean(there) == pytest.approx(DIALS.distractor, abs=0.08)
    own = twins.GROUP_OF[9]
    manners = []
    for clip in clips(60, BACKGROUND, 0, 0, replace(BARE, distractor=1.0, group=1.0)):
        alone = clip["visual"][clip["silent_mask"] & ~clip["seen"][:, None, None]].astype(float)
        if not len(alone):
            continue
        amounts = np.corrcoef(alone.mean(0), np.concatenate([LOOKS.group_visual, LOOKS.manner_visual]))[0, 1:]
        assert amounts[:7].max() > 0.2
        manners.append(amounts[7])
    assert len(manners) > 30 and abs(np.mean(manners)) < 0.05 and np.ptp(manners) < 0.3
    shown = clips(60, 9, dials=replace(BARE, distractor=1.0, group=1.0))
    groups = [np.corrcoef(clip["visual"][clip["silent_mask"] & ~clip["source_mask"]].astype(float).mean(0),
                          LOOKS.group_visual)[0, 1:].argmax() for clip in shown]
    assert own not in groups


def test_the_sound_has_the_statistics_of_real_background_clips():
    """Of AVE's 178 background clips: 65.3% zeros, mean 0.122, spread 0.262, 53.3% of the variance between clips."""
    audio = np.stack([clip["audio"] for clip in clips(128, BACKGROUND, 0, 0)])
    found = (audio == 0).mean(), audio.mean(), audio.std(), audio.mean(1).var(0).sum() / audio.var((0, 1)).sum()
    assert found == pytest.approx((0.653, 0.122, 0.262, 0.533), abs=0.05)


def test_labels_are_the_same_for_all_seeds_and_clips_are_not(tmp_path):
    few = {"train": 6, "val": 3, "test": 30, "background": 2}
    first, second = (read_prepared(planted.generate(tmp_path / f"{seed}.h5", size="study", seed=seed,
                                                    **few)) for seed in (0, 1))
    assert np.array_equal(first.labels, second.labels) and first.name == "planted-study"
    assert first.fingerprint != second.fingerprint and not np.array_equal(first.audio, second.audio)
    assert first.truth["silent_mask"].shape == first.truth["source_mask"].shape == (41, 10, 7, 7)
    assert first.fingerprint == planted.fingerprint("study", 0, replace(DIALS, **few))
