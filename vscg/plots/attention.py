"""Figures of attention: several systems on one clip, and scores that two things are drawn against."""
from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vscg.data.labels import BACKGROUND
from vscg.plots.style import DARK, LIGHT, MARK, OTHERS, OUTLINE, WIDTH, _figure, _legend, _outline


def attention_of_systems(maps: Mapping[str, np.ndarray], mask: np.ndarray | None = None,
                         labels: Sequence[int] | None = None) -> Figure:
    """Attention of several systems over the seconds of one clip, a row each, as in the paper's Figs. 4 to 6.

    Every map is drawn on a scale of its own, from 0 to its maximum: how sharp a map is differs from system to system.

    Args:
        maps: system's name -> (T,7,7).
        mask: (T,7,7) bool, True on the true source's regions, which are outlined.
        labels: (T,) class indices; seconds with an event are framed.
    """
    seconds = len(next(iter(maps.values())))
    fig, axes = _figure(0.9 + len(maps) * (WIDTH - 0.6) / seconds, len(maps), seconds, squeeze=False)
    fig.get_layout_engine().set(w_pad=0.03, h_pad=0.03)
    for row, (name, of_system) in zip(axes, maps.items(), strict=True):
        for t, ax in enumerate(row):
            picture = ax.imshow(of_system[t] / of_system[t].max(), cmap="viridis", vmin=0, vmax=1)
            event = labels is not None and labels[t] != BACKGROUND
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set(color=MARK if event else LIGHT, linewidth=2.5 if event else 1)
            if mask is not None:
                _outline(ax, np.asarray(mask[t], dtype=bool))
            if ax in axes[0]:
                ax.set_title(f"{t}", color=MARK if event else DARK)
        row[0].set_ylabel(name)
    fig.supxlabel("second (starts at, s); a map is 7 x 7 regions of the picture", fontsize=12)
    bar = fig.colorbar(picture, ax=axes, shrink=0.7, aspect=12, pad=0.02, label="share of maximum")
    bar.set_ticks([0, 1])
    marks = {"second with the event": Line2D([], [], color=MARK, linewidth=2.5)} if labels is not None else {}
    if mask is not None:
        marks["true source"] = tuple(Line2D([], [], color=colour, linewidth=width) for colour, width in OUTLINE)
    _legend(fig, list(marks.values()), list(marks))
    return fig


def score_against_accuracy(frame: pd.DataFrame, score_label: str, accuracy_label: str,
                           chance: float | None = None) -> Figure:
    """One dot for each system with its 95% intervals both ways: does localising go with answering right?

    Args:
        frame: columns `name`, `score`, `score_low`, `score_high`, `accuracy`, `accuracy_low`, `accuracy_high`, all
            fractions.
        score_label, accuracy_label: the axes, with their units; drawn in percent.
        chance: score of chance, a dashed line.
    """
    fig, ax = _figure(4.4)
    for colour, (_, row) in zip(cycle(OTHERS), frame.iterrows(), strict=False):
        x, x_low, x_high, y, y_low, y_high = (
            100 * row[f"{what}{end}"] for what in ("score", "accuracy") for end in ("", "_low", "_high"))
        ax.errorbar(x, y, xerr=[[x - x_low], [x_high - x]], yerr=[[y - y_low], [y_high - y]], fmt="o", markersize=8,
                    linewidth=1.8, capsize=3, color=colour, label=row["name"])
    if chance is not None:
        ax.axvline(100 * chance, color=DARK, linestyle="--", linewidth=1.6, label="chance")
    _legend(fig, *ax.get_legend_handles_labels())
    ax.set(xlabel=score_label, ylabel=accuracy_label)
    return fig
