"""What a clip looks and sounds like before any feature is made of it."""
import numpy as np
from matplotlib.figure import Figure

from vscg.plots.style import _figure


def frames(pictures: np.ndarray) -> Figure:
    """One picture of each second, five a row: (T,H,W,3) uint8."""
    rows = -(-len(pictures) // 5)
    fig, axes = _figure(0.4 + 1.6 * rows, rows, min(5, len(pictures)), squeeze=False)
    for ax in axes.flat[len(pictures):]:
        ax.set_axis_off()
    for t, (ax, picture) in enumerate(zip(axes.flat, pictures, strict=False)):
        ax.imshow(picture)
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"{t} to {t + 1} s", fontsize=12)
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
    fig.colorbar(picture, ax=ax, label="log energy")
    return fig
