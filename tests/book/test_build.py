"""The machinery of the book: running notebooks, reusing what has not changed, mirroring them for the site."""
import errno
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import requests
from sphinx.errors import ExtensionError

from vscg.machine.files import WriteError
from vscg.training.sweep import Sweep

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

from tqdm.auto import tqdm

# %% tags=["parameters"]
DATA = "planted-mini"  # name
SEED = 0

# %%
print("noise", file=sys.stderr)
print(DATA, SEED)
list(tqdm("ab"))
print("more")
"""
FIGURE = """
# %% mystnb={"figure": {"caption": "A line.", "name": "fig-line"}}
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


def test_notebook_runs_with_its_parameters_is_clean_and_the_same_every_time(source, run):
    parameters = execute.changed_parameters(source, {"DATA": "ave", "SEED": 0, "PROFILE": "full"})
    assert parameters == {"DATA": "ave"}, "only those that it has, with another default"
    source.write_text(NOTEBOOK + "object()\n")
    for name in "ab":
        execute.execute(source, run / f"{name}.ipynb", parameters)
    assert text(run / "a.ipynb") == "ave 0\nmore\n" and sorted(path.name for path in run.iterdir()) == [
        "a.ipynb", "b.ipynb"]
    assert (run / "a.ipynb").read_bytes() == (run / "b.ipynb").read_bytes()
    assert "<object>" in (run / "a.ipynb").read_text()
    notebook = nbformat.read(run / "a.ipynb", 4)
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells] == ["c00", "c01", "c02", "c03", "c04"]
    assert set(notebook.metadata) == {"kernelspec", "jupytext"} and all(set(c.metadata) <= {"tags"}
                                                                        for c in notebook.cells)


def test_the_readers_settings_do_not_change_a_figure(source, run, tmp_path, monkeypatch):
    source.write_text(NOTEBOOK + FIGURE + "from matplotlib import pyplot\npyplot.plot([0, 1])[0].figure\n")
    execute.execute(source, run / "plain.ipynb", {})
    kernel = tmp_path / "share" / "kernels" / "python3"
    profile = tmp_path / "ipython" / "profile_default"
    for folder in (kernel, profile):
        folder.mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["false"], "display_name": "mine", "language": "python"}')
    (profile / "ipython_kernel_config.py").write_text("c.InlineBackend.figure_formats = {'svg'}\n")
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nfigure.dpi: 300\n")
    for name, value in {"MPLBACKEND": "Agg", "JUPYTER_PATH": kernel.parents[1], "IPYTHONDIR": tmp_path / "ipython",
                        "MATPLOTLIBRC": tmp_path / "matplotlibrc", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}.items():
        monkeypatch.setenv(name, str(value))
    execute.execute(source, run / "mine.ipynb", {})
    assert (run / "mine.ipynb").read_bytes() == (run / "plain.ipynb").read_bytes()
    assert os.environ["MPLBACKEND"] == "Agg"


def test_figures_that_are_missing_are_refused_unless_the_cell_says_why(source, run):
    cells = {"fig-kept": "from matplotlib.figure import Figure\nfigure = Figure()", "fig-other": "str(sys)",
             "fig-none": "print('this data set has no such thing')"}
    figures = [FIGURE.replace("fig-line", name) + f"{code}\n" for name, code in cells.items()]
    source.write_text(NOTEBOOK + "".join(figures))
    with pytest.raises(execute.NotebookFailed, match="no picture came of fig-kept, fig-other\\.\n"):
        execute.execute(source, run / "03_toy.ipynb", {})


def test_notebooks_are_executed_once_and_again_when_what_they_depend_on_has_changed(source, run, monkeypatch, capfd):
    source.with_name("04_other.py").write_text(NOTEBOOK)
    todo = [(path, run, {}) for path in execute.sources(source.parent)]
    state = ["before", "a run came"]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    build.run_notebooks(todo, lambda: state[-1])
    assert text(run / "03_toy.ipynb") == text(run / "04_other.ipynb") == "planted-mini 0\nmore\n"
    assert "04_other: " in capfd.readouterr().out, "in a log, a line for each"
    assert all(execute.is_current(*task, "a run came") for task in todo)
    assert not execute.is_current(*todo[0], "before") and not execute.is_current(source, run, {"SEED": 1}, state[-1])
    note = execute.read_note(run / "03_toy.json")
    assert note["result"] == "ok" and note["parameters"] == {"DATA": "planted-mini"} and 0 < note["seconds"] < 600
    assert set(note["versions"]) == {"python", "torch", "vscg"} and note["finished"].endswith("+00:00")
    source.write_text(NOTEBOOK + "\n# changed\n")
    (run / "04_other.json").unlink()
    assert not any(execute.is_current(*task, "a run came") for task in todo)


def test_a_chapter_that_trains_stays_as_it_was_when_the_other_one_leaves_a_run_after_it(source, run, monkeypatch):
    todo = [(source.with_name(name), run, {}) for name in ("08_one.py", "09_two.py")]
    for path, *_ in todo:
        path.write_text(NOTEBOOK)
    asked = []
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    build.run_notebooks(todo, lambda: asked.append(1) or ("a run came" if len(asked) > 1 else "before"))
    assert all(execute.is_current(*task, "a run came") for task in todo)


def test_state_depends_on_code_records_labels_data_and_what_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    files = {"vscg/a.py": ("A = 1", "A = 2"), "book/records/runs/k.zip": ("x", "y"), "Annotations.txt": ("x", "y"),
             "vscg/plots/player.js": ("x", "y"), "vscg/features/names.txt": ("x", "y"), "book/stamps/a.png": ("x", "y")}
    for name, (before, _) in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(before)
    monkeypatch.setattr(execute, "ave_dir", lambda: tmp_path)
    states = [execute.shared_state("data"), execute.shared_state("other data")]
    for name, (_, after) in files.items():
        (tmp_path / name).write_text(after)
        states.append(execute.shared_state("data"))
    monkeypatch.setattr(execute, "_installed", lambda: ["torch==3"])
    states.append(execute.shared_state("data"))
    assert len(set(states)) == len(states) and states[-1] == execute.shared_state("data")


def test_failing_notebook_is_named_with_cell_and_error_and_kept(source, run, monkeypatch):
    source.write_text(NOTEBOOK + '\n# %%\nraise ValueError("seven is too many")\n')
    beside = source.with_name("04_slower.py")
    beside.write_text(NOTEBOOK + "\n# %%\nimport time\n\ntime.sleep(3)\n")
    run.mkdir()
    (run / "03_toy.ipynb").write_text("the last good one")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with pytest.raises(execute.NotebookFailed) as failure:
        build.run_notebooks([(source, run, {}), (beside, run, {})], lambda: "state")
    assert execute.is_current(beside, run, {}, "state"), "what ran at the same time is done"
    for part in ("03_toy.py", "cell In [4]", "ValueError: seven is too many", "03_toy.failed.ipynb"):
        assert part in str(failure.value)
    assert "planted-mini 0" in text(run / "03_toy.failed.ipynb")
    assert (run / "03_toy.ipynb").read_text() == "the last good one"
    note = json.loads((run / "03_toy.json").read_text())
    assert "key" not in note and note["result"] == "failed"
    assert note["error"] == "03_toy.py stopped in cell In [4] with ValueError: seven is too many"
    source.write_text(NOTEBOOK + "\n# %%\nimport os\nos._exit(1)\n")
    with pytest.raises(execute.NotebookFailed, match="03_toy.py: its Python process died"):
        execute.execute(source, run / "03_toy.ipynb", {})


def test_a_kernel_whose_port_was_taken_is_started_again(source, run, monkeypatch):
    asked, papermill = [], execute.papermill.execute_notebook

    def taken(*given, **options):
        asked.append(given)
        if len(asked) < 2:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return papermill(*given, **options)

    monkeypatch.setattr(execute.papermill, "execute_notebook", taken)
    execute.execute(source, run / "03_toy.ipynb", {})
    assert len(asked) == 2 and text(run / "03_toy.ipynb") == "planted-mini 0\nmore\n"
    monkeypatch.setattr(execute.papermill, "execute_notebook", lambda *given, **options: taken(asked.clear()))
    with pytest.raises(execute.NotebookFailed, match="its Python process died"):
        execute.execute(source, run / "03_toy.ipynb", {})


def test_each_data_set_has_a_folder_and_without_the_real_files_their_notebook_stays_as_committed(
        source, run, tmp_path, monkeypatch):
    (tmp_path / "my.h5").touch()
    assert [build.run_folder(data, "quick").name for data in (
        "planted-mini:ambiguity=0.4", "ave", str(tmp_path / "my.h5"))] == [
        "planted-mini-ambiguity=0.4-quick", "ave-quick", "my-quick"]
    real = source.rename(source.with_name("01_ave_dataset.py"))
    run.mkdir()
    (run / "01_ave_dataset.ipynb").write_text("from other files")
    monkeypatch.setattr(execute, "sources", lambda: [real])
    monkeypatch.setattr(execute, "ave_dir", lambda: None)
    assert build.tasks("ave", "quick", run) == [(real, run / "without-ave", {"DATA": "ave"})]
    assert not (run / "01_ave_dataset.ipynb").exists()


def test_mirror_prefers_the_run_falls_back_to_the_committed_and_removes_the_rest(source, run, tmp_path):
    target = tmp_path / "mirrored"
    with pytest.raises(ExtensionError, match="03_toy"):
        mirror(source.parent, None, target)
    source.with_name("04_other.py").write_text(NOTEBOOK)
    source.with_suffix(".ipynb").write_text("committed 03")
    source.with_name("04_other.ipynb").write_text("committed 04")
    run.mkdir()
    (run / "03_toy.ipynb").write_text("run 03, see [where they differ](../book/deviations.md)")
    (target / "09_gone.ipynb").write_text("old")
    (target / ".ipynb_checkpoints").mkdir()
    (target / ".ipynb_checkpoints" / "09_gone.ipynb").write_text("old")
    mirror(source.parent, run, target)
    assert {path.name: path.read_text() for path in target.iterdir()} == {
        "03_toy.ipynb": "run 03, see [where they differ](../deviations.md)", "04_other.ipynb": "committed 04"}
    for path in target.iterdir():
        os.utime(path, (1, 1))
    mirror(source.parent, None, target)
    assert (target / "03_toy.ipynb").read_text() == "committed 03"
    assert (target / "04_other.ipynb").stat().st_mtime == 1, "an unchanged page is left alone"


@pytest.mark.parametrize("script, complaint", [("echo 'index.md: WARNING: dangling'\nexit 1", "dangling"),
                                               ("exit 0", "is not there")])
def test_site_with_a_warning_or_without_an_index_page_is_refused(tmp_path, monkeypatch, script, complaint):
    (tmp_path / "_build" / ".doctrees").mkdir(parents=True)
    fake = tmp_path / "jupyter-book"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(build, "BOOK", tmp_path)
    monkeypatch.setattr(build, "INDEX", tmp_path / "index.html")
    monkeypatch.setattr(build.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(build.SiteFailed, match=complaint):
        build.build_site(tmp_path / "run")
    assert not (tmp_path / "_build" / ".doctrees").exists(), "the next build reads the pages anew"


def test_without_the_two_networks_the_page_of_chapter_24_stays_as_committed(source, run, monkeypatch):
    real = source.rename(source.with_name("24_real_pictures_and_sounds.py"))
    monkeypatch.setattr(execute, "sources", lambda: [real])
    for here, folder in ((False, run / "without-networks"), (True, run)):
        monkeypatch.setattr(execute.weights, "present", lambda *wanted, here=here: here)
        assert build.tasks("planted-mini", "quick", run) == [(real, folder, {})]


def test_networks_are_fetched_where_they_can_be_and_nothing_hangs_where_not(monkeypatch, capsys):
    asked, here = [], iter([False, True, False, False, False, False, True, True])
    monkeypatch.setattr(execute.weights, "present", lambda *wanted: next(here))
    monkeypatch.setattr(build.requests, "head", lambda url, timeout: asked.append((url, timeout)))
    monkeypatch.setattr(build.subprocess, "run", lambda command, **options: asked.append(options["timeout"]))
    assert build.fetch_networks() and asked == [(execute.SMALL[0].url, build.KNOCK), build.PATIENCE]
    assert capsys.readouterr().out == ""

    def slow(command, timeout, **options):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(build.subprocess, "run", slow)
    assert not build.fetch_networks() and "its committed outputs are shown" in capsys.readouterr().out

    def offline(url, timeout):
        raise requests.ConnectionError("no network")

    monkeypatch.setattr(build.requests, "head", offline)
    assert not build.fetch_networks() and "its committed outputs are shown" in capsys.readouterr().out
    assert build.fetch_networks() and len(asked) == 3                  # they are here: nobody is asked


def test_what_the_disk_refuses_or_ctrl_c_ends_is_said_in_one_line(source, run, monkeypatch, capsys):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(execute.papermill, "execute_notebook", full)
    with pytest.raises(WriteError, match=r"03_toy\.failed\.ipynb: cannot be written \(No space left"):
        execute.execute(source, run / "03_toy.ipynb", {})
    monkeypatch.setattr(execute, "sources", lambda: [source])
    monkeypatch.setattr(execute, "execute", interrupted)
    monkeypatch.setattr(build, "build", interrupted)
    monkeypatch.setattr(sys, "argv", ["build.py"])
    for main in (lambda: execute.main([]), build.main):
        assert main() == 130
        error = capsys.readouterr().err
        assert error.startswith("interrupted; ") and error.count("\n") == 1


def test_runs_that_came_with_the_book_are_trained_only_where_they_are_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(build, "sweep", lambda configs: asked.append(configs) or Sweep((), ()))
    for fresh in (False, True):
        build.train_runs("III", "planted-mini", "quick", fresh)
    assert [len(configs) for configs in asked] == [0, 12]


def test_make_notebooks_keeps_the_page_whose_files_are_not_here(tmp_path, monkeypatch, capsys):
    real, other = (tmp_path / name for name in ("01_ave_dataset.py", "03_toy.py"))
    monkeypatch.setattr(execute, "sources", lambda: [real, other])
    monkeypatch.setattr(execute, "ave_dir", lambda: None)
    ran = []
    monkeypatch.setattr(execute, "execute", lambda *asked: ran.append(asked))
    assert execute.main([]) == 0 and ran == [(other, other.with_suffix(".ipynb"), {})]
    assert "01_ave_dataset                   kept" in capsys.readouterr().out
    assert execute.main(["07"]) == 2 and "there are 01, 03" in capsys.readouterr().err
