"""Where the time of a step goes: torch's profiler, its operators in a few groups."""
import time
from collections import Counter
from collections.abc import Callable

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

from vscg.data.labels import GRID, SEGMENTS, VISUAL_DIM

LARGEST, OUTSIDE, OTHER, ADAM = "AGVA's 512x512 products", "outside torch's operators", "other operators", "Adam"
GROUPS = {
    "other products": ("mm", "addmm", "bmm", "baddbmm"),
    "convolutions, LSTMs": ("mkldnn_convolution", "convolution_backward", "mkldnn_rnn_layer",
                            "mkldnn_rnn_layer_backward", "cudnn_convolution", "_cudnn_rnn", "_cudnn_rnn_backward"),
    "ReLU, tanh, softmax": ("relu", "clamp_min", "threshold_backward", "tanh", "tanh_", "tanh_backward", "sigmoid",
                            "sigmoid_", "sigmoid_backward", "_softmax", "_softmax_backward_data"),
    "dropout's random numbers": ("bernoulli_", "native_dropout"),
    "copies, conversions": ("copy_", "index", "index_select", "cat", "fill_", "zero_"),
}
_GROUP_OF = {f"aten::{name}": group for group, names in GROUPS.items() for name in names}
NAMES = (LARGEST, *GROUPS, ADAM, OTHER, OUTSIDE)      # in the order in which they are shown


def group_of(event: FunctionEvent, clips: int) -> str:
    """The group that an operator's own time belongs to; `clips` of a batch tell the largest product."""
    above = event
    while above:
        if above.name.startswith("Optimizer.step"):
            return ADAM
        above = above.cpu_parent
    sizes = {size for shape in event.input_shapes or () if len(shape) == 2 for size in shape}
    if event.name in ("aten::mm", "aten::addmm") and sizes == {VISUAL_DIM, clips * SEGMENTS * GRID * GRID}:
        return LARGEST
    return _GROUP_OF.get(event.name, OTHER)


def seconds_by_group(work: Callable[[], object], clips: int, device: torch.device) -> tuple[dict[str, float], object]:
    """Do the work under the profiler: seconds of each group, and what the work returns.

    On a GPU the seconds are those of the kernels, on a CPU they are all that passed.
    """
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities, record_shapes=True) as found:
        start = time.perf_counter()
        result = work()
        elapsed = time.perf_counter() - start
    spent = Counter(dict.fromkeys(NAMES, 0.0))
    for event in found.events():
        if event.device_type == torch.autograd.DeviceType.CPU:      # a kernel's time is its operator's device time
            own = event.self_device_time_total if on_gpu else event.self_cpu_time_total
            spent[group_of(event, clips)] += own / 1e6
    if not on_gpu:
        spent[OUTSIDE] = elapsed - sum(spent.values())
    return dict(spent), result
