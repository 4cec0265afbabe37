"""Figures of failures: what they draw, where, and that nothing is lost."""
import io

import matplotlib
import numpy as np
import pandas as pd
import pytest

from vscg import plots
from vscg.plots.failures import edge_figure, grouped_figure, reliability_figure


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context():
        matplotlib.use("Agg")
        plots.set_style()
        yield


def edges(names=("VSCG", "PSP-Net")):
    rows = [(name, d, 0.5 + 0.02 * d, 0.3, 0.9) for name in names for d in (-3, -2, -1, 1, 2, 3)]
    return pd.DataFrame(rows, columns=["name", "distance", "mean", "low", "high"])


def bins(number=3):
    middle = (np.arange(number) + 0.5) / number
    return pd.DataFrame({"confidence": middle, "mean": middle / 2, "low": middle / 3, "high": middle,
                         "share": np.full(number, 1 / number)})


def dots(ax):
    return {line.get_label(): line for line in ax.lines if line.get_marker() == "o"}


def test_background_stands_left_of_the_edge_and_no_line_crosses_it():
    ax = edge_figure(edges(), 3).axes[0]
    sides = [np.sign(line.get_xdata()) for line in ax.lines if line.get_marker() == "o"]
    assert len(sides) == 4 and all(len(set(side)) == 1 and len(side) == 3 for side in sides)
    left = [line for line in ax.lines if line.get_marker() == "o" and line.get_xdata()[0] < 0][0]
    assert np.allclose(left.get_ydata(), [44, 46, 48]) and [round(x) for x in left.get_xdata()] == [-3, -2, -1]


def test_ticks_count_seconds_from_the_edge_and_the_last_is_open():
    ax = edge_figure(edges(), 3).axes[0]
    ticks = dict(zip(ax.get_xticks(), (text.get_text() for text in ax.get_xticklabels()), strict=True))
    assert ticks == {-2.5: "3+", -1.5: "2", -0.5: "1", 0.5: "1", 1.5: "2", 2.5: "3+"}


def test_every_system_is_named_once():
    fig = edge_figure(edges(), 3)
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["VSCG", "PSP-Net"]


def groups(systems=("VSCG", "PSP-Net", "AVEL")):
    rows = [(name, system, 0.1 * i, 0.0, 0.5) for name in ("both", "neither") for i, system in enumerate(systems, 1)]
    return pd.DataFrame(rows, columns=["name", "group", "mean", "low", "high"])


def test_groups_keep_to_their_row_in_order_and_in_percent():
    fig = grouped_figure(groups().drop(index=4), "share (%)")                # PSP-Net has no value in the second row
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


def test_bins_with_more_seconds_have_larger_dots():
    frame = bins(2).assign(share=[0.1, 0.9])
    sizes = reliability_figure({"VSCG": frame}).axes[0].collections[-1].get_sizes()
    assert sizes[1] > 4 * sizes[0]


@pytest.mark.parametrize("fig", [lambda: edge_figure(edges(("VSCG", "PSP-Net", "AVEL", "CMRA")), 3),
                                 lambda: grouped_figure(groups(("VSCG", "PSP-Net", "AVEL", "CMRA")), "share (%)"),
                                 lambda: reliability_figure({name: bins(10) for name in "ABCD"})])
def test_pictures_are_small_and_opaque(fig):
    file = io.BytesIO()
    figure = fig()
    figure.savefig(file, format="png", dpi=plots.DPI)
    assert file.tell() < 100_000 and figure.get_facecolor()[3] == 1
