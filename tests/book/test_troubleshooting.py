"""Every error on the page of troubleshooting is raised here, and its text is the one that the page prints."""
import re
from pathlib import Path

import pytest

from tests.robustness.provokers import PROVOKERS, Place, build, execute
from vscg.errors import VscgError

PAGE = (Path(__file__).resolve().parents[2] / "book" / "troubleshooting.md").read_text(encoding="utf-8")
ELSEWHERE = "Installing and starting"      # the section of messages that come from other programs
SECTIONS = {part.splitlines()[0]: [match[2] for match in re.finditer(r"^(`+)(.+?)\s?\1\n: ", part, re.MULTILINE)]
            for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]}
OURS = [entry for title, entries in SECTIONS.items() if title != ELSEWHERE for entry in entries]


def test_the_page_is_read_whole_and_each_message_has_one_provoker():
    assert sum(map(len, SECTIONS.values())) == len(re.findall(r"^: ", PAGE, flags=re.MULTILINE)) > 70
    assert len(SECTIONS[ELSEWHERE]) > 10
    found = {entry: [key for key in PROVOKERS if key in entry] for entry in OURS}
    assert {entry: keys for entry, keys in found.items() if len(keys) != 1} == {}
    assert sorted(sum(found.values(), [])) == sorted(PROVOKERS)


@pytest.mark.parametrize("entry", OURS, ids=[entry[:50] for entry in OURS])
def test_the_message_is_the_one_on_the_page(entry, tmp_path, server, monkeypatch):
    key, = (key for key in PROVOKERS if key in entry)
    with pytest.raises((VscgError, execute.NotebookFailed, build.SiteFailed)) as error:
        PROVOKERS[key](Place(tmp_path, server, monkeypatch))
    printed = " ".join(str(error.value).split())
    # What stands between angle brackets may be anything, or nothing.
    pattern = "".join(".*" if re.fullmatch("<[a-z]+>", part) else re.escape(part)
                      for part in re.split("(<[a-z]+>)", entry))
    assert re.fullmatch(pattern, printed), f"{printed}\nis not\n{entry}"
