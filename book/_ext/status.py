"""Sphinx extension: writes book/status.md, which says for each figure of this site where and when it was computed."""
import ast
import csv
import json
import os
from collections.abc import Iterable
from pathlib import Path

import nbformat

from vscg.errors import VscgError
from vscg.machine.files import runs_dir, write_atomically
from vscg.study.paper import TABLES
from vscg.study.runs import book_configs
from vscg.training.config import PROFILES
from vscg.training.records import OtherVersion, Record, find_records, read_record, run_key

COMMITTED = "committed outputs shown"
HEAD = """# Status

Written by the build of this site: where and when what it shows was computed.
"""


def status_page(sources: Path, run: Path | None, records: Path, store: Path) -> str:
    """The page as Markdown.

    Args:
        sources: folder of the notebooks.
        run: folder of the notebooks that `make book` executed; None if this build has none.
        records: folder of records that are committed with the book, one JSON file each.
        store: folder of finished runs.
    """
    return "\n".join([HEAD, _notebooks(sources, run), _tried(records / "seeds.csv"), _committed(records),
                      _runs(store, records / "runs")])


def _table(columns: str, rows: Iterable[Iterable[object]]) -> str:
    names = columns.split(", ")
    lines = [names, ["---"] * len(names), *([str(value).replace("|", "\\|") for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _table_once(columns: str, rows: list[list[object]], repeated: int) -> str:
    """A table whose last `repeated` columns say only what is not said above it, their most frequent value."""
    names, usual = columns.split(", "), []
    own, rows = len(names) - repeated, [list(map(str, row)) for row in rows]
    for column in range(own, len(names)):
        values = [row[column] for row in rows if row[column]]
        most = max(values, key=values.count, default="")
        if values.count(most) > 1:
            usual.append(f"{names[column]} {most}")
            for row in rows:
                row[column] = "" if row[column] == most else row[column] or "–"
    kept = [column for column in range(len(names)) if column < own or any(row[column] for row in rows)]
    above = f"Where a row says nothing else: {'; '.join(usual)}.\n\n" if usual else ""
    return above + _table(", ".join(names[column] for column in kept),
                          [[row[column] for column in kept] for row in rows])


def _versions(values: dict) -> str:
    return ", ".join(f"{'Python' if name == 'python' else name} {version}" for name, version in values.items())


def _notebooks(sources: Path, run: Path | None) -> str:
    names, rows, failed = [path.stem for path in sorted(sources.glob("[0-9][0-9]_*.py"))], [], []
    for name in names:
        note = json.loads(file.read_text(encoding="utf-8")) if run and (file := run / f"{name}.json").is_file() else {}
        parameters = note["parameters"] if note else _parameters(sources / f"{name}.ipynb")
        # Of a prepared file the name alone: where it lies on this machine is nobody's business.
        rows.append([f"[](notebooks/{name})", note.get("result", COMMITTED),
                     f"{note['seconds']:.0f} s" if note else "",
                     *(f"`{Path(parameters[key]).name}`" if key in parameters else "" for key in ("DATA", "PROFILE")),
                     note.get("device", ""),
                     note.get("finished", "")[:10], _versions(note.get("versions", {}))])
        if "error" in note:
            failed.append(f"- {name}: `{note['error']}`\n")
    executed = sum(row[1] != COMMITTED for row in rows)
    columns, repeated = "notebook, result, run time, data set, profile, device, date, versions", 5
    if executed:
        intro = f"{executed} of {len(rows)} notebooks were executed for this site."
    else:
        intro = ("**This site was built without `make book`**: every notebook is shown with the outputs that came with "
                 "the book. `make book` executes them, and this table then says when, where and for how long.")
        columns, repeated, rows = "notebook, data set, profile", 2, [[row[0], *row[3:5]] for row in rows]
    legend = (f"\"{COMMITTED}\": not executed for this site; data set and profile are those that the notebook names. "
              "A dash: the notebook has no such parameter.\n")
    return "\n".join(["## Notebooks\n", intro + "\n", _table_once(columns, rows, repeated), legend, *failed])


def _parameters(notebook: Path) -> dict:
    """The literals in a notebook's `parameters` cell."""
    if not notebook.is_file():
        return {}
    cells = nbformat.read(notebook, 4).cells
    code = next((cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])), "")
    return {statement.targets[0].id: ast.literal_eval(statement.value) for statement in ast.parse(code).body
            if isinstance(statement, ast.Assign)}


def _tried(table: Path) -> str:
    """What became of the chapters with other parameters: a row for each, and each failure."""
    if not table.is_file():
        return ""
    with table.open(newline="", encoding="utf-8") as file:
        cases = list(csv.DictReader(file))
    chapters: dict[str, list[str]] = {}
    for case in cases:
        chapters.setdefault(case["chapter"], []).append(case["varied"])
    failed = [f"- {case['chapter']}, {case['varied']}: `{case['result']}`\n"
              for case in cases if case["result"] != "ok"]
    intro = (f"{len(cases) - len(failed)} of {len(cases)} cases ran to their end, every assertion included. A case "
             "is a chapter as it stands, or with one thing changed. \"8 clips\": the chapters of results need dozens "
             "of runs, so in these cases every system has taken three to six steps. Each case with its parameters is "
             "a line of `book/records/seeds.csv`; `python book/try_seeds.py` runs those again that a change may have "
             "broken. What is not below has not been tried.\n")
    rows = [[chapter, "; ".join(varied)] for chapter, varied in chapters.items()]
    return "\n".join(["## Other seeds, protocols and data\n", intro, _table("chapter, varied", rows), *failed])


def _committed(folder: Path) -> str:
    rows = []
    for path in sorted(folder.rglob("*.json")):
        values = json.loads(path.read_text(encoding="utf-8"))
        # One record, or several measurements by name.
        parts = {values["title"]: values} if "device" in values else {
            f"{path.stem}, {name}": part for name, part in values.items()}
        for title, part in parts.items():
            rows.append([title, f"`{path.relative_to(folder.parent)}`", part.get("device", ""),
                         str(part.get("finished", part.get("date", "")))[:10], _versions(part.get("versions", {}))])
    text = _table_once("what, file, device, date, versions", rows, 3) if rows else "None.\n"
    return f"## Records that come with the book\n\nRuns that take long or need a GPU.\n\n{text}"


def _runs(store: Path, shipped: Path) -> str:
    """Finished runs by table, of the store before those that ship. A run counts where its key is today's code's."""
    local: dict[str, Record] = {}
    damaged, older = [], 0
    for folder in sorted(path.parent for path in store.glob("*/record.json")):
        try:
            local[folder.name] = read_record(folder)
        except OtherVersion:
            older += 1
        except PermissionError:
            damaged.append(f"- `runs/{folder.name}/record.json` may not be read here.\n")
        except VscgError:
            damaged.append(f"- `runs/{folder.name}/record.json` is damaged: delete the folder.\n")
    found = {record.key: record for record in find_records(shipped)} | local
    newest = sorted(found.values(), key=lambda record: record.values["finished"])
    fingerprints = {record.config.data: record.values["data"]["fingerprint"] for record in newest}
    rows, counted = [], set()
    for table in TABLES:
        for data in [name for name in fingerprints if ":" not in name]:
            for profile in PROFILES:
                configs = [config.resolve() for config in book_configs(table, data=data, profile=profile)]
                keys = {run_key(config, fingerprints.get(config.data, "")) for config in configs}
                there = [found[key] for key in keys & set(found)]
                counted |= keys
                if there:
                    rows.append([f"Table {table}: {TABLES[table].title}", f"`{data}`", f"`{profile}`",
                                 f"{len(there)} of {len(keys)}", sum(record.shipped for record in there),
                                 *_summary(there)])
    columns = "table, data set, profile, runs there, came with the book, training time, device, finished, versions"
    text = _table_once(columns, rows, 3) if rows else "None was made by the code at hand.\n"
    others = len(set(local) - counted) + older
    are = "is" if others == 1 else "are"
    note = f"\n{others} more in the store {are} of no table, or of another state of the code.\n" if others else ""
    return "\n".join(["## Runs of the tables\n", "Finished training runs, by the table that shows them; tables share "
                      "runs, and a longer profile holds the seeds of a shorter one.\n", text + note, *damaged])


def _summary(records: list[Record]) -> list[str]:
    values = [record.values for record in records]
    dates = sorted(value["finished"][:10] for value in values)
    minutes = sum(value["seconds"] for value in values) / 60
    return [f"{minutes:.1f} min", "; ".join(sorted({value["device"] for value in values})),
            dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}",
            "; ".join(f"{name.replace('python', 'Python')} {', '.join(found)}" for name in ("python", "torch", "vscg")
                      if (found := sorted({value.get("versions", {}).get(name, "") for value in values} - {""})))]


def setup(app) -> dict:
    """Writes the page before the table of contents is read, and only if it changes."""
    book, run = Path(app.srcdir), os.environ.get("VSCG_BOOK_RUN")

    def write(app, config) -> None:
        text = status_page(book.parent / "notebooks", Path(run) if run else None, book / "records", runs_dir())
        page = book / "status.md"
        if not page.is_file() or page.read_text(encoding="utf-8") != text:
            write_atomically(page, text.encode())

    app.connect("config-inited", write)
    return {"version": "1", "parallel_read_safe": True}
