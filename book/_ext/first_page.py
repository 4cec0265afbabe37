"""Sphinx extension: the findings and the claims on the first page and the report, and what a shared link shows."""
import html
import os
import sys
from pathlib import Path

from docutils import nodes
from launch import repository

from vscg.study import study_file
from vscg.training.records import records_dir, shipped_dir

PLACES = "<!-- findings -->", "<!-- claims -->"
PREVIEW = "glance.png"
MOST = 200      # characters of a description


def address(environment) -> str:
    """Where the site is published on GitHub, with a slash at the end; empty where the environment names no repository.

    Raises ExtensionError as `launch.repository`.
    """
    found = repository(environment)
    owner, name = found.removeprefix("https://github.com/").split("/") if found else ("", "")
    return f"https://{owner.lower()}.github.io/{name}/" if found else ""


def description(doctree: nodes.document) -> str:
    """The first paragraph outside of tables that is a sentence, cut at a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        inside = paragraph.parent
        while inside is not None and not isinstance(inside, nodes.table):
            inside = inside.parent
        if inside is None and len(text) > 40:
            return text if len(text) <= MOST else text[:MOST].rsplit(" ", 1)[0] + " ..."
    return ""


def meta_tags(title: str, text: str, site: str, page: str) -> str:
    """What search engines and messengers read, as HTML."""
    named = {"description": text}
    properties = {"og:type": "article", "og:site_name": "VSCG, step by step", "og:title": title, "og:description": text,
                  "og:image": site + PREVIEW,
                  "og:image:alt": "One test clip: what happens in each of its ten seconds, and what three systems say"}
    properties |= {"og:url": f"{site}{page}.html"} if site else {}
    return "".join(f'<meta {kind}="{key}" content="{html.escape(value)}" />\n'
                   for kind, values in (("name", named), ("property", properties)) for key, value in values.items())


def setup(app) -> dict:
    """Puts findings and claims in when the page is read, and the description when it is written."""
    site = address(os.environ)

    def read(app, page, source) -> None:
        if not any(place in source[0] for place in PLACES):
            return
        book = str(Path(app.srcdir))
        if book not in sys.path:
            sys.path.insert(0, book)
        import claims  # they build models: only when such a page is read
        import findings

        for path in (Path(claims.__file__), Path(findings.__file__), findings.NOTEBOOKS / "01_ave_dataset.ipynb",
                     *sorted(records_dir().glob("*.csv")), study_file(), shipped_dir(),
                     *sorted((Path(app.srcdir).parent / "vscg").rglob("*.py"))):
            app.env.note_dependency(str(path))
        for place, made in zip(PLACES, (findings, claims), strict=True):
            if place in source[0]:
                source[0] = source[0].replace(place, made.markdown(lambda name: f"notebooks/{name}"))

    def describe(app, page, template, context, doctree) -> None:
        if doctree is not None:
            context["metatags"] = context.get("metatags", "") + meta_tags(
                nodes.Text(context["title"]).astext(), description(doctree), site, page)

    app.connect("source-read", read)
    app.connect("html-page-context", describe)
    return {"version": "1", "parallel_read_safe": True}
