"""Figures of the paper's tables: accuracies, and differences between rows, each with its 95% interval."""
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vscg.errors import VscgError
from vscg.plots.style import COLOURS, DARK, OTHERS, _figure, _legend


def table_figure(frame: pd.DataFrame, setting: str) -> Figure:
    """Measured accuracy of the rows in one setting, in the paper's order; its own figures only beside runs on AVE.

    Args:
        frame: `TableResult.frame()`.
        setting: "fully" or "weakly".

    Raises:
        VscgError: nothing was measured in that setting.
    """
    rows = _measured(frame[frame["setting"] == setting], f"row, {setting} supervised,")
    at, colour = np.arange(len(rows)), COLOURS["fused"]
    fig, ax = _figure(1.3 + 0.55 * len(rows))
    _dots(ax, at - 0.17, rows, "", color=colour, label="selected by validation")
    _dots(ax, at + 0.17, rows, "test_", color=colour, markerfacecolor="white", label="selected by test")
    if rows["seeds"].max() > 1:
        each = rows["each_seed"].explode().astype(float)
        ax.plot(each, np.repeat(at - 0.36, rows["each_seed"].map(len)), "o", markersize=3.5, color=DARK,
                label="one seed")
    if (rows["data"] == "ave").all():
        ax.plot(rows["paper"], at, "D", markersize=7, color=OTHERS[0], label="paper")
    ax.set(xlabel="accuracy (% of segments)", ylim=(len(rows) - 0.45, -0.55))
    ax.set_yticks(at, rows["row"])
    _legend(fig, *ax.get_legend_handles_labels())
    return fig


def difference_figure(differences: pd.DataFrame) -> Figure:
    """Measured differences around zero; a triangle at the edge points to the side on which the paper's lies.

    Args:
        differences: `TableResult.differences()`, both settings or one; pairs that were not measured are left out.

    Raises:
        VscgError: no pair was measured.
    """
    rows = _measured(differences, "pair")
    pairs = list(dict.fromkeys(zip(rows["first"], rows["second"], strict=True)))
    settings = list(dict.fromkeys(rows["setting"]))
    fig, ax = _figure(1.3 + 0.75 * len(pairs))
    ax.axvline(0, color=DARK, linewidth=1.4)
    for i, setting in enumerate(settings):
        part = rows[rows["setting"] == setting]
        at = np.array([pairs.index(pair) for pair in zip(part["first"], part["second"], strict=True)], dtype=float)
        at += 0.26 * (i - (len(settings) - 1) / 2)
        _dots(ax, at, part, "", color=OTHERS[i], label=f"{setting} supervised")
        for marker, edge, side in (("<", 0.02, part["paper"] < 0), (">", 0.98, part["paper"] > 0)):
            ax.plot(np.full(side.sum(), edge), at[side], marker, markersize=8, color=OTHERS[i],
                    transform=ax.get_yaxis_transform())
    reach = max(1.0, np.ptp([rows["low"].min(), rows["high"].max(), 0]))
    ax.set(xlabel="difference in accuracy (percentage points)", ylim=(len(pairs) - 0.45, -0.55),
           xlim=(min(0, rows["low"].min()) - 0.12 * reach, max(0, rows["high"].max()) + 0.12 * reach))
    ax.set_yticks(range(len(pairs)), [f"{first}\nminus {second}" for first, second in pairs])
    handles, texts = ax.get_legend_handles_labels()
    paper = Line2D([], [], marker=">", linestyle="", markersize=8, color=DARK)
    _legend(fig, [*handles, paper], [*texts, "paper's side"])
    return fig


def _measured(frame: pd.DataFrame, what: str) -> pd.DataFrame:
    rows = frame[frame["mean"].notna()]
    if rows.empty:
        raise VscgError(f"no {what} of this table was measured: there is nothing to draw.")
    return rows


def _dots(ax: plt.Axes, at: np.ndarray, rows: pd.DataFrame, prefix: str, **style) -> None:
    """A dot with its interval for each row, from the columns `mean`, `low`, `high` with a prefix."""
    mean, low, high = (rows[f"{prefix}{name}"].to_numpy() for name in ("mean", "low", "high"))
    ax.errorbar(mean, at, xerr=[mean - low, high - mean], fmt="o", markersize=7, linewidth=2.2, capsize=4, **style)
