"""The README: its links, commands and rooms, its findings, and its figures, which come from the runs that ship."""
import pkgutil
import re
from pathlib import Path

from PIL import Image

import vscg
from tests.book.test_build import load
from vscg import cli
from vscg.models import SYSTEMS
from vscg.study import paper, resolution, statistics, tables

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
readme = load(ROOT / "book" / "readme.py")


def test_every_link_leads_somewhere_and_every_chapter_is_in_the_map():
    targets = re.findall(r"\]\(([^)#]+)", README)
    assert len(targets) > 30
    assert [target for target in targets if "https://" not in target and not (ROOT / target).is_file()] == []
    listed = re.findall(r"^\| \[(\d\d_\w+)\]", README, re.MULTILINE)
    assert listed == sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.py"))


def test_the_rooms_are_those_of_the_package_in_its_own_words():
    rooms = re.findall(r"^\w+  .+$", vscg.__doc__, re.MULTILINE)
    assert "\n".join(rooms) in README
    assert sorted(line.split()[0] for line in rooms) == [room.name for room in pkgutil.iter_modules(vscg.__path__)
                                                         if room.ispkg]


def test_every_command_is_one():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"make (\w+)", README)) <= set(targets)
    commands = re.findall(r"-m vscg (.+)", README)
    assert commands
    for command in commands:
        cli.parser().parse_args(command.strip("`").split())


def test_the_findings_are_those_of_the_records_and_each_has_a_mark_a_number_and_a_chapter():
    assert readme.written(README) == README, "write them again: python book/readme.py"
    found = readme.findings.findings()
    assert len(found) == 10 and all(re.search(r"\*\*[^*]*\d[^*]*\*\*", finding.line) for finding in found)
    assert [finding.rests_on for finding in found] == sorted((finding.rests_on for finding in found), reverse=True)
    assert {finding.rests_on for finding in found} == {
        readme.findings.CERTAIN, readme.findings.REPORTED, readme.findings.PLANTED}


def test_the_first_findings_picture_is_of_today_and_its_caption_true():
    assert readme.STRONGEST.read_text() == readme.strongest(), "write it again: python book/readme.py"
    rule, low, high = readme.findings.everywhere()
    fully = {name: figures[0] for name, figures in paper.ACCURACY.items()}
    assert max(fully.values()) < rule and {name for name, value in fully.items() if value > low} == {"vscg", "dmin"}
    alternative = (f"Fifteen systems as dots between {min(fully.values())} and {max(fully.values())} percent, and to "
                   f"the right of all of them a line at {rule} percent with its interval, {low} to {high}")
    assert len(fully) == 15 and alternative in README and alternative in (ROOT / "book" / "index.md").read_text()


def test_what_the_report_counts_is_so():
    report = " ".join((ROOT / "book" / "report.md").read_text().split())
    certain = [finding for finding in readme.findings.findings() if finding.rests_on == readme.findings.CERTAIN]
    origins = [system.origin for name, system in SYSTEMS.items() if name in paper.ACCURACY]
    assert len(certain) == 8 and "eight of the ten findings" in report
    assert origins.count("published code") == 6 and "Six systems are held against their published programs" in report
    assert origins.count("known from its abstract") == 5 and "for five hardly more than an abstract" in report
    assert paper.ACCURACY["vscg"] == (79.7, 74.8) and "reports 79.7% (fully) and 74.8% (weakly supervised)" in report
    assert f"errors of {resolution.CLIPS} clips, if the difference of two systems varies" in report
    assert f"a standard deviation of {readme.findings.PER_CLIP} points" in report


def test_every_claim_stands_in_the_readme_with_four_kinds_of_evidence():
    rows = readme.CLAIMS.search(README)[0].splitlines()[3:-1]
    assert len(rows) == len(paper.CLAIMS) and all(row.count(" | ") == 4 for row in rows)
    assert all(f"[{claim.text}]" in row for claim, row in zip(paper.CLAIMS, rows, strict=True))


def test_the_block_and_the_picture_are_there_and_hold_the_runs_that_ship(tmp_path):
    assert len(readme.BLOCK.findall(README)) == 1 and "planted-study, which is generated" in " ".join(README.split())
    with Image.open(readme.PICTURE) as picture:
        assert picture.width > 600
    table = tables.table("I", profile="standard", seeds=statistics.PLANNED, store=tmp_path)
    assert readme.glance(table) in README, "write it again: python book/readme.py"
    assert readme.picture(table).startswith(b"\x89PNG")
