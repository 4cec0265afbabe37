"""EfficientNet-Lite0: its padding by hand, its layers, and the published weights against the package they come from."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vscg.features import weights
from vscg.features.efficientnet import CLASSES, SCALE, SHIFT, Block, Conv, EfficientNetLite0, recognised
from vscg.features.vgg19 import DEVIATION, MEAN, visual_features

needs_weights = pytest.mark.skipif(not weights.present(weights.EFFICIENTNET), reason="its weights are not here")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = EfficientNetLite0()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0                          # as after training: what a picture changes does not fade
    with torch.no_grad():
        network.scores(network(torch.rand(4, 3, 224, 224)))
    return network.eval()


@pytest.mark.parametrize("kernel, stride, before, behind", [(3, 1, 1, 1), (3, 2, 0, 1), (5, 1, 2, 2), (5, 2, 1, 2),
                                                            (1, 1, 0, 0)])
def test_padding_is_tensorflows(kernel, stride, before, behind):
    conv, picture = Conv(1, 1, kernel, stride), torch.rand(1, 1, 8, 8)
    padded, taps = np.pad(picture[0, 0].numpy(), (before, behind)), conv.weight[0, 0].detach().numpy()
    expected = [[(padded[r:r + kernel, c:c + kernel] * taps).sum() for c in range(0, 8, stride)]
                for r in range(0, 8, stride)]
    np.testing.assert_allclose(conv(picture)[0, 0].detach(), expected, atol=1e-6)


def test_a_block_adds_what_came_in_only_where_it_can():
    torch.manual_seed(1)
    maps = torch.rand(1, 8, 8, 8)
    for block, skips in ((Block(8, 3, 1, 6, 8), True), (Block(8, 3, 2, 6, 8), False), (Block(8, 3, 1, 6, 4), False)):
        block = block.eval()
        torch.nn.init.zeros_(block._project_conv.weight)
        assert torch.equal(block(maps), maps) if skips else not block(maps).any()


def test_layers_are_those_of_the_published_weights(network):
    state = network.state_dict()
    assert len(state) == 296 and sum(values.numel() for values in network.parameters()) == 4_652_008
    assert tuple(state["_blocks.15._project_conv.weight"].shape) == (320, 1152, 1, 1)
    assert "_blocks.0._expand_conv.weight" not in state and "_blocks.1._expand_conv.weight" in state
    assert [tuple(state[f"_blocks.{number}._depthwise_conv.weight"].shape[2:]) for number in range(16)] == [
        (k, k) for k in (3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3)]


def test_pictures_become_maps_whose_regions_lie_where_the_picture_does(network):
    dark = np.full((1, 1, 224, 224, 3), 90, np.uint8)
    lit = dark.copy()
    lit[:, :, 16:80, 144:208] = 255
    before, after = visual_features(network, dark), visual_features(network, lit)
    assert after.shape == (1, 7, 7, 320) and after.dtype == np.float32
    change = np.abs(after - before).sum(-1)[0]
    assert np.unravel_index(change.argmax(), change.shape) in {(r, c) for r in (0, 1, 2) for c in (4, 5, 6)}


def test_scores_are_of_the_mean_over_the_widened_map(network):
    maps = torch.randn(2, 320, 7, 7)
    with torch.no_grad():
        wide = F.relu6(network._bn1(torch.einsum("oi,bihw->bohw", network._conv_head.weight[:, :, 0, 0], maps)))
        np.testing.assert_allclose(network.scores(maps), network._fc(wide.flatten(2).mean(2)), atol=1e-5)


def test_names_and_order_of_what_is_recognised(network):
    assert len(CLASSES) == 1000 and (CLASSES[0], CLASSES[151], CLASSES[340], CLASSES[999]) == (
        "tench", "Chihuahua", "zebra", "toilet tissue")
    frames = np.random.default_rng(0).integers(0, 256, (3, 7, 7, 3), np.uint8).repeat(32, 1).repeat(32, 2)
    found = recognised(network, frames, most=2)
    assert [len(each) for each in found] == [2, 2, 2] and found[0][0][1] >= found[0][1][1] > 0
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
    pictures = (torch.from_numpy(frames).permute(0, 3, 1, 2) / 255 - mean) / deviation
    with torch.no_grad():
        top = network.scores(network(pictures)).softmax(1).max(1)
    assert [each[0][0] for each in found] == [CLASSES[i] for i in top.indices]
    np.testing.assert_allclose([each[0][1] for each in found], top.values, rtol=1e-3)


@needs_weights
def test_the_published_weights_give_what_the_package_that_names_them_gives():
    """Computed with efficientnet-lite-pytorch 0.1.0 from the same weights."""
    network = weights.load(EfficientNetLite0, weights.fetch(weights.EFFICIENTNET), weights.EFFICIENTNET)
    pictures = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        scores = network.scores(network((pictures - SHIFT) / SCALE))
    np.testing.assert_allclose(scores[:, :6], [[-2.91287, 0.20424, 0.90915, -0.21028, 0.95900, -1.07595],
                                               [-2.75310, 0.22312, 1.05825, -0.16166, 1.06514, -1.00746]], atol=3e-5)
    assert scores.argmax(1).tolist() == [21, 21]


COLOUR = np.zeros((1, 1, 224, 224, 3), np.uint8) + np.array([255, 127, 0], np.uint8)


def test_efficientnet_gets_pictures_from_minus_one_to_one_red_first():
    network, seen_there = EfficientNetLite0().eval(), []
    network._conv_stem.register_forward_pre_hook(lambda layer, inputs: seen_there.append(inputs[0]))
    visual_features(network, COLOUR)
    assert seen_there[0][0, :, 5, 9].tolist() == pytest.approx([1, 0, -127 / 128], abs=1e-5)
