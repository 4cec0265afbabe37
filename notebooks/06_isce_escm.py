# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # ISCE and the whole ESCM
#
# | Question | How does what the whole clip says reach every single second, and what does it carry after training? |
# |---|---|
# | **Paper** | Sec. III-D, Eq. 4 to 13 [(Jiang et al., 2023)](../book/references.md); the GRU is from [(Cho et al., 2014)](../book/references.md) |
# | **Needs** | [Positive sample propagation](04_positive_sample_propagation.ipynb) and [CERE](05_cere.ipynb) |
# | **Run time** | quick: under a minute, and the training of one VSCG if it is not stored yet; full: the same, and the released program's 300 epochs |
# | **You will be able to verify** | that 40 lines are the whole ESCM, in both settings; that VSCG computes what the published program computes; whether a trained network reads the event from its prior; where PyTorch's GRU departs from the printed Eq. 6 |
#
# Somebody who has been told what a recording is about listens to it differently. ISCE, the *intra-modal semantic
# consistency enhancer*, reads the ten seconds once more with a recurrent network. This network does not start from nothing:
# its first state is the clip's event representation, a *prior* for everything that follows.
#
# ![VSCG as a flow of blocks from sound and picture to ten classes. Framed: two ISCE blocks, one for sound and one for picture, which PSP feeds and CERE starts.](../book/_static/overview-06.svg)
#
# This chapter builds the framed blocks and joins them with CERE: that is ESCM, the paper's own part.

# %% tags=["hide-input"]
import json
import math
import zlib

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

import vscg
from vscg import models, plots, study
from vscg.data import BACKGROUND
from vscg.released import DEAD
from vscg.training import clip_accuracy, paired_difference

plots.set_style()

# %% [markdown]
# The parameters of the last part: which data, how long to train, which seed.

# %% tags=["parameters"]
DATA = "planted-mini"   # planted-mini, planted, ave, or the path of a prepared file
PROFILE = "quick"       # training schedule: quick, standard or full (the published)
SEED = 0                # of weights, batches and dropout

# %% [markdown]
# What the run on this page found, collected from the cells below:

# %% tags=["hide-input"]
found = study.findings()

# %% [markdown]
# ## The idea: a state that starts with knowledge
#
# [CERE](05_cere.ipynb) reduces a clip to its event. ISCE lets that knowledge accompany each modality through time. A gated
# recurrent unit, GRU, reads the seconds one after the other and carries a state. At each second it decides how much of the
# old state to keep.
#
# $$z_t = \sigma(W_z [h_{t-1}, f_t]) \tag{4}$$
#
# $$r_t = \sigma(W_r [h_{t-1}, f_t]) \tag{5}$$
#
# $$\tilde h_t = \tanh(W [r_t \odot h_{t-1}, f_t]) \tag{6}$$
#
# $$h_t = z_t \odot h_{t-1} + (1 - z_t) \odot \tilde h_t \tag{7}$$
#
# Symbols: $f_t$ is `f` (B,D), the second's encoding; $h_{t-1}$ is `h` (B,H); $z_t$ is `z`, the share of the old state that
# stays; $r_t$ is `r`, how much of it the candidate $\tilde h_t$ may see. The step below is the one that PyTorch and the
# released program compute. It has biases, and it applies the gate $r_t$ one multiplication later than Eq. 6; the last
# section before the exercises shows where that matters. The weights are stacked as `(reset, update, candidate)`.

# %%
def step(h, f, w_ih, w_hh, b_ih, b_hh):
    f_r, f_z, f_n = (f @ w_ih.T + b_ih).chunk(3, -1)              # each (B,H)
    h_r, h_z, h_n = (h @ w_hh.T + b_hh).chunk(3, -1)
    r, z = (f_r + h_r).sigmoid(), (f_z + h_z).sigmoid()
    return z * h + (1 - z) * (f_n + r * h_n).tanh()


def weights(gru, suffix=""):
    return [getattr(gru, f"{name}_l0{suffix}")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]

# %% [markdown]
# Before the first second there is no old state. Most networks start from zero; ISCE starts from what CERE says about the
# whole clip. A toy shows what that buys: one state, and weights that keep 90% of it each second, whatever comes in
# ($z = 0.9$). An input of zero gives a candidate of zero. So by hand a prior of 1 leaves $0.9^t$ after $t$ seconds.

# %% tags=["nbval-check-output"]
def run(sequence, h, w):                                     # (B,T,D), (B,H) -> (B,T,H)
    states = []
    for f in sequence.unbind(1):
        h = step(h, f, *w)
        states.append(h)
    return torch.stack(states, 1)


keep90 = [torch.tensor([[0.0], [0], [1]]), torch.zeros(3, 1),
          torch.tensor([0.0, math.log(9), 0]), torch.zeros(3)]
silence = torch.zeros(1, 10, 1)
decay = run(silence, torch.ones(1, 1), keep90).flatten()
assert torch.allclose(decay, 0.9 ** torch.arange(1, 11), atol=1e-6)
print("prior left after 1, 5 and 10 seconds:",
      [round(decay[t].item(), 3) for t in (0, 4, 9)])

# %% [markdown]
# The first seconds feel the prior fully, the last ones a third of it. One direction is not enough, so the backward GRU reads
# the clip from its end and has a prior of its own. Now evidence comes in seconds 4 and 5 only:

# %% mystnb={"figure": {"caption": "With a zero start the state knows of the event only after its evidence; a prior fills in the seconds before, the backward one those after.", "name": "fig-prior-toy"}, "image": {"alt": "Four lines over ten seconds. One colour a direction, solid with a prior and dashed without. Forward lines start at 0.9 or at zero and step up at seconds 4 and 5; backward lines are their mirror images."}}
evidence = silence.clone()
evidence[0, 4:6] = 2
lines = {}
for start in (1.0, 0.0):
    h0 = torch.full((1, 1), start)
    lines[f"forward, prior {start:.0f}"] = run(evidence, h0, keep90).flatten()
    backward = run(evidence.flip(1), h0, keep90).flip(1)
    lines[f"backward, prior {start:.0f}"] = backward.flatten()
plots.curves(range(10), lines, "segment (1 s)", "state (no unit)")

# %% [markdown]
# Without a prior each direction is blind on one side of the evidence. With it, no second is. A prior that is wrong
# would be just as persistent, and we shall use that as a test.
#
# ## Both directions, and the package's layout
#
# The output of a second is both states, forward first: $d_i = 2 d_e$ numbers. The prior $E^{av}$ (B,2,$d_e$) has two
# rows: row 0 starts the forward GRU, row 1 the backward one. `torch.nn.GRU` wants the directions as the first axis,
# (2,B,H).

# %% tags=["nbval-check-output"]
def bidirectional(sequence, prior, gru):                  # (B,T,D), (B,2,H) -> (B,T,2H)
    forward = run(sequence, prior[:, 0], weights(gru))
    backward = run(sequence.flip(1), prior[:, 1], weights(gru, "_reverse")).flip(1)
    return torch.cat([forward, backward], -1)


gru = nn.GRU(1, 1, batch_first=True, bidirectional=True).requires_grad_(False)
for suffix in ("", "_reverse"):
    for weight, value in zip(weights(gru, suffix), keep90, strict=True):
        weight.copy_(value)
states = bidirectional(silence, torch.tensor([[[1.0], [-1.0]]]), gru)[0]
print("first second:", [round(v, 3) for v in states[0].tolist()], "  last:",
      [round(v, 3) for v in states[9].tolist()])

# %% [markdown]
# By hand: row 0, a prior of 1, leaves 0.9 in the first second and $0.9^{10}$ in the last; row 1, a prior of -1, the other
# way round. ISCE is one such GRU for each modality, both started from the same prior:
#
# $$A^{ISCE} = \mathrm{GRU}(A^{seg}, E^{av}) \tag{10}$$
#
# $$V^{ISCE} = \mathrm{GRU}(V^{seg}, E^{av}) \tag{11}$$
#
# Against `vscg.models.escm.SemanticConsistencyEnhancer`, with random weights and inputs of the real size:

# %% tags=["nbval-check-output"]
torch.manual_seed(SEED)
enhancer = models.escm.SemanticConsistencyEnhancer().requires_grad_(False)
A, V, prior = torch.randn(2, 10, 256), torch.randn(2, 10, 256), torch.rand(2, 2, 128)
ours = (bidirectional(A, prior, enhancer.audio_gru),
        bidirectional(V, prior, enhancer.visual_gru))
theirs = enhancer(A, V, prior, prior)
print("audio equal: ", torch.allclose(ours[0], theirs[0], atol=1e-6),
      tuple(ours[0].shape))
print("visual equal:", torch.allclose(ours[1], theirs[1], atol=1e-6))

# %% [markdown]
# The two agree.
#
# ## One prior from two modalities
#
# CERE gives an event representation of the sound and one of the picture. Their mean is the prior of both GRUs:
#
# $$E^{av} = \tfrac12 (E^{v\top} + E^{a\top})\tag{9}$$
#
# Symbols: $E^a$, $E^v$ are `e_a`, `e_v` (B,2,$d_e$). CERE ends with ReLU and maximum, so a component is never
# negative. A component that only one modality finds is halved, not lost:

# %% tags=["nbval-check-output"]
e_a, e_v = torch.tensor([[[0.0, 2], [4, 0]]]), torch.tensor([[[2.0, 0], [4, 0]]])
event = (e_a + e_v) / 2                                           # (B,2,d_e) = (1,2,2)
assert event.tolist() == [[[1, 1], [4, 0]]]
print("E^av =", event[0].tolist())

# %% [markdown]
# ## Project and norm
#
# After the GRUs each modality passes a linear map and ReLU. Dropout and layer normalisation [(Ba et al., 2016)](../book/references.md)
# follow; the mean of the two is the fused clip.
#
# $$F^m = \mathcal D[\delta(M^{ISCE} W_1^m)], \quad m \in \{a, v\}\tag{12}$$
#
# $$F^{v \leftrightarrow a} = \tfrac12 [\mathcal N(F^a) + \mathcal N(F^v)]\tag{13}$$
#
# Symbols: $M^{ISCE}$ is $A^{ISCE}$ for $m = a$ and $V^{ISCE}$ for $m = v$, in the code `M_a` and `M_v`; $\mathcal D$ is
# dropout, off in evaluation; $\mathcal N$ brings each vector to mean 0 and
# variance 1, then scales and shifts it. The program has *one* $\mathcal N$ for both modalities. With $W_1$ the
# identity, $(-1, 2)$ becomes $(0, 2)$: mean 1, standard deviation 1, so $(-1, 1)$. And $(6, 2)$ becomes $(1, -1)$, so
# the fusion of the two is zero.

# %% tags=["nbval-check-output"]
def normalise(x, eps=1e-6):
    variance = x.var(-1, keepdim=True, unbiased=False)
    return (x - x.mean(-1, keepdim=True)) / (variance + eps).sqrt()


M_a, M_v, W1 = torch.tensor([[[-1.0, 2]]]), torch.tensor([[[6.0, 2]]]), torch.eye(2)
N_a, N_v = normalise((M_a @ W1).relu()), normalise((M_v @ W1).relu())
print("N_a =", N_a.round(decimals=3).flatten().tolist(), "  N_v =",
      N_v.round(decimals=3).flatten().tolist())
assert torch.allclose(N_a + N_v, torch.zeros(2), atol=1e-5)

block = models.psp.ProjectAndNorm(2, dropout=0.1).eval()
with torch.no_grad():
    block.audio_map[0].weight.copy_(W1)
    block.visual_map[0].weight.copy_(W1)
print("equal to the package:",
      torch.allclose(torch.stack(block(M_a, M_v)), torch.stack([N_a, N_v]), atol=1e-5))

# %% [markdown]
# The two vectors point in opposite directions after normalisation and cancel: fusion keeps what both modalities agree
# on.
#
# ## The whole ESCM
#
# Now all parts together, from functions of this notebook; CERE is the two convolution blocks of
# [the notebook before](05_cere.ipynb). The modules only hold weights, in the package's order. `crossed=True` is the
# released weakly supervised program: the audio GRU starts from a linear map of the *visual* event and the other way
# round, and there is no linear map after the GRUs.

# %%
class ESCM(nn.Module):
    def __init__(self, dropout=0.1, crossed=False):
        super().__init__()
        self.dropout, self.crossed = dropout, crossed
        self.conv1 = nn.Conv1d(256, 128, 5, padding=2)
        self.conv2 = nn.Conv1d(128, 128, 5, padding=2)
        self.audio_gru = nn.GRU(256, 128, batch_first=True, bidirectional=True)
        self.visual_gru = nn.GRU(256, 128, batch_first=True, bidirectional=True)
        if not crossed:
            self.audio_map = nn.Linear(256, 256, bias=False)
            self.visual_map = nn.Linear(256, 256, bias=False)
        self.norm = nn.LayerNorm(256, eps=1e-6)
        if crossed:
            self.audio_prior = nn.Linear(128, 128, bias=False)
            self.visual_prior = nn.Linear(128, 128, bias=False)

    def cere(self, sequence):                                  # (B,10,256) -> (B,2,128)
        halved = F.max_pool1d(self.conv1(sequence.mT).relu(), 2)  # (B,128,5)
        return F.max_pool1d(self.conv2(halved).relu(), 2).mT

    def forward(self, audio, visual):                          # A^seg, V^seg (B,10,256)
        e_a, e_v = self.cere(audio), self.cere(visual)
        prior_a = prior_v = (e_a + e_v) / 2                       # Eq. 9
        if self.crossed:
            prior_a, prior_v = self.audio_prior(e_v), self.visual_prior(e_a)
        audio = bidirectional(audio, prior_a, self.audio_gru)     # Eq. 10, 11
        visual = bidirectional(visual, prior_v, self.visual_gru)
        if not self.crossed:
            audio, visual = self.audio_map(audio).relu(), self.visual_map(visual).relu()
        return tuple(self.norm(F.dropout(x, self.dropout, self.training))
                     for x in (audio, visual))

# %% [markdown]
# The weights go over one by one, in order; every shape must fit. Then both programs see the same encodings:

# %% tags=["nbval-check-output"]
@torch.no_grad()
def copy_weights(source, target):
    for theirs, ours in zip(source.parameters(), target.parameters(), strict=True):
        assert theirs.shape == ours.shape
        ours.copy_(theirs)


torch.manual_seed(SEED)
for name, crossed in (("mean prior (fully supervised)", False),
                      ("crossed priors (weakly, released)", True)):
    package = models.escm.EventSemanticConsistency(
        dropout=0.1, linear=not crossed, crossed=crossed).eval()
    ours = ESCM(crossed=crossed).eval()
    copy_weights(package, ours)
    expected = package(A, V)[0]                                   # N_a, N_v
    print(f"{name}: equal", all(torch.allclose(x, y, atol=1e-5)
                                for x, y in zip(ours(A, V), expected, strict=True)))

# %% [markdown]
# Both agree. Which model has which form:

# %% tags=["nbval-check-output"]
for setting in vscg.models.SETTINGS:
    for variant in vscg.models.VARIANTS:
        escm = vscg.build_model("vscg", setting=setting, variant=variant).escm
        form = "crossed priors, no map" if escm.crossed else "mean prior, linear map"
        print(f"{setting:6} {variant:8} {form:22} dropout {escm.project.dropout.p}")

# %% [markdown]
# The text describes one ESCM for both settings; the released weakly supervised program has another one.
#
# ## VSCG in one breath
#
# With ESCM in hand the model is short. Segment encoder and propagation come from the earlier notebooks, the head from
# [the next one](07_losses.ipynb).

# %%
class WholeVSCG(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = models.encoder.SegmentEncoder("fully")
        self.psp = models.psp.PositiveSamplePropagation(
            dropout=0.2, renormalise=True,
            project=models.psp.ProjectAndNorm(dropout=0.2))
        self.escm = ESCM()
        self.head = models.heads.TwoPartHead()

    def forward(self, audio, visual):                       # (B,10,128), (B,10,7,7,512)
        x_a, x_v, attention = self.encoder(audio, visual)   # (B,10,256), map (B,10,7,7)
        n_a, n_v = self.escm(*self.psp(x_a, x_v))           # (B,10,256) twice
        relevance, category = self.head((n_a + n_v) / 2)    # Eq. 13 to 15
        return models.Output(
            event_relevance=relevance, event_category=category, attention=attention,
            similarity=F.cosine_similarity(n_a, n_v, dim=-1), threshold=0.7)

# %% [markdown]
# The package's model and this one, same weights, same two random clips, dropout off:

# %% tags=["nbval-check-output"]
torch.manual_seed(SEED)
package, ours = vscg.build_model("vscg", setting="fully").eval(), WholeVSCG().eval()
copy_weights(package, ours)
audio, visual = torch.rand(2, 10, 128), torch.rand(2, 10, 7, 7, 512)
with torch.no_grad():
    expected, got = package(audio, visual), ours(audio, visual)
for name in ("event_relevance", "event_category", "similarity", "attention"):
    equal = torch.allclose(getattr(got, name), getattr(expected, name), atol=1e-5)
    print(f"{name:16} equal: {equal}")
assert torch.equal(vscg.predict_segments(got), vscg.predict_segments(expected))

# %% [markdown]
# How large is it? Table II of the paper says 2.6 million. That count includes layers that its program never uses:

# %% tags=["nbval-check-output"]
live = sum(p.numel() for p in ours.parameters())
dead = sum(math.prod(shape) for shape in DEAD["vscg", "fully"].values())
print(f"{live:,} used + {dead:,} never used = {live + dead:,}")

# %% [markdown]
# ## Against the published program
#
# Equal to each other is not yet equal to the original. The authors' program ran once on weights that anyone can rebuild: random
# numbers, drawn from a seed and the weight's published name. A file of the project keeps the seed, the names with their
# shapes, and the three outputs. The rule for one weight:

# %%
with np.load("../tests/golden/vscg_fully.npz") as file:
    about = json.loads(str(file["meta"]))
    published = {name: torch.from_numpy(file[f"out_{name}"])
                 for name in about["outputs"]}


def drawn(name, shape):
    seed = [about["seed"], zlib.crc32(name.encode())]
    values = np.random.default_rng(seed).standard_normal(shape)
    if len(shape) > 1:                     # a matrix, or the kernel of a convolution
        return 0.8 / math.sqrt(math.prod(shape[1:])) * values
    return 0.1 * values + name.endswith("weight")       # a bias, or a norm's gain

# %% [markdown]
# Sound and picture come from the same seed, negative numbers set to zero. `vscg.load_released` puts weights with published names
# into our model:

# %% tags=["nbval-check-output"]
released = {name: drawn(name, shape).astype(np.float32)
            for name, shape in about["params"].items()}
draw = np.random.default_rng([about["seed"], 1]).standard_normal
inputs = 0.5 * draw((4, 10, 128)), 1.5 * draw((4, 10, 7, 7, 512)) - 0.5
model = vscg.load_released(vscg.build_model("vscg"), released).eval()
with torch.no_grad():
    output = model(*(torch.from_numpy(array).relu().float() for array in inputs))
for theirs, ours in (("is_event", "event_relevance"), ("event", "event_category"),
                     ("similarity", "similarity")):
    difference = (getattr(output, ours) - published[theirs]).abs().max().item()
    print(f"{ours:16} within 0.00001 of the published program:", difference < 1e-5)
    assert difference < 1e-5

# %% [markdown]
# All three outputs agree to rounding. What follows is therefore about VSCG as published, not about something similar.
#
# ## What the prior carries after training
#
# The paper's claim can now be tested directly. We take the trained VSCG and change one thing at inference: the prior. A clip
# gets its own, zeros, or the prior of a clip of another category. If the network reads the event from its prior, a foreign
# prior must mislead it. Everything before ESCM is computed once.

# %%
data = vscg.load_dataset(DATA)
record = vscg.fit(vscg.RunConfig(system="vscg", setting="fully", data=DATA,
                                 profile=PROFILE, seed=SEED))
model, rows = record.model(), data.splits["test"]
with torch.inference_mode():
    parts = []
    for part in torch.from_numpy(rows).split(32):
        sound, picture = (torch.from_numpy(data.audio[part]),
                          torch.from_numpy(data.visual[part]).float())
        parts.append(torch.stack(model.psp(*model.encoder(sound, picture)[:2])))
    A_seg, V_seg = torch.cat(parts, 1)         # (N,10,256) each
    own, _ = model.escm.priors(A_seg, V_seg)   # (N,2,128), the same for both modalities
print(record.describe())

# %% [markdown]
# Each clip's donor is the next clip, in a random order, that has another category:

# %%
category = torch.from_numpy(data.category[rows])
order = torch.randperm(len(rows),
                       generator=torch.Generator().manual_seed(SEED)).tolist()
donor = torch.empty(len(rows), dtype=torch.int64)
for position, clip in enumerate(order):
    later = order[position + 1:] + order[:position]
    donor[clip] = next(other for other in later if category[other] != category[clip])
priors = {"own prior": own, "zero prior": torch.zeros_like(own),
          "another clip's prior": own[donor]}
assert (category != category[donor]).all()
print(f"{data.name}: {len(rows)} test clips, each with a donor of another category")

# %% [markdown]
# The rest of the model, from the prior on. With its own prior it must repeat the predictions stored with the run.

# %%
@torch.inference_mode()
def from_prior(prior):
    states = model.escm.isce(A_seg, V_seg, prior, prior)
    n_a, n_v = model.escm.project(*states)
    relevance, chosen = model.head((n_a + n_v) / 2)
    output = models.Output(event_relevance=relevance, event_category=chosen,
                           threshold=model.threshold)
    return states, chosen.argmax(-1), vscg.predict_segments(output).numpy()


results = {name: from_prior(prior) for name, prior in priors.items()}
agreement = (results["own prior"][2] == record.predictions()).mean()
print(f"{data.name}: {agreement:.1%} of the segments as stored with the run")
assert agreement > 0.99

# %% [markdown]
# **What does it do to the answer?** Accuracy on the test split with each prior, and the paired difference from the
# clip's own: the same clips on both sides, 95% bootstrap interval over clips.

# %%
truth = data.labels[rows].argmax(-1)
per_clip = {name: clip_accuracy(predicted, truth)
            for name, (_, _, predicted) in results.items()}
lost = {}
for name, values in per_clip.items():
    mean, low, high = lost[name] = paired_difference(values, per_clip["own prior"])
    changed = (results[name][2] != results["own prior"][2]).mean()
    print(f"{name:21} {values.mean():.1%} right, {changed:.1%} of the segments change, "
          f"{study.points(mean, low, high)}")
    assert low <= mean <= high
print(f"({data.name}, test split, profile {PROFILE}, seed {SEED})")
for name, article in (("another clip's prior", ""), ("zero prior", "a ")):
    word = study.told(*lost[name][1:], "above", "below")
    found.say(f"With {article}{name} the accuracy is {word} that with the clip's own: "
              f"{study.points(*lost[name])}.")

# %% [markdown]
# Accuracy alone could hide an exchange of errors. So we ask of each clip *whose* event the network names: its own category,
# that of its prior's donor, a third one, or none at all.

# %%
def whose(predicted):
    """Shares of clips by the category that is named."""
    said = np.where(predicted != BACKGROUND, predicted, -1).max(1)        # (N,)
    own, other = category.numpy(), category[donor].numpy()
    kinds = {"its own": said == own, "the donor's": said == other, "none": said < 0}
    kinds["a third"] = ~np.logical_or.reduce(list(kinds.values()))
    return {name: 100 * mask.mean() for name, mask in kinds.items()}


named = pd.DataFrame({name: whose(predicted)
                      for name, (_, _, predicted) in results.items()}).T
print(named.round(1).to_string())
assert np.allclose(named.sum(axis=1), 100)
theirs, before = named["the donor's"][["another clip's prior", "own prior"]]
found.say(f"Given another clip's event vector, {theirs:.1f}% of the clips take the "
          f"donor's category; with their own vector {before:.1f}% of them say it too.")

# %% [markdown]
# The same as bars, one for each prior:

# %% mystnb={"figure": {"caption": "Whose event the network names when its prior is its own, zero, or another clip's: the three bars show how little the prior decides.", "name": "fig-prior-named"}, "image": {"alt": "Three stacked bars, one for each prior, divided into clips whose own event, the donor's, none or a third is named."}}
plots.parts_figure(named, label=f"test clips of {data.name} (%)")

# %% [markdown]
# In this network the head names the event without the prior: with a donor's prior it hardly ever names the donor's event. Two blocks
# before ESCM explain how that can be. The Bi-LSTM and PSP have carried the whole clip into every second already, and each of
# the ten seconds then repeats in the GRU what the prior says once. With other data or a longer training the box at the top
# says which case holds.
#
# Does the prior reach the seconds at all? Each second has two encodings, one with the clip's own prior and one
# with the donor's. We divide the distance between the two by the length of the first, for the forward and the backward half
# separately, and take the mean over the test clips:

# %% mystnb={"figure": {"caption": "The forward half feels a foreign prior at the clip's beginning, the backward half at its end.", "name": "fig-prior-reach"}, "image": {"alt": "Four lines over ten seconds, audio and visual, forward and backward. Forward lines fall from left to right, backward lines rise."}}
halves = {"forward": slice(0, 128), "backward": slice(128, 256)}
reach = {}
for direction, half in halves.items():
    for m, modality in enumerate(("audio", "visual")):
        right, foreign = (results["own prior"][0][m][..., half],
                          results["another clip's prior"][0][m][..., half])
        change = (foreign - right).norm(dim=-1) / right.norm(dim=-1)
        reach[f"{modality}, {direction}"] = change.mean(0)
plots.curves(range(10), reach, "segment (1 s)", "change of encoding (share)")

# %% [markdown]
# Each direction forgets its prior on the way through the clip, as in the toy. How fast depends on the learnt gates:

# %%
table = pd.DataFrame({name: values.numpy() for name, values in reach.items()})
table.insert(0, "segment", range(10))
assert (table >= 0).all(axis=None)
print(f"{data.name}\n{table.iloc[[0, 4, 9]].round(2).to_string(index=False)}")
ends = [100 * float((reach[f"audio, {way}"][at] + reach[f"visual, {way}"][at]) / 2)
        for way, at in (("forward", 0), ("forward", 9), ("backward", 9),
                        ("backward", 0))]
found.say("A foreign prior moves the encoding of the second where a direction starts "
          f"by {ends[0]:.0f}% (forward) and {ends[2]:.0f}% (backward) of its length, "
          f"and that of the second where it ends by {ends[1]:.0f}% and {ends[3]:.0f}%.")

# %% [markdown]
# So the prior moves the encodings, and most where a direction starts. A moved encoding is not yet another answer: the head
# need not look in that direction. None of this is Table III of the paper, which trains a network anew without the module; a
# network that never had a prior may learn something else. [Chapter 12](12_table_3_ablations.ipynb) trains that network.
#
# :::{admonition} Change this and see
# :class: tip
# Guess first: how much of the clip's prior is left in the last second of the toy, if the gate keeps 99% instead of 90%? In
# `keep90` write `math.log(99)` for `math.log(9)`; its check then stops, as it should. The next cell does so, and counts
# what the evidence of seconds 4 and 5 still adds.
# :::

# %% mystnb={"code_prompt_hide": "The answer: the code and its output", "code_prompt_show": "The answer: the code and its output"} tags=["hide-cell", "nbval-check-output"]
for kept in (0.9, 0.99):
    gate = [keep90[0], keep90[1], torch.tensor([0.0, math.log(kept / (1 - kept)), 0]),
            keep90[3]]
    left = run(silence, torch.ones(1, 1), gate)[0, 9, 0].item()
    added = run(evidence, torch.zeros(1, 1), gate)[0, 5, 0].item()
    print(f"keeps {kept:.0%}: {left:.3f} of the prior left after ten seconds;\n"
          f"    the evidence alone brings the state to {added:.3f}")
    assert abs(left - kept**10) < 1e-5

# %% [markdown]
# A gate that keeps nearly all of the prior takes in hardly any evidence.
#
# :::{admonition} Change this and see
# :class: tip
# Guess first: is there a seed with which the network reads its event from the prior? Set `SEED` to 1, 2, 3 and 4. The next
# cell reads what this page's box said with each seed, on `planted-mini` with the quick profile.
# :::

# %% mystnb={"code_prompt_hide": "The answer: the code and its output", "code_prompt_show": "The answer: the code and its output"} tags=["hide-cell", "nbval-check-output"]
kept = ("Given another clip's", "With")
study.paragraphs(*(f"Seed {seed}. " + " ".join(
    sentence for sentence in said if sentence.startswith(kept))
    for seed, said in study.with_seeds("06").items()))

# %% [markdown]
# With none of these five does it: hardly any clip takes the donor's category.
#
# ## The GRU in detail: printed and computed
#
# With one feature, one state, $W_z = W_r = 0$ and $W = (1, 1)$, both gates of Eq. 4 and 5 are 0.5. From $h = 1$ and
# $f = 0.5$ the candidate is $\tanh(0.5 \cdot 1 + 0.5) = \tanh 1$, and the new state is $(1 + \tanh 1)/2$.

# %% tags=["nbval-check-output"]
def step_as_printed(h, f, W_z, W_r, W):
    both = torch.cat([h, f], -1)                                  # (B,H+D)
    z, r = (both @ W_z.T).sigmoid(), (both @ W_r.T).sigmoid()     # (B,H)
    candidate = (torch.cat([r * h, f], -1) @ W.T).tanh()
    return z * h + (1 - z) * candidate


none, ones = torch.zeros(1, 2), torch.ones(1, 2)
new = step_as_printed(torch.tensor([[1.0]]), torch.tensor([[0.5]]), none, none, ones)
assert abs(new.item() - (1 + math.tanh(1)) / 2) < 1e-6
print("h_t =", round(new.item(), 3))

# %% [markdown]
# The state moved half the way from 1 to $\tanh 1$.
#
# PyTorch's GRU, which the released program uses, puts the reset gate elsewhere. It first multiplies the old state by
# its matrix and then applies the gate. Each product has a bias of its own:
#
# $$\tilde h_t = \tanh\bigl( W_f f_t + b_f + r_t \odot (W_h h_{t-1} + b_h) \bigr)$$ (eq-gru-program)
#
# With one state the two forms agree, up to $b_h$. With two they do not. Let $h = (1, 2)$, $r = (1, 0)$ and let $W_h$
# swap the two entries. Printed: $r \odot h = (1, 0)$, swapped $(0, 1)$. Program: swapped $(2, 1)$, gated $(2, 0)$.

# %% tags=["nbval-check-output"]
h, r = torch.tensor([1.0, 2]), torch.tensor([1.0, 0])
W_h = torch.tensor([[0.0, 1], [1, 0]])
print("printed:", (W_h @ (r * h)).tolist(), "  program:", (r * (W_h @ h)).tolist())
assert (W_h @ (r * h)).tolist() == [0, 1] and (r * (W_h @ h)).tolist() == [2, 0]

# %% [markdown]
# The gate closes another door: printed, it hides entries of the old state; in the program it hides entries of what the old
# state would contribute. Which of the two is `torch.nn.GRU`? We give both forms the same random weights, biases zero,
# because the printed equations have none.

# %% tags=["nbval-check-output"]
torch.manual_seed(SEED)
gru = nn.GRU(3, 4, batch_first=True).requires_grad_(False)
gru.bias_ih_l0.zero_(), gru.bias_hh_l0.zero_()
f, h = torch.randn(5, 1, 3), torch.randn(5, 4)                  # five clips, one second
library = gru(f, h[None])[0][:, 0]                              # (B,H)
W_r, W_z, W = torch.cat([gru.weight_hh_l0, gru.weight_ih_l0], 1).chunk(3)
print("program's form equals nn.GRU:",
      torch.allclose(step(h, f[:, 0], *weights(gru)), library, atol=1e-6))
print("printed form equals nn.GRU:  ",
      torch.allclose(step_as_printed(h, f[:, 0], W_z, W_r, W), library, atol=1e-2))

# %% [markdown]
# `torch.nn.GRU` is Eq. {eq}`eq-gru-program`. Both variants of this book use it by default, because the released program has
# it.
#
# The two biases are not both needed: in the gates only their sum counts. In the candidate they differ, because $b_h$
# is inside the bracket that the reset gate multiplies. Moving $b_h$ over to $b_f$ shows it:

# %% tags=["nbval-check-output"]
gru.bias_hh_l0.copy_(torch.randn(12))
w_ih, w_hh, b_f, b_h = weights(gru)
before = step(h, f[:, 0], w_ih, w_hh, b_f, b_h)
gates = torch.arange(12) < 8           # reset and update gate; the last four: candidate
for name, moved in (("of the gates", gates), ("of the candidate", ~gates)):
    after = step(h, f[:, 0], w_ih, w_hh, b_f + b_h * moved, b_h * ~moved)
    print(f"bias {name} moved, same state:", torch.allclose(before, after, atol=1e-6))

# %% [markdown]
# **Equation 8.** The paper also prints an output map:
#
# $$y_t = \sigma(W' h_t) \tag{8}$$
#
# The program has none: what ISCE passes on is the state $h_t$. A sigmoid would give numbers between 0 and 1 only. The
# parameters of the package's ISCE show that nothing but the GRU's own is there, and its output has both signs. (The paper
# uses the letter $y_t$ once more, in Eq. 18, for the label of a second.)

# %% tags=["nbval-check-output"]
print({name: tuple(value.shape) for name, value in enhancer.audio_gru.named_parameters()
       if "reverse" not in name})
states = enhancer(A, V, prior, prior)[0]
print("negative and positive outputs:", bool(states.min() < 0 < states.max()))

# %% [markdown]
# The package has the equations to the letter as well: `EquationGRU`, which VSCG takes by the option `gru="equations"`.
# Its forward half must be the printed step, second by second, with Eq. 8 on top:

# %% tags=["nbval-check-output"]
equations = models.escm.EquationGRU(3, 4).requires_grad_(False)
seconds, state = torch.randn(5, 10, 3), torch.randn(5, 4)
forward_half = equations(seconds, torch.stack([state, state]))[0][..., :4]     # (B,T,H)
W_z, W_r = equations.gates[0].weight.chunk(2)
by_hand = []
for second in seconds.unbind(1):
    state = step_as_printed(state, second, W_z, W_r, equations.candidate[0].weight)
    by_hand.append((state @ equations.output[0].weight.T).sigmoid())
print("the printed step, ten times:",
      torch.allclose(forward_half, torch.stack(by_hand, 1), atol=1e-6))
print("outputs between 0 and 1:",
      bool(0 < forward_half.min() and forward_half.max() < 1))

# %% [markdown]
# What the letter of the equations does to accuracy, [chapter 20](20_deviations.ipynb) measures in row B1.

# %% [markdown]
# ## Exercises
#
# Try each before you open its solution. Every solution ran with this notebook and ends in a check. In Jupyter Lab its
# code and its output are folded: click on the three dots.
#
# ### Exercise 1 (easy): how long does a prior last?
#
# The clip is silent and the candidate is 0. For which constant update gate $z$ is half of the prior left after five
# seconds, and which bias of the gate does that take? How much is left at the end of the clip?
#
# <details>
# <summary>Solution 1: the reasoning</summary>
#
# After $t$ seconds $z^t$ is left by Eq. 7. From $z^5 = \tfrac12$ follows $z = 2^{-1/5} \approx 0.871$. The
# gate is a sigmoid, so its bias is the log-odds $\ln \tfrac{z}{1 - z} \approx 1.906$. After ten seconds a quarter is
# left: a prior has a half-life.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 1: the code and its output", "code_prompt_show": "Solution 1: the code and its output"} tags=["hide-cell", "nbval-check-output"]
z = 0.5 ** (1 / 5)
bias = math.log(z / (1 - z))
biases = torch.tensor([0.0, bias, 0])        # reset, update, candidate
slower = [keep90[0], keep90[1], biases, keep90[3]]
left = run(silence, torch.ones(1, 1), slower).flatten()
print(f"z = {z:.3f}, bias {bias:.3f}; left after 5 seconds {left[4]:.3f}, "
      f"after 10 seconds {left[9]:.3f}")
assert abs(left[4] - 0.5) < 1e-5 and abs(left[9] - 0.25) < 1e-5

# %% [markdown]
# ### Exercise 2 (medium): when do the two resets agree?
#
# The printed candidate uses $W_h (r \odot h)$, the program's $r \odot (W_h h)$, biases aside. For which matrices $W_h$
# do they agree for *every* gate $r$ and state $h$? For which gates do they agree for every matrix?
#
# <details>
# <summary>Solution 2: the reasoning</summary>
#
# Entry $i$ is $\sum_j W_{ij} r_j h_j$ in print and $\sum_j r_i W_{ij} h_j$ in the program. The difference is
# $\sum_j W_{ij} (r_j - r_i) h_j$. It vanishes for all $h$ and $r$ only if $W_{ij} = 0$ for $i \ne j$: a diagonal
# matrix, in which no entry of the state speaks to another. And it vanishes for all matrices if all entries of $r$ are
# equal, as with a single state. Both are far from a trained GRU.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 2: the code and its output", "code_prompt_show": "Solution 2: the code and its output"} tags=["hide-cell", "nbval-check-output"]
torch.manual_seed(SEED)
h, r, full = torch.randn(4), torch.rand(4), torch.randn(4, 4)
cases = {"full matrix": (full, r), "diagonal matrix": (full.diag().diag(), r),
         "equal gates": (full, r[:1].expand(4))}
same = {name: torch.allclose(W @ (gate * h), gate * (W @ h), atol=1e-6)
        for name, (W, gate) in cases.items()}
print(same)
assert list(same.values()) == [False, True, True]

# %% [markdown]
# ### Exercise 3 (medium): gates stuck open and shut
#
# Break the package's ISCE: give its update gate a bias so large that $z = 1$. What does ISCE say about each second?
# Then make $z = 0$ everywhere and predict whether the prior is forgotten after the first second. If not, what else must
# be set?
#
# <details>
# <summary>Solution 3: the reasoning</summary>
#
# With $z = 1$ the state never moves: every second says the prior, row 0 of $E^{av}$ in the forward half and row 1 in
# the backward half, whatever is heard and seen. Nothing could be localised. With $z = 0$ the state is the candidate,
# which by {eq}`eq-gru-program` still reads the old state through the reset gate: the prior lives on in a plain
# recurrent network. Only with $r = 0$ as well is each second on its own. (With $z = r = 0$ the biases are the same for
# all seconds.)
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 3: the code and its output", "code_prompt_show": "Solution 3: the code and its output"} tags=["hide-cell", "nbval-check-output"]
def stuck(reset=None, update=None):
    enhancer = models.escm.SemanticConsistencyEnhancer().requires_grad_(False)
    for suffix in ("", "_reverse"):
        parts = weights(enhancer.audio_gru, suffix)[2].split(128)   # r, z, candidate
        for part, value in zip(parts, (reset, update, None), strict=True):
            if value is not None:
                part.fill_(value)
    return [enhancer(A, V, start, start)[0] for start in (prior, -prior)]    # A^ISCE


torch.manual_seed(SEED)
kept, plain = stuck(update=100), stuck(update=-100)
alone = stuck(reset=-100, update=-100)
frozen = torch.allclose(kept[0], prior.flatten(1).unsqueeze(1).expand(-1, 10, -1),
                        atol=1e-6)
print("z = 1: every second says the prior:", frozen)
matters = [not torch.allclose(*pair, atol=1e-6) for pair in (plain, alone)]
print("z = 0: the prior matters:", matters[0], "  z = r = 0: the prior matters:",
      matters[1])
assert frozen and matters == [True, False]

# %% [markdown]
# ### Exercise 4 (demanding): what the length of the fused vector says
#
# $N_a$ and $N_v$, the two vectors after the shared $\mathcal N$ (gain 1, shift 0), are averaged to
# $F^{v \leftrightarrow a}$. Express the length of the fused vector by $d_f$ and the cosine $s$ of the two. What follows
# for seconds in which sound and picture disagree?
#
# <details>
# <summary>Solution 4: the reasoning</summary>
#
# After $\mathcal N$ each vector has mean 0 and variance 1 over its $d_f$ entries, so its squared length is $d_f$. The
# squared length of $\tfrac12 (N_a + N_v)$ is then $\tfrac14 (d_f + d_f + 2 d_f s)$, that is $d_f (1 + s) / 2$. Full
# agreement gives $\sqrt{d_f} = 16$, no relation 11.3, opposition 0. The fusion thus carries the similarity of the
# released program along: a second whose modalities disagree comes out short, and in the maximum over time of $\tilde f$
# it has little to say. Learnt gains bend this law, but do not lift it.
#
# </details>

# %% jupyter={"outputs_hidden": true, "source_hidden": true} mystnb={"code_prompt_hide": "Solution 4: the code and its output", "code_prompt_show": "Solution 4: the code and its output"} tags=["hide-cell", "nbval-check-output"]
torch.manual_seed(SEED)
escm = models.escm.EventSemanticConsistency(dropout=0.1).eval()
with torch.no_grad():
    n_a, n_v = escm(torch.randn(8, 10, 256), torch.randn(8, 10, 256))[0]
s = F.cosine_similarity(n_a, n_v, dim=-1)                         # (B,T)
length = ((n_a + n_v) / 2).norm(dim=-1)
derived = (256 * (1 + s) / 2).sqrt()
print("lengths as derived:", torch.allclose(length, derived, rtol=1e-3))
print(f"agreement {256**0.5:.1f}, no relation {128**0.5:.1f}; both signs occur: "
      f"{bool(s.min() < 0 < s.max())}")
assert torch.allclose(length, derived, rtol=1e-3)

# %% [markdown]
# ## What was established
#
# - A prior acts most at the edge where its direction starts, and fades by the update gate.
# - ESCM written in this notebook equals the package's in both forms, and the fully supervised VSCG equals the published program
#   on fixed weights.
# - Whether a trained network takes its event from the prior can be tested by giving it another clip's. The box at the top
#   says what came of it for the run on this page.
# - PyTorch's GRU, not the printed Eq. 6, is what the program runs; Eq. 8 has no counterpart in it.
#
# ## What stays uncertain
#
# - Whether the place of the reset gate and the map of Eq. 8 matter for accuracy on AVE;
#   [chapter 20](20_deviations.ipynb) measures it on planted data.
# - The prior's part in *training* needs retrained networks and several seeds; this page has one network of one seed.
#
# ## Next
#
# [The losses](07_losses.ipynb): what the two outputs of the head are trained for.
