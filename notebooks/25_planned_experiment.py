# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The planned experiment
#
# | Question | What do runs say that were planned before any of them was seen? |
# |---|---|
# | **Paper** | Tables I, III, IV and V; Sec. I and IV |
# | **Needs** | [the planted data sets](02_planted_dataset.ipynb), [the ablations](12_table_3_ablations.ipynb); [the plan](../book/plan.md) itself |
# | **Run time** | seconds; it trains nothing and shows the runs that came with the book or are finished here |
# | **You will be able to verify** | how far the plan has come, whether its schedule is long enough, and what its finished runs say, each beside a floor and a ceiling |
#
# Whoever looks at results first and chooses the question afterwards finds something every time. So the questions, the data,
# the schedule, the number of seeds and the word for each outcome were written down in [the plan](../book/plan.md), and it
# was committed before the first run. This chapter shows what has come in since. It grows: the plan takes well
# over a hundred core hours, and whatever is finished is here.

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display

from vscg import plots, study
from vscg.study import references, statistics

plots.set_style()

# %% [markdown]
# The parameter. Nothing else is to be chosen: data, schedule and protocol are the plan's.

# %% tags=["parameters"]
MOST = 10     # seeds of a row that are looked for; the plan has no more

# %% [markdown]
# What this page found, collected from the cells below:

# %% tags=["hide-input"]
found = study.findings()

# %% [markdown]
# ## How far the plan has come
#
# The steps are the plan's commands, as amended, in its order. A run that two steps ask for counts in the first.

# %%
steps = study.progress()
print(steps.to_string())
there, all_runs = steps["finished"].sum(), steps.to_numpy().sum()
found.say(f"Of the plan's {all_runs} runs {there} "
          f"{'is' if there == 1 else 'are'} finished.")

# %% mystnb={"figure": {"caption": "The steps of the plan: runs that are finished, and runs to come.", "name": "fig-plan-progress"}, "image": {"alt": "A bar for each step of the plan, divided into the runs that are finished and those to come."}}
plots.parts_figure(steps, label="runs")

# %% [markdown]
# Until a step's bar is full, some of its rows have fewer seeds than the plan gives them; the interval of a single seed holds
# no spread of runs.
#
# ## What every row is held against
#
# `planted-study` has three references that are no contestants ([chapter 2](02_planted_dataset.ipynb)): a rule in closed form, the
# floor; a network that sees each second by itself, the mean of its regions, and learns from every second's label; and a rule
# that knows how the clips were made, the ceiling. A fully supervised system below the plain network shows nothing that needs attention
# or time. The ceiling is the score of that rule and no bound: a network may
# pass it. Two systems that stand close to it have little room to differ.

# %%
draws = references.on_record("planted-study")
print(f"planted-study, {draws.shape[1]} draws, share of right test seconds (%)")
for title in references.BESIDE:
    mean, low, high = statistics.interval_of_draws(draws.loc[title].to_numpy())
    print(f"  {title:32}{mean:5.1f} ({low:.1f} to {high:.1f})")
ceilings = draws.loc[references.BESIDE[-1]]
over = {record.key: 100 * cell.per_clip()[place].mean() - ceilings[record.config.seed]
        for name in ("I", "III", "IV", "V")
        for cell in study.table(name, profile="standard", seeds=MOST).cells
        if cell.setting == "fully" for place, record in enumerate(cell.records)}
above = [points for points in over.values() if points > 0]
print(f"{len(above)} of {len(over)} fully supervised runs end above the ceiling of "
      f"their draw, by up to {max(above, default=0):.1f} points")

# %% [markdown]
# The rules for what stands in brackets, and for the smallest detectable difference:

# %%
study.paragraphs(statistics.INTERVAL_RULE, statistics.POWER_RULE)

# %% [markdown]
# ## Is the schedule long enough?
#
# The plan began with a schedule of 40 epochs, and with a check of it: VSCG with and without ESCM, fully supervised, three seeds,
# by 40 epochs and by 80. If the mean of either moves by more than half a point, the schedule is doubled for all rows. That was
# written before the runs; what followed from it stands under [the amendments](../book/plan.md) of the plan.

# %%
sentinels = study.table("sentinels", profile="standard")
finished = sum(len(cell.records) for cell in sentinels.cells)
print(f"finished: {finished} of 12 runs")
if finished:
    display(sentinels.show("fully"))

# %% [markdown]
# The curves show when each network learns. Bands span the seeds. Colour and dashes follow a row's place in its table, here and in the
# chapters of the tables: the same network may have others elsewhere.

# %% mystnb={"figure": {"caption": "Test accuracy of the finished runs over the epochs, beside the three references.", "name": "fig-plan-sentinels"}, "image": {"alt": "Accuracy over the epochs: a line for each of the four rows that has finished runs, and three broken lines without a colour for floor, plain network and ceiling."}}
sentinels.show_courses("fully")

# %% [markdown]
# Up to epoch 28 both schedules are the same, so up to there the two runs of a seed should be one. Are they? And by how much
# does each pair move the result?

# %%
ends = {(cell.row.name, run.config.seed): (run, 100 * right)
        for cell in sentinels.cells if cell.records for run, right in
        zip(cell.records, cell.per_clip().mean(1), strict=True)}
for (name, seed), (short, right) in ends.items():
    title = name.removesuffix(", 40 epochs")
    if title == name or (f"{title}, 80 epochs", seed) not in ends:
        continue
    longer, late = ends[f"{title}, 80 epochs", seed]
    apart = (short.history["loss"][:28].to_numpy()
             != longer.history["loss"][:28].to_numpy())
    print(f"{title}, seed {seed}: moves by {late - right:+.1f} points; "
          + (f"apart from epoch {apart.argmax() + 1} on, threads "
             f"{short.values['threads']} and {longer.values['threads']}"
             if apart.any() else "equal up to epoch 28"))

# %% [markdown]
# A pair that is apart while the schedules are still equal was rounded otherwise (see below), so its move is not that of the
# schedule alone. The rule made no exception for such a pair; [the amendments](../book/plan.md) say what it decided, and the section on
# rounding below has that pair on equal threads.
#
# And the rule, applied when all twelve runs are there:

# %%
moves = sentinels.differences()
if len(moves):
    display(sentinels.show_differences("fully"))
if finished == 12:
    far = moves[moves["mean"].abs() > study.LIMIT]
    word = "is long enough" if far.empty else "is doubled for all rows"
    found.say(f"Twice the schedule moves the two means by {moves['mean'].iloc[0]:+.1f} "
              f"and {moves['mean'].iloc[1]:+.1f} points: by the plan's limit of "
              f"{study.LIMIT} the schedule of 40 epochs {word}.")
else:
    found.say("Whether 40 epochs are enough is open: of the 12 runs that decide it "
              f"{finished} {'is' if finished == 1 else 'are'} finished.")
print(found.sentences[-1])

# %% [markdown]
# ## What rounding alone does to a run
#
# Two runs were computed twice, from the same random numbers, by sums in another order ([the amendments](../book/plan.md) say why): one on
# one processor with two kinds of instructions; the short one of the pair that is apart above once on two threads and once on one. Below
# are the loss of the first epoch and the test accuracy of the last five.

# %%
for what, (run, both) in study.computed_twice().items():
    loss = abs(both["loss_now_more"].iloc[0] / both["loss"].iloc[0])
    then = 100 * both["test_accuracy"].tail(5).mean()
    now = then + 100 * both["test_accuracy_now_more"].tail(5).mean()
    print(f"other {what}: {run.describe()}\nafter one epoch the losses are "
          f"{100 * loss:.1f}% apart; at the end {then:.1f} and {now:.1f}% of the\n"
          "seconds are right\n")
    found.say(f"Rounded otherwise, with other {what}, the same run ends "
              f"{now - then:+.1f} points away.")

# %% [markdown]
# So a part of the spread between seeds comes from the order of sums. An interval over seeds holds both parts; the figure of a
# single run is at least as uncertain.
#
# On one thread the short run of that pair is the long one until the schedules part. So its move is that of the schedule, and the
# rule can be asked of three pairs that are alike in this:

# %%
again = both["loss"] + both["loss_now_more"]                         # of seed 2
longer, late = ends["VSCG, 80 epochs", 2]
assert np.allclose(again[:28], longer.history["loss"][:28], rtol=0,
                   atol=2e-6)                              # the record keeps six digits
move = [ends["VSCG, 80 epochs", seed][1] - ends["VSCG, 40 epochs", seed][1]
        for seed in (0, 1)] + [late - now]
print(f"on equal threads VSCG, seed 2, moves by {move[2]:+.1f} points, and the mean of "
      f"the three by {np.mean(move):+.1f}; the limit is {study.LIMIT}")
past = abs(np.mean(move)) > study.LIMIT
found.say(f"On equal threads the mean of VSCG moves by {np.mean(move):+.1f} points: "
          f"{'past the limit too' if past else 'within the limit'}.")

# %% [markdown]
# ## The tables
#
# What each table has so far, and which runs have not learnt what the rule in closed form knows of the same draw. Rows and
# differences stand in the chapters of the tables as soon as there is one.

# %%
floors = draws.loc[references.BESIDE[0]]
for name in ("I", "III", "IV", "V"):
    cells = [cell for cell in study.table(name, profile="standard", seeds=MOST).cells
             if cell.origin != "reported only"]            # of it there are no runs
    counts = [len(cell.records) for cell in cells]
    print(f"Table {name:3}: {len(counts) - counts.count(0)} of {len(counts)} rows and "
          f"settings have runs, {sum(counts)} in all")
    for cell in (cell for cell in cells if cell.records):
        for record, right in zip(cell.records, 100 * cell.per_clip().mean(1),
                                 strict=True):
            if right < floors[record.config.seed]:
                print(f"    below the floor of its draw: {cell.row.name}, "
                      f"{cell.setting}, seed {record.config.seed}, {right:.1f}%")

# %% [markdown]
# How much of the way from the plain network to the ceiling needs an attention over the picture? AVIN has none: it averages
# the regions, as the plain network does, but looks along time and multiplies sound with picture.

# %%
avin = next(cell for cell in study.table("I", profile="standard", seeds=MOST).cells
            if (cell.row.name, cell.setting) == ("AVIN", "fully"))
plain = draws.loc[references.BESIDE[1]]
for record, right in zip(avin.records, 100 * avin.per_clip().mean(1), strict=True):
    seed = record.config.seed
    sentence = (f"Without attention over the picture, AVIN ends at {right:.1f}% on "
                f"draw {seed}, fully supervised; the plain network has "
                f"{plain[seed]:.1f}%, the ceiling is {ceilings[seed]:.1f}%.")
    print(sentence)
    found.say(sentence)

# %% [markdown]
# Where it ends near the ceiling, an accuracy there is no sign that a system finds the source of the sound in the picture.
# [Chapter 17](17_sound_source_localisation.ipynb) looks at that itself.

# %% [markdown]
# ## Learnt, or learnt by heart?
#
# A run that ends below the floor has not learnt its training clips, or it has learnt them and little that holds for
# others. The training loss tells the two apart. $\mathcal L_{ce}$, the cross-entropy of each second's class, is the whole
# loss of several systems and a part of others; $e^{-\mathcal L_{ce}}$ is the geometric mean of the probability that the
# network gives the right class of a training second, under dropout. The plan did not ask this, so the rule is this
# page's own: a fully supervised run is *learnt by heart* if that probability, over the last five epochs, is 0.9 or more and
# the run ends below the floor of its draw.

# %%
told = {}
for name in ("I", "III", "IV", "V"):
    for cell in study.table(name, profile="standard", seeds=MOST).cells:
        if cell.setting != "fully" or not cell.records:
            continue
        for record, right in zip(cell.records, 100 * cell.per_clip().mean(1),
                                 strict=True):
            if "ce" in record.history:             # a run may stand in two tables
                told.setdefault(record.key, {
                    "row": cell.row.name, "seed": record.config.seed,
                    "loss": record.history["ce"].tail(5).mean(), "right": right,
                    "floor": floors[record.config.seed]})
told = pd.DataFrame(told.values())
told["probability"] = np.exp(-told["loss"])
heart = told[(told["probability"] >= 0.9) & (told["right"] < told["floor"])]
print(heart.sort_values(["row", "seed"]).round(3).to_string(index=False)
      if len(heart) else "no run is learnt by heart")
counts = heart["row"].value_counts()
found.say(f"Of {len(told)} fully supervised runs with a cross-entropy of each second "
          f"{len(heart)} {'is' if len(heart) == 1 else 'are'} learnt by heart, by this "
          "page's rule" + "".join(f"; {row}: {n}" for row, n in counts.items()) + ".")
assert told["loss"].gt(0).all() and told["right"].between(0, 100).all()

# %% [markdown]
# A dot for each of these runs, by its row:

# %% mystnb={"figure": {"caption": "Test accuracy of fully supervised runs over the cross-entropy that they end with on their training clips.", "name": "fig-by-heart"}, "image": {"alt": "Dots for single runs, one sign and colour for each row: the share of right test seconds over the training loss on a logarithmic axis, with the mean floor as a broken line."}}
fig, ax = plt.subplots(figsize=(plots.WIDTH, 6), layout="constrained")
for place, (row, part) in enumerate(told.groupby("row", sort=False)):
    ax.plot(part["loss"], part["right"], "osD^v"[place // len(plots.OTHERS)],
            color=plots.OTHERS[place % len(plots.OTHERS)], markersize=8, label=row)
ax.axhline(floors.mean(), color=plots.DARK, linestyle="--",
           label="floor, mean of the draws")
ax.set(xscale="log", xlabel="training loss $\\mathcal{L}_{ce}$, last five epochs",
       ylabel="right test seconds (%)")
fig.legend(loc="outside lower center", ncols=2)
plt.close(fig)
fig

# %% [markdown]
# A dot below the line, with a small training loss, is a network that knows its training clips and not the rule behind them.
# The printed rule below may call its row still learning, for its curve may rise a little; its training loss says how little
# is left to be learnt from these clips. Whether dropout, more clips or a smaller network would change it is not known: the
# plan varies none of them.

# %% [markdown]
# ## Still learning, or healing?
#
# While one of its two rows is *still learning*, a difference gets no word. The printed rule asks the last third of the
# validation curve: epochs 55 to 80. The learning rate falls for the first time after epoch 56, so two epochs at the first
# rate are in that window. At that rate a network can lose tens of points within an epoch and win them back, as the
# figure below shows; won back inside the window they count as learning. So the same rule is asked twice more: of epochs
# 57 to 80, all of them at the lower rates, and of the last quarter. A column says by how many points the line through its
# epochs rises; a star says that the rule, asked of these epochs, calls the row still learning.

# %%
display(study.paragraphs(statistics.LEARNING_RULE))
WINDOWS = {"55 to 80": 26, "57 to 80": 24, "61 to 80": 20}     # epochs at the end
lines, curves = {}, {}
for name in ("I", "III", "IV", "V"):
    for cell in study.table(name, profile="standard", seeds=MOST).cells:
        if not cell.records:
            continue
        curve = 100 * np.array([run.history["val_accuracy"] for run in cell.records])
        # The rule takes the last third: of the last 78, 72 and 60 epochs.
        asked = [statistics.course(curve[:, -3 * last:]) for last in WINDOWS.values()]
        assert asked[0].word == cell.course and curve.shape[1] == 80
        row = f"{cell.row.name}, {cell.setting}"
        curves[row] = curve.mean(0)                            # (80,)
        # What stands in several tables counts once.
        lines.setdefault(frozenset(run.key for run in cell.records), {
            "row": row, "seeds": len(curve),
            **{window: f"{one.slope * (last - 1):+.1f}"
                       + "*" * (one.word == "still learning")
               for (window, last), one in zip(WINDOWS.items(), asked, strict=True)}})
ends = pd.DataFrame(lines.values()).set_index("row")
learning = ends[list(WINDOWS)].apply(lambda column: column.str.endswith("*"))
print(ends[learning.any(axis=1)].to_string() if learning.any(axis=None)
      else "no row is still learning, in none of the windows")
by_rule, lower, last = learning.sum()
found.say(f"By the rule {by_rule} of {len(ends)} rows are still learning: its window "
          "begins two epochs before the learning rate falls. Of the epochs after that "
          f"fall alone it would say so of {lower}, of the last quarter alone of "
          f"{last}.")

# %% [markdown]
# The curves of the fully supervised rows of the primary family, means over their seeds:

# %% mystnb={"figure": {"caption": "Validation accuracy of the fully supervised rows of the primary family from epoch 41 on. The window of the rule for learning begins before the first fall of the learning rate.", "name": "fig-plan-window"}, "image": {"alt": "Accuracy over epochs 41 to 80, a line for each fully supervised row of the primary family that has runs. Vertical lines mark epoch 55, where the window of the rule begins, and the two falls of the learning rate after epochs 56 and 72."}}
shown = {"VSCG": "ISCE w/ CERE (full)", "VSCG without ESCM": "w/o ESCM",
         "VSCG with a prior of zero": "w/o ISCE", "VSCG with $L_c + L_t$":
         "VSCG, L_c + L_t", "PSP-Net": "PSP-Net",
         "PSP-Net with ESCM": "PSP-Net w/ ESCM"}
ended = {title: curves[f"{row}, fully"][40:] for title, row in shown.items()
         if f"{row}, fully" in curves}
plots.curves(range(41, 81), ended, "epoch", "validation accuracy (%)",
             {"the window begins": 54.5, "the rate falls": 56.5, "and again": 72.5})

# %% [markdown]
# The rule was there before the runs, so it stays and takes words away as it is written. A star in the column 57 to 80
# means that the row rises at the lower rates too, so the two epochs at the first rate are not the only reason. A number
# without a star is the rise of that row in that window, below what the rule asks; rows without any star are not listed. Whether more
# epochs would bring more, at these rates or at the first, the curves do not show.
#
# ## The primary family
#
# The eight differences that were named beforehand are judged once, when each has ten seeds. Until then they have intervals,
# and the last column says what is missing. The rule:

# %%
display(study.paragraphs(statistics.FAMILY_RULE))
results = [study.table(name, profile="standard", seeds=MOST)
           for name in ("III", "IV", "V")]
family = study.primary_family(results)
if family["seeds"].any():
    display(study.show_family(results))
waiting = (family["seeds"] < statistics.PLANNED).sum()
late = (family["word"] == "still learning").sum()
judged = [f"{line.name} {line.word}" for line in family.itertuples(index=False)]
said = [f"{waiting} of the {len(family)} differences of the primary family still wait "
        "for seeds; all are judged together, once each has them." if waiting else
        f"The primary family, by the rule: {'; '.join(judged)}."]
if waiting and late:
    said.append(f"In {late} of the {len(family)} a row is still learning by the rule: "
                "if that stays so, they get no word even with all their seeds.")
for sentence in said:
    found.say(sentence)
print(*said, sep="\n")

# %% [markdown]
# Weakly supervised, a row that is right in hardly any background second (a column in the chapters of the tables) names the clip and
# localises nothing, however near *the right event in every second* it ends; a difference of two such rows says nothing about
# localising.
#
# ## Three further questions
#
# Does the gain of ESCM grow where events of one class develop alike? What is the effect of the places where text and
# program differ? Both have intervals and no word. The third, in which order the systems stand, is asked in
# chapters [10](10_table_1_comparison.ipynb) and [13](13_table_4_plug_and_play.ipynb).

# %%
for name in ("dynamics", "letters"):
    result = study.table(name, profile="standard")
    rows = result.frame().query("seeds > 0")
    print(f"{name}, finished runs: {rows['seeds'].sum()}")
    shown = rows[["row", "setting", "mean", "low", "high", "seeds", "course"]]
    print(shown.to_string(index=False, float_format="{:.1f}".format))
    if len(result.differences()):
        display(result.show_differences())

# %% [markdown]
# The mechanism that the paper describes predicts that the gain of ESCM grows with dynamics. The difference of the two gains, on
# the seeds that all four rows have:

# %%
dynamics, gains = study.table("dynamics", profile="standard"), {}
for where in ("dynamics", "no dynamics"):
    pair = dynamics.pair(f"VSCG, {where}", f"w/o ESCM, {where}", "fully")
    gains[where] = {} if pair is None else {
        record.config.seed: 100 * gain for record, gain in
        zip(pair[0].records, pair[0].per_clip() - pair[1].per_clip(), strict=True)}
seeds = sorted(gains["dynamics"].keys() & gains["no dynamics"].keys())
if len(seeds) > 1:
    more = np.stack([gains["dynamics"][seed] - gains["no dynamics"][seed]
                     for seed in seeds])                                  # (S,N)
    mean, low, high = statistics.mean_interval(more)
    found.say("The gain of ESCM with dynamics minus the gain without: "
              f"{study.points(mean / 100, low / 100, high / 100)}, {len(seeds)} seeds, "
              f"{study.findable(statistics.smallest_of(more) / 100, 2)}.")
    print(found.sentences[-1])
else:
    print("fewer than two seeds have all four rows: no difference of gains yet")

# %% [markdown]
# ## What was established
#
# - The questions, the data, the schedule and the words are older than the runs; a test of the book compares the dates.
# - Every row that has a run is shown beside a floor and a ceiling, so that a row below the one or at the other is seen.
#   The data with dynamics have none of their own.
#
# ## What stays uncertain
#
# - Everything that has no run yet, as the first section counts it. A plan does not make its answers.
# - All of it is on generated data. None of it reproduces an accuracy of the paper.
#
# **Next:** [the plan](../book/plan.md), for the exact words.
