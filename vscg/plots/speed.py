"""Figures of speed: ratios to the published loop, roofline and profile of a step, growth with batch and clips."""
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vscg.plots.style import COLOURS, DARK, LIGHT, OTHERS, _figure, _legend

LOOPS = {"published": OTHERS[0], "vscg": COLOURS["fused"]}      # the two loops, the same colour everywhere


def speedup_figure(clocks: Mapping[str, pd.DataFrame]) -> Figure:
    """How many times faster than the published loop each arm is: median and quartiles, by several clocks.

    Args:
        clocks: clock's name -> a row for each arm, columns `median`, `low`, `high`. The arm "published again" is the
            published loop itself; its quartiles by the first clock are shaded.
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
            label="the machine at best")
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

    Args:
        batches, clips: index batch size or number of clips, columns `published` and `vscg`.
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
