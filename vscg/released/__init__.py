"""The authors' weights in our models: names, and reading checkpoints without running them."""
from vscg.released.load import DEAD, load_released
