"""The two networks that turn a window of a clip into features, by their names or as modules of one's own."""
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vscg.data.labels import SEGMENTS
from vscg.errors import choose
from vscg.features.encoders import AUDIO, VISUAL
from vscg.features.vgg19 import visual_features
from vscg.features.vggish import audio_features
from vscg.features.video import Window
from vscg.machine.device import single_precision, usable_device


@dataclass(frozen=True)
class Networks:
    """The two networks that turn pictures and sound into features, ready on their device."""
    visual: nn.Module                                      # VGG19, or another from (B,3,224,224) to (B,D_v,7,7)
    audio: nn.Module                                       # VGGish, or another from its own `examples` to (B,D_a)

    def fingerprint(self) -> str:
        """SHA-256 of all their weights."""
        digest = hashlib.sha256()
        for network in (self.visual, self.audio):
            for name, values in network.state_dict().items():
                digest.update(name.encode())
                digest.update(np.ascontiguousarray(values.cpu().numpy()))
        return digest.hexdigest()


@dataclass(frozen=True)
class Names:
    """Which encoders, and the folder of their weights."""
    folder: Path
    visual: str = "vgg19"
    audio: str = "vggish"


def load_networks(weights: str | PathLike | None = None, device: str | torch.device | None = None,
                  *, visual: str = "vgg19", audio: str = "vggish") -> Networks:
    """Two encoders, `visual` of `encoders.VISUAL` and `audio` of `encoders.AUDIO`, with their published weights.

    Weights that are not there are downloaded: all but those of `transformers` into the folder `weights` (default:
    `data/weights`). `device` defaults to the GPU where there is one. Raises VscgError for an unknown name, as
    `weights.fetch`, and where an encoder needs the extra `vscg[encoders]`.
    """
    choose("visual encoder", visual, VISUAL)
    choose("audio encoder", audio, AUDIO)
    device, folder = usable_device(device), Path(weights) if weights else None
    return Networks(*(load(folder).to(device) for load in (VISUAL[visual], AUDIO[audio])))


@single_precision()
def window_features(window: Window, networks: Networks,
                    done: Callable[[int], object] = lambda seconds: None) -> tuple[np.ndarray, np.ndarray]:
    """The features of a window: visual (10,7,7,D_v) and audio (10,D_a), float32; of VGG-19 and VGGish 512 and 128.

    A batch is the 32 pictures of two seconds on a GPU, of one on a CPU; `done` is called with its seconds after each.
    """
    audio = audio_features(networks.audio, window.waveform, window.sample_rate)
    step = 2 if next(networks.visual.parameters()).is_cuda else 1   # divides 10
    visual = []
    for first in range(0, SEGMENTS, step):
        visual.append(visual_features(networks.visual, window.frames[first:first + step]))
        done(step)
    return np.concatenate(visual), audio
