"""Figures of parameter counts: what they are made of, and how accuracy goes with them."""
from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from vscg.models import SYSTEMS
from vscg.plots import COLOURS, DARK, OTHERS, _figure, _legend

MARKERS = "osD^vPX"
# A system has the same colour and marker in every figure, those of its place here.
TITLES = [entry.title for entry in SYSTEMS.values()]


def parts_figure(parts: pd.DataFrame, references: Mapping[str, float]) -> Figure:
    """One bar for each system, stacked from the parts of its parameters.

    Args:
        parts: a row for each system, a column for each part, in millions; the first column is the live ones.
        references: system -> its printed count in millions, drawn as a mark on its bar.
    """
    fig, ax = _figure(1.2 + 0.5 * len(parts))
    at, left = range(len(parts)), pd.Series(0.0, index=parts.index)
    for part, colour in zip(parts, (COLOURS["fused"], *OTHERS), strict=False):
        ax.barh(at, parts[part], left=left, color=colour, label=part, height=0.62)
        left = left + parts[part]
    ax.plot([references[name] for name in parts.index], at, "D", color=DARK, markersize=8, label="printed")
    ax.set(xlabel="parameters (millions)", ylim=(len(parts) - 0.45, -0.55))
    ax.set_yticks(at, parts.index)
    _legend(fig, *ax.get_legend_handles_labels())
    return fig


def accuracy_by_parameters(frame: pd.DataFrame, label: str) -> Figure:
    """Accuracy over the number of parameters, one dot for each system.

    Args:
        frame: columns `name` (a title of the registry or any other), `parameters` (millions), `mean` and, where there
            are intervals, `low`, `high` (percent).
        label: what was counted, for the axis.
    """
    fig, ax = _figure(4.2)
    places = list(dict.fromkeys([*TITLES, *frame["name"]]))
    for row in frame.sort_values("parameters").to_dict("records"):
        place = places.index(row["name"])
        reach = [[row["mean"] - row["low"]], [row["high"] - row["mean"]]] if "low" in row else None
        # Names stand in the legend, in the order of size: dots may lie close together.
        ax.errorbar(row["parameters"], row["mean"], yerr=reach, fmt=MARKERS[place % len(MARKERS)],
                    markersize=9, linewidth=2, capsize=4, color=OTHERS[place % len(OTHERS)], label=row["name"])
    ax.set(xlabel=f"{label} (millions)", ylabel="accuracy (% of segments)", xscale="log",
           xlim=(0.7 * frame["parameters"].min(), 1.4 * frame["parameters"].max()))
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if ax.get_xlim()[0] <= tick <= ax.get_xlim()[1]]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    _legend(fig, *ax.get_legend_handles_labels())
    return fig
