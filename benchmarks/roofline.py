"""What a step costs at least: its operations, the bytes it moves, and how fast the machine does either at best."""
import time
from collections.abc import Callable
from functools import cache

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from vscg.data.labels import AUDIO_DIM, CLASSES, GRID, SEGMENTS, VISUAL_DIM
from vscg.models import build_model
from vscg.training.objectives import build_objective

COUNTED = 4                    # clips of the step that is counted; FLOPs grow in proportion to them


def recurrent_flops(module: nn.Module) -> int:
    """Products of one LSTM or GRU for one clip, forward: a gate maps its inputs and the state, 2 FLOPs a weight."""
    directions, hidden, total = 1 + module.bidirectional, module.hidden_size, 0
    gates = 4 if isinstance(module, nn.LSTM) else 3
    for layer in range(module.num_layers):
        width = module.input_size if layer == 0 else directions * hidden
        total += SEGMENTS * directions * 2 * gates * hidden * (width + hidden)
    return total


def missed(module: nn.Module) -> bool:
    """Whether torch's counter passes over this kind of recurrent module, which may run as one fused call."""
    with FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, SEGMENTS, module.input_size))
    return counter.get_total_flops() == 0


class Traffic(TorchDispatchMode):
    """Counts the bytes that operations read and write if every tensor comes from memory and goes back there."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        taken = [value for value in tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)]
        given = [value for value in tree_leaves(result) if isinstance(value, torch.Tensor)]
        places = {value.untyped_storage().data_ptr() for value in taken}
        changes = function._schema.is_mutable
        if changes or any(value.untyped_storage().data_ptr() not in places for value in given):   # else a view
            self.bytes += sum(value.nbytes for value in taken + given)
        return result


@cache
def step_cost(setting: str) -> dict[str, float]:
    """FLOPs and bytes of a training step of VSCG for each clip of its batch, the weights' own traffic left out."""
    model, objective = build_model("vscg", setting=setting), build_objective("vscg", setting=setting)
    recurrent = [part for part in model.modules() if isinstance(part, nn.RNNBase) and missed(part)]

    def step(clips: int, count: FlopCounterMode | Traffic) -> FlopCounterMode | Traffic:
        audio, visual = torch.rand(clips, SEGMENTS, AUDIO_DIM), torch.rand(clips, SEGMENTS, GRID, GRID, VISUAL_DIM)
        labels = torch.zeros(clips, SEGMENTS, CLASSES)
        labels[..., 0] = 1
        with count:
            objective(model(audio, visual), labels)[0].backward()
        return count

    # A pass backward makes two products for each one forward: for the inputs and for the weights.
    return {"counted_flops": step(COUNTED, FlopCounterMode(display=False)).get_total_flops() / COUNTED,
            "recurrent_flops": 3.0 * sum(map(recurrent_flops, recurrent)),
            "bytes": (step(2 * COUNTED, Traffic()).bytes - step(COUNTED, Traffic()).bytes) / COUNTED}


def product_speed(batch: int, device: torch.device) -> float:
    """FLOP/s, float32, of AGVA's product, all regions of a batch by 512x512: the fastest of three."""
    regions = torch.rand(batch * SEGMENTS * GRID**2, VISUAL_DIM, device=device)
    weights = torch.rand(VISUAL_DIM, VISUAL_DIM, device=device)
    into = torch.empty_like(regions)
    seconds = fastest(lambda: torch.mm(regions, weights, out=into), device)
    return 2 * regions.shape[0] * VISUAL_DIM**2 / seconds


def copy_speed(device: torch.device) -> float:
    """Bytes/s, read and written, of a copy of 256 MiB: the fastest of three."""
    size = 2**28
    source = torch.zeros(size // 4, device=device)
    target = torch.empty_like(source)
    return 2 * size / fastest(lambda: target.copy_(source), device)


def fastest(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of the fastest of three calls, after one that does not count."""
    def once() -> float:
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    return min([once() for _ in range(4)][1:])
