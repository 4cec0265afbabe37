"""The Sphinx extensions of the site: status page, launch buttons, the one page, chapter numbers."""
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from sphinx.errors import ExtensionError

import vscg
from tests.book.test_build import NOTEBOOK, ROOT, load
from tests.book.test_site import CODE, PRINTED, cut, needs_browser, open_tab
from tests.notebooks.test_notebooks import WIDTH
from tests.tables import MINI, fill
from vscg.training.records import read_record, record_json, ship

EXTENSIONS = ROOT / "book" / "_ext"
status, launch, one_page, first_page, restyle = (
    load(EXTENSIONS / f"{name}.py") for name in ("status", "launch", "one_page", "first_page", "restyle"))
ADDRESS = "https://github.com/someone/book"


def write_notebook(folder: Path, name: str, cells: list) -> None:
    """A text source, and the executed notebook of these cells beside it."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(NOTEBOOK)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {
        "name": "python3", "display_name": "Python 3", "language": "python"}}), folder / f"{name}.ipynb")


@pytest.fixture
def sources(tmp_path) -> Path:
    """A folder of two notebooks, executed with the default parameters."""
    for name in ("03_toy", "04_other"):
        write_notebook(tmp_path / "notebooks", name, [nbformat.v4.new_code_cell(
            'DATA = "planted-mini"  # name\nPROFILE = "standard"', metadata={"tags": ["parameters"]})])
    return tmp_path / "notebooks"


def page(sources, tmp_path, run=None) -> str:
    return status.status_page(sources, run, tmp_path / "records", tmp_path / "runs")


def test_status_without_make_book_says_so_and_with_it_names_times_versions_and_failures(sources, tmp_path):
    text = page(sources, tmp_path)
    assert "This site was built without `make book`" in text and "run time" not in text.split("## Runs of")[0]
    assert "Where a row says nothing else: data set `planted-mini`; profile `standard`." in text
    assert "| [](notebooks/03_toy) |\n" in text
    run = tmp_path / "run"
    run.mkdir()
    note = {"result": "ok", "parameters": {"DATA": "/home/me/my.h5", "PROFILE": "quick"}, "seconds": 12.4,
            "device": "CPU, 1 of 2 cores", "finished": "2026-01-02T03:04:05+00:00",
            "versions": {"python": "3.11.7", "torch": "2.13.0", "vscg": "0.1.0"}}
    (run / "03_toy.json").write_text(json.dumps(note))
    (run / "04_other.json").write_text(json.dumps(note | {"result": "failed", "error": "cell In [4]: a | b"}))
    text = page(sources, tmp_path, run)
    assert "2 of 2 notebooks were executed" in text and "/home/me" not in text
    assert ("Where a row says nothing else: data set `my.h5`; profile `quick`; device CPU, 1 of 2 cores; "
            "date 2026-01-02; versions Python 3.11.7, torch 2.13.0, vscg 0.1.0.") in text
    assert "| [](notebooks/03_toy) | ok | 12 s |\n" in text
    assert "| [](notebooks/04_other) | failed |" in text and "- 04_other: `cell In [4]: a | b`" in text


@pytest.mark.parametrize("here", [True, False])
def test_the_first_cell_installs_only_what_is_missing_and_makes_the_data(here, monkeypatch, tmp_path, capsys):
    calls = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if here else None)
    monkeypatch.setattr(metadata, "distributions", lambda: [type("Found", (), {"name": name})() for name in
                                                            ("torch", "NumPy", "myst_nb", *launch.NEEDED[2:8])])
    monkeypatch.setattr(subprocess, "run", lambda command, check: calls.append(command))
    monkeypatch.setattr(vscg, "load_dataset", lambda name: type("Set", (), {"name": name}))
    monkeypatch.setattr(sys, "path", list(sys.path))
    code = launch.first_cell(ADDRESS, "av==1\nmyst-nb==2\nnumpy==2.4.6\nSphinx==7\ntorch==2.13.0\ntqdm==3\n")
    exec(compile(code, "cell", "exec"), {})
    pip = [sys.executable, "-m", "pip", "install", "-q"]
    package = [*pip, "--no-deps", "--src", "src", "-e", f"git+{ADDRESS}.git#egg=vscg"]
    assert calls == ([] if here else [[*pip, "av==1", "tqdm==3"], package])
    assert capsys.readouterr().out == "planted-mini is ready\n"


def test_one_page_keeps_links_apart_and_inside(tmp_path):
    frame = "<html><head><title>Book</title></head><body><article>{}</article></body></html>"
    (tmp_path / "part").mkdir()
    (tmp_path / "index.html").write_text(frame.format(
        '<section id="top"><h1>Start</h1><a href="part/a.html">a</a> <a href="part/a.html#x">x</a></section>'))
    (tmp_path / "part" / "a.html").write_text(frame.format(
        '<h1>A</h1><p id="x">x</p><a href="../index.html#top">top</a><a href="#x">here</a>'
        '<img src="../_images/p.png"/><a href="b.html">elsewhere</a><a href="https://example.org/b.html#x">web</a>'
        '<style>#x, #y { color: #fff }</style><details><p>hidden</p></details>'
        '<label for="x">l</label><div class="admonition dropdown">solution</div>'))
    soup = BeautifulSoup(one_page.one_page(tmp_path, [("", ["index"]), ("Part", ["part/a"])]), "html.parser")
    links = [tag["href"] for tag in soup.find_all("a")]
    assert links == ["#part-a", "#part-a--x", "#part-a", "#index--top", "#part-a--x", "part/b.html",
                     "https://example.org/b.html#x"]
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids)) and {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert soup.img["src"] == "_images/p.png" and soup.label["for"] == "part-a--x"
    assert "#part-a--x, #y { color: #fff }" in soup.main.style.string
    assert soup.details.has_attr("open") and soup.select(".dropdown") == []
    assert one_page.with_pdf(str(soup)).count(one_page.PDF) == 1


LINES = ["#" * WIDTH, "#" * 2 * WIDTH]


def printed(characters: int) -> dict:
    """A cell that has printed one line of words."""
    return nbformat.v4.new_code_cell("print(words)", outputs=[nbformat.v4.new_output(
        "stream", text=("word " * characters)[:characters - 1] + "s\n")])


@pytest.fixture(scope="module")
def small_site(tmp_path_factory) -> Path:
    """A site of one page and one notebook, built with the book's own configuration and an address."""
    root = tmp_path_factory.mktemp("small")
    book = root / "book"
    shutil.copytree(EXTENSIONS, book / "_ext", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_static", "_extra"):
        shutil.copytree(ROOT / "book" / name, book / name)
    (root / "vscg" / "plots").mkdir(parents=True)
    for name in ("book/_config.yml", "book/favicon.svg", "book/glance.png", "book/references.bib", "environment.yml",
                 "requirements.lock", "vscg/plots/player.css", "vscg/plots/player.js"):
        shutil.copy(ROOT / name, root / name)
    (book / "index.md").write_text("# Index\n\n[](notebooks/07_toy) [](status)\n")
    (book / "_toc.yml").write_text(yaml.safe_dump({"format": "jb-book", "root": "index", "parts": [
        {"caption": "Start", "numbered": True, "chapters": [{"file": "notebooks/07_toy"}]},
        {"caption": "Reference", "chapters": [{"file": "status"}]}]}))
    write_notebook(root / "notebooks", "07_toy", [nbformat.v4.new_markdown_cell("# Toy\n\n## A section\n\n$x^2$"),
                                                  *map(nbformat.v4.new_code_cell, ["print(1)", *LINES]),
                                                  *map(printed, (1, 97, 120))])
    environment = {**os.environ, "VSCG_REPOSITORY": ADDRESS, "VSCG_HOME": str(root), "OMP_NUM_THREADS": "1"}
    environment.pop("VSCG_BOOK_RUN", None)
    for _ in range(2):      # the second time nothing has changed, and nothing is written
        times = {path: path.stat().st_mtime_ns for path in book.glob("_build/html/**/*.html")}
        done = subprocess.run([Path(sys.executable).with_name("jupyter-book"), "build", book, "-W", "-n", "-q"],
                              env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
    assert times == {path: path.stat().st_mtime_ns for path in times}
    return book / "_build" / "html"


def test_buttons_open_the_copy_in_the_published_site(small_site):
    soup = BeautifulSoup((small_site / "notebooks" / "07_toy.html").read_text(), "html.parser")
    assert [tag["href"] for tag in soup.select(".dropdown-launch-buttons a")] == [
        "https://mybinder.org/v2/gh/someone/book/gh-pages?urlpath=lab/tree/launch/notebooks/07_toy.ipynb",
        "https://colab.research.google.com/github/someone/book/blob/gh-pages/launch/notebooks/07_toy.ipynb"]
    assert [tag.get_text() for tag in soup.select("article .section-number")] == ["7. ", "7.1. "]
    assert "7. Toy" in (small_site / "print.html").read_text()
    copy = nbformat.read(small_site / "launch" / "notebooks" / "07_toy.ipynb", 4)
    nbformat.validate(copy)
    code = [cell.source for cell in copy.cells if cell.cell_type == "code"]
    assert "torch==2.13.0\n" in code[0] and code[1] == "print(1)"
    pip, own = (yaml.safe_load(file.read_text())["dependencies"][-1]["pip"]
                for file in (small_site / "binder" / "environment.yml", ROOT / "environment.yml"))
    assert pip == ["--extra-index-url https://download.pytorch.org/whl/cpu", *own]
    index = BeautifulSoup((small_site / "index.html").read_text(), "html.parser")
    assert index.select(".dropdown-launch-buttons") == [], "a page without a notebook has none"
    assert [tag["href"] for tag in index.select(".dropdown-download-buttons a")] == ["_sources/index.md", "print.html"]
    assert index.find("meta", property="og:url")["content"] == "https://someone.github.io/book/index.html"
    assert not list(small_site.glob("_static/vendor/fontawesome/*/js/all.min.js"))
    assert (small_site / "player.js").is_file()


@needs_browser
def test_the_widest_line_that_a_chapter_may_have_is_not_cut_and_what_a_cell_prints_wraps_beyond_the_widest_table(
        small_site):
    with open_tab() as tab:
        tab.goto((small_site / "notebooks" / "07_toy.html").as_uri())
        assert [cut(tab, what) for what in (CODE, PRINTED)] == [[LINES[1] + "\n"], []]
        short, table, long = tab.locator(PRINTED).evaluate_all("all => all.map((pre) => pre.clientHeight)")
    assert short == table < long


def test_a_shared_link_shows_a_title_a_sentence_and_a_picture_and_says_where_the_site_is():
    text = "A \"sentence\" of more than forty characters, which describes the page."
    site = "https://someone.github.io/book/"
    tags = BeautifulSoup(first_page.meta_tags("A title", text, site, "tour"), "html.parser")
    said = {tag.get("property", tag.get("name")): tag["content"] for tag in tags.find_all("meta")}
    assert said["description"] == said["og:description"] == text and said["og:title"] == "A title"
    assert said["og:image"] == f"{site}glance.png" and said["og:url"] == f"{site}tour.html"
    assert first_page.address({"VSCG_REPOSITORY": ADDRESS}) == site
    assert first_page.address({}) == "" and "og:url" not in first_page.meta_tags("A title", text, "", "tour")


def test_status_lists_committed_records(sources, tmp_path):
    assert "Runs that take long or need a GPU.\n\nNone." in page(sources, tmp_path)
    (tmp_path / "records").mkdir()
    part = {"device": "a CPU", "finished": "2026-01-02T03:04:05", "versions": {"torch": "2.13.0"}}
    speed = {"step": part, "turn": part | {"device": "a GPU"}}
    for name, values in {"one": part | {"title": "Deviations | all"}, "speed": speed}.items():
        (tmp_path / "records" / f"{name}.json").write_text(json.dumps(values))
    text = page(sources, tmp_path)
    assert "Where a row says nothing else: device a CPU; date 2026-01-02; versions torch 2.13.0." in text
    assert "| Deviations \\| all | `records/one.json` |  |\n" in text
    assert "| speed, step | `records/speed.json` |  |\n" in text
    assert "| speed, turn | `records/speed.json` | a GPU |\n" in text


def test_status_says_with_which_parameters_each_chapter_ran_and_what_failed(sources, tmp_path):
    assert "Other seeds" not in page(sources, tmp_path)
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "seeds.csv").write_text(
        'chapter,varied,result,seconds,parameters,key\n03,nothing,ok,9,,ab\n03,seed 1,ok,9,SEED=1,ab\n'
        '04,seed 1,"04_other.py stopped in cell In [4] with AssertionError: a, b",9,SEED=1,ab\n')
    text = page(sources, tmp_path)
    assert "2 of 3 cases ran to their end" in text and "| 03 | nothing; seed 1 |\n| 04 | seed 1 |" in text
    assert "- 04, seed 1: `04_other.py stopped in cell In [4] with AssertionError: a, b`" in text


def test_status_counts_runs_by_table_and_names_damaged_ones(sources, tmp_path):
    store = tmp_path / "runs"
    assert "None was made by the code at hand." in page(sources, tmp_path)
    fill(store, MINI, "I", seeds=1)
    for record in store.glob("*/record.json"):
        values = json.loads(record.read_text())
        record.write_text(json.dumps(values | {"data": {"name": MINI.name, "fingerprint": MINI.fingerprint}}))
    (store / "0123").mkdir()
    (store / "0123" / "record.json").write_text("{")
    text = page(sources, tmp_path)
    rows = [line for line in text.splitlines() if line.startswith("| Table I:")]
    assert [row.split(" | ")[2:5] for row in rows] == [["`quick`", "30 of 30", "0"]]
    assert "Where a row says nothing else: device CPU, 2 of 2 cores; finished" in text
    assert "- `runs/0123/record.json` is damaged" in text and "more in the store" not in text
    oldest, *_, newest = sorted(store.glob("????????????????/record.json"))
    (tmp_path / "records").mkdir()
    ship([read_record(oldest.parent)], tmp_path / "records" / "runs")
    assert "| `quick` | 30 of 30 | 0 |" in page(sources, tmp_path), "the one that is here counts"
    shutil.rmtree(oldest.parent)
    assert "| `quick` | 30 of 30 | 1 |" in page(sources, tmp_path)
    values = json.loads(newest.read_text())
    newest.write_bytes(record_json(values | {"config": values["config"] | {"momentum": 0.9}}))
    assert "1 more in the store is of no table, or of another state of the code" in page(sources, tmp_path)


def test_the_address_of_launch_buttons_comes_from_one_of_two_places():
    workflow = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "someone/book"}
    for environment, address in (({}, None), ({"VSCG_REPOSITORY": "", "GITHUB_SERVER_URL": "https://github.com"}, None),
                                 ({"VSCG_REPOSITORY": f"{ADDRESS}.git"}, ADDRESS), (workflow, ADDRESS),
                                 (workflow | {"VSCG_REPOSITORY": "https://github.com/a/b/"}, "https://github.com/a/b")):
        assert launch.repository(environment) == address
    for address in ("someone/book", "https://example.org/a/b", "https://github.com/a/b/tree/main",
                    "https://github.com/a/b\"; import os"):
        with pytest.raises(ExtensionError, match="OWNER/NAME"):
            launch.repository({"VSCG_REPOSITORY": address})


def test_the_site_is_written_anew_when_a_file_beside_its_pages_has_changed(tmp_path):
    files = ("book/_static/a.css", "book/_extra/touch/b.js", "site/_static/a.css", "site/touch/b.js")
    for path in (tmp_path / name for name in files):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("as it was")
    asked = tmp_path / "book", tmp_path / "site", ["_static", "/theme"], ["_extra"]
    assert not restyle.changed(*asked)
    (tmp_path / files[0]).write_text("otherwise")
    assert restyle.changed(*asked)
    (tmp_path / files[2]).write_text("otherwise")
    (tmp_path / files[3]).unlink()
    assert restyle.changed(*asked)
