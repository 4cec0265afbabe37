"""The book's own studies: failures, attention against accuracy, speed."""
import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vscg.plots.style import COLOURS, DARK, DASHES, LIGHT, MARK, OTHERS, _figure, _legend


def pairing(frame: pd.DataFrame) -> Figure:
    """One dot for each clip of two classes (`class`), by the manners `heard` and `seen` in it, correlations -1 to 1."""
    fig, ax = _figure(4.6)
    for i, (name, part) in enumerate(frame.groupby("class")):
        ax.plot(part["heard"], part["seen"], "os"[i], color=OTHERS[i], markersize=5, label=name)
    ax.axhline(0, color=DARK, linewidth=1)
    ax.axvline(0, color=DARK, linewidth=1)
    _legend(fig, *ax.get_legend_handles_labels())
    ax.set(xlabel="manner heard (correlation)", ylabel="manner seen (correlation)")
    return fig


def edge_figure(frame: pd.DataFrame, reach: int) -> Figure:
    """Accuracy by signed distance to the event's edge, background to the left, the event to the right.

    `frame` has `name`, `distance` (s, never 0; as far as `reach` or more), `mean`, `low`, `high` (fractions).
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


def reliability_figure(frames: Mapping[str, pd.DataFrame]) -> Figure:
    """How often answers of one confidence are right, a panel for each system; above the diagonal they are too modest.

    `frames` are of `failures.reliability`, by the system's name. A dot's area is the bin's share of the seconds.
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


LOOPS = {"published": OTHERS[0], "vscg": COLOURS["fused"]}      # the two loops, the same colour everywhere


def speedup_figure(clocks: Mapping[str, pd.DataFrame]) -> Figure:
    """How many times faster than the published loop each arm is: median and quartiles, by several clocks.

    `clocks`: name -> arms with `median`, `low`, `high`; the first's "published again", the loop itself, is shaded.
    """
    arms = list(next(iter(clocks.values())).index)
    fig, ax = _figure(1.4 + 0.5 * len(arms))
    noise = next(iter(clocks.values())).loc["published again"]
    ax.axvspan(noise["low"], noise["high"], color=LIGHT, label="the same loop twice, quartiles")
    ax.axvline(1, color=DARK, linewidth=1.5)
    for i, (clock, frame) in enumerate(clocks.items()):
        at = np.arange(len(arms)) + 0.22 * (i - (len(clocks) - 1) / 2)
        reach = [frame["median"] - frame["low"], frame["high"] - frame["median"]]
        ax.errorbar(frame["median"], at, xerr=reach, fmt="os"[i % 2], markersize=8, linewidth=2, capsize=4,
                    color=OTHERS[i], label=clock)
    ax.set(xlabel="times faster than the published loop (no unit)", ylim=(len(arms) - 0.5, -0.5))
    ax.set_yticks(range(len(arms)), arms)
    _legend(fig, *ax.get_legend_handles_labels())
    return fig


def roofline_figure(found: Mapping[str, float]) -> Figure:
    """The machine's roof over arithmetic intensity, and the two loops under it; `found` is of `speed.roofline`."""
    fig, ax = _figure(4.2)
    intensity, ridge = found["flops"] / found["bytes"], found["product"] / found["copy"]
    x = np.geomspace(min(ridge, intensity) / 8, max(ridge, intensity) * 8, 200)
    ax.plot(x, np.minimum(found["product"], found["copy"] * x) / 1e9, color=DARK, linewidth=2.5,
            label="at best: torch's product, a copy")
    for arm, marker in zip(LOOPS, "so", strict=True):
        ax.plot(intensity, found[arm] / 1e9, marker, markersize=11, color=LOOPS[arm], linestyle="none",
                label=f"{arm}: {found[arm] / 1e9:.0f} GFLOP/s")
    ax.set(xscale="log", yscale="log", xlabel="arithmetic intensity (FLOP per byte)", ylabel="speed (GFLOP/s)")
    low, high = ax.get_ylim()
    ticks = [tick for power in range(7) for tick in (10**power, 2 * 10**power, 5 * 10**power) if low <= tick <= high]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    _legend(fig, *ax.get_legend_handles_labels())
    return fig


def profile_figure(table: pd.DataFrame) -> Figure:
    """Milliseconds of a step by group of operators, both loops; `table` is of `speed.profile_table`, in seconds."""
    fig, ax = _figure(1.2 + 0.55 * len(table))
    for i, (loop, colour) in enumerate(LOOPS.items()):
        ax.barh(np.arange(len(table)) + 0.38 * (i - 0.5), 1000 * table[loop], height=0.36, color=colour, label=loop)
    ax.set(xlabel="a step (ms)", ylim=(len(table) - 0.4, -0.6))
    ax.set_yticks(range(len(table)), table.index)
    _legend(fig, *ax.get_legend_handles_labels())
    return fig


def growth_figure(batches: pd.DataFrame, clips: pd.DataFrame) -> Figure:
    """Milliseconds for each clip of a step over the batch (left), and seconds of an epoch over the clips (right).

    Both frames have the batch size or the number of clips as index, and columns `published` and `vscg`.
    """
    fig, axes = _figure(4.2, 1, 2)
    for ax, frame, scale in zip(axes, (batches, clips), ("log", "linear"), strict=True):
        for arm, marker in zip(LOOPS, "so", strict=True):
            ax.plot(frame.index, frame[arm], marker=marker, markersize=8, linewidth=2, color=LOOPS[arm], label=arm)
        ax.set(xscale=scale, ylim=(0, None))
        ax.set_xticks(frame.index, [f"{size}" for size in frame.index])
        ax.minorticks_off()
    axes[0].set(xlabel="clips in a batch", ylabel="a step (ms for each clip)")
    axes[1].set(xlabel="clips in all", ylabel="an epoch with evaluation (s)")
    _legend(fig, *axes[0].get_legend_handles_labels())
    return fig


def margin_figure(frame: pd.DataFrame, limits: Mapping[str, float]) -> Figure:
    """Printed margins of a paper, one dot each: `group` and `margin` (points) of a frame. Dashed lines show how far
    chance alone reaches: `limits` maps text to the largest margin (points) that chance explains.
    """
    groups = list(dict.fromkeys(frame["group"]))
    fig, ax = _figure(1.6 + 0.55 * len(groups))
    for dash, (text, limit) in zip(DASHES, limits.items(), strict=False):
        ax.axvline(limit, color=DARK, linestyle=dash, linewidth=1.6, label=text)
    for row, group in enumerate(groups):
        margins = np.sort(frame.loc[frame["group"] == group, "margin"].to_numpy())
        # Equal margins stand above each other.
        rank = np.array([(margins[:j] == margins[j]).sum() for j in range(len(margins))])
        ax.plot(margins, row - 0.13 * rank, "o", markersize=7, color=OTHERS[row % len(OTHERS)], clip_on=False)
    ax.set_yticks(range(len(groups)), groups)
    ax.set(xlabel="printed margin (points)", ylim=(len(groups) - 0.5, -0.6),
           xlim=(min(0, frame["margin"].min()) - 0.2, frame["margin"].max() + 0.3))
    _legend(fig, *ax.get_legend_handles_labels())
    return fig


def cere_tree() -> Figure:
    """How CERE's two rounds of convolution and pooling lead from ten seconds to the two columns of E.

    Pooling is drawn in black, convolutions in grey; the place that the second pooling drops is crossed out, and the way
    on which seconds 8 and 9 reach E all the same is marked.
    """
    places = [np.arange(10.0), np.arange(10.0), 2 * np.arange(5) + 0.5, 2 * np.arange(5) + 0.5, 4 * np.arange(2) + 1.5]
    levels = ["ten seconds", "convolution", "pooling: five", "convolution", "pooling: two\n(columns of E)"]
    fig, ax = _figure(4.6)
    for level, (above, below) in enumerate(itertools.pairwise(places)):
        for j, x in enumerate(below):
            read = range(2 * j, 2 * j + 2) if level % 2 else range(max(0, j - 2), min(len(above), j + 3))
            for i in read:
                saved = level == 2 and i == 4 and j < 4 or level == 1 and i > 7 or level == 3 and j == 1
                colour, width = (MARK, 2.6) if saved else (DARK, 1.6) if level % 2 else (LIGHT, 1)
                ax.plot([above[i], x], [-level, -level - 1], color=colour, linewidth=width, zorder=2 + saved)
    for level, x in enumerate(places):
        ax.plot(x, np.full(len(x), -level), "o", color=COLOURS["fused"], markersize=9, zorder=4)
    ax.plot(places[3][-1], -3, "x", color=DARK, markersize=20, markeredgewidth=3, zorder=5)
    ax.set(xlabel="second of the clip (1 s)", xticks=range(10), ylim=(-4.4, 0.4))
    ax.set_yticks(-np.arange(5), levels)
    ax.grid(False)
    return fig


def ledger_figure(frame: pd.DataFrame) -> Figure:
    """What others obtained with a program beside what was published: `name`, `published`, `obtained` (%) of a frame."""
    names = list(dict.fromkeys(frame["name"]))
    fig, ax = _figure(1.4 + 0.5 * len(names))
    at = frame["name"].map(names.index)
    ax.hlines(at, frame["obtained"], frame["published"], color=LIGHT, linewidth=2.2, zorder=0)
    ax.plot(frame["published"], at, "D", markersize=8, color=DARK, label="published")
    ax.plot(frame["obtained"], at, "o", markersize=8, color=OTHERS[0], label="obtained by others")
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="accuracy on AVE's test clips (%)", ylim=(len(names) - 0.5, -0.5))
    _legend(fig, *ax.get_legend_handles_labels())
    return fig
