"""Lines over one variable, bars and heatmaps: losses over a probability, a run over its epochs, states over seconds."""
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from vscg.plots.style import COLOURS, DARK, DASHES, LIGHT, OTHERS, PALETTE, WIDTH, _figure, _legend, ink_on, short_name


def curves(x: Sequence[float], lines: Mapping[str, Sequence[float]], x_label: str, y_label: str,
           marks: Mapping[str, float] | None = None) -> Figure:
    """Several functions of one variable `x` (N,); with 20 values or fewer each is a dot on its line.

    Args:
        lines: name -> (N,) values. A name that begins with audio, visual or fused gets that colour; of a name "a, b"
            the first part picks the colour, seven that are no modality at the most, and the second the dashes.
        x_label, y_label: axis labels with their units.
        marks: text -> position on the x axis of a vertical line.
    """
    fig, ax = _figure(3.8)
    parts = [(name.partition(", ")[0], name.partition(", ")[2] or name) for name in lines]
    firsts, seconds = (list(dict.fromkeys(part)) for part in zip(*parts, strict=True))
    others = iter(OTHERS)
    colours = {first: COLOURS.get(first.split()[0].rstrip(",:")) or next(others) for first in firsts}
    for (name, values), (first, second) in zip(lines.items(), parts, strict=True):
        ax.plot(x, values, DASHES[seconds.index(second) % len(DASHES)], color=colours[first], label=name, linewidth=2.4,
                marker="o" if len(x) <= 20 else None)
    for i, (text, position) in enumerate((marks or {}).items()):
        ax.axvline(position, color=DARK, linestyle=DASHES[3 - i % 3], linewidth=1.4, label=text)
    ax.set(xlabel=x_label, ylabel=y_label)
    handles, texts = ax.get_legend_handles_labels()
    # Without dots, which would cover the gaps between the dashes.
    _legend(fig, [Line2D([], [], color=line.get_color(), linestyle=line.get_linestyle(), linewidth=line.get_linewidth())
                  for line in handles], texts)
    return fig


def learning_curves(history: pd.DataFrame) -> Figure:
    """Loss and accuracy over the epochs, side by side.

    `history` has the columns `epoch`, `loss`, `val_accuracy`, `test_accuracy` (fractions; NaN where not measured) and,
    for several systems, `system`. Several rows for one epoch, one a seed, become their mean and range.
    """
    several = "system" in history
    colour = {"hue": "system", "palette": OTHERS[:history["system"].nunique()]} if several else {"color": PALETTE[2]}
    scores = history.rename(columns={"val_accuracy": "validation", "test_accuracy": "test"}).melt(
        id_vars=["epoch", "system"] if several else ["epoch"], value_vars=["validation", "test"], var_name="split")
    scores["value"] *= 100
    fig, (left, right) = _figure(4.2, 1, 2)
    style = colour | {"x": "epoch", "errorbar": ("pi", 100), "err_kws": {"linewidth": 0}}  # the range: seeds are few
    sns.lineplot(history, y="loss", ax=left, **style)
    sns.lineplot(scores, y="value", style="split", ax=right, **style)
    left.set(xlabel="epoch", ylabel="training loss (no unit)", ylim=(min(0, history["loss"].min()), None))
    right.set(xlabel="epoch", ylabel="accuracy (% of segments)")
    for ax in (left, right):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.legend(*(part[-2:] for part in right.get_legend_handles_labels()), loc="lower right")  # the two splits
    if several:
        for line in right.get_legend().get_lines():        # seaborn's grey is lost on a dark page
            line.set_color(DARK)
        left.get_legend().remove()
    _legend(fig, *left.get_legend_handles_labels())
    return fig


def matrix(values: np.ndarray, row_label: str, column_label: str, value_label: str,
           annotate: bool = False) -> Figure:
    """A matrix (R,C) as a heatmap, of both signs centred on zero; `annotate` writes values, but zeros, into cells."""
    values = np.asarray(values)
    numbers = [[f"{value:.2f}" if round(value, 2) else "" for value in row] for row in values.tolist()]
    scale = {"cmap": "vlag", "center": 0} if np.nanmin(values) < 0 else {"cmap": "viridis"}
    fig, ax = _figure(np.clip(2 + 0.36 * len(values), 3.5, WIDTH))
    sns.heatmap(values, ax=ax, square=True, annot=np.array(numbers) if annotate else None, fmt="",
                annot_kws={"fontsize": 10}, cbar_kws={"label": value_label}, **scale)
    if annotate:                                           # seaborn writes nothing where a value is missing
        there = ax.collections[0].get_facecolors()[~np.isnan(values).ravel()]
        for text, colour in zip(ax.texts, there, strict=True):
            text.set_color(ink_on(colour))
    ax.set(xlabel=column_label, ylabel=row_label)
    ax.tick_params(axis="y", rotation=0)
    return fig


def matrices(panels: Mapping[str, np.ndarray], row_label: str, column_label: str, value_label: str) -> Figure:
    """Matrices (R, C) of values from 0 on side by side, on one scale; `panels` has their titles. Labels carry units."""
    panels = {title: np.asarray(values) for title, values in panels.items()}
    fig, axes = _figure(3, 1, len(panels))
    highest = max(values.max() for values in panels.values())
    for ax, (title, values) in zip(axes, panels.items(), strict=True):
        picture = ax.imshow(values, cmap="viridis", vmin=0, vmax=highest, extent=(0, len(values[0]), len(values), 0))
        ax.set_title(title, fontsize=11)
        ax.grid(False)
    for ax in axes[1:]:
        ax.set_yticks([])
    axes[0].set_ylabel(row_label)
    fig.supxlabel(column_label, fontsize=13)
    fig.colorbar(picture, ax=axes, label=value_label, shrink=0.8)
    return fig


def confusion(counts: np.ndarray, names: Sequence[str]) -> Figure:
    """Row-normalised confusion matrix of `counts`, (C,C) segments, rows the truth; grey where that lacks a class."""
    counts = np.asarray(counts, dtype=float)
    totals = counts.sum(axis=1, keepdims=True)
    share = np.where(totals > 0, 100 * counts / np.maximum(totals, 1), np.nan)
    short = [short_name(name) for name in names]
    fig, ax = _figure(np.clip(0.5 * len(short), 2.4, 5.5) + 2.4)
    sns.heatmap(share, ax=ax, square=True, cmap="Blues", vmin=0, vmax=100, xticklabels=short, yticklabels=short,
                cbar_kws={"label": "share of the true class's segments (%)", "location": "top", "shrink": 0.7})
    ax.set_facecolor(LIGHT)
    ax.grid(False)
    ax.set(xlabel="predicted class", ylabel="true class")
    ax.tick_params(labelsize=12 if len(short) <= 12 else 9.5, rotation=0)
    ax.tick_params(axis="x", rotation=90)
    return fig


def class_histogram(counts: Sequence[int], names: Sequence[str]) -> Figure:
    """How many clips each class has, largest first: C counts and C names."""
    frame = pd.DataFrame({"count": counts, "name": [short_name(name) for name in names]}).sort_values(
        "count", ascending=False, kind="stable")
    fig, ax = _figure(1 + 0.25 * len(frame))
    ax.bar_label(ax.barh(frame["name"], frame["count"], color=COLOURS["fused"]), padding=3, fontsize=11)
    ax.set(xlabel="number of clips", ylabel="class", xlim=(0, 1.1 * max(1, frame["count"].max())),
           ylim=(len(frame) - 0.4, -0.6))
    ax.grid(False)
    return fig


def duration_histogram(durations: Sequence[int]) -> Figure:
    """How many clips have an event of each duration: (N,) whole seconds, 0 to 10."""
    counts = np.bincount(np.asarray(durations, dtype=np.int64), minlength=11)
    fig, ax = _figure(3.8)
    ax.bar_label(ax.bar(range(len(counts)), counts, color=COLOURS["fused"]), padding=2, fontsize=11)
    ax.set(xlabel="duration of the event (s)", ylabel="number of clips", xticks=range(len(counts)),
           ylim=(0, 1.12 * max(1, counts.max())))
    ax.grid(False)
    return fig
