"""Figures of failures: groups row by row, accuracy around an event's edge, what an answer's confidence is worth."""
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vscg.plots.curves import DASHES
from vscg.plots.style import COLOURS, DARK, LIGHT, MARK, OTHERS, _figure, _legend


def edge_figure(frame: pd.DataFrame, reach: int) -> Figure:
    """Accuracy by signed distance to the event's edge, background to the left, the event to the right.

    Args:
        frame: columns `name`, `distance` (s, negative in background, never 0), `mean`, `low`, `high` (fractions).
        reach: the largest distance; it stands for "and more".
    """
    names = list(dict.fromkeys(frame["name"]))
    fig, ax = _figure(4.4)
    for i, name in enumerate(names):
        for inside in (False, True):              # no line across the edge
            part = frame[(frame["name"] == name) & ((frame["distance"] > 0) == inside)].sort_values("distance")
            mean, low, high = (100 * part[column].to_numpy() for column in ("mean", "low", "high"))
            at = part["distance"] - np.sign(part["distance"]) / 2 + 0.09 * (i - (len(names) - 1) / 2)
            ax.errorbar(at, mean, yerr=[mean - low, high - mean], fmt="o", linestyle=DASHES[i % len(DASHES)],
                        markersize=6, linewidth=2, elinewidth=1.4, capsize=3, color=OTHERS[i],
                        label=name if inside else None)
    ax.axvline(0, color=DARK, linewidth=1.6)
    steps = range(1, reach + 1)
    texts = [f"{d}+" if d == reach else f"{d}" for d in steps]
    ax.set_xticks([*(0.5 - d for d in steps), *(d - 0.5 for d in steps)], texts * 2)
    ax.set(xlabel="background   \N{LEFTWARDS ARROW}   distance to the edge (s)   \N{RIGHTWARDS ARROW}   event",
           ylabel="accuracy (% of seconds)", ylim=(-4, 104), xlim=(-reach - 0.2, reach + 0.2))
    _legend(fig, *ax.get_legend_handles_labels())
    return fig


def grouped_figure(frame: pd.DataFrame, value_label: str) -> Figure:
    """Several groups side by side in each row, a dot with its 95% interval each; every other row is shaded.

    Args:
        frame: columns `name` (the row), `group`, `mean`, `low`, `high` (fractions, drawn as percent).
        value_label: axis label with its unit.
    """
    names, groups = (list(dict.fromkeys(frame[column])) for column in ("name", "group"))
    fig, ax = _figure(1 + (0.3 + 0.17 * len(groups)) * len(names))
    for i, group in enumerate(groups):
        part = frame[frame["group"] == group]
        at = [names.index(name) + 0.72 * ((i + 0.5) / len(groups) - 0.5) for name in part["name"]]
        mean, low, high = (100 * part[column].to_numpy() for column in ("mean", "low", "high"))
        ax.errorbar(mean, at, xerr=[mean - low, high - mean], fmt="o", markersize=6.5, linewidth=2.2, capsize=3,
                    color=OTHERS[i], label=group)
    for row in range(0, len(names), 2):
        ax.axhspan(row - 0.5, row + 0.5, color=LIGHT, alpha=0.45, linewidth=0, zorder=0)
    ax.set(xlabel=value_label, ylim=(len(names) - 0.5, -0.5))
    ax.set_yticks(range(len(names)), names)
    ax.grid(False, axis="y")
    _legend(fig, *ax.get_legend_handles_labels())
    return fig


def reliability_figure(frames: Mapping[str, pd.DataFrame]) -> Figure:
    """How often answers of one confidence are right, a panel for each system; above the diagonal they are too modest.

    Args:
        frames: system's name -> frame of `failures.reliability`. A dot's area is the bin's share of the seconds.
    """
    rows = -(-len(frames) // 2)
    fig, axes = _figure(0.6 + 2.9 * rows, rows, min(2, len(frames)), squeeze=False, sharex=True, sharey=True)
    for ax in axes.flat[len(frames):]:
        ax.set_axis_off()
    for ax, (name, frame) in zip(axes.flat, frames.items(), strict=False):
        x, mean, low, high = (100 * frame[column].to_numpy() for column in ("confidence", "mean", "low", "high"))
        ax.plot([0, 100], [0, 100], "--", color=DARK, linewidth=1.4)
        ax.vlines(x, mean, x, color=MARK, linewidth=2.2, alpha=0.6)
        ax.errorbar(x, mean, yerr=[mean - low, high - mean], fmt="none", ecolor=COLOURS["fused"], linewidth=1.4,
                    capsize=3)
        ax.scatter(x, mean, s=15 + 350 * frame["share"], color=COLOURS["fused"], zorder=3)
        ax.set(title=name, xlim=(-4, 104), ylim=(-4, 104), xticks=range(0, 101, 25), yticks=range(0, 101, 25))
    fig.supxlabel("confidence in the answer (%)", fontsize=13)
    fig.supylabel("right answers (% of seconds)", fontsize=13)
    _legend(fig, [Line2D([], [], linestyle="--", color=DARK), Line2D([], [], color=MARK, alpha=0.6, linewidth=2.2)],
            ["means what it says", "off by"])
    return fig
