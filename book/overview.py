"""Draws VSCG in one picture, with what flows along its arrows: once as a whole, once for each chapter on a part of it.

    python book/overview.py

The pictures are written to book/_static: overview.svg, and overview-03.svg to overview-09.svg with the chapter's part
marked. They follow the reader's colour scheme, and their labels can be read on a phone.
"""
import html
import sys
from pathlib import Path

from vscg.machine.files import write_atomically

FOLDER = Path(__file__).resolve().parent / "_static"
SIZE = 400, 560
STYLE = """
text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1c1c1c; text-anchor: middle; }
.small { font-size: 11.5px; } .title { font-weight: 600; }
.ground { fill: #ffffff; stroke: #d5d5d5; } .flow { fill: none; stroke: #6b6b6b; stroke-width: 1.6; }
.head { fill: #6b6b6b; } .shape { fill: #4a4a4a; font-size: 11.5px; }
.box { stroke-width: 1.4; } .sound { fill: #dcecf7; stroke: #0173b2; } .picture { fill: #fbeacb; stroke: #b87400; }
.both { fill: #d9f1e8; stroke: #02865f; } .plain { fill: #f1f1f1; stroke: #8a8a8a; }
.here { stroke: #c4004f; stroke-width: 3.5; } .pin { fill: #c4004f; font-weight: 600; font-size: 11.5px; }
@media (prefers-color-scheme: dark) {
  text { fill: #f2f2f2; } .ground { fill: #1b1f26; stroke: #3a404a; } .flow { stroke: #a3a8b0; }
  .head { fill: #a3a8b0; } .shape { fill: #c3c8d0; }
  .sound { fill: #0f3a57; stroke: #56a8dd; } .picture { fill: #4d3608; stroke: #e2a437; }
  .both { fill: #0c4434; stroke: #3bc79b; } .plain { fill: #30353d; stroke: #8d939c; }
  .here { stroke: #ff6b9d; } .pin { fill: #ff8fb4; }
}"""
# name: (chapters, kind, left, top, width, height, title, second line)
BOXES = {
    "sound": ((), "sound", 15, 14, 150, 40, "sound, 10 s", "VGGish"),
    "picture": ((), "picture", 235, 14, 150, 40, "picture, 10 s", "VGG-19"),
    "agva": (("03",), "both", 200, 84, 185, 40, "AGVA (ch. 3)", "where in the picture?"),
    "lstm_a": (("04",), "sound", 15, 158, 150, 28, "Bi-LSTM (ch. 4)", ""),
    "lstm_v": (("04",), "picture", 235, 158, 150, 28, "Bi-LSTM (ch. 4)", ""),
    "psp": (("04",), "both", 15, 216, 370, 40, "PSP (ch. 4)", "which seconds of sound and picture go together?"),
    "cere": (("05",), "both", 130, 288, 140, 40, "CERE (ch. 5)", "what is the clip about?"),
    "isce_a": (("06",), "sound", 15, 356, 150, 28, "ISCE (ch. 6)", ""),
    "isce_v": (("06",), "picture", 235, 356, 150, 28, "ISCE (ch. 6)", ""),
    "mean": ((), "both", 150, 412, 100, 28, "mean F", ""),
    "fully": (("07", "08"), "plain", 15, 474, 178, 72, "fully (ch. 8)", "event or not (10), which (28)"),
    "weakly": (("07", "09"), "plain", 207, 474, 178, 72, "weakly (ch. 9)", "seconds (10,29), clip (29)"),
}
LOSSES = {"fully": "losses: Eq. 14 to 18 (ch. 7)", "weakly": "losses: Eq. 19 to 21 (ch. 7)"}
# (path of the arrow, shape that flows along it, where its middle stands)
ARROWS = (
    ("M90 54 V158", "(10,128)", (58, 140)), ("M310 54 V84", "(10,7,7,512)", (352, 74)),
    ("M90 104 H200", "", (0, 0)), ("M310 124 V158", "(10,512) to (10,128)", (240, 145)),
    ("M90 186 V216", "(10,256)", (120, 206)), ("M310 186 V216", "(10,256)", (280, 206)),
    ("M60 256 V356", "(10,256)", (89, 342)), ("M340 256 V356", "(10,256)", (311, 342)),
    ("M170 256 V288", "", (0, 0)), ("M230 256 V288", "", (0, 0)),
    ("M180 328 V370 H165", "", (0, 0)), ("M220 328 V370 H235", "E (2,128)", (200, 398)),
    ("M90 384 V426 H150", "(10,256)", (60, 404)), ("M310 384 V426 H250", "(10,256)", (340, 404)),
    ("M170 440 V458 H104 V474", "", (0, 0)), ("M230 440 V458 H296 V474", "(10,256)", (200, 466)),
)
NAMES = {"03": "AGVA", "04": "the Bi-LSTMs and PSP", "05": "CERE", "06": "ISCE", "07": "the losses",
         "08": "the fully supervised head", "09": "the weakly supervised head"}
CHAPTERS = tuple(NAMES)


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}"' + (f' class="{kind}"' if kind else "") + f">{html.escape(words)}</text>"


def _box(name: str, chapter: str) -> list[str]:
    chapters, kind, left, top, width, height, title, second = BOXES[name]
    here, middle = chapter in chapters, left + width / 2
    lines = [(title, "title"), *((line, "small") for line in (second, LOSSES.get(name, "")) if line)]
    first = top + height / 2 + 4.5 - 8.5 * (len(lines) - 1) - 2 * (len(lines) > 2)
    return [f'<rect class="box {kind}{" here" * here}" x="{left}" y="{top}" width="{width}" height="{height}" rx="6"/>',
            *(_text(middle, first + (17 + 2 * (len(lines) > 2)) * i, *line) for i, line in enumerate(lines))]


def drawing(chapter: str = "") -> str:
    """The picture as SVG; `chapter`, one of `CHAPTERS`, marks what that chapter is about."""
    marked = f" Marked: {NAMES[chapter]}." if chapter else ""
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE[0]} {SIZE[1]}" width="{SIZE[0]}" '
             f'height="{SIZE[1]}" role="img"><title>VSCG from sound and picture to ten classes.{marked}</title>',
             f"<style>{STYLE}</style>",
             '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
             'markerUnits="userSpaceOnUse" orient="auto"><path class="head" d="M0 0 8 4 0 8z"/></marker></defs>',
             f'<rect class="ground" x="0.5" y="0.5" width="{SIZE[0] - 1}" height="{SIZE[1] - 1}" rx="8"/>']
    lines += [f'<path class="flow" marker-end="url(#end)" d="{path}"/>' for path, _, _ in ARROWS]
    lines += [line for name in BOXES for line in _box(name, chapter)]
    lines += [_text(*where, shape, "shape") for _, shape, where in ARROWS if shape]
    if chapter:
        lines.append(_text(200, 73, "framed: this chapter", "pin"))
    return "\n".join([*lines, "</svg>\n"])


def pictures() -> dict[Path, str]:
    """Every file and what belongs in it."""
    return {FOLDER / "overview.svg": drawing(),
            **{FOLDER / f"overview-{chapter}.svg": drawing(chapter) for chapter in CHAPTERS}}


def write(pictures: dict[Path, str]) -> None:
    """Writes each file and prints its path."""
    for path, text in pictures.items():
        write_atomically(path, text.encode())
        print(path)


if __name__ == "__main__":
    if sys.argv[1:]:
        raise SystemExit(__doc__)
    write(pictures())
