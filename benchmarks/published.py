"""The published training loop, plainly written from its description (deviations D6): the baseline of all ratios.

Features are float64 arrays, read whole from the official HDF5 files. Each batch is filled clip by clip. Every
evaluation reads all feature files again and passes its whole split at once. Network, loss and order of the clips are
the package's own, so that the same seed gives the same losses as `vscg.fit`.
"""
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from benchmarks.arms import Arm
from vscg.data import ave
from vscg.data.labels import BACKGROUND, CLASSES, SEGMENTS, labels_from_annotations
from vscg.data.prepared import read_prepared
from vscg.models import build_model, predict_segments
from vscg.training.batches import Features, forward
from vscg.training.config import RunConfig, learning_rate, looks
from vscg.training.evaluation import segment_accuracy
from vscg.training.loop import epoch_batches, epoch_seed
from vscg.training.objectives import build_objective


def read_features(folder: Path, files: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Audio (N,10,128) and visual (N,10,7,7,512), float64, whole."""
    arrays = {}
    for modality, name in files.items():
        with h5py.File(folder / name, "r") as handle:
            arrays[modality] = handle[ave.KEY][()]
    return arrays["audio"], arrays["visual"]


class Clips:
    """Float64 features in memory, and buffers that are filled clip by clip."""

    def __init__(self, folder: Path, labels: np.ndarray, largest: int, device: torch.device, noisy: bool = False):
        self.labels, self.device, self.parts = labels, device, [read_features(folder, ave.FEATURES)]
        if noisy:
            self.parts.append(read_features(folder, ave.NOISY))
        shapes = [values.shape[1:] for values in (*self.parts[0], labels)]
        self.buffers = [np.zeros((largest, *shape), np.float32) for shape in shapes]

    def batch(self, rows: Tensor) -> list[Tensor]:
        """Audio, visual and labels of clips `rows`, float32; valid until the next call."""
        audio, visual, labels = self.buffers
        annotated = len(self.parts[0][0])
        for place, row in enumerate(rows.tolist()):
            heard, seen = self.parts[row >= annotated]
            audio[place], visual[place] = heard[row % annotated], seen[row % annotated]
            labels[place] = self.labels[row]
        return [torch.from_numpy(buffer[:len(rows)]).to(self.device) for buffer in self.buffers]


class PublishedLoop:
    """Training by the published loop. `arm` may switch on one of the speed-ups alone, so that it can be measured.

    Args:
        folder: official files, with the prepared file that the arm `resident` reads.
        config: a resolved run.
    """

    def __init__(self, folder: Path, config: RunConfig, device: torch.device, arm: Arm):
        self.folder, self.config, self.device, self.arm, self.epoch = folder, config, device, arm, 0
        labels = labels_from_annotations(folder / ave.ANNOTATIONS)
        self.splits = ave.read_orders(folder, len(labels))
        self.rows = self.splits["train"]
        if config.background:
            background = np.arange(ave.check_noisy_labels(folder / ave.NOISY_LABELS)) + len(labels)
            self.rows = np.concatenate([self.rows, background])
            labels = np.concatenate([labels, np.eye(CLASSES, dtype=np.float32)[
                np.full((len(background), SEGMENTS), BACKGROUND)]])
        self.labels = labels
        self.clips = (Features(read_prepared(folder / "prepared.h5"), device) if arm.resident else
                      Clips(folder, labels, config.batch, device, noisy=config.background))
        torch.manual_seed(config.seed)
        self.model = build_model(config.system, setting=config.setting, variant=config.variant).to(device)
        self.objective = build_objective(config.system, setting=config.setting, variant=config.variant,
                                         loss=config.loss, target=config.target).to(device)
        if arm.cere_twice:
            escm = self.model.escm
            escm.events = lambda audio, visual: (escm.cere(audio), escm.cere(visual))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.schedule.lr, fused=arm.fused or None)

    def train_epoch(self, step_done) -> dict:
        """One pass over the training clips, `step_done(1)` after each step; returns the mean loss."""
        torch.manual_seed(epoch_seed(self.config, self.epoch))
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config.schedule, self.epoch, 0)
        losses = []
        for rows in epoch_batches(self.config, self.rows, self.epoch):
            audio, visual, labels = self.clips.batch(rows)
            total, _ = self.objective(forward(self.model, audio, visual, self.arm.precision), labels)
            self.optimizer.zero_grad()
            total.backward()
            self.optimizer.step()
            losses.append(total.item())
            step_done(1)
        return {"loss": float(np.mean(losses))}

    @torch.no_grad()
    def evaluate(self) -> dict:
        """Accuracy on validation and test clips, each after reading all features anew."""
        self.model.eval()
        scores = {}
        for split in ("val", "test"):
            rows = self.splits[split]
            clips = self.clips if self.arm.resident else Clips(self.folder, self.labels, len(rows), self.device)
            audio, visual, _ = clips.batch(torch.from_numpy(rows))
            predictions = predict_segments(forward(self.model, audio, visual, self.arm.precision)).cpu().numpy()
            scores[f"{split}_accuracy"] = segment_accuracy(predictions, self.labels[rows].argmax(-1))
        return scores

    def run(self) -> list[dict]:
        """All epochs, with an evaluation after those whose weights may be picked; returns the history."""
        history = []
        while self.epoch < self.config.epochs:
            row = self.train_epoch(lambda steps: None)
            history.append(row | (self.evaluate() if looks(self.config.schedule, self.epoch) else {}))
            self.next_epoch(row)
        return history

    def next_epoch(self, row: dict) -> None:
        self.epoch += 1
