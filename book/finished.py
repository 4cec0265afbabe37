"""Looks at the networks of the plan's finished runs; writes book/records/finished.json.

    python book/finished.py

A run that ships has no weights, and the maps of a thousand test clips are too large to ship. So this file keeps of
each run that was trained here the means that chapters show. A run that is in the file stays.
"""
import json
import sys
from pathlib import Path

import execute
import numpy as np
import torch

import vscg
from vscg.data import BACKGROUND
from vscg.data.prepared import Dataset
from vscg.machine.files import locked, runs_dir, write_runs
from vscg.study import localisation
from vscg.study.planned import STUDY
from vscg.training.batches import Features, outputs
from vscg.training.records import Record, find_records

FILE = Path(__file__).resolve().parent / "records" / "finished.json"


def means(maps: np.ndarray, mask: np.ndarray, scored: np.ndarray) -> dict[str, float]:
    """The two scores without a threshold, means over the clips."""
    return {name: round(float(localisation.clip_means(score(maps, mask), scored).mean()), 5)
            for name, score in (("pointing", localisation.pointing), ("roc_auc", localisation.roc_auc))}


def contrast(similarity: np.ndarray, event: np.ndarray) -> float:
    """How often an event second is more alike in sound and picture than a background second of its clip: 0..1.

    Both (N,T). Mean over the clips that have both, over all such pairs of a clip; equal ones count half.
    """
    more = np.sign(similarity[:, :, None] - similarity[:, None]) / 2 + 0.5                   # (N,T,T)
    pairs = event[:, :, None] & ~event[:, None]
    number = pairs.sum((1, 2))
    return round(float(((more * pairs).sum((1, 2))[number > 0] / number[number > 0]).mean()), 5)


def in_seconds(right: np.ndarray, data: Dataset) -> dict[str, float]:
    """The share of right test seconds, of `right` (5,N,10), by kind.

    A second of the event is weak if neither sound nor picture shows its class as clearly as in the clip's best second.
    """
    test = data.splits["test"]
    event = data.labels[test].argmax(-1) != BACKGROUND
    shown = [np.where(event, data.truth[name][test], 0) for name in ("audio_evidence", "visual_evidence")]
    weak = event & np.all([part < part.max(1, keepdims=True) for part in shown], 0)
    return {name: round(float(right[:, where].mean()), 5)
            for name, where in (("strong", event & ~weak), ("weak", weak), ("background", ~event))}


@torch.inference_mode()
def look(record: Record, data: Dataset) -> dict:
    """What the file keeps of a run. The network is that of the epoch that validation picks.

    Right seconds are of the last five epochs. Of attention and similarity stands there what the system has.
    """
    config, model, test = record.config, record.model(), data.splits["test"]
    said = list(outputs(model, Features(data, torch.device("cpu")), test))
    truth = data.labels[test].argmax(-1)
    line = {"key": record.key, "row": [config.system, config.setting, config.loss, dict(config.model_options)],
            "data": config.data, "epochs": config.epochs, "seed": config.seed,
            "right": in_seconds(record.predictions("last") == truth, data)}
    if said[0].similarity is not None:
        similarity = torch.cat([output.similarity for output in said]).numpy()
        line["contrast"] = contrast(similarity, truth != BACKGROUND)
    if said[0].attention is None:
        return line
    own = torch.cat([output.attention for output in said]).numpy()
    mask, silent = (data.truth[name][test].astype(bool) for name in ("source_mask", "silent_mask"))
    scored = localisation.scored_seconds(data.labels[test], mask)
    both = scored & silent.any((2, 3))
    swapped = test[localisation.other_clip(data.category[test], config.seed)]
    line |= {"own sound": means(own, mask, scored),
            "other sound": means(localisation.attention_of(model, data, test, swapped), mask, scored),
            "before training": means(localisation.attention_of(record.untrained(), data, test), mask, scored),
            "beside a silent object": means(own, mask, both), "the silent object": means(own, silent, both),
            "chance": round(float(localisation.chance(mask, scored)["pointing"].mean()), 5)}
    return line


def main() -> int:
    """Looks at every run that is not in the file yet, and writes it after each; one process at a time."""
    with locked(runs_dir()):
        return _look_at_all()


def _look_at_all() -> int:
    lines = {line["key"]: line for line in json.loads(FILE.read_text())["runs"]} if FILE.is_file() else {}
    new = [record for record in find_records(runs_dir(), lambda error: print(error, file=sys.stderr))
           if record.config.data.partition(":")[0] == STUDY and record.key not in lines]
    for name in sorted({record.config.data for record in new}):
        data = vscg.load_dataset(name)
        for record in new:
            if record.config.data == name:
                lines[record.key] = look(record, data)
                write_runs(FILE, {"title": "What the networks of the plan's finished runs look at",
                                  "command": "python book/finished.py", "data": STUDY,
                                  **execute.stamp(torch.device("cpu"))}, [lines[key] for key in sorted(lines)])
                print(record.key, lines[record.key]["row"], lines[record.key]["right"], flush=True)
    return 0


if __name__ == "__main__":
    if sys.argv[1:]:
        raise SystemExit(__doc__)
    sys.exit(main())
