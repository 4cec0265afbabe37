"""Readers who see little, use a screen reader or only a keyboard: alternative texts, and axe-core on every page."""
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import jupytext
import nbformat
import pytest
from playwright.sync_api import sync_playwright

from tests.pages import CHROMIUM, DESK, FLAGS, HTML, PHONE, needs_browser, needs_site, pages, parsed

SOURCES = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.py"))
AXE = files("axe_playwright_python").joinpath("axe.min.js")
FILE_NAME = re.compile(r"\.(png|jpe?g|svg|gif|webp)\b|_images/|^[0-9a-f]{16,}", re.IGNORECASE)
PRINT = "print.html"        # the other pages once more
FORMULAS = "notation.html"  # where the formulas' markup is looked at; it is the same everywhere
SIZE = {"runOnly": ["scrollable-region-focusable"]}
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
# What is not serious and slow, and what is asked in the other modes.
REST = {"rules": {name: {"enabled": False} for name in ("region", *SIZE["runOnly"], *COLOURS["runOnly"])}}
MODES = [("dark", PHONE, SIZE), ("light", DESK, REST), ("light", DESK, COLOURS), ("dark", DESK, COLOURS)]

# Contrast takes axe minutes on thousands of code tokens. All of one class look alike, so the first of each is left.
KEEP_ONE_TOKEN_OF_A_CLASS = """() => {
  const seen = new Set();
  document.querySelectorAll(".highlight span[class]").forEach((token) => {
    const look = token.className + (token.closest(".cell_output") ? " output" : "");
    if (seen.has(look)) token.remove();
    seen.add(look);
  });
}"""
# Marks the first element of each look: its own colour and size, and the backgrounds that it stands on.
MARK_LOOKS = """() => {
  document.querySelectorAll("[data-look]").forEach((element) => element.removeAttribute("data-look"));
  const seen = new Set(), texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    const {color, fontSize, fontWeight} = getComputedStyle(element);
    const look = [element.tagName, color, fontSize, fontWeight];
    for (let below = element; below; below = below.parentElement) {
      const {backgroundColor, backgroundImage, opacity} = getComputedStyle(below);
      if (backgroundColor !== "rgba(0, 0, 0, 0)" || backgroundImage !== "none" || opacity !== "1")
        look.push(backgroundColor, backgroundImage, opacity);
    }
    if (!seen.has(look.join())) element.setAttribute("data-look", "");
    seen.add(look.join());
  }
}"""
RUN = """async ([context, rules]) => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const {violations} = await axe.run(context, {preload: false, resultTypes: ["violations"], ...rules});
  return violations.flatMap(({id, impact, nodes}) => nodes.map((node) => ({
    id, impact, html: node.html.slice(0, 120),
    why: node.any.concat(node.all, node.none).map((check) => check.message).join("; ")
  })));
}"""


def single_pages() -> list[Path]:
    """All pages but the one that holds the others once more."""
    return [page for page in pages() if page.name != PRINT]


def meaningful(text: str) -> bool:
    """At least four words, and not the name of a file."""
    return len(text.split()) >= 4 and not FILE_NAME.search(text)


def alternative_text(cell) -> str:
    return cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_every_cell_that_draws_has_an_alternative_text(source):
    cells = [cell for cell in nbformat.read(source.with_suffix(".ipynb"), as_version=4).cells
             if any(kind.startswith("image/") for output in cell.get("outputs", []) for kind in output.get("data", {}))]
    assert [cell.source for cell in cells if not meaningful(alternative_text(cell))] == []
    texts = Counter(map(alternative_text, cells))
    assert [text for text, count in texts.items() if count > 1] == []
    written = {alternative_text(cell) for cell in jupytext.read(source).cells}
    assert set(texts) <= written, "the next execution takes them from the text source"


@needs_site
def test_every_picture_and_film_of_the_site_has_an_alternative_text():
    silent = []
    for page in single_pages():
        pictures = [tag for tag in parsed(page).find_all("img") if not meaningful(tag.get("alt", ""))]
        films = [tag for tag in parsed(page).find_all(["video", "audio", "iframe", "object", "canvas"])
                 if not (tag.get("aria-label") or tag.get("title"))]
        silent += [f"{page.relative_to(HTML)}: {str(tag)[:120]}" for tag in pictures + films]
    assert silent == []


@needs_site
def test_headings_go_down_one_level_at_a_time():
    for page in single_pages():
        levels = [int(tag.name[1]) for tag in parsed(page).select("article :is(h1, h2, h3, h4, h5, h6)")]
        steps = [below for above, below in zip(levels, levels[1:], strict=False) if below > above + 1]
        assert not steps, f"{page.relative_to(HTML)}: headings of the levels {levels}"


def examine(tab, page: Path) -> list[dict]:
    """What axe-core finds on one page in each mode: dicts with page, mode, id, impact, html and why."""
    tab.set_viewport_size(PHONE)
    tab.goto(page.as_uri())
    if page.name == FORMULAS:
        tab.evaluate("() => MathJax.startup.promise.then(() => null)")
    tab.evaluate(AXE.read_text())
    found = []
    for scheme, size, rules in MODES:
        tab.emulate_media(color_scheme=scheme)
        tab.wait_for_function("(scheme) => document.documentElement.dataset.theme === scheme", arg=scheme)
        tab.set_viewport_size(size)
        context = "html"
        if rules is COLOURS:
            tab.evaluate(MARK_LOOKS)
            context = "[data-look]"
        mode = f"{scheme}, {size['width']} px"
        found += [{"page": str(page.relative_to(HTML)), "mode": mode, **fault}
                  for fault in tab.evaluate(RUN, [context, rules])]
        tab.evaluate(KEEP_ONE_TOKEN_OF_A_CLASS)
    return found


@pytest.fixture(scope="module")
def tab():
    """One tab for all pages, in which formulas stay as they are written but on FORMULAS."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = browser.new_page(viewport=DESK, reduced_motion="reduce")
        tab.set_default_timeout(180_000)
        tab.route(re.compile("mathjax", re.IGNORECASE),
                  lambda route: route.continue_() if tab.url.endswith(FORMULAS) else route.abort())
        yield tab
        browser.close()


@needs_site
@needs_browser
def test_axe_finds_nothing_serious(tab):
    found = [fault for page in single_pages() for fault in examine(tab, page)]
    kinds = Counter((fault["impact"], fault["id"]) for fault in found)
    print("axe-core:", dict(kinds) or "nothing")
    worst = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    assert not worst, "\n".join(" | ".join(map(str, fault.values())) for fault in worst[:40])
