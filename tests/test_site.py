"""The built site: every link leads somewhere, and every page opens in a browser without network or complaint."""
import functools
import http.server
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright

HTML = Path(__file__).resolve().parent.parent / "book" / "_build" / "html"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1400, "height": 900}

needs_site = pytest.mark.skipif(not (HTML / "index.html").is_file(), reason="the site is not built (make book)")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="neither Chromium nor Chrome is installed")


def pages() -> list[Path]:
    """Every page with content of its own; Sphinx's index and search pages included."""
    return [page for page in sorted(HTML.rglob("*.html")) if "_static" not in page.parts]


@functools.cache
def parsed(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@functools.cache
def anchors(page: Path) -> set[str]:
    return {tag["id"] for tag in parsed(page).find_all(id=True)}


@needs_site
def test_links_and_anchors_inside_the_site_exist():
    broken = []
    for page in pages():
        targets = {tag[name] for kind, name in (("a", "href"), ("img", "src"), ("link", "href"), ("script", "src"))
                   for tag in parsed(page).find_all(kind, **{name: True})}
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
    elsewhere = [f"{page.relative_to(HTML)}: {tag[name]}" for page in pages()
                 for kind, name in (("img", "src"), ("script", "src"), ("iframe", "src"))
                 for tag in parsed(page).find_all(kind, **{name: True}) if urlsplit(tag[name]).netloc]
    assert elsewhere == []


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
        if tab.evaluate("() => document.documentElement.dataset.theme") != scheme:
            faults.append(f"no {scheme} theme")
        overflow = tab.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        if overflow > 0:
            faults.append(f"{overflow} px wider than a window of {size['width']} px")
    tab.close()
    return [f"{page.relative_to(HTML)}: {fault}" for fault in dict.fromkeys(faults)]


@needs_site
@needs_browser
def test_every_page_opens_cleanly(address):
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        context = browser.new_context(viewport=DESK)
        faults = [fault for page in pages() for fault in visit(context, address, page)]
        browser.close()
    assert not faults, "\n".join(faults)
