"""Features on the device and a model's outputs from them: what training, evaluation and the chapters share."""
import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from vscg.data.prepared import Dataset
from vscg.machine.device import cpu_has_bf16
from vscg.machine.rounding import RoundedProducts
from vscg.models import Output, predict_segments

EVALUATION_BATCH = 64      # clips; without gradients 64 clips need 0.1 GB


class Features:
    """A data set as tensors on one device: read once, gathered by row number, converted a batch at a time.

    For "audio" or "visual" the other modality is zeros; for "bf16" maps are bf16, as autocast would round them.
    """

    def __init__(self, dataset: Dataset, device: torch.device, modality: str = "both", precision: str = "fp32"):
        visual = torch.from_numpy(dataset.visual)
        self.copies = None
        if device.type == "cuda":
            torch.cuda.empty_cache()          # what torch keeps for itself from runs before counts as taken
            free, _ = torch.cuda.mem_get_info(device)
            if visual.nbytes < free / 2:      # the other half is left to the model, its gradients and the batch
                visual = visual.to(device)
            else:
                self.copies = torch.cuda.Stream(device)
        # `home` is where the maps are and rows are looked up: row numbers that are there already need no copy.
        self.device, self.home, self.modality, self.visual = device, visual.device, modality, visual
        self.dims = dataset.dims
        self.dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self.audio = torch.from_numpy(dataset.audio).to(device)
        self.labels = torch.from_numpy(dataset.labels).to(device)

    def batch(self, rows: Tensor, sounds: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Audio (B,10,128) of clips `sounds`, or `rows`, visual (B,10,7,7,512) and labels (B,10,29) of clips `rows`."""
        visual = self._maps(rows)
        rows = rows.to(self.device, non_blocking=True)
        sounds = rows if sounds is None else sounds.to(self.device, non_blocking=True)
        audio, labels = self.audio[sounds], self.labels[rows]
        if self.modality == "audio":
            visual.zero_()
        if self.modality == "visual":
            audio = torch.zeros_like(audio)
        return audio, visual, labels

    def _maps(self, rows: Tensor) -> Tensor:
        if self.home.type != "cpu":
            return self.visual[rows.to(self.home)].to(self.dtype)
        shape = len(rows), *self.visual.shape[1:]
        if self.copies is None:
            return self._gather(rows, torch.empty(shape, dtype=self.dtype))
        # The host gathers this batch while the card computes the last one's step, and the copy does not wait for the
        # step either. The pinned buffer is given to another batch only when it has been read.
        maps = self._gather(rows, torch.empty(shape, dtype=self.visual.dtype, pin_memory=True))
        now = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(self.copies):
            maps = maps.to(self.device, non_blocking=True)
        now.wait_stream(self.copies)
        maps.record_stream(now)
        return maps.to(self.dtype)

    def _gather(self, rows: Tensor, maps: Tensor) -> Tensor:
        # Clip by clip: torch's gathering of rows takes three times as long as copying them.
        for row, target in zip(rows.tolist(), maps, strict=True):
            clip = self.visual[row]
            # To bf16 by way of float32: torch's conversion from float16 takes longer than both others together.
            target.copy_(clip.float() if target.dtype == torch.bfloat16 else clip)
        return maps


def forward(model: nn.Module, audio: Tensor, visual: Tensor, precision: str = "fp32") -> Output:
    """The model's outputs, float32, computed in one of `config.PRECISIONS`."""
    if precision != "bf16":
        return model(audio, visual)
    with torch.autocast(audio.device.type, torch.bfloat16):
        return model(audio, visual).float()


@contextlib.contextmanager
def arithmetic(device: torch.device, precision: str) -> Iterator[None]:
    """While it lasts, products are computed in `precision`, and float32 ones are rounded only if it says so.

    What torch was told before, of all products (`torch.backends.fp32_precision`) or of some, holds again afterwards. On
    a GPU cuDNN takes only kernels that give the same sums each time, so that a resumed run is the run. On a CPU without
    bf16 instructions, where torch's own bf16 products are slow and its bf16 LSTM fails, and for TF32 on any CPU, the
    factors are rounded by `RoundedProducts`.
    """
    backends, on_gpu, tf32 = torch.backends, device.type == "cuda", precision == "tf32"
    cudnn, onednn, wanted = backends.cudnn, backends.mkldnn, "tf32" if on_gpu and tf32 else "ieee"
    parts = (cudnn, backends.cuda.matmul, cudnn.conv, cudnn.rnn) if on_gpu else (onednn.matmul, onednn.conv, onednn.rnn)
    with contextlib.ExitStack() as stack:
        for setting in (backends, *parts):       # from the whole to its parts: those that follow it need not be told
            if setting.fp32_precision != wanted:
                stack.callback(setattr, setting, "fp32_precision", setting.fp32_precision)
                setting.fp32_precision = wanted
        stack.callback(setattr, cudnn, "deterministic", cudnn.deterministic)
        cudnn.deterministic = True
        if not on_gpu and (tf32 or precision == "bf16" and not cpu_has_bf16()):
            stack.enter_context(RoundedProducts(tf32=tf32))
        yield


@torch.no_grad()      # in inference mode `RoundedProducts` would be handed whole layers, past autocast
def outputs(model: nn.Module, features: Features, rows: np.ndarray, precision: str = "fp32",
            sounds: np.ndarray | None = None) -> Iterator[Output]:
    """A model's outputs for clips `rows` (N,), `EVALUATION_BATCH` clips at a time, in evaluation mode, on its device.

    `sounds` (N,) are the clips whose sound is heard to the pictures of `rows`; None takes their own.
    """
    model.eval()
    numbers = torch.from_numpy(np.stack([rows, rows if sounds is None else sounds])).to(features.home)
    for part in numbers.split(EVALUATION_BATCH, dim=1):
        yield forward(model, *features.batch(*part)[:2], precision)


def predict(model: nn.Module, features: Features, rows: np.ndarray, precision: str = "fp32") -> np.ndarray:
    """Predicted classes of the segments of clips `rows`: (N,T) int64, the last class = background."""
    return torch.cat([predict_segments(output) for output in outputs(model, features, rows, precision)]).cpu().numpy()
