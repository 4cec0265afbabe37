# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Training, weakly supervised
#
# | Question | What can be localised when training knows one tag per clip, and how much of it does the tag itself give away? |
# |---|---|
# | **Paper** | Sec. III-A, Sec. III-E (Eq. 19 to 21), Sec. IV-B |
# | **Needs** | [the losses](07_losses.ipynb), [training, fully supervised](08_training_fully.ipynb), [the AVE data set](01_ave_dataset.ipynb) |
# | **Run time** | quick: about a minute on one CPU core the first time, seconds afterwards; full: the released program's 300 epochs, for a GPU |
# | **You will be able to verify** | what VSCG learns from presence tags, what the published proportion tags add, and where its background seconds come from |
#
# A label for every second is expensive: somebody has to listen to each one. A tag for the clip, "there is a dog barking in
# it", is cheap. Weak supervision trains on tags and still has to say *when*. The paper reports 74.8% in this setting.
# Its program, however, trains on a tag that knows how long the event lasts. This chapter trains with both tags and
# measures the difference.
#
# ![VSCG as a flow of blocks from sound and picture to ten classes. Framed: the weakly supervised head: scores of ten seconds and of the clip.](../book/_static/overview-09.svg)
#
# This chapter trains the whole network through the framed head.

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
import torch

import vscg
from vscg import plots, study
from vscg.data import BACKGROUND, CATEGORIES
from vscg.models import SYSTEMS
from vscg.training import (
    bootstrap_interval,
    clip_accuracy,
    objectives,
    paired_difference,
    trivial_baselines,
)

plots.set_style()

# %% [markdown]
# The parameters.

# %% tags=["parameters"]
DATA = "planted-mini"   # planted-mini, planted, ave, or the path of a prepared file
PROFILE = "quick"       # training schedule: quick, standard or full (the published)
SEED = 0                # of the weights, the batches and dropout

# %% [markdown]
# What the runs on this page found, collected from the cells below:

# %% tags=["hide-input"]
found = study.findings()

# %% [markdown]
# The data set. Weak training adds clips without any event to the training split; AVE has 178 of them. They are the only
# clips whose presence tag says "background" (on AVE one church bell without an event second as well).

# %%
data = vscg.load_dataset(DATA)
truth = data.labels.argmax(-1)
test = data.splits["test"]
print({split: len(rows) for split, rows in data.splits.items()})

# %% [markdown]
# ## The tag
#
# The paper's problem statement gives the clip's tag $Y^{weakly} \in \mathbb{R}^{1 \times C}$ and says what it holds:
# *which* event is in the clip. That is the **presence** tag: 1 for the event, 0 for all else. The released program
# computes its tag differently, as the mean of the ten one-hot labels: the **proportion** tag. For a clip whose dog
# barks for seven seconds the two are:

# %% tags=["nbval-check-output"]
labels = torch.zeros(1, 10, 29)
labels[0, :, 28] = 1
labels[0, 2:9, 28], labels[0, 2:9, 2] = 0, 1          # class 2, Bark, in seconds 2 to 8
for target in ("presence", "proportion"):
    tag = objectives.weak_target(labels, target)[0]
    print(f"{target:10}  Bark {tag[2]:.1f}   background {tag[28]:.1f}")

# %% [markdown]
# The second tag says "seven seconds". A weakly labelled data set does not know that. We call it the duration leak; on
# AVE about a third of the training clips carry it ([the AVE data set](01_ave_dataset.ipynb) counts them).

# %% [markdown]
# ## The same clip through the weak head
#
# The weakly supervised network scores all 29 classes in every second, weighs each second by a branch of its own,
# averages, and takes a softmax: $O_c^w$, a distribution over the clip's classes. Seconds are then classified by their
# own scores, which no label ever touched. One untrained pass shows the shapes.

# %% tags=["nbval-check-output"]
torch.manual_seed(SEED)
model = vscg.build_model("vscg", setting="weakly").eval()
clip = test[:1]
with torch.inference_mode():
    output = model(torch.from_numpy(data.audio[clip]),
                   torch.from_numpy(data.visual[clip]).float())
print("segment_logits   ", tuple(output.segment_logits.shape))
print("video_probability", tuple(output.video_probability.shape), "sums to",
      round(output.video_probability.sum().item(), 4))
print("predicted seconds", tuple(vscg.predict_segments(output).shape))

# %% [markdown]
# ## Two runs that differ in the tag
#
# Everything else is equal: data, seed, batches, schedule. Both runs shuffle, pick their epoch by validation accuracy and
# drop nothing (the clean protocol). The first is trained here, or loaded if it has been before. The second came with the
# book, without its weights; with other parameters it is trained here as well.

# %%
configs = {target: vscg.RunConfig(setting="weakly", target=target, data=DATA,
                                  profile=PROFILE, seed=SEED)
           for target in ("presence", "proportion")}
records = {"presence": vscg.fit(configs["presence"], dataset=data),
           "proportion": study.finished([configs["proportion"]])[0]}
for target, record in records.items():
    print(target, "-", record.describe())

# %% [markdown]
# One point about selection: validation accuracy needs labels per second on the validation clips. That is a custom of the field
# (the paper's program uses the labels of the test clips instead), and it is more than a tag. Both runs get the same help.

# %%
def summary(record) -> dict:
    """The four figures of a run's test predictions, in percent."""
    scores = record.result["test"]
    predicted = record.predictions()
    return {"accuracy": 100 * scores["accuracy"],
            "event seconds": 100 * scores["event_accuracy"],
            "background seconds": 100 * scores["background_accuracy"],
            "seconds called background": 100 * (predicted == BACKGROUND).mean()}


print(f"{DATA}, test split, percent")
summaries = {target: summary(record) for target, record in records.items()}
print(pd.DataFrame(summaries).round(1).to_string())

# %% [markdown]
# The pair of rows to read is the last two. With presence tags only the clips without an event ask for background: in every clip
# with an event, saying the event's name in all ten seconds satisfies the tag perfectly. With proportion tags the network is
# told how much background there is, and can find some of it.
# The box at the top takes these two shares:

# %%
called = {target: (record.predictions() == BACKGROUND).mean()
          for target, record in records.items()}
actual = (truth[test] == BACKGROUND).mean()
found.say(f"Background is {100 * actual:.1f}% of the test seconds. With presence tags "
          f"VSCG calls {100 * called['presence']:.1f}% of the test seconds background, "
          f"with proportion tags {100 * called['proportion']:.1f}%.")
assert (DATA != "planted-mini" or PROFILE != "quick"
        or called["presence"] < called["proportion"])

# %% [markdown]
# ## Against "the right category everywhere"
#
# The rule that knows the clip's category and says it in all ten seconds needs no localisation at all. A weakly
# supervised system that localises must beat it or at least find background; one that only recognises can come close to
# it from below.

# %%
baselines = trivial_baselines(data.labels[data.splits["train"]], data.labels[test],
                              data.category[data.splits["train"]], data.category[test])
line = float(baselines.set_index("name").accuracy["right category everywhere"])
rows = []
for target, record in records.items():
    right = clip_accuracy(record.predictions(), truth[test])
    rows.append((f"VSCG, {target} tag", right.mean(), *bootstrap_interval(right)))
table = pd.DataFrame(rows, columns=["name", "mean", "low", "high"])
print((100 * table.set_index("name")).round(1).to_string())

# %% [markdown]
# The dashed line is that rule:

# %% mystnb={"figure": {"caption": "Weakly supervised VSCG with the tag that the paper describes (presence) and the one that its program uses (proportion). A network that never says background cannot lie above the dashed line; one that is told the duration can.", "name": "fig-weakly-tags"}, "image": {"alt": "Two dots with 95% intervals, presence and proportion tag, and a dashed line for the rule that says the right category everywhere."}}
plots.intervals(table, references={"right category everywhere": line})

# %% [markdown]
# The paired difference over the same test clips tells what the leak is worth here.

# %%
right = {target: clip_accuracy(record.predictions(), truth[test])
         for target, record in records.items()}
mean, low, high = paired_difference(right["proportion"], right["presence"])
sentence = ("Accuracy with the tag that gives the duration away minus that with the "
            f"presence tag: {study.points(mean, low, high)}, one seed.")
found.say(sentence)
print(sentence)

# %% [markdown]
# How accuracy depends on the length of the event shows where the difference lies.

# %%
length = (truth[test] != BACKGROUND).sum(1)
groups = {"2 to 5 s": (length >= 2) & (length <= 5),
          "6 to 9 s": (length >= 6) & (length <= 9), "10 s": length == 10}
rows = [(name, 100 * right[target][clips].mean(), target, int(clips.sum()))
        for target in right for name, clips in groups.items()]
by_length = pd.DataFrame(rows, columns=["event lasts", "accuracy (%)", "tag", "clips"])
wide = by_length.pivot(index="event lasts", columns="tag", values="accuracy (%)")
print(wide.reindex(groups).round(1).to_string())
difference = paired_difference(*(right[target][groups["2 to 5 s"]]
                                 for target in ("proportion", "presence")))
found.say("On events of 2 to 5 s proportion minus presence tags: "
          f"{study.points(*difference)}, one seed.")

# %% [markdown]
# With intervals over the clips of each group:

# %% mystnb={"figure": {"caption": "Test accuracy by the event's length, for both tags: where the event is short, much of the clip is background, and the tag that knows the length can help.", "name": "fig-weakly-length"}, "image": {"alt": "Dots with 95% intervals, a row for each of three event lengths and two tags."}}
frame = pd.DataFrame([(name, right[target][clips].mean(),
                       *bootstrap_interval(right[target][clips]), f"{target} tag")
                      for target in right
                      for name, clips in groups.items() if clips.any()],
                     columns=["name", "mean", "low", "high", "group"])
plots.intervals(frame)

# %% [markdown]
# Where the event fills the clip there is nothing to localise. Short events are where localisation is needed, and where
# the tag that knows their length has something to give.

# %% [markdown]
# ## What the tag did to the scores
#
# A look inside the network that was trained on presence tags: the probability of background that it gives to event seconds
# and to background seconds. A system that localises separates the two.

# %%
@torch.inference_mode()
def logits(rows: np.ndarray) -> np.ndarray:
    """Scores of the 29 classes in every second of clips `rows`: (N,10,29)."""
    inputs = torch.from_numpy(data.audio[rows]), torch.from_numpy(data.visual[rows])
    parts = zip(*(values.float().split(32) for values in inputs), strict=True)
    return torch.cat([net(*part).segment_logits for part in parts]).numpy()


def separation_of(background, event):
    """How often a background second scores higher than an event second (AUC)."""
    higher = background[:, None] > event[None]
    return (higher + 0.5 * (background[:, None] == event[None])).mean()


net, event = records["presence"].model(), truth[test] != BACKGROUND
of_test = logits(test)
p = torch.from_numpy(of_test).softmax(-1)[..., BACKGROUND].numpy()
separation = separation_of(p[~event], p[event])
print(f"{DATA}, presence tags: mean on event seconds {p[event].mean():.3f}, on "
      f"background seconds {p[~event].mean():.3f}, separation (AUC) {separation:.3f}")
found.say("By its scores, the network trained on presence tags finds a background "
          "second more like background than an event second in "
          f"{100 * separation:.0f}% of the pairs (chance 50%).")

# %% [markdown]
# The separation is the probability that a background second scores higher on background than an event second; 0.5 is chance.
# Where it is above one half, the scores lean the right way, and the network knows more about background than its hard
# predictions show: no tag of a clip with an event asked background to win the argmax. Can one number, added to every background logit, bring it
# out? Exercise 4 tries; the last sentence of the box is its result.
#
# And how did the two runs get where they are?

# %% mystnb={"figure": {"caption": "Both tags over the epochs: their losses are against different targets and cannot be compared, their accuracies can.", "name": "fig-weakly-curves"}, "image": {"alt": "Two panels over the epochs with one line per tag: training losses, and validation and test accuracies."}}
plots.learning_curves(pd.concat([record.history.assign(system=f"{target} tag")
                                 for target, record in records.items()],
                                ignore_index=True))

# %% [markdown]
# A curve that still rises at its end says that the schedule, not the tag, has set the last value.
#
# ## Clips
#
# The same clip through both networks: a short event, chosen as the one on which the proportion tag gains most.

# %%
short = np.flatnonzero((length > 0) & (length < 10))
pick = short[np.argmax((right["proportion"] - right["presence"])[short])]
print(f"{CATEGORIES[data.category[test][pick]]}, {length[pick]} s; accuracy "
      + ", ".join(f"{target} {100 * right[target][pick]:.0f}%" for target in right))
classes = [*CATEGORIES, "background"]
for target, record in records.items():
    said = np.unique(record.predictions()[pick])
    print(f"{target} tags say:", ", ".join(classes[number] for number in said))

# %% [markdown]
# Its seconds:

# %% mystnb={"figure": {"caption": "The clip with a short event on which the proportion tag gains most over the presence tag.", "name": "fig-weakly-timeline"}, "image": {"alt": "Three rows of coloured seconds over ten seconds: ground truth with background beside the event, the prediction with presence tags, and the prediction with proportion tags."}}
plots.timeline(truth[test][pick], {f"{target} tag": record.predictions()[pick]
                                   for target, record in records.items()})

# %% [markdown]
# The seconds in which the last row has the truth's colour, and the row above it has not, are where the clip was won. One
# clip, picked for its gain, shows what a gain looks like and not how often it comes.
#
# ## The baselines with presence tags
#
# PSP-Net and AVEL under the same conditions, each with its own published weak loss and the presence tag.

# %%
others = study.finished([vscg.RunConfig(system=system, setting="weakly", data=DATA,
                                        profile=PROFILE, seed=SEED)
                         for system in ("psp", "avel")])
systems = {SYSTEMS[run.config.system].title: run
           for run in (records["presence"], *others)}
for other in others:
    print(other.describe())

# %% [markdown]
# Their figures, and VSCG's difference from each on the same clips:

# %%
print(f"{DATA}, presence tags, test split, percent")
summaries = {name: summary(record) for name, record in systems.items()}
print(pd.DataFrame(summaries).round(1).to_string())
accuracies = {name: clip_accuracy(record.predictions(), truth[test])
              for name, record in systems.items()}
apart = []
for name in list(systems)[1:]:
    mean, low, high = paired_difference(accuracies["VSCG"], accuracies[name])
    print(f"VSCG minus {name:8} {100 * mean:+.1f} points (95% interval over clips "
          f"{100 * low:+.1f} to {100 * high:+.1f}), one seed")
    apart.append(f"minus {name} {study.points(mean, low, high)}")
found.say(f"With presence tags VSCG {' and '.join(apart)}; one seed decides nothing.")

# %% [markdown]
# Each accuracy by itself, beside the rule that knows the category:

# %% mystnb={"figure": {"caption": "Three systems from presence tags, one seed each: none is asked to localise, and the dashed line is where a perfect recogniser would be.", "name": "fig-weakly-systems"}, "image": {"alt": "Three dots with 95% intervals for VSCG, PSP-Net and AVEL, and a dashed line for the rule that says the right category everywhere."}}
rows = [(name, scores.mean(), *bootstrap_interval(scores))
        for name, scores in accuracies.items()]
plots.intervals(pd.DataFrame(rows, columns=["name", "mean", "low", "high"]),
                references={"right category everywhere": line})

# %% [markdown]
# None of the three is asked to localise by a presence tag, so the dashed line is where a perfect recogniser would be. On the
# quick profile, after the same few epochs, the differences also show how fast each system learns. In the paper VSCG is 1.3
# points ahead of PSP-Net here (74.8% against 73.5%, on AVE, and in the program with the tag that carries the duration).
# One seed decides nothing.
#
# :::{admonition} Change this and see
# :class: tip
# Guess first: what does the proportion tag say of a clip whose event lasts two seconds, and which class does it then name
# first? In the cell with the bark write `3:5` for `2:9`, in both places of the line.
# :::
#
# <details>
# <summary>The answer</summary>
#
# The proportion tag says 0.2 Bark and 0.8 background: trained on it, the network is asked to call this clip background above
# all. The presence tag says 1.0 Bark as before.
#
# </details>

# %% [markdown]
# ## Which rule picked the epoch
#
# As in the last chapter, both selections are recorded. The paper's program looks at the test accuracy after every epoch
# from the 52nd on, 249 times.

# %%
for target, record in records.items():
    for selection, result in record.values["results"].items():
        print(f"{target:10} picked by {selection:10} epoch {result['epoch']:3d}  "
              f"{DATA} test accuracy {100 * result['test']['accuracy']:.1f}%")
    both = record.values["results"]
    assert both["test"]["test"]["accuracy"] >= both["validation"]["test"]["accuracy"]

# %% [markdown]
# ## Exercises
#
# Try each before you open its solution. Every solution ran with this notebook and ends in a check. In Jupyter Lab its
# code and its output are folded: click on the three dots.
#
# ### Exercise 1 (easy): clips for which the tag does not matter
#
# For which clips are the presence tag and the proportion tag the same? State the rule in terms of the event's duration,
# then count such clips among those that weak training uses, the background clips included.
#
# <details>
# <summary>Solution 1: the reasoning</summary>
#
# The proportion tag has the event's share at the event and the rest at background. It is one-hot only if one of the two
# shares is 1: the event fills all ten seconds, or there is none. All that the two runs can differ by comes from the
# other clips; the more of a data set's clips are filled, the less the tag gives away, and the more "the right category
# everywhere" is worth.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 1: the code and its output", "code_prompt_show": "Solution 1: the code and its output"} tags=["hide-cell", "nbval-check-output"]
used = np.concatenate([data.splits["train"], data.splits["background"]])
seconds = torch.from_numpy(data.labels[used])                        # (N,10,29) one-hot
tags = [objectives.weak_target(seconds, target)
        for target in ("presence", "proportion")]
same = (tags[0] == tags[1]).all(1)
duration = seconds[..., :BACKGROUND].sum((1, 2))
print(f"{DATA}: the tags agree for {same.sum()} of {len(used)} clips")
assert torch.equal(same, (duration == 0) | (duration == 10))

# %% [markdown]
# ### Exercise 2 (medium): the best answer to a tag
#
# Take the clip above, seven seconds of Bark. Which $O_c^w$ makes $\mathcal L_{bce}$ of Eq. 20 smallest under each tag,
# and how small is it? Derive the answer for one class with tag $y$ and probability $p$ first. What does the perfect
# network then say about background, in a clip with three seconds of it? (The smooth loss of Eq. 21 is left aside.)
#
# <details>
# <summary>Solution 2: the reasoning</summary>
#
# The derivative of $-[y \ln p + (1 - y) \ln (1 - p)]$ is $(p - y) / (p (1 - p))$: it vanishes at $p = y$, and there the
# loss is the entropy $H(y)$. So the best distribution *is* the tag. Under presence it gives Bark 1 and background 0,
# and costs nothing: three seconds of background are nowhere asked for. Under proportion it gives 0.7 and 0.3, and costs
# $2 H(0.7) / 29$, which no network can get below. Its size is a matter of the tag, so losses under different tags must
# not be compared.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 2: the code and its output", "code_prompt_show": "Solution 2: the code and its output"} tags=["hide-cell", "nbval-check-output"]
best = {}
for target in ("presence", "proportion"):
    tag = objectives.weak_target(labels, target)
    p = tag.clone().requires_grad_()
    loss = vscg.training.objectives.clip_loss(p, tag)
    slope = torch.autograd.grad(loss, p)[0].abs().max().item()
    best[target] = loss.item()
    print(f"{target:10} background {tag[0, BACKGROUND]:.1f}, smallest loss {loss:.4f}, "
          f"no slope there: {slope < 1e-5}")
    assert slope < 1e-5
share = labels[0, :, 2].mean().item()                               # 0.7: seven seconds
entropy = -(share * np.log(share) + (1 - share) * np.log(1 - share))
assert best["presence"] == 0 and abs(best["proportion"] - 2 * entropy / 29) < 1e-6

# %% [markdown]
# ### Exercise 3 (medium): how loud can one second be?
#
# The weighting branch gives each second a weight $w_t = \sigma(\delta(\cdot))$ before the mean over time. Only one
# second holds the event. At most which share of the total weight can that second get, for $T$ seconds? Compare with a
# softmax over time, and say what this means for localisation.
#
# <details>
# <summary>Solution 3: the reasoning</summary>
#
# ReLU is never negative, so $\tfrac12 \le w_t < 1$. At best the one second has weight 1 and the $T - 1$ others
# $\tfrac12$: the share is $1 / (1 + (T - 1)/2) = 2 / (T + 1)$, which is $2/11 \approx 0.18$ for ten seconds, against
# $0.1$ for equal weights. A softmax could give it everything. The branch cannot pick out seconds; the nine others keep
# more than four fifths of the weight. Large scores can make one second count for more than that; the branch alone cannot. Hence
# all seconds are pulled towards the tag.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 3: the code and its output", "code_prompt_show": "Solution 3: the code and its output"} tags=["hide-cell", "nbval-check-output"]
torch.manual_seed(SEED)
head, fused = vscg.build_model("vscg", setting="weakly").head, torch.randn(64, 10, 256)
one_open = torch.full((1, 10, 1), -40.0)
one_open[0, 4] = 40.0                              # one second wide open, nine shut
with torch.no_grad():
    drawn = head.weight(head.segment(fused))                             # (B,T,1)
weights = [scores.relu().sigmoid() for scores in (drawn, one_open)]
largest = [(w / w.sum(1, keepdim=True)).max().item() for w in weights]
print(f"bound {2 / 11:.3f}, reached with one second open: {largest[1]:.3f}; "
      f"random weights stay between it and 0.1: {0.1 < largest[0] < 2 / 11}")
assert 0.1 < largest[0] < 2 / 11 and abs(largest[1] - 2 / 11) < 1e-6

# %% [markdown]
# ### Exercise 4 (demanding): background by one number
#
# Where the separation above exceeds one half, the scores order the seconds better than the argmax shows. Add one number $b$ to the background
# logit of every second and choose it on the validation split. How far does that lift the test accuracy? Which labels
# did you use that weak supervision does not have?
#
# <details>
# <summary>Solution 4: the reasoning</summary>
#
# Only seconds whose best event leads background by less than $b$ change. So the leads themselves are the candidates for
# $b$; a few dozen of their quantiles are enough, and $b = 0$ is one of the candidates, so the validation accuracy
# cannot fall. The test accuracy can. Where the interval of the paired difference lies above zero, the network had
# learnt more about *when* than it said; where it includes zero, this was not shown here. The choice needs the labels of
# single seconds of the validation clips: few, but not none. It is one number, and picking the epoch used the same
# labels.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 4: the code and its output", "code_prompt_show": "Solution 4: the code and its output"} tags=["hide-cell"]
def classify(scores, b):
    event, background = scores[..., :BACKGROUND], scores[..., BACKGROUND]
    return np.where(background + b > event.max(-1), BACKGROUND, event.argmax(-1))


val = data.splits["val"]
of_val = logits(val)
lead = of_val[..., :BACKGROUND].max(-1) - of_val[..., BACKGROUND]
offsets = (0.0, *np.quantile(lead, np.linspace(0, 1, 41)))
on_val = {b: (classify(of_val, b) == truth[val]).mean() for b in offsets}
b = max(on_val, key=on_val.get)
shifted, usual = (clip_accuracy(classify(of_test, x), truth[test]) for x in (b, 0.0))
mean, low, high = paired_difference(shifted, usual)
share = (classify(of_test, b) == BACKGROUND).mean()
print(f"{DATA}: b = {b:.2f}, background in {share:.1%} of the test seconds")
found.say("One number, chosen by validation and added to every background logit, "
          f"moves the accuracy from presence tags by {study.points(mean, low, high)}.")
assert (classify(of_test, 0.0) == records["presence"].predictions()).mean() > 0.99

# %% [markdown]
# ## What was established
#
# - The released weak tag is the proportion of the event's seconds; the paper describes presence.
# - Presence tags ask VSCG what is in the clip, and ask for background only in clips without an event; proportion tags ask for
#   both. The box at the top says in how many of the test seconds each of them says background.
# - The rule "right category everywhere" is the line to hold a weakly supervised accuracy against.
#
# ## What stays uncertain
#
# - One seed and a short schedule. Whether presence tags would localise after 300 epochs, or with more background-only
#   clips, is not answered here.
# - What the leak is worth on AVE needs the real features: `make book DATA=ave DATA_DIR=... PROFILE=full`.
#
# **Next:** [Table I](10_table_1_comparison.ipynb): more systems, more seeds, and what the paper says of them.
