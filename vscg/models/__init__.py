"""The registry: which systems there are and how to build them."""
import inspect
from dataclasses import dataclass
from typing import Callable

from torch import nn

from vscg.errors import VscgError
from vscg.models.avel import AVEL
from vscg.models.output import Output, predict_segments
from vscg.models.pspnet import PSPNet
from vscg.models.vscg import VSCG

SETTINGS = ("fully", "weakly")
VARIANTS = ("released", "paper")


@dataclass(frozen=True)
class System:
    """One entry of the registry."""

    title: str                        # as the book's tables print it
    build: Callable[..., nn.Module]
    variants: tuple[str, ...] = ("released",)


SYSTEMS = {
    "vscg": System("VSCG", VSCG, VARIANTS),
    "psp": System("PSP-Net", PSPNet),
    "avel": System("AVEL", AVEL),
}


def choose(what: str, value: str, allowed: tuple[str, ...] | list[str] | dict) -> None:
    """Raise VscgError unless `value` is one of `allowed`."""
    if value not in allowed:
        raise VscgError(f"{what} {value!r} is unknown: choose one of {', '.join(allowed)}.")


def build_model(system: str, *, setting: str = "fully", variant: str = "released", **options) -> nn.Module:
    """A new model with freshly drawn weights.

    Args:
        system: a name in `SYSTEMS`.
        setting: "fully" or "weakly" supervised.
        variant: "released" (what the published program computes) or "paper" (what the text says).
        options: keyword arguments of the system's class, such as its dropout rates.

    Returns:
        A module that maps audio (B,10,128) and visual maps (B,10,7,7,512), both float32, to `Output`.

    Raises:
        VscgError: unknown name, setting, variant or option.
    """
    choose("system", system, SYSTEMS)
    choose("setting", setting, SETTINGS)
    entry = SYSTEMS[system]
    choose(f"variant of {system}", variant, entry.variants)
    for name in options:
        choose(f"option of {system}", name, tuple(inspect.signature(entry.build).parameters))
    if len(entry.variants) > 1:
        options["variant"] = variant
    model = entry.build(setting, **options)
    model.system, model.setting, model.variant = system, setting, variant
    return model


__all__ = ["SETTINGS", "SYSTEMS", "VARIANTS", "Output", "System", "build_model", "choose", "predict_segments"]
