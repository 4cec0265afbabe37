# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Real pictures and real sounds
#
# | Question | Where do the systems look when the pictures are photographs, the sounds are recordings, and the maps come from a convolutional network? |
# |---|---|
# | **Paper** | Sec. IV-D, Figures 4 to 6 |
# | **Needs** | [localisation, measured](17_sound_source_localisation.ipynb) for the scores; [your own clip](19_your_own_clip.ipynb) for the way from a clip to features |
# | **Run time** | about 20 s with the runs that came with the book; an hour or so on one core to train them anew |
# | **You will be able to verify** | what is real here and what is composed; how the difficulty was set before any system was trained; where seven systems look, against chance, the middle of the picture and a silent thing beside the source; and what that does not say about AVE |
#
# The paper shows attention over frames of AVE. We have no right to show these frames, and AVE does not say where a
# sound comes from. [Planted data](02_planted_dataset.ipynb) says so, but its "pictures" are vectors that a generator
# made up. This chapter stands in between: 28 photographs of animals and a recording of each, put together to clips in
# which we know who is where and who is heard when. Two small published networks turn them into features, as VGG-19
# and VGGish do for AVE.

# %% tags=["hide-input"]
import json
import tempfile
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Audio, Video, display

import vscg
from vscg import plots, predict, study
from vscg.features import composed, efficientnet, extract, weights
from vscg.models import SYSTEMS
from vscg.study import localisation, photographs, statistics
from vscg.training import clip_accuracy, records_dir

plots.set_style()

# %% [markdown]
# The parameters. `INSTANCE` and `CLIP` say what is shown; the numbers of the tables do not depend on them.

# %% tags=["parameters"]
INSTANCE = "dog"     # whose recording is played, a name in composed.NAMES
CLIP = 0             # which of the test clips that fit the rule below is shown
SYSTEM = "vscg"      # whose attention the video shows

# %% [markdown]
# What this page finds, collected from the cells below:

# %% tags=["hide-input"]
found = study.findings()
