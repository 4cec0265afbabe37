"""The figures of a clip show every second, in order, with units on the axes."""
import numpy as np

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
