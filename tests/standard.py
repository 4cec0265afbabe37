"""Whether the runs are here that the committed chapters of tables and the README show."""
from functools import cache

from vscg.machine.files import runs_dir
from vscg.study.runs import book_configs
from vscg.training.sweep import unique_runs


@cache
def standard_runs_are_here() -> bool:
    """All runs of the standard profile on planted-mini are finished in this store."""
    runs = unique_runs(book_configs(data="planted-mini", profile="standard"))
    return all((runs_dir() / key / "record.json").is_file() for key in runs)
