"""The ten findings of the first page and of the README, with numbers from the package, its records or a chapter.

The build of the site puts them into index.md, and `python book/readme.py` writes them into the README.
"""
import json
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from vscg.models import build_model
from vscg.study import deviations, load_study, resolution, statistics
from vscg.study.paper import ACCURACY, TABLES
from vscg.study.parameters import parameter_table
from vscg.study.resolution import MARGIN

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
CERTAIN, REPORTED, PLANTED = "text and program", "reports of others", "planted"
IN_TEXT = 74.5       # percent, weakly supervised VSCG as the paper's Sec. IV-B prints it; Table I prints another figure
PER_CLIP = 30        # percentage points, a middle value of how much two systems differ on one clip


@dataclass(frozen=True)
class Finding:
    """One line; `line` has the number, `chapter` the two digits of the notebook that it belongs to."""

    line: str
    chapter: str
    rests_on: str = CERTAIN


def findings() -> list[Finding]:
    """The ten, planted data last. Raises ValueError where a source no longer says what a line says."""
    rule, low, high = everywhere()
    found, clips = _printed("01", r"duration found back exactly: (\d+) of (\d+) clips")
    weakly = [values[1] for values in ACCURACY.values() if values[1]]
    gate = torch.tensor([0.0, 1.0]).sigmoid()
    chosen = resolution.selections()["chosen by"]
    counts = parameter_table().query("setting == 'fully'").set_index("system")
    margins = resolution.margins()
    large = margins[f"z{PER_CLIP}"].abs() > MARGIN
    nearest = margins.query("table == 'I'")["margin"].min()
    spread, below, above, _ = resolution.run_to_run()
    first, second, size = one_network()
    loss = load_study().effects().set_index("row").loc["V6"]
    epochs = deviations.DEVIATIONS[0].configs()[0][0].epochs
    require(rule > max(values[0] for values in ACCURACY.values()), "a figure of Table I is above the rule")
    require(max(weakly) == ACCURACY["vscg"][1] != IN_TEXT, "text and Table I agree on VSCG, weakly supervised")
    require(gate[0] >= 0.5, "CMBS's second sigmoid can fall below one half")
    require(set(margins["second"][large & (margins["table"] == "I")]) <= {"CSS-Net"}, "a margin over a rival is large")
    require(loss["low"] > 0, "Eq. 17 to the letter does not cost accuracy")
    require(epochs < statistics.SHORTEST, "a row of the study of deviations may have converged")
    return [
        Finding(f"**{rule}%** [{low}, {high}] of AVE's test seconds are right for a rule that is told the clip's event "
                f"and localises nothing. The best figure of Table I is {max(v[0] for v in ACCURACY.values())}%.", "01"),
        Finding(f"**{(chosen == 'test').sum()} of {len(chosen)}** published programs for this task, VSCG's among them, "
                "report an epoch chosen on the test clips, start from a checkpoint chosen on them, or have no "
                "validation clips.", "23"),
        Finding(f"The weak tag of VSCG's program holds the event's duration: it can be read off exactly for **{found} "
                f"of {clips}** clips of AVE.", "01"),
        Finding("Weakly supervised CMBS gives all ten seconds of a clip one class: its program asks whether a number "
                f"between **{gate[0]:.2f} and {gate[1]:.2f}** exceeds 0.5.", "10"),
        Finding(f"**{counts.loc['VSCG', 'dead']:,}** of VSCG's {counts.loc['VSCG', 'registered']:,} parameters never "
                f"receive a gradient. Of DMIN's {counts.loc['DMIN', 'registered'] / 1e6:.1f} million, "
                f"{counts.loc['DMIN', 'dead'] / 1e6:.1f} million never do.", "11"),
        Finding(f"The paper prints **{IN_TEXT}% and {ACCURACY['vscg'][1]}%** for the same accuracy, and counts margins "
                "from both.", "10"),
        Finding(f"Two pairs of rows of its tables are one network each, trained with one loss. One pair, with {size:,} "
                f"parameters, is printed as **{first}% and {second}%**.", "23"),
        Finding(f"We took {len(margins)} printed margins: those within Tables III to V, and VSCG's over PSP-Net, "
                f"CSS-Net, CMBS and DMIN. **{large.sum()}** exceed {MARGIN} standard errors, if the difference of two "
                f"systems varies with a standard deviation of {PER_CLIP} points from clip to clip. Of the four "
                "systems only CSS-Net is behind by such a margin.", "23"),
        Finding("Figures of one program on AVE, the published one and those that others obtained, scatter with a "
                f"standard deviation of **{spread:.2f} points** [{below:.2f}, {above:.2f}] (PSP-Net, CMBS and DMIN). "
                f"VSCG's margin over its nearest rival is {nearest:g}.", "23", REPORTED),
        Finding(f"VSCG trained with the category loss of Eq. 17 to the letter is **{loss['difference']:.1f} points** "
                f"[{loss['low']:.1f}, {loss['high']:.1f}] less accurate than with the loss of its program, after "
                f"{epochs} epochs on {deviations.DATA}, while both are still learning.", "20", PLANTED),
    ]


def everywhere() -> tuple[float, float, float]:
    """Percent of AVE's test seconds that are right if each clip's event is named in all of them, with its interval."""
    return tuple(_printed("01", r"right category everywhere +([\d.]+) +([\d.]+) +([\d.]+)"))


def markdown(link: Callable[[str], str]) -> str:
    """The findings as a numbered list; `link` makes the address of a notebook from its name without a suffix."""
    return "\n".join(textwrap.fill(
        f"{number}. {finding.line} *{finding.rests_on[0].upper()}{finding.rests_on[1:]}.* "
        f"[Chapter\u00a0{int(finding.chapter)}]({link(notebook(finding.chapter).stem)})", 120, subsequent_indent="   ",
        break_long_words=False, break_on_hyphens=False) for number, finding in enumerate(findings(), 1)) + "\n"


def notebook(chapter: str) -> Path:
    return next(NOTEBOOKS.glob(f"{chapter}_*.py"))


def _printed(chapter: str, pattern: str) -> list[float]:
    """Numbers that the committed notebook of a chapter prints, such as those of the real data set."""
    cells = json.loads(notebook(chapter).with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    for output in (output for cell in cells for output in cell.get("outputs", [])):
        text = "".join(output.get("text", []) or output.get("data", {}).get("text/plain", []))
        if match := re.search(pattern, text):
            return [float(value) if "." in value else int(value) for value in match.groups()]
    raise ValueError(f"chapter {chapter} no longer prints {pattern!r}")


def one_network() -> tuple[float, float, int]:
    """What the paper prints for each of two rows that are one network, and its number of parameters."""
    rows = {(name, row.name): row.paper["fully"] for name in ("III", "V") for row in TABLES[name].rows
            if "fully" in row.paper}

    def shapes(system: str, **options: object) -> list[torch.Size]:
        return sorted(values.shape for values in build_model(system, setting="fully", **options).parameters())

    bare = shapes("vscg", escm=False)
    require(bare == shapes("psp", head="two_part") and shapes("vscg", head="segment") == shapes("psp", plug="escm"),
             "the rows are different networks")
    return rows["III", "w/o ESCM"], rows["V", "PSP-Net, L_fully"], sum(shape.numel() for shape in bare)


def require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(f"a finding of the first page does not hold any more: {otherwise}")
