"""The one style of every figure; accuracies come in as fractions and are drawn as percent."""
import gzip
import io
import sys
from collections.abc import Sequence

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

WIDTH = 6.0  # inches, every figure: on a phone of 390 px its letters are still 10 px high
ROW = 60     # characters of a legend in one row
DPI = 100
PALETTE = [colour for i, colour in enumerate(sns.color_palette("colorblind").as_hex()) if i != 7]  # 7 is grey
COLOURS = {"audio": PALETTE[0], "visual": PALETTE[1], "fused": PALETTE[2]}  # the same modality, the same colour
# Systems and classes: the modalities' colours come last. As lines on white, yellow and pink (7 and 6) are too pale.
OTHERS = [PALETTE[i] for i in (3, 8, 4, 5, 0, 1, 2)]
OUTLINE = (("black", 4.5), ("white", 2))  # white on black stands out from every colour of a map
MARKERS = "osD^vPX*"
DASHES = ("-", "--", "-.", ":")
LIGHT, DARK, MARK = "#e3e3e3", "#303030", PALETTE[3]
# Text, frames and ground have shades that nothing else has: a reader of dark pages gets others in their place, while
# what is black or white inside a map stays.
INK, FRAME, GRID, GROUND = "#2a2a2a", "#666667", "#e0e0e1", "#fefefe"
ON_DARK = {INK: "#d8dde3", DARK: "#d0d0d0", FRAME: "#8b929c", GRID: "#333a44", LIGHT: "#454c57", GROUND: "#121212"}
LARGEST_SVG = 300_000  # characters; a figure of more points is a picture of twice the pixels, on white
LARGEST_PNG = 100_000  # bytes; above it a picture is one of photographs


def set_style() -> None:
    """Seaborn theme with a colour-blind palette; in a notebook figures are shown by `shown`."""
    sns.set_theme(context="notebook", style="whitegrid", palette=PALETTE, rc={
        "figure.figsize": (WIDTH, 4), "figure.dpi": DPI, "savefig.dpi": DPI, "savefig.transparent": False,
        "figure.facecolor": GROUND, "axes.facecolor": GROUND, "savefig.facecolor": GROUND, "font.size": 12,
        "axes.titlesize": 13, "axes.labelsize": 13, "xtick.labelsize": 12, "ytick.labelsize": 12,
        "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
        "legend.fontsize": 12, "legend.frameon": False, "axes.edgecolor": FRAME, "grid.color": GRID,
        "patch.edgecolor": GROUND,
        "font.sans-serif": ["DejaVu Sans"],
        "svg.fonttype": "path", "svg.hashsalt": "vscg"})  # the same file every time, with the same letters everywhere
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:
        plt.switch_backend(matplotlib.get_backend())  # a notebook's backend sets its own way when it starts
        shell.display_formatter.formatters["image/png"].pop(Figure, None)
        shell.display_formatter.mimebundle_formatter.for_type(Figure, shown)


def shown(fig: Figure) -> dict[str, str | bytes]:
    """A figure as a notebook keeps it, by MIME type: SVG with a dark twin in itself; a PNG where that is too large,
    and a JPEG where this is too, as with photographs."""
    file = io.StringIO()
    fig.savefig(file, format="svg", bbox_inches="tight", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = file.getvalue()
    if len(svg) <= LARGEST_SVG and len(gzip.compress(svg.encode())) <= LARGEST_PNG:
        rules = "".join(f'[style*="{kind}: {light}"]{{{kind}:{dark}!important}}' for light, dark in ON_DARK.items()
                        for kind in ("fill", "stroke"))
        # Without crisp edges the ground shines through between the cells of a map.
        style = f"[id^=QuadMesh]{{shape-rendering:crispEdges}}@media (prefers-color-scheme: dark){{{rules}}}"
        return {"image/svg+xml": svg.replace("</style>", f"{style}</style>", 1)}
    picture = io.BytesIO()
    fig.savefig(picture, format="png", bbox_inches="tight", dpi=2 * DPI, metadata={"Software": None})
    if len(picture.getvalue()) <= LARGEST_PNG:
        return {"image/png": picture.getvalue()}
    picture = io.BytesIO()
    fig.savefig(picture, format="jpeg", bbox_inches="tight", dpi=2 * DPI, pil_kwargs={"quality": 70})
    return {"image/jpeg": picture.getvalue()}


def short_name(name: str) -> str:
    """A category's name up to its first comma or bracket: 'Male speech, man speaking' becomes 'Male speech'."""
    return name.split(",")[0].split("(")[0].strip()


def _figure(height: float, rows: int = 1, columns: int = 1, **options) -> tuple[Figure, plt.Axes]:
    fig, axes = plt.subplots(rows, columns, figsize=(WIDTH, height), layout="constrained", **options)
    plt.close(fig)
    return fig, axes


def _name(c: int, names: Sequence[str]) -> str:
    return short_name(names[c]) if c < len(names) else "Background"


def ink_on(colour: object) -> str:
    """Black or white, whichever stands out more from a colour, by WCAG's relative luminance."""
    shares = np.array(to_rgb(colour))
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return "black" if linear @ (0.2126, 0.7152, 0.0722) > 0.179 else "white"


def _legend(fig: Figure, handles: list, texts: list[str]) -> None:
    """A legend above the plot, in one row if it fits; the figure grows by its height."""
    if texts:
        widths = [6 + len(text) for text in texts]
        columns = len(texts) if sum(widths) <= ROW else max(1, ROW // max(widths))
        fig.set_figheight(fig.get_figheight() + 0.1 + 0.25 * -(-len(texts) // columns))
        fig.legend(handles, texts, loc="outside upper center", ncols=columns, columnspacing=1, handletextpad=0.5)
