"""What the book asks: the paper's tables, the runs they need, and what was measured."""
from vscg.study.cells import with_common_seeds
from vscg.study.comparisons import (
    COMPARED_RULE,
    compared,
    order_agreement,
    primary_family,
    show_family,
    smallest_found,
)
from vscg.study.effects import PAPER_THRESHOLD, THRESHOLDS, load_study, per_clip, study_file
from vscg.study.paper import ACCURACY, CLAIMS, COST, PARAMETERS, PRIMARY, TABLES, VERDICT_RULE
from vscg.study.parameters import parameter_table
from vscg.study.planned import LIMIT
from vscg.study.player import player_content
from vscg.study.runs import (
    book_configs,
    book_runs,
    computed_twice,
    finished,
    networks,
    progress,
    provenance,
)
from vscg.study.seen import observed, seen_clips
from vscg.study.show import findable, findings, paragraphs, percent, points, styled, told, with_seeds
from vscg.study.tables import table
