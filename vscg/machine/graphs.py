"""A training step on a GPU as a CUDA graph: recorded once, then started by one launch instead of hundreds."""
import collections
import os
import warnings
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from vscg.errors import VscgError

WARM_UP = 3      # calls before the recording: meanwhile libraries choose their kernels and take their memory


def wanted(device: torch.device) -> bool:
    """Whether steps on the device are to be recorded: on every GPU, unless VSCG_GRAPH is 0."""
    return device.type == "cuda" and os.environ.get("VSCG_GRAPH") != "0"


class CudaRecorder:
    """What a recording needs of CUDA: a stream of its own, on which the calls before it run as well."""

    def __init__(self):
        self.stream = torch.cuda.Stream()

    def call(self, work: Callable[[], Tensor]) -> Tensor:
        """Do the work, on the recorder's stream."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream), warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*capturable=True")      # these steps are ordinary ones
            result = work()
        torch.cuda.current_stream().wait_stream(self.stream)
        return result

    def record(self, work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """What does the work, recorded here and not done, each time it is called; and where its result then lies."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self.stream):
            result = work()
        return graph.replay, result


class Replayed:
    """A training step that is recorded after `WARM_UP` calls, for each shape of its inputs, and then replayed.

    The step, from tensors to a tensor, may read and change tensors that stay at their place, and draw random numbers;
    it must not look at a value on the host. `state` gives all tensors that it changes, gradients apart. A recording is
    used only if two steps of it gave what two ordinary ones gave from the same state. Tests give another `recorder`.
    """

    def __init__(self, step: Callable[..., Tensor], state: Callable[[], Iterable[Tensor]],
                 recorder: CudaRecorder | None = None):
        self.step, self.state, self.recorder = step, state, recorder or CudaRecorder()
        self.calls = collections.Counter()
        self.recordings: dict[tuple, Callable[..., Tensor]] = {}

    def __call__(self, *inputs: Tensor) -> Tensor:
        shapes = tuple(values.shape for values in inputs)
        if shapes not in self.recordings:
            self.calls[shapes] += 1
            if self.calls[shapes] <= WARM_UP:
                return self.recorder.call(lambda: self.step(*inputs))
            self.recordings[shapes] = self._record(inputs)
        return self.recordings[shapes](*inputs)

    def _record(self, inputs: tuple[Tensor, ...]) -> Callable[..., Tensor]:
        places = [values.clone() for values in inputs]
        try:
            replay, result = self.recorder.record(lambda: self.step(*places))
        except torch.OutOfMemoryError:
            raise                       # a recording needs memory of its own, and the message says how much
        except RuntimeError as error:
            raise VscgError(f"The training step cannot be recorded as a CUDA graph ({error}): start again with "
                            "VSCG_GRAPH=0 to train without.") from error

        def recorded(*inputs: Tensor) -> Tensor:
            for place, values in zip(places, inputs, strict=True):
                place.copy_(values)
            replay()
            return result.clone()

        ordinary = self._twice(lambda: self.recorder.call(lambda: self.step(*inputs)), inputs[0].device)
        replayed = self._twice(lambda: recorded(*inputs), inputs[0].device)
        # The sums of a pass backward may be taken in another order each time.
        if not torch.allclose(ordinary, replayed, rtol=1e-3, atol=1e-6, equal_nan=True):
            raise VscgError(f"The recorded training step does not do what the step does (losses {replayed.tolist()}, "
                            f"not {ordinary.tolist()}): start again with VSCG_GRAPH=0 to train without CUDA graphs.")
        return recorded

    def _twice(self, step: Callable[[], Tensor], device: torch.device) -> Tensor:
        """The results of two steps in a row; what they change is put back."""
        state = list(self.state())
        before = [values.detach().clone() for values in state]
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            results = torch.stack([step(), step()]).cpu()
        with torch.no_grad():
            for values, old in zip(state, before, strict=True):
                values.copy_(old)
        return results
