"""Every figure of the book, in one style: `from vscg import plots`.

A function takes tidy values and returns a matplotlib Figure, closed in pyplot: a notebook shows it once, as the value
the cell's last line.
"""
from vscg.plots.clips import (
    attention_maps,
    attention_of_systems,
    class_histogram,
    duration_histogram,
    frames,
    log_mel,
    photographs,
    timeline,
)
from vscg.plots.curves import curves, learning_curves, matrices, matrix
from vscg.plots.player import clip_player
from vscg.plots.studies import (
    cere_tree,
    edge_figure,
    grouped_figure,
    growth_figure,
    ledger_figure,
    margin_figure,
    profile_figure,
    reliability_figure,
    roofline_figure,
    score_against_accuracy,
    speedup_figure,
)
from vscg.plots.style import COLOURS, DARK, DPI, LIGHT, MARK, OTHERS, OUTLINE, PALETTE, WIDTH, set_style, short_name
from vscg.plots.tables import (
    accuracy_by_parameters,
    confusion,
    difference_figure,
    intervals,
    parts_figure,
    table_figure,
)

__all__ = ["COLOURS", "DARK", "DASHES", "DPI", "LIGHT", "MARK", "OTHERS", "OUTLINE", "PALETTE", "WIDTH",
           "accuracy_by_parameters", "attention_maps", "attention_of_systems", "cere_tree", "class_histogram",
           "clip_player", "confusion", "curves", "difference_figure", "duration_histogram", "edge_figure", "frames",
           "grouped_figure", "growth_figure", "intervals", "learning_curves", "ledger_figure", "log_mel",
           "margin_figure", "matrices", "matrix", "parts_figure", "photographs", "profile_figure", "reliability_figure",
           "roofline_figure", "score_against_accuracy", "set_style", "short_name", "speedup_figure", "table_figure",
           "timeline"]
