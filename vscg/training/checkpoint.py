"""The state of a run that is not finished: written whole, and read only if no byte of it has changed."""
import hashlib
import io
from pathlib import Path

import torch

from vscg.errors import VscgError
from vscg.machine.device import subnormals_are_zero
from vscg.machine.files import write_atomically

SUM = hashlib.sha256().digest_size      # bytes in front of the state
PLAIN = ("epoch", "seconds", "history", "best", "last", "devices")      # attributes of a run that are no modules


def save_run(path: Path, run) -> None:
    """Write all that the next epoch of a `loop.Run` needs, in one atomic step."""
    state = {**{name: getattr(run, name) for name in PLAIN}, "threads": torch.get_num_threads(),
             "subnormals_are_zero": subnormals_are_zero(), "model": run.model.state_dict(),
             "adam": run.optimizer.state_dict()["state"], "objective": dict(run.objective.named_buffers())}
    file = io.BytesIO()
    torch.save(state, file)
    content = file.getvalue()
    write_atomically(path, hashlib.sha256(content).digest() + content, follow=False)


def load_run(path: Path, run) -> None:
    """Put a new `loop.Run` where `save_run` left it, on as many threads, and as exact; VscgError for a damaged file."""
    content = path.read_bytes()
    # torch.load gives tensors in which a bit has flipped without a word.
    if hashlib.sha256(content[SUM:]).digest() != content[:SUM]:
        raise VscgError(f"{path} cannot be continued from (it is damaged): delete it to start this run anew.")
    state = torch.load(io.BytesIO(content[SUM:]), map_location="cpu", weights_only=True)
    if not {*PLAIN, "threads", "subnormals_are_zero", "model", "adam", "objective"} <= set(state):
        raise VscgError(f"{path} cannot be continued from (it is of another version of the package): continue with "
                        "that one, or delete it to start this run anew.")
    torch.set_num_threads(state["threads"])
    torch.set_flush_denormal(state["subnormals_are_zero"])
    for name in PLAIN:
        setattr(run, name, state[name])
    run.model.load_state_dict(state["model"])
    run.optimizer.load_state_dict(run.optimizer.state_dict() | {"state": state["adam"]})
    for name, value in state["objective"].items():       # not copied into the old one: its shape may be another
        owner, _, leaf = name.rpartition(".")
        setattr(run.objective.get_submodule(owner), leaf, value.to(run.features.device))
