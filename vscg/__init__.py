"""Video-level semantic consistency for audio-visual event localisation (VSCG), readable and checked."""
from vscg import data
from vscg.allocator import keep_memory
from vscg.config import RunConfig
from vscg.data import load_dataset
from vscg.errors import VscgError
from vscg.models import SYSTEMS, build_model, predict_segments
from vscg.objectives import build_objective
from vscg.released import load_released
from vscg.training import fit

keep_memory()   # before the first large tensor, in every command and every notebook's kernel

__version__ = "0.1.0"
__all__ = ["SYSTEMS", "RunConfig", "VscgError", "build_model", "build_objective", "data", "fit", "load_dataset",
           "load_released", "predict_segments"]
