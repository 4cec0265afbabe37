"""Clips that move: a planted one as a film with beeps, and the player of clips that the book's site has."""
import json
import uuid
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon

from vscg.data.labels import BACKGROUND, CATEGORIES
from vscg.plots.clips import _outline
from vscg.plots.style import COLOURS, DARK, LIGHT, MARK, _name

HERE = Path(__file__).resolve().parent
PIXELS = 640, 464            # of a picture; video needs even numbers
DPI = 100
FAINT = 0.3                  # of a shape's colour, and of a beep's loudness, in a second without class evidence
LOWEST = 220.0               # Hz, the beep of class 0; each further class is a semitone higher


def film(clip: Mapping[str, np.ndarray], silent: np.ndarray, looks: Mapping[str, np.ndarray],
         said: Mapping[str, np.ndarray], rate: int) -> np.ndarray:
    """Pictures (T * rate, H, W, 3) uint8, `rate` a second, of a planted clip with a hand that moves over its seconds.

    Left the truth: a disc where the sounding object is seen, fainter in a second with little of its class, and a
    diamond where an object makes no sound. Right what each system looks at. Below what is heard, what is seen, the
    labels, and what each system says: green is a right event, grey right background, red is wrong.

    Args:
        clip: truth (T,), source_mask (T,G,G) bool, heard, seen (T,) bool, visual_evidence (T,) in 0..1.
        silent: (G,G) bool, where an object stands that makes no sound.
        looks, said: system's name -> attention (T,G,G), of one or two, and classes (T,).
    """
    pictures, seconds = [], len(clip["truth"])
    for t in range(seconds):
        fig, strip = _moment(clip, silent, looks, said, t)
        fig.canvas.draw()
        still = np.asarray(fig.canvas.buffer_rgba())[..., :3].copy()
        top, bottom = (PIXELS[1] - int(edge) for edge in (strip.bbox.y1, strip.bbox.y0))
        for part in range(rate):
            at = int(strip.transData.transform((t + part / rate, 0))[0])
            moving = still.copy()
            moving[top:bottom, at:at + 3] = 0
            pictures.append(moving)
    return np.stack(pictures)


def beeps(heard: np.ndarray, evidence: np.ndarray, category: int, rate: int) -> np.ndarray:
    """A beep in each second in which the object is heard, of a pitch of its class: waveform (T * rate,) in -1..1.

    Of `heard` (T,) bool; the less `evidence` (T,), in 0..1, a second has, the fainter the beep. `rate` is in Hz.
    """
    time = np.arange(rate) / rate
    swell = np.clip(np.minimum(time - 0.1, 0.7 - time) / 0.05, 0, 1)                   # from 0.1 to 0.7 s, no clicks
    beep = 0.5 * swell * np.sin(2 * np.pi * LOWEST * 2 ** (category / 12) * time)
    loud = np.where(heard, FAINT + (1 - FAINT) * np.asarray(evidence, float), 0)
    return (loud[:, None] * beep).ravel().astype(np.float32)


def _moment(clip: Mapping[str, np.ndarray], silent: np.ndarray, looks: Mapping[str, np.ndarray],
            said: Mapping[str, np.ndarray], t: int) -> tuple[Figure, Axes]:
    """One second: the figure, and the axes with the seconds."""
    fig = Figure(figsize=(PIXELS[0] / DPI, PIXELS[1] / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(fig)
    grid = fig.add_gridspec(2, 1 + len(looks), height_ratios=[1.25, 1], left=0.14, right=0.98, top=0.93, bottom=0.1,
                            hspace=0.16, wspace=0.06)
    ax = fig.add_subplot(grid[0, 0])
    side = len(silent)
    ax.imshow(np.ones((side, side)), cmap="gray", vmin=0, vmax=1.08)
    if silent.any():
        row, column, reach = _place(silent)
        corners = [(column, row - reach), (column + reach, row), (column, row + reach), (column - reach, row)]
        ax.add_patch(Polygon(corners, color="#56607a"))
    if clip["source_mask"][t].any():
        row, column, reach = _place(clip["source_mask"][t])
        alpha = FAINT + (1 - FAINT) * float(clip["visual_evidence"][t])
        ax.add_patch(Circle((column, row), reach, color=COLOURS["visual"], alpha=alpha))
    words = [word for word, there in (("heard", clip["heard"][t]), ("seen", clip["seen"][t])) if there]
    ax.set_title(f"drawn: {' and '.join(words) or 'neither heard nor seen'}", fontsize=10)
    panels = [ax]
    for number, (name, attention) in enumerate(looks.items(), 1):
        ax = fig.add_subplot(grid[0, number])
        ax.imshow(attention[t] / attention[t].max(), cmap="viridis", vmin=0, vmax=1)
        _outline(ax, clip["source_mask"][t].astype(bool))
        ax.set_title(f"computed: {name} looks", fontsize=10)
        panels.append(ax)
    for ax in panels:
        ax.set(xticks=[], yticks=[], xlim=(-0.5, side - 0.5), ylim=(side - 0.5, -0.5))
        ax.grid(False)
    strip = fig.add_subplot(grid[1, :])
    _rows(strip, clip, said)
    return fig, strip


def _rows(ax: Axes, clip: Mapping[str, np.ndarray], said: Mapping[str, np.ndarray]) -> None:
    """What is heard and seen, the truth, and the systems' answers, a row each."""
    truth = np.asarray(clip["truth"])
    rows = {"heard": [COLOURS["audio"] if one else LIGHT for one in clip["heard"]],
            "seen": [COLOURS["visual"] if one else LIGHT for one in clip["seen"]]}
    for name, classes in {"truth": truth, **said}.items():
        rows[name] = [MARK if c != true else LIGHT if c == BACKGROUND else COLOURS["fused"]
                      for c, true in zip(classes, truth, strict=True)]
    for row, colours in enumerate(rows.values()):
        ax.barh([row] * len(colours), 1, left=range(len(colours)), color=colours, edgecolor="white", height=0.82)
    for row, classes in enumerate((truth, *said.values()), 2):
        edges = [0, *(np.flatnonzero(np.diff(classes) + 100 * np.diff(truth)) + 1).tolist(), len(truth)]
        for start, end in pairwise(edges):
            if end - start > 1 and (classes[start] != BACKGROUND or truth[start] != BACKGROUND):
                ax.text((start + end) / 2, row, _name(int(classes[start]), CATEGORIES), ha="center", va="center",
                        fontsize=10, color="black", clip_on=True)
    ax.set(xlim=(0, len(truth)), ylim=(len(rows) - 0.5, -0.5), xticks=range(len(truth) + 1))
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xlabel("time (s)", fontsize=10, labelpad=1)
    ax.tick_params(labelsize=10, length=0, colors=DARK)
    ax.grid(False)
    ax.set_frame_on(False)


def _place(inside: np.ndarray) -> tuple[float, float, float]:
    """Row, column and radius of the disc that covers as many regions as the True cells."""
    row, column = np.argwhere(inside).mean(0)
    return row, column, float(np.sqrt(inside.sum() / np.pi))


def clip_player(content: Mapping) -> HTML:
    """Slides over the seconds of clips: what happens, what each system says and where it looks. `content` is of
    `study.player_content`; the element has its script and data inside, and nothing is loaded from elsewhere.
    """
    style, script = ((HERE / f"player.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    name = f"vscg-player-{uuid.uuid4().hex[:8]}"
    data = json.dumps(content, separators=(",", ":")).replace("</", "<\\/")      # no name may close the script
    return HTML(f'<style>{style}</style><div id="{name}"></div><script>(() => {{{script}\n'
                f'vscgPlayer(document.getElementById("{name}"), {data});}})();</script>')
