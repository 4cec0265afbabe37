# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Audio-guided visual attention
#
# | Question | Where in the picture is what the microphone hears? |
# |---|---|
# | **Paper** | Sec. III-C [(Jiang et al., 2023)](../book/references.md); the block comes from AVEL [(Tian et al., 2018)](../book/references.md) |
# | **Needs** | [The planted data set](02_planted_dataset.ipynb) for the last third; the first two thirds need nothing |
# | **Run time** | quick: a quarter of a minute, and the training of one VSCG if it is not stored yet; full: the same, and three times the released program's 300 epochs |
# | **You will be able to verify** | that 30 lines compute what the package computes; what the sound can and cannot do here; how often a trained network looks at the true source |
#
# A second of a clip comes as one audio vector and a 7×7 map of picture vectors. Most of the 49 regions show a wall, the
# sky or a silent bystander. Audio-guided visual attention, AGVA for short, gives each region a weight and reduces the
# map to one vector: the weighted mean of the regions.
#
# ![VSCG as a flow of blocks from sound and picture to ten classes. Framed: AGVA, between the picture's maps and its Bi-LSTM; an arrow from the sound leads into it.](../book/_static/overview-03.svg)
#
# This chapter builds the framed block, AGVA. Numbers on the arrows are shapes: ten seconds, then what each second holds.

# %% tags=["hide-input"]
import json

import numpy as np
import pandas as pd
import torch
from torch import nn

import vscg
from vscg import models, plots, study
from vscg.data import BACKGROUND, CATEGORIES
from vscg.study import speed, statistics

plots.set_style()

# %% [markdown]
# The parameters of the last third: which data, how long to train, which seed.

# %% tags=["parameters"]
DATA = "planted-mini"   # planted-mini, planted, ave, or the path of a prepared file
PROFILE = "quick"       # training schedule: quick, standard or full (the published)
SEED = 0                # the first of three, of weights, batches and dropout

# %% [markdown]
# What the runs on this page found, collected from the cells below:

# %% tags=["hide-input"]
found = study.findings()

# %% [markdown]
# ## One second, one region at a time
#
# The sound and the pictures do not speak the same language: 128 numbers here, 512 there. So both are first mapped into one
# space, each by a linear layer and a ReLU.
#
# $$
# v_i = \delta(W_v V_i + b_v), \qquad g = \delta(W_a a + b_a)
# $$ (eq-agva-maps)
#
# Symbols: $\delta$ is ReLU; $V_i$ is `regions[i]`, the picture vector of region $i$; $a$ is `audio`; $v_i$ is `v`; $g$ is `g`.
#
# Then both are mapped once more, to $R = 49$ numbers each, added and squashed.
#
# $$
# M_{ij} = (U_v v_i)_j + (U_g g)_i
# $$ (eq-agva-add)
#
# Symbols: $M$ is `m`, one row for each region; $U_v$ and $U_g$ are the two score layers, without bias. Look at the
# indices: the audio term carries the *region's* index $i$. We come back to that.
#
# Last, a row becomes a score, the scores become weights that sum to 1, and the weights average the raw picture vectors
# $V_i$, not the mapped ones.
#
# $$
# z_i = \sum_j w_j \tanh M_{ij}, \qquad
# \alpha_i = \frac{e^{z_i}}{\sum_k e^{z_k}}, \qquad
# \hat V = \sum_i \alpha_i V_i
# $$ (eq-agva-attend)
#
# Symbols: $w$ is the last layer's weight, $z$ is `scores`, $\alpha$ is `alpha`, $\hat V$ is `attended`.
#
# The smallest program that does this follows the equations region by region. The weights come in a dictionary, so that
# nothing is hidden.

# %%
def attend_slowly(audio, regions, p):
    """One second: audio (D_a,), regions (R,D_v) -> attended (D_v,), alpha (R,)."""
    g = (p["W_a"] @ audio + p["b_a"]).relu()          # (D_h,)
    place = p["U_g"] @ g                              # (R,): one number for each region
    scores = []
    for i, region in enumerate(regions):
        v = (p["W_v"] @ region + p["b_v"]).relu()               # (D_h,)
        m = p["U_v"] @ v + place[i]                             # (R,): row i of M
        scores.append(p["w"] @ m.tanh())
    alpha = torch.stack(scores).softmax(0)                      # (R,)
    attended = sum(weight * region
                   for weight, region in zip(alpha, regions, strict=True))
    return attended, alpha

# %% [markdown]
# ### A toy whose answer we know
#
# Four regions. A picture vector says how much *dog* and how much *bell* is there, the sound says which of the two is
# heard. We set the weights by hand so that a bark draws the attention to the dog and a toll draws it to the bell.
#
# How can a mere sum do that? By way of the tanh, which is steep around 0 and flat far from it. Score unit 1 looks at the
# dog and rests at $-3$, where the tanh is flat. Unit 2 looks at the bell and rests at $+3$, flat as well. A bark adds $+3$
# to both units: now unit 1 is at 0, awake, and unit 2 at 6, still asleep. A toll adds $-3$ and wakes unit 2 instead.

# %%
def hand_set_weights():
    """Three mapped channels (dog, bell, constant 1); units 1 and 2 of four are used."""
    return {
        "W_v": torch.tensor([[1.0, 0], [0, 1], [0, 0]]),
        "b_v": torch.tensor([0.0, 0, 1]),
        "W_a": torch.tensor([[1.0, 0], [0, 1], [0, 0]]), "b_a": torch.zeros(3),
        "U_v": torch.tensor([[2.0, 0, -3], [0, 2, 3], [0, 0, 0], [0, 0, 0]]),
        "U_g": torch.tensor([[3.0, -3, 0]] * 4),      # a bark adds +3 to each row
        "w": torch.tensor([5.0, 5, 0, 0]),
    }

# %% [markdown]
# Region 1 shows the dog, region 2 the bell, regions 0 and 3 nothing. By hand, with a bark: the dog's row is
# $\tanh(2 - 3 + 3) + \tanh(0 + 3 + 3)$, every other row has $\tanh(0)$ in the first place. So the dog's score is higher by
# $5 \tanh 2 \approx 4.82$ and its share is $e^{4.82} / (e^{4.82} + 3)$, if we call $\tanh$ of 6 and more 1.

# %% tags=["nbval-check-output"]
picture = torch.tensor([[0.0, 0], [1, 0], [0, 1], [0, 0]])    # region -> (dog, bell)
bark, toll = torch.tensor([1.0, 0]), torch.tensor([0.0, 1])
weights = hand_set_weights()
_, alpha_bark = attend_slowly(bark, picture, weights)
_, alpha_toll = attend_slowly(toll, picture, weights)
by_hand = 1 / (1 + 3 * np.exp(-5 * np.tanh(2)))
print("bark:", [round(x, 3) for x in alpha_bark.tolist()])
print("toll:", [round(x, 3) for x in alpha_toll.tolist()])
print("by hand, the object's share:", round(by_hand, 3))
assert abs(alpha_bark[1].item() - by_hand) < 1e-3
assert abs(alpha_toll[2].item() - by_hand) < 1e-3

# %% [markdown]
# The same picture, two sounds: the attention sits on the dog when it barks, and on the bell when it tolls. The sound has
# no say of its own about *what* is where; it chooses which score unit is awake.

# %% [markdown]
# ## The odd addition
#
# $M$ is a 49×49 matrix, but its two sides mean different things: a row is a region, a column is a score unit. The audio
# term is a vector of 49 numbers, and it can be added along either side. Equation {eq}`eq-agva-add` adds its $i$-th entry to
# the whole row of region $i$. The usual additive attention would add its $j$-th entry to unit $j$ of every region, that is,
# to a column. Because both sides are 49 long, either choice runs without an error.
#
# A tiny example with two regions and two units shows the difference.

# %% tags=["nbval-check-output"]
visual_term = torch.tensor([[1, 2], [3, 4]])                  # region x unit
audio_term = torch.tensor([10, 20])
by_row = visual_term + audio_term.unsqueeze(-1)         # what the released program does
by_column = visual_term + audio_term                    # the usual additive attention
print("by row:", by_row.tolist())
print("by column:", by_column.tolist())
assert by_row.tolist() == [[11, 12], [23, 24]]

# %% [markdown]
# By row, region 0 gets 10 and region 1 gets 20, whatever is to be seen in them. The audio term is a map of *places* that
# the sound prefers. In our toy all its entries were equal, so that places did not matter.
#
# This has a consequence that can be checked. If we shuffle the regions of a picture, an attention that judges contents
# should shuffle along. With the addition by column it does. With the addition by row it does not, because the places keep
# their preferences.

# %% tags=["nbval-check-output"]
def scores_to_map(visual_term, audio_term, w):
    return (visual_term + audio_term).tanh().matmul(w).softmax(0)


torch.manual_seed(0)
term, sound, w = torch.randn(49, 49), torch.randn(49), torch.randn(49)
order = torch.randperm(49)
for name, added in (("by column", sound), ("by row", sound.unsqueeze(-1))):
    follows = torch.allclose(scores_to_map(term[order], added, w),
                             scores_to_map(term, added, w)[order], atol=1e-6)
    print(f"{name}: the attention follows the shuffled regions: {follows}")
    assert follows == (name == "by column")

# %% [markdown]
# The book keeps the addition by row: it is what the released program computes, and the published weights only make sense
# with it.

# %% [markdown]
# ### Equal regions
#
# What if there is nothing to choose from, all regions alike? Then all rows of $U_v v_i$ are equal. The map is uniform, 1/49
# everywhere, if the audio term is the same for all places. If it is not, the map is uneven although the picture is blank.

# %% tags=["nbval-check-output"]
blank = torch.randn(49).expand(49, 49)                   # every region has the same row
even = scores_to_map(blank, torch.full((49, 1), 0.3), w)
uneven = scores_to_map(blank, sound.unsqueeze(-1), w)
for name, alpha in (("even", even), ("uneven", uneven)):
    uniform = torch.allclose(alpha, torch.full((49,), 1 / 49), atol=1e-6)
    print(f"equal regions, {name} audio term: uniform map: {uniform}")
assert even.max() - even.min() < 1e-6 < uneven.max() - uneven.min()

# %% [markdown]
# So an AGVA map of a real network is part evidence, part habit: some places are favoured before anything is seen. We will
# measure that part on the trained network.

# %% [markdown]
# ## From loops to layers
#
# The loop over regions is only a matrix product in slow motion. One second without a loop:

# %%
def attend(audio, regions, p):
    """One second: audio (D_a,), regions (R,D_v) -> attended (D_v,), alpha (R,)."""
    g = (audio @ p["W_a"].T + p["b_a"]).relu()                  # (D_h,)
    v = (regions @ p["W_v"].T + p["b_v"]).relu()                # (R,D_h)
    m = v @ p["U_v"].T + (p["U_g"] @ g).unsqueeze(-1)           # (R,R) + (R,1)
    alpha = (m.tanh() @ p["w"]).softmax(-1)                     # (R,)
    return alpha @ regions, alpha

# %% [markdown]
# Random weights of the real sizes show that both versions agree. Xavier's rule [(Glorot and Bengio, 2010)](../book/references.md) draws the five
# weight matrices, as in the published program.

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
shapes = {"W_v": (512, 512), "W_a": (512, 128), "U_v": (49, 512), "U_g": (49, 512),
          "w": (1, 49)}
p = {name: nn.init.xavier_uniform_(torch.empty(shape))
     for name, shape in shapes.items()}
p |= {"w": p["w"][0], "b_v": torch.zeros(512), "b_a": torch.zeros(512)}
audio, regions = torch.rand(128), torch.rand(49, 512)    # random stand-ins for features
slow, fast = attend_slowly(audio, regions, p), attend(audio, regions, p)
agree = [torch.allclose(a, b, atol=1e-5) for a, b in zip(slow, fast, strict=True)]
print("attended vectors agree:", agree[0], "  maps agree:", agree[1])
assert all(agree)

# %% [markdown]
# The last step to a layer: a batch of clips, ten seconds each, and the weights as PyTorch modules. The leading axes are
# carried along untouched, because linear layers and softmax work on the last one.

# %%
class Attention(nn.Module):
    """AGVA for a batch: audio (B,T,128), visual (B,T,7,7,512)."""

    def __init__(self):
        super().__init__()
        self.picture, self.sound = nn.Linear(512, 512), nn.Linear(128, 512)
        self.picture_score = nn.Linear(512, 49, bias=False)
        self.sound_score = nn.Linear(512, 49, bias=False)
        self.score = nn.Linear(49, 1, bias=False)    # softmax would ignore a bias
        for layer in self.children():
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, audio, visual):
        regions = visual.flatten(2, 3)                              # (B,T,49,512)
        v = self.picture_score(self.picture(regions).relu())        # (B,T,49,49)
        g = self.sound_score(self.sound(audio).relu())              # (B,T,49)
        z = self.score((v + g.unsqueeze(-1)).tanh()).squeeze(-1)    # (B,T,49)
        alpha = z.softmax(-1)
        attended = (alpha.unsqueeze(-1) * regions).sum(2)       # (B,T,512)
        return attended, alpha.unflatten(-1, (7, 7))

# %% [markdown]
# Every output must be a weighted mean. Two checks hold for any weights: each map is positive and sums to 1, and the attended
# vector lies, in every one of its 512 numbers, between the smallest and the largest region.

# %% tags=["nbval-check-output"]
torch.manual_seed(1)
mine = Attention()
audio, visual = torch.rand(2, 10, 128), torch.rand(2, 10, 7, 7, 512)
attended, alpha = mine(audio, visual)
low, high = visual.flatten(2, 3).amin(2), visual.flatten(2, 3).amax(2)
inside = bool(((attended >= low - 1e-5) & (attended <= high + 1e-5)).all())
print("shapes:", tuple(attended.shape), tuple(alpha.shape))
print("each map sums to 1:",
      torch.allclose(alpha.sum((2, 3)), torch.ones(2, 10), atol=1e-5))
print("the attended vector is between the extremes:", inside)
assert inside and bool((alpha > 0).all())

# %% [markdown]
# ### The package's class
#
# `vscg.models.attention.AudioGuidedAttention` names the same five layers in words. We copy the weights over and compare.

# %% tags=["nbval-check-output"]
theirs = models.attention.AudioGuidedAttention()
names = {"picture": "visual_map", "sound": "audio_map", "picture_score": "visual_score",
         "sound_score": "audio_score", "score": "region_score"}
for ours, package in names.items():
    getattr(theirs, package).load_state_dict(getattr(mine, ours).state_dict())
equal = [torch.allclose(a, b, atol=1e-5)
         for a, b in zip(theirs(audio, visual), (attended, alpha), strict=True)]
print("attended vectors agree:", equal[0], "  maps agree:", equal[1])
assert all(equal)

# %% [markdown]
# ### How many numbers is that?
#
# By hand, layer by layer: weights are inputs times outputs, and the two maps have a bias.

# %% tags=["nbval-check-output"]
by_hand = {"picture": 512 * 512 + 512, "sound": 128 * 512 + 512,
           "picture_score": 512 * 49, "sound_score": 512 * 49, "score": 49}
for name, number in by_hand.items():
    print(f"{name:14}{number:8,}")
counted = sum(parameter.numel() for parameter in theirs.parameters())
print(f"{'sum':14}{sum(by_hand.values()):8,}   in the package: {counted:,}")
assert counted == sum(by_hand.values())

# %% [markdown]
# The 512×512 map is two thirds of it. It is also nearly all of the work, because it runs for each of the 49 regions of each
# second. In the whole network no other layer comes near.
#
# ## What does the odd addition cost?
#
# By row, every place has to learn for itself what a bark looks like. That should take longer. A small experiment: eight kinds
# of objects, two of them in each picture, at any two of 49 places; the sound tells which of the
# two is meant. A classifier sees nothing but the attended vector, so that the attention must find the right object.

# %%
class Guided(nn.Module):
    """AGVA in small with a classifier; `axis` -1 adds by row, -2 by column."""

    def __init__(self, axis):
        super().__init__()
        self.axis, self.classify = axis, nn.Linear(32, 8)
        self.attention = models.attention.AudioGuidedAttention(
            audio_dim=16, visual_dim=32, hidden_dim=64)

    def forward(self, sound, regions):
        f = self.attention
        v = f.visual_score(f.visual_map(regions).relu())                # (B,49,49)
        g = f.audio_score(f.audio_map(sound).relu())                    # (B,49)
        m = v + g.unsqueeze(self.axis)           # (B,49,49) + (B,49,1) or (B,1,49)
        alpha = f.region_score(m.tanh()).squeeze(-1).softmax(-1)        # (B,49)
        return self.classify((alpha.unsqueeze(-1) * regions).sum(1)), alpha

# %% [markdown]
# The scenes: objects and sounds are fixed random patterns, with noise on top. With `shown=0` the meant object is missing.

# %%
fixed = torch.Generator().manual_seed(0)
looks, sounds = torch.randn(8, 32, generator=fixed), torch.randn(8, 16, generator=fixed)


def scenes(n, g, shown=1):
    """n scenes: sound (n,16), regions (n,49,32), meant kind (n,) and its place (n,)."""
    kind = torch.randint(8, (n,), generator=g)
    other = (kind + torch.randint(1, 8, (n,), generator=g)) % 8
    place, elsewhere = torch.rand(n, 49, generator=g).argsort(1)[:, :2].T
    regions, clip = 0.5 * torch.randn(n, 49, 32, generator=g), torch.arange(n)
    regions[clip, place] += shown * looks[kind]
    regions[clip, elsewhere] += looks[other]
    return sounds[kind] + 0.3 * torch.randn(n, 16, generator=g), regions, kind, place

# %% [markdown]
# Both variants train for 200 steps on the same scenes, with two seeds, and are tested on 1,000 new ones. Three numbers: how
# often the answer is right, how often the attention's maximum is on the meant object, and how often the answer is right when
# that object is erased from the scene. Guessing is right once in eight.

# %%
def train_guided(axis, seed, steps=200):
    """Shares on new scenes: right, maximum on the meant object, right without it."""
    torch.manual_seed(seed)
    model, g = Guided(axis), torch.Generator().manual_seed(seed + 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        sound, regions, kind, _ = scenes(32, g)
        loss = nn.functional.cross_entropy(model(sound, regions)[0], kind)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    shares = []
    for shown in (1, 0):
        g = torch.Generator().manual_seed(99)
        sound, regions, kind, place = scenes(1000, g, shown)
        with torch.no_grad():
            logits, alpha = model(sound, regions)
        shares += [(logits.argmax(1) == kind).float().mean().item(),
                   (alpha.argmax(1) == place).float().mean().item()]
    return shares[:3]

# %% [markdown]
# Two seeds of each variant, and the three numbers of each:

# %%
threads = torch.get_num_threads()
torch.set_num_threads(1)                 # small matrices are faster on one
toy = {name: np.array([train_guided(axis, seed) for seed in (0, 1)])
       for name, axis in (("row", -1), ("column", -2))}
for name, results in toy.items():
    for seed, shares in enumerate(100 * results):
        right, pointed, without = shares
        print(f"by {name:7} seed {seed}: {right:3.0f} % right, "
              f"{pointed:3.0f} % pointed, {without:3.0f} % right without")
torch.set_num_threads(threads)
assert toy["column"][:, 0].min() > toy["row"][:, 0].max()
column, row = (100 * toy[name].mean(0) for name in ("column", "row"))
found.say(f"On toy scenes, after 200 steps and over two seeds, the addition by column "
          f"answers {column[0]:.0f}% right and the addition by row, the released one, "
          f"{row[0]:.0f}%.")

# %% [markdown]
# By column the answers are right, by row not yet. The addition by row is not wrong, it learns slowly: it cannot share between
# places what it has learnt at one.
#
# The table holds a warning as well. By column, one seed points at the object and the other never does, and the one that never points
# is right *without* the object too. The sound decides how the weights are spread, and the classifier reads the sound off the spread. So
# accuracy does not prove that an attention looks at the right place. That has to be measured, and two seeds of a toy are no
# basis for it.
#
# ### The same in VSCG
#
# A toy is not VSCG, whose attention stands in front of LSTMs and gets only a share of the gradient. The command
# `python book/by_column.py` trained VSCG both ways on `planted-mini`, from the same weights and on the same batches, with five
# seeds. Its record holds, for each test clip, how many seconds were named right, and in which share of the seconds whose source is
# both seen and heard the attention's maximum lay on it. (That count is explained further down, under "Pointing accuracy".)

# %%
record = json.loads((speed.FOLDER / "by_column.json").read_text())
lines = {}
for (setting, epochs), some in pd.DataFrame(record["runs"]).groupby(
        ["setting", "epochs"]):
    number, said = some["seed"].nunique(), []
    line = lines[f"{setting}, {epochs} epochs"] = {"seeds": number}
    for what, kept, scale in (("right", "right", 0.1),
                              ("attention on the source", "pointed", 1)):
        row, column = (scale * np.array(some[some["way"] == way][kept].tolist())
                       for way in ("row", "column"))                           # (S,N)
        less = study.points(*statistics.mean_interval(row - column))
        means = [f"{100 * shares.mean():.1f}%" for shares in (row, column)]
        line |= {f"{what}, by row": means[0], f"{what}, by column": means[1],
                 f"{what}, row minus column": less}
        said.append(f"{what} in {means[0]} by row and {means[1]} by column, {less}")
    found.say(f"VSCG with AGVA's two additions ({record['data']}, {setting} "
              f"supervised, {epochs} epochs, {number} seeds): {'; '.join(said)}.")
study.styled(pd.DataFrame(lines).reset_index(names="share of seconds"),
             f"VSCG with the audio term by row and by column, {record['data']}, test "
             "clips. In brackets: 95% interval over seeds and clips.", "by-column")

# %% [markdown]
# Accuracy does not tell the two apart: each interval holds 0, and two seeds of one way may lie further apart than the two
# means. The toy's clear lead of the addition by column is not seen here. The two do differ in where the attention looks: weakly supervised the interval is
# clear of 0, fully supervised it ends just below 0. In every pair
# of runs the maximum lies on the source in more seconds by column than by row. But chance, the source's share of the map, is
# about one in seven, and on average neither way reaches it. The runs are short, and longer ones may end otherwise.
#
# We change nothing: the book's VSCG keeps the addition by row, as released.

# %% [markdown]
# ## On data: where does a trained network look?
#
# Now the data set and VSCG, trained from three seeds. The first is trained here, unless [training](08_training_fully.ipynb)
# has done so before. The other two came with the book; with other parameters they are trained here as well. The
# figures show the first seed; whatever is counted is counted for all three.

# %%
data = vscg.load_dataset(DATA)
seeds = (SEED, SEED + 1, SEED + 2)
configs = [vscg.RunConfig(system="vscg", setting="fully", data=DATA, profile=PROFILE,
                          seed=seed) for seed in seeds]
runs = [vscg.fit(configs[0], dataset=data), *study.finished(configs[1:])]
for run in runs:
    print(run.describe())
    print(f"  test accuracy {100 * run.result['test']['accuracy']:.1f}% of segments")

# %% [markdown]
# What each network attends to is kept beside its run, for up to 128 test clips: before training, after it, and after it
# with the *sound of another clip* of another class. We need that last one below. The attention is the third output of the
# encoder. For the first seed we compute it again for some clips, to check the stored maps.

# %%
test = data.splits["test"][study.seen_clips(data)]
KINDS = {"untrained": "untrained", "trained": "attention", "other sound": "foreign"}
seen = {seed: study.observed(run, data) for seed, run in zip(seeds, runs, strict=True)}
maps = {(kind, seed): seen[seed][name]
        for kind, name in KINDS.items() for seed in seeds}
network = runs[0].model()
with torch.inference_mode():
    some = torch.from_numpy(data.visual[test[:32]]).float()
    own = network.encoder(torch.from_numpy(data.audio[test[:32]]), some)[2].numpy()
assert np.allclose(own, maps["trained", SEED][:32], atol=1e-3)
assert all(np.allclose(m.sum((2, 3)), 1, atol=1e-4) for m in maps.values())
print(f"{len(test)} test clips of {data.name}: {len(maps)} sets of maps of shape "
      f"{maps['trained', SEED].shape}")

# %% [markdown]
# We open one test clip: the first whose event lasts 4 to 7 seconds, so that there is background to be seen too. Only a
# planted data set knows the true patch of the sounding object, `source_mask`; it is outlined where it is known.

# %%
truth = data.labels[test].argmax(-1)                          # (N,10)
event = truth != BACKGROUND
chosen = int(np.flatnonzero((event.sum(1) >= 4) & (event.sum(1) <= 7))[0])
patch = None                                                      # (N,10,7,7) bool
if data.truth:
    patch = data.truth["source_mask"][test].astype(bool)
print(f"test clip {chosen} of {data.name}: {CATEGORIES[data.category[test[chosen]]]}")
print("seconds with the event:", np.flatnonzero(event[chosen]).tolist())
if patch is not None:
    print("seconds in which the object is seen:",
          np.flatnonzero(patch[chosen].any((1, 2))).tolist())

# %% [markdown]
# First the network before training, with freshly drawn weights.

# %% mystnb={"figure": {"caption": "Before training, some regions are brighter than others although nothing has been learnt.", "name": "fig-agva-untrained"}, "image": {"alt": "Ten 7 by 7 attention maps of an untrained network; bright regions are scattered, the true source is outlined."}}
clip_patch = patch[chosen] if patch is not None else None
plots.attention_maps(maps["untrained", SEED][chosen], clip_patch, truth[chosen])

# %% [markdown]
# With freshly drawn weights some regions are brighter than others, though nobody has told the network what to look for. An
# object with strong features may stand out even so, dark as well as bright: its numbers are large, and random weights
# turn them into a large score of either sign. Now the trained one.

# %% mystnb={"figure": {"caption": "The same clip after training. One clip proves nothing, neither for nor against the outlined source; the count follows.", "name": "fig-agva-trained"}, "image": {"alt": "Ten 7 by 7 attention maps of the trained network on the same clip; some regions hold more of the attention than others, and the true source is outlined."}}
plots.attention_maps(maps["trained", SEED][chosen], clip_patch, truth[chosen])

# %% [markdown]
# The scale beside the maps shows how sharp the attention is. There is attention also in seconds in which the object is not
# seen, because the weights of a second sum to 1 whatever is there. How sharp the maps of these clips are, as the
# strongest region's share in multiples of an even one:

# %%
for (name, seed), m in maps.items():
    print(f"{name:12} seed {seed}  strongest region: {49 * m.max((2, 3)).mean():.1f} "
          "times the even share")

# %% [markdown]
# Whether the strongest regions are the right ones is not to be judged from one clip, for pictures of attention are easily
# picked. Here we can count.
#
# ### Pointing accuracy
#
# In how many seconds does the attention's maximum lie in the true patch? We count the seconds of these clips in which
# the object is seen. The mean is taken over clips, and so is the bootstrap, because the seconds of a clip are not
# independent. Chance is the patch's share of the map. A toy first: one clip, two seconds, one hit.

# %% tags=["nbval-check-output"]
def pointing(maps, patch):
    """Per clip with a seen second, over its seen seconds.

    The share whose maximum is in the patch, and the patch's share of the map.
    """
    maps, patch = (x.reshape(*x.shape[:2], 49) for x in (maps, patch))    # (N,T,49)
    seen = patch.any(-1)
    hit = np.take_along_axis(patch, maps.argmax(-1)[..., None], -1)[..., 0] & seen
    some = seen.any(1)
    number = seen.sum(1)[some]
    return hit.sum(1)[some] / number, (patch.mean(-1) * seen).sum(1)[some] / number


peaks, source = np.zeros((1, 2, 7, 7)), np.zeros((1, 2, 7, 7), bool)
peaks[0, 0, 3, 3], peaks[0, 1, 0, 0] = 1, 1                 # the maxima of two seconds
source[0, :, 2:5, 3] = True                                 # the patch: 3 of 49 regions
hits, chance = pointing(peaks, source)
print("hits:", hits.tolist(), "  chance:", chance.round(3).tolist())
assert hits.tolist() == [0.5] and np.allclose(chance, 3 / 49)

# %% [markdown]
# Now these test clips, with three kinds of maps: before training, after it, and after it but with the *sound of another clip*
# of another class. If the sound guides the look, the wrong sound must mislead it.

# %%
if patch is None:
    print(f"{data.name} does not say where the source is: "
          "pointing accuracy cannot be measured")
else:
    chance = pointing(maps["trained", SEED], patch)[1]                      # (N,)
    hits = {kind: np.stack([pointing(maps[kind, seed], patch)[0] for seed in seeds])
            for kind in KINDS}                                              # (S,N)
    for kind, of_seeds in hits.items():
        print(f"{kind:12} % of seen seconds, seed by seed:",
              *(f"{100 * values.mean():6.1f}" for values in of_seeds))
    print(f"{'chance':12} {100 * chance.mean():.1f} %   ({data.name}, "
          f"{len(test)} test clips)")
    assert 0.02 < chance.mean() < 0.25

# %% [markdown]
# Each mean with its 95% interval over seeds and clips; the dashed line is chance:

# %% mystnb={"figure": {"caption": "How often the attention's maximum lies in the true patch: before training, after it, and with another clip's sound. An interval that holds the dashed line is not told apart from chance.", "name": "fig-agva-pointing"}, "image": {"alt": "Pointing accuracy of the untrained network, the trained network and the trained network with another clip's sound as dots with intervals; a dashed line marks chance."}}
if patch is None:
    print(f"{data.name} does not say where the source is")
else:
    table = pd.DataFrame([(kind, *np.clip(statistics.mean_interval(of_seeds), 0, 1))
                          for kind, of_seeds in hits.items()],
                         columns=["name", "mean", "low", "high"])
    figure = plots.intervals(table, {"chance": chance.mean()},
                             "pointing accuracy (% of seen seconds)")
figure if patch is not None else None

# %% [markdown]
# The dashed line is chance: what a region picked at random would hit. Clip by clip, how far are the networks from it, and what does the
# wrong sound change? The word in each line is that of the interval over three seeds and all clips.

# %%
def compared(text, above, below, difference):
    """A sentence by rule, of differences (S,N)."""
    interval = statistics.mean_interval(difference)[1:]
    word = study.told(*interval, above, below)
    return f"{text.format(word)}: {study.points(difference.mean(), *interval)}."


if patch is not None:
    spread = ", ".join(f"{100 * values.mean():.1f}" for values in hits["trained"])
    found.say(f"The attention's maximum lies in the true patch in {spread}% of the "
              "seen seconds (three trained seeds); chance is "
              f"{100 * chance.mean():.1f}%.")
    print(compared("Before training the attention is {} chance", "above", "below",
                   hits["untrained"] - chance))
    for sentence in (
            compared("Over the seeds, the trained attention is {} chance",
                     "above", "below", hits["trained"] - chance),
            compared("The pointing with its own sound is {} that with another clip's",
                     "above", "below",
                     hits["trained"] - hits["other sound"])):
        found.say(sentence)
        print(sentence)

# %% [markdown]
# Why does a network that answers right not look at the object? Because nothing asks it to. An object's vectors are long, and
# long vectors push a region's score far up or far down through the tanh. The drawn weights decide which at the start. The table
# below shows for these runs whether training keeps this direction: it has the weight on the patch before and after;
# [chapter 17](17_sound_source_localisation.ipynb) counts the runs that end on the other side. The classes can be read either way, for a small share of a long vector is
# still much. Seeds therefore differ widely, and one seed alone must not carry a statement about pointing.

# %% [markdown]
# ### A maximum elsewhere, an object all the same
#
# Much from a small share: that can be counted. We compare two shares of the seen seconds: the share of the weight $\alpha_i$ that
# lies on the patch, and the share of the sum of $\alpha_i \lVert V_i \rVert$ that comes from it.

# %%
def on_patch(m, size):
    """Share of weight times `size` on the patch, % of the seen seconds' sum."""
    share = (m * size * patch).sum((2, 3)) / (m * size).sum((2, 3))
    return 100 * float(share[patch.any((2, 3))].mean())


if patch is not None:
    lengths = np.stack([np.linalg.norm(data.visual[row].astype(np.float32), axis=-1)
                        for row in test])                                   # (N,10,7,7)
    shares = pd.DataFrame(
        [(kind, seed, on_patch(m, 1), on_patch(m, lengths)) for (kind, seed), m
         in {("even map", "-"): np.ones_like(lengths), **maps}.items()],
        columns=["map", "seed", "weight on the patch", "strength from the patch"])
    print(shares.round(1).to_string(index=False))
    ours, even = shares[shares["map"] == "trained"], shares.iloc[0]
    found.say(f"The patch gets {', '.join(f'{x:.0f}' for x in ours.iloc[:, 2])}% of "
              f"the trained attention (even map {even.iloc[2]:.0f}%) and makes "
              f"{', '.join(f'{x:.0f}' for x in ours.iloc[:, 3])}% of the attended "
              f"vectors' strength (even map {even.iloc[3]:.0f}%).")
    assert (shares.iloc[:, 2] < shares.iloc[:, 3]).all()

# %% [markdown]
# In each line the second number is larger, because the patch is stronger than the wall behind it: much of the attended vector
# is the object, wherever the maximum lies. The even map is the plain mean of all regions. A network whose second number is
# below that of the even map sees the object less well than without any attention.

# %% [markdown]
# ### How much of it is habit?
#
# The sound does move the maps; the question is what else does. We measure the *share of attention that moves*, half the
# summed absolute difference of two maps: 0 if they are equal, 1 if they have nothing in common. First between own and other
# sound, for all seeds. Then we show the first network a blank picture, all regions equal to the mean region: there is nothing
# to point at. An even map would be 1/49 everywhere; what is left is preference for places.

# %%
differences = [maps["trained", seed] - maps["other sound", seed] for seed in seeds]
moved = [0.5 * np.abs(values).sum((2, 3)).mean() for values in differences]
with torch.inference_mode():
    blank = some.mean((0, 1, 2, 3)).expand_as(some)
    habit = network.encoder(torch.from_numpy(data.audio[test[:32]]), blank)[2].numpy()
print("share of the attention that another sound moves, seed by seed:",
      ", ".join(f"{100 * share:.0f}%" for share in moved))
sharp = [49 * m.max((2, 3)).mean() for m in (habit, own)]
print(f"seed {SEED}: strongest region {sharp[0]:.1f} times the even share on a blank "
      f"picture, {sharp[1]:.1f} times on the pictures")
assert all(0 < share < 1 for share in moved) and sharp[0] > 1
found.say("Another clip's sound moves "
          f"{', '.join(f'{100 * share:.0f}' for share in moved)}% of the "
          "attention (three seeds).")

# %% [markdown]
# The second line has two numbers. The first is habit: how uneven the map is where there is nothing to see. The gap to the second
# is what the picture adds. The map of the blank picture, with a scale of its own:

# %% mystnb={"figure": {"caption": "On a blank picture the trained attention still prefers certain places.", "name": "fig-agva-habit"}, "image": {"alt": "Five 7 by 7 attention maps of the trained network for five seconds of sound with a blank picture; the same few regions are bright in four of them, one map is nearly even."}}
plots.attention_maps(habit[0, :5])

# %% [markdown]
# Five seconds of sound, no picture, and yet some regions are brighter than others; how much so changes with the sound. This is
# the place preference of equation {eq}`eq-agva-add` at work. An attention map of this network must not be read as "here is the
# sound" without such controls: chance, a foreign sound, a blank picture.
#
# :::{admonition} Change this and see
# :class: tip
# Guess first: does the toy's dog get more of the attention if the bark is twice as loud? Set `bark` to
# `torch.tensor([2.0, 0])`. The check in that cell stops then; the next cell prints the share at both.
# :::

# %% mystnb={"code_prompt_hide": "The answer: the code and its output", "code_prompt_show": "The answer: the code and its output"} tags=["hide-cell", "nbval-check-output"]
for loudness in (1, 2):
    bark = torch.tensor([1.0, 0])
    share = attend_slowly(loudness * bark, picture, weights)[1][1].item()
    print(f"a bark of {loudness}: the dog's share is {share:.3f}")
    assert (share > 0.9) == (loudness == 1) and share > 0.25

# %% [markdown]
# Twice as loud, the dog's share is nearly that of each other region. A bark of 2 adds 6: the dog's unit rests at $\tanh 3$ and
# goes to $\tanh 5$, where the tanh is as flat as at $-3$. The guidance works at some loudness and sleeps at another.

# %% [markdown]
# ## Exercises
#
# Try each before you open its solution. Every solution ran with this notebook and ends in a check. In Jupyter Lab its
# code and its output are folded: click on the three dots.
#
# ### Exercise 1 (easy): how far ahead?
#
# Forty-eight regions have the same score, the last one leads by $\ell$. Which $\ell$ gives it half of the
# attention? What is the largest lead that the weights $w$ of {eq}`eq-agva-attend` allow?
#
# <details>
# <summary>Solution 1: the reasoning</summary>
#
# From $e^\ell / (e^\ell + 48) = \tfrac12$ follows $\ell = \ln 48$. Every $\tanh M_{ij}$ lies between $-1$ and 1,
# so $\lvert z_i \rvert \le \lVert w \rVert_1$, and no lead exceeds $2 \lVert w \rVert_1$. So
# $\alpha_i \le 1 / (1 + 48\, e^{-2 \lVert w \rVert_1})$, whatever is seen and heard. Drawn by Xavier's rule, $w$ is
# long enough for one region to win. Scaled down to $\lVert w \rVert_1 = 1$ it is not, however strong the features.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 1: the code and its output", "code_prompt_show": "Solution 1: the code and its output"} tags=["hide-cell", "nbval-check-output"]
lead = np.log(48)
share = torch.tensor([lead] + [0.0] * 48).softmax(0)[0].item()
short = models.attention.AudioGuidedAttention()
with torch.no_grad():
    drawn = 2 * short.region_score.weight.abs().sum().item()
    short.region_score.weight.div_(drawn / 2)       # the absolute values now sum to 1
    largest = short(100 * audio, 100 * visual)[1].max().item()
limit = 1 / (1 + 48 * np.exp(-2))
print(f"a lead of {lead:.3f} gives {share:.3f}; the drawn weights allow it: "
      f"{drawn > lead}")
print(f"with weights that sum to 1 no share exceeds {limit:.3f}: {largest <= limit}")
assert abs(share - 0.5) < 1e-5 and lead < drawn and 1 / 49 < largest <= limit

# %% [markdown]
# ### Exercise 2 (easy): the wrong axis
#
# Break the layer on purpose: let its softmax run over the ten seconds instead of the 49 regions (`softmax(1)` on a
# tensor (B,T,49)). No shape changes, no error is raised. Which of the two checks above fail? What do the weights of one
# second sum to, on average?
#
# <details>
# <summary>Solution 2: the reasoning</summary>
#
# Now each *region* shares a mass of 1 among ten seconds. A clip holds 49 such masses, so a second's weights sum to 4.9
# on average: the first check fails. The attended vector is about 4.9 times a weighted mean and leaves the range of the
# regions: the second fails too. And each second's picture now depends on the sound of all others.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 2: the code and its output", "code_prompt_show": "Solution 2: the code and its output"} tags=["hide-cell", "nbval-check-output"]
regions = visual.flatten(2, 3)
v = mine.picture_score(mine.picture(regions).relu())
g = mine.sound_score(mine.sound(audio).relu())
scores = mine.score((v + g.unsqueeze(-1)).tanh()).squeeze(-1)
wrong = scores.softmax(1)                                         # over the seconds
pooled = (wrong.unsqueeze(-1) * regions).sum(2)
sums = wrong.sum(-1)                                                          # (B,T)
print(f"each map sums to 1: {torch.allclose(sums, torch.ones(2, 10), atol=1e-2)}; "
      f"mean of the sums {sums.mean():.3f}")
print("the attended vector is between the extremes:",
      bool((pooled <= regions.amax(2) + 1e-5).all()))
assert torch.allclose(sums.mean(1), torch.full((2,), 4.9), atol=1e-4)
assert (pooled > regions.amax(2)).any()

# %% [markdown]
# ### Exercise 3 (medium): new numbers for units and regions
#
# Number the 49 score *units* anew. Which of $U_v$, $U_g$ and $w$ must be reordered together, so that the map stays the
# same, by row and by column? Then number the *regions* anew: what must follow, by row, so that the map is reordered
# likewise?
#
# <details>
# <summary>Solution 3: the reasoning</summary>
#
# A unit is a column of $M$. Reordering the units means reordering the rows of $U_v$ (the columns of the visual term)
# and the entries of $w$. By row, the audio term has no index for units, so $U_g$ stays as it is. By column it has one,
# and the rows of $U_g$ must follow. A region is a row of $M$. By row, the audio term carries the region's index: the
# map follows the regions only if the rows of $U_g$ are reordered as well.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 3: the code and its output", "code_prompt_show": "Solution 3: the code and its output"} tags=["hide-cell", "nbval-check-output"]
torch.manual_seed(0)
units, places = torch.randperm(49), torch.randperm(49)
row, column, moved = sound.unsqueeze(-1), sound, term[:, units]
by_row, by_column = scores_to_map(term, row, w), scores_to_map(term, column, w)
same = {"by row, units of U_v and w": (scores_to_map(moved, row, w[units]), by_row),
        "by column, units of U_v and w":
            (scores_to_map(moved, column, w[units]), by_column),
        "by column, units of U_v, w and U_g":
            (scores_to_map(moved, column[units], w[units]), by_column),
        "by row, regions and U_g":
            (scores_to_map(term[places], row[places], w), by_row[places])}
same = {name: torch.allclose(*maps, atol=1e-6) for name, maps in same.items()}
for name, answer in same.items():
    print(f"{name:36} same map: {answer}")
assert list(same.values()) == [True, False, True, True]

# %% [markdown]
# ### Exercise 4 (demanding): a very loud sound
#
# Multiply the audio vector by a factor that grows without limit. What becomes of the map, by row and by column? How
# many values does it have in the end, and how much does the picture still decide? Derive both limits, with
# $S = \sum_j w_j$.
#
# <details>
# <summary>Solution 4: the reasoning</summary>
#
# $g$ grows with the factor, so every entry of $u = U_g g$ becomes huge. **By row**,
# $\tanh M_{ij} \to \mathrm{sgn}(u_i)$ for all $j$, and $z_i \to \mathrm{sgn}(u_i)\, S$. With $n_+$ places of positive
# and $n_-$ of negative $u_i$ there are two values left, $\alpha_i = e^{\pm S} / (n_+ e^{S} + n_- e^{-S})$: the sound
# alone decides. **By column**, $\tanh M_{ij} \to \mathrm{sgn}(u_j)$, the same for all regions: all scores are equal and
# the map is even. The picture has no say in either limit. The tanh can weigh sound against picture only while both are
# of a similar size.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 4: the code and its output", "code_prompt_show": "Solution 4: the code and its output"} tags=["hide-cell", "nbval-check-output"]
loud, other = 1e6 * audio, torch.rand_like(visual)
with torch.no_grad():
    u = theirs.audio_score(theirs.audio_map(loud).relu())                     # (B,T,49)
    limit = (u.sign() * theirs.region_score.weight.sum()).softmax(-1)
    limit = limit.unflatten(-1, (7, 7))
    got, with_other = theirs(loud, visual)[1], theirs(loud, other)[1]
print("by row, as derived:", torch.allclose(got, limit, atol=1e-6))
print("by row, same map for another picture:",
      torch.allclose(got, with_other, atol=1e-6))
even = scores_to_map(term, 1e6 * sound, w)
print("by column, even map:",
      torch.allclose(even, torch.full((49,), 1 / 49), atol=1e-6))
assert torch.allclose(got, limit, atol=1e-6)
assert torch.allclose(got, with_other, atol=1e-6)
assert even.max() - even.min() < 1e-6 and got.max() - got.min() > 1e-3

# %% [markdown]
# ## What was established
#
# - AGVA is a weighted mean of the 49 regions; a loop of ten lines, a layer of thirty, and the package's class give
#   the same numbers.
# - With suitable weights the sound picks the object that it belongs to, by waking the score unit that looks for it.
# - A network can be right without its attention being on the object, because the sound leaks through the weights.
# - The audio term is added by *place*. A blank picture therefore gets an uneven map, and shuffled regions do not take their
#   attention along. On toy scenes this variant learns more slowly than the usual one. In VSCG, on generated clips and over five
#   seeds, the box at the top says how far the two lie apart.
# - Where the truth is planted, looking at the source can be counted, and compared with chance and with a foreign sound. The
#   box at the top gives the counts; [chapter 17](17_sound_source_localisation.ipynb) has them for every system with an attention over the picture.
#
# ## What stays uncertain
#
# - The paper shows that VSCG's attention overlaps with the source on chosen clips of AVE. AVE has no truth to count that.
# - Looking at the source is not the same as being guided by the sound. How much the sound guides on AVE is open.
# - Longer training or more clips may give another pointing accuracy. Three seeds show the spread, not its limits.
# - What the addition by column would do to VSCG on AVE has not been measured. On `planted-mini` it was, with short runs.
#
# ## Next
#
# The attended picture and the sound pass a Bi-LSTM each. Then their seconds are compared:
# [positive sample propagation](04_positive_sample_propagation.ipynb).
