"""Computes what the page that can be touched shows, and writes it to book/_extra/touch/clips.js.

    python book/touch.py

Twenty test clips of planted-mini, drawn again with four ambiguities, go through every system of `RUNS`. A run that is
not in the store is trained first; together they take about ten minutes on one core. The file names each run by its key.
"""
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import vscg
from vscg.data import planted
from vscg.data.labels import BACKGROUND
from vscg.machine.files import write_atomically
from vscg.models import SYSTEMS
from vscg.study.player import Level, player_content
from vscg.training.config import RunConfig

FILE = Path(__file__).resolve().parent / "_extra" / "touch" / "clips.js"
DATA, SIZE, SEED = "planted-mini", "mini", 0
CLIPS = 20
AMBIGUITIES = (0.0, 0.2, 0.5, 0.8)
# What the page shows, the one whose blocks it opens first.
RUNS = {"VSCG": {"system": "vscg"}, "VSCG without ESCM": {"system": "vscg", "model_options": {"escm": False}},
        **{SYSTEMS[name].title: {"system": name} for name in ("psp", "avel", "avsdn", "cmra", "cmbs", "dmin")},
        "VSCG, weakly": {"system": "vscg", "setting": "weakly"}}


def choose(data: vscg.data.Dataset) -> list[int]:
    """Rows of the test clips that are shown: of each class the first whose event lasts 3 to 8 seconds."""
    rows = data.splits["test"]
    lasts = (data.labels[rows].argmax(-1) != BACKGROUND).sum(1)
    firsts = {int(data.category[row]): int(row) for row in reversed(rows[(lasts >= 3) & (lasts <= 8)])}
    return sorted(firsts.values())[:CLIPS]


def draw(row: int, **changes: float) -> dict[str, np.ndarray]:
    """The clip of a row, drawn again with other dials; with the data set's own it is the data set's clip."""
    return planted.redraw(replace(planted.SIZES[SIZE], **changes), SEED, row)


def level(rows: list[int], ambiguity: float) -> Level:
    """The clips with an ambiguity."""
    clips = [draw(row, ambiguity=ambiguity) for row in rows]
    audio, visual, heard, seen = (np.stack([clip[name] for clip in clips])
                                  for name in ("audio", "visual", "audio_evidence", "visual_evidence"))
    return Level(ambiguity, torch.from_numpy(audio), torch.from_numpy(visual).float(), heard, seen)


def main() -> int:
    """Trains what is missing and writes the file."""
    data = vscg.load_dataset(DATA)
    runs = {name: vscg.fit(RunConfig(data=DATA, seed=SEED, **values), dataset=data) for name, values in RUNS.items()}
    rows = choose(data)
    content = player_content(runs, data, rows, [level(rows, ambiguity) for ambiguity in AMBIGUITIES],
                             vscg.data.silent_objects(DATA, rows), "Made by python book/touch.py, ")
    write_atomically(FILE, f"window.VSCG_CLIPS = {json.dumps(content, separators=(',', ':'))};\n".encode())
    print(f"{FILE}: {FILE.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    if sys.argv[1:]:
        raise SystemExit(__doc__)
    sys.exit(main())
