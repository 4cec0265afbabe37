"""The film of a planted clip: its pictures and its beeps come from the truth, second by second."""
import functools

import numpy as np
from matplotlib.colors import to_hex

from vscg import plots
from vscg.data.labels import BACKGROUND
from vscg.plots import beeps, film, scene

RATE = 4
TRUTH = np.array([BACKGROUND] * 2 + [6] * 3 + [BACKGROUND] * 5)


def clip() -> dict[str, np.ndarray]:
    mask = np.zeros((10, 7, 7), bool)
    mask[:5, 2:4, 1:3] = True
    return {"truth": TRUTH, "source_mask": mask, "heard": TRUTH == 6, "seen": mask.any((1, 2)),
            "visual_evidence": np.where(np.arange(10) == 3, 0.0, 1.0) * mask.any((1, 2))}


def shown(said: np.ndarray, silent: np.ndarray | None = None) -> np.ndarray:
    silent = np.zeros((7, 7), bool) if silent is None else silent
    even = np.full((10, 7, 7), 1 / 49)
    return film(clip(), silent, {"VSCG": even, "CMRA": even}, {"VSCG": said, "CMRA": TRUTH}, RATE).astype(int)


@functools.cache
def right() -> np.ndarray:
    return shown(TRUTH)


def test_every_picture_has_a_hand_and_within_a_second_nothing_else_moves():
    pictures = right()
    assert pictures.shape == (10 * RATE, 464, 640, 3)
    for t in range(10):
        moved = (pictures[t * RATE] != pictures[t * RATE + 1]).any((0, 2))
        assert 3 <= moved.sum() <= 6
    hands = [np.flatnonzero((picture[300:400] == 0).all((0, 2))) for picture in pictures]
    assert all(len(hand) == 3 for hand in hands) and (np.diff([hand[0] for hand in hands]) > 0).all()


def test_the_disc_the_diamond_and_the_answers_follow_the_truth():
    pictures = right()
    seen, faint, gone = (pictures[t * RATE, 40:220, 90:260] for t in (2, 3, 6))
    assert (seen != faint).any() and (faint != gone).any() and (pictures[0, 40:220, 90:260] == seen).all()
    silent = np.zeros((7, 7), bool)
    silent[5:, 5:] = True
    assert (shown(TRUTH, silent)[6 * RATE, 40:220, 90:260] != gone).any()
    wrong = np.full(10, BACKGROUND)
    differs = (pictures[-1] != shown(wrong)[-1]).any(2)
    rows, columns = np.nonzero(differs)
    assert differs.any() and rows.min() > 232, "another answer changes the seconds and no picture"
    assert 180 < columns.min() and columns.max() < 380, "the three seconds that are wrong now"


def test_a_beep_sounds_where_the_object_is_heard_of_its_class_and_fainter_without_evidence():
    rate, evidence = 16_000, np.where(np.arange(10) == 3, 0.0, 1.0)
    sound = beeps(TRUTH == 6, evidence, 12, rate).reshape(10, rate)
    loud = np.abs(sound).max(1)
    assert (loud > 0).tolist() == (TRUTH == 6).tolist() and loud.max() <= 0.5
    assert np.isclose(loud[3] / loud[2], 0.3)
    spectrum = np.abs(np.fft.rfft(sound[2]))
    assert spectrum.argmax() == 440, "an octave above class 0"
    assert sound[:, 0].max() == 0 and sound[:, -1].max() == 0, "no clicks between seconds"


def test_a_moment_says_what_is_heard_seen_looked_at_and_answered():
    looks, wrong = np.random.default_rng(0).random((10, 7, 7)), np.full(10, BACKGROUND)
    fig, strip = scene._moment(clip(), np.zeros((7, 7), bool), {"VSCG": looks}, {"VSCG": wrong}, 1)
    left, right, _ = fig.axes
    assert left.get_title() == "drawn: seen"
    assert np.allclose(right.images[0].get_array(), looks[1] / looks[1].max())
    heard, seen, truth, said = ([to_hex(bar.get_facecolor()) for bar in bars] for bars in strip.containers)
    event = (TRUTH == 6).tolist()
    assert [colour == plots.COLOURS["audio"] for colour in heard] == event
    assert [colour == plots.COLOURS["visual"] for colour in seen] == clip()["seen"].tolist()
    assert truth == [plots.COLOURS["fused"] if one else plots.LIGHT for one in event]
    assert said == [plots.MARK if one else plots.LIGHT for one in event]
