"""What one training run is: its configuration, the published schedules, and the protocols."""
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace

from vscg.errors import VscgError
from vscg.models import SETTINGS, SYSTEMS, choose
from vscg.objectives import TARGETS

PROTOCOLS = ("clean", "released")
SELECTIONS = ("validation", "test")
MODALITIES = ("both", "audio", "visual")
# Order of the clips in an epoch's batches. "first-random": only the first batch is drawn, the others are always the
# same stretches of the stored, category-sorted order (the released weakly supervised loaders); "stored": never
# shuffled (AVEL).
ORDERS = ("shuffled", "first-random", "stored")


@dataclass(frozen=True)
class Schedule:
    """A system's published training settings. Epochs count from 1 in `decay_epochs`."""

    batch: int = 128
    epochs: int = 300
    lr: float = 1e-3
    decay_epochs: tuple[int, ...] = ()
    decay_steps: int = 0          # instead: every so many optimiser steps
    decay: float = 0.8
    order: str = "shuffled"       # of the released loader
    selection: str = "test"       # of the released program
    first_look: int = 0           # the released program picks its checkpoint among epochs (from 0) first_look, ...
    look_every: int = 1           # ... first_look + look_every, and so on


SCHEDULES = {
    ("vscg", "fully"): Schedule(decay_epochs=(60, 120, 240), first_look=5, look_every=5),
    ("vscg", "weakly"): Schedule(decay_epochs=(80, 180, 240, 300), order="first-random", first_look=51),
    ("psp", "fully"): Schedule(decay_epochs=(60, 120), first_look=5, look_every=5),
    ("psp", "weakly"): Schedule(decay_epochs=(80, 160), order="first-random", first_look=51),
    ("avel", "fully"): Schedule(batch=64, decay_steps=15_000, decay=0.1, order="stored", selection="validation",
                                look_every=5),
    ("avel", "weakly"): Schedule(batch=64, decay_steps=15_000, decay=0.1, order="stored", selection="validation",
                                 look_every=5),
}
# quick: what two CPU cores train in half a minute on planted-mini, before any decay. full: the published schedule.
PROFILES: dict[str, dict[str, int]] = {"quick": {"batch": 16, "epochs": 10}, "full": {}}


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
    stale_avps: bool | None = None      # similarity targets left over from earlier batches
    empty_as_first: bool | None = None  # a clip without event counts as class 0 in the category loss
    first_look: int | None = None       # first epoch, from 0, whose weights may be picked
    look_every: int | None = None
    modality: str = "both"              # "audio" or "visual": the other one's features are zeros
    batch: int | None = None            # clips
    epochs: int | None = None
    lr: float | None = None
    decay_epochs: tuple[int, ...] | None = None
    decay_steps: int | None = None
    decay: float | None = None
    model_options: Mapping[str, float] = field(default_factory=dict)

    def resolve(self) -> "RunConfig":
        """The same run with every field filled.

        Raises:
            VscgError: an unknown name or a number out of range.
        """
        for what, allowed in (("system", SYSTEMS), ("setting", SETTINGS), ("profile", PROFILES),
                              ("protocol", PROTOCOLS), ("modality", MODALITIES)):
            choose(what, getattr(self, what), allowed)
        choose(f"variant of {self.system}", self.variant, SYSTEMS[self.system].variants)
        schedule = SCHEDULES[self.system, self.setting]
        profile = PROFILES[self.profile]
        released = self.protocol == "released"
        epochs = self.epochs if self.epochs is not None else profile.get("epochs", schedule.epochs)
        scale = epochs / schedule.epochs    # a shorter run looks at the same fractions of its length
        defaults = {
            "selection": schedule.selection if released else "validation",
            "target": "proportion" if released and self.system != "avel" else "presence",
            "order": schedule.order if released else "shuffled",
            "drop_last": released, "stale_avps": released, "empty_as_first": released,
            "first_look": round(schedule.first_look * scale) if released else 0,
            "look_every": max(1, round(schedule.look_every * scale)) if released else 1,
            "batch": profile.get("batch", schedule.batch), "epochs": epochs, "lr": schedule.lr,
            "decay_epochs": schedule.decay_epochs, "decay_steps": schedule.decay_steps,
            "decay": schedule.decay,
        }
        config = replace(self, **{name: value for name, value in defaults.items() if getattr(self, name) is None})
        for what, allowed in (("selection", SELECTIONS), ("target", TARGETS), ("order", ORDERS)):
            choose(what, getattr(config, what), allowed)
        for what in ("batch", "epochs", "look_every"):
            if getattr(config, what) < 1:
                raise VscgError(f"{what} is {getattr(config, what)}: it must be at least 1.")
        if not 0 <= config.first_look < config.epochs:
            raise VscgError(f"first_look is {config.first_look}: it must be an epoch from 0 to {config.epochs - 1}.")
        return config

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
