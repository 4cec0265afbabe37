"""The data set that ships with the book: features drawn from a generator whose truth is known.

Shapes, splits and label statistics are AVE's; what a segment shows and sounds like is planted:

- 28 classes in seven groups that are easily confused. A segment carries evidence of its group and, from second to
  second and apart in the two modalities, strong or weak evidence of its class: single seconds are ambiguous, a clip is
  not.
- Each clip has an instance offset: two churches do not look alike.
- Background is heard but not seen, seen but not heard, or neither, so that no modality alone can tell it.
- The sounding object is a moving patch of the 7x7 map; often a silent object of another class is there too.
"""
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from vscg.data.dials import SIZES, Dials, turned
from vscg.data.labels import AUDIO_DIM, BACKGROUND, CLASSES, EVENT_CLASSES, GRID, SEGMENTS, VISUAL_DIM
from vscg.data.prepared import SPLITS, PreparedWriter
from vscg.machine.files import code_hash, value_hash

# How many clips of each class and of each duration in seconds AVE has (from its annotations).
CLASS_CLIPS = (188, 176, 171, 184, 188, 175, 178, 187, 172, 163, 182, 138, 102, 99, 186, 176, 160, 183, 100, 83, 69,
               160, 60, 64, 180, 109, 154, 156)
DURATION_CLIPS = {2: 214, 3: 220, 4: 217, 5: 196, 6: 200, 7: 139, 8: 111, 9: 95, 10: 2750}
# Where AVE's shorter events lie: 36% begin with the clip, 46% end with it, the rest touches neither edge.
AT_START, AT_END = 0.36, 0.46
# Classes that sound and look alike: speech; engines; plucked strings; winds; animals; water and fat; bell and clock.
GROUPS = ((1, 5), (3, 6, 4, 11, 13, 20, 21, 15), (7, 14, 17, 9, 27), (8, 26, 12), (2, 18, 22, 23, 25, 19), (10, 24),
          (0, 16))


def apportion(total: int, weights: np.ndarray) -> np.ndarray:
    """Whole shares of `total` in the proportions of `weights`, by largest remainder."""
    exact = total * weights / weights.sum()
    shares = np.floor(exact).astype(int)
    shares[np.argsort(-(exact - shares), kind="stable")[:total - shares.sum()]] += 1
    return shares


@dataclass(frozen=True)
class Prototypes:
    """What groups, classes and scenes look and sound like; drawn once per seed."""

    group_audio: np.ndarray      # (7,128)
    class_audio: np.ndarray      # (28,128)
    group_visual: np.ndarray     # (7,512)
    class_visual: np.ndarray     # (28,512)
    scenes: np.ndarray           # (40,512)

    @classmethod
    def draw(cls, seed: int) -> "Prototypes":
        g = np.random.default_rng([seed, 0])
        shapes = ((len(GROUPS), AUDIO_DIM), (EVENT_CLASSES, AUDIO_DIM), (len(GROUPS), VISUAL_DIM),
                  (EVENT_CLASSES, VISUAL_DIM), (40, VISUAL_DIM))
        return cls(*(g.standard_normal(shape, dtype=np.float32) for shape in shapes))


def plan(dials: Dials, seed: int) -> dict[str, np.ndarray]:
    """Which clip is in which split, of which class, with its event where.

    Returns:
        category (N,) with 28 for background-only clips, start and end (N,) in seconds, split (N,) of names; rows are
        grouped by class like AVE's files, background-only clips last.
    """
    g = np.random.default_rng([seed, 1])
    rows = []
    lengths, clips = np.array(list(DURATION_CLIPS)), np.array(list(DURATION_CLIPS.values()))
    for split in ("train", "val", "test"):
        n = getattr(dials, split)
        category = np.repeat(np.arange(EVENT_CLASSES), apportion(n, np.array(CLASS_CLIPS)))
        duration = g.permutation(np.repeat(lengths, apportion(n, clips)))
        where, middle = g.random(n), g.random(n)
        last = SEGMENTS - duration
        between = np.minimum(1 + (middle * (last - 1)).astype(int), last)
        start = np.where(where < AT_START, 0, np.where(where < AT_START + AT_END, last, between))
        rows += zip(category, start, start + duration, [split] * n, strict=True)
    rows.sort(key=lambda row: row[0])
    rows += [(BACKGROUND, 0, 0, "background")] * dials.background
    category, start, end, split = map(np.array, zip(*rows, strict=True))
    return {"category": category, "start": start, "end": end, "split": split}


def bump(position: np.ndarray) -> np.ndarray:
    """A smooth patch around `position` (row, column) on the 7x7 map, 1 at its centre: (7,7)."""
    rows, columns = np.mgrid[0:GRID, 0:GRID]
    return np.exp(-((rows - position[0]) ** 2 + (columns - position[1]) ** 2) / 2.5).astype(np.float32)


def make_clip(g: np.random.Generator, looks: Prototypes, dials: Dials, category: int, start: int,
              end: int) -> dict[str, np.ndarray]:
    """One clip.

    Args:
        g: the clip's own generator.
        category: its class; 28 for a clip without event, whose sounds and sights are then of any class.
        start, end: the event's first second and the one after its last.

    Returns:
        audio (10,128) float32 and visual (10,7,7,512) float16, both non-negative; source_mask (10,7,7) bool, the true
        patch where the object is seen; heard, seen (10,) bool; audio_evidence, visual_evidence (10,) in 0..1.
    """
    group_of = np.zeros(EVENT_CLASSES, int)
    for index, members in enumerate(GROUPS):
        group_of[list(members)] = index
    thing = category if category < BACKGROUND else int(g.integers(EVENT_CLASSES))
    event = (np.arange(SEGMENTS) >= start) & (np.arange(SEGMENTS) < end)
    # Before and after the event, the background is 0 heard but not seen, 1 seen but not heard, 2 neither.
    kind = np.where(np.arange(SEGMENTS) < max(start, 5 * (end == 0)), *g.integers(3, size=2))
    heard, seen = event | (kind == 0), event | (kind == 1)

    weak = g.random((2, SEGMENTS)) < dials.ambiguity
    weak[g.integers(2)] |= g.random() < dials.one_sided
    evidence = np.where(weak, g.uniform(0, dials.weakest, (2, SEGMENTS)), 1.0).astype(np.float32)

    own = dials.instance * g.standard_normal(AUDIO_DIM, dtype=np.float32)
    sound = dials.group * looks.group_audio[group_of[thing]] + own + evidence[0][:, None] * looks.class_audio[thing]
    elsewhere = 0.6 * looks.class_audio[g.integers(EVENT_CLASSES)] * (g.random((SEGMENTS, 1)) < 0.5)
    audio = np.where(heard[:, None], sound, elsewhere)
    audio = audio + dials.audio_noise * g.standard_normal((SEGMENTS, AUDIO_DIM), dtype=np.float32)

    own = dials.instance * g.standard_normal(VISUAL_DIM, dtype=np.float32)
    look = dials.group * looks.group_visual[group_of[thing]] + own + evidence[1][:, None] * looks.class_visual[thing]
    other = int(g.choice(np.delete(np.arange(EVENT_CLASSES), thing)))
    silent_look = dials.group * looks.group_visual[group_of[other]] + looks.class_visual[other]
    silent_there, silent_patch = g.random() < dials.distractor, bump(g.uniform(0, 6, 2))
    position, velocity = g.uniform(1, 5, 2), g.normal(0, 0.25, 2)
    patches = np.stack([bump(np.clip(position + velocity * t, 0.5, 5.5)) for t in range(SEGMENTS)])
    scene = looks.scenes[g.integers(len(looks.scenes), size=3)]                    # three horizontal bands

    visual = dials.visual_noise * g.standard_normal((SEGMENTS, GRID, GRID, VISUAL_DIM), dtype=np.float32)
    visual += 0.5 * scene[np.arange(GRID) * 3 // GRID][None, :, None]
    visual += dials.patch * (patches * seen[:, None, None])[..., None] * look[:, None, None]
    if silent_there:
        visual += dials.patch * silent_patch[None, ..., None] * silent_look
    return {
        "audio": (np.maximum(audio - dials.audio_cut, 0) * dials.audio_scale).astype(np.float32),
        "visual": (np.maximum(visual - 0.8, 0) * 3).astype(np.float16),
        "source_mask": (patches > 0.4) & seen[:, None, None], "heard": heard, "seen": seen,
        "audio_evidence": evidence[0] * heard, "visual_evidence": evidence[1] * seen,
    }


def recipe(size: str, seed: int, dials: Dials) -> dict:
    """What a planted data set is made from."""
    return {"generator": "planted", "size": size, "seed": seed, **asdict(dials)}


def fingerprint(size: str, seed: int = 0, dials: Dials | None = None) -> str:
    """Hash over the recipe and this file's code: what tells one planted data set from another."""
    return value_hash([recipe(size, seed, dials or SIZES[size]), code_hash([Path(__file__)])])


def generate(path: Path, *, size: str = "mini", seed: int = 0, progress: bool = True, **changes: float) -> Path:
    """Write a planted data set as a prepared HDF5 file.

    Args:
        path: the file to write; it appears only when it is complete.
        size: "mini" (577 clips, 0.3 GB) or "full" (4,321 clips, AVE's numbers, 2.2 GB).
        seed: of everything that is drawn, from 0; clip i depends on the seed and i alone.
        changes: dials to set otherwise, such as `ambiguity`, 0 to 1.

    Raises:
        VscgError: as `turned`.
        WriteError: as `PreparedWriter`; a prepared file that is there is replaced, nothing else.
    """
    dials = turned(size, changes)
    layout, looks = plan(dials, seed), Prototypes.draw(seed)
    clips = len(layout["category"])
    with PreparedWriter(path, clips=clips, name="planted-mini" if size == "mini" else "planted",
                        fingerprint=fingerprint(size, seed, dials), sources=recipe(size, seed, dials)) as writer:
        for row in tqdm(range(clips), desc=f"planting {path.name}", unit="clip", disable=not progress):
            category, start, end = (int(layout[key][row]) for key in ("category", "start", "end"))
            clip = make_clip(np.random.default_rng([seed, 2, row]), looks, dials, category, start, end)
            labels = np.zeros((1, SEGMENTS, CLASSES), np.uint8)
            labels[0, :, BACKGROUND] = 1
            if category < BACKGROUND:
                labels[0, start:end, BACKGROUND], labels[0, start:end, category] = 0, 1
            audio, visual = clip.pop("audio"), clip.pop("visual")
            writer.append(visual[None], audio[None], labels, np.array([category]), [f"planted-{seed}-{row:05d}"],
                          **{key: value[None] for key, value in clip.items()})
        writer.splits(**{name: np.flatnonzero(layout["split"] == name) for name in SPLITS})
    return path
