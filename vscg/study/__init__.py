"""What the book asks: the paper's tables, the runs they need, and what was measured."""
from vscg.study.deviations import PAPER_THRESHOLD, THRESHOLDS, load_study, per_clip, study_file
from vscg.study.paper import ACCURACY, COST, PARAMETERS, PRIMARY, TABLES, VERDICT_RULE
from vscg.study.player import player_content
from vscg.study.runs import AMBIGUITIES, ambiguity_configs, book_configs, book_runs, finished, provenance
from vscg.study.seen import observe, observed, seen_clips
from vscg.study.show import findings, paragraphs, percent, points, styled, told, with_seeds
from vscg.study.tables import order_agreement, parameter_table, primary_family, show_family, table

__all__ = ["ACCURACY", "AMBIGUITIES", "COST", "PAPER_THRESHOLD", "PARAMETERS", "PRIMARY", "TABLES", "THRESHOLDS",
           "VERDICT_RULE", "ambiguity_configs", "book_configs", "book_runs", "findings", "finished", "load_study",
           "observe", "observed", "order_agreement", "paragraphs", "parameter_table", "per_clip", "percent",
           "player_content", "points", "primary_family", "provenance", "seen_clips", "show_family", "study_file",
           "styled", "table", "told", "with_seeds"]
