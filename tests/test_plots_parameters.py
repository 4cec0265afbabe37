"""Figures of parameter counts: bars end where the parts sum to, and no name leaves the picture."""
import matplotlib
import numpy as np
import pandas as pd
import pytest

from vscg import plots
from vscg.plots_parameters import accuracy_by_parameters, parts_figure


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context():
        matplotlib.use("Agg")
        plots.set_style()
        yield


def test_bars_end_at_the_sum_of_their_parts_and_the_printed_count_stands_on_its_row():
    parts = pd.DataFrame({"live": [2.0, 9.0], "prototypes": [0.5, 4.0], "rest": [0.0, 1.0]}, index=["VSCG", "CMBS"])
    ax = parts_figure(parts, {"CMBS": 14.4, "VSCG": 2.6, "AVT": 15.8}).axes[0]
    ends = np.max([[bar.get_x() + bar.get_width() for bar in bars] for bars in ax.containers], axis=0)
    assert ends == pytest.approx([2.5, 14.0])
    assert ax.lines[0].get_xdata() == pytest.approx([2.6, 14.4]) and list(ax.lines[0].get_ydata()) == [0, 1]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["VSCG", "CMBS"]


@pytest.mark.parametrize("intervals", (True, False))
def test_every_system_has_its_named_dot_inside_the_picture(intervals):
    frame = pd.DataFrame({"name": ["AVEL", "VSCG", "CMRA", "DMIN"], "parameters": [0.6, 2.5, 9.5, 11.4],
                          "mean": [70.0, 80.0, 77.0, 79.0], "low": [60.0, 78.0, 75.0, 78.5],
                          "high": [71.0, 81.0, 79.0, 80.0]})
    fig = accuracy_by_parameters(frame if intervals else frame[["name", "parameters", "mean"]], "live parameters")
    ax = fig.axes[0]
    dots = ax.lines[0]
    assert dots.get_xdata() == pytest.approx(frame["parameters"]) and dots.get_ydata() == pytest.approx(frame["mean"])
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "live parameters (millions)"
    fig.draw_without_rendering()
    for text in ax.texts:
        box = text.get_window_extent()
        assert 0 <= box.x0 and box.x1 <= fig.bbox.width and 0 <= box.y0 and box.y1 <= fig.bbox.height
    if intervals:                                   # from low to high, however unequal the two sides
        ends = np.array([line[:, 1] for line in ax.collections[0].get_segments()])
        assert ends == pytest.approx(frame[["low", "high"]].to_numpy())
