"""The figures of a clip show every second, in order, with units on the axes."""
import numpy as np
from matplotlib.colors import to_hex

from vscg.plots import clips


def test_frames_shows_every_second_in_order():
    pictures = np.arange(7, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    axes = clips.frames(pictures).axes
    shown = [ax for ax in axes if ax.images]
    assert [int(ax.images[0].get_array().max()) for ax in shown] == list(range(7))
    assert [ax.get_title() for ax in shown] == [f"{t} to {t + 1} s" for t in range(7)]
    assert sum(not ax.axison for ax in axes) == 3


def test_log_mel_has_time_across_and_bands_up():
    examples = np.zeros((10, 96, 64))
    examples[4, :, 20] = 1
    ax = clips.log_mel(examples).axes[0]
    image = ax.images[0]
    assert image.get_extent() == [0, 9.6, 0, 64] and image.origin == "lower"
    rows, columns = np.nonzero(image.get_array())
    assert set(rows) == {20} and columns.min() == 4 * 96 and columns.max() == 5 * 96 - 1
    assert [line.get_xdata()[0] for line in ax.lines] == [0.96 * edge for edge in range(1, 10)]
    assert "(s)" in ax.get_xlabel() and "Hz" in ax.get_ylabel()


def outlines(ax):
    """The cells' borders that are drawn in an axes: colour -> segments."""
    return {to_hex(lines.get_color()[0]): {tuple(map(tuple, segment)) for segment in lines.get_segments()}
            for lines in ax.collections}


def test_frames_outline_the_source_in_white_and_what_is_silent_in_black():
    source, silent = np.zeros((2, 2, 7, 7), bool)
    source[0, 1, 2] = silent[1, 3, 3] = True
    first, second = (ax for ax in clips.frames(np.zeros((2, 224, 224, 3), np.uint8), source, silent).axes if ax.images)
    assert first.images[0].get_extent() == [-0.5, 6.5, 6.5, -0.5]
    assert len(outlines(first)["#ffffff"]) == 4 and ((1.5, 0.5), (2.5, 0.5)) in outlines(first)["#ffffff"]
    assert not outlines(second)["#ffffff"] and len(first.collections) == 3


def test_photographs_stand_under_their_names():
    pictures = [np.full((4, 4, 3), value, np.uint8) for value in range(14)]
    axes = clips.photographs(pictures, [f"sea_{value}" for value in range(14)]).axes
    assert [ax.get_title() for ax in axes] == [f"sea {value}" for value in range(14)]
    assert [int(ax.images[0].get_array().max()) for ax in axes] == list(range(14))
    assert clips.photographs(pictures[:7], ["hippopotamus"] * 7).axes[0].get_title() == "hippo-\npotamus"


def test_attention_lies_over_the_pictures_of_its_own_seconds():
    maps = np.random.default_rng(0).random((3, 7, 7))
    pictures = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.full((1, 8, 8, 3), 50, np.uint8)
    axes = [ax for ax in clips.attention_of_systems({"A": maps}, pictures=pictures, first=4).axes if ax.images]
    assert [ax.get_title() for ax in axes] == ["4", "5", "6"]
    for t, ax in enumerate(axes):
        under, over = ax.images
        assert under.get_extent() == [-0.5, 6.5, 6.5, -0.5] and int(under.get_array().max()) == 50 * t
        np.testing.assert_allclose(over.get_array(), maps[t] / maps[t].max())
        np.testing.assert_allclose(over.get_alpha(), 0.7 * maps[t] / maps[t].max())
