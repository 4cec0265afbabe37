"""Sphinx extension: the site is written anew when a style sheet, script or picture beside its pages has changed.

Sphinx copies them only when it writes a page, and names each by its content in the pages that load it.
"""
from collections.abc import Iterator
from filecmp import cmp
from pathlib import Path


def copies(source: Path, names: list[str], target: Path) -> Iterator[tuple[Path, Path]]:
    """Each file that the build copies as it is, with the place of its copy.

    Args:
        names: files and folders, relative to `source`; others are those of themes, which do not change.
    """
    for place in (source / name for name in names if not Path(name).is_absolute()):
        if place.is_dir():
            yield from ((file, target / file.relative_to(place)) for file in place.rglob("*")
                        if file.is_file() and file.name != ".DS_Store")
        else:
            yield place, target / place.name


def changed(source: Path, site: Path, static: list[str], extra: list[str]) -> bool:
    """Whether a file differs from its copy in the built site, or has none there."""
    pairs = [*copies(source, static, site / "_static"), *copies(source, extra, site)]
    return any(not copy.is_file() or not cmp(file, copy, shallow=False) for file, copy in pairs if file.is_file())


def setup(app) -> dict:
    """Every page counts as outdated then."""
    def outdated(app, environment, added, changed_pages, removed) -> list[str]:
        config = app.config
        stale = changed(Path(app.srcdir), Path(app.outdir), config.html_static_path, config.html_extra_path)
        return sorted(environment.found_docs) if stale else []

    app.connect("env-get-outdated", outdated)
    return {"version": "1", "parallel_read_safe": True}
