"""Trains VSCG with AGVA's audio term added by row, as released, and by column; writes book/records/by_column.json.

    python book/by_column.py

The package has no switch for it: the published weights mean nothing by column. What is exchanged is the attention's
forward pass alone, so both ways begin with the same weights and meet the same batches.
"""
import sys
from pathlib import Path

import execute
import torch
from torch import Tensor

import vscg
from vscg.data.prepared import Dataset
from vscg.machine.files import write_runs
from vscg.models import SETTINGS
from vscg.models.attention import AudioGuidedAttention
from vscg.study import deviations, localisation
from vscg.training.batches import Features, arithmetic
from vscg.training.loop import Run

FILE = Path(__file__).resolve().parent / "records" / "by_column.json"
EPOCHS = 4
CPU = torch.device("cpu")


class ByColumn(AudioGuidedAttention):
    """AGVA as AVEL's formula has it: the audio term's j-th entry goes to score unit j of every region."""

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """As `AudioGuidedAttention.forward`."""
        regions = visual.flatten(2, 3)                                             # (B,T,R,D_v)
        v = self.visual_score(self.visual_map(regions).relu())                     # (B,T,R,U)
        g = self.audio_score(self.audio_map(audio).relu())                         # (B,T,U)
        alpha = self.region_score((v + g.unsqueeze(-2)).tanh()).squeeze(-1).softmax(-1)
        return torch.einsum("btr,btrd->btd", alpha, regions), alpha.unflatten(-1, visual.shape[2:4])


def configs() -> list[vscg.RunConfig]:
    """The runs of one way, as long as most of the study of deviations."""
    return [vscg.RunConfig(data=deviations.DATA, setting=setting, batch=8, epochs=EPOCHS, seed=seed).resolve()
            for setting in SETTINGS for seed in range(deviations.SEEDS)]


def train(config: vscg.RunConfig, data: Dataset, column: bool) -> dict:
    """What the file keeps of a run, at the epoch that validation clips pick.

    `right`: right seconds of each test clip. `pointed`: the share of its seen and heard seconds in which the
    attention's maximum lies in the true patch, of each test clip that has such a second.
    """
    with torch.random.fork_rng(), arithmetic(CPU, config.precision):
        run = Run(config, Features(data, CPU), data.splits, CPU)
        if column:
            run.model.encoder.attention.__class__ = ByColumn
        truth, test = data.labels.argmax(-1), data.splits["test"]
        for _ in range(config.epochs):
            run.next_epoch(truth, lambda steps: None)
        best = run.best["validation"]
        run.model.load_state_dict(best["weights"])
        mask = data.truth["source_mask"][test].astype(bool)
        hits = localisation.pointing(localisation.attention_of(run.model, data, test), mask)
    return {"way": "column" if column else "row", "setting": config.setting, "epochs": config.epochs,
            "seed": config.seed, "epoch": best["epoch"],
            "right": (best["predictions"]["test"].numpy() == truth[test]).sum(1).tolist(),
            "pointed": localisation.clip_means(hits, localisation.scored_seconds(data.labels[test], mask))
            .round(5).tolist()}


def main() -> int:
    """Trains all runs and writes the file."""
    data, lines = vscg.load_dataset(deviations.DATA), []
    for config in configs():
        for column in (False, True):
            lines.append(train(config, data, column))
            print({name: value for name, value in lines[-1].items() if name not in ("right", "pointed")},
                  f"{10 * sum(lines[-1]['right']) / len(lines[-1]['right']):.1f}%", flush=True)
    write_runs(FILE, {"title": "VSCG with AGVA's audio term added by row and by column",
                      "command": "python book/by_column.py", "data": data.name, "fingerprint": data.fingerprint,
                      **execute.stamp(CPU)}, lines)
    return 0


if __name__ == "__main__":
    if sys.argv[1:]:
        raise SystemExit(__doc__)
    sys.exit(main())
