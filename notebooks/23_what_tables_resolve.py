# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What the paper's tables can resolve
#
# | Question | Which of the printed differences are larger than what chance alone brings about? |
# |---|---|
# | **Paper** | Tables I, III, IV and V |
# | **Needs** | nothing but arithmetic; [Table I](10_table_1_comparison.ipynb) and [the ablations](12_table_3_ablations.ipynb) for the rows' meaning |
# | **Run time** | seconds; nothing is trained |
# | **You will be able to verify** | how many of 46 margins exceed the chance in 402 clips and in a second run; that two pairs of rows are one network each; what others got from the published programs; and which programs choose by test |
#
# A table of accuracies invites us to rank its rows. Two kinds of chance stand in the way. Had other clips been drawn
# for the test split, every row would have another figure. Had the same program been started once more, it would have
# another figure too. Nobody needs a GPU to find out how large both are: one follows from the number of clips, the other
# from what people reported who ran the published programs.

# %% tags=["hide-input"]
import math

import numpy as np
import pandas as pd
import torch
from scipy.special import stdtrit

import vscg
from vscg import plots, study
from vscg.study import resolution

plots.set_style()

# %% [markdown]
# The parameter.

# %% tags=["parameters"]
DEVIATION = 30     # points a clip: spread of a paired difference; no paper gives it

# %% [markdown]
# What this page finds, collected from the cells below:

# %% tags=["hide-input"]
found = study.findings()

# %% [markdown]
# ## The chance in 402 clips
#
# Two systems are tested on the same clips, so what counts is the difference in each clip: the share of its ten seconds
# that one names rightly, minus the other's share. Let $\sigma_d$ be the standard deviation of this difference over
# clips. The mean over $n$ clips then has the standard error
#
# $$ \mathrm{SE} = \frac{\sigma_d}{\sqrt n}, \qquad n = 402. $$ (eq-resolve-se)
#
# The paper gives no $\sigma_d$. We take it to lie between 15 points, for two systems that nearly always agree, and 35
# points, for two that are built differently. Here is one margin by hand, VSCG over PSP-Net, fully supervised:

# %% tags=["nbval-check-output"]
by_hand = 79.7 - 77.8
for deviation in resolution.PER_CLIP:
    error = deviation / math.sqrt(resolution.CLIPS)
    least = resolution.smallest_margin(deviation)
    print(f"{deviation:.0f} points a clip: standard error {error:.2f}, margin "
          f"{by_hand:.1f} is {by_hand / error:.1f} of them; "
          f"{least:.1f} points are needed")

# %% [markdown]
# At 15 points a clip the margin of 1.9 is more than chance. At 30 it is not. So the answer hangs on a number that a
# paper could print at no cost: the standard deviation of the paired difference over clips.
#
# Now 46 printed margins: eight of VSCG over PSP-Net, CSS-Net and DMIN, which the text names, and over CMBS; and pairs of
# rows of Tables III, IV and V.

# %% tags=["nbval-check-output"]
margins = resolution.margins()
columns = {f"{deviation:.0f} points a clip": f"z{deviation:.0f}"
           for deviation in resolution.PER_CLIP}
exceed = pd.DataFrame({
    title: (margins[column].abs() > 1.96).groupby(margins["table"]).sum()
    for title, column in columns.items()})
exceed.insert(0, "margins", margins.groupby("table").size())
exceed.loc["all"] = exceed.sum()
print("margins that exceed 1.96 standard errors, by table")
print(exceed.to_string())
assert exceed.loc["all", "margins"] == 46

# %% mystnb={"figure": {"caption": "At 30 points a clip only margins over AVEL, one over the row with zeros for a prior and one over CSS-Net are larger than chance. VSCG's margins over PSP-Net, CMBS and DMIN are not.", "name": "fig-resolve-margins"}, "image": {"alt": "Four rows of dots, one for each table, and three vertical lines. Most dots lie left of the middle line at 2.9 points; six lie right of it, in Tables I, III and IV."}}
titles = {"I": "Table I,\nover rivals", "III": "Table III", "IV": "Table IV",
          "V": "Table V"}
plots.margin_figure(
    margins.assign(group=margins["table"].map(titles)),
    {f"chance at {deviation:.0f} points a clip": resolution.smallest_margin(deviation)
     for deviation in resolution.PER_CLIP})

# %% [markdown]
# A dot left of a line does not say that two systems are equal. It says that 402 clips cannot tell them apart at that
# $\sigma_d$. These are the margins right of the middle line, or beyond chance at your own `DEVIATION`:

# %% tags=["nbval-check-output"]
beyond = margins[margins["margin"].abs() > resolution.smallest_margin(DEVIATION)]
error = DEVIATION / math.sqrt(resolution.CLIPS)
print(f"{len(beyond)} margins exceed chance at {DEVIATION} points a clip")
for line in beyond.itertuples():
    print(f"Table {line.table:3} {line.first} minus {line.second}, {line.setting}: "
          f"{line.margin:.1f} points, {line.margin / error:.1f} standard errors")
middle = margins[margins["z30"].abs() > 1.96]["second"].value_counts()
assert middle.to_dict() == {"AVEL": 4, "w/o ISCE": 1, "CSS-Net": 1}
over = (beyond["second"] + ", " + beyond["setting"])[beyond["table"] == "I"]
found.say(f"{len(beyond)} of the {len(margins)} margins exceed 1.96 standard errors of "
          f"402 clips at {DEVIATION} points a clip. VSCG's margins in Table I among "
          f"them: {'; '.join('over ' + rival for rival in over) or 'none'}.")

# %% [markdown]
# ## The chance in a second run
#
# The second kind of chance is the run itself: the first weights, the order of clips, the dropout. The paper gives one
# figure for each row. But people who ran the published programs have reported theirs, in issues and in papers. The book
# keeps a ledger of them with their sources.

# %%
ledger = resolution.reproductions()
ledger["name"] = ledger["system"] + ", " + ledger["setting"]
text = ledger.drop(columns="name").fillna({"date": ""})
text = text.assign(published=text["published"].map("{:.1f}".format),
                   obtained=text["obtained"].map("{:g}".format))
study.styled(text, "Reproductions on AVE, accuracy in percent.", "ledger")

# %% mystnb={"figure": {"caption": "No figure in the ledger exceeds the published one; three equal it to the printed digit.", "name": "fig-resolve-ledger"}, "image": {"alt": "Nine rows, each with a diamond for the published accuracy at the right end and one to three dots at it or to its left, one of them two equal reports."}}
plots.ledger_figure(ledger)

# %% [markdown]
# Programs that choose their checkpoint by test accuracy publish a maximum. It is no surprise that a second run lies
# lower. The paper's stars in Table IV mean "reproduced by us"; AVEL's two are the published figures, to the digit. The
# spread between runs follows from PSP-Net, CMBS and DMIN. The published figure counts as one run of its group, though it
# may be the best of many looks, and one entry is a released checkpoint and no second training.

# %% tags=["nbval-check-output"]
spread, low, high, freedom = resolution.run_to_run()
print(f"standard deviation of a run: {spread:.2f} points, 95% interval {low:.2f} to "
      f"{high:.2f} ({freedom} degrees of freedom)")
two_runs = stdtrit(freedom, 0.975) * math.sqrt(2) * spread       # Student's t
print(f"two single runs of one program differ by more than {two_runs:.2f} points "
      "in one case of twenty")
assert round(spread, 1) == 0.8
larger = margins["margin"].abs() > two_runs
within_least = margins["margin"].abs() < math.sqrt(2) * 1.96 * low
assert within_least.mean() > 0.5
print(f"{larger.sum()} of {len(margins)} margins are larger")
found.say(f"Two single runs of one program differ by more than {two_runs:.2f} points "
          "in one case of twenty.")
below = (ledger["obtained"] <= ledger["published"]).sum()
checkpoints = ledger["source"].str.contains("checkpoint").sum()
found.say(f"Of {len(ledger)} reports, {checkpoints} of them on the authors' own "
          f"weights, {len(ledger) - below} exceed the published figure.")
assert (ledger["obtained"] <= ledger["published"]).all()

# %% [markdown]
# Eleven degrees of freedom are few, and the interval is wide. Its lower end still leaves most of the margins within what
# two runs of one and the same program may differ.
#
# ## Two rows, one network
#
# The tables hold one test of repeatability, which the paper does not mention. A row of one table and a row of another
# describe the same network, trained with the same loss. Let us build both, give one the weights of the other, and compare what they
# say of a clip, to the last bit.

# %% tags=["nbval-check-output"]
TWINS = [(("III", "w/o ESCM"), ("V", "PSP-Net, L_fully")),
         (("IV", "PSP-Net w/ ESCM"), ("V", "VSCG, L_ce + 100 L_avps"))]


def row_of(table, name):
    return next(row for row in study.TABLES[table].rows if row.name == name)


clip = torch.rand(1, 10, 128), torch.rand(1, 10, 7, 7, 512)
for pair in TWINS:
    first, second = (row_of(*where) for where in pair)
    one, other = (vscg.build_model(row.run["system"], setting="fully",
                                   **row.run.get("model_options", {})).eval()
                  for row in (first, second))
    # ESCM is called a plug where it stands in another system: only the names differ.
    other.load_state_dict({name.replace("plug.", "escm."): values
                           for name, values in one.state_dict().items()})
    with torch.no_grad():
        a, b = one(*clip), other(*clip)
    for what in ("event_relevance", "event_category", "segment_logits", "similarity"):
        ours, theirs = getattr(a, what), getattr(b, what)
        assert ours is theirs is None or torch.equal(ours, theirs)
    sizes = [tuple(values.shape) for values in one.parameters()]
    print(f"Table {pair[0][0]}, {first.name}: {first.paper['fully']}%   "
          f"Table {pair[1][0]}, {second.name}: {second.paper['fully']}%")
    print(f"    the same {len(sizes)} tensors, "
          f"{sum(math.prod(size) for size in sizes):,} parameters")
    rows = [f"{row.name} (Table {table}, {row.paper['fully']}%)"
            for (table, _), row in zip(pair, (first, second), strict=True)]
    found.say(f"{' and '.join(rows)} are one network.")

# %% [markdown]
# The losses are the same as well. What differs is dropout, 0.2 in VSCG's propagation and 0.1 in PSP-Net's; in the second pair
# also the rate after ISCE, 0.1 in VSCG's program and 0.2 in ESCM beside another system. VSCG's published schedule also
# has one decay more, after epoch 240. These are the only two pairs of its authors' own rows that are one network: one
# differs by 0.4 points, as much as VSCG's margin over CMBS, the other one agrees to the digit.
#
# ## Who chooses by what
#
# A test split that chooses the checkpoint is no test split. [Chapter 8](08_training_fully.ipynb) shows what choosing by
# test is worth. How common is it?

# %%
chosen = resolution.selections()
study.styled(chosen, "By which split programs for this task choose what they report.",
             "selection")

# %% tags=["nbval-check-output"]
print(chosen["chosen by"].value_counts().to_string())
by_test = (chosen["chosen by"] == "test").sum()
assert (by_test, len(chosen)) == (10, 12)
found.say(f"{by_test} of {len(chosen)} programs for this task choose by test what they "
          "report, have no validation step, or begin with a checkpoint that test "
          "chose.")

# %% [markdown]
# Two programs, AVEL's and CPSP's, keep the test split for testing. Accuracies of most others are maxima over the clips on
# which they are reported, so a gap between two of them also depends on how often each program looked. STG-CMA has no
# validation clips, and AVMOE begins with a checkpoint that the test clips chose. One more program, of Ge et al. (2023), is not
# counted: it saves by validation and prints the best test accuracy beside that. The leaderboard on which such figures stood side by side,
# Papers with Code, closed in July 2025.

# %% [markdown]
# ## Exercises
#
# Try each before you open its solution. Every solution ran with this notebook and ends in a check. In Jupyter Lab its
# code and its output are folded: click on the three dots.
#
# ### Exercise 1 (easy): how many clips?
#
# Guess first: how many test clips would resolve VSCG's margin over DMIN, 0.1 points, at 30 points a clip?
#
# <details>
# <summary>Solution 1: the reasoning</summary>
#
# Solve $1.96\,\sigma_d / \sqrt n = 0.1$ for $n$: $n = (1.96 \cdot 30 / 0.1)^2$, about 346,000 clips, or 860 test splits
# of AVE's size. Even then a second run would move both figures by more.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 1: the code and its output", "code_prompt_show": "Solution 1: the code and its output"} tags=["hide-cell", "nbval-check-output"]
needed = (1.96 * 30 / 0.1) ** 2
print(f"{needed:,.0f} clips, "
      f"{needed / resolution.CLIPS:,.0f} test splits of AVE's size")
more = math.sqrt(needed / resolution.CLIPS)       # times as small a margin
assert math.isclose(resolution.smallest_margin(30) / more, 0.1)
assert 859 < more**2 < 861

# %% [markdown]
# ### Exercise 2 (medium): the best of several looks
#
# A network hovers around 77 points, and each evaluation adds independent noise with a standard deviation of 0.8. What
# does a program publish that looks 59 times and keeps the highest? Guess, then simulate.
#
# <details>
# <summary>Solution 2: the reasoning</summary>
#
# The highest of 59 normal draws lies about 2.3 standard deviations above their mean, that is about 1.9 points. Looks
# of one run are not independent, so the true gain is smaller; but it never has the other sign.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 2: the code and its output", "code_prompt_show": "Solution 2: the code and its output"} tags=["hide-cell", "nbval-check-output"]
looks = 77 + 0.8 * np.random.default_rng(0).standard_normal((100_000, 59))
print(f"published on average: {looks.max(1).mean():.1f}")
assert 78.7 < looks.max(1).mean() < 79.0

# %% [markdown]
# ## What was established
#
# - Of 46 printed margins six exceed 1.96 standard errors of 402 clips at 30 points a clip: four over AVEL, one over the
#   row without a prior and one over CSS-Net. At 15 points a clip it is more, at 35 fewer; the table above
#   counts them.
# - VSCG's margins over DMIN, CMBS and PSP-Net are not among them, in either setting.
# - A run of one program has a standard deviation of 0.8 points, by the ledger, with a wide interval.
# - "w/o ESCM" and "PSP-Net, L_fully" are one network with one loss, and so are "PSP-Net w/ ESCM" and VSCG with
#   $\mathcal L_{ce} + 100\,\mathcal L_{avps}$.
# - No figure in the ledger exceeds what was published, and two of twelve programs choose by validation.
#
# ## What stays uncertain
#
# - How much two systems differ from clip to clip. A paper could print it at no cost, and none does.
# - How far reports are like runs. Whoever obtained the published figure had less reason to write about it, so the ledger may
#   hold too few good runs; and a published figure that is the best of many looks makes the spread larger.
# - Whether VSCG is better than its rivals. None of this says that it is not; it says that these tables cannot show it.
#
# **Next:** [real pictures and sounds](24_real_pictures_and_sounds.ipynb) shows where seven systems look in photographs.
