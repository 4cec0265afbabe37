# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own clip
#
# | Question | What happens between a video file and the classes of its seconds? |
# |---|---|
# | **Paper** | Sec. IV-A (features), Fig. 1 and Figs. 4 to 6 |
# | **Needs** | [the planted data set](02_planted_dataset.ipynb), [audio-guided attention](03_audio_guided_attention.ipynb), [training](08_training_fully.ipynb) |
# | **Run time** | about a minute on two CPU cores with the stand-in networks; some minutes more with VGG-19 |
# | **You will be able to verify** | what two trained systems see, hear and say in a test clip of the data that they were trained on; how a file becomes ten segments; the log-mel picture of a tone whose place you can compute; the whole way from a file to a timeline and a video of the attention |
#
# This chapter has two halves. The first one plays a test clip of the data on which the systems were trained: you see
# and hear what is in it, where two systems look, and what they say. The second one begins with a file, as you have it:
# it decodes the file, passes its pictures through VGG-19 and its sound through VGGish, and lets a trained system look
# at the result. Give it your own clip by setting `CLIP` below, or on the command line:
# [how to](../book/howto/own-clips.md).

# %% [markdown]
# The imports, and the style of all figures.

# %% tags=["hide-input"]
import tempfile
from pathlib import Path

import numpy as np
import torch
from IPython.display import Video
from torch import nn

import vscg
from vscg import machine, plots, predict, study
from vscg.data import BACKGROUND, CATEGORIES, silent_objects
from vscg.features import composed, efficientnet, networks, vggish, video, weights
from vscg.models import SYSTEMS

plots.set_style()

# %% [markdown]
# The parameters. Without a clip of yours the notebook makes one; without the networks' weights it uses stand-ins.

# %% tags=["parameters"]
CLIP = ""               # a file with picture and sound; empty: a clip is made
CHECKPOINT = ""         # run on VGG-19 and VGGish, or published; empty: chapter 8's
WEIGHTS = ""            # folder of VGG-19's and VGGish's weights; empty: data/weights
DATA = "planted-mini"   # of the runs: planted-mini, planted, ave, or a prepared file
PROFILE = "quick"       # their schedule: quick, standard or full
SEED = 0                # of the runs

# %% [markdown]
# What the run on this page found, collected from the cells below:

# %% tags=["hide-input"]
found = study.findings()

# %% [markdown]
# ## A clip whose truth is known
#
# A planted clip has no pictures and no sound. It is a set of features: 7 times 7 regions with 512 values, and 128 values of
# sound, for each of ten seconds. But its truth is known to the second and to the region, so we can draw it.
#
# Two systems watch. VSCG is the run of [the chapter on training](08_training_fully.ipynb). CMRA [(Xu et al., 2020)](../book/references.md) is a row of Table I
# whose attention weighs channels before it weighs places.

# %%
data = vscg.load_dataset(DATA)
runs = study.finished([vscg.RunConfig(system=system, data=DATA, profile=PROFILE,
                                      seed=SEED) for system in ("vscg", "cmra")])
runs = {SYSTEMS[run.config.system].title: run for run in runs}
for run in runs.values():
    print(run.describe())

# %% [markdown]
# The clip is picked by a rule, not by eye: the first test clip with an event of 3 to 7 seconds, with seconds of background in
# which the object is seen and *not* heard, and with a second object that makes no sound at all. A system that only looks
# is wrong there twice.

# %%
chosen = study.seen_clips(data)                      # of the test split: maps are kept
rows = data.splits["test"][chosen]
truth = data.labels[rows].argmax(-1)                                       # (M,10)
planted = DATA.partition(":")[0] in ("planted-mini", "planted")
NO_TRUTH = f"{DATA} does not say what is heard and seen: no film of it."
if planted:
    heard, seen = (data.truth[what][rows].astype(bool) for what in ("heard", "seen"))
    lasts = (truth != BACKGROUND).sum(1)
    fits = (lasts >= 3) & (lasts <= 7) & (seen & ~heard).any(1)
    pick = next((int(i) for i in np.flatnonzero(fits)
                 if silent_objects(DATA, rows[i:i + 1]).any()), int(lasts.argmin()))
    name = CATEGORIES[data.category[rows[pick]]]
    print(f"test clip {chosen[pick]} of {DATA}: {name}, {lasts[pick]} s of event")
else:
    pick, name = 0, CATEGORIES[data.category[rows[0]]]
    print(NO_TRUTH)

# %% [markdown]
# Everything below is known of this clip: its truth from the generator, the attention and the answers from the two runs.

# %%
looks = {name: study.observed(run, data)["attention"][pick]
         for name, run in runs.items()}                                    # (10,7,7)
said = {name: run.predictions()[chosen[pick]] for name, run in runs.items()}
hits = {name: (classes == truth[pick]).sum() for name, classes in said.items()}
for system, classes in said.items():
    names = [CATEGORIES[c] if c < BACKGROUND else "background"
             for c in np.unique(classes)]
    print(f"{system:5} {hits[system]} of 10 seconds right; it says {', '.join(names)}")
found.say(f"One clip, {name}: " + ", ".join(
    f"{system} says {hit} of 10 seconds right" for system, hit in hits.items()) + ".")

# %% [markdown]
# ### The film
#
# **Drawn** is the truth. The disc is the sounding object, where and when it is seen; it is pale in a second that shows little of
# its class. The diamond is the object that makes no sound. You hear a beep in each second in which the object is heard,
# of a pitch that belongs to the class, and faint where the sound tells little of the class. Nobody recorded these
# pictures and sounds: they stand for features.
#
# **Computed** is the rest. The two maps are the attention that each system gives to the 49 regions: yellow is its most, dark its
# least, and the outline is the object. Below, green seconds are named rightly, red ones wrongly, and grey ones are
# background that was recognised.

# %%
folder = Path(tempfile.mkdtemp())
RATE = 16_000                                                              # Hz


def filmed(path):
    """The film of the clip as a file with sound."""
    keys = ("source_mask", "heard", "seen", "audio_evidence", "visual_evidence")
    known = {key: data.truth[key][rows[pick]] for key in keys} | {"truth": truth[pick]}
    silent = silent_objects(DATA, rows[pick:pick + 1])[0]
    return predict.write_mp4(
        path, plots.film(known, silent, looks, said, video.FRAMES),
        plots.beeps(known["heard"], known["audio_evidence"],
                    data.category[rows[pick]], RATE), RATE)


if planted:
    film = filmed(folder / "film.mp4")
    print(f"{film.stat().st_size / 1000:.0f} kB")
else:
    print(NO_TRUTH)

# %% [markdown]
# Press play, with sound:

# %%
PAGE = "controls style='max-width: 100%; height: auto' aria-label='{}'"
label = PAGE.format("a planted clip with the attention of two systems")
Video(str(film), embed=True, width=640, html_attributes=label) if planted else None

# %% [markdown]
# The same ten seconds side by side, for a reader on paper:

# %% mystnb={"figure": {"caption": "The film's seconds. In the quick runs of seed 0 CMRA's attention gathers on the object when the sound begins; VSCG's stays beside it.", "name": "fig-own-film"}, "image": {"alt": "Two rows of ten maps, VSCG and CMRA; seconds with the event are framed and the object is outlined while it is seen. With seed 0 CMRA's framed maps are brightest inside the outline and VSCG's outside."}}
plots.attention_of_systems(
    looks, data.truth["source_mask"][rows[pick]].astype(bool) if planted else None,
    truth[pick])

# %% [markdown]
# Compare the framed maps with those before them: the object is outlined there too, but it makes no sound. How much of each
# system's attention lies on the object, in the event and in the seconds in which it is seen only?

# %%
def on_object(attention, seconds):
    """Share of the attention on the object, mean of the chosen seconds."""
    mask = data.truth["source_mask"][rows[pick]]
    return (attention * mask).sum((1, 2))[seconds].mean()


if planted:
    event, silent_seen = truth[pick] != BACKGROUND, (seen & ~heard)[pick]
    even = on_object(np.full((10, 7, 7), 1 / 49), event)
    print(f"an even look: {100 * even:.0f}% on the object in the event")
    shares = {system: f"{100 * on_object(look, event):.0f}% in the event" + (
        f" and {100 * on_object(look, silent_seen):.0f}% while it is seen and silent"
        if silent_seen.any() else "") for system, look in looks.items()}
    for system, share in shares.items():
        print(f"{system:5} {share}")
    found.say("Attention on the object: " + "; ".join(
        f"{system} {share}" for system, share in shares.items())
        + f". An even look puts {100 * even:.0f}% there in the event.")
else:
    print(NO_TRUTH)

# %% [markdown]
# One clip of one seed is a story, not a result. [Chapter 17](17_sound_source_localisation.ipynb) counts the same over all clips and
# systems. What the film adds is the order of events: you see when a map moves and when the answer comes.
#
# ## More clips, and a hand on the blocks
#
# The player below shows ten clips in *your* run: slide over the seconds, move PSP's threshold, swap the event vector that
# starts the GRUs. It is the player of [the page to touch](../book/touch.md), fed from the cell. In Jupyter Lab run the
# cell to see it; on the site it is there already.

# %%
record = vscg.fit(vscg.RunConfig(data=DATA, profile=PROFILE, seed=SEED), dataset=data)
others = [int(row) for row, lasting in zip(rows, (truth != BACKGROUND).sum(1),
                                          strict=True)
          if 3 <= lasting <= 8 and row != rows[pick]]
shown = [int(rows[pick]), *others[:: max(1, len(others) // 9)][:9]]
content = study.player_content(
    {"VSCG": record}, data, shown,
    silent=silent_objects(DATA, shown) if planted else None)
plots.clip_player(content)

# %% [markdown]
# Choose "none, all zeros" for the event vector and count the seconds whose class changes: the line below the maps says how many. Then move the
# threshold past 0.1, the share that an even row gives to each of ten seconds.
#
# ## From a file to segments
#
# Now the other end. A made clip has the advantage that everything in it is known. A white square moves from left to right through
# the upper part of the picture, and a tone of 880 Hz sounds while it is there: from second 3 to second 7.

# %%
TONE = 880                                                                 # Hz


def made_clip(path):
    pictures = np.full((160, 224, 224, 3), 120, np.uint8)   # ten seconds of 16 pictures
    for i in range(48, 112):                                # seconds 3 to 7
        left = 2 * (i - 48) + 20
        pictures[i, 40:80, left:left + 40] = 230
    time = np.arange(10 * RATE) / RATE                         # s
    sound = 0.4 * np.sin(2 * np.pi * TONE * time) * ((time >= 3) & (time < 7))
    return predict.write_mp4(path, pictures, sound, RATE)


clip = Path(CLIP) if CLIP else made_clip(folder / "square.mp4")
print(clip.name)

# %% [markdown]
# A window is ten seconds. Every second gives 16 pictures, evenly spaced, and its own second of sound; the paper's
# features were made so (Sec. IV-A). A longer clip gives several windows.

# %%
windows = list(video.read_windows(clip, pad=True))
for window in windows:
    print(f"from {window.start} s: "
          f"pictures {window.frames.shape}, sound {window.waveform.shape} at "
          f"{window.sample_rate} Hz, padded seconds {int(window.padded.sum())}")
window = windows[0]
assert window.frames.shape == (10, 16, 224, 224, 3)

# %% [markdown]
# The middle picture of each second: what the visual network will see.

# %% mystnb={"figure": {"caption": "The middle one of the sixteen pictures of every second. In the made clip the square is there in four seconds of ten.", "name": "fig-own-frames"}, "image": {"alt": "Ten small pictures in two rows, one for each second of the clip."}}
plots.frames(window.frames[:, 8])

# %% [markdown]
# A system gets no more of a second than the mean over sixteen such pictures: what moves within a second is blurred into
# one map. With your own clip, check that each second shows what you expect before you believe an answer.
#
# ## The sound as a picture
#
# VGGish does not hear a waveform. It sees the logarithm of the magnitude in 64 frequency bands, spaced as the ear spaces
# them, in steps of 10 ms: 96 steps for a second.
#
# $$\mathrm{mel}(f) = 1127 \ln\bigl(1 + f / 700\bigr), \qquad \mathrm{logmel} = \ln(\mathrm{mel\ magnitude} + 0.01)$$ (eq-own-mel)
#
# The bands lie between 125 and 7,500 Hz at equal distances in mel. So the band of the tone can be computed by hand.
#
# One thing is odd: 96 steps of 10 ms are 0.96 s, not 1 s, and the reference program puts its examples one behind the
# other. AVE's features are made so. The tenth "second" of sound begins at 8.64 s, a third of a second before the tenth
# second of picture.

# %%
def mel(hertz):
    return 1127 * np.log(1 + hertz / 700)


def band_of(hertz):
    """The band, 0 to 63, that peaks nearest to a frequency; with a fraction."""
    low, high = mel(125), mel(7500)
    return 65 * (mel(hertz) - low) / (high - low) - 1       # peaks at 1/65, 2/65, ...


examples = vggish.log_mel_examples(window.waveform, window.sample_rate)    # (10,96,64)
if not CLIP:
    loudest = examples[4].mean(0).argmax()
    print(f"expected band {band_of(TONE):.1f}, loudest band {loudest}")
    assert abs(loudest - band_of(TONE)) <= 1
    found.say(f"The formula puts a tone of {TONE} Hz into band {band_of(TONE):.1f} of "
              f"0 to 63; the loudest band of the made clip is {loudest}.")

# %% [markdown]
# The whole clip as VGGish gets it:

# %% mystnb={"figure": {"caption": "Log-mel magnitude over the clip, the ten examples parted by lines: in the made clip the tone is one bright line while it lasts.", "name": "fig-own-logmel"}, "image": {"alt": "A time-frequency picture of ten seconds with 64 bands; in the made clip a horizontal line lasts from second three to second seven."}}
plots.log_mel(examples)

# %% [markdown]
# The axis ends at 9.6 s, for ten examples last no longer. In the made clip the line begins in the fourth example, at 3 s on this axis,
# and the example began at 2.88 s: a system that pairs it with the fourth second of picture pairs sound with picture
# that comes later.
#
# :::{admonition} Change this and see
# :class: tip
# Guess first: how many bands higher does the line lie if the tone is an octave higher? Set `TONE` to 1760 and run on from there,
# or read what the formula gives for each octave.
# :::

# %% mystnb={"code_prompt_hide": "The answer: the code and its output", "code_prompt_show": "The answer: the code and its output"} tags=["hide-cell", "nbval-check-output"]
octaves = [round(band_of(hertz)) for hertz in (440, 880, 1760, 3520)]
print("bands of 440, 880, 1760 and 3520 Hz:", octaves, " steps:", np.diff(octaves))
assert (np.diff(octaves, 2) > 0).all()

# %% [markdown]
# The higher the octave, the more bands it takes: the bands are nearly even in hertz below 700 Hz and nearly even in octaves
# far above.
#
# ## The two networks
#
# VGG-19 gives a map of 7 times 7 regions with 512 values for each picture; the second's feature is the mean over its 16
# maps. VGGish gives 128 values for each second of sound. If their weights are here they are used. If not, two small
# networks with random weights stand in, which have the right shapes and know nothing: the way stays the same, the
# result means nothing. To get the weights, 864 MB, run `python -m vscg extract FOLDER` once, on a folder with a clip
# ([how to](../book/howto/own-clips.md)):
# it downloads them into `data/weights`, where this notebook looks for them.

# %%
class PictureStandIn(nn.Module):
    """(B,3,224,224) to (B,512,7,7): each region's mean colour, mapped at random."""

    def __init__(self):
        super().__init__()
        self.map = nn.Conv2d(3, 512, 32, 32)

    def forward(self, pictures):
        return self.map(pictures).relu()


class SoundStandIn(nn.Module):
    """(B,96,64) to (B,128): each band's mean energy, mapped at random."""

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(64, 128)

    def forward(self, examples):
        return self.map(examples.mean(1)).relu()


# %% [markdown]
# Which of the two it is, is printed: everything below depends on it.

# %%
from_folder = Path(WEIGHTS) if WEIGHTS else machine.data_dir() / "weights"
real = all((from_folder / file.name).is_file()
           for file in (weights.VGG19, weights.VGGISH))
torch.manual_seed(0)
pair = (networks.load_networks(from_folder) if real
        else networks.Networks(PictureStandIn().eval(), SoundStandIn().eval()))
print("VGG-19 and VGGish with their published weights" if real else
      "stand-ins with random weights: what is predicted below means nothing")

# %% [markdown]
# ## From features to classes
#
# The system is the one that was trained in [the chapter on training](08_training_fully.ipynb), unless `CHECKPOINT` names
# another. One trained on planted features has never seen a feature of a real picture.

# %%
model, title = predict.load_checkpoint(CHECKPOINT or str(record.folder))
print(title.replace("; ", ";\n"))
watched = list(predict.watch(clip, model, pair, pad=True))
for second in watched[0].seconds():
    print(f"{second['start']:2d} to {second['end']:2d} s  {second['class']}")
assert len(watched) == len(windows)
names = sorted({second["class"] for one in watched for second in one.seconds()})
if not real:
    found.say(f"Of {clip.name} the system says: {', '.join(names)}. This answer means "
              "nothing, for stand-ins with random weights made its features.")

# %% [markdown]
# A row of the timeline lasts ten seconds:

# %% mystnb={"figure": {"caption": "What the system says about every second of the clip, one row for each window: the answer is always one of 28 names, or background.", "name": "fig-own-timeline"}, "image": {"alt": "A bar over ten seconds, coloured by the predicted class of each second."}}
predict.timeline(np.concatenate([one.classes for one in watched]))

# %% [markdown]
# A system with 28 events has no way to say "I do not know this": it names an event or says background. The line that is
# printed in the section "The two networks" says whether this answer rests on real features.
#
# ## Where it looks
#
# The attention of each second, laid over its pictures and played with the sound. Bright regions get more than their even
# share of $1/49$; an orange frame means that an event is predicted.

# %%
file = predict.write_mp4(folder / "attention.mp4", predict.overlay(watched[0]),
                         watched[0].window.waveform, watched[0].window.sample_rate)
Video(str(file), embed=True, width=336,
      html_attributes=PAGE.format("the clip under its attention"))

# %% [markdown]
# One picture of each second:

# %% mystnb={"figure": {"caption": "One picture of each second under its attention; framed where an event is predicted.", "name": "fig-own-overlay"}, "image": {"alt": "Ten small pictures in two rows with warm colours where the attention is above its even share."}}
plots.frames(predict.overlay(watched[0])[8::16])

# %% [markdown]
# The colours are on the scale of the largest weight in the window. A map that stays dark gives no region much more than its even
# share; compare with {numref}`fig-own-film`, where the same module was asked about features that it knows.

# %% [markdown]
# ## Real labels of real pictures
#
# VGG-19's weights are 575 MB. A network of 17 MB, EfficientNet-Lite0, is enough to see what a network sees in real pictures: it
# names one of ImageNet's thousand classes. With `CLIP` set, these are the frames of your clip. Without it, they are those of a
# clip composed of real photographs ([chapter 24](24_real_pictures_and_sounds.ipynb)). What is real here: the photographs, the
# network and its answers. What is not: the scene, which was put together, and the names, which are ImageNet's and not AVE's.

# %%
usual = composed.Dials()
if CLIP:
    real = windows[0]
else:
    scene = next(composed.draw(usual, composed.plan(usual, 0), 0, [7]))
    real = scene.window()
    print("photographs in the clip:",
          ", ".join(composed.NAMES[thing.name] for thing in scene.things))
middle = real.frames.shape[1] // 2
if weights.present(weights.EFFICIENTNET, weights.AISFX):
    eyes = networks.load_networks(visual="efficientnet-lite0", audio="aisfx").visual
    named = efficientnet.recognised(eyes, real.frames[:, middle])
    for second, guesses in enumerate(named):
        print(f"{second} to {second + 1} s: "
              + ", ".join(f"{name} {100 * p:.0f}%" for name, p in guesses))
    said = [guess for guesses in named for guess in guesses]
    assert CLIP or (sum(name == "goose" for name, _ in said) > len(named) / 2
                    and max(p for _, p in said) < 0.155
                    and not any("bear" in name for name, _ in said))
else:
    print("The two small networks (40 MB) are not here: `make book` fetches them where "
          "it can.")

# %% [markdown]
# In the composed clip the network finds the gander, a goose, among its three likeliest names of most seconds. It never names the bear,
# and no guess is surer than 15%.

# %% [markdown]
# ## Exercises
#
# Try each before you open its solution. Every solution ran with this notebook and ends in a check. In Jupyter Lab its
# code and its output are folded: click on the three dots.
#
# ### Exercise 1 (easy): the tone of a band
#
# Which frequency does band 32 belong to, halfway up the picture? Is it halfway between 125 and 7,500 Hz?
#
# <details>
# <summary>Solution 1: the reasoning</summary>
#
# Band $b$ peaks at the fraction $(b + 1)/65$ of the way from 125 to 7,500 Hz *in mel*. Invert the formula: $f = 700
# (e^{m / 1127} - 1)$. Band 32 peaks at 1,947 Hz, far below 3,812 Hz, the middle in hertz. The upper half of the picture holds
# three quarters of the hertz.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 1: the code and its output", "code_prompt_show": "Solution 1: the code and its output"} tags=["hide-cell", "nbval-check-output"]
at = mel(125) + 33 / 65 * (mel(7500) - mel(125))
hertz = 700 * (np.exp(at / 1127) - 1)
print(f"band 32: {hertz:,.0f} Hz; the middle in hertz: {(125 + 7500) / 2:,.0f} Hz")
assert np.isclose(band_of(hertz), 32) and hertz < 0.6 * (125 + 7500) / 2

# %% [markdown]
# ### Exercise 2 (medium): how far sound and picture drift apart
#
# Example $t$ of the sound lasts from $0.96\,t$ to $0.96\,(t + 1)$, second $t$ of the picture from $t$ to $t + 1$. Which share of
# a second does the sound's example share with its picture? If AVE's clips were longer, from which second on would
# the two have nothing in common?
#
# <details>
# <summary>Solution 2: the reasoning</summary>
#
# The overlap begins with the picture, at $t$, and ends with the sound, at $0.96\,(t + 1)$: it lasts $0.96 - 0.04\,t$ seconds. In
# the tenth second, $t = 9$, it is 0.6 s. At $t = 24$ it is nothing.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 2: the code and its output", "code_prompt_show": "Solution 2: the code and its output"} tags=["hide-cell", "nbval-check-output"]
t = np.arange(30)
overlap = np.maximum(0, np.minimum(t + 1, 0.96 * (t + 1)) - np.maximum(t, 0.96 * t))
print("overlap in s:", {int(i): round(float(overlap[i]), 2) for i in (0, 4, 9, 23)})
first = int(np.flatnonzero(overlap < 1e-9)[0])
print("nothing in common from second", first)
assert first == 24 and np.isclose(overlap[9], 0.6)

# %% [markdown]
# ### Exercise 3 (demanding): the sound, moved
#
# Move the sound of every second clip by some seconds against its picture, round the end to the beginning. Guess: in how many clips
# does VSCG change its answer? What must a shift by ten seconds give?
#
# <details>
# <summary>Solution 3: the reasoning</summary>
#
# Ten seconds later every second of sound is back at its place, so nothing may change. In between the truth itself moves: an event
# needs sound and picture in the same second, and most clips of this data set have both for all ten seconds. In those
# the truth stays. What changes there is which seconds of sound and picture meet, and a network may notice that too.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 3: the code and its output", "code_prompt_show": "Solution 3: the code and its output"} tags=["hide-cell"]
watcher, some = record.model(), rows[::2]
full = (truth[::2] != BACKGROUND).all(1)


@torch.inference_mode()
def answers(shift):
    """Classes (M/2,10) of the clips with their sound moved by some seconds."""
    audio = torch.from_numpy(data.audio[some]).roll(shift, 1)
    output = watcher(audio, torch.from_numpy(data.visual[some]).float())
    return vscg.predict_segments(output).numpy()


still, changed = answers(0), {}
for shift in (1, 5, 10):
    changed[shift] = (answers(shift) != still).any(1)
    parts = {"with an event all the time": full, "with background": ~full}
    print(f"{DATA}, seed {SEED}, sound moved by {shift:2} s, another answer in:")
    for name, part in parts.items():
        print(f"    {changed[shift][part].sum():2} of {part.sum()} clips {name}")
assert not changed[10].any()

# %% [markdown]
# ## What was established
#
# - The truth of a planted clip can be drawn and played; attention and answers of two trained systems stand beside it.
# - A file becomes windows of ten seconds, each with 16 pictures and one second of sound per segment; the tone of the made
#   clip lands in the frequency band that the formula says.
# - The sound's examples last 0.96 s, so in the tenth second sound and picture share only 0.6 s.
# - The same call, `vscg.predict.watch`, takes any clip and any trained system to classes and attention.
#
# ## What stays uncertain
#
# - The film shows one clip, picked by rule, in one run each. It stands for nothing but itself.
# - Without the published weights of VGG-19 and VGGish, and without a system trained on AVE, no prediction for a real clip
#   means anything. With both, AVE's 28 classes are all that a system can say: a clip of something else gets one of them,
#   or background.
#
# **Next:** [what the differences between paper and program do](20_deviations.ipynb). From the command line: [your own clips](../book/howto/own-clips.md).
