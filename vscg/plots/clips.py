"""One clip: its pictures, its sound, its timeline, and where systems look."""
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from vscg.data.labels import BACKGROUND, CATEGORIES
from vscg.plots.style import DARK, GROUND, LIGHT, MARK, OTHERS, OUTLINE, WIDTH, _figure, _legend, _name, ink_on


def timeline(truth: Sequence[int] | None, predictions: Mapping[str, Sequence[int]], title: str = "",
             names: Sequence[str] = CATEGORIES) -> Figure:
    """Ground truth and any number of systems over one clip, as in the paper's Fig. 1.

    `truth` (T,) and each of `predictions`, some shorter, are class indices; background, the index after the last of the
    events' `names`, is drawn light grey; the truth is None if it is not known.
    """
    rows = {} if truth is None else {"ground truth": np.asarray(truth)}
    rows |= {name: np.asarray(p) for name, p in predictions.items()}
    length = max(map(len, rows.values()))
    shown = [c for c in dict.fromkeys(np.concatenate(list(rows.values())).tolist()) if c != len(names)]
    palette = OTHERS if len(shown) <= len(OTHERS) else sns.husl_palette(len(shown)).as_hex()
    colours = dict(zip(shown, palette, strict=False)) | {len(names): LIGHT}
    fig, ax = _figure(1.5 + 0.62 * len(rows))
    texts = []
    for row, classes in enumerate(rows.values()):
        edges = [0, *(np.flatnonzero(np.diff(classes)) + 1).tolist(), len(classes)]
        for start, end in zip(edges, edges[1:], strict=False):
            c = int(classes[start])
            ax.barh(row, end - start, left=start, color=colours[c], edgecolor=GROUND,
                    linewidth=1.5 if length <= 60 else 0)  # s; a narrow run would be all edge
            text = textwrap.fill(_name(c, names), max(5, 80 * (end - start) // max(10, length)))
            ink = DARK if colours[c] == LIGHT else ink_on(colours[c])
            texts.append((ax.text((start + end) / 2, row, text, ha="center", va="center", fontsize=10.5, color=ink,
                                  linespacing=0.9), end - start))
    step = next(step for step in (1, 5, 10, 30, 60, 300, 600, length) if length <= 20 * step)
    ax.set(xlim=(0, length), ylim=(len(rows) - 0.5, -0.5), xticks=range(0, length + 1, step), xlabel="time (s)",
           title=title)
    ax.set_yticks(range(len(rows)), rows)
    ax.grid(False)
    sns.despine(ax=ax, left=True)
    if _drop_wide(fig, ax, texts):  # names that do not fit their run are in a legend instead
        _legend(fig, [Patch(color=colours[c]) for c in colours], [_name(c, names) for c in colours])
    return fig


def attention_maps(maps: np.ndarray, mask: np.ndarray | None = None, labels: Sequence[int] | None = None) -> Figure:
    """Attention (T,G,G) of each second over the picture regions, five seconds a row, on one colour scale.

    The true source's regions, `mask` (T,G,G) bool, are outlined; seconds with an event, by AVE's `labels` (T,), framed.
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
        ax.set_title(f"{t} to {t + 1} s", color=DARK, weight="bold" if event else None)
        ax.spines[:].set(color=MARK if event else LIGHT, linewidth=3.5 if event else 1)
        if mask is not None:
            _outline(ax, np.asarray(mask[t], dtype=bool))
    fig.colorbar(picture, ax=axes, shrink=0.8, label="attention (share)")
    fig.supxlabel(f"across (1/{maps.shape[2]} of the width)", fontsize=12)
    fig.supylabel(f"down (1/{maps.shape[1]} of the height)", fontsize=12)
    marks = {"second with the event": Line2D([], [], color=MARK, linewidth=3.5)} if labels is not None else {}
    if mask is not None:
        marks["true source"] = tuple(Line2D([], [], color=colour, linewidth=width) for colour, width in OUTLINE)
    _legend(fig, list(marks.values()), list(marks))
    return fig


def _drop_wide(fig: Figure, ax: plt.Axes, texts: list) -> bool:
    """Removes the names that are wider than their run; True if an event's name was (grey speaks for itself)."""
    fig.draw_without_rendering()
    pixels_per_second = ax.bbox.width / ax.viewLim.width
    wide = [text for text, seconds in texts if text.get_window_extent().width > seconds * pixels_per_second - 4]
    for text in wide:
        text.remove()
    return any(text.get_text() != "Background" for text in wide)


def _outline(ax: plt.Axes, inside: np.ndarray, strokes: Sequence[tuple[str, float]] = OUTLINE) -> None:
    """Draws the border of the True cells of a map, in strokes of a colour and a width, one over the other."""
    padded = np.pad(inside, 1)
    lines = [((c - 1.5, r - 0.5), (c - 0.5, r - 0.5)) for r, c in np.argwhere(padded[1:] != padded[:-1])]
    lines += [((c - 0.5, r - 1.5), (c - 0.5, r - 0.5)) for r, c in np.argwhere(padded[:, 1:] != padded[:, :-1])]
    for colour, width in strokes:
        ax.add_collection(LineCollection(lines, color=colour, linewidth=width, capstyle="projecting", clip_on=False,
                                         zorder=3))        # above the frame


def frames(pictures: np.ndarray, source: np.ndarray | None = None, silent: np.ndarray | None = None) -> Figure:
    """One picture of each second, five a row, (T,H,W,3) uint8; outlined are regions (T,G,G) bool, silent ones black."""
    rows = -(-len(pictures) // 5)
    fig, axes = _figure(0.4 + 1.6 * rows, rows, min(5, len(pictures)), squeeze=False)
    for ax in axes.flat[len(pictures):]:
        ax.set_axis_off()
    for t, (ax, picture) in enumerate(zip(axes.flat, pictures, strict=False)):
        grid = picture.shape[0] if source is None else source.shape[1]
        ax.imshow(picture, extent=(-0.5, grid - 0.5, grid - 0.5, -0.5))
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"{t} to {t + 1} s", fontsize=12)
        for mask, strokes in ((silent, [("black", 2.5)]), (source, OUTLINE)):
            if mask is not None:
                _outline(ax, mask[t], strokes)
    return fig


def photographs(pictures: Sequence[np.ndarray], names: Sequence[str]) -> Figure:
    """Named pictures (H,W,3) uint8, seven a row."""
    rows = -(-len(pictures) // 7)
    fig, axes = _figure(0.3 + 1.45 * rows, rows, 7, squeeze=False)
    for ax, picture, name in zip(axes.flat, pictures, names, strict=True):
        ax.imshow(picture)
        ax.set(xticks=[], yticks=[])
        # Ten letters fit; of the animals' names, grasshopper and hippopotamus divide after five.
        ax.set_title(name.replace("_", " ") if len(name) <= 10 else f"{name[:5]}-\n{name[5:]}", fontsize=10)
    return fig


def attention_of_systems(maps: Mapping[str, np.ndarray], mask: np.ndarray | None = None,
                         labels: Sequence[int] | None = None, pictures: np.ndarray | None = None,
                         first: int = 0) -> Figure:
    """Attention of several systems over the seconds of one clip, a row each, as in the paper's Figs. 4 to 6.

    Every map is drawn on a scale of its own, from 0 to its maximum: how sharp a map is differs from system to system.
    Over pictures it is smooth between the regions' centres, and clear where it is low. `maps` are by the system's name,
    (T,G,G), `mask` and `labels` as for `attention_maps`; `pictures` (T,H,W,3) uint8, one of each second, are drawn grey
    under the maps. `first` is the first second's number, where the T seconds are part of a clip.
    """
    seconds, _, grid = np.shape(next(iter(maps.values())))
    edges = (-0.5, grid - 0.5, grid - 0.5, -0.5)
    fig, axes = _figure(0.9 + len(maps) * (WIDTH - 0.6) / seconds, len(maps), seconds, squeeze=False)
    fig.get_layout_engine().set(w_pad=0.03, h_pad=0.03)
    for row, (name, of_system) in zip(axes, maps.items(), strict=True):
        for t, ax in enumerate(row):
            share, smooth = of_system[t] / of_system[t].max(), {}
            if pictures is not None:
                ax.imshow(pictures[t].mean(-1), extent=edges, cmap="gray", vmin=0, vmax=255)
                smooth = {"alpha": 0.7 * share, "interpolation": "bilinear"}
            picture = ax.imshow(share, cmap="viridis", vmin=0, vmax=1, **smooth)
            event = labels is not None and labels[t] != BACKGROUND
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set(color=MARK if event else LIGHT, linewidth=2.5 if event else 1)
            if mask is not None:
                _outline(ax, np.asarray(mask[t], dtype=bool))
            if ax in axes[0]:
                ax.set_title(f"{first + t}", color=DARK, weight="bold" if event else None)
        row[0].set_ylabel(name)
    fig.supxlabel(f"second (starts at, s); a map is {grid} x {grid} regions of the picture", fontsize=12)
    bar = fig.colorbar(ScalarMappable(picture.norm, "viridis"), ax=axes, shrink=0.7, aspect=12, pad=0.02,
                       label="share of maximum")
    bar.set_ticks([0, 1])
    marks = {"second with the event": Line2D([], [], color=MARK, linewidth=2.5)} if labels is not None else {}
    if mask is not None:
        marks["true source"] = tuple(Line2D([], [], color=colour, linewidth=width) for colour, width in OUTLINE)
    _legend(fig, list(marks.values()), list(marks))
    return fig


def log_mel(examples: np.ndarray) -> Figure:
    """Log-mel energies of consecutive examples, (T,96,64), over time and band; lines part the examples of 0.96 s."""
    bands = np.concatenate(list(examples)).T                                       # (64, 96 T)
    fig, ax = _figure(3.6)
    picture = ax.imshow(bands, origin="lower", aspect="auto", cmap="magma",
                        extent=(0, bands.shape[1] / 100, 0, len(bands)))       # a step every 10 ms
    for edge in range(1, len(examples)):
        ax.axvline(edge * examples.shape[1] / 100, color="white", linewidth=0.6, alpha=0.6)
    ax.set(xlabel="time (s)", ylabel="mel band (125 to 7,500 Hz)", xticks=range(len(examples) + 1))
    ax.grid(False)
    fig.colorbar(picture, ax=ax, label="log magnitude (no unit)")
    return fig
