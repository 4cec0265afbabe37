"""The committed notebooks: the same cells as their text sources, the agreed beginning, and outputs fit to print."""
import ast
import base64
import re
from pathlib import Path

import jupytext
import nbformat
import pytest
import yaml
from jupytext.compare import compare_notebooks

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
WITH_EXERCISES = [source for source in SOURCES if "03" <= source.name[:2] <= "09"]     # the blocks, losses and training
LEVELS = ["easy", "medium", "demanding"]
LARGEST_PICTURE = 100_000    # bytes
HOME = re.compile(r"/(?:home|Users)/\w|/root/|[A-Z]:\\Users\\")

every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def code_cells(source: Path) -> list:
    return [cell for cell in jupytext.read(source).cells if cell.cell_type == "code"]


def statements(cell) -> list[ast.stmt]:
    """The cell's Python statements; lines that only IPython understands are left out."""
    return ast.parse("\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))).body


def executed(source: Path) -> nbformat.NotebookNode:
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def outputs(source: Path) -> list:
    return [output for cell in executed(source).cells if cell.cell_type == "code" for output in cell.outputs]


def test_every_source_has_its_notebook_and_every_notebook_its_source():
    assert SOURCES, "there is no notebook"
    assert [p.stem for p in sorted((ROOT / "notebooks").glob("*.ipynb"))] == [p.stem for p in SOURCES]


def test_table_of_contents_lists_every_notebook_in_order():
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    assert [f for f in files if f.startswith("notebooks/")] == [f"notebooks/{p.stem}" for p in SOURCES]


@every_source
def test_notebook_agrees_with_its_source(source):
    compare_notebooks(jupytext.read(source.with_suffix(".ipynb")), jupytext.read(source), fmt="py:percent")


@every_source
def test_links_lead_somewhere_in_jupyter_lab(source):
    text = "\n".join(cell.source for cell in jupytext.read(source).cells if cell.cell_type == "markdown")
    targets = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert "{doc}" not in text and targets
    assert [target for target in targets if not (source.parent / target).is_file()] == []


@every_source
def test_first_code_cell_imports(source):
    kinds = [type(statement) for statement in statements(code_cells(source)[0])]
    imports = [kind in (ast.Import, ast.ImportFrom) for kind in kinds]
    assert imports and imports[0]
    # Settings such as set_style() may follow the imports; nothing else may.
    assert all(kind is ast.Expr for kind, is_import in zip(kinds, imports, strict=True) if not is_import)


@every_source
def test_second_code_cell_holds_the_parameters_as_literals(source):
    cells = code_cells(source)
    tagged = [i for i, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", [])]
    assert tagged == [1]
    for statement in statements(cells[1]):
        assert isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
        ast.literal_eval(statement.value)


@every_source
def test_notebook_was_run_from_top_to_bottom_without_an_error(source):
    cells = [cell for cell in executed(source).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    expected = [o for cell in cells if "raises-exception" in cell.metadata.get("tags", []) for o in cell.outputs]
    assert [o for o in outputs(source) if o.output_type == "error" and o not in expected] == []


@every_source
def test_pictures_are_small(source):
    sizes = [len(base64.b64decode(picture)) for output in outputs(source)
             if (picture := output.get("data", {}).get("image/png"))]
    assert [size for size in sizes if size > LARGEST_PICTURE] == []


@every_source
def test_outputs_name_no_home_folder_and_no_stderr(source):
    for output in outputs(source):
        shown = [output.get("text", ""), *(v for kind, v in output.get("data", {}).items() if "image/" not in kind)]
        assert output.get("name") != "stderr"
        assert str(ROOT) not in str(shown) and not HOME.search(str(shown)), shown


def exercises(source: Path) -> list[tuple]:
    """The exercises of an executed notebook: (question, solution) cells, between their heading and the summary."""
    cells = executed(source).cells
    starts = [[i for i, cell in enumerate(cells) if cell.source.startswith(heading)]
              for heading in ("## Exercises", "## What was established")]
    assert [len(found) for found in starts] == [1, 1], "no Exercises, or no summary after them, in a cell of its own"
    inside = cells[starts[0][0]:starts[1][0]]
    assert [cell.cell_type for cell in inside] == ["markdown", "code"] * (len(inside) // 2)
    return list(zip(inside[::2], inside[1::2], strict=True))


@pytest.mark.parametrize("source", WITH_EXERCISES, ids=lambda source: source.stem)
def test_exercises_are_graded_and_their_reasoning_is_folded(source):
    asked = [question.source for question, _ in exercises(source)]
    assert 2 <= len(asked) <= 4
    levels = []
    for number, text in enumerate(asked, 1):
        question, fold, reasoning = text.partition("<details>")
        heading = re.search(rf"^### Exercise {number} \((\w+)\): \S", question, re.MULTILINE)
        assert heading and "?" in question[heading.end():] and fold
        assert reasoning.startswith(f"\n<summary>Solution {number}") and reasoning.endswith("</details>")
        levels.append(LEVELS.index(heading[1]))
    assert levels == sorted(levels)


@pytest.mark.parametrize("source", WITH_EXERCISES, ids=lambda source: source.stem)
def test_exercises_have_hidden_short_executed_solutions_that_end_in_a_check(source):
    for number, (_, solution) in enumerate(exercises(source), 1):
        assert "hide-cell" in solution.metadata.tags                                              # on the site
        assert solution.metadata.jupyter == {"outputs_hidden": True, "source_hidden": True}      # in Jupyter Lab
        assert solution.metadata.mystnb.code_prompt_show.startswith(f"Solution {number}")
        assert solution.execution_count and any(output.get("text", "").strip() for output in solution.outputs)
        assert isinstance(statements(solution)[-1], ast.Assert)
        assert len(solution.source.splitlines()) <= 25
