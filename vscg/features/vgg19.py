"""VGG-19 up to its last pooling (Simonyan and Zisserman, 2015): the visual features, under torchvision's key names."""
import numpy as np
import torch
from torch import nn

PLAN = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, 256, "pool", 512, 512, 512, 512, "pool",
        512, 512, 512, 512, "pool")                        # channels of each 3x3 convolution
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)     # of ImageNet's pictures, RGB in 0..1


def conv_stack(plan: tuple, channels: int) -> nn.Sequential:
    """3x3 convolutions with ReLU, and 2x2 poolings, as `plan` lists them; `channels` come in."""
    layers: list[nn.Module] = []
    for step in plan:
        if step == "pool":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, step, 3, padding=1), nn.ReLU(inplace=True)]
            channels = step
    return nn.Sequential(*layers)


class VGG19(nn.Module):
    """The 16 convolutions of VGG-19; its three fully connected layers are not needed."""

    def __init__(self):
        super().__init__()
        self.features = conv_stack(PLAN, 3)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Normalised pictures (B,3,224,224) to maps (B,512,7,7), not negative; side lengths 32 n give maps of n."""
        return self.features(pictures)


@torch.inference_mode()
def visual_features(network: nn.Module, frames: np.ndarray) -> np.ndarray:
    """The visual features (seconds,7,7,D) float32 of whole seconds: each the mean over the maps of its pictures.

    The network, `VGG19` (D is 512) or another from (B,3,224,224) to (B,D,7,7), runs where its parameters are; `frames`
    are (seconds,pictures,224,224,3) uint8 RGB, which go through it as one batch.
    """
    parameter = next(network.parameters())
    mean, deviation = (torch.tensor(values, device=parameter.device).view(3, 1, 1) for values in (MEAN, DEVIATION))
    pictures = torch.from_numpy(np.ascontiguousarray(frames)).to(parameter.device).flatten(0, 1).permute(0, 3, 1, 2)
    maps = network((pictures / 255 - mean) / deviation)    # (seconds * pictures, D, 7, 7)
    return maps.unflatten(0, frames.shape[:2]).mean(1).permute(0, 2, 3, 1).contiguous().cpu().numpy()
