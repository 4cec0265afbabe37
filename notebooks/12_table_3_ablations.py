# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Table III: ablations
#
# | Question | Which part of ESCM carries the gain: the second look at the sequence, the prior, the way the prior is made? |
# |---|---|
# | **Paper** | Sec. IV-C, Table III [(Jiang et al., 2023)](../book/references.md) |
# | **Needs** | [CERE](05_cere.ipynb), [ISCE and the whole ESCM](06_isce_escm.ipynb), [training](08_training_fully.ipynb) |
# | **Run time** | seconds where the runs exist; otherwise 12 short trainings (quick) on a CPU, or 60 of 80 epochs (standard) or of the published schedules (full), for a GPU |
# | **You will be able to verify** | what each row takes away, what the paper claims from it, and which of these differences our runs can tell from zero |
#
# An ablation takes one part out of a system, trains the rest again, and calls the loss in accuracy the part's worth.
# Table III does so five times with VSCG. It is the paper's main evidence that a clip's event, handed to every second
# as prior knowledge, is what helps.
#
# ![VSCG as a flow of blocks from sound and picture to ten classes. Framed: two ISCE blocks, one for sound and one for picture, which PSP feeds and CERE starts.](../book/_static/overview-06.svg)
#
# The framed blocks, and CERE that starts them, are what the table takes apart.

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from IPython.display import display

import vscg
from vscg import machine, models, plots, study
from vscg.study import statistics

plots.set_style()

# %% [markdown]
# Which data, which schedule, how many seeds, and by whose protocol.

# %% tags=["parameters"]
DATA = "planted-mini"     # planted-mini, planted, ave, or the path of a prepared file
PROFILE = "quick"         # quick (1 seed), standard (5) or full (published schedule, 5)
SEEDS = None              # of each row, from 0 on; None: the profile's number
PROTOCOL = "clean"        # clean, or released: with the published programs' faults

# %% [markdown]
# What the runs on this page found, collected from the cells below:

# %% tags=["hide-input"]
found = study.findings()

# %% [markdown]
# ## What the paper prints
#
# Accuracy on AVE in percent, as printed.

# %% tags=["nbval-check-output"]
printed = pd.DataFrame({row.name: row.paper for row in study.TABLES["III"].rows}).T
print(printed.to_string())

# %% [markdown]
# The text argues with differences between these rows. Below, each difference that it names is taken again from the
# table. It also says that without ISCE the system is worse than without the whole module, from which it concludes
# that deeper temporal modelling alone hurts, and that the shared extractor beats one for each modality.

# %% tags=["nbval-check-output"]
FULL, NO_ESCM, NO_ISCE = "ISCE w/ CERE (full)", "w/o ESCM", "w/o ISCE"
quoted = {(FULL, NO_ESCM): (1.8, 1.9), (FULL, NO_ISCE): (3.3, 2.9),
          (NO_ESCM, NO_ISCE): (1.5, 1.0), ("ISCE w/ Max", NO_ESCM): (0.3, 0.5),
          (FULL, "ISCE w/ non-shared CERE"): (2.5, 2.0)}
equal = 0
for (first, second), text in quoted.items():
    computed = (printed.loc[first] - printed.loc[second]).round(1)
    print(f"{first} minus {second}\n    text {text[0]} and {text[1]}, "
          f"table {computed.fully} and {computed.weakly}: "
          f"{'equal' if tuple(computed) == text else 'different'}")
    equal += (computed.to_numpy() == text).sum()
below = {}
for setting in printed:
    gap = (printed[setting] - printed.loc[NO_ESCM, setting]).round(1)
    below[setting] = set(gap.index[gap < 0])
    print(f"below {NO_ESCM!r}, {setting}: "
          f"{', '.join(f'{name} ({gap[name]})' for name in gap.index[gap < 0])}")
found.say(f"{equal} of {2 * len(quoted)} differences that the paper's text quotes "
          "follow from its table.")
both = [name for name in printed.index if name in below["fully"] & below["weakly"]]
found.say("In the paper's own table these rows lie below the system without any ESCM, "
          f"in both settings: {' and '.join(both)}.")

# %% [markdown]
# All ten differences that the text names agree with the table. They need 74.8 for the full model in the weakly supervised setting:
# with the 74.5 of Sec. IV-B (row I1 of [the deviations](../book/deviations.md)) each weak difference from it would be 0.3
# smaller.
#
# The last two lines hold something that the text passes over. It stresses that separate extractors beat "w/o ISCE";
# it does not say that they fall below the system that has no ESCM at all, if weakly only by a tenth. So in the
# paper's own table two kinds of ESCM stand below none, by less than its 402 clips resolve
# ([chapter 23](23_what_tables_resolve.ipynb)): the argument rests on how the prior is made.

# %% [markdown]
# ## What each row changes
#
# All rows are one class with two options, `escm` and `prior`.

# %%
START = {"zero": "zeros", "average": "mean", "maximum": "maximum",
         "unshared": "two CEREs", "cere": "one CERE"}
networks = {}
for row in study.TABLES["III"].rows:
    options = row.run.get("model_options", {})
    for setting in row.paper:
        network = vscg.build_model("vscg", setting=setting, **options)
        networks[row.name, setting] = network.eval()
assert set(START) == set(models.escm.PRIORS)

# %% [markdown]
# The drawing follows a clip from PSP's output on the left to the classifier on the right, one line for each row.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "What stands between PSP and the classifier in each row of Table III: nothing, or two GRUs that differ in what they start from.", "name": "fig-table-3-rows"}, "image": {"alt": "Six lines of boxes from PSP to the classifier. The first, w/o ESCM, goes straight through. The others have a box for the two GRUs, and before it what these start from: zeros, the mean over seconds, the maximum, two CEREs, one CERE."}}
fig, ax = plt.subplots(figsize=(plots.WIDTH, 3.6), layout="constrained")
for y, name in enumerate(printed.index):
    escm = networks[name, "fully"].escm
    boxes = [(0, "PSP", plots.LIGHT), (9, "classifier", plots.LIGHT)]
    if escm is not None:
        made_by = plots.MARK if "CERE" in START[escm.prior] else plots.PALETTE[0]
        boxes += [(2.6, START[escm.prior], made_by), (5.6, "GRUs", plots.LIGHT)]
    ax.plot([0, 9], [y, y], color=plots.DARK, linewidth=1.4, zorder=0)
    for x, text, colour in boxes:
        ax.text(x, y, text, ha="center", va="center", fontsize=10.5,
                color=plots.DARK if colour == plots.LIGHT else "white",
                bbox={"boxstyle": "round,pad=0.4", "facecolor": colour,
                      "edgecolor": "none"})
ax.set(xlim=(-0.8, 10.5), ylim=(len(printed) - 0.5, -0.5), xticks=[])
ax.set_yticks(range(len(printed)), printed.index)
ax.grid(False)
sns.despine(ax=ax, left=True, bottom=True)
plt.close(fig)
fig

# %% [markdown]
# Only the first row lets a second go to the classifier without another look at its neighbours. The other five differ in
# the coloured box alone.
#
# Live parameters: those that the forward pass uses and training moves.

# %% tags=["nbval-check-output"]
counts = pd.Series({key: sum(p.numel() for p in model.parameters())
                    for key, model in networks.items()}).unstack()
for setting in ("fully", "weakly"):
    live = counts.loc[printed.index, setting]
    shown = pd.DataFrame({f"live, {setting}": live, "minus full": live - live[FULL]})
    print(shown.map("{:,}".format).to_string(), end="\n\n")
cere = sum(p.numel() for p in models.escm.CrossModalEventExtractor().parameters())
print(f"one CERE: {cere:,}")
fully = counts["fully"]
assert fully["ISCE w/ non-shared CERE"] - fully[FULL] == cere
assert fully[FULL] - fully[NO_ISCE] == cere
found.say(f"ESCM is {fully[FULL] - fully[NO_ESCM]:,} of VSCG's {fully[FULL]:,} live "
          f"parameters, {cere:,} of them in CERE.")

# %% [markdown]
# Fully supervised the rows differ by whole CEREs, and without ESCM the GRUs and the maps after them go as well.
# Weakly supervised the released program hands the priors over crosswise, through two maps of 128 by 128 (row W1 of
# [the deviations](../book/deviations.md)). Pooled priors take the same way; "w/o ISCE" has nothing to hand over, so it
# loses the two maps too.

# %% [markdown]
# ## Do the two removals do what they say?
#
# We check on untrained networks that share their weights. If `prior="zero"` takes away the prior and nothing else,
# it must equal the full model with CERE silenced, all its weights set to zero. If `escm=False` takes away ESCM and
# nothing else, it must equal the classifier put straight on PSP's output.

# %% tags=["nbval-check-output"]
def answer_of(model: torch.nn.Module, audio, visual) -> torch.Tensor:
    """What the network says of each second: relevance (B,T) or scores (B,T,29)."""
    output = model(audio, visual)
    return (output.segment_logits if output.event_relevance is None
            else output.event_relevance)


torch.manual_seed(0)
clips = audio, visual = torch.randn(2, 10, 128), torch.randn(2, 10, 7, 7, 512)
for setting in ("fully", "weakly"):
    full, zero, none = (networks[name, setting] for name in (FULL, NO_ISCE, NO_ESCM))
    for model in (zero, none):
        assert not model.load_state_dict(full.state_dict(), strict=False).missing_keys
    with torch.no_grad():
        differs = not torch.allclose(answer_of(full, *clips), answer_of(zero, *clips),
                                     atol=1e-4)
        for weights in full.escm.cere.parameters():
            weights.zero_()
        silenced = torch.allclose(answer_of(full, *clips), answer_of(zero, *clips),
                                  atol=1e-6)
        fused = sum(none.psp(*none.encoder(audio, visual)[:2])) / 2
        straight = torch.allclose(answer_of(none, *clips), none.head(fused)[0],
                                  atol=1e-6)
    print(f"{setting:6}  w/o ISCE differs from full: {differs}, "
          f"equals full with a silent CERE: {silenced}\n"
          f"        w/o ESCM equals the classifier on PSP: {straight}")
    assert differs and silenced and straight

# %% [markdown]
# Both hold. But what exactly is gone? Two more questions to the fully supervised networks. Does what comes after the
# encoder still know the order of the seconds? And does the GRU without a prior still hear of the clip's other end?

# %% tags=["nbval-check-output"]
def after_encoder(model: torch.nn.Module, a, v) -> torch.Tensor:
    """Relevance (B,T) from the encoded seconds (B,T,256)."""
    a, v = model.psp(a, v)
    if model.escm is not None:
        (a, v), _ = model.escm(a, v)
    return model.head((a + v) / 2)[0]


zero, none = networks[NO_ISCE, "fully"], networks[NO_ESCM, "fully"]
order = torch.randperm(10)
with torch.no_grad():
    a, v, _ = none.encoder(audio, visual)
    for name, model in ((NO_ESCM, none), (NO_ISCE, zero)):
        straight = after_encoder(model, a, v)
        shuffled = after_encoder(model, a[:, order], v[:, order])
        same = torch.allclose(straight[:, order], shuffled, atol=1e-5)
        print(f"{name}: shuffled seconds give the same answers, shuffled: {same}")
        if same:
            found.say(f"Behind the encoder, {name} does not know the order of the "
                      "seconds.")
    other, start = a.clone(), torch.zeros(2, 2, 128)
    other[:, 9] += 1
    first, changed = (zero.escm.isce(x, v, start, start)[0][:, 0] for x in (a, other))
    print(f"{NO_ISCE}: the last second reaches the first one's output: "
          f"{not torch.allclose(first, changed)}")

# %% [markdown]
# Without ESCM, nothing after the encoder knows the order of the seconds: PSP compares all pairs alike. "w/o ISCE"
# puts that order back, and its backward GRU carries the end of the clip to its beginning even without a prior. So
# the row removes the *explicit* summary of the clip. It does not make the network blind to the rest of the clip, and
# a small difference in it would be no surprise. [ISCE and the whole ESCM](06_isce_escm.ipynb) asks the same question
# in another way, with zeros in place of the prior in a network trained with one.
#
# :::{admonition} Change this and see
# :class: tip
# Guess first: does "w/o ESCM" still give the same answers if the *clip* is shuffled, and not what the encoder made of it?
# Leave `straight` as it is. For `shuffled`, encode anew: `b, w, _ = none.encoder(audio[:, order], visual[:, order])`, and take
# `after_encoder(model, b, w)`. The next cell does so with five sets of random weights.
# :::

# %% mystnb={"code_prompt_hide": "The answer: the code and its output", "code_prompt_show": "The answer: the code and its output"} tags=["hide-cell", "nbval-check-output"]
for seed in range(5):
    torch.manual_seed(seed)
    fresh = vscg.build_model("vscg", escm=False).eval()
    order = torch.randperm(10)
    with torch.no_grad():
        straight = answer_of(fresh, audio, visual)
        clip = answer_of(fresh, audio[:, order], visual[:, order])
        a, v, _ = fresh.encoder(audio, visual)
        behind = after_encoder(fresh, a[:, order], v[:, order])
    print(f"seed {seed}: the same if the clip is shuffled: "
          f"{torch.allclose(straight[:, order], clip, atol=1e-5)}; behind the encoder: "
          f"{torch.allclose(straight[:, order], behind, atol=1e-5)}")
    assert not torch.allclose(straight[:, order], clip, atol=1e-5)

# %% [markdown]
# The Bi-LSTMs of the encoder have seen the order, and each second carries what they remember of the others. So even the
# row without ESCM is not without time.

# %% [markdown]
# ## A choice that the paper leaves open
#
# CERE gives two vectors of 128, one for each direction of a GRU. Pooling the seconds gives *one* vector of 256, and
# the paper does not say how it starts two GRUs of 128. Here its first half starts the forward GRU and its second
# half the backward one. A clip whose seconds all hold the numbers 0 to 255 shows it; mean and maximum are then the
# same.

# %% tags=["nbval-check-output"]
ramp = torch.arange(256.0).expand(1, 10, 256)
for prior in ("average", "maximum"):
    escm = models.escm.EventSemanticConsistency(dropout=0.2, prior=prior)
    state, _ = escm.priors(ramp, ramp)
    print(f"{prior}: state {tuple(state.shape)}, "
          f"forward {state[0, 0, 0]:.0f} to {state[0, 0, -1]:.0f}, "
          f"backward {state[0, 1, 0]:.0f} to {state[0, 1, -1]:.0f}")

# %% [markdown]
# This adds no parameter, so the two rows differ from the full model in CERE alone. Other readings are as good: a
# learned map from 256 to two states, or one pool over the first five seconds and one over the last five, which is
# closer to what CERE's two columns see. They may well give other numbers; our two pooled rows stand for one reading
# each.

# %% [markdown]
# ## The runs
#
# Every row in both settings, each with the same seeds. What is missing is trained, the rest is loaded.

# %%
runs = study.book_runs("III", data=DATA, profile=PROFILE, seeds=SEEDS,
                       protocol=PROTOCOL)
data = vscg.load_dataset(DATA)
result = study.table("III", dataset=data, profile=PROFILE, seeds=SEEDS, data=DATA,
                     protocol=PROTOCOL)
print(f"{len(runs)} runs on {DATA}\n{study.provenance(runs)}")
print(f"epochs {', '.join(map(str, sorted({run.config.epochs for run in runs})))}, "
      f"{len(data.splits['test'])} test clips")

# %% [markdown]
# Did every row learn? A row's first and last loss are to be held against each other alone.

# %%
found.say(result.learnt())
result.show_learning()

# %% [markdown]
# ## The table
#
# Which rows may be compared? By the rule below; [the plan](../book/plan.md) and [chapter 25](25_planned_experiment.ipynb)
# tell of the runs that it names.

# %%
compared = study.compared(result)
frame = compared.frame().query("seeds > 0")
differences = compared.differences()
study.paragraphs(study.COMPARED_RULE)

# %% [markdown]
# How to read the table. The verdict is given by rule, and only to runs on AVE with the full schedule and the released
# protocol. On planted data our figures are never held against the paper's. Differences have intervals; eight of them,
# named before the runs, get a word in [chapter 20](20_deviations.ipynb), and the others none. A row that is *still
# learning*, by the rule below, shows how fast a system learns, not how good it becomes; the figures of the table and of
# its differences draw its dot pale inside. A row whose system was changed counts as
# *described in detail*: its program does not have the change, the paper describes it.

# %%
display(study.paragraphs(study.VERDICT_RULE, statistics.INTERVAL_RULE,
                         statistics.LEARNING_RULE))
for setting in compared.measured():
    display(compared.show(setting))

# %% [markdown]
# The fully supervised half, a line for each row:

# %% mystnb={"figure": {"caption": "Table III, fully supervised, measured. The full model is the lowest line.", "name": "fig-table-3-fully"}, "image": {"alt": "Fully supervised: six rows, from w/o ESCM down to the full model, each with a dot and a square and their 95% intervals: the accuracy of the table, and the one selected by test; a small dot for each seed, and on planted data upright broken lines for floor, plain network and ceiling."}}
plots.table_figure(frame, "fully")

# %% [markdown]
# And the weakly supervised half. The sentences below it sum up both tables.

# %% mystnb={"figure": {"caption": "Table III, weakly supervised, with the tags of the protocol. The full model is the lowest line.", "name": "fig-table-3-weakly"}, "image": {"alt": "Weakly supervised: six rows, from w/o ESCM down to the full model, each with a dot and a square and their 95% intervals: the accuracy of the table, and the one selected by test; a small dot for each seed, and on planted data upright broken lines for floor, plain network and ceiling."}}
plots.table_figure(frame, "weakly")

# %% [markdown]
# In words that the runs choose:

# %%
sentences = compared.findings(FULL, NO_ESCM)
for sentence in sentences:
    found.say(sentence)
study.paragraphs(*sentences)

# %% [markdown]
# Intervals of rows that overlap do not say that the rows are equal: runs of one and the same seed answered the same clips, and a clip
# that is hard for one is hard for all. The differences below are taken clip by clip, which removes that share. The
# weak rows of the clean protocol are trained with presence tags, as the paper's text has it and unlike VSCG's program (row W3 of
# [the deviations](../book/deviations.md)).

# %% [markdown]
# ## The differences
#
# The pairs that the paper argues from, first row minus second, on the same seeds and clips. The first two of them, in
# both settings, belong to the primary family, which [chapter 20](20_deviations.ipynb) judges.

# %%
display(study.paragraphs(statistics.POWER_RULE))
for setting in differences.setting.unique():
    display(compared.show_differences(setting))

# %% [markdown]
# Left of the line the first row has the lower figure in these runs, and the interval of one seed is over clips alone; the
# triangle tells the paper's side.

# %% mystnb={"figure": {"caption": "Measured differences between the rows of Table III. A triangle at the edge marks the side on which the paper's difference lies.", "name": "fig-table-3-differences"}, "image": {"alt": "Pairs of rows with a dot and its 95% interval for each setting, around a line at zero, and triangles at the left or right edge."}}
plots.difference_figure(differences)

# %% [markdown]
# Counted: in how many pairs a row still learns, what these runs could have found, and the order of all rows beside
# random orders.

# %%
display(study.paragraphs(statistics.ORDER_RULE))
for setting in differences.setting.unique():
    part = differences[differences.setting == setting]
    order = study.order_agreement(compared, setting)
    print(f"{compared.data}, {setting}: a row still learns in {part.learning.sum()} of "
          f"{len(part)} differences\n"
          f"    smallest detectable difference: {study.smallest_found(part)}; "
          f"the paper's {part.paper.abs().min():.1f} to {part.paper.abs().max():.1f}\n"
          f"    {order}")
    assert len(part) <= 11 and (not order.pairs or 0 <= order.low <= order.high <= 1)

# %% [markdown]
# A share inside the range of random orders says nothing about the paper's order. A difference of the
# paper below the smallest detectable one would be detected in fewer than 80 of 100 studies with these clips and
# seeds, and one below about half of it would be missed more often than detected. The paper gives one
# figure for each row, without an interval.

# %% [markdown]
# ## The curves
#
# The curves show how the runs learn, fully supervised; a band spans the seeds of a row. Colour and dashes follow a row's
# place in its table: the same network may have others in another chapter. A curve that rises above the
# plain network late has learnt late what that network lacks: places, time, or the pairing of sound and look. If the
# accuracy falls and recovers within the last third of the epochs, the rule calls the row still learning, even if it is
# flat at the end. So [chapter 25](25_planned_experiment.ipynb) applies the rule to shorter windows as well.

# %% mystnb={"figure": {"caption": "Test accuracy of the compared fully supervised runs of Table III over the epochs.", "name": "fig-table-III-planned"}, "image": {"alt": "Accuracy over the epochs: a line for each row of Table III that has runs, and on planted data broken lines without a colour for floor, plain network and ceiling."}}
compared.show_courses("fully")

# %% [markdown]
# The same curves, weakly supervised. On planted data a further broken line marks the accuracy of a network that names every
# clip rightly and calls no second background.

# %% mystnb={"figure": {"caption": "Test accuracy of the compared weakly supervised runs of Table III over the epochs.", "name": "fig-table-III-planned-weakly"}, "image": {"alt": "Weakly supervised accuracy over the epochs: a line for each row of Table III that has runs, and on planted data broken lines without a colour for floor, plain network, ceiling and the right event in every second."}}
compared.show_courses("weakly")

# %% [markdown]
# Only the table's column of background seconds tells whether a row localises. A line above this one may also come from
# calling whole clips background.
#
# ## What the table's notes say

# %%
result.show_notes()

# %% [markdown]
# ## How much does the choice of the epoch flatter, and is training at its end?
#
# The released program keeps the epoch with the best *test* accuracy (row D1 of [the deviations](../book/deviations.md)).
# The same runs give both: the accuracy of the table, and the test accuracy where test itself picked the epoch.

# %%
gain = (frame.test_mean - frame["mean"]).groupby(frame.setting)
print(f"{compared.data}: selected by test minus {frame.attrs['outcome']}, points")
print(gain.agg(["min", "mean", "max"]).round(2).to_string())
assert (frame.test_mean >= frame["mean"] - 1e-9).all()

# %% [markdown]
# By the rule for convergence, and what the last epoch still added:

# %%
counts = frame.groupby(["setting", "course"]).size()
rise = pd.Series([run.history.val_accuracy.diff().iloc[-1]
                  for cell in compared.cells for run in cell.records])
print(f"{compared.data}: rows by course\n{counts.to_string()}\n"
      f"the last epoch added {100 * rise.median():+.1f} points (median run)")
assert set(frame.course) <= {"still learning", "converged"} and rise.abs().max() < 1

# %% [markdown]
# Where many runs end while they still rise, the table ranks variants by how *far they have come*, not by how good
# they become, and a network with less to train may lead at first: an order against the paper's is then no refutation.
#
# Selection by test never lowers a figure, for a maximum over epochs cannot lie below one of them. The spread
# between rows is what counts, because it enters a table of maxima as if it were an effect. The more epochs there are
# to choose from, the more there is to gain: a handful in a short run, 300 in a full one of the clean protocol, 59 (fully)
# and 249 (weakly) in VSCG's program.

# %% [markdown]
# Last, the table as CSV and LaTeX, beside the runs.

# %%
for path in compared.export():
    print(path.relative_to(machine.runs_dir().parent))

# %% [markdown]
# ## Exercises
#
# Try each before you open its solution. Every solution ran with this notebook and ends in a check. In Jupyter Lab its
# code and its output are folded: click on the three dots.
#
# ### Exercise 1 (easy): which rows differ in the prior alone?
#
# Three rows differ from the full model in nothing but how the prior is made, fully supervised, and have no CERE. Which
# parameters, by name, does the full model have that they have not?
#
# <details>
# <summary>Solution 1: the reasoning</summary>
#
# "w/o ISCE" starts from zeros and the pooled rows from a mean or a maximum, none of which has a weight. So the names that
# are missing are those of CERE, and all three rows lack the same ones.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 1: the code and its output", "code_prompt_show": "Solution 1: the code and its output"} tags=["hide-cell", "nbval-check-output"]
names = {row: {name for name, _ in networks[row, "fully"].named_parameters()}
         for row in printed.index}
missing = {row: names[FULL] - names[row] for row in (NO_ISCE, "ISCE w/ Avg",
                                                     "ISCE w/ Max")}
for row, lacks in missing.items():
    print(f"{row}: {', '.join(sorted(lacks))}")
of_cere = {name for name in names[FULL] if "cere" in name}
assert all(lacks == of_cere for lacks in missing.values())

# %% [markdown]
# ### Exercise 2 (medium): six equal rows
#
# Suppose that all six rows are equally good, and that each printed figure is the truth plus independent noise. How often
# is the full model above the five others? The paper has this in both settings. How often would that happen?
#
# <details>
# <summary>Solution 2: the reasoning</summary>
#
# Each of six equal rows is as likely as any other to be highest: one time in six, and one time in 36 for both settings.
# The five differences are not five pieces of evidence, for all of them hold the same full model: two of them have a
# correlation of one half.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 2: the code and its output", "code_prompt_show": "Solution 2: the code and its output"} tags=["hide-cell", "nbval-check-output"]
rng = np.random.default_rng(0)
rows = rng.standard_normal((100_000, 2, 6))                 # study, setting, row
on_top = (rows[..., :1] > rows[..., 1:]).all(-1)
differences_of_first = rows[:, 0, :1] - rows[:, 0, 1:]
correlation = np.corrcoef(differences_of_first.T)[0, 1]
print(f"highest in one setting {on_top[:, 0].mean():.3f}, in both "
      f"{on_top.all(1).mean():.3f}; correlation of two differences {correlation:.2f}")
assert abs(on_top[:, 0].mean() - 1 / 6) < 0.01 and abs(correlation - 0.5) < 0.02

# %% [markdown]
# ### Exercise 3 (demanding): how far does a prior reach?
#
# Take ESCM of the full model with random weights, and change the start of its forward GRU. In which second does the
# output change most, and by how much less in the last one? What would a prior need to be heard in second 10?
#
# <details>
# <summary>Solution 3: the reasoning</summary>
#
# The state passes one update gate a second, and with fresh weights a gate keeps about one half. So the effect about halves
# each second, and in the tenth less than a hundredth is left. The backward GRU starts at the other end: between them, the middle of
# the clip hears least. To be heard in second 10 the gates must learn to keep, and a gate that keeps the prior does not
# listen to the second.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 3: the code and its output", "code_prompt_show": "Solution 3: the code and its output"} tags=["hide-cell", "nbval-check-output"]
torch.manual_seed(0)
escm = vscg.build_model("vscg").eval().escm
a, v = torch.randn(2, 1, 10, 256)
start = torch.zeros(1, 2, 128)
moved = start.clone()
moved[:, 0] += 1                                            # the forward GRU alone
with torch.no_grad():
    before, after = (escm.isce(a, v, first, start)[0] for first in (start, moved))
effect = (after - before).abs().mean((0, 2))
print("effect by second, of the first:", [round(x, 3) for x in
                                          (effect / effect[0]).tolist()])
assert effect.argmax() == 0 and effect[9] < effect[0] / 100

# %% [markdown]
# ## What was established
#
# - The six rows are one network with two options; each was checked to remove what it names, and the counts say how
#   much.
# - The differences that the paper's text quotes follow from its table. In the same table the row with separate
#   extractors lies below the row without ESCM in both settings, weakly by a tenth, which the text does not say.
# - "w/o ISCE" takes away the prior, not the view of the whole clip: the backward GRU still brings the end to the
#   start.
# - Each difference that has runs has an interval here; the box on top says what ESCM adds once both rows share two seeds,
#   on which data, and how many rows still learn.
#
# ## What stays uncertain
#
# - On planted data and with short schedules, nothing here confirms or refutes the paper's accuracies. AVE with the
#   full schedule and the released protocol would: [how to use the real data](../book/howto/real-data.md) has the commands.
# - How the paper starts its GRUs from a pooled vector is not known, so its two pooled rows cannot be matched for
#   certain.
# - Whether the gain of ESCM is larger where single seconds are unclear is the question of
#   [chapter 16](16_when_consistency_helps.ipynb).
#
# **Next:** [Table IV](13_table_4_plug_and_play.ipynb) puts ESCM into other systems.
