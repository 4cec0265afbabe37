"""Computes what the page that can be touched shows, and writes it to book/_extra/touch/clips.js.

    python book/touch.py

Twenty test clips of planted-mini, drawn again with four ambiguities, go through every system of `RUNS`. A run that is
not in the store is trained first; together they take about ten minutes on one core. The file names each run by its key.
"""
import datetime
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import vscg
from vscg.data import planted
from vscg.data.labels import BACKGROUND, CATEGORIES
from vscg.machine import device
from vscg.machine.files import write_atomically
from vscg.models import SYSTEMS, VSCG, predict_segments
from vscg.plots.style import short_name
from vscg.training.config import RunConfig
from vscg.training.records import Record

FILE = Path(__file__).resolve().parent / "_extra" / "touch" / "clips.js"
DATA, SIZE, SEED = "planted-mini", "mini", 0
CLIPS = 20
AMBIGUITIES = (0.0, 0.2, 0.5, 0.8)
THRESHOLDS = (0.0, 0.04, 0.07, 0.085, 0.095, 0.099, 0.105, 0.115, 0.13, 0.16, 0.2, 0.3)
# What the page shows, the one whose blocks it opens first.
RUNS = {"VSCG": {"system": "vscg"}, "VSCG without ESCM": {"system": "vscg", "model_options": {"escm": False}},
        **{SYSTEMS[name].title: {"system": name} for name in ("psp", "avel", "avsdn", "cmra", "cmbs", "dmin")},
        "VSCG, weakly": {"system": "vscg", "setting": "weakly"}}
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
SEEN = 0.4           # of the largest: where an object is, as in `planted.make_clip`


def letters(values: np.ndarray) -> str:
    """Whole numbers from 0 to 63, a character each."""
    return "".join(DIGITS[int(value)] for value in np.ravel(values))


def choose(data: vscg.data.Dataset) -> list[int]:
    """Rows of the test clips that are shown: of each class the first whose event lasts 3 to 8 seconds."""
    rows = data.splits["test"]
    lasts = (data.labels[rows].argmax(-1) != BACKGROUND).sum(1)
    firsts = {int(data.category[row]): int(row) for row in reversed(rows[(lasts >= 3) & (lasts <= 8)])}
    return sorted(firsts.values())[:CLIPS]


def draw(row: int, **changes: float) -> dict[str, np.ndarray]:
    """The clip of a row, drawn again with other dials; with the data set's own it is the data set's clip."""
    dials = replace(planted.SIZES[SIZE], **changes)
    plan = planted.plan(dials, SEED)
    return planted.make_clip(np.random.default_rng([SEED, 2, row]), planted.Prototypes.draw(SEED), dials,
                             *(int(plan[name][row]) for name in ("category", "start", "end")))


def silent(clip: dict[str, np.ndarray], without: dict[str, np.ndarray]) -> np.ndarray:
    """Where an object stands that makes no sound, (7,7) bool: where the picture differs from the one without it."""
    there = np.abs(clip["visual"].astype(np.float32) - without["visual"]).mean(axis=(0, 3))
    return there > max(SEEN * there.max(), 1e-6)


@torch.no_grad()
def opened(model: VSCG, audio: torch.Tensor, visual: torch.Tensor) -> dict:
    """What VSCG's blocks do with B clips.

    Returns: `shares`, PSP's similarities as shares of their row, in thousandths, for the picture's seconds and for the
    sound's, B lists of 200; `said`, [threshold][prior] to classes (B,10): prior 0 is the clip's own, 1 none, then each
    clip's.
    """
    audio, visual, _ = model.encoder(audio, visual)
    psp = model.psp
    beta = (psp.visual_compare(visual) @ psp.audio_compare(audio).mT / psp.scale).relu()
    shares = torch.stack([b / (b.sum(-1, keepdim=True) + 1e-8) for b in (beta, beta.mT)], 1)
    said, before = [], psp.threshold
    for threshold in THRESHOLDS:
        psp.threshold = threshold
        a, v = psp(audio, visual)
        own = model.escm.priors(a, v)
        others = [tuple(torch.zeros_like(prior) for prior in own),
                  *(tuple(prior[[donor]].expand_as(prior) for prior in own) for donor in range(len(a)))]
        said.append([_named(model, a, v, priors) for priors in (own, *others)])
    psp.threshold = before
    return {"shares": (1000 * shares).round().int().flatten(1).tolist(), "said": said}


def _named(model: VSCG, audio: torch.Tensor, visual: torch.Tensor, priors: tuple) -> np.ndarray:
    streams = model.escm.project(*model.escm.isce(audio, visual, *priors))
    relevance, category = model.head(sum(streams) / 2)
    return predict_segments(vscg.models.Output(event_relevance=relevance, event_category=category,
                                               threshold=model.threshold)).numpy()


def clips(runs: dict[str, Record], data: vscg.data.Dataset) -> list[dict]:
    """What the page shows of each clip."""
    rows = choose(data)
    models = {name: record.model() for name, record in runs.items()}
    shown = [{"category": int(data.category[row]), "truth": letters(data.labels[row].argmax(-1)),
              "object": letters(data.truth["source_mask"][row]),
              "silent": letters(silent(draw(row), draw(row, distractor=0.0))), "levels": []} for row in rows]
    for ambiguity in AMBIGUITIES:
        drawn = [draw(row, ambiguity=ambiguity) for row in rows]
        audio = torch.from_numpy(np.stack([clip["audio"] for clip in drawn]))
        visual = torch.from_numpy(np.stack([clip["visual"] for clip in drawn])).float()
        if ambiguity == planted.SIZES[SIZE].ambiguity and not np.array_equal(audio.numpy(), data.audio[rows]):
            raise vscg.VscgError(f"{DATA}: clips that are drawn again differ from those of the data set")
        blocks = opened(models["VSCG"], audio, visual)
        with torch.no_grad():
            outputs = {name: model(audio, visual) for name, model in models.items()}
        named = {name: predict_segments(output).numpy() for name, output in outputs.items()}
        if not np.array_equal(named["VSCG"], blocks["said"][THRESHOLDS.index(models["VSCG"].psp.threshold)][0]):
            raise vscg.VscgError("VSCG's blocks, one after the other, say something else than VSCG")
        for i, clip in enumerate(shown):
            inside = data.truth["source_mask"][rows[i]]
            looks = {name: output.attention[i].numpy() for name, output in outputs.items()
                     if output.attention is not None}
            clip["levels"].append({
                "heard": letters((63 * drawn[i]["audio_evidence"]).round()),
                "seen": letters((63 * drawn[i]["visual_evidence"]).round()),
                "said": [letters(named[name][i]) for name in runs],
                "looks": [letters((63 * look / look.max((1, 2), keepdims=True)).round()) if (look := looks.get(name))
                          is not None else "" for name in runs],
                "on": [[round(100 * float(share)) for share in (looks[name] * inside).sum((1, 2))] if name in looks
                       else [] for name in runs],
                "shares": blocks["shares"][i],
                "vscg": ["".join(letters(prior[i]) for prior in priors) for priors in blocks["said"]]})
    return shown


def content(runs: dict[str, Record], data: vscg.data.Dataset) -> dict:
    """Everything that the page needs."""
    return {
        "made": {"data": DATA, "fingerprint": data.fingerprint[:12], "command": "python book/touch.py",
                 "date": datetime.date.today().isoformat(), "device": device.processor()[0]},
        "classes": [*map(short_name, CATEGORIES), "background"], "digits": DIGITS, "ambiguities": AMBIGUITIES,
        "thresholds": THRESHOLDS,
        "systems": [{"name": name, "key": record.key, "epochs": record.config.resolve().epochs,
                     "seed": record.config.seed, "finished": record.values["finished"][:10],
                     "device": record.values["device"],
                     "accuracy": round(100 * record.result["test"]["accuracy"], 1)} for name, record in runs.items()],
        "clips": clips(runs, data)}


def main() -> int:
    """Trains what is missing and writes the file."""
    data = vscg.load_dataset(DATA)
    runs = {name: vscg.fit(RunConfig(data=DATA, seed=SEED, **values), dataset=data) for name, values in RUNS.items()}
    text = json.dumps(content(runs, data), separators=(",", ":"))
    write_atomically(FILE, f"window.VSCG_CLIPS = {text};\n".encode())
    print(f"{FILE}: {FILE.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
