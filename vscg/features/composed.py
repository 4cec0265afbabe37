"""Composed clips: real photographs, each with its real recording, in places and seconds that are known.

28 cut-out photographs of animals lie in `book/stamps`, each beside a recording of the animal. A clip of ten seconds
shows one of them for some seconds, slowly moving, and plays its recording for some seconds; other photographs move
about in silence, and another recording is heard. Pictures and sound then go through the networks of `extract`, so the
maps are those of a convolutional network that looks at photographs, and where the sounding thing is, is known. These
are 28 instances, not categories: test clips show the same photographs elsewhere, in another size, before other colours.
"""
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from tqdm.auto import tqdm

from vscg.data.labels import GRID, SEGMENTS, Dims
from vscg.data.planted import AT_END, AT_START, DURATION_CLIPS, apportion, classes_of
from vscg.data.prepared import SPLITS, Dataset, made_prepared, read_fingerprint, read_prepared
from vscg.data.writer import PreparedWriter
from vscg.features import weights
from vscg.features.aisfx import CHANNELS, SAMPLE_RATE
from vscg.features.efficientnet import PLAN
from vscg.features.networks import Networks, load_networks, window_features
from vscg.features.video import SIZE, Window
from vscg.machine.files import data_dir, deeds, file_sum, value_hash

STAMPS = Path(__file__).parents[2] / "book" / "stamps"
NAMES = tuple(path.stem for path in sorted(STAMPS.glob("*.png")))
DIMS = Dims(CHANNELS[-1], PLAN[-1][3], GRID, SEGMENTS, tuple(name.replace("_", " ") for name in NAMES))
CELL = SIZE // GRID                                        # px along each side of a region
COVERED = 0.25                                             # of a region, from which on a thing lies on it
LOUD = 0.1                                                 # root mean square of a recording; samples are in -1..1
PAUSE = 0.1                                                # of its loudest 50 ms; what is softer is taken out
HISS = 0.001                                               # of noise that is always heard


@dataclass(frozen=True)
class Dials:
    """Everything that shapes a composed data set."""
    train: int = 10                      # clips of each instance
    val: int = 3
    test: int = 3
    smallest: int = 56                   # px, the longer side of a thing is drawn between these
    largest: int = 96
    silent: int = 2                      # things in the picture that are not heard
    under: float = 6                     # dB that the other recording is softer while the thing is heard
    spread: float = 6.0                  # dB by which clips differ in loudness, up and down


@dataclass(frozen=True)
class Thing:
    """A photograph in a clip."""
    name: int                            # position in `NAMES`
    pixels: np.ndarray                   # (h,w,4) float32 in 0..1, red, green, blue and how opaque
    begin: np.ndarray                    # (2,) px, where its middle is at 0 s and at 10 s, down and across
    end: np.ndarray

    def drawn(self, time: float) -> np.ndarray:
        """The photograph alone, (224,224,4), at a time in s."""
        canvas = np.zeros((SIZE, SIZE, 4), np.float32)
        sides = np.array(self.pixels.shape[:2])
        middle = self.begin + (self.end - self.begin) * time / SEGMENTS
        top, left = np.clip((middle - sides / 2).round().astype(int), 0, SIZE - sides)
        canvas[top:top + sides[0], left:left + sides[1]] = self.pixels
        return canvas


@dataclass(frozen=True)
class Clip:
    """A composed clip: what is seen and heard in it, and the truth about both."""
    ground: np.ndarray                   # (224,224,3) float32 in 0..1
    things: tuple[Thing, ...]            # the sounding one first
    layers: tuple[int, ...]              # positions in `things`, from behind to the front
    seen: np.ndarray                     # (10,) bool, seconds in which the sounding thing is in the picture
    heard: np.ndarray                    # (10,) bool, seconds in which it is heard
    waveform: np.ndarray                 # (441000,) float32 in -1..1, at 44.1 kHz

    def at(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Picture (224,224,3) uint8 at a time in s, and what of each thing is to be seen in it: (things,224,224)."""
        picture, shown = self.ground.copy(), np.zeros((len(self.things), SIZE, SIZE), np.float32)
        for number in self.layers:
            if number or self.seen[int(time)]:
                drawn = self.things[number].drawn(time)
                shown *= 1 - drawn[..., 3]
                shown[number] = drawn[..., 3]
                picture += drawn[..., 3:] * (drawn[..., :3] - picture)
        return (255 * picture).round().astype(np.uint8), shown

    def window(self, pictures: int = 1) -> Window:
        """What the networks are given, with so many pictures for each second, at the middles of its parts."""
        times = (np.arange(SEGMENTS * pictures) + 0.5) / pictures
        frames = np.stack([self.at(time)[0] for time in times]).reshape(SEGMENTS, pictures, SIZE, SIZE, 3)
        return Window(0, frames, self.waveform, SAMPLE_RATE, np.zeros(SEGMENTS, bool))

    def regions(self) -> np.ndarray:
        """Where each thing is in the middle of each second, (10,things,7,7) bool: regions that it covers to a quarter.

        Of a thing that covers none so far it is the one that it covers most; of a thing that is not seen, none.
        """
        shown = np.stack([self.at(second + 0.5)[1] for second in range(SEGMENTS)])
        cover = shown.reshape(SEGMENTS, -1, GRID, CELL, GRID, CELL).mean((3, 5))
        most = cover.max((2, 3), keepdims=True)
        return (cover >= np.minimum(COVERED, most)) & (most > 0)


@cache
def _photograph(name: int) -> av.VideoFrame:
    with av.open(str(STAMPS / f"{NAMES[name]}.png")) as file:
        return next(file.decode(video=0)).reformat(format="rgba")


def portrait(name: int) -> np.ndarray:
    """The photograph of an instance as large as fits on a grey ground, (224,224,3) uint8."""
    thing = _thing(np.random.default_rng(0), Dials(smallest=200, largest=200), name, np.full((2, 2), 0.5))
    clip = Clip(np.full((SIZE, SIZE, 3), 0.6, np.float32), (thing,), (0,),
                np.ones(SEGMENTS, bool), np.zeros(SEGMENTS, bool), np.zeros(0, np.float32))
    return clip.at(0)[0]


@cache
def recording(name: int) -> np.ndarray:
    """The recording of an instance (samples,) float64 at 44.1 kHz, without its pauses, at a loudness of `LOUD`."""
    to_mono = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(STAMPS / f"{NAMES[name]}.ogg")) as file:
        parts = [part for frame in (*file.decode(audio=0), None) for part in to_mono.resample(frame)]
    sound = np.concatenate([part.to_ndarray()[0] for part in parts]).astype(np.float64)
    pieces = sound[:len(sound) // 2205 * 2205].reshape(-1, 2205)                   # of 50 ms
    loudness = np.sqrt((pieces**2).mean(1))
    sound = pieces[loudness > PAUSE * loudness.max()].ravel()
    return LOUD * sound / np.sqrt((sound**2).mean())


def _thing(g: np.random.Generator, dials: Dials, name: int, places: np.ndarray) -> Thing:
    """A photograph in a size and turn of its own, at places (2,2) in 0..1 of where it can be."""
    frame = _photograph(name)
    scale = g.uniform(dials.smallest, dials.largest) / max(frame.width, frame.height)
    width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
    scaled = VideoReformatter().reformat(frame, width, height, "rgba", interpolation="AREA")
    pixels = scaled.to_ndarray() / np.float32(255)
    if g.random() < 0.5:
        pixels = pixels[:, ::-1]
    pixels = np.concatenate([np.clip(g.uniform(0.8, 1.2) * pixels[..., :3], 0, 1), pixels[..., 3:]], -1)
    sides = np.array([height, width])
    begin, end = sides / 2 + places * (SIZE - sides)
    return Thing(name, pixels, begin, end)


def _places(g: np.random.Generator, count: int) -> np.ndarray:
    """Where things begin and end (count,2,2), in 0..1: of 20 draws the one in which they are farthest apart."""
    begin = g.random((20, count, 2))
    end = np.clip(begin + g.normal(0, 0.15, begin.shape), 0, 1)
    paths = np.stack([begin, end], 2)                                              # (20,count,2,2)
    apart = np.abs(paths[:, :, None] - paths[:, None]).max(-1).min(-1)             # (20,count,count)
    apart[:, np.arange(count), np.arange(count)] = 1
    return paths[apart.min((1, 2)).argmax()]


def compose(g: np.random.Generator, dials: Dials, category: int, start: int, end: int) -> Clip:
    """A clip with an event of an instance from second `start` to `end` (excluded), as a planted clip has one.

    Around the event, the thing is heard or seen alone, or neither. Nothing else that is in the picture is ever heard.
    """
    others = g.permutation(np.delete(np.arange(len(NAMES)), category))
    names, foreign = (category, *others[:dials.silent]), others[dials.silent]
    seconds = np.arange(SEGMENTS)
    event = (seconds >= start) & (seconds < end)
    kind = np.where(seconds < start, *g.integers(3, size=2))   # 0 heard but not seen, 1 seen but not heard, 2 neither
    heard, seen = event | (kind == 0), event | (kind == 1)
    # The other recording: soft while the thing is heard; else, in half of the stretches, as loud as it.
    elsewhere = np.where(seconds < start, *g.random(2) < 0.5)
    soft = 10 ** (-dials.under / 20)
    levels = np.stack([heard, np.where(heard, soft, elsewhere)])                   # (2,10)
    loud = 10 ** (g.uniform(-dials.spread, dials.spread) / 20)
    waveform = HISS * g.standard_normal(SEGMENTS * SAMPLE_RATE)
    for name, level in zip((category, foreign), levels, strict=True):
        sound = recording(name)
        looped = sound[(g.integers(len(sound)) + np.arange(len(waveform))) % len(sound)]
        waveform += loud * np.repeat(level, SAMPLE_RATE) * looped
    things = tuple(_thing(g, dials, int(name), places)
                   for name, places in zip(names, _places(g, len(names)), strict=True))
    corners = g.uniform(0.15, 0.85, (2, 2, 3))
    down, across = np.linspace(0, 1, SIZE)[:, None, None], np.linspace(0, 1, SIZE)[:, None]
    ground = (1 - down) * ((1 - across) * corners[0, 0] + across * corners[0, 1]) \
        + down * ((1 - across) * corners[1, 0] + across * corners[1, 1])
    ground = np.clip(ground + 0.02 * g.standard_normal(ground.shape), 0, 1).astype(np.float32)
    return Clip(ground, things, tuple(g.permutation(len(things)).tolist()), seen, heard,
                np.clip(waveform, -1, 1).astype(np.float32))


def plan(dials: Dials, seed: int) -> dict[str, np.ndarray]:
    """Which clip is where, as `vscg.data.planted.plan`; every instance has equally many clips in every split."""
    g = np.random.default_rng([seed, 1])
    parts = []
    for split in ("train", "val", "test"):
        number = getattr(dials, split) * len(NAMES)
        lengths = np.array(list(DURATION_CLIPS))
        duration = g.permutation(np.repeat(lengths, apportion(number, np.minimum(250, list(DURATION_CLIPS.values())))))
        last, where, middle = SEGMENTS - duration, g.random(number), g.random(number)
        between = np.minimum(1 + (middle * (last - 1)).astype(int), last)
        start = np.where(where < AT_START, 0, np.where(where < AT_START + AT_END, last, between))
        parts.append((np.repeat(np.arange(len(NAMES)), getattr(dials, split)), start, start + duration,
                      np.full(number, split)))
    return dict(zip(("category", "start", "end", "split"), map(np.concatenate, zip(*parts, strict=True)), strict=True))


def draw(dials: Dials, layout: dict[str, np.ndarray], seed: int, rows: np.ndarray | None = None) -> Iterator[Clip]:
    """The clips of a `plan`, in its order, or some of its rows; clip i depends on the seed and i alone."""
    for row in range(len(layout["category"])) if rows is None else rows:
        yield compose(np.random.default_rng([seed, 2, int(row)]), dials,
                      *(int(layout[name][row]) for name in ("category", "start", "end")))


def labels_of(layout: dict[str, np.ndarray]) -> np.ndarray:
    """One-hot labels (N,10,29) uint8 of a `plan`."""
    return np.eye(DIMS.classes, dtype=np.uint8)[classes_of(layout)]           # 28 instances, so background is 28 too


def recipe(dials: Dials, seed: int) -> dict:
    """What a composed data set is made from."""
    return {"generator": "composed", "standardised": True, "seed": seed, **asdict(dials),
            "networks": [weights.EFFICIENTNET.sum, weights.AISFX.sum]}


def fingerprint(dials: Dials | None = None, seed: int = 0) -> str:
    """Hash over the recipe, the photographs and recordings, and what shapes the clips; it needs no network."""
    sums = [file_sum(STAMPS / f"{name}.{kind}") for name in NAMES for kind in ("png", "ogg")]
    code = [deeds(part) for part in (Thing, Clip, _photograph, recording, _thing, _places, compose, plan, draw)]
    return value_hash([recipe(dials or Dials(), seed), sums, code, (COVERED, LOUD, PAUSE, HISS)])


def generate(path: Path, dials: Dials | None = None, seed: int = 0, *, networks: Networks | None = None,
             progress: bool = True) -> Path:
    """Compose a data set, extract its features and write the prepared file; three minutes on one core.

    Features are standardised by their mean and spread over the training clips, to the size for which the published
    schedules are made. VscgError as `load_networks` and `PreparedWriter`.
    """
    dials = dials or Dials()
    networks = networks or load_networks(visual="efficientnet-lite0", audio="aisfx")
    layout = plan(dials, seed)
    category, labels = layout["category"], labels_of(layout)
    with PreparedWriter(path, len(category), "composed", fingerprint(dials, seed), recipe(dials, seed),
                        dims=DIMS) as writer:
        clips = tqdm(draw(dials, layout, seed), f"composing {path.name}", len(category), unit="clip",
                     disable=not progress)
        found = [(*window_features(clip.window(), networks), clip.regions(), clip.heard, clip.seen) for clip in clips]
        visual, audio, there, heard, seen = map(np.stack, zip(*found, strict=True))
        train = layout["split"] == "train"
        for values in (visual, audio):
            axes = tuple(range(values.ndim - 1))
            mean, spread = values[train].mean(axes), values[train].std(axes)
            values -= mean
            values /= np.maximum(spread, 1e-6)
        writer.append(visual, audio, labels, category, [f"composed-{seed}-{row:05d}" for row in range(len(category))],
                      source_mask=there[:, :, 0], silent_mask=there[:, :, 1:].any(2), heard=heard, seen=seen)
        writer.splits(*(np.flatnonzero(layout["split"] == name) for name in SPLITS))
    return path

def load(dials: Dials | None = None, seed: int = 0, progress: bool = True) -> Dataset:
    """The composed data set of these dials, composed first if it is not there."""
    wanted = fingerprint(dials, seed)
    return read_prepared(made_prepared(data_dir() / f"composed-{wanted[:8]}.h5",
                                       lambda path: read_fingerprint(path) == wanted,
                                       lambda path: generate(path, dials, seed, progress=progress)))
