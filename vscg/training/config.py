"""What one training run is: its configuration, the published schedules, and the protocols."""
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace

from vscg.errors import VscgError, choose
from vscg.models import SETTINGS, check_system
from vscg.training.objectives import LOSSES, TARGETS, published_loss

PROTOCOLS = ("clean", "released")
SELECTIONS = ("validation", "test")
MODALITIES = ("both", "audio", "visual")
# Arithmetic of the networks; losses and weights are float32 always. "tf32": products with 10 bits of mantissa, on GPUs
# that have them. "bf16": autocast to 8 bits of mantissa; slower than fp32 on a processor without such instructions.
PRECISIONS = ("fp32", "tf32", "bf16")
# Order of the clips in an epoch's batches. "first-random": only the first batch is drawn, the others are always the
# same stretches of the stored, category-sorted order (the released weakly supervised loaders); "stored": never
# shuffled (AVEL).
ORDERS = ("shuffled", "first-random", "stored")
MOST = 2**31      # of any number in a configuration


@dataclass(frozen=True)
class Schedule:
    """A system's published training settings. Epochs count from 1 in `decay_epochs`."""

    batch: int = 128
    epochs: int = 300
    lr: float = 1e-3
    decay_epochs: tuple[int, ...] = ()
    decay_steps: int = 0          # instead: every so many optimiser steps
    decay: float = 0.8
    clip_norm: float = 0.0        # gradients are scaled down to this global L2 norm; 0: never
    order: str = "shuffled"       # of the released loader
    drop_last: bool = True        # whether the released loader drops an epoch's last, incomplete batch
    background: bool = True       # whether the released weakly supervised loader adds the clips without any event
    selection: str = "test"       # of the released program
    first_look: int = 0           # the released program picks its checkpoint among epochs (from 0) first_look, ...
    look_every: int = 1           # ... first_look + look_every, and so on


_AVEL = Schedule(batch=64, decay_steps=15_000, decay=0.1, order="stored", selection="validation", look_every=5)
_CMRA = Schedule(batch=32, drop_last=False, epochs=200, lr=5e-4, decay_epochs=(10, 20, 30), decay=0.5, clip_norm=0.1)
_CMRA_WEAKLY = replace(_CMRA, decay_epochs=(5, 20, 40), clip_norm=0.5)
_AVSDN = Schedule(batch=64, epochs=45, decay_epochs=(10, 20, 30), decay=0.5, clip_norm=0.1, selection="validation")
# Systems without a program: AVEL's recipe without its program's habits.
_RECIPE = replace(_AVEL, order="shuffled", drop_last=False, look_every=1)

# (system, setting) -> published settings. The programs of CMRA, CMBS and DMIN compute in double precision, ours in
# single; DMRN's starts from a trained AVEL, ours from new weights.
SCHEDULES = {
    ("avel", "fully"): _AVEL,
    ("avel", "weakly"): _AVEL,
    ("dmrn", "fully"): _AVEL,
    ("avsdn", "fully"): _AVSDN,
    ("avsdn", "weakly"): replace(_AVSDN, decay_epochs=(5, 20, 40), background=False),
    ("cman", "fully"): _RECIPE,
    ("cman", "weakly"): _RECIPE,
    ("dam", "fully"): _RECIPE,
    ("avrb", "fully"): _RECIPE,
    ("avrb", "weakly"): _RECIPE,
    ("avin", "fully"): _RECIPE,
    ("avin", "weakly"): _RECIPE,
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
    """How long runs are, and how many seeds a table takes. None: the system's published figure."""

    seeds: int
    batch: int | None = None      # clips
    epochs: int | None = None


_SHORT = {"batch": 8, "epochs": 3}       # before any decay; one CPU core trains VSCG on planted-mini in 15 seconds
PROFILES = {"quick": Profile(1, **_SHORT), "standard": Profile(3, **_SHORT), "full": Profile(5)}


@dataclass(frozen=True)
class RunConfig:
    """One run. A field left None is filled by the profile, the protocol or the system's published schedule.

    `protocol="clean"` has none of the faults of the released programs, "released" has all of them; each can also be
    switched alone by the fields from `selection` to `empty_as_first`.
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
    first_look: int | None = None       # first epoch, from 0, whose weights may be picked
    look_every: int | None = None
    modality: str = "both"              # "audio" or "visual": the other one's features are zeros
    precision: str = "fp32"
    loss: str | None = None             # one of objectives.LOSSES; None: the system's own
    batch: int | None = None            # clips
    epochs: int | None = None
    lr: float | None = None
    decay_epochs: tuple[int, ...] | None = None
    decay_steps: int | None = None
    decay: float | None = None
    clip_norm: float | None = None
    model_options: Mapping[str, float | str | bool] = field(default_factory=dict)

    def resolve(self) -> "RunConfig":
        """The same run with every field filled.

        Raises:
            VscgError: an unknown name or a number out of range.
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
        if own := {"system", "setting", "variant"} & set(options):
            raise VscgError(f"model_options has {', '.join(sorted(own))}: give that as a field of the run itself.")
        if self.epochs is not None and not _within(self.epochs, int, 1, MOST):
            raise VscgError(f"epochs is {reprlib.repr(self.epochs)}: give a whole number from 1.")
        schedule = SCHEDULES[self.system, self.setting]
        profile = PROFILES[self.profile]
        released = self.protocol == "released"
        epochs = self.epochs if self.epochs is not None else profile.epochs or schedule.epochs
        scale = epochs / schedule.epochs    # a shorter run looks at the same fractions of its length
        defaults = {
            "selection": schedule.selection if released else "validation",
            "target": "proportion" if released and self.system in ("vscg", "psp") else "presence",
            "order": schedule.order if released else "shuffled",
            "drop_last": released and schedule.drop_last, "stale_avps": released, "empty_as_first": released,
            "background": self.setting == "weakly" and (schedule.background or not released),
            "first_look": round(schedule.first_look * scale) if released else 0,
            "look_every": max(1, round(schedule.look_every * scale)) if released else 1,
            "batch": profile.batch or schedule.batch, "epochs": epochs, "lr": schedule.lr,
            "decay_epochs": schedule.decay_epochs, "decay_steps": schedule.decay_steps,
            "decay": schedule.decay, "clip_norm": schedule.clip_norm,
            "loss": published_loss(self.system, self.setting, self.variant),
        }
        config = replace(self, **{name: value for name, value in defaults.items() if getattr(self, name) is None})
        for what, allowed in (("selection", SELECTIONS), ("target", TARGETS), ("order", ORDERS),
                              ("loss", LOSSES)):
            choose(what, getattr(config, what), allowed)
        config._check_numbers()
        return config

    def _check_numbers(self) -> None:
        """Raise VscgError for a number that is none, or out of range."""
        for what, kind, low, high in (
                ("seed", int, 0, MOST), ("batch", int, 1, MOST), ("first_look", int, 0, self.epochs - 1),
                ("look_every", int, 1, MOST), ("lr", float, 0, MOST), ("decay", float, 0, 1),
                ("decay_steps", int, 0, MOST), ("clip_norm", float, 0, MOST)):
            if not _within(getattr(self, what), kind, low, high):
                number = "a whole number" if kind is int else "a number"
                raise VscgError(f"{what} is {reprlib.repr(getattr(self, what))}: give {number} from {low} to {high}.")
        if not isinstance(self.decay_epochs, tuple) or not all(_within(e, int, 1, MOST) for e in self.decay_epochs):
            raise VscgError(f"decay_epochs is {reprlib.repr(self.decay_epochs)}: give a tuple of whole numbers from 1.")
        for what in ("drop_last", "background", "stale_avps", "empty_as_first"):
            if not isinstance(getattr(self, what), bool):
                raise VscgError(f"{what} is {reprlib.repr(getattr(self, what))}: give True or False.")

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict) -> "RunConfig":
        """The configuration that `to_json` wrote; TypeError for an unknown field."""
        known = {f.name for f in fields(cls)}
        if set(values) - known:
            raise TypeError(f"unknown fields {sorted(set(values) - known)}")
        return cls(**{**values, "decay_epochs": tuple(values["decay_epochs"])})

    def learning_rate(self, epoch: int, step: int) -> float:
        """Rate in epoch `epoch` (from 0) at optimiser step `step` (from 0, over the whole run)."""
        drops = sum(epoch >= at for at in self.decay_epochs)
        if self.decay_steps:
            drops += step // self.decay_steps
        return self.lr * self.decay**drops

    def looks(self, epoch: int) -> bool:
        """Whether epoch `epoch` (from 0) may be picked as the run's result."""
        return epoch >= self.first_look and (epoch - self.first_look) % self.look_every == 0


def _within(value: object, kind: type, low: float, high: float) -> bool:
    """Whether a value is a number of the kind, int or float, in low..high; a bool is none."""
    return isinstance(value, (int, kind)) and not isinstance(value, bool) and low <= value <= high
