# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own clip
#
# | Question | What happens between a video file and the classes of its seconds? |
# |---|---|
# | **Paper** | Sec. IV-A (features), Fig. 1 and Figs. 4 to 6 |
# | **Needs** | [the AVE data set](01_ave_dataset.ipynb), [audio-guided attention](03_audio_guided_attention.ipynb) |
# | **Run time** | about a minute on two CPU cores with the stand-in networks; some minutes more with VGG-19 |
# | **You will be able to verify** | how a clip becomes ten segments, the log-mel picture of a tone whose place you can compute, and the whole way from a file to a timeline and a video of the attention |
#
# Until now the systems were given features. This chapter makes them: it decodes a file, passes its pictures through
# VGG-19 and its sound through VGGish, and lets a trained system look at the result. Give it your own clip by setting
# `CLIP` below, or on the command line: [how to](../book/howto/own-clips.md).

# %% [markdown]
# The imports, and the style of all figures.

# %% tags=["hide-input"]
import tempfile
from pathlib import Path

import ipywidgets
import numpy as np
import torch
from IPython.display import Video, display
from torch import nn

import vscg
from vscg import machine, plots, predict
from vscg.data import CATEGORIES
from vscg.features import extract, vggish, video, weights

plots.set_style()

# %% [markdown]
# The parameters. Without a clip of yours the notebook makes one; without the networks' weights it uses stand-ins.

# %% tags=["parameters"]
CLIP = ""               # a file with picture and sound; empty: a clip is made
CHECKPOINT = ""         # run key or folder, published checkpoint; empty: chapter 8's
WEIGHTS = ""            # folder of VGG-19's and VGGish's weights; empty: data/weights
DATA = "planted-mini"   # of the run: planted-mini, planted, ave, or a prepared file
PROFILE = "quick"       # its schedule: quick, standard or full

# %% [markdown]
# ## A clip with known content
#
# A made clip has the advantage that everything in it is known. A white square moves from left to right through the upper
# part of the picture, and a tone of 880 Hz sounds while it is there: from second 3 to second 7.

# %%
RATE, TONE = 16_000, 880                                       # Hz
folder = Path(tempfile.mkdtemp())


def made_clip(path):
    pictures = np.full((160, 224, 224, 3), 120, np.uint8)   # ten seconds of 16 pictures
    for i in range(48, 112):                                # seconds 3 to 7
        left = 2 * (i - 48) + 20
        pictures[i, 40:80, left:left + 40] = 230
    time = np.arange(10 * RATE) / RATE                         # s
    sound = 0.4 * np.sin(2 * np.pi * TONE * time) * ((time >= 3) & (time < 7))
    return predict.write_mp4(path, pictures, sound, RATE)


clip = Path(CLIP) if CLIP else made_clip(folder / "square.mp4")
print(clip.name)

# %% [markdown]
# ## From a file to segments
#
# A window is ten seconds. Every second gives 16 pictures, evenly spaced, and its own second of sound; the paper's
# features were made so (Sec. IV-A). A longer clip gives several windows.

# %%
windows = list(video.read_windows(clip, pad=True))
for window in windows:
    print(f"from {window.start} s: "
          f"pictures {window.frames.shape}, sound {window.waveform.shape} at "
          f"{window.sample_rate} Hz, padded seconds {int(window.padded.sum())}")
window = windows[0]
assert window.frames.shape == (10, 16, 224, 224, 3)

# %% [markdown]
# The middle picture of each second: what the visual network will see.

# %% mystnb={"figure": {"caption": "One of the sixteen pictures of every second.", "name": "fig-own-frames"}, "image": {"alt": "Ten small pictures in two rows, one for each second of the clip."}}
plots.frames(window.frames[:, 8])

# %% [markdown]
# ## The sound as a picture
#
# VGGish does not hear a waveform. It sees the logarithm of the energy in 64 frequency bands, spaced as the ear spaces
# them, in steps of 10 ms: 96 steps for a second.
#
# $$\mathrm{mel}(f) = 1127 \ln\bigl(1 + f / 700\bigr), \qquad \mathrm{logmel} = \ln(\mathrm{mel\ energy} + 0.01)$$ (eq-own-mel)
#
# The bands lie between 125 and 7,500 Hz at equal distances in mel. So the band of the tone can be computed by hand.
#
# One thing is odd: 96 steps of 10 ms are 0.96 s, not 1 s, and the reference program puts its examples one behind the
# other. AVE's features are made so. The tenth "second" of sound begins at 8.64 s, a third of a second before the tenth
# second of picture.

# %%
examples = vggish.log_mel_examples(window.waveform, window.sample_rate)    # (10,96,64)
mel = lambda hertz: 1127 * np.log(1 + hertz / 700)      # noqa: E731
low, high = mel(125), mel(7500)
expected = 65 * (mel(TONE) - low) / (high - low) - 1    # bands peak at 1/65, 2/65, ...
if not CLIP:
    loudest = examples[4].mean(0).argmax()
    print(f"expected band {expected:.1f}, loudest band {loudest}")
    assert abs(loudest - expected) <= 1

# %% [markdown]
# The whole clip as VGGish gets it:

# %% mystnb={"figure": {"caption": "Log-mel energy over the clip, the ten examples parted by lines: the tone is one bright line while it lasts.", "name": "fig-own-logmel"}, "image": {"alt": "A time-frequency picture of ten seconds with 64 bands; in the made clip a horizontal line lasts from second three to second seven."}}
plots.log_mel(examples)

# %% [markdown]
# ## The two networks
#
# VGG-19 gives a map of 7 times 7 regions with 512 values for each picture; the second's feature is the mean over its 16
# maps. VGGish gives 128 values for each second of sound. If their weights are here they are used. If not, two small
# networks with random weights stand in, which have the right shapes and know nothing: the way stays the same, the
# result means nothing. To get the weights, 864 MB, run `python -m vscg predict` once ([how to](../book/howto/own-clips.md)):
# it downloads them into `data/weights`, where this notebook looks for them.

# %%
class PictureStandIn(nn.Module):
    """(B,3,224,224) to (B,512,7,7): each region's mean colour, mapped at random."""

    def __init__(self):
        super().__init__()
        self.map = nn.Conv2d(3, 512, 32, 32)

    def forward(self, pictures):
        return self.map(pictures).relu()


class SoundStandIn(nn.Module):
    """(B,96,64) to (B,128): each band's mean energy, mapped at random."""

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(64, 128)

    def forward(self, examples):
        return self.map(examples.mean(1)).relu()


# %% [markdown]
# Which of the two it is, is printed: everything below depends on it.

# %%
from_folder = Path(WEIGHTS) if WEIGHTS else machine.data_dir() / "weights"
real = all((from_folder / file.name).is_file()
           for file in (weights.VGG19, weights.VGGISH))
torch.manual_seed(0)
networks = (extract.load_networks(from_folder) if real
            else extract.Networks(PictureStandIn().eval(), SoundStandIn().eval()))
print("VGG-19 and VGGish with their published weights" if real else
      "stand-ins with random weights: what is predicted below means nothing")

# %% [markdown]
# ## From features to classes
#
# The system is the one that was trained in [the chapter on training](08_training_fully.ipynb), unless `CHECKPOINT` names
# another. One trained on planted features has never seen a feature of a real picture.

# %%
if CHECKPOINT:
    model, title = predict.load_checkpoint(CHECKPOINT)
else:
    record = vscg.fit(vscg.RunConfig(data=DATA, profile=PROFILE))
    model, title = predict.load_checkpoint(str(record.folder))
print(title)
watched = list(predict.watch(clip, model, networks, pad=True))
for second in watched[0].seconds():
    print(f"{second['start']:2d} to {second['end']:2d} s  {second['class']}")
assert len(watched) == len(windows)

# %% [markdown]
# The same as a picture.

# %% mystnb={"figure": {"caption": "What the system says about every second of the clip, one row for each window.", "name": "fig-own-timeline"}, "image": {"alt": "A bar over ten seconds, coloured by the predicted class of each second."}}
predict.timeline(np.concatenate([one.classes for one in watched]))

# %% [markdown]
# ## Where it looks
#
# The attention of each second, laid over its pictures and played with the sound. Bright regions get more than their even
# share of $1/49$; an orange frame means that an event is predicted.

# %%
file = predict.write_mp4(folder / "attention.mp4", predict.overlay(watched[0]),
                         watched[0].window.waveform, watched[0].window.sample_rate)
Video(str(file), embed=True, width=336,
      html_attributes="controls aria-label='the clip under its attention'")

# %% [markdown]
# The same as pictures, one for each second.

# %% mystnb={"figure": {"caption": "One picture of each second under its attention; framed where an event is predicted.", "name": "fig-own-overlay"}, "image": {"alt": "Ten small pictures in two rows with warm colours where the attention is above its even share."}}
plots.frames(predict.overlay(watched[0])[8::16])

# %% [markdown]
# ## An explorer
#
# On the data set's own test clips the features are the ones that the system was trained for. In Jupyter Lab, choose a
# clip and a second; the page of the book shows one choice.

# %%
data = vscg.load_dataset(DATA)
test = data.splits["test"]
truth = data.labels[test].argmax(-1)


@torch.inference_mode()
def look(number: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Predicted classes (10,) and attention (10,7,7) of test clip `number`."""
    row = test[number:number + 1]
    output = model(torch.from_numpy(data.audio[row]),
                   torch.from_numpy(data.visual[row]).float())
    return (vscg.predict_segments(output)[0].numpy(),
            None if output.attention is None else output.attention[0].numpy())


def explore(number: int = 0, second: int = 0):
    """Timeline of a test clip, and the attention in one of its seconds."""
    classes, attention = look(number)
    display(plots.timeline(truth[number], {"predicted": classes}))
    if attention is not None:
        one = slice(second, second + 1)
        mask = data.truth["source_mask"][test[number]][one] if data.truth else None
        figure = plots.attention_maps(attention[one], mask, truth[number][one])
        figure.axes[0].title.set_text(f"{second} to {second + 1} s")    # not from 0
        display(figure)


# %% [markdown]
# The widget needs a running kernel.

# %%
ipywidgets.interactive(
    explore, number=ipywidgets.IntSlider(0, 0, len(test) - 1, description="test clip"),
    second=ipywidgets.IntSlider(0, 0, 9, description="second"))

# %% [markdown]
# One choice as a fixed picture: the test clip with the shortest event, and what the system says about it.

# %%
lengths = (truth != 28).sum(1)
shortest = int(np.flatnonzero(lengths == lengths[lengths > 0].min())[0])
classes, attention = look(shortest)
name = CATEGORIES[data.category[test[shortest]]]
print(f"{DATA}, test clip {shortest}: {name}, {lengths[shortest]} s, "
      f"{(classes == truth[shortest]).sum()} of 10 seconds right")

# %% [markdown]
# Its seconds:

# %% mystnb={"figure": {"caption": "The test clip with the shortest event: truth and prediction.", "name": "fig-own-explorer"}, "image": {"alt": "Two rows of coloured seconds over ten seconds: ground truth and prediction."}}
plots.timeline(truth[shortest], {"predicted": classes})

# %% [markdown]
# ## What was established
#
# - A file becomes windows of ten seconds, each with 16 pictures and one second of sound per segment; the tone of the made
#   clip lands in the frequency band that the formula says.
# - The same call, `vscg.predict.watch`, takes any clip and any trained system to classes and attention.
#
# ## What stays uncertain
#
# - Without the published weights of VGG-19 and VGGish, and without a system trained on AVE, no prediction for a real clip
#   means anything. With both, AVE's 28 classes are all that a system can say: a clip of something else gets one of them,
#   or background.
#
# **Next:** [what the differences between paper and program do](20_deviations.ipynb). From the command line: [your own clips](../book/howto/own-clips.md).
