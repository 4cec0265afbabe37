"""The built site: every link leads somewhere, and every page opens in a browser without network or complaint."""
import functools
import http.server
import re
import threading
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from playwright.sync_api import TimeoutError, sync_playwright

from tests.pages import CHROMIUM, DESK, FLAGS, HTML, PHONE, needs_browser, needs_site, pages, parsed

ROOT = HTML.parent.parent.parent
TARGETS = (("a", "href"), ("link", "href"), ("img", "src"), ("script", "src"), ("iframe", "src"), ("source", "src"),
           ("video", "src"), ("video", "poster"), ("audio", "src"), ("object", "data"))
LOADED = [(kind, name) for kind, name in TARGETS if kind != "a"]


@functools.cache
def anchors(page: Path) -> set[str]:
    return {tag["id"] for tag in parsed(page).find_all(id=True)}


@needs_site
def test_links_and_anchors_inside_the_site_exist():
    broken = []
    for page in pages():
        targets = {tag[name] for kind, name in TARGETS for tag in parsed(page).find_all(kind, **{name: True})}
        for target in targets:
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            file = (page.parent / unquote(url.path)).resolve() if url.path else page
            missing = not file.is_file() or (url.fragment and file.suffix == ".html"
                                             and unquote(url.fragment) not in anchors(file))
            if missing:
                broken.append(f"{page.relative_to(HTML)}: {target}")
    assert broken == []


@needs_site
def test_no_page_loads_anything_from_elsewhere():
    elsewhere = [f"{page.relative_to(HTML)}: {tag[name]}" for page in pages() for kind, name in LOADED
                 for tag in parsed(page).find_all(kind, **{name: True}) if urlsplit(tag[name]).netloc]
    assert elsewhere == []


def contents() -> list[str]:
    """The pages of the table of contents, without their suffix."""
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


@needs_site
def test_no_anchor_stands_twice_on_a_page():
    twice = {}
    for page in pages():
        counts = Counter(tag["id"] for tag in parsed(page).find_all(id=True))
        if page.name == "search.html":
            del counts["search-input"]      # the theme's own field, once more on its page of search
        if names := [name for name, count in counts.items() if count > 1]:
            twice[str(page.relative_to(HTML))] = names
    assert twice == {}


@needs_site
def test_a_chapter_its_sections_and_figures_have_the_notebooks_number():
    for name in (name for name in contents() if name.startswith("notebooks/")):
        number = str(int(name.split("/")[1][:2]))
        page = parsed(HTML / f"{name}.html")
        numbers = [tag.get_text() for tag in page.select("article .section-number")]
        numbers += [tag.get_text().removeprefix("Fig. ") for tag in page.select("article .caption-number")
                    if tag.get_text().startswith("Fig. ")]
        assert numbers[0] == f"{number}. ", f"{name} begins with {numbers[0]}"
        assert {text.split(".")[0] for text in numbers} == {number}, f"{name}: {numbers}"


@needs_site
def test_every_page_can_be_downloaded_and_printed():
    for name in contents():
        page = parsed(HTML / f"{name}.html")
        suffix = ".ipynb" if name.startswith("notebooks/") else ".md"
        links = [tag["href"] for tag in page.select(".dropdown-download-buttons a")]
        up = "../" * name.count("/")
        assert links == [f"{up}_sources/{name}{suffix}", f"{up}print.html"], name
        assert page.select_one(".dropdown-download-buttons button[onclick='window.print()']"), name


@needs_site
def test_the_one_page_holds_every_page_and_figure_of_the_book():
    whole = parsed(HTML / "print.html")
    assert [tag["id"] for tag in whole.select("section.chapter")] == [name.replace("/", "-") for name in contents()]
    for name in contents():
        page, part = parsed(HTML / f"{name}.html").article, whole.find(id=name.replace("/", "-"))
        for kind in ("img", "table", "h2", "div.math", "pre"):
            assert len(part.select(kind)) == len(page.select(kind)) + (name == "index" and kind == "h2"), (name, kind)


@needs_site
def test_the_status_page_names_every_notebook_once():
    links = [Path(tag["href"]).stem for tag in parsed(HTML / "status.html").article.select("td a")]
    assert links == [Path(name).stem for name in contents() if name.startswith("notebooks/")]


@needs_site
def test_launch_buttons_stand_where_there_are_copies_to_open():
    buttons = {page.stem for page in pages() if parsed(page).select(".dropdown-launch-buttons")}
    assert buttons == {path.stem for path in HTML.glob("launch/notebooks/*.ipynb")}
    for name in buttons:
        links = [tag["href"] for tag in
                 parsed(HTML / "notebooks" / f"{name}.html").select(".dropdown-launch-buttons a")]
        assert len(links) == 2 and all(re.search(f"gh-pages.*/launch/notebooks/{name}.ipynb$", link) for link in links)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the site without writing a line for each request."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    """The site's address on a loopback server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=HTML))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def visit(context, address: str, page: Path) -> list[str]:
    """Opens one page, light on a desk screen and dark on a phone, and returns what is wrong with it."""
    faults = []
    tab = context.new_page()
    tab.on("console", lambda message: message.type == "error" and faults.append(f"console: {message.text}"))
    tab.on("pageerror", lambda error: faults.append(f"script: {error}"))
    tab.on("request", lambda request: request.url.startswith((address, "data:", "blob:"))
           or faults.append(f"external request {request.url}"))
    tab.on("requestfailed", lambda request: faults.append(f"failed request {request.url}"))
    tab.on("response", lambda answer: answer.status >= 400 and faults.append(f"{answer.status} {answer.url}"))
    tab.goto(f"{address}/{page.relative_to(HTML)}", wait_until="networkidle")
    if formulas := tab.locator(".math").count():
        tab.wait_for_function("() => window.MathJax?.startup?.promise")
        tab.evaluate("() => window.MathJax.startup.promise")
        rendered = tab.locator("mjx-container").count()
        if rendered < formulas:
            faults.append(f"{rendered} of {formulas} formulas rendered")
        if wrong := tab.locator("mjx-merror, [data-mjx-error]").count():
            faults.append(f"{wrong} formulas with an error")
    for scheme, size in (("light", DESK), ("dark", PHONE)):
        tab.emulate_media(color_scheme=scheme)
        tab.set_viewport_size(size)
        try:                              # the page follows when it is told, which takes a moment
            tab.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme,
                                  timeout=20_000)
        except TimeoutError:
            faults.append(f"no {scheme} theme")
        overflow = tab.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        if overflow > 0:
            faults.append(f"{overflow} px wider than a window of {size['width']} px")
    tab.close()
    return [f"{page.relative_to(HTML)}: {fault}" for fault in dict.fromkeys(faults)]


@needs_site
@needs_browser
def test_every_page_opens_cleanly(address):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport=DESK)
        context.set_default_timeout(180_000)      # ms: the whole book on one page takes long on a busy machine
        faults = [fault for page in pages() for fault in visit(context, address, page)]
        browser.close()
    assert not faults, "\n".join(faults)
