"""Lines over one variable: losses over a probability, states over the seconds of a clip."""
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from vscg.plots.style import COLOURS, DARK, OTHERS, _figure, _legend

DASHES = ("-", "--", "-.", ":")


def curves(x: Sequence[float], lines: Mapping[str, Sequence[float]], x_label: str, y_label: str,
           marks: Mapping[str, float] | None = None) -> Figure:
    """Several functions of one variable.

    Args:
        x: (N,) values of the variable; up to 20 of them are drawn as dots on the lines.
        lines: name -> (N,) values. A name that begins with audio, visual or fused gets that colour.
        x_label, y_label: axis labels with their units.
        marks: text -> position on the x axis of a vertical line.
    """
    fig, ax = _figure(3.8)
    others = iter(OTHERS)
    for i, (name, values) in enumerate(lines.items()):
        colour = COLOURS.get(name.split()[0].rstrip(",:")) or next(others)
        ax.plot(x, values, DASHES[i % len(DASHES)], color=colour, label=name, linewidth=2.4,
                marker="o" if len(x) <= 20 else None)
    for i, (text, position) in enumerate((marks or {}).items()):
        ax.axvline(position, color=DARK, linestyle=DASHES[3 - i % 3], linewidth=1.4, label=text)
    ax.set(xlabel=x_label, ylabel=y_label)
    _legend(fig, *ax.get_legend_handles_labels())
    return fig
