"""VGG-19: torchvision's names, the slow way to the same numbers, and the mean over a second's pictures."""
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from vscg.features.vgg19 import DEVIATION, MEAN, VGG19, visual_features

CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)    # torchvision's numbers


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = VGG19().eval()
    for weight in network.parameters():
        if weight.ndim > 1:
            nn.init.kaiming_normal_(weight)                # else hardly anything of the picture reaches the end
    return network


def test_names_and_sizes_are_torchvisions(network):
    state = network.state_dict()
    assert list(state) == [f"features.{number}.{part}" for number in CONVOLUTIONS for part in ("weight", "bias")]
    assert state["features.0.weight"].shape == (64, 3, 3, 3) and state["features.34.weight"].shape == (512, 512, 3, 3)
    assert sum(values.numel() for values in state.values()) == 20_024_384


def test_agrees_with_the_layers_one_by_one(network):
    picture = torch.randn(1, 3, 64, 64)
    expected = picture
    for number in CONVOLUTIONS:
        weight, bias = (network.state_dict()[f"features.{number}.{part}"] for part in ("weight", "bias"))
        expected = functional.conv2d(expected, weight, bias, padding=1).clamp_min(0)
        if number in (2, 7, 16, 25, 34):
            expected = functional.max_pool2d(expected, 2, 2)
    with torch.inference_mode():
        found = network(picture)
    assert found.shape == (1, 512, 2, 2) and (found >= 0).all() and found.std() > 0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_pictures_are_normalised_and_averaged():
    network = nn.Conv2d(3, 4, 1, bias=False)               # passes red, green, blue and their sum
    network.weight.data = torch.cat([torch.eye(3), torch.ones(1, 3)])[..., None, None]
    frames = np.random.default_rng(0).integers(0, 256, (3, 16, 7, 7, 3), np.uint8)
    normal = ((frames / 255 - MEAN) / DEVIATION).mean(1)
    expected = np.concatenate([normal, normal.sum(-1, keepdims=True)], -1)
    np.testing.assert_allclose(visual_features(network, frames), expected, atol=1e-5)
