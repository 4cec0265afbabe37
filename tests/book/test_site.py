"""The built site: links, numbers and texts in its pages, and how they open in a browser for every reader."""
import contextlib
import functools
import gzip
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jupytext
import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import Page, TimeoutError, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "book" / "_build" / "html"
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1300, "height": 900}
LOADED = [("link", "href"), ("img", "src"), ("script", "src"), ("iframe", "src"), ("source", "src"), ("video", "src"),
          ("video", "poster"), ("audio", "src"), ("object", "data")]
FILE_NAME = re.compile(r"\.(png|jpe?g|svg|gif|webp)\b|_images/|^[0-9a-f]{16,}", re.IGNORECASE)
WHOLE = "print.html"        # the other pages once more
LARGEST_PAGE = 1_000_000    # bytes, compressed, with all that the page loads
PACKED = (".png", ".woff", ".woff2", ".mp4", ".jpg")
CODE, PRINTED = ".cell_input pre", ".cell_output pre"
FORMULAS = "notation.html"  # where axe looks at the formulas' markup; it is the same everywhere
AXE = files("axe_playwright_python").joinpath("axe.min.js")
SIZE, COLOURS = {"runOnly": ["scrollable-region-focusable"]}, {"runOnly": ["color-contrast", "link-in-text-block"]}
# What is not serious and slow, and what is asked in the other modes.
REST = {"rules": {name: {"enabled": False} for name in ("region", *SIZE["runOnly"], *COLOURS["runOnly"])}}
MODES = [("dark", PHONE, SIZE), ("light", DESK, REST), ("light", DESK, COLOURS), ("dark", DESK, COLOURS)]
# Contrast takes axe minutes on thousands of code tokens: of what looks alike, colours and grounds, the first is marked.
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
# Text in exactly the colour of its ground counts for axe as hidden on purpose, as "incomplete": here it is a fault.
RUN = """async ([context, rules]) => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const {violations, incomplete} = await axe.run(context, {
    preload: false, resultTypes: ["violations", "incomplete"], ...rules});
  const invisible = incomplete.map((rule) => ({...rule, nodes: rule.nodes.filter(({any}) =>
    any.some(({data}) => data?.messageKey === "equalRatio"))}));
  return [...violations, ...invisible].filter(({impact}) => ["serious", "critical"].includes(impact)).flatMap(
    ({id, nodes}) => nodes.map(({html, any, all, none}) =>
      `${id}: ${html.slice(0, 120)} ${[...any, ...all, ...none].map(({message}) => message)}`));
}"""

needs_site = pytest.mark.skipif(not (HTML / "index.html").is_file(), reason="the site is not built (make book)")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="neither Chromium nor Chrome is installed")


def pages(whole: bool = True) -> list[Path]:
    """Every page with content of its own, Sphinx's index and search pages included, and the one that holds all."""
    return [page for page in sorted(HTML.rglob("*.html")) if "_static" not in page.parts
            and (whole or page.name != WHOLE)]


@functools.cache
def parsed(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@functools.cache
def anchors(page: Path) -> list[str]:
    return [tag["id"] for tag in parsed(page).find_all(id=True)]


def contents() -> list[str]:
    """The pages of the table of contents, without their suffix."""
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


def meaningful(text: str) -> bool:
    """At least four words, and not the name of a file."""
    return len(text.split()) >= 4 and not FILE_NAME.search(text)


@needs_site
def test_links_lead_somewhere_inside_anchors_stand_once_and_nothing_is_loaded_from_elsewhere():
    faults = []
    for page in pages():
        name = page.relative_to(HTML)
        for kind, attribute in (("a", "href"), *LOADED):
            for target in {tag[attribute] for tag in parsed(page).find_all(kind, **{attribute: True})}:
                url = urlsplit(target)
                if url.scheme or url.netloc:
                    faults += [f"{name} loads {target}"] if kind != "a" and url.netloc else []
                    continue
                file = (page.parent / unquote(url.path)).resolve() if url.path else page
                if not file.is_file() or (url.fragment and file.suffix == ".html"
                                          and unquote(url.fragment) not in anchors(file)):
                    faults.append(f"{name}: {target} leads nowhere")
        twice = [anchor for anchor, count in Counter(anchors(page)).items() if count > 1]
        # The theme's own field stands once more on its page of search.
        faults += [f"{name}: #{anchor} stands twice" for anchor in twice if (page.name, anchor) != (
            "search.html", "search-input")]
    assert faults == []


@needs_site
def test_every_page_can_be_downloaded_and_stands_in_the_whole_book_with_all_its_parts():
    whole = parsed(HTML / WHOLE)
    assert [tag["id"] for tag in whole.select("section.chapter")] == [name.replace("/", "-") for name in contents()]
    for name in contents():
        page, part = parsed(HTML / f"{name}.html"), whole.find(id=name.replace("/", "-"))
        for kind in ("img", "table", "h2", "div.math", "pre"):
            extra = name == "index" and kind == "h2"
            assert len(part.select(kind)) == len(page.article.select(kind)) + extra, (name, kind)
        suffix, up = ".ipynb" if name.startswith("notebooks/") else ".md", "../" * name.count("/")
        links = [tag["href"] for tag in page.select(".dropdown-download-buttons a")]
        assert links == [f"{up}_sources/{name}{suffix}", f"{up}{WHOLE}"], name
        assert page.select_one(".dropdown-download-buttons button[onclick='window.print()']"), name


@needs_site
def test_a_chapter_its_sections_and_figures_have_the_notebooks_number_and_the_status_page_names_it():
    chapters = [name.split("/")[1] for name in contents() if name.startswith("notebooks/")]
    assert [Path(tag["href"]).stem for tag in parsed(HTML / "status.html").article.select("td a")] == chapters
    for name in chapters:
        number, page = str(int(name[:2])), parsed(HTML / "notebooks" / f"{name}.html")
        numbers = [tag.get_text() for tag in page.select("article .section-number")]
        numbers += [tag.get_text().removeprefix("Fig. ") for tag in page.select("article .caption-number")
                    if tag.get_text().startswith("Fig. ")]
        assert numbers[0] == f"{number}. " and {text.split(".")[0] for text in numbers} == {number}, (name, numbers)
        links = [tag["href"] for tag in page.select(".dropdown-launch-buttons a")]
        copies = (HTML / "launch" / "notebooks" / f"{name}.ipynb").is_file()
        assert len(links) == 2 * copies and all(re.search(f"gh-pages.*/launch/notebooks/{name}.ipynb$", link)
                                                for link in links)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_every_cell_that_draws_has_an_alternative_text_of_its_own(source):
    texts = Counter(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
                    for cell in nbformat.read(source.with_suffix(".ipynb"), as_version=4).cells
                    if any(kind.startswith("image/") for output in cell.get("outputs", [])
                           for kind in output.get("data", {})))
    assert [text for text, count in texts.items() if count > 1 or not meaningful(text)] == []
    assert set(texts) <= {cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
                          for cell in jupytext.read(source).cells}, "the next execution takes them from the source"


@needs_site
def test_pictures_and_films_of_the_site_have_texts_and_headings_go_down_one_level_at_a_time():
    faults = []
    for page in pages(whole=False):
        silent = [tag for tag in parsed(page).find_all("img") if not meaningful(tag.get("alt", ""))]
        silent += [tag for tag in parsed(page).find_all(["video", "audio", "iframe", "object", "canvas"])
                   if not (tag.get("aria-label") or tag.get("title"))]
        levels = [int(tag.name[1]) for tag in parsed(page).select("article :is(h1, h2, h3, h4, h5, h6)")]
        steps = [below for above, below in zip(levels, levels[1:], strict=False) if below > above + 1]
        faults += [(page.relative_to(HTML), what) for what in (silent, steps) if what]
    assert faults == []


@contextlib.contextmanager
def open_tab(**options) -> Iterator[Page]:
    """A browser's tab, which opens one page after the other."""
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=CHROMIUM, args=[
            "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--allow-file-access-from-files"])
        yield program.new_page(viewport=DESK, **options)
        program.close()


def show(tab, scheme: str, size: dict) -> None:
    """The page in light or dark, at a size; it follows when it is told, which takes a moment."""
    tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size(size)
    tab.wait_for_function("(scheme) => document.documentElement.dataset.theme === scheme", arg=scheme)


def cut(tab, what: str) -> list[str]:
    """The cells of a page, CODE or PRINTED, that have a line longer than they are wide."""
    return tab.locator(what).evaluate_all(
        "cells => cells.filter((cell) => cell.scrollWidth > cell.clientWidth + 1).map((cell) => cell.innerText)")


def compressed(address: str) -> int:
    """Bytes that a reader loads of a file, as a server compresses it."""
    file = Path(unquote(urlsplit(address).path))
    if not address.startswith("file:") or not file.is_file():
        return 0
    return file.stat().st_size if file.suffix in PACKED else len(gzip.compress(file.read_bytes()))


def visit(tab, page: Path) -> list[str]:
    """Opens one page, light on a desk screen and dark on a phone, and returns what is wrong with it."""
    faults, requested = [], set()
    heard = {"console": lambda message: message.type == "error" and faults.append(f"console: {message.text}"),
             "pageerror": lambda error: faults.append(f"script: {error}"),
             "request": lambda request: requested.add(request.url),
             "requestfailed": lambda request: faults.append(f"failed request {request.url}")}
    for event, listener in heard.items():
        tab.on(event, listener)
    tab.emulate_media(color_scheme="light")
    tab.set_viewport_size(DESK)
    tab.goto(page.as_uri())
    if formulas := tab.locator(".math").count():
        tab.wait_for_function("() => window.MathJax?.startup?.promise")
        tab.evaluate("() => window.MathJax.startup.promise.then(() => true)")
        rendered, wrong = (tab.locator(kind).count() for kind in ("mjx-container", "mjx-merror, [data-mjx-error]"))
        faults += [f"{rendered} of {formulas} formulas, {wrong} wrong"] if rendered < formulas or wrong else []
    for scheme, size in (("light", DESK), ("dark", PHONE)):
        try:
            show(tab, scheme, size)
        except TimeoutError:
            faults.append(f"no {scheme} theme")
        overflow = tab.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        faults += [f"{overflow} px wider than a window of {size['width']} px"] if overflow > 0 else []
        if size is DESK and page.name != WHOLE:
            faults += [f"a line is cut: {text}" for what in (CODE, PRINTED) for text in cut(tab, what)]
    tab.wait_for_load_state("networkidle")
    for event, listener in heard.items():
        tab.remove_listener(event, listener)
    faults += [f"external request {url}" for url in requested if not url.startswith(("file:", "data:", "blob:"))]
    weight = sum(map(compressed, requested))
    return faults + ([f"{weight:,} bytes"] if weight > LARGEST_PAGE and page.name != WHOLE else [])


def examine(tab, page: Path) -> list[str]:
    """What axe-core finds serious on one page in each mode, formulas as they are written but on FORMULAS."""
    tab.unroute_all()
    if page.name != FORMULAS:
        tab.route(re.compile("mathjax", re.IGNORECASE), lambda route: route.abort())
    tab.goto(page.as_uri())
    if page.name == FORMULAS:
        tab.evaluate("() => MathJax.startup.promise.then(() => true)")
    tab.evaluate(AXE.read_text())
    found = []
    for scheme, size, rules in MODES:
        show(tab, scheme, size)
        if rules is COLOURS:
            tab.evaluate(MARK_LOOKS)
        context = "[data-look]" if rules is COLOURS else "html"
        found += [f"{scheme}, {size['width']} px: {fault}" for fault in tab.evaluate(RUN, [context, rules])]
    return found


@needs_site
@needs_browser
@pytest.mark.parametrize("look", [visit, examine])
def test_every_page_opens_cleanly_and_axe_finds_nothing_serious(look):
    with open_tab(reduced_motion="reduce") as tab:
        tab.set_default_timeout(180_000)      # ms: the whole book on one page takes long on a busy machine
        faults = [f"{page.relative_to(HTML)}: {fault}" for page in pages(whole=look is visit)
                  for fault in dict.fromkeys(look(tab, page))]
    assert not faults, "\n".join(faults[:60])


@needs_site
def test_every_page_says_what_a_shared_link_shows_and_loads_no_script_of_icons():
    said = {}
    for name in contents():
        page = parsed(HTML / f"{name}.html")
        tags = {tag.get("property", tag.get("name")): tag["content"] for tag in page.select("meta[content]")}
        assert tags["og:title"] and tags["og:description"] == tags["description"], name
        assert (HTML / tags["og:image"].split("/")[-1]).is_file()
        assert not page.find_all("script", src=re.compile("fontawesome")), name
        said[name] = tags["description"]
    assert len(set(said.values())) == len(said) and all(len(text.split()) >= 4 for text in said.values()), said
    found = parsed(HTML / "index.html").select("#what-we-found ol > li")
    assert len(found) == 10 and all(item.find("strong") and item.find("a") for item in found)


@needs_site
@needs_browser
def test_a_search_shows_sentences_a_long_page_has_a_way_up_and_the_player_plays_on_its_page():
    with open_tab() as tab:
        tab.goto((HTML / "search.html").as_uri() + "?q=attention")
        tab.wait_for_selector("#search-results p.context")
        excerpts = tab.locator("#search-results p.context").all_inner_texts()
        code = [text for text in excerpts if re.search(r"\bimport \w+|= np\.|torch\.\w+\(", text)]
        assert len(excerpts) > 5 and code == []
        found = []
        for word in ("localisation", "localization"):
            tab.goto((HTML / "search.html").as_uri() + f"?q={word}")
            tab.get_by_text("Search finished").wait_for()
            found.append(set(tab.locator("#search-results li > a").all_inner_texts()))
        assert found[0] == found[1] and len(found[0]) > 5
        for size in (DESK, PHONE):
            tab.set_viewport_size(size)
            tab.goto((HTML / "notebooks" / "03_audio_guided_attention.html").as_uri())
            tab.evaluate("window.scrollTo(0, 6000)")
            tab.wait_for_selector("#pst-back-to-top", state="visible")
            tab.locator("#pst-back-to-top").click()
            tab.wait_for_function("window.scrollY < 10")
        figure = tab.locator(".cell_output figure").first
        widths = []
        for _ in range(2):      # whole, then large after a tap
            box = figure.locator("img").bounding_box()
            widths.append(box["width"])
            figure.locator("img").click(position={"x": 5, "y": 5})
        figure.locator("img").press("Enter")
        widths.append(figure.locator("img").bounding_box()["width"])
        assert widths[0] < PHONE["width"] < widths[1] == widths[2]
        tab.goto((HTML / "touch.html").as_uri())
        assert tab.locator(".vscg-player .vp-map span").count() == 49
        tab.locator("[data-part=second]").press("ArrowRight")
        assert tab.locator("[data-part=second]").input_value() == "1"
