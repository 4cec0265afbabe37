"""The committed notebooks: the same cells as their text sources, the agreed beginning, and outputs fit to print."""
import ast
import base64
import gzip
import re
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pytest
import yaml
from jupytext.compare import compare_notebooks

from vscg.data import planted
from vscg.features import vggish
from vscg.study import localisation
from vscg.training.config import RunConfig
from vscg.training.records import find_records, shipped_dir

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
WITH_EXERCISES = [source for source in SOURCES if "01" <= source.name[:2] <= "24"]
WITH_A_BOX = [source for source in SOURCES if "01" <= source.name[:2]]
LEVELS = ["easy", "medium", "demanding"]
WIDTH = 88                   # characters of a line of code, so that no page scrolls sideways
LONGEST = 30                 # lines of a code cell, blank ones not counted
LARGEST_PICTURE = 100_000    # bytes that a reader loads
LARGEST_PHOTOGRAPHS = 250_000
HOME = re.compile(r"/(?:home|Users)/\w|/root/|[A-Z]:\\Users\\")

every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def code_cells(source: Path) -> list:
    """The code cells of a text source, or of an executed notebook."""
    return [cell for cell in jupytext.read(source).cells if cell.cell_type == "code"]


def statements(cell) -> list[ast.stmt]:
    """The cell's Python statements; lines that only IPython understands are left out."""
    return ast.parse("\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))).body


def test_sources_notebooks_and_table_of_contents_name_the_same_chapters_in_order():
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    names = [source.stem for source in SOURCES]
    assert names and names == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert [file for file in files if file.startswith("notebooks/")] == [f"notebooks/{name}" for name in names]


@every_source
def test_notebook_agrees_with_its_source_and_was_run_from_top_to_bottom_without_an_error(source):
    compare_notebooks(jupytext.read(source.with_suffix(".ipynb")), jupytext.read(source), fmt="py:percent")
    cells = code_cells(source.with_suffix(".ipynb"))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert [output for cell in cells if "raises-exception" not in cell.metadata.get("tags", [])
            for output in cell.outputs if output.output_type == "error"] == []


@every_source
def test_no_text_stands_behind_the_mark_of_its_cell(source):
    """jupytext takes it for the cell's title, which no page shows."""
    cells = jupytext.read(source).cells
    assert [cell.metadata["title"] for cell in cells if "title" in cell.metadata] == []


@every_source
def test_a_chapter_has_one_title(source):
    markdown = [cell.source for cell in jupytext.read(source).cells if cell.cell_type == "markdown"]
    assert len(re.findall(r"^# ", "\n".join(markdown), re.MULTILINE)) == 1 and markdown[0].startswith("# ")


@every_source
def test_links_lead_somewhere_in_jupyter_lab(source):
    text = "\n".join(cell.source for cell in jupytext.read(source).cells if cell.cell_type == "markdown")
    targets = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert "{doc}" not in text and targets
    assert [target for target in targets if not (source.parent / target).is_file()] == []


@every_source
def test_first_code_cell_imports_from_faces_and_is_folded_second_holds_parameters_as_literals(source):
    first, second = code_cells(source)[:2]
    body = statements(first)
    imports = [statement for statement in body if isinstance(statement, (ast.Import, ast.ImportFrom))]
    # Settings such as set_style() may follow the imports; nothing else may.
    assert imports and body[:len(imports)] == imports and "hide-input" in first.metadata.tags
    assert all(isinstance(statement, ast.Expr) for statement in body[len(imports):])
    names = [alias.name for one in imports if isinstance(one, ast.Import) for alias in one.names]
    names += [one.module for one in imports if isinstance(one, ast.ImportFrom)]
    assert [name for name in names if re.match(r"vscg\.\w+\.", name)] == [], "a room's face is its __init__.py"
    assert ["parameters" in cell.metadata.get("tags", []) for cell in code_cells(source)].index(True) == 1
    for statement in statements(second):
        assert isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
        ast.literal_eval(statement.value)


@every_source
def test_code_keeps_within_the_width_of_the_page(source):
    assert [line for cell in code_cells(source) for line in cell.source.splitlines() if len(line) > WIDTH] == []


@every_source
def test_code_comes_in_short_cells_with_words_between(source):
    cells = jupytext.read(source).cells
    assert [cell.source for cell in cells if cell.cell_type == "code"
            and sum(bool(line.strip()) for line in cell.source.splitlines()) > LONGEST] == []
    kinds = [cell.cell_type for cell in cells]
    assert ("code", "code", "code") not in zip(kinds, kinds[1:], kinds[2:], strict=False)


@every_source
def test_outputs_are_small_and_name_no_home_folder(source):
    for output in (output for cell in code_cells(source.with_suffix(".ipynb")) for output in cell.outputs):
        data = output.get("data", {})
        assert len(base64.b64decode(data.get("image/png", ""))) <= LARGEST_PICTURE
        assert len(base64.b64decode(data.get("image/jpeg", ""))) <= LARGEST_PHOTOGRAPHS
        assert len(gzip.compress(data.get("image/svg+xml", "").encode())) <= LARGEST_PICTURE
        shown = str([output.get("text", ""), *(value for kind, value in data.items() if "image/" not in kind)])
        assert output.get("name") != "stderr" and str(ROOT) not in shown and not HOME.search(shown), shown


@pytest.mark.parametrize("source", WITH_A_BOX, ids=lambda source: source.stem)
def test_a_box_near_the_top_says_what_the_run_that_is_shown_found(source):
    cells = nbformat.read(source.with_suffix(".ipynb"), as_version=4).cells
    at, = (number for number, cell in enumerate(cells) if cell.source == "found = study.findings()")
    box = cells[at].outputs[0].data["text/html"]
    said = sum("found.say(" in cell.source for cell in cells)
    assert at < 8 and "On this page" in box and said > 1 and len(re.findall("<li>", box)) >= 2
    assert not re.search(r"\bnan\b|@@", box)


@every_source
def test_no_text_is_left_to_be_filled_in(source):
    assert "@@" not in source.read_text(encoding="utf-8")


@pytest.mark.parametrize("source", WITH_EXERCISES, ids=lambda source: source.stem)
def test_exercises_are_graded_and_their_solutions_hidden_short_executed_and_end_in_a_check(source):
    cells = nbformat.read(source.with_suffix(".ipynb"), as_version=4).cells
    headings = [cell.source.splitlines()[0] for cell in cells]
    inside = cells[headings.index("## Exercises"):headings.index("## What was established")]
    assert [cell.cell_type for cell in inside] == ["markdown", "code"] * (len(inside) // 2)
    assert 2 <= len(inside) // 2 <= 4
    levels = []
    for number, (asked, solution) in enumerate(zip(inside[::2], inside[1::2], strict=True), 1):
        question, fold, reasoning = asked.source.partition("<details>")
        heading = re.search(rf"^### Exercise {number} \((\w+)\): \S", question, re.MULTILINE)
        assert heading and "?" in question[heading.end():] and fold
        assert reasoning.startswith(f"\n<summary>Solution {number}") and reasoning.endswith("</details>")
        levels.append(LEVELS.index(heading[1]))
        assert "hide-cell" in solution.metadata.tags                                              # on the site
        assert solution.metadata.jupyter == {"outputs_hidden": True, "source_hidden": True}      # in Jupyter Lab
        assert solution.metadata.mystnb.code_prompt_show.startswith(f"Solution {number}")
        assert solution.execution_count and any(output.get("text", "").strip() for output in solution.outputs)
        assert isinstance(statements(solution)[-1], ast.Assert) and len(solution.source.splitlines()) <= 25
    assert levels == sorted(levels)


def test_what_chapter_8_says_of_the_long_run_is_in_its_record():
    """A short steep part, a loss that is high again in the middle and ends near zero, accuracies that come back."""
    run, = (run for run in find_records(shipped_dir()) if run.config == RunConfig(epochs=40).resolve())
    history = run.history.set_index("epoch")
    accuracy = history[["val_accuracy", "test_accuracy"]]
    assert (accuracy.loc[6] > 0.9).all() and (accuracy.loc[5] < accuracy.loc[6]).all()
    assert history.loc[15:25, "loss"].min() > history.loc[9:14, "loss"].max() - 0.01 and history.loc[40, "loss"] < 0.01
    fallen = accuracy.loc[14:25].min()
    assert (fallen < accuracy.loc[6:13].max() - 0.08).all() and (accuracy.loc[40] > fallen + 0.08).all()


def test_what_boxes_say_follows_when_their_line_is_changed():
    """Chapters 17 and 19: what a reader finds who changes the line that the box names."""
    dials = planted.SIZES["mini"]
    rows = np.flatnonzero(planted.plan(dials, 0)["split"] == "test")
    some = [planted.redraw(dials, 0, row) for row in rows[::8]]
    sizes = np.sqrt((np.stack([clip["visual"] for clip in some]).astype(np.float32) ** 2).sum(-1))
    mask = np.stack([clip["source_mask"] for clip in some])
    assert np.nanmean(localisation.pointing(sizes, mask)) > 0.8
    assert np.nanmax(localisation.pointing(1 / sizes, mask)) == 0

    # The chapter asks the formula; the sound itself is loudest in the same bands.
    time = np.arange(16_000) / 16_000
    loudest = [int(vggish.log_mel_examples(np.tile(np.sin(2 * np.pi * tone * time), 10), 16_000)[4].mean(0).argmax())
               for tone in (440, 880, 1760, 3520)]
    printed, = (output.text for cell in code_cells(ROOT / "notebooks" / "19_your_own_clip.ipynb")
                for output in cell.outputs if "bands of 440" in output.get("text", ""))
    assert f"Hz: {loudest} " in printed
