"""Figures of the paper's tables and of parameter counts."""
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from tests.plots.conftest import legend
from vscg import plots
from vscg.models import SYSTEMS
from vscg.plots import accuracy_by_parameters, course_figure, difference_figure, parts_figure, table_figure
from vscg.plots.tables import pale
from vscg.study.paper import TABLES

NAN = float("nan")


PROGRAM, DESCRIBED = "published code", "described in detail"


def frame(data="planted-mini", each_seed=(70.0, 72.0, 74.0), course="converged", origin=PROGRAM):
    """Three rows, fully supervised: two measured, one reported only; one of them also weakly supervised."""
    columns = ["row", "setting", "paper", "mean", "low", "high", "test_mean", "test_low", "test_high", "each_seed",
               "seeds", "course", "data", "origin"]
    measured = (each_seed, len(each_seed), "converged", data, PROGRAM)
    rows = [("AVEL", "fully", 72.7, 72, 70, 75, 73, 71, 76, each_seed, len(each_seed), course, data, origin),
            ("DAM", "fully", 74.5, NAN, NAN, NAN, NAN, NAN, NAN, (), 0, "", "", "reported only"),
            ("VSCG", "fully", 79.7, 80, 78, 81, 82, 80, 83, *measured),
            ("VSCG", "weakly", 74.8, 60, 58, 61, 62, 60, 63, *measured)]
    found = pd.DataFrame(rows, columns=columns)
    found.attrs["outcome"] = "selected by validation"
    return found


def differences(learning=False, origin=PROGRAM):
    columns = ["first", "second", "setting", "paper", "mean", "low", "high", "learning", "first_origin",
               "second_origin", "seeds"]
    rows = [("VSCG", "AVEL", "fully", 7.0, 8.0, 5.0, 10.0, learning, PROGRAM, origin, 5),
            ("VSCG", "AVEL", "weakly", 8.1, -1.0, -3.0, 1.0, False, PROGRAM, origin, 5),
            ("w/o ISCE", "w/o ESCM", "fully", -1.5, 0.5, -1.0, 2.0, False, PROGRAM, PROGRAM, 5),
            ("w/o ISCE", "w/o ESCM", "weakly", 0.0, 0.5, -1.0, 2.0, False, PROGRAM, PROGRAM, 5)]
    return pd.DataFrame(rows, columns=columns)


def large(table):
    """A frame and the differences with the rows and pairs of a whole table of the paper, all measured."""
    rows = [(row.name, setting, value, 70 + i, 69 + i, 72 + i, 71 + i, 70 + i, 73 + i, (70.0,), 1,
             ("converged", "still learning")[i % 2], "ave", (PROGRAM, DESCRIBED)[i % 2])
            for i, row in enumerate(TABLES[table].rows) for setting, value in row.paper.items() if value]
    whole = pd.DataFrame(rows, columns=frame().columns)
    whole.attrs = frame().attrs
    pairs = [(*pair, setting, 1.0, 1.0, -1.0, 3.0, setting == "fully", PROGRAM, (PROGRAM, DESCRIBED)[i % 2],
              1)
             for i, pair in enumerate(TABLES[table].pairs) for setting in ("fully", "weakly")]
    return whole, pd.DataFrame(pairs, columns=differences().columns)


def points(ax, marker, face=None):
    """Positions of the markers of one kind."""
    lines = [line for line in ax.lines if line.get_marker() == marker
             and (face is None or to_hex(line.get_markerfacecolor()) == face)]
    return [tuple(point) for line in lines for point in np.column_stack([line.get_xdata(), line.get_ydata()])]


def ends(ax):
    """The two ends of each interval."""
    return [tuple(segment[:, 0]) for collection in ax.collections for segment in collection.get_segments()]


def test_table_draws_the_measured_rows_of_one_setting_in_order():
    fig = table_figure(frame(), "fully")
    ax = fig.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["AVEL", "VSCG"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]                # the paper's first row on top
    filled = points(ax, "o", plots.COLOURS["fused"])
    hollow = points(ax, "s", plots.GROUND)
    assert [x for x, _ in filled] == [72, 80] and [x for x, _ in hollow] == [73, 82]
    assert [round(y) for _, y in filled] == [round(y) for _, y in hollow] == [0, 1]
    assert ends(ax) == [(70, 75), (78, 81), (71, 76), (80, 83)]
    assert sorted(legend(fig)) == ["each seed", "selected by test", "selected by validation"]


def test_seeds_are_drawn_one_by_one_if_there_are_several():
    assert [x for x, _ in points(table_figure(frame(), "fully").axes[0], "o", plots.DARK)] == [70, 72, 74] * 2
    one = table_figure(frame(each_seed=(70.0,)), "fully")
    assert points(one.axes[0], "o", plots.DARK) == [] and legend(one) == ["selected by validation", "selected by test"]


def thin(ax):
    """The intervals that are drawn with a thin line."""
    return [tuple(segment[:, 0]) for collection in ax.collections for segment in collection.get_segments()
            if collection.get_linewidth()[0] < 1]


def test_the_interval_of_one_seed_is_thin_where_others_have_more():
    found, mark = frame(), "thin: one seed, interval over its clips alone"
    assert thin(table_figure(found, "fully").axes[0]) == [] and mark not in legend(table_figure(found, "fully"))
    found.loc[0, "seeds"] = 1
    fig = table_figure(found, "fully")
    assert thin(fig.axes[0]) == [(70, 75), (71, 76)] and legend(fig)[-1] == mark
    fig = difference_figure(differences().assign(seeds=[5, 1, 5, 5]))
    assert thin(fig.axes[0]) == [(-3, 1)] and mark in legend(fig)
    alone = frame(each_seed=(70.0,))
    assert thin(table_figure(alone, "fully").axes[0]) == [], "they are all of one kind"


def test_the_papers_figures_stand_beside_runs_on_ave_alone():
    assert points(table_figure(frame(), "fully").axes[0], "D") == []
    fig = table_figure(frame(data="ave"), "fully")
    assert points(fig.axes[0], "D") == [(72.7, 0), (79.7, 1)] and "paper" in legend(fig)


def test_differences_stand_around_zero_with_the_papers_side_at_the_edge():
    fig = difference_figure(differences())
    ax = fig.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["VSCG\nminus AVEL", "w/o ISCE\nminus w/o ESCM"]
    assert sorted(x for marker in "os" for x, _ in points(ax, marker)) == [-1, 0.5, 0.5, 8]
    assert sorted(ends(ax)) == [(-3, 1), (-1, 2), (-1, 2), (5, 10)]
    # Above zero for both settings of the first pair, below for the second one fully supervised; 0.0 has no side.
    right, left = points(ax, ">"), points(ax, "<")
    assert [(x, round(y)) for x, y in right] == [(0.98, 0)] * 2 and [(x, round(y)) for x, y in left] == [(0.02, 1)]
    assert legend(fig) == ["fully supervised", "weakly supervised", "paper's side"]
    low, high = ax.get_xlim()
    assert low < -3 and high > 10


def test_what_is_still_learning_is_pale_inside_and_what_no_program_computes_has_a_dagger():
    fig = table_figure(frame(course="still learning", origin=DESCRIBED), "fully")
    ax = fig.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["AVEL \N{DAGGER}", "VSCG"]
    assert [x for x, _ in points(ax, "o", pale(plots.COLOURS["fused"]))] == [72]
    assert {to_hex(line.get_markeredgecolor()) for line in ax.lines if line.get_marker() == "o" and len(
        line.get_xdata()) == 1} == {plots.COLOURS["fused"]}, "the edge keeps the colour"
    assert [x for x, _ in points(ax, "o", plots.COLOURS["fused"])] == [80]
    assert legend(fig)[-2:] == ["pale inside: still learning", "not the published code"]
    fig = difference_figure(differences(learning=True, origin=DESCRIBED))
    ax = fig.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "VSCG\nminus AVEL \N{DAGGER}", "w/o ISCE\nminus w/o ESCM"]
    assert [x for x, _ in points(ax, "o", pale(plots.OTHERS[0]))] == [8] and sorted(ends(ax))[-1] == (5, 10)
    assert legend(fig)[2:] == ["pale inside: still learning", "not the published code", "paper's side"]
    assert sorted(x for x, _ in points(ax, "s")) == [-1, 0.5], "weakly supervised rows have another shape"


FIGURES = {"rows": lambda: table_figure(frame(), "fully"), "differences": lambda: difference_figure(differences()),
           **{f"Table {name}": lambda name=name: table_figure(large(name)[0], "fully") for name in TABLES},
           **{f"differences in Table {name}": lambda name=name: difference_figure(large(name)[1]) for name in TABLES}}


def test_references_are_lines_across_the_rows_and_the_curves():
    known = {"floor": (61.0, 60.0, 62.0), "ceiling": (70.0, np.nan, np.nan)}
    found = frame()
    found.attrs["references"] = known
    fig = table_figure(found, "fully")
    across = [line.get_xdata()[0] for line in fig.axes[0].lines if list(line.get_ydata()) == [0, 1]]
    assert across == [61, 70] and {"floor", "ceiling"} <= set(legend(fig))
    courses = pd.DataFrame([("VSCG", seed, epoch, 50 + 10 * epoch + 2 * seed) for seed in (0, 1) for epoch in (1, 2)]
                           + [("AVEL", 0, epoch, 40) for epoch in (1, 2)], columns=["row", "seed", "epoch", "accuracy"])
    fig = course_figure(courses, known, ["DAM", "VSCG", "AVEL"])
    first, second, *lines = fig.axes[0].lines
    assert legend(fig) == ["VSCG", "AVEL", "floor", "ceiling"]
    assert [line.get_color() for line in (first, second)] == list(plots.OTHERS[1:3]), "of its place among all rows"
    assert [line.get_linestyle() for line in (first, second)] == ["--", "-."], "and so are the dashes"
    assert list(first.get_ydata()) == [61, 71] and list(second.get_ydata()) == [40, 40], "means over seeds"
    assert [line.get_ydata()[0] for line in lines] == [61, 70]
    band = fig.axes[0].collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == 60 and band[:, 1].max() == 72


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
    widths = [bars.get_linewidth()[0] < 1 for bars in
              accuracy_by_parameters(frame.assign(seeds=[3, 1, 3]), "live parameters").axes[0].collections]
    assert widths == [True, False, False]
    frame.attrs["references"] = {"floor": (61.0, 60.0, 62.0)}
    ax = accuracy_by_parameters(frame, "live parameters").axes[0]
    across, = (line for line in ax.lines if list(line.get_xdata()) == [0, 1])
    text, = ax.texts
    assert across.get_ydata()[0] == 61 == text.xy[1] and text.get_text() == "floor"


def looks(names):
    """Colour and marker of each name's dot, where the first has the fewest parameters."""
    frame = pd.DataFrame({"name": names, "parameters": range(1, len(names) + 1), "mean": 70.0})
    dots = accuracy_by_parameters(frame, "live parameters").axes[0].containers
    return {bar.get_label(): (bar[0].get_color(), bar[0].get_marker()) for bar in dots}


def test_a_system_looks_the_same_in_every_figure_and_like_no_other():
    titles = [entry.title for entry in SYSTEMS.values()]
    every, few = looks(titles), looks(["VSCG", "AVT", "AVEL"])
    assert len(set(every.values())) == len(titles) and few.items() <= every.items()
    colours = [every[SYSTEMS[name].title][0] for name in SYSTEMS]
    assert len(set(colours)) == min(len(SYSTEMS), len(plots.OTHERS))       # as many by colour alone as can be
    assert len(set(looks(["mine", "VSCG", "yours"]).values())) == 3
