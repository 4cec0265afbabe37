"""Writes records/five_seeds.json: what chapters say in their box "On this page" with seeds 0 to 4.

    python book/five_seeds.py            chapters 04, 05, 06 and 08
    python book/five_seeds.py 05         only this one; the others stay as they are

The chapters read this file where they ask what another seed changes.
"""
import json
import sys
from pathlib import Path

import execute
import nbformat

from vscg.machine.files import write_atomically

RECORD = execute.ROOT / "book" / "records" / "five_seeds.json"
FOLDER = execute.ROOT / "book" / "_run" / "five_seeds"
CHAPTERS = ("04", "05", "06", "08")
SEEDS = range(5)          # the first gives the committed chapter


def box(notebook: Path) -> list[str]:
    """The sentences of an executed notebook's box."""
    cells = nbformat.read(notebook, 4).cells
    found = next(cell for cell in cells if cell.source == "found = study.findings()")
    return [line.removeprefix("- ") for line in found.outputs[0].data["text/plain"].splitlines()[1:]]


def main(numbers: list[str]) -> int:
    """Executes the chapters and writes the file after each; 1 if one fails."""
    known = {source.name[:2]: source for source in execute.sources()}
    if unknown := sorted(set(numbers) - set(CHAPTERS)):
        print(f"No such chapter: {', '.join(unknown)}; there are {', '.join(CHAPTERS)}.", file=sys.stderr)
        return 2
    said = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    for number in numbers or CHAPTERS:
        source, of_seeds = known[number], {}
        for seed in SEEDS:
            target = FOLDER / f"{source.stem}-{seed}.ipynb"
            try:
                execute.execute(source, target, {"SEED": seed})
            except execute.NotebookFailed as error:
                print(f"error: SEED = {seed}: {error}", file=sys.stderr)
                return 1
            of_seeds[str(seed)] = box(target)
            print(f"{source.stem}, SEED = {seed}: {len(of_seeds[str(seed)])} sentences", flush=True)
        said[number] = of_seeds
        write_atomically(RECORD, (json.dumps(dict(sorted(said.items())), indent=1) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
