"""The questions of book/plan.md that no table of the paper asks, as tables whose paper's column is empty."""
from dataclasses import replace

from vscg.models import SETTINGS
from vscg.study.paper import PRIMARY, TABLES, Row, Table
from vscg.training.config import RunConfig

STUDY = "planted-study"          # the data set of the plan
LIMIT = 0.5                      # points by which twice the schedule may move a mean
_WITHOUT, _EQUATIONS, _NAMES_SECONDS = {"escm": False}, {"gru": "equations"}, {"head": "segment"}


def _row(name: str, *settings: str, **run: object) -> Row:
    return Row(name, dict.fromkeys(settings or ("fully",)), {"system": "vscg", **run}, printed=False)


def _half() -> dict:
    """The schedule that the plan began with, half as long as the one that its check left."""
    now = RunConfig(profile="standard").resolve().schedule
    return {"schedule": replace(now, epochs=now.epochs // 2, decay_epochs=tuple(e // 2 for e in now.decay_epochs))}


def _primary() -> tuple[Row, ...]:
    """The rows that the primary family compares, each in the settings in which it does."""
    settings: dict[tuple[str, str], list[str]] = {}
    for table, *names, setting in PRIMARY.values():
        for name in names:
            settings.setdefault((table, name), []).append(setting)
    return tuple(replace(row, paper=dict.fromkeys(settings[table, row.name]), printed=False)
                 for table in TABLES for row in TABLES[table].rows if (table, row.name) in settings)


# Where text and program differ, what the text says: category loss (V6), GRUs (B1), similarity (V5) with these, all of
# it; weakly supervised the initial states (W1) and the linear map (W2).
_LETTERS = (
    _row("V6", loss="c17+t+avps"), _row("B1", model_options=_EQUATIONS),
    _row("V5 with B1", loss="c+t+avps16", model_options={"similarity": "product", **_EQUATIONS}),
    _row("to the letter", variant="paper", model_options=_EQUATIONS),
    _row("W1", "weakly", model_options={"crossed": False}), _row("W2", "weakly", model_options={"linear": True}))
_PROGRAM = "the program"
_STEADY, _BURSTS = "no dynamics", "dynamics"
PLANNED = {
    "sentinels": Table(
        "Is the schedule long enough? VSCG by the schedule that the plan began with and by one of twice its length",
        tuple(_row(f"{name}, {length}", **options, **schedule) for length, schedule in
              (("40 epochs", _half()), ("80 epochs", {}))
              for name, options in (("VSCG", {}), ("w/o ESCM", {"model_options": _WITHOUT}))),
        tuple((f"{name}, 80 epochs", f"{name}, 40 epochs") for name in ("VSCG", "w/o ESCM")), seeds=3),
    "dynamics": Table(
        "Does the gain of ESCM grow where events of one class develop alike? VSCG with a head that names every second",
        tuple(_row(f"{name}, {where}", loss="ce+avps", model_options=options | _NAMES_SECONDS, **data)
              for where, data in ((_STEADY, {}), (_BURSTS, {"data": f"{STUDY}:dynamics=1"}))
              for name, options in (("VSCG", {}), ("w/o ESCM", _WITHOUT))),
        tuple((f"VSCG, {where}", f"w/o ESCM, {where}") for where in (_STEADY, _BURSTS))),
    "letters": Table(
        "Text against program: VSCG as the paper's text has it, part by part and as a whole",
        (_row(_PROGRAM, *SETTINGS), *_LETTERS), tuple((row.name, _PROGRAM) for row in _LETTERS)),
    "primary": Table("The rows of the primary family", _primary(),
                     tuple(dict.fromkeys((first, second) for _, first, second, _ in PRIMARY.values())), seeds=10),
}
