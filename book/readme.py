"""Writes the README's findings and claims with their picture, and its results at a glance from the quick runs that
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
from vscg.study import tables
from vscg.study.paper import ACCURACY
from vscg.study.references import BESIDE
from vscg.training.records import shipped_dir

ROOT = Path(__file__).resolve().parent.parent
README, PICTURE = ROOT / "README.md", ROOT / "book" / "glance.png"
STRONGEST = ROOT / "book" / "_static" / "strongest.svg"
BLOCK = re.compile(r"(<!-- glance -->\n).*?(<!-- end of glance -->)", re.DOTALL)
FINDINGS = re.compile(r"(<!-- findings -->\n).*?(<!-- end of findings -->)", re.DOTALL)
CLAIMS = re.compile(r"(<!-- claims -->\n).*?(<!-- end of claims -->)", re.DOTALL)
SHOWN = ("AVEL", "PSP-Net", "VSCG", "CMRA")


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
    """The accuracies of Table I as Markdown, with what they were measured on."""
    frame = table.frame()
    measured = frame[frame["mean"].notna()]
    lines = ["| system | fully supervised | weakly supervised |", "|---|---|---|"]
    for system in dict.fromkeys(measured["row"]):
        cells = []
        for setting in ("fully", "weakly"):
            part = measured[(measured["row"] == system) & (measured["setting"] == setting)]
            cells += [f"{row.mean:.1f}% ({row.low:.1f} to {row.high:.1f})"
                      for row in part[["mean", "low", "high"]].itertuples(index=False)] or ["–"]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    floor, *_ = table.references[BESIDE[0]]
    above = (measured["mean"] > floor).sum()
    lines += [f"| *{name}* | {mean:.1f}% | {mean:.1f}% |" for name, (mean, *_) in table.references.items()]
    records = [record for cell in table.cells for record in cell.records]
    over = "the clips alone, of one seed" if table.seeds == 1 else f"{table.seeds} seeds and the clips"
    devices = "; ".join(dict.fromkeys(record.values["device"] for record in records))
    return "\n".join(lines) + "\n\n" + textwrap.fill(
        f"Share of right seconds on the {table.cells[0].truth.shape[0]} test clips of {table.data}, which is "
        f"generated; in brackets the 95% interval over {over}. Profile {table.profile} "
        f"({records[0].config.epochs} epochs), {devices}, finished {max(r.values['finished'] for r in records)[:10]}. "
        "All systems are still learning: after so few epochs their figures tell how fast they learn. The last rows are "
        f"no contestants and use every second's label; {above} of {len(measured)} figures are above the rule in closed "
        "form, which is why the plan has another data set. These numbers do not reproduce the paper's figures: "
        "its data set is AVE, and the released program trains VSCG for 300 epochs.", 120, break_on_hyphens=False) + "\n"


def picture(table: tables.TableResult) -> bytes:
    """One test clip as PNG: the truth and what four systems say, where they disagree most about a short event."""
    cells = {cell.row.name: cell for cell in table.cells if cell.setting == "fully" and cell.row.name in SHOWN}
    truth = cells["VSCG"].truth
    said = {name: cells[name].records[0].predictions() for name in SHOWN}
    right = np.stack([(classes == truth).mean(1) for classes in said.values()])
    event = (truth != BACKGROUND).sum(1)
    clip = int(np.where((event >= 3) & (event <= 7), right.std(0), -1).argmax())
    plots.set_style()
    figure = plots.timeline(truth[clip], {name: classes[clip] for name, classes in said.items()})
    file = io.BytesIO()
    figure.savefig(file, dpi=2 * plots.style.DPI, metadata={"Software": None})
    return file.getvalue()


def main() -> int:
    """Writes the three files; 1 with one line, and the results at a glance as they were, if a run is not there."""
    text = written(README.read_text(encoding="utf-8"))
    write_atomically(STRONGEST, strongest().encode())
    write_atomically(README, text.encode())
    try:
        table = tables.table("I", dataset=vscg.load_dataset("planted-mini"), profile="quick", store=shipped_dir())
    except vscg.VscgError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    block = glance(table)
    write_atomically(README, BLOCK.sub(lambda found: found[1] + block + found[2], text).encode())
    write_atomically(PICTURE, picture(table))
    print(f"{README}\n{STRONGEST}\n{PICTURE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
