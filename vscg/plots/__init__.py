"""Every figure of the book, in one style: `from vscg import plots`.

A function takes tidy values and returns a matplotlib Figure, closed in pyplot: a notebook shows it once, as the value
the cell's last line.
"""
from vscg.plots.attention import attention_of_systems, score_against_accuracy
from vscg.plots.clips import frames, log_mel
from vscg.plots.curves import DASHES, curves
from vscg.plots.failures import edge_figure, grouped_figure, reliability_figure
from vscg.plots.parameters import accuracy_by_parameters, parts_figure
from vscg.plots.speed import growth_figure, profile_figure, roofline_figure, speedup_figure
from vscg.plots.style import (
    COLOURS,
    DARK,
    DPI,
    LIGHT,
    MARK,
    OTHERS,
    OUTLINE,
    PALETTE,
    WIDTH,
    attention_maps,
    class_histogram,
    confusion,
    duration_histogram,
    intervals,
    learning_curves,
    matrix,
    set_style,
    short_name,
    timeline,
)
from vscg.plots.tables import difference_figure, table_figure

__all__ = ["COLOURS", "DARK", "DASHES", "DPI", "LIGHT", "MARK", "OTHERS", "OUTLINE", "PALETTE", "WIDTH",
           "accuracy_by_parameters", "attention_maps", "attention_of_systems", "class_histogram", "confusion", "curves",
           "difference_figure", "duration_histogram", "edge_figure", "frames", "grouped_figure", "growth_figure",
           "intervals", "learning_curves", "log_mel", "matrix", "parts_figure", "profile_figure", "reliability_figure",
           "roofline_figure", "score_against_accuracy", "set_style", "short_name", "speedup_figure", "table_figure",
           "timeline"]
