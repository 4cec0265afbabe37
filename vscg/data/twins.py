"""Clips of the planted data sets that the tables stand on: a sum of what is heard and seen cannot name their classes.

Shapes, splits and label statistics are AVE's; what a segment shows and sounds like is planted:

- 28 classes in seven groups that are easily confused. In a group two and two classes are twins: they are of one kind,
  and either is heard in two manners and seen in two. Only the pairing tells twins apart: the first is seen in the
  manner in which it is heard, the second in the other.
- A segment carries evidence of its group and, from second to second and apart in the two modalities, strong or weak
  evidence of kind and manner: single seconds are ambiguous, a clip is not. Some clips are faint throughout. With
  `dynamics` strong seconds come in bursts, at a time that belongs to the class.
- Background is heard but not seen, seen but not heard, or neither, so that no modality alone can tell it.
- The sounding object is a moving patch of the 7x7 map, near the place that belongs to its group; often a silent object
  of another group moves there too, near its own. What is silent has no manner.
- Each clip has an offset of its own: a room that colours every second's sound, and an object unlike others of its kind.
"""
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from vscg.data.labels import AUDIO_DIM, BACKGROUND, CLASSES, EVENT_CLASSES, GRID, GROUPS, SEGMENTS, VISUAL_DIM

# From left to right two and two of a group are twins; the last of a group of odd size has none: 15 kinds.
TWINS = tuple(members[i:i + 2] for members in GROUPS for i in range(0, len(members), 2))
GROUP_OF, KIND_OF = (np.array([[c in members for members in sets].index(True) for c in range(EVENT_CLASSES)])
                     for sets in (GROUPS, TWINS))
SIGN = np.array([1 if c == TWINS[KIND_OF[c]][0] else -1 for c in range(EVENT_CLASSES)])     # -1: the second twin
# The seven groups' places on the map (row, column): its middle and six around it.
PLACES = np.array([(3, 3), (1, 2), (1, 4), (3, 1), (3, 5), (5, 2), (5, 4)], float)
ROOMS, SCENES = 8, 12            # directions in which rooms colour the sound; looks of scenes and objects
STAY = 0.8                       # with dynamics 1, how often a second's evidence is as strong as the second's before
SHARES = "ambiguity", "dynamics", "weakest", "lean", "faint", "clarity", "distractor"      # dials from 0 to 1


@dataclass(frozen=True)
class Dials:
    """Everything that shapes such a data set."""
    train: int
    val: int
    test: int
    background: int              # clips without any event, for weakly supervised training
    ambiguity: float = 0.45      # how often a second loses its class evidence, in each modality
    dynamics: float = 0.0        # 0: seconds are independent; 1: bursts of evidence, at a time of the class's own
    weakest: float = 0.1         # evidence left in such a second is uniform between 0 and this; otherwise it is 1
    faint: float = 0.3           # share of clips of which every second has only ...
    clarity: float = 0.3         # ... this part of that
    lean: float = 0.6            # how often a first twin is heard in the first manner, and a second in the second
    group: float = 1.5           # strength of the group evidence
    manner: float = 1.5          # strength of the manner against the kind's
    room: float = 1.0            # spread of the clip's own offset of all its sound
    instance: float = 0.5        # spread of its object's own look
    audio_noise: float = 0.8
    audio_cut: float = 0.56      # audio below it becomes 0, and what is left is scaled, so that the zeros, mean and
    audio_scale: float = 0.303   # spread are those of AVE's background clips
    visual_noise: float = 0.6
    patch: float = 3.0           # strength of an object's patch against the noise
    distractor: float = 0.5      # share of clips with a silent object of another group


@dataclass(frozen=True)
class Prototypes:
    """What groups, kinds, manners, rooms and scenes look and sound like; drawn once per seed."""
    group_audio: np.ndarray      # (7,128)
    kind_audio: np.ndarray       # (15,128)
    manner_audio: np.ndarray     # (1,128) added in the first manner, subtracted in the second
    rooms: np.ndarray            # (8,128)
    group_visual: np.ndarray     # (7,512)
    kind_visual: np.ndarray      # (15,512)
    manner_visual: np.ndarray    # (1,512)
    scenes: np.ndarray           # (12,512)
    places: np.ndarray           # (7,2) row and column around which a group's objects are seen
    peaks: np.ndarray            # (28,) when in its event a class shows most, 0 its start and 1 its end

    @classmethod
    def draw(cls, seed: int) -> "Prototypes":
        g = np.random.default_rng([seed, 0])
        numbers = len(GROUPS), len(TWINS), 1
        shapes = [(n, AUDIO_DIM) for n in (*numbers, ROOMS)] + [(n, VISUAL_DIM) for n in (*numbers, SCENES)]
        return cls(*(g.standard_normal(shape, dtype=np.float32) for shape in shapes), g.permutation(PLACES),
                   g.random(EVENT_CLASSES))


def class_evidence(g: np.random.Generator, dials: Dials, peak: float, start: int, end: int) -> np.ndarray:
    """How clearly each second sounds and looks like its class: (2,10) in 0..1, the sound's first.

    In the event, from `start` to `end`, it shows most at `peak`, in 0..1, as far as `dials.dynamics` says.
    """
    # Ten seconds ahead of the clip let the bursts forget how they began.
    when = (np.arange(-SEGMENTS, SEGMENTS) + 0.5 - start) / (end - start)
    envelope = 1 + dials.dynamics * np.cos(2 * np.pi * (when - peak))
    strong = g.random((2, 2 * SEGMENTS)) < (1 - dials.ambiguity) * envelope
    stays = g.random((2, 2 * SEGMENTS)) < STAY * dials.dynamics
    for second in range(1, 2 * SEGMENTS):
        strong[:, second] = np.where(stays[:, second], strong[:, second - 1], strong[:, second])
    strong = strong[:, SEGMENTS:]
    strong[[0, 1], g.integers(start, end, size=2)] = True          # the event shows its class at least once
    left = g.uniform(0, dials.weakest, (2, SEGMENTS))
    return (np.where(strong, 1, left) * (dials.clarity if g.random() < dials.faint else 1)).astype(np.float32)


def patches(g: np.random.Generator, place: np.ndarray) -> np.ndarray:
    """A smooth patch that starts near `place` (row, column) and moves, 1 at its centre: (10,7,7)."""
    start, velocity = place + g.normal(0, 0.5, 2), g.normal(0, 0.25, 2)
    row, column = np.clip(start + np.arange(SEGMENTS)[:, None] * velocity, 0.5, 5.5).T[..., None]
    cells = np.arange(GRID)
    return np.exp(-((cells - row)[:, :, None] ** 2 + (cells - column)[:, None] ** 2) / 2).astype(np.float32)


def make_clip(g: np.random.Generator, looks: Prototypes, dials: Dials, category: int, start: int,
              end: int) -> dict[str, np.ndarray]:
    """A clip of a class from its own generator, as `planted.make_clip`; silent_mask (10,7,7) bool: the silent patch."""
    thing = category if category < BACKGROUND else int(g.integers(EVENT_CLASSES))
    group, kind, sign = GROUP_OF[thing], KIND_OF[thing], SIGN[thing]
    manner = dials.manner * (sign if g.random() < dials.lean else -sign)
    voice = looks.kind_audio[kind] + manner * looks.manner_audio[0]
    look = looks.kind_visual[kind] + sign * manner * looks.manner_visual[0]
    evidence = class_evidence(g, dials, looks.peaks[thing], *((start, end) if end else (0, SEGMENTS)))
    # Before and after the event, the background is 0 heard but not seen, 1 seen but not heard, 2 neither.
    second = np.arange(SEGMENTS)
    event = (second >= start) & (second < end)
    absent = np.where(second < max(start, 5 * (end == 0)), *g.integers(3, size=2))
    heard, seen = event | (absent == 0), event | (absent == 1)

    audio = dials.audio_noise * g.standard_normal((SEGMENTS, AUDIO_DIM), dtype=np.float32)
    audio += dials.room * (g.normal(0, ROOMS ** -0.5, ROOMS) @ looks.rooms)
    audio += heard[:, None] * (dials.group * looks.group_audio[group] + evidence[0][:, None] * voice)

    visual = dials.visual_noise * g.standard_normal((SEGMENTS, GRID, GRID, VISUAL_DIM), dtype=np.float32)
    scene = looks.scenes[g.integers(SCENES, size=3)]                               # three horizontal bands
    visual += 0.5 * scene[np.arange(GRID) * 3 // GRID][None, :, None]
    own = dials.instance * (g.normal(0, SCENES ** -0.5, SCENES) @ looks.scenes)
    shown = dials.group * looks.group_visual[group] + own + evidence[1][:, None] * look
    source = patches(g, looks.places[group]) * seen[:, None, None]
    visual += dials.patch * source[..., None] * shown[:, None, None].astype(np.float32)
    other = int(g.choice(np.flatnonzero(GROUP_OF != group)))
    silent = patches(g, looks.places[GROUP_OF[other]]) * (g.random() < dials.distractor)
    clear = class_evidence(g, dials, looks.peaks[other], 0, SEGMENTS)[1]
    shown = dials.group * looks.group_visual[GROUP_OF[other]] + clear[:, None] * looks.kind_visual[KIND_OF[other]]
    visual += dials.patch * silent[..., None] * shown[:, None, None].astype(np.float32)
    return {
        "audio": (np.maximum(audio - dials.audio_cut, 0) * dials.audio_scale).astype(np.float32),
        "visual": np.maximum(visual - 0.8, 0).astype(np.float16),
        "source_mask": source > 0.4, "silent_mask": silent > 0.4, "heard": heard, "seen": seen,
        "audio_evidence": evidence[0] * heard, "visual_evidence": evidence[1] * seen,
    }


def draw(dials: Dials, layout: Mapping[str, np.ndarray], seed: int) -> Iterator[tuple[np.ndarray, dict]]:
    """All clips of a `planted.plan`, in its order: labels (10,29) uint8 one-hot, and what `make_clip` returns."""
    looks, seconds = Prototypes.draw(seed), np.arange(SEGMENTS)
    for row, (category, start, end) in enumerate(zip(layout["category"], layout["start"], layout["end"], strict=True)):
        label = np.where((seconds >= start) & (seconds < end), category, BACKGROUND)
        yield (np.eye(CLASSES, dtype=np.uint8)[label],
               make_clip(np.random.default_rng([seed, 2, row]), looks, dials, int(category), int(start), int(end)))
