"""Three references that are no contestants: what the rows of a planted table have to be held against.

The floor is a rule in closed form, the plain network knows neither places nor time, the ceiling knows how the data were
made. The dials of "planted-study" and "planted" are set by these three alone: `CONDITIONS`.
"""
import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn

from vscg.data import twins
from vscg.data.labels import BACKGROUND
from vscg.data.prepared import Dataset, opened
from vscg.data.sets import PLANTED, dials_of
from vscg.errors import VscgError
from vscg.training.config import PROFILES
from vscg.training.loop import LAST
from vscg.training.records import records_dir

REGIONS = 3, 6, 49                                         # brightest regions that the floor may look at
PENALTIES = 10, 100, 1000, 10_000                          # of its ridge regression
BLOCK = 64                                                 # clips whose maps are single precision at a time
HIDDEN, RATE = 256, 1e-3                                   # units and first learning rate of the plain network
PLAN = PROFILES["standard"].changes                        # the rest of its schedule, as of every row
TITLES = {"floor": "rule in closed form (floor)", "plain, both": "plain network",
          "plain, audio": "plain network, sound alone", "plain, visual": "plain network, picture alone",
          "ceiling": "knows the prototypes (ceiling)"}
BESIDE = [TITLES[name] for name in ("floor", "plain, both", "ceiling")]       # the rows of every planted table
CONDITIONS = """\
On the mean over data seeds the ceiling is 97% or more; the plain network has 60 to 75%,
at least 5 points more than the floor; with either modality alone it has at least 8 points
less."""


def on_record(data: str) -> pd.DataFrame:
    """Accuracy in percent of each reference (a row of `TITLES`) on each draw of a planted data set that was measured.

    `data` is the data set's name; a draw, "planted-study:seed=3", has the references of them all. Empty for a data set
    without a record, such as one with another ambiguity. `python -m tests.references` writes the records.
    """
    name, _, dials = data.partition(":")
    path = records_dir() / f"references_{PLANTED.get(name)}.json"
    if not path.is_file() or dials and dials_of(data).keys() != {"seed"}:
        return pd.DataFrame()
    draws = json.loads(path.read_text(encoding="utf-8"))["draws"]
    return pd.DataFrame({draw["seed"]: {title: 100 * draw[key]["all"] for key, title in TITLES.items() if key in draw}
                         for draw in draws})


def pooled(data: Dataset, regions: int) -> np.ndarray:
    """Each second's mean over its brightest regions: (N,T,D_v) float32."""
    blocks = []
    for first in range(0, len(data), BLOCK):
        maps = data.visual[first:first + BLOCK].astype(np.float32)
        maps = maps.reshape(*maps.shape[:2], -1, maps.shape[-1])
        if regions < maps.shape[2]:
            brightest = np.argpartition(maps.mean(-1), -regions, -1)[..., -regions:, None]
            maps = np.take_along_axis(maps, brightest, 2)
        blocks.append(maps.mean(2))
    return np.concatenate(blocks)


def floor(data: Dataset, regions: Sequence[int] = REGIONS) -> np.ndarray:
    """What a rule in closed form says of the test clips: classes (N,T).

    Ridge regression on mean and maximum over time of both modalities names the clip; two thresholds, on how much a
    second sounds and looks like that class's mean second, find its seconds. Validation picks all numbers.
    """
    found = [_rule(data, pooled(data, number).astype(np.float64)) for number in regions]
    return max(found, key=lambda said: _accuracy(said, data, "val"))[data.splits["test"]]


def _rule(data: Dataset, sight: np.ndarray) -> np.ndarray:
    """The rule on pooled pictures (N,10,512): classes (N,10) of all clips."""
    sound, train, val = data.audio.astype(np.float64), data.splits["train"], data.splits["val"]
    x = np.concatenate([f(m, axis=1) for m in (sound, sight) for f in (np.mean, np.max)], 1)
    x = (x - x[train].mean(0)) / (x[train].std(0) + 1e-6)
    x, target = np.column_stack([x, np.ones(len(x))]), np.eye(data.dims.events)[data.category[train]]

    def named(penalty: float) -> np.ndarray:
        inner = x[train].T @ x[train] + penalty * np.eye(x.shape[1])
        return (x @ np.linalg.solve(inner, x[train].T @ target)).argmax(-1)

    names = max(map(named, PENALTIES), key=lambda names: (names[val] == data.category[val]).mean())
    event = data.labels[train].argmax(-1) != data.dims.background
    scores = []
    for m in (sound, sight):
        m = (m - m[train].mean((0, 1))) / (m[train].std((0, 1)) + 1e-6)
        means = np.stack([m[train][event & (data.category[train] == c)[:, None]].mean(0)
                          for c in range(data.dims.events)])[names][:, None]          # (N,1,D), of the class it names
        scores.append((m * means).sum(-1) / np.linalg.norm(m, axis=-1) / np.linalg.norm(means, axis=-1))
    return _gated(names, *scores, data)


def _gated(names: np.ndarray, heard: np.ndarray, seen: np.ndarray, data: Dataset) -> np.ndarray:
    """The clip's class (N,) where both scores (N,10) pass thresholds that validation picks, else background."""
    levels, val = np.linspace(0.02, 0.98, 33), data.splits["val"]
    pairs = [(a, v) for a in np.quantile(heard[val], levels) for v in np.quantile(seen[val], levels)]

    def say(pair: tuple[float, float]) -> np.ndarray:
        return np.where((heard > pair[0]) & (seen > pair[1]), names[:, None], data.dims.background)

    return say(max(pairs, key=lambda pair: _accuracy(say(pair), data, "val")))


def _accuracy(said: np.ndarray, data: Dataset, split: str) -> float:
    rows = data.splits[split]
    return float((said[rows] == data.labels[rows].argmax(-1)).mean())


def plain_network(data: Dataset, seed: int = 0, modality: str = "both") -> np.ndarray:
    """What a perceptron with one hidden layer says of each second by itself, from its sound and its mean region.

    `seed` is that of its weights and of the order of clips; `modality` is "both", or "audio" or "visual": the other
    one's features are left out. Returns classes of the test clips in each of the last five epochs, (5,N,10).
    """
    parts = {"audio": data.audio, "visual": pooled(data, 49)}
    x = torch.from_numpy(np.concatenate([part for key, part in parts.items() if modality in ("both", key)], -1))
    y = torch.from_numpy(data.labels.argmax(-1))
    train, test = torch.from_numpy(data.splits["train"]), data.splits["test"]
    said = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(x.shape[-1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, BACKGROUND + 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, PLAN["decay_epochs"], PLAN["decay"])
        for epoch in range(PLAN["epochs"]):
            for rows in train[torch.randperm(len(train))].split(PLAN["batch"]):
                loss = nn.functional.cross_entropy(model(x[rows]).flatten(0, 1), y[rows].flatten())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            schedule.step()
            if epoch >= PLAN["epochs"] - LAST:
                with torch.no_grad():
                    said.append(model(x[test]).argmax(-1).numpy())
    return np.stack(said)


def ceiling(data: Dataset) -> np.ndarray:
    """What the rule says, (N,10) test classes, that knows the prototypes and pairings; VscgError if not of `twins`."""
    with opened(data.path) as file:
        made = json.loads(file.attrs["sources"])
    if made.get("size") not in ("study", "full"):
        raise VscgError(f"{data.path}: {data.name} is not planted-study or planted, whose prototypes are known.")
    looks = twins.Prototypes.draw(made["seed"])

    def amounts(x: np.ndarray, *known: np.ndarray) -> list[np.ndarray]:
        """How much of each prototype is in x (...,D), by least squares on all of them: (...,7), (...,15), (...,1)."""
        basis = np.linalg.pinv(np.concatenate([*known, np.ones_like(known[0][:1])])).astype(np.float32)
        return np.split(x.astype(np.float32) @ basis, np.cumsum([len(k) for k in known]), -1)[:3]

    sound = amounts(data.audio, looks.group_audio, looks.kind_audio, looks.manner_audio, looks.rooms)
    seconds, (*_, width) = data.audio.shape[1], data.visual.shape
    maps = [amounts(data.visual[i:i + BLOCK].reshape(len(data.visual[i:i + BLOCK]), -1, width), looks.group_visual,
                    looks.kind_visual, looks.manner_visual, looks.scenes) for i in range(0, len(data), BLOCK)]
    sight = [np.concatenate(parts) for parts in zip(*maps, strict=True)]           # (N,490,...)
    group = sound[0].sum(1).argmax(-1)                    # what is heard: what is seen may be the silent object
    # Amounts count squared, since few seconds and few regions show the kind; in units of their modality's variance.
    kinds = sum((np.maximum(kind, 0) ** 2).mean(1) / kind.var((0, 1)).mean() for _, kind, _ in (sound, sight))
    of_group = np.array([twins.GROUP_OF[members[0]] for members in twins.TWINS]) == group[:, None]
    kind = np.where(of_group, kinds, -1).argmax(-1)
    # The manner where the kind is clear; the silent object is of another kind.
    manners = [(np.maximum(np.take_along_axis(amount, kind[:, None, None], 2), 0) * manner)[..., 0].sum(1)
               for _, amount, manner in (sound, sight)]
    names = np.array([(members * 2)[:2] for members in twins.TWINS])[kind, (np.prod(manners, 0) < 0).astype(int)]
    heard, seen = (np.take_along_axis(groups, group[:, None, None], 2).reshape(len(names), seconds, -1).mean(-1)
                   for groups, _, _ in (sound, sight))
    return _gated(names, heard, seen, data)[data.splits["test"]]
