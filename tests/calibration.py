"""Is `planted` as hard as it was meant to be? Trains VSCG on both modalities and on each alone, and keeps the outcome.

    python -m tests.calibration --epochs 24

takes an hour on two CPU cores and writes book/records/planted_full.json, which chapter 2 shows and test_planted checks
against the dials of today. `--epochs 300` is the paper's schedule, for a GPU.
"""
import argparse
import json

from vscg.config import RunConfig
from vscg.data import load_dataset
from vscg.dials import SIZES
from vscg.files import write_atomically
from vscg.planted import recipe
from vscg.speed import FOLDER
from vscg.training import fit

RECORD = FOLDER / "planted_full.json"
MODALITIES = ("both", "audio", "visual")


def summary(record) -> dict:
    """What is kept of a run: its course and its outcome, and where, when and with what it was trained."""
    history = record.history
    return {**{name: record.values[name] for name in ("key", "device", "threads", "seconds", "finished", "versions")},
            "epochs": record.config.epochs, "seed": record.config.seed, "results": record.values["results"],
            **{name: history[name].round(5).tolist() for name in ("loss", "val_accuracy", "test_accuracy")}}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.calibration", description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=24)
    epochs = parser.parse_args().epochs
    data = load_dataset("planted")
    configs = {modality: RunConfig(data="planted", profile="full", modality=modality, epochs=epochs)
               for modality in MODALITIES}
    runs = {modality: summary(fit(config, dataset=data)) for modality, config in configs.items()}
    values = {"data": data.name, "recipe": recipe("full", 0, SIZES["full"]), "runs": runs}
    write_atomically(RECORD, (json.dumps(values, indent=1) + "\n").encode())
    print(f"{RECORD}: " + ", ".join(f"{modality} {100 * run['results']['validation']['test']['accuracy']:.1f}%"
                                    for modality, run in runs.items()))


if __name__ == "__main__":
    main()
