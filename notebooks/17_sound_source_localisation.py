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
from collections import defaultdict

import numpy as np
import pandas as pd
from IPython.display import display

import vscg
from vscg import plots, study
from vscg.data import BACKGROUND, CATEGORIES
from vscg.study import localisation, statistics
from vscg.training import bounds, draws, resampled_means

plots.set_style()

# %% [markdown]
# The parameters.

# %% tags=["parameters"]
DATA = "planted-mini"     # planted-mini, planted, ave, or the path of a prepared file
PROFILE = "quick"         # quick (1 seed), standard (3) or full (published schedule, 5)
SEEDS = None              # of each system, from 0 on; None: the profile's number

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
# $$ \mathrm{IoU}_\tau = \frac{|P_\tau \cap M|}{|P_\tau \cup M|}, \qquad P_\tau = \{r : \alpha_r \ge \tau \max_s \alpha_s\} $$ (eq-loc-iou)
#
# with $\tau = \tfrac12$ if nothing else is said. Reported are the **mean IoU** and the share of seconds with an **IoU
# of 0.5 or more**. In code, $\alpha$ is `maps`, $M$ is `mask`, $\tau$ is `threshold`. A map of nine regions, an
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
# Every row of Table I whose network returns an attention over the picture takes part. Seven rows have the same module,
# AGVA: AVEL, DAM, PSP-Net and VSCG, and by our choice AVSDN (row S1 of [the deviations](../book/deviations.md)), AVRB
# and CSS-Net, which has two rows. CMRA and CMBS weigh channels first, then places; DMIN has a third kind, CMAN and DCA
# take cosines, CSA and AVT scaled dot products. What is missing is trained, the rest is loaded. What is looked at here
# is kept beside each run, for at most 128 test clips, chosen evenly.

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
    _, low, high, _ = statistics.mean_interval(values)
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
# Read a row against the last two. A pointing accuracy whose interval holds the figure of chance means: the map points
# no better than a blindfolded finger. A figure below the centre prior means: one fixed bump, deaf and blind, does
# better. A ROC AUC clearly *below* 50% is a finding of its own: such a map knows the object's place, and avoids it.
# Nothing forbids that. No loss asks for the attention to lie on the source, only for an attended vector from which
# the event can be told.
#
# With one seed the interval is over clips alone. With a few seeds that differ much it may reach beyond 0 or 100%: then
# they are too few.
#
# The same for pointing, with the foreign sound beside it.

# %%
def summary(values):
    """Mean and 95% interval over seeds and clips of (S,C)."""
    return statistics.mean_interval(values)[:3]


if mask is not None:
    dots = pd.DataFrame(
        [(name, *summary(measured[name, "fully", sound]["pointing"]), sound)
         for name in systems for sound in ("own sound", "other sound")],
        columns=["name", "mean", "low", "high", "group"])
    lines = {name: found["pointing"].mean() for name, found in fixed.items()}
    assert dots["mean"].between(0, 1).all()

# %% mystnb={"figure": {"caption": "Pointing accuracy with the own sound and with that of a clip of another class, fully supervised, against chance and a bump in the middle.", "name": "fig-loc-pointing"}, "image": {"alt": "Two dots with 95% intervals for each system, own sound and other sound, and two dashed vertical lines for chance and the centre prior."}}
label = "pointing accuracy (% of event seconds)"
print(NO_MASK) if mask is None else plots.intervals(dots, lines, label)

# %% [markdown]
# Two questions at each row: how far do its dots lie from the dashed lines, and how far from each other? The second
# distance is what the *sound* contributes. Seen from afar, two dots side by side are one and the same map; the paired
# differences are sharper, because both dots come from the same clips.

# %%
def paired(difference):
    """(S,C) differences as text in points: mean and interval."""
    mean, low, high, _ = statistics.mean_interval(100 * difference)
    return f"{mean:+5.1f} ({low:+.1f} to {high:+.1f})"


if mask is None:
    print(NO_MASK)
else:
    own = {name: measured[name, "fully", "own sound"]["pointing"] for name in systems}
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

# %% [markdown]
# ### Seed by seed, and before training
#
# An attention that avoids the source must have taken that turn somewhere. Below is the ROC AUC of each run, with the
# random weights it began with and with those it ended with.

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

# %% [markdown]
# Random weights need not give 50%: the object's regions differ from the rest in much the same way in every clip, so
# any score ranks them mostly above or mostly below. If the second figure of a pair lies on the same side of 50% as the
# first, training has kept the side that chance gave it. If seeds of one row disagree about the side, then no single
# run, and no single picture, can say how that system attends. With few seeds the intervals above are rather too narrow
# for such jumps.
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
# Where there is one object and nothing else to look at, a network that looks at whatever stands out is right, deaf as
# it may be. (The dial `distractor` of [the planted data](02_planted_dataset.ipynb) says in how many clips there is a
# silent second object.) So a high pointing accuracy together with a small difference to the foreign sound is
# *salience*, not listening. The paper's argument from pictures cannot tell the two apart.
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

# %% [markdown]
# Where the best column is not the same for all rows, a ranking by IoU is a ranking of thresholds too. ROC AUC does
# not have that weakness: it only asks for the order of the regions.
#
# ## Weakly supervised
#
# The same two scores for runs that never saw which second holds the event.

# %%
if mask is not None:
    display(table(("pointing", "roc_auc"), "weakly"))
else:
    print(NO_MASK)

# %% [markdown]
# ## What the paper claims
#
# VSCG, PSP-Net [(Zhou et al., 2021)](../book/references.md) and AVEL [(Tian et al., 2018)](../book/references.md) have one attention module, so a difference
# between them would come from what is trained behind it. The paper claims that VSCG's lies better on the source. In
# our fully supervised runs, first minus second:

# %%
print(statistics.INTERVAL_RULE)
if mask is None:
    print(NO_MASK)
else:
    for rival in ("PSP-Net", "AVEL"):
        for what, title in localisation.SCORES.items():
            values = 100 * (measured["VSCG", "fully", "own sound"][what]
                            - measured[rival, "fully", "own sound"][what])
            mean, low, high, _ = statistics.mean_interval(values)
            print(f"VSCG minus {rival:8} {title:20} "
                  f"{mean:+5.1f} points ({low:+.1f} to {high:+.1f}), "
                  f"spread of runs {statistics.run_sd(values):.1f}")
    print(f"({DATA}, profile {PROFILE})")

# %% [markdown]
# None of these eight differences is in the primary family: they have intervals and no word. One seed has no spread
# (nan).
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
    for name, of_clip in shown.items():
        hit = localisation.pointing(of_clip[None], mask[pick][None])
        hits = np.nansum(hit * scored[pick])
        print(f"{name:8} points into the source in {hits:.0f} of {scored[pick].sum()} "
              "event seconds")

# %% mystnb={"figure": {"caption": "Attention of three systems with the same attention module over one test clip, each map on its own scale.", "name": "fig-loc-clip"}, "image": {"alt": "Three rows of ten 7 by 7 maps for VSCG, PSP-Net and AVEL; seconds with the event are framed and the true source is outlined where it is known and seen."}}
plots.attention_of_systems(shown, mask[pick] if mask is not None else None, truth[pick])

# %% [markdown]
# Count how many of the framed maps have their brightest region inside the outline, and compare with the lines above.
# Then look at the framed maps only and try to say which system is best. One clip suggests an answer; the intervals
# say how far to trust it. What the three say about this clip:

# %% mystnb={"figure": {"caption": "The same clip: what the three systems answer.", "name": "fig-loc-timeline"}, "image": {"alt": "Four rows of coloured seconds over ten seconds: the ground truth, VSCG, PSP-Net and AVEL."}}
said = {row_of(run.config): run.predictions()[chosen][pick]
        for run in runs
        if (run.config.setting, run.config.seed) == ("fully", 0)}
plots.timeline(truth[pick], {name: said[name] for name in shown})

# %% [markdown]
# A system can answer right and look elsewhere, or look right and answer wrong.
#
# ## Does better pointing go with better accuracy?
#
# Between systems: one dot each, event seconds only, the same seconds for both axes.

# %%
if mask is not None:
    answered = {name: np.stack([localisation.clip_means(seed * 1.0, scored)
                                for seed in right[name, "fully"]]) for name in systems}
    systems_frame = pd.DataFrame(
        [(name, *summary(own[name]), *summary(answered[name])) for name in systems],
        columns=["name", *(f"{what}{end}" for what in ("score", "accuracy")
                           for end in ("", "_low", "_high"))])
    assert answered["VSCG"].shape == own["VSCG"].shape

# %% mystnb={"figure": {"caption": "Pointing accuracy and segment accuracy of each system over the same event seconds, fully supervised.", "name": "fig-loc-accuracy"}, "image": {"alt": "A named dot with intervals both ways for each system: pointing accuracy to the right, segment accuracy upwards, and a dashed line at chance."}}
print(NO_MASK) if mask is None else plots.score_against_accuracy(
    systems_frame, "pointing accuracy (% of event seconds)",
    "accuracy (% of event seconds)", fixed["chance"]["pointing"].mean())

# %% [markdown]
# If looking at the source were what makes a system accurate, the dots would climb from left to right. The rank
# correlation says how far they do (1: the same order, -1: the reverse), with an interval over seeds and clips. It
# holds for these systems. It says nothing of others, and nothing of causes: they differ in much more than their
# attention.

# %%
if mask is None:
    print(NO_MASK)
else:
    drawn = draws(own["VSCG"].shape)
    ranks = []
    for values in (own, answered):
        means = [[v.mean(), *resampled_means(v, drawn)] for v in values.values()]
        ranks.append(np.stack(means, 1).argsort(1).argsort(1))    # (1+R, systems)
    correlation = np.array([np.corrcoef(a, b)[0, 1]
                            for a, b in zip(*ranks, strict=True)])
    low, high = bounds(correlation[1:])
    print(f"{DATA}: rank correlation over {len(systems)} systems {correlation[0]:+.2f} "
          f"(95% interval {low:+.2f} to {high:+.2f})")

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


for name in systems if mask is not None else ():
    gain = 100 * on_minus_off(name)
    found = "too few to say"
    if gain.shape[1] >= 20:
        mean, low, high, _ = statistics.mean_interval(gain)
        found = f"{mean:+5.1f} points (95% interval {low:+.1f} to {high:+.1f})"
    print(f"{DATA}, {name:22} {gain.shape[1]:3} clips: {found}")
if mask is None:
    print(NO_MASK)

# %% [markdown]
# A difference above zero means that looking and answering go together from second to second. That may still have a
# common cause: in a second with a clear picture the object is easier to find *and* easier to name.
#
# ## What was established
#
# - Pointing accuracy, IoU and ROC AUC are defined to the digit, with ties; chance has a closed form; the literature's
#   AUC is the mean IoU again.
# - For each built system: how well its attention points, against chance, against a bump in the middle, and against
#   itself with a foreign sound. The table and the paired differences are above, for the data and profile they name.
# - How far VSCG's attention lies from PSP-Net's and AVEL's on the source stands above, in four scores, with the spread
#   of the runs.
# - IoU depends on the threshold of the map, and which threshold is best differs with the kind of attention.
#
# ## What stays uncertain
#
# - AVE has no masks, so none of this tests the paper's pictures themselves. With `DATA = "ave"` this page shows maps
#   and how far they move with the sound, and says of all the rest that it cannot be measured.
# - Short schedules show attention that is still being learnt. No loss of any of these systems asks for it to lie on
#   the source.
# - Whether a longer training turns an attention that avoids the source, or another seed does.
# - Planted objects are patches on a quiet ground, mostly alone. Real scenes are harder for salience, and may leave
#   more for the sound to do.
# - Why pointing and answering go together, where they do.
#
# [Audio-guided attention](03_audio_guided_attention.ipynb) shows why a place preference is built into AGVA.
#
# **Next:** [where the systems go wrong](18_failures.ipynb).
