"""Every error on the page of troubleshooting is raised here, and its text is the one that the page prints."""
import re
from pathlib import Path

import pytest

from tests.robustness.places import Place, build, execute
from tests.robustness.provokers import PROVOKERS
from vscg.errors import VscgError

PAGE = Path(__file__).resolve().parents[2] / "book" / "troubleshooting.md"
ELSEWHERE = "Installing and starting"      # the section of messages that come from other programs
ENTRY = re.compile(r"^(`+)(.+?)\s?\1\n: ", re.MULTILINE)
ERRORS = (VscgError, execute.NotebookFailed, build.SiteFailed)


def sections() -> dict[str, list[str]]:
    """Title of each section -> the messages that it explains."""
    parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {part.splitlines()[0]: [match[2] for match in ENTRY.finditer(part)] for part in parts}


OURS = [entry for title, entries in sections().items() if title != ELSEWHERE for entry in entries]


def pattern(entry: str) -> re.Pattern:
    """An entry as a regular expression: what stands between angle brackets may be anything, or nothing."""
    return re.compile("".join(".*" if re.fullmatch("<[a-z]+>", part) else re.escape(part)
                              for part in re.split("(<[a-z]+>)", entry)))


def provokers_of(entry: str) -> list[str]:
    return [key for key in PROVOKERS if key in entry]


def test_the_page_is_read_whole():
    text = PAGE.read_text(encoding="utf-8")
    assert sum(map(len, sections().values())) == len(re.findall(r"^: ", text, flags=re.MULTILINE)) > 70
    assert len(sections()[ELSEWHERE]) > 10


def test_each_message_has_one_provoker_and_each_provoker_one_message():
    assert {entry: keys for entry in OURS if len(keys := provokers_of(entry)) != 1} == {}
    assert sorted(key for entry in OURS for key in provokers_of(entry)) == sorted(PROVOKERS)


@pytest.mark.parametrize("entry", OURS, ids=[entry[:50] for entry in OURS])
def test_the_message_is_the_one_on_the_page(entry, tmp_path, server, monkeypatch):
    key, = provokers_of(entry)
    with pytest.raises(ERRORS) as error:
        PROVOKERS[key](Place(tmp_path, server, monkeypatch))
    printed = " ".join(str(error.value).split())
    assert pattern(entry).fullmatch(printed), f"{printed}\nis not\n{entry}"
