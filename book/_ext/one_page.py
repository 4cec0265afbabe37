"""Sphinx extension: the whole book on one page, print.html, put together from the built pages in reading order.

Numbers of chapters, figures and equations are those of the site. Every anchor gets its page's name in front, so that
links between pages become links inside this one.
"""
import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag
from sphinx import addnodes

from vscg.machine.files import write_atomically

PAGE, PDF = "print.html", "vscg-step-by-step.pdf"
REFERENCES = ("for", "headers", "aria-labelledby", "aria-describedby", "aria-controls")
STYLE = """
.one-page { box-sizing: border-box; width: 100%; max-width: 60rem; margin: 0 auto; padding: 1rem; }
.one-page .contents ul { list-style: none; padding-left: 1rem; }
.one-page .chapter { border-top: 1px solid var(--pst-color-border); margin-top: 3rem; }
@media print {
  @page { size: A4; margin: 16mm 14mm; }
  html { font-size: 10pt; }
  .one-page { max-width: none; padding: 0; }
  .one-page .chapter { border: 0; margin: 0; break-before: page; }
  .one-page .part + .chapter { break-before: avoid; }
  .one-page .part { break-before: page; }
  .one-page pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 8pt; }
  .one-page table { font-size: 8pt; overflow: visible; }
  .one-page table.table { display: table; }
  .one-page td code.literal .pre { white-space: normal; }
  .one-page :is(img, svg) { max-width: 100%; max-height: 22cm; break-inside: avoid; }
  .one-page :is(figure, tr, .math) { break-inside: avoid; }
  .one-page :is(h1, h2, h3, h4) { break-after: avoid; }
  .one-page .contents { font-size: 9pt; }
  .one-page .contents :is(ul, li) { margin-bottom: 0; line-height: 1.25; }
  .one-page .screen { display: none; }
}"""
SCHEME = """
const dark = matchMedia("(prefers-color-scheme: dark)"), mode = localStorage.getItem("mode");
function choose() {
  document.documentElement.dataset.theme = ["light", "dark"].includes(mode) ? mode : dark.matches ? "dark" : "light";
}
dark.addEventListener("change", choose);
choose();"""


def one_page(site: Path, parts: list[tuple[str, list[str]]]) -> str:
    """The page as HTML.

    Args:
        site: folder of the built pages.
        parts: (caption, pages) in reading order; a page is its address without .html. The first one gives the head.
    """
    pages = [page for _, names in parts for page in names]
    head = _soup(site / f"{pages[0]}.html").head
    whole = BeautifulSoup("<!DOCTYPE html><html lang='en'></html>", "html.parser")
    whole.html.append(head)
    _prepare_head(whole)
    body = whole.new_tag("body")
    main = whole.new_tag("main", attrs={"class": "one-page bd-article", "id": "main-content"})
    contents = whole.new_tag("nav", attrs={"class": "contents", "aria-label": "Contents"})
    whole.html.append(body)
    body.append(main)
    for number, (caption, names) in enumerate(parts):
        if caption:
            main.append(_element(whole, "div", caption, {"class": "part h1"}))
            contents.append(_element(whole, "div", caption, {"class": "h5"}))
            contents.append(whole.new_tag("ul"))
        for name in names:
            chapter = _chapter(site, name, pages)
            title = chapter.find("h1").get_text()
            main.append(chapter)
            if caption:
                item = whole.new_tag("li")
                item.append(_element(whole, "a", title, {"href": f"#{slug(name)}"}))
                contents.find_all("ul")[-1].append(item)
        if number == 0:
            chapter.append(_element(whole, "h2", "Contents", {}))
            chapter.append(contents)
    return str(whole)


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns


def slug(page: str) -> str:
    """What stands in front of a page's anchors."""
    return page.replace("/", "-")


def _soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def _element(whole: BeautifulSoup, kind: str, text: str, attributes: dict) -> Tag:
    element = whole.new_tag(kind, attrs=attributes)
    element.string = text
    return element


def _prepare_head(whole: BeautifulSoup) -> None:
    """Keeps styles, MathJax and the book's own scripts; what serves the site's frame goes, the colour scheme stays."""
    head = whole.head
    for script in head.find_all("script"):
        if not re.search("mathjax|accessible", f"{script.get('src', '')}{script.string or ''}", re.IGNORECASE):
            script.decompose()
    for link in head.find_all("link"):
        if set(link.get("rel", [])) & {"index", "search", "next", "prev", "preload"}:
            link.decompose()
    head.title.string = f"{head.title.string}: the whole book on one page"
    head.append(_element(whole, "style", STYLE, {}))
    head.append(_element(whole, "script", SCHEME, {}))


def _chapter(site: Path, page: str, pages: list[str]) -> Tag:
    """A page's article with anchors of its own; everything that hides is open."""
    article = _soup(site / f"{page}.html").find("article")
    article.name, article.attrs = "section", {"class": "chapter", "id": slug(page)}
    for tag in article.select(".headerlink, script, .prev-next-area, .d-print-none"):
        tag.decompose()
    for tag in article.select("[data-vscg-player], [id^=vscg-player]"):
        tag.clear()
        tag.append("The player is on the site, on this chapter's own page.")
    for tag in article.find_all("details"):
        tag["open"] = ""
    for tag in article.select(".admonition.dropdown, .toggle"):
        tag["class"] = [name for name in tag["class"] if name not in ("dropdown", "toggle", "toggle-hidden")]
    own = {tag["id"]: f"{slug(page)}--{tag['id']}" for tag in article.find_all(id=True)}
    for tag in article.find_all(True):
        if "id" in tag.attrs:
            tag["id"] = own[tag["id"]]
        for name in REFERENCES:
            if name in tag.attrs:
                values = tag[name] if isinstance(tag[name], list) else tag[name].split()
                tag[name] = " ".join(own.get(value, value) for value in values)
        for name in ("href", "src"):
            if name in tag.attrs:
                tag[name] = _target(tag[name], page, pages)
        if tag.name == "style":      # of a data frame: it names cells
            tag.string = re.sub(r"#([\w-]+)", lambda match: f"#{own.get(match[1], match[1])}", tag.string or "")
    article["id"] = slug(page)
    return article


def _target(address: str, page: str, pages: list[str]) -> str:
    """Where a link or picture of `page` leads when it stands on the one page, which lies beside index.html."""
    url = urlsplit(address)
    if url.scheme or url.netloc:
        return address
    path = os.path.normpath(PurePosixPath(page).parent / unquote(url.path)) if url.path else f"{page}.html"
    name = path.removesuffix(".html")
    if path.endswith(".html") and name in pages:
        return f"#{slug(name)}--{url.fragment}" if url.fragment else f"#{slug(name)}"
    return url._replace(path=path).geturl()


def with_pdf(page: str) -> str:
    """The page with a link to its PDF at the top."""
    return page.replace('<main class="one-page bd-article" id="main-content">', '<main class="one-page bd-article" '
                        f'id="main-content"><p class="screen"><a href="{PDF}">This page as PDF</a></p>', 1)


def parts_of(env, root: str) -> list[tuple[str, list[str]]]:
    """(caption, pages) of the table of contents, the root page first."""
    trees = env.get_doctree(root).findall(addnodes.toctree)
    return [("", [root]), *((tree["caption"] or "", [page for _, page in tree["entries"]]) for tree in trees)]


def setup(app) -> dict:
    """Writes the page when the site is built, and puts a link to it into every page's download menu."""
    def finish(app, error) -> None:
        if error is not None or app.builder.name != "html":
            return
        site, parts = Path(app.outdir), parts_of(app.env, app.config.root_doc)
        made_of = [Path(__file__), *(site / f"{name}.html" for _, names in parts for name in names)]
        if (site / PAGE).is_file() and max(map(_changed, made_of)) <= _changed(site / PAGE):
            return
        text = one_page(site, parts)
        present = (site / PAGE).read_text(encoding="utf-8") if (site / PAGE).is_file() else ""
        if present in (text, with_pdf(text)):
            (site / PAGE).touch()
        else:
            write_atomically(site / PAGE, text.encode())
            (site / PDF).unlink(missing_ok=True)      # it shows another state of the book

    def add_button(app, pagename, templatename, context, doctree) -> None:
        for group in context.get("header_buttons", []):
            if group.get("label") == "download-buttons":
                group["buttons"].append({
                    "type": "link", "url": context["pathto"](PAGE, 1), "text": "whole book", "icon": "fas fa-book",
                    "tooltip": "The whole book on one page, for printing", "label": "download-book-button"})

    app.connect("build-finished", finish)
    app.connect("html-page-context", add_button, priority=502)      # the theme makes its menu at 501
    return {"version": "1", "parallel_read_safe": True}
