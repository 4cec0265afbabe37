"""What one training run is: its configuration, the published schedules, and the protocols."""
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from vscg.errors import VscgError, choose
from vscg.models import SETTINGS, check_system
from vscg.training.objectives import LOSSES, TARGETS, published_loss

PROTOCOLS = ("clean", "released")
SELECTIONS = ("validation", "test")
MODALITIES = ("both", "audio", "visual")
# Arithmetic of the networks; losses and weights are float32 always. "tf32": products with 10 bits of mantissa, on GPUs
# that have them. "bf16": autocast to 7 bits of mantissa; slower than fp32 on a processor without such instructions.
PRECISIONS = ("fp32", "tf32", "bf16")
# Order of the clips in an epoch's batches. "first-random": only the first batch is drawn, the others are always the
# same stretches of the stored, category-sorted order (the released weakly supervised loaders); "stored": never
# shuffled (AVEL).
ORDERS = ("shuffled", "first-random", "stored")
ON_TOP = ("batch", "epochs", "selection", "order", "drop_last", "background")     # of a schedule, fields of a run too
MOST = 2**31      # of any number in a configuration


def check(**values: object) -> None:
    """Raise VscgError for a switch that is neither True nor False, or a number that is none or out of range."""
    for what, value in values.items():
        if what in ("drop_last", "background", "stale_avps", "empty_as_first"):
            fits, wanted = isinstance(value, bool), "True or False"
        else:
            whole, high = what not in ("lr", "decay", "clip_norm"), 1 if what == "decay" else MOST
            low = int(what in ("batch", "epochs", "decay_epochs", "look_every"))
            kind = int if whole else (int, float)
            fits = isinstance(value, kind) and not isinstance(value, bool) and low <= value <= high
            wanted = f"a {'whole ' * whole}number from {low} to {high}"
        if not fits:
            raise VscgError(f"{what} is {reprlib.repr(value)}: give {wanted}.")


@dataclass(frozen=True)
class Schedule:
    """A system's training settings. Epochs count from 1 in `decay_epochs`.

    The last four are habits of the released program: a run follows them where its protocol is "released".
    """
    batch: int = 128              # clips
    epochs: int = 300
    lr: float = 1e-3              # Adam's first learning rate
    decay_epochs: tuple[int, ...] = ()    # after each of these the rate is multiplied by `decay`
    decay_steps: int = 0          # and every so many optimiser steps; 0: never
    decay: float = 0.8            # a factor, 0 to 1
    warm_up_steps: int = 0        # optimiser steps over which the rate rises to lr in equal parts
    clip_norm: float = 0.0        # gradients are scaled down to this global L2 norm; 0: never
    first_look: int = 0           # the checkpoint is picked among epochs (from 0) first_look, ...
    look_every: int = 1           # ... first_look + look_every, and so on
    order: str = "shuffled"       # of the released loader
    drop_last: bool = True        # whether the released loader drops an epoch's last, incomplete batch
    background: bool = True       # whether the released weakly supervised loader adds the clips without any event
    selection: str = "test"       # of the released program

    def __post_init__(self):
        """Raise VscgError for an unknown name, or a number that is none or out of range."""
        values = dict(vars(self))
        choose("selection", values.pop("selection"), SELECTIONS)
        choose("order", values.pop("order"), ORDERS)
        ends = values.pop("decay_epochs")
        check(**values)
        if not isinstance(ends, tuple) or self.first_look >= self.epochs:
            raise VscgError(f"decay_epochs is {reprlib.repr(ends)} and first_look {self.first_look}: give a tuple of "
                            f"epochs, and one of the {self.epochs} epochs, from 0.")
        for epoch in ends:
            check(decay_epochs=epoch)


def learning_rate(schedule: Schedule, epoch: int, step: int) -> float:
    """Rate in epoch `epoch` (from 0) at optimiser step `step` (from 0, over the whole run)."""
    drops = sum(epoch >= at for at in schedule.decay_epochs)
    if schedule.decay_steps:
        drops += step // schedule.decay_steps
    rate = schedule.lr * schedule.decay**drops
    return rate * (step + 1) / schedule.warm_up_steps if step < schedule.warm_up_steps else rate


def looks(schedule: Schedule, epoch: int) -> bool:
    """Whether epoch `epoch` (from 0) may be picked as the run's result."""
    return epoch >= schedule.first_look and (epoch - schedule.first_look) % schedule.look_every == 0


_AVEL = Schedule(batch=64, decay_steps=15_000, decay=0.1, order="stored", selection="validation", look_every=5)
_CMRA = Schedule(batch=32, drop_last=False, epochs=200, lr=5e-4, decay_epochs=(10, 20, 30), decay=0.5, clip_norm=0.1)
_CMRA_WEAKLY = replace(_CMRA, decay_epochs=(5, 20, 40), clip_norm=0.5)
_AVSDN = Schedule(batch=64, epochs=45, decay_epochs=(10, 20, 30), decay=0.5, clip_norm=0.1, selection="validation")
# Systems without a program: AVEL's recipe without its program's habits, and CMRA's on their own epochs.
_RECIPE = replace(_AVEL, order="shuffled", drop_last=False, look_every=1)
_CSSNET = replace(_CMRA, batch=64, epochs=100, lr=1e-3, selection="validation")
_AVT = replace(_CSSNET, batch=32, lr=1e-4, warm_up_steps=500)


def _both(schedule: Schedule, *systems: str) -> dict[tuple[str, str], Schedule]:
    """The same in both settings."""
    return {(system, setting): schedule for system in systems for setting in SETTINGS}


# (system, setting) -> published settings. The programs of CMRA, CMBS and DMIN and AVSDN's port compute in double
# precision, ours in single; DMRN's starts from a trained AVEL, ours from new weights.
SCHEDULES = {
    **_both(_AVEL, "avel"), **_both(_RECIPE, "cman", "avrb", "avin", "csa"), **_both(_AVT, "avt"),
    **_both(_CSSNET, "cssnet"),
    ("dmrn", "fully"): _AVEL,
    ("dam", "fully"): _RECIPE,
    ("dca", "fully"): replace(_RECIPE, batch=128),
    ("avsdn", "fully"): _AVSDN,
    ("avsdn", "weakly"): replace(_AVSDN, decay_epochs=(5, 20, 40), background=False),
    ("cmra", "fully"): _CMRA,
    ("cmra", "weakly"): _CMRA_WEAKLY,
    ("psp", "fully"): Schedule(decay_epochs=(60, 120), first_look=5, look_every=5),
    ("psp", "weakly"): Schedule(decay_epochs=(80, 160), order="first-random", first_look=51),
    ("cmbs", "fully"): replace(_CMRA, batch=64, lr=7e-4, clip_norm=0.5),
    ("cmbs", "weakly"): replace(_CMRA, batch=64, lr=6e-4, decay_epochs=(10, 20, 40), clip_norm=0.5),
    ("dmin", "fully"): _CMRA,
    ("dmin", "weakly"): _CMRA_WEAKLY,
    ("vscg", "fully"): Schedule(decay_epochs=(60, 120, 240), first_look=5, look_every=5),
    ("vscg", "weakly"): Schedule(decay_epochs=(80, 180, 240, 300), order="first-random", first_look=51),
}


@dataclass(frozen=True)
class Profile:
    """How many seeds a table takes, and what its runs change of the published schedules."""
    seeds: int
    changes: Mapping[str, object] = field(default_factory=dict)      # fields of `Schedule`
    outcome: str = "validation"       # test accuracy at the epoch that this picks; "last": mean of the last five epochs


_SHORT = {"batch": 8, "epochs": 3}       # before any decay; one CPU core trains VSCG on planted-mini in 15 seconds
# The schedule of book/plan.md for every system, at its published first rate; twenty-two minutes of a core for VSCG.
_PLAN = {"batch": 8, "epochs": 80, "decay_epochs": (56, 72), "decay_steps": 0, "decay": 0.3}
PROFILES = {"quick": Profile(1, _SHORT), "standard": Profile(5, _PLAN, "last"), "full": Profile(5)}
# The clean protocol in place of a released program's habits; the clips without any event are for the weak setting.
CLEAN = {"selection": "validation", "order": "shuffled", "drop_last": False, "background": True}


@dataclass(frozen=True)
class RunConfig:
    """One run. A field left None is filled by the protocol, or by the published schedule as the profile changes it.

    `protocol="clean"` has none of the faults of the released programs, "released" has all of them; each can also be
    switched alone by the fields from `selection` to `empty_as_first`. What is given here lies on top of the schedule.
    """
    system: str = "vscg"
    setting: str = "fully"
    variant: str = "released"
    data: str = "planted-mini"
    seed: int = 0
    profile: str = "quick"
    protocol: str = "clean"
    selection: str | None = None        # which accuracy picks the checkpoint: "validation" or "test"
    target: str | None = None           # weak tag: "presence" or "proportion" (the duration leak)
    order: str | None = None            # see ORDERS
    drop_last: bool | None = None       # drop an epoch's last, incomplete batch
    background: bool | None = None      # train on the clips without any event too: the weakly supervised setting does
    stale_avps: bool | None = None      # similarity targets left over from earlier batches
    empty_as_first: bool | None = None  # a clip without event counts as class 0 in the category loss
    modality: str = "both"              # "audio" or "visual": the other one's features are zeros
    precision: str = "fp32"
    loss: str | None = None             # one of objectives.LOSSES; None: the system's own
    batch: int | None = None            # clips
    epochs: int | None = None
    schedule: Schedule | None = None    # in place of the published one and of what the profile changes
    model_options: Mapping[str, float | str | bool] = field(default_factory=dict)

    def resolve(self) -> "RunConfig":
        """The same run, every field filled, its schedule the one that it follows.

        VscgError: a field that is unknown, out of range or, in the clean protocol, not read by this system, setting
        and loss.
        """
        for what, allowed in (("setting", SETTINGS), ("profile", PROFILES), ("protocol", PROTOCOLS),
                              ("modality", MODALITIES), ("precision", PRECISIONS)):
            choose(what, getattr(self, what), allowed)
        check_system(self.system, self.setting, self.variant)
        if not isinstance(self.data, str) or not self.data:
            raise VscgError(f"data is {reprlib.repr(self.data)}: give the name of a data set or the path of a file.")
        options = self.model_options
        if not isinstance(options, Mapping) or not all(isinstance(value, (str, int, float, type(None)))
                                                       for item in options.items() for value in item):
            raise VscgError(f"model_options is {reprlib.repr(options)}: give a mapping from option to value.")
        if own := {"system", "setting", "variant", "dims"} & set(options):
            raise VscgError(f"model_options has {', '.join(sorted(own))}: give that as a field of the run itself.")
        if not isinstance(self.schedule, Schedule | None):
            raise VscgError(f"schedule is {reprlib.repr(self.schedule)}: give a config.Schedule.")
        schedule, released = self._schedule(), self.protocol == "released"
        filled = {name: getattr(schedule, name) for name in ON_TOP} | {
            "background": self.setting == "weakly" and schedule.background,
            "target": "proportion" if released and self.system in ("vscg", "psp") else "presence",
            "stale_avps": released, "empty_as_first": released,
            "loss": published_loss(self.system, self.setting, self.variant)}
        config = replace(self, **{name: value for name, value in filled.items() if getattr(self, name) is None})
        choose("target", config.target, TARGETS)
        choose("loss", config.loss, LOSSES)
        check(**{name: getattr(config, name) for name in ("seed", "stale_avps", "empty_as_first")})
        terms = LOSSES[config.loss].keys()
        unread = {"target": config.setting == "fully" and config.target != "presence",
                  "stale_avps": config.stale_avps and not terms & {"avps", "avps_16"},
                  "empty_as_first": config.empty_as_first and not terms & {"category", "category_self", "av_score"}}
        if not released and (names := [name for name, is_so in unread.items() if is_so]):
            raise VscgError(f"{', '.join(names)}: {config.system}, {config.setting} supervised, with the loss "
                            f"{config.loss!r} does not read it; leave it out.")
        return replace(config, schedule=replace(schedule, **{name: getattr(config, name) for name in ON_TOP}))

    def _schedule(self) -> Schedule:
        """The given schedule, or the published one as the profile changes it, with the habits of the protocol."""
        schedule, clean = self.schedule, self.protocol == "clean"
        if schedule is None:
            published = SCHEDULES[self.system, self.setting]
            changes = {"first_look": 0, "look_every": 1, **PROFILES[self.profile].changes}
            schedule = replace(published, **changes | ({} if self.epochs is None else {"epochs": self.epochs}))
            scale = schedule.epochs / published.epochs     # a run of fewer epochs warms up and looks sooner
            schedule = replace(schedule, warm_up_steps=round(published.warm_up_steps * scale))
            if not clean:
                schedule = replace(schedule, first_look=round(published.first_look * scale),
                                   look_every=max(1, round(published.look_every * scale)))
        return replace(schedule, **CLEAN) if clean else schedule

    def to_json(self) -> dict:
        """All fields as a mapping for JSON; of the schedule those that the run has not on top of it."""
        values = asdict(self)
        values["schedule"] = {name: value for name, value in values["schedule"].items() if name not in values}
        return values

    @classmethod
    def from_json(cls, values: dict) -> "RunConfig":
        """The resolved configuration whose `to_json` this is."""
        own = values["schedule"] | {"decay_epochs": tuple(values["schedule"]["decay_epochs"])}
        return cls(**{**values, "schedule": Schedule(**own, **{name: values[name] for name in ON_TOP})})
