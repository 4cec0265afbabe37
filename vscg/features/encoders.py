"""Encoders by name: VGG-19 and VGGish, which AVE's features come from, two small ones, and two from `transformers`.

Those of `transformers` are wrapped so that they take the place of the others: `ClipMaps` of VGG-19, `AstSeconds` of
VGGish. They need the extra `vscg[encoders]`; their weights are downloaded by `transformers`, into its own cache.
"""
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vscg.data.labels import GRID
from vscg.errors import VscgError
from vscg.features import weights as published
from vscg.features.aisfx import AiSfx
from vscg.features.efficientnet import EfficientNetLite0
from vscg.features.vgg19 import DEVIATION, MEAN, VGG19
from vscg.features.vggish import SAMPLE_RATE, VGGish, resample

CLIP, AST = "openai/clip-vit-base-patch16", "MIT/ast-finetuned-audioset-10-10-0.4593"
CLIP_MEAN, CLIP_DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
# Numbers of a region, or of a second of sound, that each encoder gives.
WIDTHS = {"vgg19": 512, "efficientnet-lite0": 320, "clip": 768, "vggish": 128, "aisfx": 512, "ast": 768}
SPECTRA = 100                                              # of AST in a second


class ClipMaps(nn.Module):
    """What CLIP's image encoder, a `CLIPVisionModel`, says of each patch of a picture, pooled to a map of 7x7."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        scale = torch.tensor(DEVIATION) / torch.tensor(CLIP_DEVIATION)
        shift = (torch.tensor(MEAN) - torch.tensor(CLIP_MEAN)) / torch.tensor(CLIP_DEVIATION)
        self.register_buffer("scale", scale.view(3, 1, 1))
        self.register_buffer("shift", shift.view(3, 1, 1))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures (B,3,224,224), normalised as ImageNet's are, to maps (B,D,7,7); D is 768 of ViT-B."""
        tokens = self.model(pixel_values=pictures * self.scale + self.shift).last_hidden_state[:, 1:]    # no class
        side = round(tokens.shape[1]**0.5)
        maps = tokens.mT.unflatten(-1, (side, side))       # patches go row by row
        return nn.functional.adaptive_avg_pool2d(maps, GRID)


class AstSeconds(nn.Module):
    """What AST (`ASTModel`), a transformer over ten seconds' spectrogram, says of each second's patches, their mean."""

    def __init__(self, model: nn.Module, front: Callable):
        super().__init__()
        self.model, self.front = model, front

    def examples(self, waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        """Spectrogram (1,frames,bands) float32 of a waveform (samples,) of ten seconds; a hundred frames a second."""
        sound = resample(np.asarray(waveform, np.float64), sample_rate).astype(np.float32)
        return np.asarray(self.front(sound, sampling_rate=SAMPLE_RATE, return_tensors="np")["input_values"])

    def forward(self, examples: torch.Tensor) -> torch.Tensor:
        """The spectrogram of `examples` to (10,D); D is 768."""
        config = self.model.config
        tokens = self.model(input_values=examples).last_hidden_state[0, 2:]        # without its two class tokens
        bands = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
        steps = tokens.unflatten(0, (bands, -1)).mean(0)                           # (time,D); bands come first
        each = SPECTRA // config.time_stride                                       # steps of a second
        return steps[:10 * each].unflatten(0, (10, each)).mean(1)


def _published(network: type[nn.Module], weights: published.Weights, folder: Path | None) -> nn.Module:
    return published.load(network, published.fetch(weights, folder), weights)


# From the folder of weights; those of `transformers` lie elsewhere.
VISUAL = {
    "vgg19": lambda *where: _published(VGG19, published.VGG19, *where),
    "efficientnet-lite0": lambda *where: _published(EfficientNetLite0, published.EFFICIENTNET, *where),
    "clip": lambda *where: ClipMaps(_pretrained("CLIPVisionModel", CLIP)),
}
AUDIO = {
    "vggish": lambda *where: _published(VGGish, published.VGGISH, *where),
    "aisfx": lambda *where: _published(AiSfx, published.AISFX, *where),
    "ast": lambda *where: AstSeconds(_pretrained("ASTModel", AST), _pretrained("ASTFeatureExtractor", AST)),
}


def _pretrained(kind: str, name: str) -> object:
    """A class of `transformers` with its published weights or settings; VscgError if it or they cannot be had."""
    try:
        import transformers
    except ImportError as error:
        raise VscgError(f"the encoder {name} needs transformers, which is not installed: in the checkout, "
                        "pip install -e '.[encoders]'") from error
    try:
        found = getattr(transformers, kind).from_pretrained(name)
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())[:300]
        raise VscgError(f"the encoder {name} cannot be loaded ({why}): check the network, or fetch it on another "
                        "machine and copy its cache, as the page on your own clips says") from error
    return found.eval().requires_grad_(False) if isinstance(found, nn.Module) else found
