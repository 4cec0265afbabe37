"""The machinery of the book: running notebooks, reusing what has not changed, mirroring them for the site."""
import importlib.util
import json
import os
import platform
import sys
from pathlib import Path

import nbformat
import pytest
import torch
import yaml
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[2]


def load(path: Path):
    """A script of book/ as a module; book/ is no package."""
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


execute = load(ROOT / "book" / "execute.py")
build = load(ROOT / "book" / "build.py")
mirror = load(ROOT / "book" / "_ext" / "mirror_notebooks.py").mirror

NOTEBOOK = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A notebook

# %%
import sys

# %% tags=["parameters"]
DATA = "planted-mini"  # name
SEED = 0

# %%
print("noise", file=sys.stderr)
print(DATA, SEED)
print("more")
"""


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "notebooks" / "03_toy.py"
    path.parent.mkdir()
    path.write_text(NOTEBOOK)
    return path


@pytest.fixture
def run(tmp_path) -> Path:
    return tmp_path / "run"


def text(notebook: Path) -> str:
    return "".join(output.get("text", "") for cell in nbformat.read(notebook, 4).cells
                   for output in cell.get("outputs", []))


def test_only_known_and_different_parameters_are_passed(source):
    wanted = {"DATA": "ave", "SEED": 0, "PROFILE": "full"}
    assert execute.changed_parameters(source, wanted) == {"DATA": "ave"}


def test_notebook_runs_with_its_parameters_and_is_clean(source, run):
    execute.execute(source, run / "03_toy.ipynb", {"DATA": "ave"})
    assert text(run / "03_toy.ipynb") == "ave 0\nmore\n"
    notebook = nbformat.read(run / "03_toy.ipynb", 4)
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells] == ["c00", "c01", "c02", "c03", "c04"]
    assert set(notebook.metadata) == {"kernelspec", "jupytext"}
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)
    assert [path.name for path in run.iterdir()] == ["03_toy.ipynb"]


def test_running_twice_gives_the_same_bytes(source, run):
    execute.execute(source, run / "a.ipynb", {})
    execute.execute(source, run / "b.ipynb", {})
    assert (run / "a.ipynb").read_bytes() == (run / "b.ipynb").read_bytes()


def test_progress_bars_are_taken_out_and_pieces_of_text_joined():
    cell = nbformat.v4.new_code_cell(outputs=[
        nbformat.v4.new_output("stream", name="stdout", text="a"),
        nbformat.v4.new_output("display_data", data={execute.WIDGET: {}, "text/plain": "0%"}),
        nbformat.v4.new_output("stream", name="stderr", text="50%"),
        nbformat.v4.new_output("stream", name="stdout", text="b"),
        nbformat.v4.new_output("display_data", data={"text/plain": "1"})])
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {}})
    execute.clean(notebook)
    assert [output.get("text") for output in notebook.cells[0].outputs] == ["ab", None]
    assert "widgets" not in notebook.metadata


def test_notebook_is_reused_until_its_key_changes(source, run, monkeypatch):
    calls = []
    monkeypatch.setattr(execute, "execute", lambda source, target, parameters: (
        calls.append(parameters), target.parent.mkdir(exist_ok=True), target.write_text("{}")))
    monkeypatch.setattr(execute.device, "device_name", lambda device: "CPU, 1 of 2 cores")
    assert execute.reuse_or_execute(source, run, {})
    assert not execute.reuse_or_execute(source, run, {})
    assert execute.reuse_or_execute(source, run, {"DATA": "ave"})
    source.write_text(NOTEBOOK + "\n# changed\n")
    assert execute.reuse_or_execute(source, run, {"DATA": "ave"})
    (run / "03_toy.ipynb").unlink()
    assert execute.reuse_or_execute(source, run, {"DATA": "ave"})
    (run / "03_toy.json").write_text("{")
    assert execute.reuse_or_execute(source, run, {"DATA": "ave"})
    assert len(calls) == 5
    note = json.loads((run / "03_toy.json").read_text())
    assert note["result"] == "ok" and note["parameters"] == {"DATA": "ave"} and 0 <= note["seconds"] < 60
    assert note["device"] == "CPU, 1 of 2 cores" and note["finished"].endswith("+00:00")
    assert note["versions"] == {"python": platform.python_version(), "torch": torch.__version__,
                                "vscg": execute.vscg.__version__}


def test_key_depends_on_package_sources_and_real_labels(source, tmp_path, monkeypatch):
    (tmp_path / "vscg").mkdir()
    (tmp_path / "requirements.lock").write_text("")
    module, labels = tmp_path / "vscg" / "a.py", tmp_path / "Annotations.txt"
    module.write_text("A = 1")
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    keys = []
    for folder, code in ((None, "A = 1"), (None, "A = 2"), (tmp_path, "A = 2")):
        module.write_text(code)
        labels.write_text("x")
        monkeypatch.setattr(execute.paths, "ave_dir", lambda folder=folder: folder)
        keys.append(execute.run_key(source, {}))
    labels.write_text("y")
    keys += [execute.run_key(source, {}, "other data"), execute.run_key(source, {})]
    assert len(set(keys)) == 5
    assert execute.run_key(source, {}) == keys[-1]


def test_failing_notebook_is_named_with_cell_and_error_and_kept(source, run):
    source.write_text(NOTEBOOK + '\n# %%\nraise ValueError("seven is too many")\n')
    run.mkdir()
    (run / "03_toy.ipynb").write_text("the last good one")
    (run / "03_toy.json").write_text('{"key": "old"}')
    with pytest.raises(execute.NotebookFailed) as failure:
        execute.reuse_or_execute(source, run, {})
    for part in ("03_toy.py", "cell In [4]", "ValueError: seven is too many", "03_toy.failed.ipynb"):
        assert part in str(failure.value)
    assert "planted-mini 0" in text(run / "03_toy.failed.ipynb")
    assert (run / "03_toy.ipynb").read_text() == "the last good one"
    note = execute.read_note(run / "03_toy.json")
    assert "key" not in note, "a failed notebook must run again"
    assert note["result"] == "failed" and note["parameters"]["DATA"] == "planted-mini"
    assert note["error"] == "03_toy.py stopped in cell In [4] with ValueError: seven is too many"


def test_notebook_whose_process_dies_is_named(source, run):
    source.write_text(NOTEBOOK + "\n# %%\nimport os\nos._exit(1)\n")
    with pytest.raises(execute.NotebookFailed, match="03_toy.py: its Python process died"):
        execute.execute(source, run / "03_toy.ipynb", {})


def test_first_data_notebook_runs_but_stays_as_committed_without_the_real_files(source, run, monkeypatch, capsys):
    real = source.rename(source.with_name("01_ave_dataset.py"))
    run.mkdir()
    (run / "01_ave_dataset.ipynb").write_text("from other files")
    monkeypatch.setattr(execute, "sources", lambda: [real])
    monkeypatch.setattr(execute.paths, "ave_dir", lambda: None)
    assert len(build.run_notebooks("planted-mini", "quick", run, "f")) == 1
    assert not (run / "01_ave_dataset.ipynb").exists()
    assert (run / "without-ave" / "01_ave_dataset.ipynb").is_file()
    assert "committed outputs" in capsys.readouterr().out


def test_build_works_without_a_notebook(run, monkeypatch):
    monkeypatch.setattr(execute, "sources", lambda: [])
    assert build.run_notebooks("planted-mini", "quick", run, "f") == []


def test_each_data_set_has_a_folder_of_its_own(tmp_path):
    (tmp_path / "my.h5").touch()
    folders = [build.run_folder(data, "quick").name for data in (
        "planted-mini:ambiguity=0.4", "planted-mini:ambiguity=0.8", "ave", str(tmp_path / "my.h5"))]
    assert folders == ["planted-mini-ambiguity=0.4-quick", "planted-mini-ambiguity=0.8-quick", "ave-quick", "my-quick"]


def test_mirror_prefers_the_run_falls_back_to_the_committed_and_removes_the_rest(source, run, tmp_path):
    source.with_name("04_other.py").write_text(NOTEBOOK)
    source.with_suffix(".ipynb").write_text("committed 03")
    source.with_name("04_other.ipynb").write_text("committed 04")
    run.mkdir()
    (run / "03_toy.ipynb").write_text("run 03, see [where they differ](../book/deviations.md)")
    (run / "03_toy.failed.ipynb").write_text("no page")
    target = tmp_path / "mirrored"
    target.mkdir()
    (target / "09_gone.ipynb").write_text("old")
    mirror(source.parent, run, target)
    assert {path.name: path.read_text() for path in target.iterdir()} == {
        "03_toy.ipynb": "run 03, see [where they differ](../deviations.md)", "04_other.ipynb": "committed 04"}
    os.utime(target / "03_toy.ipynb", (1, 1))
    (run / "03_toy.ipynb").unlink()
    mirror(source.parent, None, target)
    assert (target / "03_toy.ipynb").read_text() == "committed 03"


def test_mirror_leaves_an_unchanged_page_alone(source, tmp_path):
    source.with_suffix(".ipynb").write_text("same")
    mirror(source.parent, None, tmp_path / "mirrored")
    page = tmp_path / "mirrored" / "03_toy.ipynb"
    os.utime(page, (1, 1))
    mirror(source.parent, None, tmp_path / "mirrored")
    assert page.stat().st_mtime == 1


def test_mirror_names_a_notebook_that_was_never_run(source, tmp_path):
    with pytest.raises(ExtensionError, match="03_toy"):
        mirror(source.parent, None, tmp_path / "mirrored")


def test_site_that_warns_is_refused_and_read_anew_next_time(tmp_path, monkeypatch):
    book = tmp_path / "book"
    (book / "_build" / ".doctrees").mkdir(parents=True)
    fake = tmp_path / "jupyter-book"
    fake.write_text("#!/bin/sh\necho 'index.md: WARNING: dangling'\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(build, "BOOK", book)
    monkeypatch.setattr(build, "INDEX", book / "_build" / "html" / "index.html")
    monkeypatch.setattr(build.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(build.SiteFailed, match="dangling"):
        build.build_site(tmp_path / "run")
    assert not (book / "_build" / ".doctrees").exists()


def test_site_without_an_index_page_is_refused_although_the_builder_is_content(tmp_path, monkeypatch):
    fake = tmp_path / "jupyter-book"
    fake.write_text("#!/bin/sh\nexit 0\n")
    fake.chmod(0o755)
    monkeypatch.setattr(build, "INDEX", tmp_path / "index.html")
    monkeypatch.setattr(build, "BOOK", tmp_path)
    monkeypatch.setattr(build.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(build.SiteFailed, match="is not there"):
        build.build_site(tmp_path / "run")


CFF_KEYS = {"cff-version", "message", "title", "type", "version", "license", "authors", "references", "abstract", "doi",
            "keywords", "url", "repository-code", "date-released", "identifiers", "preferred-citation", "contact",
            "commit", "license-url", "repository", "repository-artifact"}       # of version 1.2.0


def test_citation_file_agrees_with_its_format_the_package_and_the_page():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert set(cff) <= CFF_KEYS and {"authors", "cff-version", "message", "title"} <= set(cff)
    assert cff["cff-version"] == "1.2.0" and cff["type"] == "software" and cff["version"] == execute.vscg.__version__
    paper, = cff["references"]
    assert {"type", "title", "authors"} <= set(paper) and all(set(person) <= {"family-names", "given-names"}
                                                               for person in paper["authors"])
    page, entries = ((ROOT / "book" / name).read_text() for name in ("cite.md", "references.bib"))
    entry = page.split("```bibtex\n")[1].split("```")[0]
    assert entry in entries and paper["title"] in entry
    assert all(f"{person['family-names']}, {person['given-names']}" in entry for person in paper["authors"])
    own = page.split("```bibtex\n")[2].split("```")[0]
    assert all(f"{{{value}}}" in own for value in (cff["title"], cff["version"], cff["license"],
                                                   cff["authors"][0]["name"]))
