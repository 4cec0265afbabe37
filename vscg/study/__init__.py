"""What the book asks: the paper's tables, the runs they need, and what was measured."""
from vscg.study.paper import ACCURACY, COST, PARAMETERS, PRIMARY, TABLES, VERDICT_RULE, verdict
from vscg.study.runs import AMBIGUITIES, ambiguity_configs, book_configs, table_configs
from vscg.study.tables import order_agreement, parameter_table, primary_family, show_family, table

__all__ = ["ACCURACY", "AMBIGUITIES", "COST", "PARAMETERS", "PRIMARY", "TABLES", "VERDICT_RULE", "ambiguity_configs",
           "book_configs", "order_agreement", "parameter_table", "primary_family", "show_family", "table",
           "table_configs", "verdict"]
