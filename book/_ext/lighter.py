"""Sphinx extension: pages without Font Awesome's script of 1.5 MB; its style sheet and fonts draw the same icons."""
import re
from pathlib import Path

from vscg.machine.files import write_atomically

SCRIPT = re.compile(r'<script src="[^"]*/fontawesome/[^"]*/js/all\.min\.js[^"]*"></script>\s*')
PRELOAD = re.compile(r'<link rel="preload"[^>]*/fontawesome/[^>]*>\s*')


def lighter(page: str) -> str:
    """A page's HTML without the script and without hints to load it, or fonts that the page may not need, early."""
    return PRELOAD.sub("", SCRIPT.sub("", page))


def setup(app) -> dict:
    """Takes the script out of every page that has been written, and away from the site."""
    def finish(app, error) -> None:
        if error is not None or app.builder.name != "html":
            return
        site = Path(app.outdir)
        for path in site.rglob("*.html"):
            text = path.read_text(encoding="utf-8")
            if (light := lighter(text)) != text:
                write_atomically(path, light.encode())
        for script in site.glob("_static/vendor/fontawesome/*/js/all.min.js*"):
            script.unlink()

    app.connect("build-finished", finish, priority=400)      # before the one page is made of the others
    return {"version": "1", "parallel_read_safe": True}
