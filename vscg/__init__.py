"""Video-level semantic consistency for audio-visual event localisation (VSCG), readable and checked."""
import importlib

from vscg.machine.device import set_up

set_up()      # before anything imports torch

from vscg import data
from vscg.data import load_dataset
from vscg.errors import VscgError
from vscg.models import SYSTEMS, build_model, predict_segments
from vscg.released.load import load_released
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.objectives import build_objective


def __getattr__(name: str):
    """`vscg.features` at its first use: it brings a media library that training does not need."""
    if name == "features":
        return importlib.import_module("vscg.features")
    raise AttributeError(f"module 'vscg' has no attribute {name!r}")


__version__ = "0.1.0"
__all__ = ["SYSTEMS", "RunConfig", "VscgError", "build_model", "build_objective", "data", "fit", "load_dataset",
           "load_released", "predict_segments"]
