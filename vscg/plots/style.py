"""Every figure of the book, in one style.

Each function takes tidy values and returns a matplotlib Figure. The figure is closed in pyplot, so a notebook shows it
once: as the value of the cell's last line. Accuracies come in as fractions and are drawn as percent.
"""
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from vscg.data.labels import BACKGROUND, CATEGORIES

WIDTH = 7.5  # inches, every figure
DPI = 100
PALETTE = [colour for i, colour in enumerate(sns.color_palette("colorblind").as_hex()) if i != 7]  # 7 is grey
COLOURS = {"audio": PALETTE[0], "visual": PALETTE[1], "fused": PALETTE[2]}  # the same modality, the same colour
OTHERS = [PALETTE[i] for i in (3, 8, 4, 5, 7, 6, 0, 1, 2)]  # systems and classes: the modalities' colours come last
OUTLINE = (("black", 4.5), ("white", 2))  # white on black stands out from every colour of a map
LIGHT, DARK, MARK = "#e3e3e3", "#303030", PALETTE[3]


def set_style() -> None:
    """Seaborn theme with a colour-blind palette on opaque white, so that figures read on light and dark pages."""
    sns.set_theme(context="notebook", style="whitegrid", palette=PALETTE, rc={
        "figure.figsize": (WIDTH, 4), "figure.dpi": DPI, "savefig.dpi": DPI, "savefig.transparent": False,
        "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white", "font.size": 12,
        "axes.titlesize": 13, "axes.labelsize": 13, "xtick.labelsize": 12, "ytick.labelsize": 12,
        "legend.fontsize": 12, "legend.frameon": False, "axes.edgecolor": "0.4", "grid.color": "0.88"})


def short_name(name: str) -> str:
    """A category's name up to its first comma or bracket: 'Male speech, man speaking' becomes 'Male speech'."""
    return name.split(",")[0].split("(")[0].strip()


def timeline(truth: Sequence[int] | None, predictions: Mapping[str, Sequence[int]], title: str = "") -> Figure:
    """Ground truth and any number of systems over one clip, as in the paper's Fig. 1.

    Args:
        truth: (T,) class indices, 28 = background, drawn light grey; None if it is not known.
        predictions: system's name -> (T,) class indices.
    """
    rows = {} if truth is None else {"ground truth": np.asarray(truth)}
    rows |= {name: np.asarray(p) for name, p in predictions.items()}
    length = len(next(iter(rows.values())))
    shown = [c for c in dict.fromkeys(np.concatenate(list(rows.values())).tolist()) if c != BACKGROUND]
    palette = OTHERS if len(shown) <= len(OTHERS) else sns.husl_palette(len(shown)).as_hex()
    colours = dict(zip(shown, palette, strict=False)) | {BACKGROUND: LIGHT}
    fig, ax = _figure(1.5 + 0.62 * len(rows))
    texts = []
    for row, classes in enumerate(rows.values()):
        edges = [0, *(np.flatnonzero(np.diff(classes)) + 1).tolist(), length]
        for start, end in zip(edges, edges[1:], strict=False):
            c = int(classes[start])
            ax.barh(row, end - start, left=start, color=colours[c], edgecolor="white", linewidth=1.5)
            text = textwrap.fill(_name(c), max(5, 8 * (end - start)))
            ink = "black" if np.dot(to_rgb(colours[c]), (0.3, 0.59, 0.11)) > 0.38 else "white"  # whichever reads better
            texts.append((ax.text((start + end) / 2, row, text, ha="center", va="center", fontsize=10.5, color=ink,
                                  linespacing=0.9), end - start))
    ax.set(xlim=(0, length), ylim=(len(rows) - 0.5, -0.5), xticks=range(length + 1), xlabel="time (s)", title=title)
    ax.set_yticks(range(len(rows)), rows)
    ax.grid(False)
    sns.despine(ax=ax, left=True)
    if _drop_wide(fig, ax, texts):  # names that do not fit their run are in a legend instead
        _legend(fig, [Patch(color=colours[c]) for c in colours], [_name(c) for c in colours])
    return fig


def attention_maps(maps: np.ndarray, mask: np.ndarray | None = None, labels: Sequence[int] | None = None) -> Figure:
    """Attention of each second over the 7x7 picture regions, five seconds a row, on one colour scale.

    Args:
        maps: (T, 7, 7), each sums to 1.
        mask: (T, 7, 7) bool, True on the true source's regions, which are outlined.
        labels: (T,) class indices; seconds with an event are framed.
    """
    maps = np.asarray(maps)
    rows = -(-len(maps) // 5)
    fig, axes = _figure(max(2.7, 0.6 + 1.45 * rows), rows, min(5, len(maps)), squeeze=False)
    for ax in axes.flat[len(maps):]:
        ax.set_axis_off()
    for t, ax in enumerate(axes.flat[:len(maps)]):
        picture = ax.imshow(maps[t], cmap="viridis", vmin=0, vmax=maps.max())
        event = labels is not None and labels[t] != BACKGROUND
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"{t} to {t + 1} s", color=MARK if event else DARK)
        ax.spines[:].set(color=MARK if event else LIGHT, linewidth=3.5 if event else 1)
        if mask is not None:
            _outline(ax, np.asarray(mask[t], dtype=bool))
    fig.colorbar(picture, ax=axes, shrink=0.8, label="attention (share)")
    fig.supxlabel("across (1/7 of the width)", fontsize=12)
    fig.supylabel("down (1/7 of the height)", fontsize=12)
    marks = {"second with the event": Line2D([], [], color=MARK, linewidth=3.5)} if labels is not None else {}
    if mask is not None:
        marks["true source"] = tuple(Line2D([], [], color=colour, linewidth=width) for colour, width in OUTLINE)
    _legend(fig, list(marks.values()), list(marks))
    return fig


def matrix(values: np.ndarray, row_label: str, column_label: str, title: str, value_label: str,
           annotate: bool = False) -> Figure:
    """A matrix (R, C) as a heatmap; values of both signs get a scale centred on zero. Labels carry the units."""
    values = np.asarray(values)
    scale = {"cmap": "vlag", "center": 0} if np.nanmin(values) < 0 else {"cmap": "viridis"}
    fig, ax = _figure(np.clip(2 + 0.36 * len(values), 3.5, WIDTH))
    sns.heatmap(values, ax=ax, square=True, annot=np.round(values, 2) + 0.0 if annotate else None, fmt=".2f",
                annot_kws={"fontsize": 10}, cbar_kws={"label": value_label}, **scale)
    ax.set(xlabel=column_label, ylabel=row_label, title=title)
    ax.tick_params(axis="y", rotation=0)
    return fig


def confusion(counts: np.ndarray, names: Sequence[str]) -> Figure:
    """Row-normalised confusion matrix; rows are the truth, a class absent from the truth is grey.

    Args:
        counts: (C, C) segments, rows = true class.
        names: C class names.
    """
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


def learning_curves(history: pd.DataFrame) -> Figure:
    """Loss and accuracy over the epochs, side by side.

    Args:
        history: columns `epoch`, `loss`, `val_accuracy`, `test_accuracy` (fractions; NaN where not measured) and, for
            several systems, `system`. Several rows for one epoch, one a seed, become their mean and range.
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


def intervals(frame: pd.DataFrame, references: Mapping[str, float] | None = None,
              value_label: str = "accuracy (% of segments)") -> Figure:
    """One dot with its 95% interval for each row, in percent.

    Args:
        frame: columns `name`, `mean`, `low`, `high` (fractions) and, for one colour a group, `group`.
        references: text -> fraction, drawn as dashed lines.
        value_label: axis label with its unit.
    """
    names = list(dict.fromkeys(frame["name"]))
    groups = list(dict.fromkeys(frame["group"])) if "group" in frame else [None]
    apart = 0 if frame["name"].is_unique else 0.22     # groups that share a row stand beside each other in it
    fig, ax = _figure(1.2 + 0.42 * len(names))
    for i, group in enumerate(groups):
        part = frame if group is None else frame[frame["group"] == group]
        position = np.array([names.index(name) for name in part["name"]]) + apart * (i - (len(groups) - 1) / 2)
        mean, low, high = (100 * part[column].to_numpy() for column in ("mean", "low", "high"))
        ax.errorbar(mean, position, xerr=[mean - low, high - mean], fmt="o", markersize=7, linewidth=2.2, capsize=4,
                    color=COLOURS.get(group, OTHERS[i % len(OTHERS)]) if group else COLOURS["fused"], label=group)
    for i, (text, value) in enumerate((references or {}).items()):
        ax.axvline(100 * value, color=DARK, linestyle=["--", ":", "-."][i % 3], linewidth=1.6, label=text)
    ends = 100 * np.array([frame["low"].min(), frame["high"].max(), *(references or {}).values()])
    margin = 0.05 * max(1, np.ptp(ends))
    ax.set(xlabel=value_label, xlim=(ends.min() - margin, ends.max() + margin), ylim=(len(names) - 0.5, -0.5))
    ax.set_yticks(range(len(names)), names)
    _legend(fig, *ax.get_legend_handles_labels())
    return fig


def _figure(height: float, rows: int = 1, columns: int = 1, **options) -> tuple[Figure, plt.Axes]:
    fig, axes = plt.subplots(rows, columns, figsize=(WIDTH, height), layout="constrained", **options)
    plt.close(fig)
    return fig, axes


def _name(c: int) -> str:
    return "Background" if c == BACKGROUND else short_name(CATEGORIES[c])


def _legend(fig: Figure, handles: list, texts: list[str]) -> None:
    """A legend above the plot, in one row if it fits; the figure grows by its height."""
    if texts:
        widths = [6 + len(text) for text in texts]  # in characters, of about 72 in a row
        columns = len(texts) if sum(widths) <= 72 else max(1, 72 // max(widths))
        fig.set_figheight(fig.get_figheight() + 0.1 + 0.25 * -(-len(texts) // columns))
        fig.legend(handles, texts, loc="outside upper center", ncols=columns)


def _drop_wide(fig: Figure, ax: plt.Axes, texts: list) -> bool:
    """Removes the names that are wider than their run; True if an event's name was (grey speaks for itself)."""
    fig.draw_without_rendering()
    pixels_per_second = ax.bbox.width / ax.viewLim.width
    wide = [text for text, seconds in texts if text.get_window_extent().width > seconds * pixels_per_second - 4]
    for text in wide:
        text.remove()
    return any(text.get_text() != _name(BACKGROUND) for text in wide)


def _outline(ax: plt.Axes, inside: np.ndarray) -> None:
    """Draws the border of the True cells of a map."""
    padded = np.pad(inside, 1)
    lines = [((c - 1.5, r - 0.5), (c - 0.5, r - 0.5)) for r, c in np.argwhere(padded[1:] != padded[:-1])]
    lines += [((c - 0.5, r - 1.5), (c - 0.5, r - 0.5)) for r, c in np.argwhere(padded[:, 1:] != padded[:, :-1])]
    for colour, width in OUTLINE:
        ax.add_collection(LineCollection(lines, color=colour, linewidth=width, capstyle="projecting", clip_on=False))
