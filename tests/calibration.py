"""Are the planted sets as hard as they were meant to be? Trains VSCG on both modalities and on each alone.

    python -m tests.calibration planted-mini                five seeds of the quick profile: minutes
    python -m tests.calibration planted --epochs 24         one seed: an hour on two CPU cores

write book/records/planted_mini.json and planted_full.json, which chapter 2 shows and test_planted checks against the
dials of today. For `planted`, `--epochs 300` is the paper's schedule, for a GPU.
"""
import argparse
import json

from vscg.data.planted import SIZES, recipe
from vscg.data.prepared import Dataset
from vscg.data.sets import PLANTED, load_dataset
from vscg.machine.files import write_atomically
from vscg.study.speed import FOLDER
from vscg.training.config import RunConfig
from vscg.training.loop import fit

MODALITIES = ("both", "audio", "visual")
SEEDS = {"planted-mini": 5, "planted": 1}


def summary(record, data: Dataset) -> dict:
    """What is kept of a run: its course and its outcome, and where, when and with what it was trained."""
    history, test = record.history, data.splits["test"]
    right = record.predictions() == data.labels[test].argmax(-1)
    return {**{name: record.values[name] for name in ("key", "device", "threads", "seconds", "finished", "versions")},
            "epochs": record.config.epochs, "seed": record.config.seed, "results": record.values["results"],
            "right": right.sum(1).tolist(),
            **{name: history[name].round(5).tolist() for name in ("loss", "val_accuracy", "test_accuracy")}}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.calibration", description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=list(SEEDS))
    parser.add_argument("--epochs", type=int, help="default: 3 for planted-mini, 300 for planted")
    args = parser.parse_args()
    data, size = load_dataset(args.data), PLANTED[args.data]
    profile = "quick" if args.data == "planted-mini" else "full"
    runs = {modality: [summary(fit(RunConfig(data=args.data, profile=profile, modality=modality, epochs=args.epochs,
                                             seed=seed), dataset=data), data) for seed in range(SEEDS[args.data])]
            for modality in MODALITIES}
    path = FOLDER / f"planted_{size}.json"
    last = runs["visual"][-1]
    values = {"title": f"VSCG on {data.name}, with both modalities and with each alone", "data": data.name,
              **{name: last[name] for name in ("device", "finished", "versions")},
              "recipe": recipe(size, 0, SIZES[size]), "runs": runs}
    write_atomically(path, (json.dumps(values, indent=1) + "\n").encode())
    accuracy = {modality: [run["results"]["validation"]["test"]["accuracy"] for run in seeds]
                for modality, seeds in runs.items()}
    print(f"{path}: " + ", ".join(f"{modality} {100 * sum(seeds) / len(seeds):.1f}%"
                                  for modality, seeds in accuracy.items()))


if __name__ == "__main__":
    main()
