"""Trains the short runs of chapter 22 and writes book/records/eight_systems.json.

    python book/eight_systems.py
"""
import sys
from pathlib import Path

import vscg
from vscg.machine.files import write_runs
from vscg.models import SYSTEMS
from vscg.training.records import Record

FILE = Path(__file__).resolve().parent / "records" / "eight_systems.json"
DATA = "planted-mini:train=64,val=28,test=28,background=8"
EPOCHS, LONGER = 3, 12
SEEDS = 3                # but one of AVT, whose step costs as much as twenty of another system
EIGHT = ("cman", "dam", "avrb", "avin", "csa", "avt", "dca", "cssnet")
OURS, OURS_LONGER = "ours", f"ours, {LONGER} epochs"
# DCA's objective needs 640 segments, 64 clips: one step an epoch, so as many steps in eight times the epochs.
_LARGE = {"batch": 64, "epochs": 8 * EPOCHS}
# System, setting, what is read otherwise than in ours, and the fields of RunConfig that say so.
READINGS = (
    ("cman", "fully", "scores from 256 numbers, not 10", {"model_options": {"attention_size": 256}}),
    ("cman", "fully", "where: dot product over 16, no cosine", {"model_options": {"similarity": "dot"}}),
    ("cman", "fully", "which: reads the other before \"when\"", {"model_options": {"memory": "embedded"}}),
    ("cman", "fully", "when: no residual", {"model_options": {"residual": False}}),
    ("cman", "fully", "LSTMs of 128 in both directions", {"model_options": {"bidirectional": True}}),
    ("cman", "fully", "modalities added, not joined", {"model_options": {"fusion": "sum"}}),
    ("dam", "fully", "dot products over 16", {"model_options": {"scaled": True}}),
    ("dam", "fully", "self-attention with a residual", {"model_options": {"residual": True}}),
    ("dam", "fully", "seconds after self-attention", {"model_options": {"locals_after": True}}),
    ("dam", "fully", "loss 0.9 and 0.1, not halves", {"loss": "0.9c+0.1t"}),
    ("avrb", "fully", "fusion: bilinear pooling", {"model_options": {"fusion": "mfb"}}),
    ("avrb", "fully", "gate 1 + 10 alpha", {"model_options": {"gate_scale": 10.0}}),
    ("avrb", "weakly", "maximum over time", {"model_options": {"pooling": "max"}}),
    ("avin", "fully", "AVEL's attention, no plain mean", {"model_options": {"spatial": "agva"}}),
    ("avin", "fully", "one LSTM of 256, forwards", {"model_options": {"bidirectional": False}}),
    ("avin", "fully", "a weight for each channel", {"model_options": {"weights": "channel"}}),
    ("avin", "fully", "both modalities ask", {"model_options": {"inter_query": "both"}}),
    ("avin", "fully", "dot products over 16", {"model_options": {"scaled": True}}),
    ("avin", "fully", "interactions times 10", {"model_options": {"rescale": 10.0}}),
    ("avin", "fully", "bilinear vector of 512, not 256", {"model_options": {"bilinear_dim": 512}}),
    ("avin", "weakly", "mean of the softmax over time", {"model_options": {"pooling": "mean"}}),
    ("csa", "fully", "channels by correlation", {"model_options": {"correlation": True}}),
    ("avt", "fully", "learned positions of the seconds", {"model_options": {"positions": "temporal"}}),
    ("dca", "fully", "batches of 64 clips", _LARGE),
    ("dca", "fully", "batches of 64 clips, cross-entropy alone", {**_LARGE, "loss": "ce"}),
    ("cssnet", "fully", "AGVA in place of its own attention", {"model_options": {"attention": "agva"}}),
    ("cssnet", "fully", "pull: vectors of length 1", {"loss": "c+t+n-pull"}),
    ("cssnet", "fully", "pull and push: negatives", {"loss": "c+t+pull+push"}),
)


def configs() -> dict[tuple[str, str, str, int], vscg.RunConfig]:
    """System, setting, reading and seed to the run: each system as it is built, also longer, then other readings."""
    ours = [(system, setting, OURS, {}) for system in EIGHT for setting in SYSTEMS[system].settings]
    longer = [(system, "fully", OURS_LONGER, {"epochs": LONGER}) for system in EIGHT]
    return {(system, setting, reading, seed): vscg.RunConfig(
                system=system, setting=setting, data=DATA, seed=seed, **{"epochs": EPOCHS, **fields})
            for system, setting, reading, fields in (*ours, *longer, *READINGS)
            for seed in range(1 if system == "avt" else SEEDS)}


def line(name: tuple[str, str, str, int], record: Record) -> dict:
    """What the file keeps of a run: its curves by epoch, accuracies as fractions."""
    history, config = record.history, record.config
    return {**dict(zip(("system", "setting", "reading", "seed"), name, strict=True)), "loss_name": config.loss,
            "model_options": dict(config.model_options), "batch": config.batch, "epochs": config.epochs,
            **{column: history[column].round(5).tolist() for column in ("loss", "val_accuracy")},
            "seconds": round(record.values["seconds"], 1)}


def main() -> int:
    """Trains what is missing and writes the file."""
    data = vscg.load_dataset(DATA)
    records = {name: vscg.fit(config, dataset=data) for name, config in configs().items()}
    values = [record.values for record in records.values()]
    about = {
        "title": "Short runs of the eight systems without a program, and of other readings of what is known of them",
        "command": "python book/eight_systems.py", "data": DATA, "fingerprint": data.fingerprint,
        "clips": {split: len(rows) for split, rows in data.splits.items()},
        "device": "; ".join(dict.fromkeys(value["device"] for value in values)),
        "finished": max(value["finished"] for value in values), "versions": values[0]["versions"]}
    write_runs(FILE, about, [line(name, record) for name, record in records.items()])
    print(FILE)
    return 0


if __name__ == "__main__":
    if sys.argv[1:]:
        raise SystemExit(__doc__)
    sys.exit(main())
