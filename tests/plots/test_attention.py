"""Figures of attention: which maps they show, what they mark, and that their text stays inside."""
import io

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from vscg import plots
from vscg.data.labels import BACKGROUND as BG
from vscg.plots.attention import attention_of_systems, score_against_accuracy

RNG = np.random.default_rng(0)
TRUTH = np.array([BG] * 4 + [2] * 6)
MASK = np.zeros((10, 7, 7), dtype=bool)
MASK[4:, 2:4, 5:7] = True


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context():
        matplotlib.use("Agg")
        plots.set_style()
        yield


def maps():
    return {name: RNG.dirichlet(np.ones(49), 10).reshape(10, 7, 7) for name in ("AVEL", "PSP-Net", "VSCG")}


def frame():
    rows = [(f"system {i}", 0.1 + 0.1 * i, 0.05 + 0.1 * i, 0.2 + 0.1 * i, 0.6 + 0.05 * i, 0.55 + 0.05 * i,
             0.7 + 0.05 * i) for i in range(4)]
    return pd.DataFrame(rows, columns=["name", *(f"{what}{end}" for what in ("score", "accuracy")
                                                 for end in ("", "_low", "_high"))])


def legend(fig):
    return [text.get_text() for text in fig.legends[0].get_texts()]


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


def test_without_mask_and_labels_nothing_is_marked():
    fig = attention_of_systems(maps())
    assert not fig.legends and not any(ax.collections for ax in fig.axes if ax.images)


def test_score_against_accuracy_draws_percent_both_ways_and_names():
    fig = score_against_accuracy(frame(), "score (% of seconds)", "accuracy (% of segments)", chance=0.12)
    ax = fig.axes[0]
    dots = [(line.get_xdata()[0], line.get_ydata()[0]) for line in ax.lines if line.get_marker() == "o"]
    assert np.allclose(dots, [(10, 60), (20, 65), (30, 70), (40, 75)])
    ends = [segment.tolist() for lines in ax.collections for segment in lines.get_segments()]
    assert np.allclose(ends[:2], [[[5, 60], [20, 60]], [[10, 55], [10, 70]]])
    assert sorted(legend(fig)) == ["chance", *(f"system {i}" for i in range(4))]
    assert "chance" not in legend(score_against_accuracy(frame(), "score (%)", "accuracy (%)"))


@pytest.mark.parametrize("build", [lambda: attention_of_systems(maps(), MASK, TRUTH),
                                   lambda: attention_of_systems({"DMIN": maps()["AVEL"][:4]}),
                                   lambda: score_against_accuracy(frame(), "score (%)", "accuracy (%)", 0.1)],
                         ids=["systems", "one system", "scatter"])
def test_text_stays_inside_and_the_file_is_small(build):
    fig = build()
    fig.draw_without_rendering()
    drawn, (width, height) = fig.get_tightbbox(), fig.get_size_inches()
    assert drawn.x0 > -0.02 and drawn.y0 > -0.02 and drawn.x1 < width + 0.02 and drawn.y1 < height + 0.02
    file = io.BytesIO()
    fig.savefig(file)
    assert file.tell() < 100_000
