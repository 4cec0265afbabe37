"""What the paper prints (Tables I to VI), which run stands in each row, and the rules that hold us against it."""
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vscg.models import SETTINGS, SYSTEMS
from vscg.study.statistics import AGREEMENT_RULE, WIDTH, agreement


@dataclass(frozen=True)
class Row:
    """One row of a table: one system, variant or loss."""
    name: str
    paper: Mapping[str, float | None]                  # setting -> accuracy in percent; None: a dash in the paper
    run: Mapping[str, object]                          # fields of RunConfig
    note: str = ""                                     # what the paper leaves open or contradicts
    printed: bool = True                               # False: the figures are another paper's claim, not in this table


@dataclass(frozen=True)
class Table:
    """One table of accuracies."""
    title: str
    rows: tuple[Row, ...]
    pairs: tuple[tuple[str, str], ...]     # rows whose difference, first minus second, the paper argues from
    seeds: int | None = None               # None: as many as are asked for


def _accuracies(fully: float | None, weakly: float | None = None) -> dict[str, float | None]:
    return dict(zip(SETTINGS, (fully, weakly), strict=True))


# Table I, and the accuracies of Table II: system -> fully, weakly.
ACCURACY = {
    "avel": (72.7, 66.7), "avsdn": (72.6, 67.3), "cman": (73.3, 70.4), "dam": (74.5, None), "avrb": (74.8, 68.9),
    "avin": (75.2, 69.4), "csa": (76.5, 70.2), "avt": (76.8, 70.2), "cmra": (77.4, 72.9), "psp": (77.8, 73.5),
    "dca": (79.0, None), "cssnet": (73.5, 74.2), "cmbs": (79.3, 74.2), "dmin": (79.6, 74.3), "vscg": (79.7, 74.8),
}
NOTES = {
    "vscg": "The text gives 74.5 for the weakly supervised setting, the table and the introduction 74.8.",
    "cssnet": "With the same attention module as VSCG's; the text calls it CCS-Net.",
    "csa": "Only its abstract is known: the equations are ours.",
    "avt": "Only its abstract and its number of parameters are known: the equations are ours.",
    "dca": "Only its abstract is known: ours is CMAN with the objective of Deep LDA, which counts in batches of 64 "
           "clips or more. Profiles with smaller ones, quick and standard, train on the cross-entropy alone.",
    "psp": "Table IV and Table V, reproduced by the authors, give 76.6 and 72.9.",
    "cmbs": "Table IV, reproduced by the authors, gives 79.2 and 73.3.",
    "dmin": "Table VI, reproduced by the authors, gives 78.5.",
    "avsdn": "No program of its authors was found; ours follows its description with VSCG's attention in front.",
    "cman": "No program of its authors was found; ours follows a detailed note by a third party.",
    "dam": "No program of its authors was found; ours follows a detailed note by a third party.",
    "avrb": "Only its abstract is known: the equations are ours.",
    "avin": "No program of its authors was found; ours follows a detailed note by a third party, which has no spatial "
            "attention: a map is averaged.",
}
# A row's run beside its system, where the table's row is not the system as its authors describe it.
_OPTIONS = {"cssnet": {"model_options": {"attention": "agva"}}}
# Rows that the table has not, behind the system that they belong to.
_CLAIMS = {
    "cssnet": Row("CSS-Net, own attention", _accuracies(80.5, 76.8), {"system": "cssnet"},
                  "Not printed in Table I: the claim of its authors, with their own attention module. Only its "
                  "abstract is known: the equations are ours.", printed=False),
}
# Table II: trainable parameters in millions, as printed.
PARAMETERS = {"avt": 15.8, "cmra": 15.9, "psp": 1.7, "cmbs": 14.4, "dmin": 17.7, "vscg": 2.6}
# Table VI, on a GTX 1080: accuracy in percent (fully supervised), training memory in MiB, training time in minutes.
COST = {"cmbs": (79.2, 3039, 151), "dmin": (78.5, 8079, 440), "vscg": (79.7, 2623, 54)}
_TWO_PART, _SEGMENT = {"head": "two_part"}, {"head": "segment"}
_ABLATIONS = {"system": "vscg"}
TABLES = {
    "I": Table(
        "Comparison with state-of-the-art methods",
        tuple(row for name, values in ACCURACY.items() for row in (
            Row(SYSTEMS[name].title, _accuracies(*values),
                {"system": name, **_OPTIONS.get(name, {})}, NOTES.get(name, "")),
            *([_CLAIMS[name]] if name in _CLAIMS else []))),
        tuple(("VSCG", SYSTEMS[name].title) for name in reversed(ACCURACY) if name != "vscg")),
    "III": Table(
        "Ablation of VSCG's modules",
        (Row("w/o ESCM", _accuracies(77.9, 72.9), {**_ABLATIONS, "model_options": {"escm": False}}),
         Row("w/o ISCE", _accuracies(76.4, 71.9), {**_ABLATIONS, "model_options": {"prior": "zero"}},
             "The GRUs stay and start from zero. The text gives 3.3 and 2.9 as the differences to the full model."),
         Row("ISCE w/ Avg", _accuracies(77.8, 73.0), {**_ABLATIONS, "model_options": {"prior": "average"}},
             "The paper does not say how one pooled vector of 256 starts two GRUs of 128: here its halves do."),
         Row("ISCE w/ Max", _accuracies(78.2, 73.4), {**_ABLATIONS, "model_options": {"prior": "maximum"}},
             "As for Avg."),
         Row("ISCE w/ non-shared CERE", _accuracies(77.2, 72.8),
             {**_ABLATIONS, "model_options": {"prior": "unshared"}}),
         Row("ISCE w/ CERE (full)", _accuracies(79.7, 74.8), _ABLATIONS, NOTES["vscg"])),
        tuple(("ISCE w/ CERE (full)", other) for other in ("w/o ESCM", "w/o ISCE", "ISCE w/ Avg", "ISCE w/ Max",
                                                           "ISCE w/ non-shared CERE"))
        + (("w/o ESCM", "w/o ISCE"),) + tuple((f"ISCE w/ {pooled}", other) for pooled in ("Avg", "Max")
                                              for other in ("w/o ESCM", "w/o ISCE"))
        + (("ISCE w/ non-shared CERE", "w/o ISCE"),)),
    "IV": Table(
        "ESCM and PSP put into other systems",
        (Row("AVEL", _accuracies(72.7, 66.7), {"system": "avel"}),
         Row("AVEL w/ PSP", _accuracies(76.6, 72.9), {"system": "avel", "model_options": {"plug": "psp"}},
             "The paper prints the figures of PSP-Net here, to the digit."),
         Row("AVEL w/ ESCM", _accuracies(77.5, 72.9), {"system": "avel", "model_options": {"plug": "escm"}}),
         Row("PSP-Net", _accuracies(76.6, 72.9), {"system": "psp"}, "Table I gives 77.8 and 73.5."),
         Row("PSP-Net w/ ESCM", _accuracies(78.8, 73.8), {"system": "psp", "model_options": {"plug": "escm"}}),
         Row("CMBS", _accuracies(79.2, 73.3), {"system": "cmbs"}, "Table I gives 79.3 and 74.2."),
         Row("CMBS w/ ESCM", _accuracies(79.6, 73.4), {"system": "cmbs", "model_options": {"plug": "escm"}})),
        (("AVEL w/ PSP", "AVEL"), ("AVEL w/ ESCM", "AVEL"), ("AVEL w/ ESCM", "AVEL w/ PSP"),
         ("PSP-Net w/ ESCM", "PSP-Net"), ("CMBS w/ ESCM", "CMBS"))),
    "V": Table(
        "The losses, on VSCG and on PSP-Net",
        (Row("VSCG, L_c + L_t", {"fully": 78.1}, {"system": "vscg", "loss": "c+t"}),
         Row("VSCG, L_ce + 100 L_avps", {"fully": 78.8},
             {"system": "vscg", "loss": "ce+avps", "model_options": _SEGMENT},
             "This loss reads 29 classes for each segment: VSCG gets PSP-Net's classifier for it."),
         Row("VSCG, L_fully", {"fully": 79.7}, {"system": "vscg"}),
         Row("PSP-Net, L_c + L_t", {"fully": 76.3}, {"system": "psp", "loss": "c+t", "model_options": _TWO_PART},
             "PSP-Net gets VSCG's two-part classifier for it."),
         Row("PSP-Net, L_ce + 100 L_avps", {"fully": 76.6}, {"system": "psp"}, "Table I gives 77.8."),
         Row("PSP-Net, L_fully", {"fully": 77.5}, {"system": "psp", "loss": "c+t+avps", "model_options": _TWO_PART},
             "PSP-Net gets VSCG's two-part classifier for it."),
         Row("VSCG, L_bce", {"weakly": 73.8}, {"system": "vscg", "loss": "bce"}),
         Row("VSCG, 2 L_bce + L_s-bce", {"weakly": 74.8}, {"system": "vscg"}),
         Row("PSP-Net, L_bce", {"weakly": 72.9}, {"system": "psp"}, "Table I gives 73.5."),
         Row("PSP-Net, 2 L_bce + L_s-bce", {"weakly": 73.0}, {"system": "psp", "loss": "2bce+s-bce"})),
        (("VSCG, L_fully", "VSCG, L_c + L_t"), ("VSCG, L_fully", "VSCG, L_ce + 100 L_avps"),
         ("PSP-Net, L_fully", "PSP-Net, L_c + L_t"), ("PSP-Net, L_fully", "PSP-Net, L_ce + 100 L_avps"),
         ("VSCG, 2 L_bce + L_s-bce", "VSCG, L_bce"), ("PSP-Net, 2 L_bce + L_s-bce", "PSP-Net, L_bce"))),
    "VI": Table(
        "Accuracies of the systems whose memory and time the paper compares",
        tuple(Row(SYSTEMS[name].title, {"fully": values[0]}, {"system": name}) for name, values in COST.items()),
        (("VSCG", "CMBS"), ("VSCG", "DMIN"))),
}
# The primary family, named before the runs and judged by `statistics.family`: table, first row, second row, setting.
PRIMARY = {
    f"{words}, {setting} supervised": (table, first, second, setting)
    for words, table, first, second, settings in (
        ("VSCG with ESCM against without", "III", "ISCE w/ CERE (full)", "w/o ESCM", SETTINGS),
        ("VSCG with CERE against a prior of zero", "III", "ISCE w/ CERE (full)", "w/o ISCE", SETTINGS),
        ("PSP-Net with ESCM against without", "IV", "PSP-Net w/ ESCM", "PSP-Net", SETTINGS),
        ("VSCG, L_fully against L_c + L_t", "V", "VSCG, L_fully", "VSCG, L_c + L_t", ("fully",)),
        ("VSCG, 2 L_bce + L_s-bce against L_bce", "V", "VSCG, 2 L_bce + L_s-bce", "VSCG, L_bce", ("weakly",)))
    for setting in settings}


@dataclass(frozen=True)
class Claim:
    """What the paper says, and the rows, first minus second, that it says it of; no rows for what is no accuracy."""
    text: str
    table: str
    pairs: tuple[tuple[str, str], ...] = ()


_FULL = "ISCE w/ CERE (full)"
CLAIMS = (
    Claim("ESCM improves VSCG", "III", ((_FULL, "w/o ESCM"),)),
    Claim("the clip's summary helps: CERE beats a start from zero", "III", ((_FULL, "w/o ISCE"),)),
    Claim("CERE beats pooling and separate extractors", "III",
          tuple((_FULL, other) for other in ("ISCE w/ Avg", "ISCE w/ Max", "ISCE w/ non-shared CERE"))),
    Claim("ESCM improves other systems", "IV",
          tuple((f"{name} w/ ESCM", name) for name in ("AVEL", "PSP-Net", "CMBS"))),
    Claim("L_fully beats other losses on VSCG", "V",
          tuple(("VSCG, L_fully", other) for other in ("VSCG, L_c + L_t", "VSCG, L_ce + 100 L_avps"))),
    Claim("the smooth loss helps", "V",
          tuple((f"{name}, 2 L_bce + L_s-bce", f"{name}, L_bce") for name in ("VSCG", "PSP-Net"))),
    Claim("VSCG is the most accurate", "I", TABLES["I"].pairs),
    Claim("VSCG is small and cheap to train", "VI"),
)
VERDICT_RULE = textwrap.fill(
    "A figure of the paper is judged only by runs that do as its program does: on AVE, with the full schedule and the "
    "released protocol (its tags, its batches), at the epoch that the program would have kept. A row that no published "
    "program computes, rebuilt from a description or an abstract, is never held against a figure: the difference may "
    "be ours. A row that is still learning is not judged. " + " ".join(AGREEMENT_RULE.split()), WIDTH)


def verdict(paper: float, values: np.ndarray | None, origin: str, data: str, profile: str, protocol: str,
            learning: bool) -> str:
    """The verdict by `VERDICT_RULE`: why there is none, or the word of `statistics.agreement`; empty without runs.

    `paper` is its accuracy in percent, `values` (S,N) that of each run and clip at the epoch that the program would
    have kept, None without runs. `origin` is one of `models.ORIGINS`; data set, profile and protocol are the runs';
    `learning` says whether the row still is.
    """
    if values is None:
        return ""
    if data != "ave":
        return "not on AVE"
    if origin != "published code":
        return "not the published code"
    if profile != "full":
        return "not the full schedule"
    if protocol != "released":
        return "not the released protocol"
    return "still learning" if learning else agreement(values, paper)
