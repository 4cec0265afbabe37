"""The README: its links, its commands, and its figures, which come from the standard runs."""
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

import vscg
from tests.standard import standard_runs_are_here
from vscg import cli
from vscg.study import tables

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def readme(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book"))
    import readme
    yield readme
    sys.modules.pop("readme")


def test_every_link_leads_somewhere():
    targets = re.findall(r"\]\(([^)#]+)", README)
    assert len(targets) > 30
    for target in targets:
        assert target.startswith("https://") or (ROOT / target).is_file(), target


def test_every_chapter_is_in_the_map():
    listed = re.findall(r"^\| \[(\d\d_\w+)\]", README, re.MULTILINE)
    assert listed == sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.py"))


def test_every_command_is_one():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"make (\w+)", README):
        assert target in targets, target
    commands = re.findall(r"-m vscg (.+)", README)
    assert commands
    for command in commands:
        cli.parser().parse_args(command.strip("`").split())


def test_the_block_and_the_picture_are_there(readme):
    assert len(readme.BLOCK.findall(README)) == 1 and "planted-mini, which is generated" in " ".join(README.split())
    with Image.open(readme.PICTURE) as picture:
        assert picture.width > 600


def test_the_figures_are_those_of_the_standard_runs(readme):
    if not standard_runs_are_here():
        pytest.skip("the standard runs are not all here: python -m vscg sweep --profile standard")
    table = tables.table("I", dataset=vscg.load_dataset("planted-mini"), profile="standard")
    assert readme.glance(table) in README, "write it again: python book/readme.py"
    assert readme.picture(table).startswith(b"\x89PNG")
