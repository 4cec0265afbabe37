# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Start here
#
# | Question | Does it run here, and where is everything? |
# |---|---|
# | **Paper** | the task, Sec. III-A of [Jiang et al. (2023)](../book/references.md) |
# | **Needs** | nothing |
# | **Run time** | half a minute, the same in every profile; the first run also makes the data set |
# | **You will be able to verify** | that your environment is complete; that every chapter, module and test named here exists; what goes into VSCG and what comes out |
#
# A clip lasts ten seconds. For each second, VSCG says which of 28 events is both *seen and heard*, or that none is:
# "background". A bell that tolls behind the camera is background, and so is a dog that is shown while it is silent.
#
# **VSCG** is the *video-level semantic consistency guidance* network of Jiang, Yin and Dang (2023). It has one idea: a
# single second may be ambiguous, the clip as a whole seldom is. The network encodes every second from its sound and its
# picture (chapters 3 and 4), sums the clip up in a small vector (5), and lets this vector guide a second look at every
# second (6). *Fully supervised* means that it is trained with a label for every second, *weakly supervised* with one
# tag for the whole clip. [A tour of five minutes](../book/tour.md) shows all of it on one clip, by pictures. This chapter
# is the first with code.

# %% tags=["hide-input"]
import dataclasses
import os
import pkgutil
import platform
import re
from importlib.metadata import version
from pathlib import Path

import jupytext
import numpy as np
import pandas as pd
import papermill
import torch

import vscg
from vscg import machine, plots
from vscg.data import BACKGROUND, CATEGORIES, download, sets
from vscg.training import batches, bootstrap_interval, clip_accuracy, records

plots.set_style()

# %% [markdown]
# The second code cell of every notebook holds its parameters. They are the only values that one changes to rerun it.

# %% tags=["parameters"]
DATA = "planted-mini"  # planted-mini, planted, ave, or the path of a prepared file
PROFILE = "quick"      # quick (3 epochs), standard (80) or full (the published)
SEED = 0               # of weights, batches and dropout

# %% [markdown]
# ## One clip through an untrained network
#
# `vscg.load_dataset` loads any of the data sets into memory. Most notebooks that need one call it.

# %% tags=["nbval-check-output"]
data = vscg.load_dataset(DATA)
print(f"{data.name}: {len(data.labels)} clips;",
      ", ".join(f"{len(rows)} {name}" for name, rows in data.splits.items()))
for name in ("audio", "visual", "labels"):
    print(f"{name:7} {getattr(data, name).shape} {getattr(data, name).dtype}")

# %% [markdown]
# Ten seconds a clip; for each second 128 numbers for the sound, a map of 7 by 7 regions with 512 numbers each for the
# picture, and a label over 29 classes. The numbers are *features*: in the real data set one network for images, VGG-19,
# made the maps, and one for sounds, VGGish, the 128 numbers; [chapter 19](19_your_own_clip.ipynb) computes them from a
# video. The clips of the split `background` have no event; weakly supervised training uses them too.
#
# Now the network itself, before any training: its weights are drawn at random. We choose a test clip whose event begins or
# ends within the ten seconds, and turn it into a batch of one.

# %% tags=["nbval-check-output"]
event = data.labels[..., BACKGROUND] == 0                             # (N,10) bool
test = data.splits["test"]
row = next(row for row in test if 4 <= event[row].sum() <= 7)
audio = torch.from_numpy(data.audio[[row]])                 # (1,10,128)
visual = torch.from_numpy(data.visual[[row]]).float()       # (1,10,7,7,512)
truth = data.labels[row].argmax(-1)                         # (10,) class of each second
print(f"{data.name}, clip {row}: {CATEGORIES[data.category[row]]}, "
      f"in {event[row].sum()} of 10 seconds")
print("audio", tuple(audio.shape), "visual", tuple(visual.shape))

# %% [markdown]
# Build VSCG for the fully supervised setting and let the clip through. All systems of the book return the same
# dataclass; what a system does not compute is `None`.

# %% tags=["nbval-check-output"]
torch.manual_seed(SEED)
model = vscg.build_model("vscg", setting="fully").eval()
with torch.no_grad():
    output = model(audio, visual)
print(f"{sum(p.numel() for p in model.parameters()):,} weights")
for field in dataclasses.fields(output):
    value = getattr(output, field.name)
    print(f"{field.name:19}", tuple(value.shape) if torch.is_tensor(value) else value)

# %% [markdown]
# | field | what it says |
# |---|---|
# | `event_relevance` | one number a second: is there an event (Eq. 14) |
# | `event_category` | 28 numbers for the whole clip: which event (Eq. 15) |
# | `similarity` | one number a second: do sound and picture agree (Eq. 16; a cosine in the released program) |
# | `attention` | 7 by 7 weights a second: where in the picture the sound points |
# | `threshold` | the sigmoid of `event_relevance` above which a second is an event ($\tau_b$ of the paper) |
# | `extras` | what only one of the systems has; VSCG has none |
#
# The other fields belong to the weakly supervised setting, where the network gives 29 numbers for every second
# (`segment_logits`), a distribution over the classes for the clip (`video_probability`) and a smoothed one
# (`smooth_probability`).
#
# Two things must hold whatever the weights are: attention sums to one over the map, and similarity, a cosine, lies
# between -1 and 1.

# %% tags=["nbval-check-output"]
sums = output.attention.sum((2, 3))                         # (1,10)
print("attention sums to 1:", torch.allclose(sums, torch.ones(1, 10), atol=1e-5))
print("similarity within [-1, 1]:", bool((output.similarity.abs() <= 1 + 1e-5).all()))
assert torch.allclose(sums, torch.ones(1, 10), atol=1e-5)

# %% [markdown]
# `vscg.predict_segments` turns an output into one class a second. In the fully supervised setting a second is called an
# event where the sigmoid of its relevance exceeds 0.7 (the paper's $\tau_b$), and the event is the clip's most likely
# category. In the weakly supervised setting the largest of the 29 numbers decides.

# %%
torch.manual_seed(SEED)
models = {setting: vscg.build_model("vscg", setting=setting).eval()
          for setting in ("fully", "weakly")}
with torch.no_grad():
    guesses = {setting: vscg.predict_segments(model(audio, visual))[0]
               for setting, model in models.items()}
for setting, classes in guesses.items():
    print(f"untrained, {setting}:", classes.tolist())
    assert classes.shape == (10,) and 0 <= classes.min() and classes.max() <= BACKGROUND

# %% [markdown]
# Both guesses below the truth:

# %% mystnb={"figure": {"caption": "The task on one clip: the truth, and the guesses of two networks that have not learnt anything yet.", "name": "fig-start-timeline"}, "image": {"alt": "Three rows over ten seconds. The upper row, the ground truth, changes between background and an event; the two lower rows belong to untrained networks."}}
plots.timeline(truth, {f"untrained, {setting}": classes
                       for setting, classes in guesses.items()})

# %% [markdown]
# A coloured stretch of the upper row is what has to be found: which event, from which second, to which. An untrained
# network knows neither. In the fully supervised setting the sigmoid of its relevance lies near one half, under the
# threshold, so it says "background". In the weakly supervised setting some class that means nothing comes out on top.
#
# How many seconds of the test clips are right by such chance? The interval comes from drawing the clips again with
# replacement.

# %%
features = batches.Features(data, torch.device("cpu"))
true = data.labels[test].argmax(-1)
predictions = {f"untrained, {setting}": batches.predict(model, features, test)
               for setting, model in models.items()}
predictions["always background"] = np.full_like(true, BACKGROUND)
for name, predicted in predictions.items():
    per_clip = clip_accuracy(predicted, true)
    low, high = bootstrap_interval(per_clip)
    print(f"{data.name}, {name:18} {100 * per_clip.mean():5.1f}% of segments right, "
          f"interval {100 * low:.1f} to {100 * high:.1f}%")
    assert per_clip.mean() < 0.3

# %% [markdown]
# These are the scores without any learning. The rule "always background" gets more than one in 29: background seconds are common,
# and it is right on all of them. How much is right for a rule that knows each clip's event and
# nothing else is a surprise, and a subject of the next notebook.

# %% [markdown]
# ## The environment
#
# `requirements.lock` pins every version. With other versions of PyTorch, other random numbers may be drawn, and trained
# figures then differ a little from those on these pages. What is installed, and does anything differ from the pins?

# %%
ROOT = Path(vscg.__file__).resolve().parent.parent
lock = (ROOT / "requirements.lock").read_text().splitlines()
pins = dict(line.split("==") for line in lock if ";" not in line)
print(f"Python {platform.python_version()}")
for package in ("torch", "numpy", "pandas", "h5py", "matplotlib", "seaborn",
                "papermill"):
    print(f"{package:10} {version(package)}")
different = {name: version(name) for name, pin in pins.items()
             if version(name).split("+")[0] != pin.split("+")[0]}
print("different from the pins:", different or "nothing")

# %% [markdown]
# On what will it compute? Training uses a GPU where PyTorch finds one, and the CPU otherwise.

# %%
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print("device: ", torch.cuda.get_device_name() if device.type == "cuda" else "CPU")
print("threads:", torch.get_num_threads(), "of", os.cpu_count(), "cores")

# %% [markdown]
# ## The data
#
# Four data sets have a name.
#
# | name | what | clips | size |
# |---|---|---|---|
# | `planted-mini` | generated, for two CPU cores; the default | some hundreds | 0.3 GB |
# | `planted-study` | generated, for comparing systems by [the plan](../book/plan.md); drawn anew for each seed | 2,568 | 1.3 GB |
# | `planted` | generated, with the numbers of clips of the real one | 4,321 | 2.2 GB |
# | `ave` | the real one, AVE [(Tian et al., 2018)](../book/references.md), prepared from its authors' files | 4,321 | 2.2 GB |
#
# The generated ones are made when they are first asked for. Their features come from a generator, so no number on
# them reproduces an accuracy of the paper; [notebook 02](02_planted_dataset.ipynb) says what they are good for. For the
# real one see [how to use it](../book/howto/real-data.md). Which of them are here?

# %%
for name in sets.NAMES:
    file = machine.data_dir() / f"{name}.h5"
    size = f"{file.stat().st_size / 1e9:.1f} GB" if file.is_file() else "not made yet"
    print(f"{name:13} {size}")
folder = machine.ave_dir()
for what, files in (("small AVE files", download.SMALL_FILES),
                    ("AVE features", download.FEATURE_FILES)):
    found = sum(folder is not None and (folder / name).is_file() for name in files)
    print(f"{what:16} {found} of {len(files)}")

# %% [markdown]
# ## Rerunning
#
# A notebook need not be edited to run with other values. The whole book, on another data set and the paper's schedule:
#
# ```bash
# make book DATA=planted PROFILE=full
# make book DATA=ave DATA_DIR=/where/the/AVE/files/are PROFILE=full
# ```
#
# One notebook, with the same parameters, into a new file:
#
# ```bash
# cd notebooks
# ../.venv/bin/papermill 08_training_fully.ipynb /tmp/08_full.ipynb -k python3 \
#     -p DATA planted -p PROFILE full
# ```
#
# More in [how to rerun in batch](../book/howto/batch.md). Which notebook takes which parameters, with their defaults, is read off the notebooks
# themselves:

# %%
sources = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))
for source in sources:
    defaults = papermill.inspect_notebook(jupytext.read(source))
    shown = ", ".join(f"{name}={entry['default']}" for name, entry in defaults.items())
    print(f"{source.stem:32} {shown}")

# %% [markdown]
# ## The map
#
# The package has eight subpackages; this book calls them *rooms*. Its docstring says what each is for:

# %% tags=["nbval-check-output"]
print(vscg.__doc__)
rooms = {room.name for room in pkgutil.iter_modules(vscg.__path__) if room.ispkg}
assert set(re.findall(r"^(\w+)  ", vscg.__doc__, re.MULTILINE)) == rooms

# %% [markdown]
# A notebook imports its code from these rooms, so its first code cell says which of them it uses. From the paper to the code: which
# section is taken apart in which notebook, and which rooms compute it. The tests lie in rooms of the same names.

# %%
NUMBER = r"[IVX\d][\w-]*"
PLACE = rf"(?:Sec|Eq|Fig|Table|Figure)s?\.? {NUMBER}(?:(?:,| to| and) {NUMBER})*"
MAP = {}
for source in sources:
    cells = jupytext.read(source).cells
    paper = re.search(r"\*\*Paper\*\* \| (.+) \|", cells[0].source)[1]
    imports = next(cell.source for cell in cells if cell.cell_type == "code")
    imported = re.findall(r"^from vscg(?:\.\w+)? import .+", imports, re.MULTILINE)
    used = sorted(rooms & set(re.findall(r"\w+", " ".join(imported))))
    MAP[source.stem] = {"paper": ", ".join(re.findall(PLACE, paper)),
                        "rooms of vscg": ", ".join(used)}
assert all((ROOT / "tests" / room).is_dir() for room in rooms)
pd.set_option("display.max_colwidth", None)
pd.DataFrame(MAP).T

# %% [markdown]
# Symbols and their names in the code are on the page [notation](../book/notation.md); where the paper and the program that its
# authors released differ, on [where they differ](../book/deviations.md).
#
# ## Runs and how they are found again
#
# A training run is described by a `RunConfig`. `vscg.fit(config)` trains it, or loads it if the same run has been
# trained before. "The same" is decided by a **key**: a hash of the configuration, every field filled but without the
# names of profile and data set, of the data set's fingerprint, and of what the code that shapes the numbers does. The
# run lies in `runs/<key>/`.

# %%
config = vscg.RunConfig(system="vscg", setting="fully", data=DATA, profile=PROFILE,
                        seed=SEED)
key = records.run_key(config.resolve(), data.fingerprint)
stored = records.read_record(machine.runs_dir() / key)
print(f"runs/{key}:", stored.describe() if stored else "not trained yet")
print("finished runs here:", len(records.find_records(machine.runs_dir())))
assert len(key) == 16

# %% [markdown]
# Asked again, the same configuration has the same key. Another seed, another data set or a changed model has another,
# so that a stored result can never pass for one that it is not.

# %% tags=["nbval-check-output"]
other_seed = dataclasses.replace(config, seed=SEED + 1).resolve()
print("same configuration, same key:",
      records.run_key(config.resolve(), data.fingerprint) == key)
print("another seed, another key:   ",
      records.run_key(other_seed, data.fingerprint) != key)
print("other data, another key:     ",
      records.run_key(config.resolve(), "0" * 64) != key)

# %% [markdown]
# In the folder are `record.json` (configuration, versions, device, times, results), `history.csv` (one row an epoch),
# `predictions.safetensors` and `state.safetensors`, the weights. `python -m vscg runs` lists them.
#
# ## What was established
#
# - The environment holds the pinned versions, and every file on the map exists.
# - A data set is one call, a run is one call, and a run is found again by its key.
# - VSCG takes sound and picture of ten seconds and gives, fully supervised, a relevance for every second and a
#   category for the clip; `predict_segments` makes classes of them.
#
# ## What stays uncertain
#
# - Whether the pinned versions give the same trained figures on your processor or GPU. The last digits may differ;
#   the notebooks check trained figures by range.
#
# ## Next
#
# [The AVE data set](01_ave_dataset.ipynb): what the real labels are like, and what is odd about them.
