"""The registry: the paper's fifteen systems and DMRN, where each comes from, and how to build those built here."""
import inspect
import reprlib
import typing
from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType

from torch import nn

from vscg.data.labels import AVE, Dims
from vscg.errors import VscgError, choose
from vscg.models.avel import AVEL
from vscg.models.avin import AVIN
from vscg.models.avrb import AVRB
from vscg.models.avsdn import AVSDN
from vscg.models.avt import AVT
from vscg.models.cman import CMAN
from vscg.models.cmbs import CMBS
from vscg.models.cmra import CMRA
from vscg.models.csa import CSA
from vscg.models.cssnet import CSSNet
from vscg.models.dam import DAM
from vscg.models.dca import DCA
from vscg.models.dmin import DMIN
from vscg.models.dmrn import DMRN
from vscg.models.output import Output, predict_segments
from vscg.models.pspnet import PSPNet
from vscg.models.vscg import VSCG

SETTINGS = ("fully", "weakly")
VARIANTS = ("released", "paper")
# Where a system comes from: our model computes what its published program computes; it was rebuilt from a description
# that goes into detail; its abstract names its parts and our equations fill them; or nothing is built, in a setting
# where the paper has a dash.
ORIGINS = ("published code", "described in detail", "known from its abstract", "reported only")


@dataclass(frozen=True)
class System:
    """One entry of the registry."""
    title: str                                  # as the book's tables print it
    build: Callable[..., nn.Module]
    settings: tuple[str, ...] = SETTINGS
    variants: tuple[str, ...] = ("released",)
    origin: str = "published code"


# In the order of the paper's Table I; DMRN is AVEL's sibling and in none of the tables.
SYSTEMS = {
    "avel": System("AVEL", AVEL),
    "dmrn": System("DMRN", DMRN, settings=("fully",)),
    "avsdn": System("AVSDN", AVSDN, origin="described in detail"),
    "cman": System("CMAN", CMAN, origin="described in detail"),
    "dam": System("DAM", DAM, settings=("fully",), origin="described in detail"),
    "avrb": System("AVRB", AVRB, origin="known from its abstract"),
    "avin": System("AVIN", AVIN, origin="described in detail"),
    "csa": System("CSA", CSA, origin="known from its abstract"),
    "avt": System("AVT", AVT, origin="known from its abstract"),
    "cmra": System("CMRA", CMRA),
    "psp": System("PSP-Net", PSPNet),
    "dca": System("DCA", DCA, settings=("fully",), origin="known from its abstract"),
    "cssnet": System("CSS-Net", CSSNet, origin="known from its abstract"),
    "cmbs": System("CMBS", CMBS),
    "dmin": System("DMIN", DMIN),
    "vscg": System("VSCG", VSCG, variants=VARIANTS),
}


def check_system(system: str, setting: str, variant: str) -> None:
    """Raise VscgError unless such a model can be built."""
    choose("system", system, SYSTEMS)
    entry = SYSTEMS[system]
    choose(f"setting of {system}", setting, entry.settings)
    choose(f"variant of {system}", variant, entry.variants)


def build_model(system: str, *, setting: str = "fully", variant: str = "released", dims: Dims = AVE,
                **options) -> nn.Module:
    """A new model with freshly drawn weights.

    Args:
        system: a name in `SYSTEMS`.
        setting: "fully" or "weakly" (supervised), one of the system's `settings`.
        variant: "released" (what the published program computes) or "paper" (what the text says).
        dims: sizes of the data that it is for, as `Dataset.dims` holds them; by default AVE's.
        options: keyword arguments of the system's class, such as its dropout rates.
    Returns: A module, in training mode, that maps audio (B,T,D_a) and visual maps (B,T,G,G,D_v), both float32, to
        `Output`; on AVE they are (B,10,128) and (B,10,7,7,512), and so docstrings write them. Its `dims` are those
        that it was built for.
    Raises VscgError: unknown name, setting, variant or option, or sizes that the system's structure does not allow.
    """
    check_system(system, setting, variant)
    entry = SYSTEMS[system]
    parameters = inspect.signature(entry.build).parameters
    for name, value in options.items():
        choose(f"option of {system}", name, tuple(parameters))
        kinds = typing.get_args(parameters[name].annotation) or (parameters[name].annotation,)
        fits = bool in kinds if isinstance(value, bool) else isinstance(value, (*kinds, *(int,) * (float in kinds)))
        if not fits or value != value:
            words = " or ".join("None" if kind is NoneType else kind.__name__ for kind in kinds)
            raise VscgError(f"option {name} of {system} is {reprlib.repr(value)}: give {words}.")
    if len(entry.variants) > 1:
        options["variant"] = variant
    try:
        model = entry.build(setting, dims=dims, **options)
    except (TypeError, ValueError, RuntimeError) as error:       # a rate out of range, a word for a number
        raise VscgError(f"{entry.title} cannot be built with {reprlib.repr(options)}: {error}") from error
    model.system, model.setting, model.variant, model.dims = system, setting, variant, dims
    return model
