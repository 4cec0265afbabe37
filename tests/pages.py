"""The built site for the tests that look at it: its pages, parsed, and a browser to open them in."""
import functools
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

HTML = Path(__file__).resolve().parent.parent / "book" / "_build" / "html"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1300, "height": 900}

needs_site = pytest.mark.skipif(not (HTML / "index.html").is_file(), reason="the site is not built (make book)")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="neither Chromium nor Chrome is installed")


def pages() -> list[Path]:
    """Every page with content of its own; Sphinx's index and search pages included."""
    return [page for page in sorted(HTML.rglob("*.html")) if "_static" not in page.parts]


@functools.cache
def parsed(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
