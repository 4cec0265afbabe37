"""Every figure of the book, in one style: `from vscg import plots`.

Tidy values become a matplotlib Figure, closed in pyplot: a notebook shows it once, as the value of a cell's last line.
`film` and `beeps` give arrays and `clip_player` HTML.
"""
from vscg.plots.clips import attention_maps, attention_of_systems, frames, log_mel, photographs, timeline
from vscg.plots.curves import class_histogram, confusion, curves, duration_histogram, learning_curves, matrices, matrix
from vscg.plots.scene import beeps, clip_player, film
from vscg.plots.studies import (
    cere_tree,
    edge_figure,
    growth_figure,
    ledger_figure,
    margin_figure,
    pairing,
    profile_figure,
    reliability_figure,
    roofline_figure,
    speedup_figure,
)
from vscg.plots.style import COLOURS, DARK, GROUND, LIGHT, MARK, OTHERS, PALETTE, WIDTH, set_style, short_name
from vscg.plots.tables import (
    accuracy_by_parameters,
    course_figure,
    difference_figure,
    intervals,
    parts_figure,
    table_figure,
)
