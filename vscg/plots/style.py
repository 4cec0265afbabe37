"""Every figure of the book, in one style.

Each function takes tidy values and returns a matplotlib Figure. The figure is closed in pyplot, so a notebook shows it
once: as the value of the cell's last line. Accuracies come in as fractions and are drawn as percent.
"""
from collections.abc import Sequence

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

WIDTH = 7.5  # inches, every figure
DPI = 100
PALETTE = [colour for i, colour in enumerate(sns.color_palette("colorblind").as_hex()) if i != 7]  # 7 is grey
COLOURS = {"audio": PALETTE[0], "visual": PALETTE[1], "fused": PALETTE[2]}  # the same modality, the same colour
OTHERS = [PALETTE[i] for i in (3, 8, 4, 5, 7, 6, 0, 1, 2)]  # systems and classes: the modalities' colours come last
OUTLINE = (("black", 4.5), ("white", 2))  # white on black stands out from every colour of a map
MARKERS = "osD^vPX"
DASHES = ("-", "--", "-.", ":")
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


def _figure(height: float, rows: int = 1, columns: int = 1, **options) -> tuple[Figure, plt.Axes]:
    fig, axes = plt.subplots(rows, columns, figsize=(WIDTH, height), layout="constrained", **options)
    plt.close(fig)
    return fig, axes


def _name(c: int, names: Sequence[str]) -> str:
    return short_name(names[c]) if c < len(names) else "Background"


def _legend(fig: Figure, handles: list, texts: list[str]) -> None:
    """A legend above the plot, in one row if it fits; the figure grows by its height."""
    if texts:
        widths = [6 + len(text) for text in texts]  # in characters, of about 72 in a row
        columns = len(texts) if sum(widths) <= 72 else max(1, 72 // max(widths))
        fig.set_figheight(fig.get_figheight() + 0.1 + 0.25 * -(-len(texts) // columns))
        fig.legend(handles, texts, loc="outside upper center", ncols=columns)
