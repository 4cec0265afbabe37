"""Writes the README's findings and claims with their picture, and its results at a glance from the plan's runs that
come with the book.

    python book/readme.py
"""
import io
import re
import sys
import textwrap
from pathlib import Path

import claims
import findings
import matplotlib.pyplot as plt
import numpy as np

import vscg
from vscg import plots
from vscg.data.labels import BACKGROUND
from vscg.machine.files import write_atomically
from vscg.models import SETTINGS
from vscg.study import tables
from vscg.study.paper import ACCURACY
from vscg.study.statistics import PLANNED
from vscg.training.records import shipped_dir

ROOT = Path(__file__).resolve().parent.parent
README, PICTURE = ROOT / "README.md", ROOT / "book" / "glance.png"
STRONGEST = ROOT / "book" / "_static" / "strongest.svg"
BLOCK = re.compile(r"(<!-- glance -->\n).*?(<!-- end of glance -->)", re.DOTALL)
FINDINGS = re.compile(r"(<!-- findings -->\n).*?(<!-- end of findings -->)", re.DOTALL)
CLAIMS = re.compile(r"(<!-- claims -->\n).*?(<!-- end of claims -->)", re.DOTALL)
SHOWN = ("AVEL", "PSP-Net", "VSCG")


def written(text: str) -> str:
    """The README with the findings and claims of today, with links to the notebooks."""
    for block, made in ((FINDINGS, findings), (CLAIMS, claims)):
        new = made.markdown(lambda name: f"notebooks/{name}.ipynb")
        text = block.sub(lambda found, new=new: found[1] + new + found[2], text)
    return text


def strongest() -> str:
    """The first finding as SVG: Table I, fully supervised, beside the rule that localises nothing."""
    plots.set_style()
    systems = sorted((figures[0], vscg.models.SYSTEMS[name].title) for name, figures in ACCURACY.items())
    figure, ax = plt.subplots(figsize=(plots.WIDTH, 4.6), layout="constrained")
    plt.close(figure)
    rule, low, high = findings.everywhere()
    ax.axvspan(low, high, color=plots.OTHERS[0], alpha=0.2, linewidth=0)
    ax.axvline(rule, color=plots.OTHERS[0], linewidth=2.2, label="told the event, localises nothing (95% interval)")
    ax.plot([value for value, _ in systems], range(len(systems)), "o", markersize=8, color=plots.COLOURS["fused"],
            label="as printed in Table I")
    ax.set_yticks(range(len(systems)), [name for _, name in systems])
    ax.set(xlabel="right seconds of AVE's test clips (%)", xlim=(71, 86))
    figure.legend(loc="outside upper center", ncols=1)
    return plots.style.shown(figure)["image/svg+xml"]


def glance(table: tables.TableResult) -> str:
    """The accuracies of the plan's Table I as Markdown, with what they were measured on."""
    frame = table.frame().query("seeds > 0")
    lines = ["| system | fully supervised | seeds | weakly supervised | seeds |", "|---|---|---|---|---|"]
    for system in dict.fromkeys(frame["row"]):
        cells = []
        for setting in SETTINGS:
            part = frame[(frame["row"] == system) & (frame["setting"] == setting)]
            cells += [f"{row.mean:.1f}%{f' ({row.low:.1f} to {row.high:.1f})' * (row.seeds > 1)}"
                      f"{'*' * (row.course == 'still learning')} | {row.seeds}"
                      for row in part.itertuples()] or ["– | –"]
        rebuilt = bool((frame.loc[frame["row"] == system, "origin"] != "published code").any())
        lines.append(f"| {system}{f' {plots.tables.DAGGER}' * rebuilt} | {' | '.join(cells)} |")
    lines += [f"| *{name}* | {mean:.1f}% | – | {mean:.1f}% | – |" for name, (mean, *_) in table.references.items()]
    (everywhere, *_), records = table.held_against("weakly")[tables.EVERYWHERE], [
        record for cell in table.cells for record in cell.records]
    lines.append(f"| *{tables.EVERYWHERE}* | – | – | {everywhere:.1f}% | – |")
    devices = "; ".join(dict.fromkeys(record.values["device"] for record in records))
    return "\n".join(lines) + "\n\n" + textwrap.fill(
        f"Share of right seconds on {table.cells[0].truth.shape[0]} test clips of {table.data}, which is generated; "
        f"seed k has draw k of the clips, so rows of unlike seeds were tested on unlike clips. It is the "
        f"{frame.attrs['outcome']}; in brackets the 95% interval over seeds and clips, which one seed does not give. "
        f"Profile {table.profile} ({records[0].config.epochs} epochs), {devices}; {len(records)} runs of the plan, the "
        f"last finished on {max(record.values['finished'] for record in records)[:10]}. "
        f"A star: the row is still learning by the book's rule; {plots.tables.DAGGER}: rebuilt without its program. "
        "No margin between these rows is in the primary family, so none has a word. The last rows are no contestants; "
        "floor, plain network and ceiling use every second's label, whatever the setting. These numbers do not "
        "reproduce the paper's figures: its data set is AVE, and the released program trains VSCG for 300 epochs.",
        120, break_on_hyphens=False) + "\n"


def picture(table: tables.TableResult) -> bytes:
    """One test clip as PNG: the truth and what some systems say, where they disagree most about a short event."""
    cells = {cell.row.name: cell for cell in table.cells if cell.setting == "fully" and cell.row.name in SHOWN}
    truth = cells["VSCG"].truth
    said = {name: cells[name].records[0].predictions("last")[-1] for name in SHOWN}
    right = np.stack([(classes == truth).mean(1) for classes in said.values()])
    event = (truth != BACKGROUND).sum(1)
    clip = int(np.where((event >= 3) & (event <= 7), right.std(0), -1).argmax())
    plots.set_style()
    figure = plots.timeline(truth[clip], {name: classes[clip] for name, classes in said.items()})
    file = io.BytesIO()
    figure.savefig(file, dpi=2 * plots.style.DPI, metadata={"Software": None})
    return file.getvalue()


def main() -> None:
    """Writes the three files."""
    table = tables.table("I", profile="standard", seeds=PLANNED, store=shipped_dir())
    block, text = glance(table), written(README.read_text(encoding="utf-8"))
    write_atomically(STRONGEST, strongest().encode())
    write_atomically(README, BLOCK.sub(lambda found: found[1] + block + found[2], text).encode())
    write_atomically(PICTURE, picture(table))
    print(f"{README}\n{STRONGEST}\n{PICTURE}")


if __name__ == "__main__":
    if sys.argv[1:]:
        raise SystemExit(__doc__)
    main()
