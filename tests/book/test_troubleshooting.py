"""What the page of troubleshooting prints is what the package says: each message stands in the source as it does there.

That a message comes where it should is tried where its reader or command is: tests/data, tests/features and so on.
"""
import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "troubleshooting.md").read_text(encoding="utf-8")
ELSEWHERE = "Installing and starting"      # the section of messages that come from other programs
SECTIONS = {part.splitlines()[0]: [match[2] for match in re.finditer(r"^(`+)(.+?)\s?\1\n: ", part, re.MULTILINE)]
            for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]}
OURS = [entry for title, entries in SECTIONS.items() if title != ELSEWHERE for entry in entries]
TEXTS = sorted({" ".join(node.value.split()) for folder in ("vscg", "book") for file in (ROOT / folder).rglob("*.py")
                for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)}, key=len, reverse=True)


def test_the_page_is_read_whole():
    assert sum(map(len, SECTIONS.values())) == len(re.findall(r"^: ", PAGE, flags=re.MULTILINE)) > 70
    assert len(SECTIONS[ELSEWHERE]) > 10


@pytest.mark.parametrize("entry", OURS, ids=[entry[:50] for entry in OURS])
def test_the_message_is_made_of_texts_of_the_source(entry):
    """What stands between angle brackets may be anything; of all else no more than a short word between two is left."""
    left = entry
    for text in TEXTS:
        left = left.replace(text, "\n") if len(text) >= 5 else left
    for part in re.sub("<[a-z]*>?|[a-z]*>", "", left).split("\n"):
        assert len(re.findall("[a-z]", part)) <= 15, part
