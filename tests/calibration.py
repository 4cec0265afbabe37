"""Is planted-mini as hard as it was meant to be? Trains VSCG on both modalities and on each alone.

    python -m tests.calibration                five seeds of the quick profile: minutes

writes book/records/planted_mini.json, which chapter 2 shows and test_planted checks against the dials of today.
"""
import json

from vscg.data.planted import SIZES, recipe
from vscg.data.prepared import Dataset
from vscg.data.sets import load_dataset
from vscg.machine.files import write_atomically
from vscg.study.speed import FOLDER
from vscg.training.config import RunConfig
from vscg.training.loop import fit

MODALITIES = ("both", "audio", "visual")
SEEDS = 5


def summary(record, data: Dataset) -> dict:
    """What is kept of a run: its course and its outcome, and where, when and with what it was trained."""
    history, test = record.history, data.splits["test"]
    right = record.predictions() == data.labels[test].argmax(-1)
    return {**{name: record.values[name] for name in ("key", "device", "threads", "seconds", "finished", "versions")},
            "epochs": record.config.epochs, "seed": record.config.seed, "results": record.values["results"],
            "right": right.sum(1).tolist(),
            **{name: history[name].round(5).tolist() for name in ("loss", "val_accuracy", "test_accuracy")}}


def main() -> None:
    data = load_dataset("planted-mini")
    runs = {modality: [summary(fit(RunConfig(modality=modality, seed=seed), dataset=data), data)
                       for seed in range(SEEDS)] for modality in MODALITIES}
    path = FOLDER / "planted_mini.json"
    last = runs["visual"][-1]
    values = {"title": f"VSCG on {data.name}, with both modalities and with each alone", "data": data.name,
              **{name: last[name] for name in ("device", "finished", "versions")},
              "recipe": recipe("mini", 0, SIZES["mini"]), "runs": runs}
    write_atomically(path, (json.dumps(values, indent=1) + "\n").encode())
    accuracy = {modality: [run["results"]["validation"]["test"]["accuracy"] for run in seeds]
                for modality, seeds in runs.items()}
    print(f"{path}: " + ", ".join(f"{modality} {100 * sum(seeds) / len(seeds):.1f}%"
                                  for modality, seeds in accuracy.items()))


if __name__ == "__main__":
    main()
