"""Writes records/five_seeds.json: what chapters say in their box "On this page" with seeds 0 to 4.

    python book/five_seeds.py            chapters 04, 05, 06, 08 and 16
    python book/five_seeds.py 05         only this one; the others stay as they are

The chapters read this file where they ask what another seed changes. Chapter 16 takes a number of seeds, not a seed:
its boxes are those of one and of five.
"""
import json
import sys
from pathlib import Path

import execute
import nbformat

from vscg.machine.files import write_atomically

RECORD = execute.ROOT / "book" / "records" / "five_seeds.json"
FOLDER = execute.ROOT / "book" / "_run" / "five_seeds"
# The parameter that is set, and to what; the first value gives the committed chapter.
CHAPTERS = {**dict.fromkeys(("04", "05", "06", "08"), ("SEED", tuple(range(5)))), "16": ("SEEDS", (1, 5))}


def box(notebook: Path) -> list[str]:
    """The sentences of an executed notebook's box, but for those on the plan's runs, which no parameter moves."""
    cells = nbformat.read(notebook, 4).cells
    found = next(cell for cell in cells if cell.source == "found = study.findings()")
    said = [line.removeprefix("- ") for line in found.outputs[0].data["text/plain"].splitlines()[1:]]
    return [sentence for sentence in said if not sentence.startswith("By the plan, ")]


def main(numbers: list[str]) -> int:
    """Executes the chapters and writes the file after each; 1 if one fails."""
    known = {source.name[:2]: source for source in execute.sources()}
    if unknown := sorted(set(numbers) - set(CHAPTERS)):
        print(f"No such chapter: {', '.join(unknown)}; there are {', '.join(CHAPTERS)}.", file=sys.stderr)
        return 2
    said = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    for number in numbers or CHAPTERS:
        source, of_seeds = known[number], {}
        parameter, values = CHAPTERS[number]
        for value in values:
            target = FOLDER / f"{source.stem}-{value}.ipynb"
            try:
                execute.execute(source, target, {parameter: value})
            except execute.NotebookFailed as error:
                print(f"error: {parameter} = {value}: {error}", file=sys.stderr)
                return 1
            of_seeds[str(value)] = box(target)
            print(f"{source.stem}, {parameter} = {value}: {len(of_seeds[str(value)])} sentences", flush=True)
        said[number] = of_seeds
        write_atomically(RECORD, (json.dumps(dict(sorted(said.items())), indent=1) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
