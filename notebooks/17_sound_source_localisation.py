# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Sound-source localisation, measured
#
# | Question | Does the attention lie on the object that makes the sound, is it the sound that leads it there, and does it help? |
# |---|---|
# | **Paper** | Sec. IV-D with Figures 4 and 5, supplement Sec. II-A with Figure 6 [(Jiang et al., 2023)](../book/references.md) |
# | **Needs** | [audio-guided attention](03_audio_guided_attention.ipynb), the runs of [Table I](10_table_1_comparison.ipynb) |
# | **Run time** | about 20 s (quick) where the runs exist |
# | **You will be able to verify** | how four scores of a map come about, by hand; which systems point better than chance, than a bump in the middle, than themselves with a foreign sound and before training; how far VSCG's pointing lies from PSP-Net's and AVEL's |
#
# The paper shows attention over the frames of a few clips and concludes that VSCG is "better able to focus on the
# visual areas that are closely related to the sound source" than PSP-Net and AVEL, which have the same attention module.
# A picture can be picked, and AVE has no truth to count by. A planted data set has: it knows on which regions of the
# 7 x 7 map the sounding object lies. So here every row of Table I whose system returns such an attention is counted, on
# the test clips.

# %% [markdown]
# The imports, and the style of all figures.

# %% tags=["hide-input"]
import json
from collections import defaultdict
from math import comb

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display

import vscg
from vscg import plots, study
from vscg.data import BACKGROUND, CATEGORIES, silent_objects
from vscg.study import localisation, speed, statistics

plots.set_style()

# %% [markdown]
# The parameters.

# %% tags=["parameters"]
DATA = "planted-mini"     # planted-mini, planted, ave, or the path of a prepared file
PROFILE = "quick"         # quick (1 seed), standard (5) or full (published schedule, 5)
SEEDS = None              # of each system, from 0 on; None: the profile's number

# %% [markdown]
# What the runs on this page found, collected from the cells below:

# %% tags=["hide-input"]
found = study.findings()

# %% [markdown]
# ## Four scores of one map
#
# Let $\alpha_r$ be the attention on region $r$ and $M$ the set of regions on which the object lies. Two scores need
# no threshold:
#
# - **pointing accuracy**: does the largest $\alpha_r$ lie in $M$? If several are equally large, the share of them in
#   $M$;
# - **ROC AUC**: of all pairs of a region in $M$ and one outside, how often is the one inside larger? Equal ones count
#   half.
#
# Two others turn the map into a set first and compare sets, as the literature on sound-source localisation does:
#
# $$ \mathrm{IoU}_\eta = \frac{|P_\eta \cap M|}{|P_\eta \cup M|}, \qquad P_\eta = \{r : \alpha_r \ge \eta \max_q \alpha_q\} $$ (eq-loc-iou)
#
# with $\eta = \tfrac12$ if nothing else is said. Reported are the **mean IoU** and the share of seconds with an **IoU
# of 0.5 or more**. In code, $\alpha$ is `maps`, $M$ is `mask`, $\eta$ is `threshold`. A map of nine regions, an
# object on two of them:

# %% tags=["nbval-check-output"]
toy = np.array([[0.40, 0.25, 0.00],
                [0.10, 0.05, 0.05],
                [0.05, 0.05, 0.05]])[None, None]                  # (1,1,3,3)
there = np.array([[True, False, False],
                  [True, False, False],
                  [False, False, False]])[None, None]
for threshold in (0.25, 0.5, 1):
    claimed = toy >= threshold * toy.max()
    by_hand = (claimed & there).sum() / (claimed | there).sum()
    print(f"threshold {threshold}: {claimed.sum()} regions claimed, IoU {by_hand:.3f}")
    assert np.isclose(by_hand, localisation.iou(toy, there, threshold).item())
print(f"pointing {localisation.pointing(toy, there).item():.0f}, "
      f"ROC AUC {localisation.roc_auc(toy, there).item():.3f} = 13 of 14 pairs")
assert np.isclose(localisation.roc_auc(toy, there).item(), 13 / 14)

# %% [markdown]
# Whoever chooses the threshold chooses the IoU. We come back to that below.
#
# The literature [(Senocak et al., 2018)](../book/references.md) reports one number more: the area under the curve of successes, when the
# 0.5 in "IoU of 0.5 or more" goes from 0 to 1 in steps. It looks like new information and is none. For one second the
# success is 1 up to its IoU and 0 beyond, so the area *is* the IoU, but for the steps:

# %% tags=["nbval-check-output"]
overlap = np.random.default_rng(0).random((1000, 10))
curve = [localisation.success(overlap, at).mean() for at in (0.25, 0.5, 0.75)]
print("success from 0.25, 0.5, 0.75:", [round(float(share), 3) for share in curve])
print(f"area under the success curve {localisation.success_area(overlap).mean():.3f}, "
      f"mean IoU {overlap.mean():.3f}")
assert abs(localisation.success_area(overlap).mean() - overlap.mean()) < 0.025

# %% [markdown]
# That is why "AUC" on this page is the ROC curve's.
#
# ## The runs and their maps
#
# Every row of Table I whose network returns an attention over the picture takes part. Eight rows have the same module,
# AGVA: AVEL, DAM, PSP-Net and VSCG; CSS-Net by the paper's own note, and our second row of it, which adds a path for
# the sound; and by our choice AVSDN (row S1 of [the deviations](../book/deviations.md)) and AVRB. CMRA and CMBS weigh
# channels first, then places; DMIN has a third kind, CMAN and DCA take cosines, CSA and AVT scaled dot products. What
# is missing is trained, the rest is loaded. What is looked at here is kept beside each run, for at most 128 test clips,
# chosen evenly.

# %%
ROWS = {(row.run["system"], *row.run.get("model_options", {}).items()): row.name
        for row in study.TABLES["I"].rows}


def row_of(config: vscg.RunConfig) -> str:
    """The name of a run's row: CSS-Net has two."""
    return ROWS[config.system, *dict(config.model_options).items()]


data = vscg.load_dataset(DATA)
looks = [(run, study.observed(run, data))
         for run in study.book_runs("I", data=DATA, profile=PROFILE, seeds=SEEDS)]
looks = [(run, seen) for run, seen in looks if "attention" in seen]
runs = [run for run, _ in looks]
chosen = study.seen_clips(data)                                   # of the test split
test = data.splits["test"][chosen]
truth, category = data.labels[test].argmax(-1), data.category[test]
mask = None                                                       # (N,10,7,7) bool
if "source_mask" in data.truth:
    mask = data.truth["source_mask"][test].astype(bool)
NO_MASK = (f"{data.name} does not say where the source is: "
           "this cannot be measured on it.")
seeds = len({run.config.seed for run in runs})
WHAT = f"On {DATA}, profile {PROFILE}, {seeds} seed{'s' * (seeds > 1)}"
KIND = "systems" if seeds > 1 else "runs, one of each system,"
print(f"{len(runs)} runs on {DATA}, {len(test)} test clips\n{study.provenance(runs)}")
print("the true source is known" if mask is not None else NO_MASK)

# %% [markdown]
# Each fully supervised run saw the test clips with their own sound, and with the sound of a clip of another class,
# second by second. Each sound is used once, and which goes where is drawn anew for each seed. The same network before
# training, with the weights that the run began with, saw them too. The weakly supervised runs got their own sound only.

# %%
maps = defaultdict(list)        # (system, setting, sound) -> (S,N,10,7,7)
right = defaultdict(list)       # (system, setting) -> (S,N,10) bool
SOUNDS = {"attention": "own sound", "foreign": "other sound",
          "untrained": "before training"}
for run, seen in looks:
    name = row_of(run.config), run.config.setting
    right[name].append(run.predictions()[chosen] == truth)
    for kept, title in SOUNDS.items():
        if kept in seen:
            maps[*name, title].append(seen[kept])
maps, right = ({key: np.stack(values) for key, values in found.items()}
               for found in (maps, right))
systems = [name for name, setting, sound in maps
           if (setting, sound) == ("fully", "own sound")]
assert all(np.allclose(values.sum((3, 4)), 1, atol=1e-3) for values in maps.values())
print(f"maps of {'; '.join(systems)}: {next(iter(maps.values())).shape} each "
      "(seeds, clips, seconds, down, across)")

# %% [markdown]
# ## What is counted, and against what
#
# A second counts if the object is heard *and* seen: an event second. A clip's value is the mean over its seconds, and
# intervals are drawn over seeds and clips. These stand beside the systems:
#
# - **chance**, an even map. Its scores follow from the mask alone: any region may be drawn, all pass the threshold.
#   In IoU that is generous, for fewer regions picked blindly expect less;
# - **centre prior**, one round bump in the middle for every second of every clip. Objects are planted rather in the
#   middle, as they are filmed, so it is no straw man;
# - **other sound**, the same network and picture with a foreign sound. What is left then was found without listening;
# - **before training**, the same network with its first, random weights.

# %%
if mask is None:
    print(NO_MASK)
else:
    scored = localisation.scored_seconds(data.labels[test], mask)
    measured = {}                                            # key -> score -> (S,C)
    for key, values in maps.items():
        seeds = [localisation.scores(seed, mask, scored) for seed in values]
        measured[key] = {what: np.stack([seed[what] for seed in seeds])
                         for what in localisation.SCORES}
    bump = np.broadcast_to(localisation.centre_prior(), mask.shape)
    fixed = {"chance": localisation.chance(mask, scored),
             "centre prior": localisation.scores(bump, mask, scored)}
    print(f"{data.name}: {scored.sum()} seconds of {scored.any(1).sum()} test clips "
          "count; the object covers "
          f"{mask.sum((2, 3))[scored].mean():.1f} of 49 regions (mean)")
    assert np.allclose(fixed["chance"]["roc_auc"], 0.5)
    assert 0 < fixed["chance"]["pointing"].mean() < 1

# %% [markdown]
# ## The table
#
# Fully supervised, each system with its own sound. First the two scores without a threshold, then the two that need
# one.

# %%
def text(values):
    """A mean in percent with its 95% interval over seeds and clips, from (S,C)."""
    _, low, high = statistics.mean_interval(values)
    return f"{100 * values.mean():.1f} ({100 * low:.1f} to {100 * high:.1f})"


def table(whats, setting="fully"):
    """Two of the scores as a table: the systems, then the references."""
    rows = {name: measured[name, setting, "own sound"] for name in systems
            if (name, setting, "own sound") in measured}
    rows |= {name: {what: values[None] for what, values in found.items()}
             for name, found in fixed.items()}
    lines = []
    for name, found in rows.items():
        line = {"system": name}
        for what in whats:
            line[f"{localisation.SCORES[what]} (%)"] = text(found[what])
        lines.append(line)
    seeds = len(next(iter(measured.values()))["iou"])
    caption = (f"Attention against the true source, {setting} supervised, {DATA}, "
               f"profile {PROFILE}, seeds: {seeds}. In brackets: 95% interval.")
    uuid = f"localisation-{whats[0]}-{setting}"
    return study.styled(pd.DataFrame(lines), caption, uuid)


if mask is not None:
    display(table(("pointing", "roc_auc")), table(("iou", "success")))
else:
    print(NO_MASK)

# %% [markdown]
# Read a row against the last two. "Chance" is a blindfolded finger; "centre prior" is one fixed bump, deaf and blind. A ROC
# AUC *below* 50% is a finding of its own: such a map knows the object's place, and avoids it. Nothing forbids that. No
# loss asks for the attention to lie on the source, only for an attended vector from which the event can be told.
#
# One seed has an interval over clips alone. A few seeds that differ much may have one that reaches beyond 0 or 100%: then
# they are too few. Who lies where, by the interval of the paired difference to chance:

# %%
def sides(differences, names):
    """Names by where the interval of (S,C) differences lies against 0."""
    parts = {"above": [], "not told apart from": [], "below": []}
    for name in names:
        _, low, high = statistics.mean_interval(differences[name])
        parts[study.told(low, high, "above", "below")].append(name)
    return parts

# %% [markdown]
# Over all systems, with the own sound:

# %%
if mask is None:
    print(NO_MASK)
else:
    own = {name: measured[name, "fully", "own sound"]["pointing"] for name in systems}
    level = fixed["chance"]["pointing"]
    by_chance = sides({name: value - level for name, value in own.items()}, systems)
    for word, names in by_chance.items():
        print(f"{word} chance ({len(names)}): {', '.join(names) or 'none'}")
    avoids = sides({name: measured[name, "fully", "own sound"]["roc_auc"] - 0.5
                    for name in systems}, systems)["below"]
    print("ROC AUC below 50%:", ", ".join(avoids) or "none")
    found.say(f"{WHAT}: {len(by_chance['above'])} of {len(systems)} {KIND} point at "
              f"the sounding object above chance, {len(by_chance['below'])} below it.")
    value = own["VSCG"]
    _, low, high = statistics.mean_interval(value)
    found.say(f"{WHAT}: VSCG points at it in "
              f"{study.percent(value.mean(), low, high)} of the event seconds; an even "
              f"map would in {100 * level.mean():.1f}%"
              + (", and its ROC AUC is below 50%: "
                 f"the map {'' if len(value) > 1 else 'of this run '}avoids it."
                 if "VSCG" in avoids else "."))

# %% [markdown]
# How can a map know a place and avoid it? The object's vectors are the strongest of the map, and a score that rises or falls with strength ranks
# them first or last; [chapter 3](03_audio_guided_attention.ipynb) shows the units that do it.
#
# The same for pointing, with the foreign sound beside it.

# %%
def summary(values):
    """Mean and 95% interval over seeds and clips of (S,C)."""
    return statistics.mean_interval(values)


if mask is not None:
    dots = pd.DataFrame(
        [(name, *summary(measured[name, "fully", sound]["pointing"]), sound)
         for name in systems for sound in ("own sound", "other sound")],
        columns=["name", "mean", "low", "high", "group"])
    lines = {name: found["pointing"].mean() for name, found in fixed.items()}
    assert dots["mean"].between(0, 1).all()

# %% mystnb={"figure": {"caption": "Pointing accuracy with the own and with a foreign sound, of the runs by the parameters above.", "name": "fig-loc-pointing"}, "image": {"alt": "Two dots with 95% intervals for each system, own sound and other sound, and two dashed vertical lines for chance and the centre prior."}}
label = "pointing accuracy (% of event seconds)"
print(NO_MASK) if mask is None else plots.intervals(dots, lines, label)

# %% [markdown]
# Two questions at each row: how far do its dots lie from the dashed lines, and how far from each other? The second
# distance is what the *sound* contributes. The paired differences are sharper, because both dots come from the same clips:

# %%
def paired(difference):
    """(S,C) differences as text in points: mean and interval."""
    mean, low, high = statistics.mean_interval(100 * difference)
    return f"{mean:+5.1f} ({low:+.1f} to {high:+.1f})"

# %% [markdown]
# For each system, its pointing minus that of chance, of the fixed bump, and of the foreign sound:

# %%
if mask is None:
    print(NO_MASK)
else:
    other = {name: measured[name, "fully", "other sound"]["pointing"]
             for name in systems}
    against = {"minus chance": fixed["chance"]["pointing"],
               "minus centre prior": fixed["centre prior"]["pointing"]}
    frame = pd.DataFrame({name: {title: paired(own[name] - found)
                                 for title, found in against.items()}
                          | {"minus other sound": paired(own[name] - other[name])}
                          for name in systems}).T
    print(f"{DATA}, fully supervised, pointing accuracy with the own sound, "
          "percentage points")
    print(frame.to_string())
    listens = {name: own[name] - other[name] for name in systems}
    listening = sides(listens, systems)["above"]
    found.say(f"{WHAT}: with a foreign sound {len(listening)} of {len(systems)} {KIND} "
              "lose pointing accuracy.")
    level = fixed["centre prior"]["pointing"]
    beyond = sides({name: own[name] - level for name in systems}, systems)["above"]
    deaf = [name for name in beyond if 100 * summary(listens[name])[2] < 5]
    print("above the fixed bump, and their sound is surely worth less than 5 points:",
          ", ".join(deaf) or "none")

# %% [markdown]
# A system in the last line finds the object and hardly needs its sound. How far does one come with eyes alone? Here is a map without
# any training and without any sound: the size of each region's features.

# %%
if mask is None:
    print(NO_MASK)
else:
    sizes = np.sqrt((data.visual[test].astype(np.float32) ** 2).sum(-1))
    eyes = localisation.clip_means(localisation.pointing(sizes, mask), scored)
    better = sides({name: value - eyes for name, value in own.items()},
                   systems)["above"]
    print(f"the size of the features points at the object in {100 * eyes.mean():.1f}% "
          "of the event seconds")
    print("above it:", ", ".join(better) or "none")
    found.say("A map without training or sound, the size of each region's features, "
              f"points at the object in {100 * eyes.mean():.1f}% on {DATA}.")

# %% [markdown]
# A planted object is a patch of strong features, and most clips hold one alone. Pointing accuracy below this line is no sign of
# listening, and not even a sign of good eyes.
#
# ### Seed by seed, and before training
#
# When does an attention turn to the source, or away from it? Below is the ROC AUC of each run, with the random weights it began with
# and with those it ended with.

# %%
if mask is None:
    print(NO_MASK)
else:
    print(f"{DATA}, fully supervised: ROC AUC (%) before and after training, "
          "one pair for each seed")
    for name in systems:
        before, after = (100 * measured[name, "fully", when]["roc_auc"].mean(1)
                         for when in ("before training", "own sound"))
        print(f"{name:22} " + "   ".join(f"{a:4.1f} to {b:4.1f}"
                                        for a, b in zip(before, after, strict=True)))
    turned = [(before < 0.5) != (after < 0.5) for name in systems for before, after in
              zip(*(measured[name, "fully", when]["roc_auc"].mean(1)
                    for when in ("before training", "own sound")), strict=True)]
    print(f"{sum(turned)} of {len(turned)} runs end on the other side of 50%")
    found.say(f"{WHAT}: random weights do not start at 50%, and training turns "
              f"{sum(turned)} of {len(turned)} runs to the other side of it.")

# %% [markdown]
# Random weights need not give 50%: the object's regions differ from the rest in much the same way in every clip, so
# any score ranks them mostly above or mostly below. A run that ends on the side on which it began has kept what chance
# gave it. The side may differ from seed to seed, so no single run, and no single picture, can say how a system attends:
#
# :::{admonition} Change this and see
# :class: tip
# Guess first: what does a map score that points at the *smallest* features? In the cell of the sizes write `1 / np.sqrt(...)` for
# `np.sqrt(...)`, then set it back and run the cell again before you go on: the cells below need its result. The next cell does so by itself, and puts five runs of VSCG beside it, by the record of
# [chapter 3](03_audio_guided_attention.ipynb).
# :::

# %% mystnb={"code_prompt_hide": "The answer: the code and its output", "code_prompt_show": "The answer: the code and its output"} tags=["hide-cell"]
if mask is None:
    print(NO_MASK)
else:
    small = localisation.clip_means(localisation.pointing(1 / sizes, mask), scored)
    print(f"the smallest features: {100 * small.mean():.1f}% of the event seconds")
record = json.loads((speed.FOLDER / "by_column.json").read_text())
for run in record["runs"]:
    if (run["way"], run["setting"], run["epochs"]) == ("row", "fully", 4):
        print(f"VSCG on {record['data']}, 4 epochs, seed {run['seed']}: "
              f"{100 * np.mean(run['pointed']):.1f}%, "
              f"{10 * np.mean(run['right']):.1f}% of the seconds named right")

# %% [markdown]
# A map of the smallest features knows the place as well as the other one. Nothing in a loss prefers one sign to the other: some
# runs of VSCG hardly ever point at the object and name most seconds rightly.
#
# ## Does swapping the sound matter?
#
# The last column above answers for the target. But a map may also move without moving to or from the object. So here
# is how *much* of the attention moves when the sound is swapped: half the summed absolute difference of the two maps,
# 0 if they are equal, 1 if they have nothing in common. Beside it how *even* the map is: the share of the largest
# region, which is 2% if all 49 are equal. Neither needs a mask.

# %%
lines = {}
for name in systems:
    before, after = maps[name, "fully", "own sound"], maps[name, "fully", "other sound"]
    moved = 0.5 * np.abs(before - after).sum((3, 4)).mean(2)                    # (S,N)
    peak = before.max((3, 4)).mean(2)
    lines[name] = {"moves with the sound (%)": text(moved),
                   "on the largest region (%)": text(peak)}
    assert 0 <= moved.min() and moved.max() <= 1 and peak.min() >= 1 / 49
print(f"{DATA}, fully supervised, all seconds of the test clips")
print(pd.DataFrame(lines).T.to_string())

# %% [markdown]
# Compare with the differences above: a map may move and still point at the same place. Where there is one object and nothing else
# to look at, a network that looks at whatever stands out is right, deaf as it may be. (The dial `distractor` of
# [the planted data](02_planted_dataset.ipynb) says in how many clips there is a silent second object.) A high pointing accuracy with a
# small difference to the foreign sound is *salience*, not listening. The paper's argument from pictures cannot tell the
# two apart.
#
# ## The threshold
#
# CMRA, CMBS and DMIN pass the logits through a tanh before the softmax, and those of CMAN and DCA are cosines. Then no
# region gets more than $e^2 \approx 7.4$ times as much as another, and a low threshold claims nearly the whole map.
# Compare within a row before comparing rows:

# %%
if mask is None:
    print(NO_MASK)
else:
    thresholds = (0.25, 0.5, 0.75, 0.9)
    lines = defaultdict(dict)
    for name in systems:
        for threshold in thresholds:
            overlaps = [localisation.iou(seed, mask, threshold)
                        for seed in maps[name, "fully", "own sound"]]
            clips = [localisation.clip_means(overlap, scored) for overlap in overlaps]
            lines[name][threshold] = 100 * np.mean(clips)
    lines["chance"] = dict.fromkeys(thresholds, 100 * fixed["chance"]["iou"].mean())
    print(f"{DATA}, fully supervised: mean IoU (%) "
          "where regions count from this share of the map's maximum on")
    print(pd.DataFrame(lines).T.round(1).to_string())
    best = pd.DataFrame(lines).drop(columns="chance").idxmax()
    found.say(f"{WHAT}: the threshold that suits a map differs: over "
              f"{len(systems)} systems the best of four is {best.min()} to "
              f"{best.max()}, so a ranking by IoU is a ranking of thresholds too.")

# %% [markdown]
# A ranking by IoU mixes two things: where a map points and how peaked it is. ROC AUC does not have that weakness: it only asks for
# the order of the regions.
#
# ## Weakly supervised
#
# The same two scores for runs that never saw which second holds the event.

# %%
if mask is not None and any(setting == "weakly" for _, setting, _ in measured):
    display(table(("pointing", "roc_auc"), "weakly"))
else:
    print(NO_MASK if mask is None else "no weakly supervised run among these")

# %% [markdown]
# A weak tag says less, yet maps need not get worse: no loss asked for the place in either setting.
#
# ## On finished networks
#
# Short runs show how an attention begins. [The planned experiment](25_planned_experiment.ipynb) trains for 80 epochs on `planted-study`,
# where half of the clips show a second object that makes no sound. A record keeps where the attention of each of its finished runs
# that has one points, in all 1,000 test clips, with the weights of the epoch that validation picks; right seconds beside it are of the
# last five epochs. Below are the rows of Table III that have such runs. The case "beside a silent object" counts pointing at the sounding object
# in the seconds that also show a silent one; "the silent object" counts pointing at the silent one in the same seconds. With several seeds the brackets hold a t interval
# over the seeds, each of which has a draw of the data of its own; an interval ends at 0 and 100%, and that of a difference at 100 points.

# %%
ended = study.networks("III")
CASES = ("own sound", "other sound", "before training",
         "beside a silent object", "the silent object")
SCORES = ("pointing", "roc_auc")


def over_seeds(values):
    """A mean in percent, with an interval where there are several seeds."""
    mean, low, high = 100 * np.clip(statistics.interval_of_draws(values), 0, 1)
    return f"{mean:.1f}" + f" ({low:.1f} to {high:.1f})" * (len(values) > 1)


lines = []
for row, part in ended.groupby("row", sort=False):
    for case in CASES:
        line = {"row": row, "case": case}
        for score in SCORES:
            line[f"{localisation.SCORES[score]} (%)"] = over_seeds(
                part[f"{case}, {score}"].to_numpy())
        lines.append({**line, "seeds": len(part)})
caption = ("Attention of finished networks, fully supervised, planted-study, "
           f"{ended['epochs'].max()} epochs. By chance it points right in "
           f"{100 * ended['chance'].mean():.1f}%, with a ROC AUC of 50%.")
study.styled(pd.DataFrame(lines), caption, "finished")

# %% [markdown]
# The paired differences of rows with several seeds, each with its interval and the smallest detectable difference that so many seeds
# would find in 80 of 100 studies:

# %%
PAIRS = {"own sound minus other sound": ("own sound", "other sound"),
         "what sounds minus what is silent": ("beside a silent object",
                                              "the silent object"),
         "after training minus before": ("own sound", "before training")}
several = ended.groupby("row").filter(lambda part: len(part) > 1)    # one has none
for row, part in several.groupby("row", sort=False):
    for title, (first, second) in PAIRS.items():
        of_seeds = part[f"{first}, pointing"] - part[f"{second}, pointing"]
        of_seeds = of_seeds.to_numpy()
        apart = study.points(*np.clip(statistics.interval_of_draws(of_seeds), -1, 1))
        apart += f", {study.findable(statistics.smallest_of(of_seeds))}"
        print(f"{row}, {title}:\n    {apart}")
        if row == study.TABLES["III"].rows[-1].name:
            found.say(f"By the plan, VSCG, {part['epochs'].max()} epochs, {len(part)} "
                      f"seeds, pointing accuracy, {title}: {apart}.")

# %% mystnb={"figure": {"caption": "Pointing accuracy of finished networks on planted-study, with 95% t intervals over the seeds. The two cases of a silent object count the seconds that show one; dashed is chance for the sounding object.", "name": "fig-loc-finished"}, "image": {"alt": "For each row four dots with intervals, own sound, other sound, the sounding object beside a silent one and the silent object, and a dashed line for chance."}}
dots = pd.DataFrame(
    [(row, *np.clip(statistics.interval_of_draws(part[f"{case}, pointing"].to_numpy()),
                    0, 1), case)
     for row, part in ended.groupby("row", sort=False)
     for case in CASES if case != "before training"],
    columns=["name", "mean", "low", "high", "group"])
plots.intervals(dots, {"chance": ended["chance"].mean()},
                "pointing accuracy\n(% of the seconds that count)")

# %% [markdown]
# Two of these differences belong together. If the sounding object is preferred to the silent one, and a foreign sound changes little, then
# the preference does not come from listening: what is silent also looks different here, for it lacks the manner that sounding
# objects are seen in ([chapter 2](02_planted_dataset.ipynb)).
#
# ## What the paper claims
#
# VSCG, PSP-Net [(Zhou et al., 2021)](../book/references.md) and AVEL [(Tian et al., 2018)](../book/references.md) have one attention module, so a difference
# between them would come from what is trained behind it. The paper claims that VSCG's lies better on the source. Quick
# runs compare no systems; the finished networks do, fully supervised, seed by seed on the same clips:

# %%
compared = study.networks("I").set_index(["row", "seed"])
table_one = study.table("I", profile="standard", seeds=statistics.PLANNED)
for rival in ("PSP-Net", "AVEL"):
    for score in SCORES:
        of_both = f"own sound, {score}"
        apart = (compared.loc["VSCG", of_both]
                 - compared.loc[rival, of_both]).dropna().to_numpy()
        said = f"{100 * apart.mean():+.1f} points, no interval"
        if len(apart) > 1:
            said = study.points(*np.clip(statistics.interval_of_draws(apart), -1, 1))
            said += f", {study.findable(statistics.smallest_of(apart))}"
        said += "; a row still learns" * table_one.learning("VSCG", rival, "fully")
        print(f"VSCG minus {rival:8} {localisation.SCORES[score]:20} {said}, "
              f"seeds: {len(apart)}")
        if len(apart) > 1:
            found.say("The paper says that VSCG's attention lies better on the source "
                      f"than {rival}'s. By the plan, {len(apart)} seeds, "
                      f"{localisation.SCORES[score]}, VSCG minus {rival}: {said}. "
                      "No word is called.")

# %% [markdown]
# None of these differences is in the primary family, so none says more than where its interval lies, and one seed has
# none. Before training a map points where its random weights happen to lead, so seeds differ widely.
#
# Now the kind of figure that the paper shows, on a clip picked by rule: the first of the test split whose event lasts
# 4 to 7 seconds. The maps come from seed 0.

# %%
event = (truth != BACKGROUND).sum(1)
pick = int(np.flatnonzero((event >= 4) & (event <= 7))[0])
shown = {name: maps[name, "fully", "own sound"][0, pick]
         for name in ("VSCG", "PSP-Net", "AVEL")}
print(f"test clip {pick} of {DATA}: {CATEGORIES[category[pick]]}, "
      f"{event[pick]} seconds of event")
if mask is not None:
    hit = localisation.pointing(shown["VSCG"][None], mask[pick][None])
    print(f"VSCG points into the source in {np.nansum(hit * scored[pick]):.0f} of "
          f"{scored[pick].sum()} event seconds")

# %% mystnb={"figure": {"caption": "One test clip, three systems with one attention module, each map on its own scale. Drawn from the runs of seed 0, by the parameters above.", "name": "fig-loc-clip"}, "image": {"alt": "Three rows of ten 7 by 7 maps for VSCG, PSP-Net and AVEL; seconds with the event are framed and the true source is outlined where it is known and seen."}}
plots.attention_of_systems(shown, mask[pick] if mask is not None else None, truth[pick])

# %% [markdown]
# One clip compares no systems, and short runs do not either: the figure shows how such pictures are read. What the three
# say about this clip:

# %% mystnb={"figure": {"caption": "The same clip: what the three systems answer, whose maps stand above.", "name": "fig-loc-timeline"}, "image": {"alt": "Four rows of coloured seconds over ten seconds: the ground truth, VSCG, PSP-Net and AVEL."}}
said = {row_of(run.config): run.predictions()[chosen][pick]
        for run in runs
        if (run.config.setting, run.config.seed) == ("fully", 0)}
plots.timeline(truth[pick], {name: said[name] for name in shown})

# %% [markdown]
# A system can answer right and look elsewhere, or look right and answer wrong.
#
# ## Does better pointing go with more right seconds?
#
# Between finished networks: a dot for each fully supervised run of the plan whose system has an attention over the picture, by its
# row in the paper's tables.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Pointing and answering of the plan's finished networks, a dot for each run; rows have the colours and shapes of the legend. Clear: sound or picture shows the class as well as in the clip's best second, the strong seconds of chapter 16.", "name": "fig-loc-accuracy"}, "image": {"alt": "A dot for each finished run: pointing accuracy to the right, accuracy in event seconds that are not weak upwards, and a dashed line at chance."}}
every = pd.concat([study.networks(name) for name in ("I", "III", "IV", "V")])
every = every.drop_duplicates("key").dropna(subset="own sound, pointing")
fig, ax = plt.subplots(figsize=(plots.WIDTH, 8), layout="constrained")
for place, (row, part) in enumerate(every.groupby("row", sort=False)):
    ax.plot(100 * part["own sound, pointing"], 100 * part["right, strong"],
            "osD^v"[place // len(plots.OTHERS)], markersize=8, label=row,
            color=plots.OTHERS[place % len(plots.OTHERS)])
ax.axvline(100 * every["chance"].mean(), color=plots.DARK, linestyle="--",
           label="chance")
ax.set(xlabel="pointing accuracy (% of event seconds)",
       ylabel="right seconds (% of clear event seconds)")
fig.legend(loc="outside upper center", ncols=2)
plt.close(fig)
fig

# %% [markdown]
# If looking at the source were what makes a network right in clear event seconds, the dots would climb from left to right. The rank
# correlation says how far they do (1: the same order, -1: the reverse). It holds for these runs. It says nothing of others and
# nothing of causes: rows differ in much more than their attention, and runs of one row are no rows of their own.

# %%
rows = every.groupby("row")[["own sound, pointing", "right, strong"]].mean()
correlation = rows.corr(method="spearman").iloc[0, 1]
print(f"rank correlation over {len(rows)} rows, {len(every)} runs: {correlation:+.2f}")
assert -1 <= correlation <= 1

# %% [markdown]
# Within a system there is a sharper comparison: in the *same clip*, how much more often is the answer right in
# seconds in which the map points at the source than in seconds in which it does not? Only clips that have both can
# say.

# %%
def on_minus_off(name):
    """Clips with both: accuracy where the map points at the source, minus elsewhere."""
    hit = np.stack([localisation.pointing(seed, mask)
                    for seed in maps[name, "fully", "own sound"]]) > 0.5
    parts = hit & scored, ~hit & scored                          # (S,N,10) each
    both = parts[0].any(2) & parts[1].any(2)
    on, off = ((right[name, "fully"] & part).sum(2) / np.maximum(part.sum(2), 1)
               for part in parts)
    return (on - off)[:, both.all(0)]        # (S,C), clips with both in every run


counts = {"above": 0, "below": 0, "not told apart from": 0}
for name in systems if mask is not None else ():
    gain = 100 * on_minus_off(name)
    result = "too few to say"
    if gain.shape[1] >= 20:
        mean, low, high = statistics.mean_interval(gain)
        result = f"{mean:+5.1f} points (95% interval {low:+.1f} to {high:+.1f})"
        counts[study.told(low, high, "above", "below")] += 1
    print(f"{DATA}, {name:22} {gain.shape[1]:3} clips: {result}")
if mask is None:
    print(NO_MASK)
else:
    print("systems by where the interval lies against zero:", counts)
    found.say(f"{WHAT}: within a clip, seconds in which the map points at the object "
              f"are more often right for {counts['above']} of the "
              f"{sum(counts.values())} {KIND} that can be asked.")

# %% [markdown]
# Between systems and within a clip are two different questions. A system may owe its accuracy to the same parts that make it point, and
# still answer no better in the seconds in which it points. Where a difference does lie above zero it may have a
# common cause: in a second with a clear picture the object is easier to find *and* easier to name.

# %% [markdown]
# ## Exercises
#
# Try each before you open its solution. Every solution ran with this notebook and ends in a check. In Jupyter Lab its
# code and its output are folded: click on the three dots.
#
# ### Exercise 1 (easy): is chance too generous?
#
# An object covers 7 of 49 regions. What is the IoU of an even map, in which every region passes the threshold? What does a blind
# choice of 7 regions get on average? Which of the two would you call chance?
#
# <details>
# <summary>Solution 1: the reasoning</summary>
#
# All 49 regions: the intersection is 7, the union 49, the IoU 1/7 or 14.3%. Of 7 blind regions $k$ hit, hypergeometrically, one on
# average, and the IoU is $k / (14 - k)$: 8.2% on average. The even map is the harder opponent, so this page takes it.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 1: the code and its output", "code_prompt_show": "Solution 1: the code and its output"} tags=["hide-cell", "nbval-check-output"]
draw = [comb(7, k) * comb(42, 7 - k) / comb(49, 7) for k in range(8)]
blind = sum(chance * k / (14 - k) for k, chance in enumerate(draw))
print(f"even map {100 / 7:.1f}%, seven blind regions {100 * blind:.1f}%")
assert np.isclose(sum(draw), 1) and blind < 1 / 7

# %% [markdown]
# ### Exercise 2 (medium): ROC AUC without pairs
#
# ROC AUC counts pairs of a region inside and one outside. Can you get it from the *ranks* of the 49 regions alone, ties included?
# Check it on a map with many ties.
#
# <details>
# <summary>Solution 2: the reasoning</summary>
#
# Rank all regions from 1, equal ones with their mean rank. The $m$ regions inside have the rank sum $R$. Among themselves they would
# have $m(m+1)/2$; each outside region below one of them adds 1, each equal one one half. So $\mathrm{AUC} =
# \bigl(R - m(m+1)/2\bigr) / \bigl(m (49 - m)\bigr)$.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 2: the code and its output", "code_prompt_show": "Solution 2: the code and its output"} tags=["hide-cell", "nbval-check-output"]
g = np.random.default_rng(0)
values = g.integers(1, 6, (1, 1, 7, 7)).astype(float)       # five values: many ties
inside = np.zeros((1, 1, 7, 7), bool)
inside[..., 2:5, 3:5] = True
ranks, m = pd.Series(values.ravel()).rank().to_numpy(), inside.sum()
auc = (ranks[inside.ravel()].sum() - m * (m + 1) / 2) / (m * (49 - m))
print(f"by ranks {auc:.4f}, by pairs {localisation.roc_auc(values, inside).item():.4f}")
assert np.isclose(auc, localisation.roc_auc(values, inside).item())

# %% [markdown]
# ### Exercise 3 (demanding): where eyes alone fail
#
# `vscg.data.silent_objects` tells in which planted clips a second object stands that makes no sound. How well does the size of the
# features point there, and how well does CMRA? Which of the two has listened?
#
# <details>
# <summary>Solution 3: the reasoning</summary>
#
# Two patches are equally strong, so eyes alone choose between them blindly and must lose accuracy in these clips. A system that uses
# the sound need not: only one of the two objects sounds. There are few such clips, so look at the intervals.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 3: the code and its output", "code_prompt_show": "Solution 3: the code and its output"} tags=["hide-cell"]
two = np.zeros(len(test), bool)
if DATA.partition(":")[0] not in ("planted-mini", "planted-study", "planted"):
    print(f"{DATA} does not say where a silent object stands")
else:
    two = silent_objects(DATA, test).any((1, 2))
    watched = {"eyes alone": eyes[None]} | {name: own[name] for name in own
                                            if name in ("CMRA", "AVEL", "VSCG")}
    for name, value in watched.items():
        with_two, alone = (study.percent(*summary(value[:, part])) for part in
                           (two, ~two))
        print(f"{DATA}, {name:10} one object {alone}, two {with_two}")
assert not two.any() or eyes[two].mean() < eyes[~two].mean()

# %% [markdown]
# ## What was established
#
# - Pointing accuracy, IoU and ROC AUC are defined to the digit, with ties; chance has a closed form; the literature's
#   AUC is the mean IoU again.
# - Each row of Table I with an attention was held against chance, against a bump in the middle, against itself with a foreign sound and before
#   training. The box at the top counts those that point and those that listen, for the data and profile it names.
# - VSCG's finished networks were held against PSP-Net's and AVEL's in two scores, with an interval where there are several
#   seeds.
# - IoU depends on the threshold of the map, and which threshold is best differs with the kind of attention.
#
# ## What stays uncertain
#
# - AVE has no masks, so none of this tests the paper's pictures themselves. With `DATA = "ave"` this page shows maps
#   and how far they move with the sound, and says of all the rest that it cannot be measured.
# - Short schedules show attention that is still being learnt. No loss of any of these systems asks for it to lie on
#   the source.
# - Whether a longer training turns an attention that avoids the source on this data set too: the finished runs are on `planted-study`.
# - Planted objects are patches on a quiet ground, mostly alone. Real scenes are harder for salience, and may leave
#   more for the sound to do.
# - Why a system points where it does, and whether that helps it to answer.
#
# [Audio-guided attention](03_audio_guided_attention.ipynb) shows why a place preference is built into AGVA.
#
# **Next:** [where the systems go wrong](18_failures.ipynb).
