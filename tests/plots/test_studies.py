"""Figures of the book's studies: failures, attention against accuracy, speed."""
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from tests.plots.conftest import legend
from vscg import plots
from vscg.data.labels import BACKGROUND as BG
from vscg.plots import (
    attention_of_systems,
    edge_figure,
    growth_figure,
    intervals,
    ledger_figure,
    margin_figure,
    profile_figure,
    reliability_figure,
    roofline_figure,
    speedup_figure,
)


def edges(names=("VSCG", "PSP-Net")):
    rows = [(name, d, 0.5 + 0.02 * d, 0.3, 0.9) for name in names for d in (-3, -2, -1, 1, 2, 3)]
    return pd.DataFrame(rows, columns=["name", "distance", "mean", "low", "high"])


def bins(number=3):
    middle = (np.arange(number) + 0.5) / number
    return pd.DataFrame({"confidence": middle, "mean": middle / 2, "low": middle / 3, "high": middle,
                         "share": np.full(number, 1 / number)})


def test_background_stands_left_of_the_edge_and_no_line_crosses_it():
    fig = edge_figure(edges(), 3)
    ax = fig.axes[0]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["VSCG", "PSP-Net"]
    ticks = dict(zip(ax.get_xticks(), (text.get_text() for text in ax.get_xticklabels()), strict=True))
    assert ticks == {-2.5: "3+", -1.5: "2", -0.5: "1", 0.5: "1", 1.5: "2", 2.5: "3+"}
    sides = [np.sign(line.get_xdata()) for line in ax.lines if line.get_marker() == "o"]
    assert len(sides) == 4 and all(len(set(side)) == 1 and len(side) == 3 for side in sides)
    left = [line for line in ax.lines if line.get_marker() == "o" and line.get_xdata()[0] < 0][0]
    assert np.allclose(left.get_ydata(), [44, 46, 48]) and [round(x) for x in left.get_xdata()] == [-3, -2, -1]


def groups(systems=("VSCG", "PSP-Net", "AVEL")):
    rows = [(name, system, 0.1 * i, 0.0, 0.5) for name in ("both", "neither") for i, system in enumerate(systems, 1)]
    return pd.DataFrame(rows, columns=["name", "group", "mean", "low", "high"])


def test_groups_keep_to_their_row_in_order_and_in_percent():
    fig = intervals(groups().drop(index=4), None, "share (%)")                # PSP-Net has no value in the second row
    ax = fig.axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["both", "neither"]
    lines = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_xdata().round(6).tolist() for line in lines] == [[10, 10], [20], [30, 30]]
    first = [line.get_ydata()[0] for line in lines]
    assert first == sorted(first) and all(abs(y) < 0.4 for y in first)
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["VSCG", "PSP-Net", "AVEL"]


def test_reliability_has_a_panel_for_each_system_and_a_dot_for_each_bin():
    fig = reliability_figure({"VSCG": bins(), "PSP-Net": bins(5), "AVEL": bins(1)})
    shown = [ax for ax in fig.axes if ax.axison]
    assert [ax.get_title() for ax in shown] == ["VSCG", "PSP-Net", "AVEL"]
    points = [ax.collections[-1].get_offsets() for ax in shown]
    assert [len(of) for of in points] == [3, 5, 1]
    assert np.allclose(points[0], 100 * bins()[["confidence", "mean"]])


RNG = np.random.default_rng(0)
TRUTH = np.array([BG] * 4 + [2] * 6)
MASK = np.zeros((10, 7, 7), dtype=bool)
MASK[4:, 2:4, 5:7] = True


def maps():
    return {name: RNG.dirichlet(np.ones(49), 10).reshape(10, 7, 7) for name in ("AVEL", "PSP-Net", "VSCG")}


def test_a_row_for_each_system_and_a_column_for_each_second():
    drawn = maps()
    fig = attention_of_systems(drawn, MASK, TRUTH)
    cells = np.array([ax for ax in fig.axes if ax.images]).reshape(3, 10)
    assert [row[0].get_ylabel() for row in cells] == list(drawn)
    assert [ax.get_title() for ax in cells[0]] == [str(t) for t in range(10)]
    shown = cells[1, 7].images[0].get_array()
    assert np.allclose(shown, drawn["PSP-Net"][7] / drawn["PSP-Net"][7].max())
    framed = [to_hex(ax.spines["left"].get_edgecolor()) == plots.MARK for ax in cells[2]]
    assert framed == (TRUTH != BG).tolist()
    # The source is outlined where there is one: the border of 2 x 2 regions has 8 pieces.
    assert [max(len(lines.get_segments()) for lines in ax.collections) for ax in cells[0]] == [0] * 4 + [8] * 6
    assert legend(fig) == ["second with the event", "true source"]


FIGURES = {"systems": lambda: attention_of_systems(maps(), MASK, TRUTH),
           "one system": lambda: attention_of_systems({"DMIN": maps()["AVEL"][:4]}),
           "edge": lambda: edge_figure(edges(("VSCG", "PSP-Net", "AVEL", "CMRA")), 3),
           "groups": lambda: intervals(groups(("VSCG", "PSP-Net", "AVEL", "CMRA")), None, "share (%)"),
           "reliability": lambda: reliability_figure({name: bins(10) for name in "ABCD"})}


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


def test_margins_lie_in_the_row_of_their_group_equal_ones_above_each_other_and_chance_is_a_line():
    frame = pd.DataFrame({"group": ["I", "III", "III", "III"], "margin": [0.5, 1.0, 3.0, 1.0]})
    ax = margin_figure(frame, {"at 15": 1.5, "at 30": 2.9}).axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["I", "III"]
    first, second = (line for line in ax.lines if line.get_marker() == "o")
    assert first.get_xydata().tolist() == [[0.5, 0]]
    assert np.allclose(second.get_xydata(), [[1, 1], [1, 0.87], [3, 1]])
    assert {line.get_label(): line.get_xdata()[0] for line in ax.lines if line.get_marker() != "o"} == {
        "at 15": 1.5, "at 30": 2.9}


def test_a_ledger_has_one_row_for_each_name_with_what_was_published_and_obtained():
    frame = pd.DataFrame({"name": ["A", "A", "B"], "published": [78.0, 78.0, 80.0], "obtained": [75.0, 76.0, 79.0]})
    ax = ledger_figure(frame).axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["A", "B"]
    published, obtained = (line.get_xydata().tolist() for line in ax.lines)
    assert published == [[78, 0], [78, 0], [80, 1]] and obtained == [[75, 0], [76, 0], [79, 1]]


def whiskers(container, axis):
    return [segment[:, axis].tolist() for lines in container[2] for segment in lines.get_segments()]


def test_whiskers_reach_from_the_low_to_the_high_end():
    frame = pd.DataFrame({"median": [1.0, 1.5], "low": [0.9, 1.1], "high": [1.3, 1.6]},
                         index=["published again", "vscg"])
    assert np.allclose(whiskers(plots.speedup_figure({"wall": frame}).axes[0].containers[0], 0), frame[["low", "high"]])


def test_whiskers_of_edges():
    for container in plots.edge_figure(edges(), 3).axes[0].containers:
        assert np.allclose(whiskers(container, 1), [[30, 90]] * 3)


def test_whiskers_of_reliability():
    container, = plots.reliability_figure({"VSCG": bins()}).axes[0].containers
    assert np.allclose(whiskers(container, 1), 100 * bins()[["low", "high"]])


def test_whiskers_of_intervals():
    for container in plots.intervals(groups(), None, "share (%)").axes[0].containers:
        assert np.allclose(whiskers(container, 0), [[0, 50]] * 2)
