"""The paper's tables: accuracies, differences, confusions and parameter counts, with their intervals."""
from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vscg.errors import VscgError
from vscg.models import SETTINGS, SYSTEMS
from vscg.plots.style import COLOURS, DARK, DASHES, GROUND, LIGHT, MARKERS, OTHERS, _figure, _legend

DAGGER = "\N{DAGGER}"      # of what no published program computes
REFERENCES = "--", ":", "-.", (0, (8, 2, 1, 2, 1, 2))      # dashes of lines that rows are held against
THICK, THIN = 2.2, 0.9     # intervals over seeds and clips; of one seed, over its clips alone


def pale(colour: str) -> str:
    """The inside of a dot whose row is still learning: three quarters white."""
    return to_hex((np.array(to_rgb(colour)) + 3) / 4)


def intervals(frame: pd.DataFrame, references: Mapping[str, float] | None = None,
              value_label: str = "accuracy (% of segments)") -> Figure:
    """One dot with its 95% interval for each row; `references` are dashed lines. Fractions are drawn as percent.

    `frame` has `name`, `mean`, `low`, `high` and, for one colour a group, `group`.
    """
    names = list(dict.fromkeys(frame["name"]))
    groups = list(dict.fromkeys(frame["group"])) if "group" in frame else [None]
    shared = not frame["name"].is_unique               # groups that share a row stand beside each other in it
    apart = 0.72 / len(groups) if shared else 0
    fig, ax = _figure(1 + (0.3 + 0.17 * len(groups)) * len(names) if shared
                      else 1.2 + sum(0.42 + 0.19 * name.count("\n") for name in names))
    for i, group in enumerate(groups):
        part = frame if group is None else frame[frame["group"] == group]
        position = np.array([names.index(name) for name in part["name"]]) + apart * (i - (len(groups) - 1) / 2)
        mean, low, high = (100 * part[column].to_numpy() for column in ("mean", "low", "high"))
        ax.errorbar(mean, position, xerr=[mean - low, high - mean], fmt="o", markersize=7, linewidth=THICK, capsize=4,
                    color=COLOURS.get(group, OTHERS[i % len(OTHERS)]) if group else COLOURS["fused"], label=group)
    for row in range(0, len(names) if shared else 0, 2):
        ax.axhspan(row - 0.5, row + 0.5, color=LIGHT, alpha=0.45, linewidth=0, zorder=0)
    ax.grid(not shared, axis="y")
    for i, (text, value) in enumerate((references or {}).items()):
        ax.axvline(100 * value, color=DARK, linestyle=REFERENCES[i % len(REFERENCES)], linewidth=1.6, label=text)
    ends = 100 * np.array([frame["low"].min(), frame["high"].max(), *(references or {}).values()])
    margin = 0.05 * max(1, np.ptp(ends))
    ax.set(xlabel=value_label, xlim=(ends.min() - margin, ends.max() + margin), ylim=(len(names) - 0.5, -0.5))
    ax.set_yticks(range(len(names)), names)
    _legend(fig, *ax.get_legend_handles_labels())
    return fig


def table_figure(frame: pd.DataFrame, setting: str) -> Figure:
    """Measured accuracy of the rows in one setting, in the paper's order; its own figures only beside runs on AVE.

    `frame` is `TableResult.frame()`, with the name of the outcome and the references, dashed lines, in its `attrs`.
    Rows that are still learning are pale inside; those that no published program computes have a dagger; the interval
    of one seed is thin beside those of more. VscgError if nothing was measured in that setting.
    """
    rows = frame[(frame["setting"] == setting) & frame["mean"].notna()]
    if rows.empty:
        raise VscgError(f"no row, {setting} supervised, of this table was measured: there is nothing to draw.")
    at, colour = np.arange(len(rows)), COLOURS["fused"]
    fig, ax = _figure(1.3 + 0.55 * len(rows))
    learning = (rows["course"] == "still learning").to_numpy()
    _dots(ax, at - 0.17, rows, "", colour, learning, label=frame.attrs["outcome"])
    _dots(ax, at + 0.17, rows, "test_", colour, marker="s", markerfacecolor=GROUND, label="selected by test")
    if rows["seeds"].max() > 1:
        each = rows["each_seed"].explode().astype(float)
        ax.plot(each, np.repeat(at - 0.36, rows["each_seed"].map(len)), "o", markersize=3.5, color=DARK,
                label="each seed")
    if (rows["data"] == "ave").all():
        ax.plot(rows["paper"], at, "D", markersize=7, color=OTHERS[0], label="paper")
    _references(ax.axvline, frame.attrs.get("references", {}))
    ax.set(xlabel="accuracy (% of segments)", ylim=(len(rows) - 0.45, -0.55))
    ax.set_yticks(at, _marked(rows, "row"))
    _legend(fig, *_with_marks(ax, learning, rows["seeds"]))
    return fig


def course_figure(courses: pd.DataFrame, references: Mapping[str, tuple[float, float, float]],
                  rows: Sequence[str]) -> Figure:
    """Test accuracy over the epochs: a line for each row, the mean over its seeds, in the band that they span.

    Args:
        courses: `TableResult.courses`, columns row, seed, epoch, accuracy (percent).
        references: `TableResult.held_against`, drawn as broken lines without a colour.
        rows: the names of all rows, measured or not: each has the line of its place here.
    """
    fig, ax = _figure(4.6)
    for row, part in courses.groupby("row", sort=False):
        i, by_epoch = rows.index(row), part.groupby("epoch")["accuracy"]
        colour = OTHERS[i % len(OTHERS)]
        ax.plot(by_epoch.mean(), DASHES[i % len(DASHES)], color=colour, linewidth=2, label=row)
        ax.fill_between(by_epoch.min().index, by_epoch.min(), by_epoch.max(), color=colour, alpha=0.15, linewidth=0)
    _references(ax.axhline, references)
    ax.set(xlabel="epoch", ylabel="test accuracy (% of segments)")
    _legend(fig, *ax.get_legend_handles_labels())
    return fig


def _references(line: Callable[..., object], references: Mapping[str, tuple[float, float, float]]) -> None:
    """A dashed line for each reference; `line` is `ax.axvline` or `ax.axhline`."""
    for i, (text, (mean, *_)) in enumerate(references.items()):
        line(mean, color=DARK, linestyle=REFERENCES[i % len(REFERENCES)], linewidth=1.4, label=text)


def difference_figure(rows: pd.DataFrame) -> Figure:
    """Measured differences around zero; a triangle at the edge points to the side on which the paper's lies.

    `rows` are `TableResult.differences()`. Pale inside: a row is still learning; dagger: no published program computes
    one; thin: one seed, where others have more.
    """
    pairs = list(dict.fromkeys(zip(_marked(rows, "first"), _marked(rows, "second"), strict=True)))
    settings = [name for name in SETTINGS if name in set(rows["setting"])]
    fig, ax = _figure(1.3 + 0.75 * len(pairs))
    ax.axvline(0, color=DARK, linewidth=1.4)
    for i, setting in enumerate(settings):
        colour, marker = OTHERS[SETTINGS.index(setting)], "os"[SETTINGS.index(setting)]
        part = rows[rows["setting"] == setting]
        at = np.array([pairs.index(pair) for pair in zip(_marked(part, "first"), _marked(part, "second"), strict=True)])
        at = at + 0.26 * (i - (len(settings) - 1) / 2)
        _dots(ax, at, part, "", colour, part["learning"].to_numpy(), marker, label=f"{setting} supervised")
        for arrow, edge, side in (("<", 0.02, part["paper"] < 0), (">", 0.98, part["paper"] > 0)):
            ax.plot(np.full(side.sum(), edge), at[side], arrow, markersize=8, color=colour,
                    transform=ax.get_yaxis_transform())
    reach = max(1.0, np.ptp([rows["low"].min(), rows["high"].max(), 0]))
    ax.set(xlabel="difference (points)", ylim=(len(pairs) - 0.45, -0.55),
           xlim=(min(0, rows["low"].min()) - 0.12 * reach, max(0, rows["high"].max()) + 0.12 * reach))
    ax.set_yticks(range(len(pairs)), [f"{first}\nminus {second}" for first, second in pairs])
    handles, texts = _with_marks(ax, rows["learning"], rows["seeds"])
    paper = Line2D([], [], marker=">", linestyle="", markersize=8, color=DARK)
    _legend(fig, [*handles, paper], [*texts, "paper's side"])
    return fig


def _dots(ax: plt.Axes, at: np.ndarray, rows: pd.DataFrame, prefix: str, colour: str,
          learning: np.ndarray | None = None, marker: str = "o", **style) -> None:
    """A dot with its interval for each row, of the columns `mean`, `low`, `high` with a prefix; if learning, pale."""
    mean, low, high = (rows[f"{prefix}{name}"].to_numpy() for name in ("mean", "low", "high"))
    alone, learning = _alone(rows["seeds"]), np.zeros(len(rows), bool) if learning is None else learning
    style = {"fmt": marker, "markersize": 7, "capsize": 4, "color": colour, **style}
    ax.errorbar([], [], xerr=[], linewidth=THICK, **style)
    style.pop("label")
    for light, thin in sorted(set(zip(learning, alone, strict=True))):
        at_these = (learning == light) & (alone == thin)
        ax.errorbar(mean[at_these], at[at_these], xerr=np.stack([mean - low, high - mean])[:, at_these],
                    linewidth=THIN if thin else THICK, **style | ({"markerfacecolor": pale(colour)} if light else {}))


def _alone(seeds: pd.Series) -> np.ndarray:
    """Which rows have one seed, where others have more: their intervals are of another kind."""
    return ((seeds == 1) & (seeds.max() > 1)).to_numpy()


def _marked(rows: pd.DataFrame, name: str) -> list[str]:
    """Names of rows, those that no published program computes with a dagger."""
    origin = "origin" if name == "row" else f"{name}_origin"
    return [text if of == "published code" else f"{text} {DAGGER}" for text, of in rows[[name, origin]].to_numpy()]


def _with_marks(ax: plt.Axes, learning: np.ndarray, seeds: pd.Series) -> tuple[list, list[str]]:
    """The legend's handles and texts, with what a pale dot, a thin line and a dagger mean if there are any."""
    handles, texts = ax.get_legend_handles_labels()
    if learning.any():
        handles.append(Line2D([], [], marker="o", linestyle="", markersize=7, color=DARK, markerfacecolor=pale(DARK)))
        texts.append("pale inside: still learning")
    if _alone(seeds).any():
        handles.append(Line2D([], [], linewidth=THIN, color=DARK))
        texts.append("thin: one seed, interval over its clips alone")
    if any(DAGGER in label.get_text() for label in ax.get_yticklabels()):
        handles.append(Line2D([], [], marker=f"${DAGGER}$", linestyle="", markersize=8, color=DARK))
        texts.append("not the published code")
    return handles, texts


# Beside its size a system has the same colour and marker in every figure, those of its place here.
TITLES = [entry.title for entry in SYSTEMS.values()]


def parts_figure(parts: pd.DataFrame, references: Mapping[str, float] | None = None,
                 label: str = "parameters (millions)") -> Figure:
    """A bar a row, stacked from its columns; `references`, row -> printed value, are marks. `label` has a unit."""
    fig, ax = _figure(1.2 + 0.5 * len(parts))
    at, left = range(len(parts)), pd.Series(0.0, index=parts.index)
    for part, colour in zip(parts, (COLOURS["fused"], *OTHERS), strict=False):
        ax.barh(at, parts[part], left=left, color=colour, label=part, height=0.62)
        left = left + parts[part]
    if references:
        ax.plot([references[name] for name in parts.index], at, "D", color=DARK, markersize=8, label="printed")
    ax.set(xlabel=label, ylim=(len(parts) - 0.45, -0.55))
    ax.set_yticks(at, parts.index)
    _legend(fig, *ax.get_legend_handles_labels())
    return fig


def accuracy_by_parameters(frame: pd.DataFrame, label: str) -> Figure:
    """Accuracy over the number of parameters, one dot for each system.

    `frame` has `name`, `parameters` (millions, as `label` says), `mean` and, for intervals, `low`, `high` (percent) and
    `seeds`: that of one seed is thin beside those of more. The references in its `attrs` are lines with their names.
    """
    fig, ax = _figure(4.2)
    places = list(dict.fromkeys([*TITLES, *frame["name"]]))
    frame = frame.assign(alone=_alone(frame["seeds"]) if "seeds" in frame else False)
    for row in frame.sort_values("parameters").to_dict("records"):
        place = places.index(row["name"])
        reach = [[row["mean"] - row["low"]], [row["high"] - row["mean"]]] if "low" in row else None
        # Names stand in the legend, in the order of size: dots may lie close together.
        ax.errorbar(row["parameters"], row["mean"], yerr=reach, fmt=MARKERS[place % len(MARKERS)],
                    markersize=9, linewidth=THIN if row["alone"] else THICK, capsize=4,
                    color=OTHERS[place % len(OTHERS)], label=row["name"])
    for text, (mean, *_) in frame.attrs.get("references", {}).items():
        ax.axhline(mean, color=DARK, linestyle="--", linewidth=1.4)
        ax.annotate(text, (0.99, mean), (0, -3), ax.get_yaxis_transform(), "offset points", va="top", ha="right",
                    fontsize=11)
    ax.set(xlabel=f"{label} (millions)", ylabel="accuracy (% of segments)", xscale="log",
           xlim=(0.7 * frame["parameters"].min(), 1.4 * frame["parameters"].max()))
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if ax.get_xlim()[0] <= tick <= ax.get_xlim()[1]]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    _legend(fig, *ax.get_legend_handles_labels())
    return fig
