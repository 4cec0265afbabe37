"""The paper's claims by the evidence that there is for each, for the first page, the README and the report.

Four kinds of evidence: the paper's own numbers, text and program, planted data by the plan, and AVE.
"""
import math
from collections.abc import Callable

import findings

from vscg.data.labels import EVENT_CLASSES
from vscg.models import SETTINGS
from vscg.study import resolution
from vscg.study.comparisons import primary_family
from vscg.study.paper import CLAIMS, COST, PRIMARY, TABLES, Claim
from vscg.study.parameters import parameter_table
from vscg.study.runs import printed_difference
from vscg.study.show import findable, signed_text
from vscg.study.statistics import PLANNED
from vscg.study.tables import TableResult, table
from vscg.training.records import shipped_dir

HEAD = ("claim", "the paper's own numbers", "text and program", "planted data, by the plan", "AVE")
CHAPTERS = {"I": "10", "III": "12", "IV": "13", "V": "14", "VI": "15"}
NO_RUN, UNTESTED = "no run yet", "not tested"
MANY = 3          # pairs of a claim that are told one by one; of more, the range


def markdown(link: Callable[[str], str]) -> str:
    """The claims as a Markdown table; `link` makes the address of a notebook from its name without a suffix."""
    planned = {name: table(name, profile="standard", seeds=PLANNED, store=shipped_dir())
               for name in ("I", "III", "IV", "V")}
    program, lines = _program(), [HEAD, ["---"] * len(HEAD)]
    for claim in CLAIMS:
        address = link(findings.notebook(CHAPTERS[claim.table]).stem)
        lines.append((f"[{claim.text}]({address})", _printed(claim), program[claim.text], _planted(claim, planned),
                      UNTESTED))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _program() -> dict[str, str]:
    """Claim -> what text and the published programs say to it. Raises ValueError where that no longer holds."""
    figures = {name: {row.name: row.paper for row in TABLES[name].rows} for name in TABLES}
    first, second, _ = findings.one_network()
    chosen = resolution.selections()["chosen by"]
    counts = parameter_table().query("setting == 'fully'").set_index("system")["registered"] / 1e6
    separate, bare = (figures["III"][name] for name in ("ISCE w/ non-shared CERE", "w/o ESCM"))
    findings.require(all(separate[name] < bare[name] for name in bare), "separate extractors are above no ESCM")
    findings.require(figures["IV"]["AVEL w/ PSP"] == figures["IV"]["PSP-Net"], "AVEL with PSP has its own figures")
    said = (
        f"one network, printed in two rows, has two figures that differ by {abs(first - second):.1f}",
        "the row without it keeps the GRUs: it loses the prior, not the view of the clip",
        "the text does not say how a pooled vector starts two GRUs; the row with separate extractors is printed below "
        "the row without ESCM",
        "AVEL with PSP has the figures of PSP-Net, to the digit",
        # Eq. 17 divides by T(C-1), the program by the event's seconds, T at most.
        f"the program's loss is not Eq. 17, which makes the category term at least {EVENT_CLASSES} times smaller",
        "the weak tag of the program holds the event's duration",
        f"{(chosen == 'test').sum()} of {len(chosen)} programs choose by the test clips, start from a checkpoint "
        "chosen by them, or have no validation clips",
        f"{counts['VSCG']:.1f} million parameters registered, against {counts['CMBS']:.1f} and {counts['DMIN']:.1f}")
    return dict(zip((claim.text for claim in CLAIMS), said, strict=True))


def _printed(claim: Claim) -> str:
    """The claim's margins as printed, and how many of them exceed chance in AVE's test clips."""
    if not claim.pairs:
        ours, *others = (f"{COST[name][2]}" for name in ("vscg", "cmbs", "dmin"))
        return f"{ours} minutes of training against {' and '.join(others)}"
    margins = [printed_difference(claim.table, *pair, setting) for pair in claim.pairs for setting in SETTINGS]
    margins = [margin for margin in margins if not math.isnan(margin)]
    large = sum(abs(margin) > resolution.smallest_margin(findings.PER_CLIP) for margin in margins)
    return (f"{min(margins):+.1f} to {max(margins):+.1f} points; {large} of {len(margins)} exceed {resolution.MARGIN} "
            "standard errors")


def _planted(claim: Claim, planned: dict[str, TableResult]) -> str:
    """What the runs of the plan say: a word for the primary family when it has all its seeds, else an interval."""
    if not claim.pairs:
        return "its seconds depend on the machine"
    if len(claim.pairs) > MANY:
        lines = planned[claim.table].differences()
        lines = lines[[pair in claim.pairs for pair in zip(lines["first"], lines["second"], strict=True)]]
        return "<br>".join(
            f"{setting} {part['mean'].min():+.1f} to {part['mean'].max():+.1f} over {len(part)} of its rivals, "
            f"{(part['seeds'] > 1).sum()} of them with two seeds or more; in {part['learning'].sum()} a row is still "
            "learning" for setting, part in lines.groupby("setting")) or NO_RUN
    words = primary_family(list(planned.values())).set_index("name")["word"]
    word_of = {where: words[name] for name, where in PRIMARY.items()}
    said: dict[str, list[str]] = {}                        # the row that is subtracted -> what each setting has
    for line in planned[claim.table].differences().itertuples() if claim.table in planned else ():
        if (line.first, line.second) in claim.pairs:
            word = word_of.get((claim.table, line.first, line.second, line.setting))
            mean, low, high = map(signed_text, (line.mean, line.low, line.high))
            # The interval of one seed is over clips alone: beside those over seeds it would look narrow.
            where = f"{low} to {high}; {line.seeds} seeds; " if line.seeds > 1 else "one seed, no interval"
            where += findable(line.smallest / 100) * (line.seeds > 1)
            said.setdefault(line.second, []).append(
                f"{line.setting} {mean} ({where}"
                f"{'; still learning' * line.learning}"
                f"{f'; {word}' if word in ('agrees', 'contradicts', 'open') else ''})")
    several = len(claim.pairs) > 1
    return "<br>".join(f"against {row}: " * several + ", ".join(parts) for row, parts in said.items()) or NO_RUN
