"""Figures of speed: what they draw, and their labels."""
import pandas as pd

from vscg.plots.speed import growth_figure, profile_figure, roofline_figure, speedup_figure


def test_ratios_have_a_dot_for_each_arm_and_clock_and_the_noise_is_shaded():
    frame = pd.DataFrame({"median": [1.0, 1.5], "low": [0.9, 1.4], "high": [1.1, 1.6]},
                         index=["published again", "vscg"])
    fig = speedup_figure({"wall": frame, "processor": frame + 0.1})
    ax = fig.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["published again", "vscg"]
    assert [list(line[0].get_xdata()) for line in ax.containers] == [[1.0, 1.5], [1.1, 1.6]]
    shade = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert (round(shade.x0, 6), round(shade.x1, 6)) == (0.9, 1.1)
    assert "no unit" in ax.get_xlabel()


def test_the_roof_is_the_lower_of_both_limits_and_no_loop_is_drawn_off_its_speed():
    found = {"flops": 100.0e9, "bytes": 4.0e9, "product": 50.0e9, "copy": 10.0e9, "published": 20.0e9, "vscg": 30.0e9}
    ax = roofline_figure(found).axes[0]
    roof, published, ours = ax.lines
    for x, y in zip(*roof.get_data(), strict=True):
        assert abs(y - min(50.0, 10.0 * x)) < 1e-9
    assert (published.get_xdata(), published.get_ydata()) == ([25.0], [20.0]) and ours.get_ydata() == [30.0]
    assert "GFLOP/s" in ax.get_ylabel() and "byte" in ax.get_xlabel()


def test_a_profile_has_a_bar_for_each_group_and_loop():
    table = pd.DataFrame({"published": [0.5, 0.2], "vscg": [0.4, 0.1]}, index=["products", "copies"])
    ax = profile_figure(table).axes[0]
    assert [[bar.get_width() for bar in bars] for bars in ax.containers] == [[500, 200], [400, 100]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["products", "copies"]
    assert "ms" in ax.get_xlabel() and ax.get_ylim()[0] > ax.get_ylim()[1]      # the first group above


def test_growth_shows_both_loops_at_every_size():
    frame = pd.DataFrame({"published": [2.0, 4.0], "vscg": [1.0, 2.0]}, index=[8, 16])
    fig = growth_figure(frame, frame * 2)
    for ax, factor in zip(fig.axes, (1, 2), strict=True):
        assert [list(line.get_ydata()) for line in ax.lines] == [[2.0 * factor, 4.0 * factor],
                                                                 [1.0 * factor, 2.0 * factor]]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["8", "16"]
        assert ax.get_ylim()[0] == 0
