"""The saved state of a run that is not finished: written whole, and read only if no byte of it has changed."""
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from vscg.machine.files import write_atomically

Shapes = Mapping[str, tuple[int, ...]]


def write_state(path: Path, tensors: Mapping[str, Tensor], run: dict) -> None:
    """Write tensors and `run`, a value for JSON, in one atomic step, with their SHA-256."""
    text = json.dumps(run)
    tensors = {name: value.cpu().contiguous() for name, value in tensors.items()}
    write_atomically(path, safetensors.torch.save(tensors, {"run": text, "sum": _sum(text, tensors)}))


def read_state(path: Path) -> tuple[dict, dict[str, Tensor]]:
    """`run` and the tensors that `write_state` wrote.

    Raises:
        ValueError, TypeError, LookupError, OSError: the file is not what was written.
    """
    try:
        with safe_open(path, "pt") as file:
            stored = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    # Without the sum a flipped bit of a weight would go into the results unseen.
    if stored["sum"] != _sum(stored["run"], tensors):
        raise ValueError("its content is not what was written")
    return json.loads(stored["run"]), tensors


def _sum(text: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def check_state(history: list[dict], epoch: int, optimizer: torch.optim.Optimizer,
                best: Mapping[str, Mapping[str, Tensor]], picked: Shapes) -> None:
    """ValueError, or what else a wrong value raises, unless a loaded state has the form that training leaves.

    Args:
        history: one row for each of the `epoch` epochs that are done.
        optimizer: Adam with its loaded moments.
        best: selection -> what is kept of its best epoch, whose shapes are `picked`.
    """
    accuracies = [row[f"{split}_accuracy"] for row in history for split in ("val", "test")]
    if (len(history) != epoch or [row["epoch"] for row in history] != list(range(1, epoch + 1))
            or not all(isinstance(value, float) and 0 <= value <= 1 for value in accuracies)):
        raise ValueError("its history does not fit its epoch")
    for parameter, state in optimizer.state.items():
        moments = dict.fromkeys(("exp_avg", "exp_avg_sq"), tuple(parameter.shape))
        if _shapes(state) != {"step": (), **moments}:
            raise ValueError("its optimiser's state does not fit the model")
    for selection, kept in best.items():
        if _shapes(kept) != dict(picked):
            raise ValueError(f"what it keeps of its best epoch by {selection} does not fit the run")


def _shapes(tensors: Mapping[str, Tensor]) -> Shapes:
    return {name: tuple(value.shape) for name, value in tensors.items()}
