# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Speed and scale
#
# | Question | How much faster than a plain published loop does the package train, what of it pays, and how far is it from the machine's limit? |
# |---|---|
# | **Paper** | Table VI (supplement): a training in 54 minutes, on the GTX 1080 of Sec. IV-A [(Jiang et al., 2023)](../book/references.md) |
# | **Needs** | [training, fully supervised](08_training_fully.ipynb), [Table VI](15_table_6_cost.ipynb) |
# | **Run time** | about 10 s on one CPU core; the measurements that it shows are records, and took longer |
# | **You will be able to verify** | that both loops train alike; the operations of a step, counted by hand and by torch; each change alone against noise; where the time goes; what rounded products do to accuracy; the bytes that a whole run reads; what a clip costs in every system, now, on your machine |
#
# The network is the same in this chapter, and so are the losses. Only what surrounds it differs: where the features lie,
# how a batch comes about, what happens to freed memory, how often files are read.

# %% [markdown]
# The imports, and the style of all figures.

# %% tags=["hide-input"]
import textwrap
import time

import numpy as np
import pandas as pd
import torch
from torch.utils import mkldnn
from torch.utils.flop_counter import FlopCounterMode

import vscg
from vscg import plots, study
from vscg.data import Dataset
from vscg.machine import rounding
from vscg.study import deviations, speed
from vscg.training import batches

plots.set_style()

# %% [markdown]
# The parameters. They are those of two small measurements that run here; everything else comes from records.

# %% tags=["parameters"]
BATCH = 4         # clips of a batch
ROUNDS = 3        # turns that count
THREADS = 1       # of the process

# %% [markdown]
# What the records and the counts on this page say, collected from the cells below:

# %% tags=["hide-input"]
found = study.findings()

# %% [markdown]
# ## Two ways to a batch
#
# The official feature files hold numbers of 8 bytes. The published loop reads them whole into memory and copies each
# clip of a batch into a buffer of 4-byte numbers, one after the other. The package keeps the maps as numbers of 2 bytes
# and widens them on their way into the batch. In small, with 12 clips:

# %%
g = np.random.default_rng(0)
stored = g.random((12, 10, 7, 7, 512), np.float32).astype(np.float16)
stored = stored.astype(np.float64)                          # as in the official file
rows = torch.tensor([7, 2, 11, 4])
buffer = np.zeros((len(rows), *stored.shape[1:]), np.float32)
for place, row in enumerate(rows.tolist()):
    buffer[place] = stored[row]

toy = Dataset(name="toy", fingerprint="0", path=speed.FOLDER,
              visual=stored.astype(np.float16),
              audio=np.zeros((12, 10, 128), np.float32),
              labels=np.zeros((12, 10, 29), np.float32),
              category=np.zeros(12, np.int64), splits={}, video_ids=())
gathered = batches.Features(toy, torch.device("cpu")).batch(rows)[1]
assert torch.equal(torch.from_numpy(buffer), gathered)
print(f"{stored.nbytes / 1e6:.1f} MB against {toy.visual.nbytes / 1e6:.1f} MB; "
      f"the batches are equal: {torch.equal(torch.from_numpy(buffer), gathered)}")

# %% [markdown]
# They are equal because these values need no more than 2 bytes. Real features lose a relative 0.0005 at most, once, when
# the file is prepared. `python -m benchmarks` uses values like these, so both loops see the same numbers and must
# report the same losses; a test holds them to it.
#
# ## What a step costs at least
#
# A processor can do no more than $P$ operations a second and move no more than $\beta$ bytes a second. A step of $F$
# operations and $M$ bytes therefore lasts at least
#
# $$ t \ge \max\left(\frac{F}{P}, \frac{M}{\beta}\right) $$ (eq-roofline)
#
# In code $F$ is `flops`, $M$ is `bytes`, $P$ is `product` and $\beta$ is `copy`. Most of $F$ is one product: AGVA maps
# the 512 values of each of 49 regions of each of 10 segments to 512 others, and the pass backward makes a second product
# of that size, for the weights. By hand, for a clip, and what torch counts in a whole step:

# %% tags=["nbval-check-output"]
largest = 2 * (10 * 49) * 512 * 512       # a product and a sum: weight by region
labels = torch.zeros(2, 10, 29)
labels[..., 0] = 1


def step_flops(system: str) -> float:
    """What torch counts in a whole step, for a clip."""
    silence = torch.zeros(2, 10, 128), torch.zeros(2, 10, 7, 7, 512)
    with FlopCounterMode(display=False) as counter:
        output = vscg.build_model(system)(*silence)
        vscg.build_objective(system)(output, labels)[0].backward()
    return counter.get_total_flops() / 2


counted = step_flops("vscg")
print(f"AGVA's product: {largest / 1e6:.1f} million FLOP forward, "
      f"{2 * largest / 1e6:.1f} with the pass backward")
print(f"a whole step:   {counted / 1e6:.1f} million, "
      f"{100 * 2 * largest / counted:.0f}% of it this product")
found.say(f"One product, AGVA's, makes {100 * 2 * largest / counted:.0f}% of the "
          "operations of a training step.")

# %% [markdown]
# torch passes over LSTMs, which run as one call. Their operations are added by formula, as in
# [Table VI](15_table_6_cost.ipynb), times three for forward and backward.
#
# :::{admonition} Change this and see
# :class: tip
# Guess first: is this product as large a share of other systems? Write `"avel"` for `"vscg"` and run the cell; a check further
# down stops then, for the record is VSCG's. The next cell counts three others. A count has no seed.
# :::

# %% mystnb={"code_prompt_hide": "The answer: the code and its output", "code_prompt_show": "The answer: the code and its output"} tags=["hide-cell", "nbval-check-output"]
for name in ("avel", "cmra", "avt"):
    other = step_flops(name)
    print(f"{name}: {other / 1e6:,.0f} million, {100 * 2 * largest / other:.0f}% of it "
          "a product of this size")

# %% [markdown]
# AVEL has the same product and little beside it; CMRA and AVT have larger products of their own.
#
# ## The records
#
# Everything from here to the last section was measured with `python -m benchmarks` and is kept in `book/records`.
# Both records are older than the package's present layout.
# Each arm of a comparison is a process of its own, because the allocator's setting holds for a whole process. The
# processes take short turns, A B A B; ratios are taken within a round, so that what else the machine does hits both.
# Sessions begin anew with other processes. The median and the quartiles over all rounds are shown.

# %% tags=["nbval-check-output"]
records = speed.read_speed()
cpu = records["cpu"]
for kind, record in cpu.items():
    print(textwrap.fill(f"{kind:8} {speed.describe(record)}", 88,
                        subsequent_indent=9 * " "))

# %% [markdown]
# Look at the load. A load far above the number of cores makes all seconds too long, and then only ratios mean anything.
#
# $F$ is in the record too. It must be what was just counted:

# %% tags=["nbval-check-output"]
step = cpu["step"]
cost = step["cost"]                       # torch may count LSTMs here
assert counted - cost["counted_flops"] in (0, cost["recurrent_flops"])
floor = speed.roofline(step)
print(f"batch {step['batch']}, {step['setting']} supervised: "
      f"{floor['flops'] / 1e9:.1f} GFLOP a step, "
      f"{floor['lstm_flops'] / 1e9:.1f} of them in LSTMs")
print(f"bytes, if nothing stays in a cache: {floor['bytes'] / 1e9:.1f} GB")
print(f"at best: {floor['product'] / 1e9:.0f} GFLOP/s in torch's product for AGVA, "
      f"{floor['copy'] / 1e9:.0f} GB/s")
print(f"floor: {floor['flops'] / floor['product']:.3f} s for arithmetic, "
      f"{floor['bytes'] / floor['copy']:.3f} s for memory")

# %% mystnb={"figure": {"caption": "The speed of a step under the machine's roof: both loops stand under the flat part, so arithmetic bounds them and not memory.", "name": "fig-roofline"}, "image": {"alt": "Speed over arithmetic intensity, both logarithmic: a roof that rises and then stays flat, with one dot for the published loop and one for the package under it."}}
plots.roofline_figure(floor)

# %% [markdown]
# The dots carry the load of the machine, the roof hardly: its best value counts. So the share that a loop reaches is
# taken against the product's speed in the same round:

# %% tags=["nbval-check-output"]
for arm in (speed.BASE, speed.OURS):
    print(f"{arm:10} {100 * floor[f'{arm}_share']:3.0f}% of the product's speed in the "
          "same round")
left = 1 / floor[f"{speed.OURS}_share"]
print(f"a step without anything but arithmetic would be {left:.2f} times faster than "
      "the package's")
found.say(f"The package's step reaches {100 / left:.0f}% of that product's own speed "
          f"on the recorded processor, so at most a factor {left:.2f} is left to gain "
          "in single precision with torch's product.")

# %% [markdown]
# That factor is what is left to gain in single precision with this library's product.
#
# ## What pays
#
# A rule first. The published loop runs twice, in two processes: what these differ by is noise. A change **pays** if the
# lower quartile of its ratio lies above both 1 and the upper quartile of the noise, and it **costs** in the mirrored
# case. The clock that decides is the wall clock if the load before the measurement was below half the cores, else the
# processor's, which stands still while another program has the core. `vscg` is the package's training with all its
# changes; every other row is the published loop with one change.

# %% tags=["nbval-check-output"]
CLOCKS = {"wall clock": "seconds", "processor's clock": "cpu_seconds"}


def judge(step: dict) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Prints each arm's ratio and whether it pays.

    Returns the ratios by both clocks, the deciding one first, and the arms that pay.
    """
    quiet = step["load"]["before"][0] < step["cores"] / 2
    names = ["processor's clock", "wall clock"]
    clocks = {name: speed.step_ratios(step, CLOCKS[name])
              for name in sorted(names, reverse=quiet)}
    deciding = next(iter(clocks))
    noise = clocks[deciding].loc["published again"]
    paying = []
    print(f"by the {deciding}, times faster than the published loop:")
    for arm, row in clocks[deciding].iterrows():
        verdict = "pays" if row["low"] > max(1, noise["high"]) else "within noise"
        verdict = "costs" if row["high"] < min(1, noise["low"]) else verdict
        print(f"{arm:16} {row['median']:.2f} ({row['low']:.2f} to {row['high']:.2f}): "
              f"{verdict}")
        paying += [arm] * (verdict == "pays")
    return clocks, paying

# %% [markdown]
# Judged so, the record says:

# %% tags=["nbval-check-output"]
clocks, paying = judge(step)
ours, first = clocks[next(iter(clocks))].loc[speed.OURS], next(iter(clocks))
found.say(f"By the {first} a step of the package is {ours['median']:.2f} times as fast "
          f"as the published loop's (quartiles {ours['low']:.2f} to "
          f"{ours['high']:.2f}). By the rule, these pay: "
          f"{', '.join(paying) or 'none'}.")

# %% [markdown]
# The two published processes are one and the same program, so the package can be held against either:

# %% tags=["nbval-check-output"]
for clock, what in CLOCKS.items():
    for base in (speed.BASE, "published again"):
        r = speed.ratios(step["groups"]["main"], base, what).loc[speed.OURS]
        print(f"by the {clock}, times faster than {base!r}: "
              f"{r['median']:.2f} ({r['low']:.2f} to {r['high']:.2f})")

# %% mystnb={"figure": {"caption": "One optimiser step, times faster than the published loop: the package, and each change alone, with the same loop in a second process as a control.", "name": "fig-speedups"}, "image": {"alt": "For each arm two dots with quartile bars, one by the wall clock and one by the processor's clock, on an axis of ratios with a line at 1 and a shaded band for the control."}}
plots.speedup_figure(clocks)

# %% [markdown]
# The band is the noise by the clock that decides. Long bars of the wall clock mean that other programs had the cores. Hold the row
# `allocator` against that of all changes together.
#
# Why would an allocator matter? A step takes and frees buffers of hundreds of megabytes. The C library gives each back
# to the system at once, and taking it anew costs a fault for every page of 4 KB. `vscg` asks the library, when it is
# imported, to keep what is freed, and torch to ask for pages of 2 MB.

# %%
rows = pd.concat([pd.DataFrame(group) for name, group in step["groups"].items()
                  if name in ("main", "allocator")])
rows = rows[rows["arm"].isin([speed.BASE, "published again", "allocator", speed.OURS])]
columns = ["page_faults", "system_seconds", "cpu_seconds"]
taken = rows.groupby("arm")[columns].median()
taken["peak (MiB)"] = rows.groupby("arm")["peak_host"].max() / 2**20
in_system = 100 * taken["system_seconds"] / taken["cpu_seconds"]
shown = pd.DataFrame({
    "arm": taken.index,
    "page faults a step": taken["page_faults"].map("{:,.0f}".format),
    "processor time in the system (%)": in_system.map("{:.1f}".format),
    "peak memory (MiB)": taken["peak (MiB)"].map("{:,.0f}".format)})
faults = taken["page_faults"]
found.say(f"With memory that is kept page faults go: {faults[speed.BASE]:,.0f} a step "
          f"in the published loop, {faults[speed.OURS]:,.0f} in the "
          "package.")
study.styled(shown, f"What a step of batch {step['batch']} asks of the system.",
             "speed-faults")

# %% [markdown]
# The published loop stands there twice. Its two processes differ in page faults by chance alone: what the library gives back
# depends on where its blocks happen to lie in a process. So a process can be slower than its twin for all its life, and
# a ratio of two processes carries that. The control and the sessions are there to show it.
#
# ## Where the time goes
#
# torch's profiler tells for each operator how long it took. Sorted into a few groups, for the published loop and for the
# package, in turns of their own (`python -m benchmarks profile`):

# %%
profile = cpu["profile"]
table = speed.profile_table(profile)
saved = (1000 * (table[speed.BASE] - table[speed.OURS])).round().astype(int)
shown = pd.DataFrame({"what": table.index,
                      **{f"{loop} (ms)": (1000 * table[loop]).map("{:.0f}".format)
                         for loop in (speed.BASE, speed.OURS)},
                      "saved (ms)": saved.map("{:+d}".format)})
study.styled(shown, f"What a step of batch {profile['batch']} spends its time on, "
             f"median; {profile['device']}, {profile['date'][:10]}.", "speed-profile")

# %% mystnb={"figure": {"caption": "A step by groups of operators: what the package saves lies around AGVA's large products, not in them.", "name": "fig-profile"}, "image": {"alt": "Horizontal bars in pairs, published loop and package, for each group of operators; AGVA's largest products are the longest pair and nearly equal, the pairs for ReLU and for other products differ most."}}
plots.profile_figure(table)

# %% [markdown]
# A fault is counted where a new page is first written: each operator that fills a large new tensor pays for it, a ReLU as
# much as a product. That is why keeping memory makes ReLUs faster. What the profiler itself costs is in both columns.

# %% tags=["nbval-check-output"]
product = table.loc[table.index[0]]
for loop in (speed.BASE, speed.OURS):
    print(f"{table.index[0]}: {100 * product[loop] / table[loop].sum():.0f}% of the "
          f"time of {loop}")
around = table.drop(index=table.index[0]).sum()
print(f"everything else takes {around[speed.BASE] / around[speed.OURS]:.2f} times less "
      "in the package")

# %% [markdown]
# ## Another processor
#
# What pays depends on the processor. The same command on one whose vectors are twice as wide and that has instructions
# for bf16, and with an earlier state of the package, which gathered the rows of a batch in torch's slower way, let the C
# library give back what went beyond 2 GB, and asked for small pages:

# %% tags=["nbval-check-output"]
other = records["cpu_avx512"]["step"]
print(textwrap.fill(speed.describe(other), 88))
_, there = judge(other)
found.say("On another processor, with an earlier state of the package, these pay: "
          f"{', '.join(there) or 'none'}.")
for name, record in (("above", step), ("here", other)):
    at = speed.roofline(record)
    print(f"{name}: {at['product'] / 1e9:.0f} GFLOP/s in AGVA's product at best; "
          f"the package's step reaches {100 * at[f'{speed.OURS}_share']:.0f}% of it")

# %% [markdown]
# The faster the product, the larger the share of a step that is spent on everything else, which waits for memory.
#
# ## Tried, and left out
#
# - **Adam in one kernel** (`fused`) and **both CERE passes as one call**: see the rows above. The one call stays because
#   it is as short as two; on a GPU, where starting a kernel costs, Adam is fused.
# - **bf16 autocast** pays on processors that have the instructions: rows `bf16` and `vscg bf16` of the second record. The
#   package then gathers the maps as bf16 too, which saves two conversions of the largest tensor. bf16 rounds, so it is a
#   choice, `RunConfig(precision="bf16")`, never the default. The next section says what it does to accuracy.
# - **AGVA's ReLU in place** saves the largest tensor of a step, and yet cost time when it was tried once, without a record: torch
#   copies a view that was changed in place in the pass backward. Left out.
# - **A hand-written gradient for AGVA**, in chunks that fit the cache, was as fast as torch's when it was tried once, without a record: the two products take
#   most of its time, and they run at the same speed either way. Left out.
# - **AGVA's product in another library**. On a CPU torch takes MKL's product, or that of another BLAS that it was built
#   with; oneDNN has one too, which torch offers for inference alone. Here they are, in turn, on the shapes of `BATCH` clips:

# %%
torch.set_num_threads(THREADS)
layer, regions = torch.nn.Linear(512, 512).eval(), torch.rand(BATCH * 490, 512)


def seconds(work) -> float:
    """Processor seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


if torch.backends.mkldnn.is_available():
    there, placed = mkldnn.to_mkldnn(layer), regions.to_mkldnn()
    with torch.no_grad():
        torch.testing.assert_close(there(placed).to_dense(), layer(regions))
        turns = pd.DataFrame([(seconds(lambda: layer(regions)),
                               seconds(lambda: there(placed)))
                              for _ in range(30)][5:], columns=["torch", "oneDNN"])
    ratio = turns["torch"] / turns["oneDNN"]
    low, median, high = ratio.quantile([0.25, 0.5, 0.75])
    print(f"torch's product takes {median:.2f} times as long as oneDNN's "
          f"(quartiles {low:.2f} to {high:.2f})")
else:
    print("this torch was built without oneDNN")

# %% [markdown]
# Near 1 both use the same instructions. On a processor by AMD with 512-bit vectors the line lies well above 1 (seen once, without a record): MKL takes its instructions
# for these on its maker's processors alone, and "at best" further up is then MKL's best, not the processor's. No setting changes
# that. The package leaves it so; who trains for days on such a machine can make MKL take them in the way that
# [torch's packagers name](https://github.com/pytorch/builder/pull/1245). A step then gains less than its product: the rest stays.
#
# ## What rounding does to accuracy
#
# Tensor cores are fast because they round the factors of a product: a float32 has 23 bits of mantissa, TF32 keeps 10 of
# them and bf16 keeps 7, and bf16 autocast stores what comes out as bf16 too. The sums are taken in float32. A processor
# without such instructions can do the same by rounding first and multiplying in float32: `RunConfig(precision="tf32")`
# does that on every CPU, `"bf16"` on one without bf16. So any CPU can tell what they do to accuracy:

# %% tags=["nbval-check-output"]
g = torch.Generator().manual_seed(0)
a, b = torch.rand(64, 512, generator=g), torch.rand(512, 64, generator=g)
exact = a.double() @ b.double()
products = {"TF32": rounding.round_tf32(a) @ rounding.round_tf32(b),
            "bf16": a.bfloat16().float() @ b.bfloat16().float()}
for bits, product in products.items():
    print(f"{bits}: sums of 512 products of rounded factors, "
          f"relative error {((product - exact) / exact).abs().max():.0e}")

# %% [markdown]
# VSCG, fully supervised, on planted-mini, seed by seed with and without rounding, like the pairs of
# [chapter 20](20_deviations.ipynb); 95% intervals over seeds and clips:

# %%
sample = study.load_study()
rounded = sample.effects(deviations.ROUNDINGS)
shown = pd.DataFrame({
    "rounded to": rounded["row"], "accuracy (%)": rounded["first"].map("{:.1f}".format),
    "float32 (%)": rounded["second"].map("{:.1f}".format),
    "difference (points)": [f"{r.difference:+.1f} ({r.low:+.1f} to {r.high:+.1f})"
                            for r in rounded.itertuples()]})
values = sample.values
study.styled(shown, f"Test accuracy with rounded products, {values['data']}, "
             f"{rounded['seeds'].iloc[0]} seeds, 4 epochs; {values['device']}, "
             f"{values['finished'][:10]}.", "speed-rounding")

# %% tags=["nbval-check-output"]
for r in rounded.itertuples():
    seen = "no effect is seen" if r.low <= 0 <= r.high else "an effect is seen"
    most = max(abs(r.low), abs(r.high))
    print(f"{r.row}: {seen}; the 95% interval reaches {most:.1f} points from 0")
    found.say(f"Products with factors rounded to {r.row}: {seen} on accuracy after 4 "
              f"epochs over {r.seeds} seeds; the 95% interval reaches "
              f"{most:.1f} points from 0.")

# %% [markdown]
# An interval that holds 0 is no proof that rounding does nothing: it says how large an effect could still be. And after so
# few epochs the networks still learn, so what is seen may be slower learning as well as a worse end. The default stays
# float32.
#
# ## Epochs and whole runs
#
# A step leaves out what the published loop does between epochs: for every evaluation it reads all feature files again,
# and passes its whole split at once. The stand-in data of the benchmark have AVE's proportions of training, validation
# and test clips.

# %%
def lines(record: dict) -> pd.DataFrame:
    """What each arm took, and how many times faster it was, for a table."""
    rows = pd.DataFrame(record["rows"])
    median = rows.groupby("arm")[["seconds", "bytes_read"]].median()
    faster = {arm: f"{r['median']:.2f} ({r['low']:.2f} to {r['high']:.2f})"
              for arm, r in speed.ratios(record["rows"]).iterrows()} | {speed.BASE: "1"}
    peak = rows.groupby("arm")["peak_host"].max()[median.index] / 2**20
    return pd.DataFrame({
        "arm": median.index, "seconds": median["seconds"].map("{:.1f}".format),
        "times faster": [faster[arm] for arm in median.index],
        "read (GB)": (median["bytes_read"].astype(float) / 1e9).map("{:.2f}".format),
        "peak memory (MiB)": peak.map("{:,.0f}".format)})


epoch = cpu["epoch"]
study.styled(lines(epoch), f"An epoch of {epoch['steps']} steps of {epoch['batch']} "
             f"clips, then both evaluations; {epoch['clips']} clips.", "speed-epoch")

# %% [markdown]
# The column of bytes is the difference that no noise touches. And whole runs:

# %%
run = cpu["run"]
study.styled(lines(run), f"Whole runs of {run['epochs']} epochs of {run['steps']} "
             f"steps of {run['batch']} clips, reading included; {run['clips']} clips.",
             "speed-run")

# %% [markdown]
# In a run the published loop evaluates once, as the published program does every fifth epoch; the package evaluates
# after every epoch, and writes its record. Both end at the same place:

# %% tags=["nbval-check-output"]
ends = {row["arm"]: row for row in run["rows"]}
apart = max(abs(a - b) for a, b in zip(ends[speed.BASE]["losses"],
                                       ends[speed.OURS]["losses"], strict=True))
print(f"losses of the epochs: at most {apart:.0e} apart")
print("validation and test accuracy equal:",
      ends[speed.BASE]["accuracies"] == ends[speed.OURS]["accuracies"])
assert apart < 1e-4

# %% [markdown]
# ## Bytes read in a whole training
#
# With $n$ evaluations the published way reads the features $1 + n$ times. The record above can be checked against this:
# one reading for training, two for the evaluations of the last epoch. Then the same arithmetic at AVE's size and for the
# published schedules (row D6 of [the deviations](../book/deviations.md)).

# %% tags=["nbval-check-output"]
read = pd.DataFrame(run["rows"]).groupby("arm")["bytes_read"].median()
print(f"measured: {read[speed.BASE] / run['feature_bytes']:.2f} times the feature "
      "files; by the formula 3")
CLIP = 10 * (7 * 7 * 512 + 128) * 8          # bytes of a clip in the official files
for setting in ("fully", "weakly"):
    loads = speed.published_loads(setting)
    print(f"{setting:6} supervised: {loads:3d} readings of {4143 * CLIP / 1e9:.2f} GB "
          f"are {loads * 4143 * CLIP / 1e12:.2f} TB in a run")
loads = {setting: speed.published_loads(setting) for setting in ("fully", "weakly")}
found.say(f"A published run reads AVE's features {loads['fully']} times fully and "
          f"{loads['weakly']} times weakly supervised; the package reads them once.")
half = 10 * (7 * 7 * 512 * 2 + 128 * 4)      # of a clip in the prepared file
print(f"the package: {4321 * half / 1e9:.2f} GB once, "
      "after the official files were read once for all runs")

# %% [markdown]
# Most of these bytes come from the system's cache if the memory is large enough to hold the files beside the program;
# they are copied all the same. Where it is not, the disk reads them.
#
# ## How cost grows
#
# With the batch, each clip of a step becomes cheaper until the products are large enough to keep the processor busy.
# With the clips, an epoch grows in proportion; in the published loop the evaluations grow with *all* clips, because it
# reads them all.

# %%
scaling = cpu["scaling"]


def medians(groups: dict, per: bool = False) -> pd.DataFrame:
    """Seconds of both loops by size; `per` divides by it and gives milliseconds."""
    table = pd.DataFrame({
        int(size): pd.DataFrame(rows).groupby("arm")["seconds"].median()
        for size, rows in groups.items()}).T.sort_index()
    return table.mul(1000 / table.index.to_numpy(), axis=0) if per else table


per_batch, per_clips = medians(scaling["batches"], per=True), medians(scaling["clips"])
assert (per_batch > 0).all(axis=None) and (per_clips > 0).all(axis=None)

# %% mystnb={"figure": {"caption": "Left: a clip of a step becomes cheaper with the batch. Right: an epoch with its evaluations grows with the clips, steeper for the published loop, which reads them all. Seconds under the load that the record names.", "name": "fig-growth"}, "image": {"alt": "Two panels with a line each for the published loop and the package: milliseconds for each clip of a step over the batch size, and seconds of an epoch over the number of clips."}}
plots.growth_figure(per_batch, per_clips)

# %% [markdown]
# Look at the slopes on the right: each further clip costs the published loop a reading for the evaluations, too.
#
# Those lines are VSCG's, whose published loop is there to be compared with. The other systems have none in this book, so
# of them only the network is asked, now and on your machine: what does a clip cost in a pass forward, alone and as one of
# several?

# %%
torch.set_num_threads(THREADS)
turns = []
for row in study.TABLES["I"].rows:
    options = row.run.get("model_options", {})
    model = vscg.build_model(row.run["system"], **options).eval()
    for n in (1, BATCH):
        clips = torch.rand(n, 10, 128), torch.rand(n, 10, 7, 7, 512)
        with torch.inference_mode():
            model(*clips)                                           # to warm up
            for _ in range(ROUNDS):
                start = time.process_time()
                model(*clips)
                took = time.process_time() - start
                turns.append((row.name, n, 1000 * took / n))
cost = pd.DataFrame(turns, columns=["row", "clips", "ms"])
cost = cost.groupby(["row", "clips"], sort=False)["ms"].median().unstack()
shown = pd.DataFrame({"row": cost.index, "alone (ms)": cost[1].map("{:.1f}".format),
                      f"one of {BATCH} (ms)": cost[BATCH].map("{:.1f}".format),
                      "times cheaper": (cost[1] / cost[BATCH]).map("{:.1f}".format)})
study.styled(shown, f"A clip's pass forward, {THREADS} thread(s), median of {ROUNDS}.",
             "speed-systems")

# %% [markdown]
# A system that spends its time on starting small operations gains from company; one whose products are large enough by
# themselves, such as AVT, pays nearly as much for each of several clips as for one. The last column says how much it is, in
# few turns.
#
# And the seeds. Several runs of one configuration can train at the same time, each in a process. The command
# `python -m vscg sweep` does so. What does a seed cost then?

# %%
seeds = pd.DataFrame(scaling["seeds"]).pivot(index="round", columns="arm",
                                             values="seconds")
for n in sorted(map(int, seeds.columns)):
    gain = (n * seeds["1"] / seeds[str(n)]).quantile([0.25, 0.5, 0.75])
    print(f"{n} at a time, {max(1, scaling['threads'] // n)} thread(s) each: "
          f"{seeds[str(n)].median() / n:.2f} s an epoch and seed, "
          f"{gain[0.5]:.2f} times as fast ({gain[0.25]:.2f} to {gain[0.75]:.2f})")

# %% [markdown]
# The last line tells whether more processes than cores gain anything beyond what as many processes as cores do; each takes its
# memory.
#
# ## On a GPU
#
# On a GPU the maps lie on the card, and the step is recorded once as a CUDA graph and then started by a single launch:
# [use your GPU](../book/howto/gpu.md) tells how. The same commands measure it: `python -m benchmarks step --json
# book/records/speed_gpu.json`.

# %% tags=["nbval-check-output"]
others = {name: found for name, found in records.items() if not name.startswith("cpu")}
if not others:
    print("There is no record of a GPU: nothing on this page says how fast a GPU is.")
for name, found in others.items():
    for kind, record in found.items():
        print(f"{name}, {kind}: {speed.describe(record)}")
        if kind == "step":
            print(speed.step_ratios(record).round(2).to_string())
        if kind == "profile":
            print(speed.profile_table(record).to_string())

# %% [markdown]
# ## On your machine
#
# The records above were made in minutes to an hour. In a clone of the repository the same commands measure your machine. A first look
# takes half a minute:
#
# ```
# python -m benchmarks epoch --batch 4 --steps 1 --sessions 1 --rounds 3
# ```
#
# So small a step is mostly overhead, and its ratio is mostly noise: compare the lines of `published again`, which is the published loop
# once more. The bytes are exact even so. They are twice the feature files in every epoch for the published loop, and next
# to none for the package.

# %% [markdown]
# ## Exercises
#
# Try each before you open its solution. Every solution ran with this notebook and ends in a check. In Jupyter Lab its
# code and its output are folded: click on the three dots.
#
# ### Exercise 1 (easy): clips in a gigabyte
#
# How many clips fit into a gigabyte in the official files, and how many in the prepared one? Why not four times as many, although a
# number takes 2 bytes instead of 8?
#
# <details>
# <summary>Solution 1: the reasoning</summary>
#
# A clip has $10 \cdot 25{,}088$ numbers of picture and $10 \cdot 128$ of sound. In 8 bytes each that is 2.02 MB, 495 clips. The prepared
# file holds the picture in 2 bytes and the sound in 4: 0.507 MB, 1,972 clips. That is 3.98 times as many: sound is halved
# and not quartered, and there is little of it.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 1: the code and its output", "code_prompt_show": "Solution 1: the code and its output"} tags=["hide-cell", "nbval-check-output"]
official, prepared = int(1e9 // CLIP), int(1e9 // half)
print(f"{official} clips, {prepared} clips, {CLIP / half:.2f} times")
assert (official, prepared) == (495, 1972) and CLIP / half < 4

# %% [markdown]
# ### Exercise 2 (medium): what is left to gain around the product
#
# Take the profile of a step. If everything but AGVA's products cost nothing, how many times faster would the published loop be, and how
# many times the package's? Which share of what the published loop could lose did the package take away?
#
# <details>
# <summary>Solution 2: the reasoning</summary>
#
# This is Amdahl's law: with a share $p$ that stays, no change of the rest makes a step more than $1/p$ times faster. The product's share of
# the published step sets its limit; in the package that share is larger, which leaves less. What the step lost, over
# all that it could lose, is the share.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 2: the code and its output", "code_prompt_show": "Solution 2: the code and its output"} tags=["hide-cell", "nbval-check-output"]
stays = table.iloc[0]                                              # AGVA's products
limits = {loop: table[loop].sum() / stays[loop] for loop in (speed.BASE, speed.OURS)}
before, after = table[speed.BASE].sum(), table[speed.OURS].sum()
taken = (before - after) / (before - stays[speed.BASE])
print(", ".join(f"{loop}: {limit:.1f} times" for loop, limit in limits.items())
      + f"; taken away: {100 * taken:.0f}% of what could go")
assert 0 < taken < 1 and 1 < limits[speed.OURS] < limits[speed.BASE]

# %% [markdown]
# ### Exercise 3 (demanding): where the roof bends
#
# AGVA's product maps many rows of width $D$ by a $D \times D$ matrix. How many operations does it make for each byte that it moves? How
# narrow would $D$ have to be before memory bound it on the machine of the first record?
#
# <details>
# <summary>Solution 3: the reasoning</summary>
#
# $N$ rows cost $2 N D^2$ operations and move $4 (2 N D + D^2)$ bytes; for large $N$ that is $D / 4$ operations a byte, 128 for
# $D = 512$. The roof bends at $P / \beta$, about 5 operations a byte here: below a width of about 20 the machine waits
# for memory. ReLUs and copies have less than one operation a byte, and always wait.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 3: the code and its output", "code_prompt_show": "Solution 3: the code and its output"} tags=["hide-cell", "nbval-check-output"]
bend = floor["product"] / floor["copy"]
N, D = 128 * 490, 512
intensity = 2 * N * D**2 / (4 * (2 * N * D + D**2))
print(f"the roof bends at {bend:.1f} FLOP a byte; AGVA's product has {intensity:.0f}; "
      f"memory bounds it below a width of {4 * bend:.0f}")
assert abs(intensity - D / 4) < 1 and intensity > bend

# %% [markdown]
# ## What was established
#
# - Both loops compute the same losses; what differs is time, memory and bytes.
# - The operations of a step follow from AGVA's product, the step is bound by arithmetic, and the package's step was held against
#   that floor in the same rounds.
# - Which single changes pay on two processors, by a rule that was fixed before, against a control, and where the time
#   of a step goes with and without them.
# - What products of rounded factors, as tensor cores compute them, do to accuracy after four epochs, over five seeds.
# - A published fully supervised run reads its features 119 times, a weakly supervised one 309 times; the package once.
#
# ## What stays uncertain
#
# - Seconds were taken on a shared machine. The load stands beside each record; only ratios within a round are safe.
# - How fast a GPU does all this, until a record says so.
# - Other processors than the two that were measured.
#
# Back to [the results](10_table_1_comparison.ipynb), or on to
# [batch runs](../book/howto/batch.md), which use what was measured here.
