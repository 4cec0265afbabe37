"""Figures of parameter counts: bars end where the parts sum to, and every system has its named dot."""
import matplotlib
import numpy as np
import pandas as pd
import pytest

from vscg import plots
from vscg.models import BUILT, SYSTEMS
from vscg.plots import OTHERS
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
def test_every_system_has_its_dot_in_the_order_of_size(intervals):
    frame = pd.DataFrame({"name": ["VSCG", "AVEL", "CMRA"], "parameters": [2.5, 0.6, 9.5], "mean": [80.0, 70.0, 77.0],
                          "low": [78.0, 60.0, 75.0], "high": [81.0, 71.0, 79.0]})
    fig = accuracy_by_parameters(frame if intervals else frame[["name", "parameters", "mean"]], "live parameters")
    ax = fig.axes[0]
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "live parameters (millions)"
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["AVEL", "VSCG", "CMRA"]
    dots = [(float(bar[0].get_xdata()[0]), float(bar[0].get_ydata()[0])) for bar in ax.containers]
    assert dots == [(0.6, 70), (2.5, 80), (9.5, 77)]
    ends = [line[:, 1].tolist() for bars in ax.collections for line in bars.get_segments()]
    assert ends == ([[60, 71], [78, 81], [75, 79]] if intervals else [])


def looks(names):
    """Colour and marker of each name's dot, where the first has the fewest parameters."""
    frame = pd.DataFrame({"name": names, "parameters": range(1, len(names) + 1), "mean": 70.0})
    dots = accuracy_by_parameters(frame, "live parameters").axes[0].containers
    return {bar.get_label(): (bar[0].get_color(), bar[0].get_marker()) for bar in dots}


def test_a_system_looks_the_same_in_every_figure_and_like_no_other():
    titles = [entry.title for entry in SYSTEMS.values()]
    every, few = looks(titles), looks(["VSCG", "AVT", "AVEL"])
    assert len(set(every.values())) == len(titles) and few.items() <= every.items()
    colours = [every[SYSTEMS[name].title][0] for name in BUILT]
    assert len(set(colours)) == min(len(BUILT), len(OTHERS))       # as many of the built ones by colour alone as can be
    assert len(set(looks(["mine", "VSCG", "yours"]).values())) == 3
