"""EfficientNet-Lite0 (Tan and Le, 2019, in the form for small devices), under the key names of its PyTorch port.

No squeeze and excitation, ReLU6: 4.7 million weights, 17 MB, trained on ImageNet. Channels last halve its time.
"""
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from vscg.features.vgg19 import DEVIATION, MEAN, visual_features

# Of each stage: kernel, stride, how many times wider inside, channels, blocks.
PLAN = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4),
        (3, 1, 6, 320, 1))
STEM, HEAD = 32, 1280
CLASSES = Path(__file__).with_name("imagenet.txt").read_text(encoding="utf-8").splitlines()      # ImageNet's, in order
EPSILON = 1e-3                                             # of batch normalisation, TensorFlow's
# It was trained on pictures of -1 to 1, (value - 127) / 128; here they come normalised as VGG-19's.
SCALE, SHIFT = (torch.tensor(values).view(3, 1, 1) for values in (
    [deviation * 255 / 128 for deviation in DEVIATION], [(mean * 255 - 127) / 128 for mean in MEAN]))


class Conv(nn.Conv2d):
    """A convolution that pads as TensorFlow does: with stride 2 one row and column less before than behind."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__(channels, out, kernel, stride, groups=groups, bias=False)
        total = kernel - stride                            # for sides that the stride divides
        self.before, self.behind = total // 2, total - total // 2

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return super().forward(F.pad(maps, (self.before, self.behind) * 2))


class Block(nn.Module):
    """An inverted bottleneck: wider by a 1x1 convolution, a convolution in each channel, narrow again."""

    def __init__(self, channels: int, kernel: int, stride: int, wider: int, out: int):
        super().__init__()
        inside = channels * wider
        if wider > 1:
            self._expand_conv, self._bn0 = Conv(channels, inside, 1), nn.BatchNorm2d(inside, EPSILON)
        self._depthwise_conv, self._bn1 = Conv(inside, inside, kernel, stride, inside), nn.BatchNorm2d(inside, EPSILON)
        self._project_conv, self._bn2 = Conv(inside, out, 1), nn.BatchNorm2d(out, EPSILON)
        self.wider, self.skips = wider > 1, stride == 1 and channels == out

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        inside = F.relu6(self._bn0(self._expand_conv(maps))) if self.wider else maps
        inside = F.relu6(self._bn1(self._depthwise_conv(inside)))
        out = self._bn2(self._project_conv(inside))
        return out + maps if self.skips else out


class EfficientNetLite0(nn.Module):
    """The maps of the last block, and from them the scores of ImageNet's classes.

    The layer in between, a 1x1 convolution, only makes the 320 channels 1280 before the mean over the map is taken. The
    maps are taken before it: systems whose layers are as wide as the maps' channels would cost sixteen times as much.
    """

    def __init__(self):
        super().__init__()
        self._conv_stem, self._bn0 = Conv(3, STEM, 3, 2), nn.BatchNorm2d(STEM, EPSILON)
        channels, blocks = STEM, []
        for kernel, stride, wider, out, count in PLAN:
            for number in range(count):
                blocks.append(Block(channels, kernel, 1 if number else stride, wider, out))
                channels = out
        self._blocks = nn.Sequential(*blocks)
        self._conv_head, self._bn1 = Conv(channels, HEAD, 1), nn.BatchNorm2d(HEAD, EPSILON)
        self._fc = nn.Linear(HEAD, len(CLASSES))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures (B,3,224,224), normalised as VGG-19's are, to maps (B,320,7,7), which can be negative."""
        pictures = (pictures * SCALE.to(pictures) + SHIFT.to(pictures)).contiguous(memory_format=torch.channels_last)
        maps = F.relu6(self._bn0(self._conv_stem(pictures)))
        return self._blocks(maps)

    def scores(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps (B,320,h,w) to the scores (B,1000) of ImageNet's classes, before the softmax; names: `CLASSES`."""
        return self._fc(F.relu6(self._bn1(self._conv_head(maps))).mean((2, 3)))


@torch.inference_mode()
def recognised(network: EfficientNetLite0, frames: np.ndarray, most: int = 3) -> list[list[tuple[str, float]]]:
    """Of each frame (N,224,224,3), uint8 RGB, `most` likeliest ImageNet classes, probabilities; network on the CPU."""
    maps = torch.from_numpy(visual_features(network, frames[:, None])).permute(0, 3, 1, 2)
    top = network.scores(maps).softmax(1).topk(most)
    return [[(CLASSES[i], p) for p, i in zip(*both, strict=True)]
            for both in zip(top.values.tolist(), top.indices.tolist(), strict=True)]
