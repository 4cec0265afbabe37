"""VSCG, video-level semantic consistency for audio-visual event localisation.

The model is vscg/models/vscg.py. It stands in the first of eight rooms:

models    the paper: VSCG, its blocks, and the systems that it is compared with
data      what goes in: labels, the real AVE, planted data, data sets by name
training  what happens to a model: configuration, losses, the loop, evaluation, records
study     what the book asks: the paper's tables, the runs they need, what was measured
plots     what it shows: every figure of the book, in one style
features  your own clips: decoding, VGG-19, VGGish, two small networks; clips composed of photographs
released  the authors' weights in our models
machine   the computer: files, the device, recorded steps, a cluster
"""
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
