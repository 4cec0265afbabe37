"""Runs every chapter with other parameters, one thing changed at a time, and notes what fails in records/seeds.csv.

    python book/try_seeds.py            every chapter
    python book/try_seeds.py 08 09      only these

A case that has passed is not run again until the chapter or the package changes. Four chapters ask what another seed
changes: what their box "On this page" says with seeds 0 to 4 goes into records/five_seeds.json, which they read.
"""
import csv
import io
import json
import sys
import time
from pathlib import Path

import execute
import nbformat

from vscg.machine.files import code_hash, write_atomically

ROOT = execute.ROOT
TABLE = ROOT / "book" / "records" / "seeds.csv"
FOLDER = ROOT / "book" / "_run" / "seeds"
COLUMNS = ("chapter", "varied", "result", "seconds", "parameters", "key")
SEEDS, AMBIGUITY = range(5), 0.8     # the first gives the committed chapter; the usual ambiguity of planted-mini is 0.2
BOXES, BOX_FILE = ("04", "05", "06", "08"), TABLE.with_name("five_seeds.json")
# Tables need dozens of runs: they are tried on networks that have taken three to six steps and know next to nothing.
SMALL = "planted-mini:train=8,val=8,test=28,background=2"


def cases(source: Path) -> list[tuple[str, dict]]:
    """(what is varied, parameters) of each case of a notebook; the first is the notebook as it stands."""
    has = execute.default_parameters(source, ("SEED", "SEEDS", "DATA", "PROTOCOL"))
    found = [("nothing", {})]
    found += [(f"seed {seed}", {"SEED": seed}) for seed in SEEDS[1:] if "SEED" in has]
    if "SEEDS" in has or source.name.startswith("20"):
        two = {"SEEDS": 2} if "SEEDS" in has else {}
        found += [("8 clips, seeds 0 and 1" if two else "8 clips", {"DATA": SMALL} | two),
                  (f"8 clips, ambiguity {AMBIGUITY}", {"DATA": f"{SMALL},ambiguity={AMBIGUITY}"})]
        if "PROTOCOL" in has:
            found.append(("8 clips, protocol released", {"DATA": SMALL, "PROTOCOL": "released"}))
    elif "DATA" in has and not source.name.startswith("02"):      # its data set is planted-mini as it is
        found.append((f"ambiguity {AMBIGUITY}", {"DATA": f"planted-mini:ambiguity={AMBIGUITY}"}))
    return found


def run(source: Path, varied: str, parameters: dict) -> tuple[str, float]:
    """What became of one case, in a line, and its seconds; its notebook lies in book/_run/seeds."""
    start, target = time.monotonic(), FOLDER / varied.replace(" ", "_") / f"{source.stem}.ipynb"
    try:
        execute.execute(source, target, parameters)
        result = "ok"
        if has_box(source.name[:2], parameters):
            keep_box(source.name[:2], parameters.get("SEED", SEEDS[0]), target)
    except execute.NotebookFailed as error:
        result = str(error).splitlines()[0]
    return result, time.monotonic() - start


def box(notebook: Path) -> list[str]:
    """The sentences of an executed notebook's box."""
    found = next(cell for cell in nbformat.read(notebook, 4).cells if cell.source == "found = study.findings()")
    return [line.removeprefix("- ") for line in found.outputs[0].data["text/plain"].splitlines()[1:]]


def has_box(number: str, parameters: dict) -> bool:
    """Whether the box of a case is kept."""
    return number in BOXES and set(parameters) <= {"SEED"}


def boxes() -> dict[str, dict]:
    """The boxes that are kept: chapter -> seed -> sentences."""
    return json.loads(BOX_FILE.read_text(encoding="utf-8")) if BOX_FILE.is_file() else {}


def keep_box(number: str, seed: int, notebook: Path) -> None:
    """Puts what a chapter's box says with a seed into the file of boxes."""
    said = boxes()
    said[number] = dict(sorted((said.get(number, {}) | {str(seed): box(notebook)}).items()))
    write_atomically(BOX_FILE, (json.dumps(dict(sorted(said.items())), indent=1) + "\n").encode())


def write(rows: dict[tuple[str, str], dict]) -> None:
    """The table as CSV, in reading order."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows.values())
    write_atomically(TABLE, text.getvalue().encode())


def read() -> dict[tuple[str, str], dict]:
    """The table's rows by chapter and what was varied; none if it was never written."""
    if not TABLE.is_file():
        return {}
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {(row["chapter"], row["varied"]): row for row in csv.DictReader(file)}


def main(numbers: list[str]) -> int:
    """Tries the chapters and prints the table; 0 if no case failed."""
    known = {source.name[:2]: source for source in execute.sources()}
    if unknown := sorted(set(numbers) - set(known)):
        print(f"No notebook starts with {', '.join(unknown)}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    code = code_hash([*(ROOT / "vscg").rglob("*.py")])
    todo = {(number, varied): (source, parameters) for number, source in known.items()
            for varied, parameters in cases(source)}
    for name, (source, parameters) in todo.items():
        key, last = execute.run_key(source, parameters, code)[:12], read().get(name, {})
        kept = not has_box(name[0], parameters) or str(parameters.get("SEED", SEEDS[0])) in boxes().get(name[0], {})
        if numbers and name[0] not in numbers or kept and (last.get("result"), last.get("key")) == ("ok", key):
            continue
        result, seconds = run(source, name[1], parameters)
        values = ", ".join(f"{parameter}={value!r}" for parameter, value in parameters.items())
        rows = read()             # another one may run other chapters at the same time
        rows[name] = dict(zip(COLUMNS, (*name, result, f"{seconds:.0f}", values, key), strict=True))
        write({name: rows[name] for name in todo if name in rows})
        print(f"{name[0]} {name[1]:32} {seconds:5.0f} s  {result}", flush=True)
    tried = [row for name, row in read().items() if name in todo and (not numbers or name[0] in numbers)]
    for row in tried:
        print(f"{row['chapter']} {row['varied']:32} {row['result']}")
    return int(any(row["result"] != "ok" for row in tried))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
