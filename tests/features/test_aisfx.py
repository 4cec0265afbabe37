"""aiSFX: its spectra by hand, its layers, and the published weights against the package they come from."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vscg.features import weights
from vscg.features.aisfx import GAIN, LARGEST, SAMPLE_RATE, AiSfx, log_mel
from vscg.features.vggish import audio_features

needs_weights = pytest.mark.skipif(not weights.present(weights.AISFX), reason="the weights are not in data/weights")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return AiSfx().eval()


def test_a_spectrum_by_hand():
    sound = np.random.default_rng(0).standard_normal(3 * 1024) * 0.1
    power = np.abs(np.fft.rfft(sound[1024:] * np.hanning(2049)[:-1])) ** 2
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 22050 / 700), 98) / 2595) - 1)
    hertz = np.arange(1025) * 44100 / 2048
    for band in (0, 40, 95):
        triangle = np.interp(hertz, edges[band:band + 3], [0, 1, 0], left=0, right=0)
        expected = np.log10(1 + GAIN * (power * triangle).sum() / triangle.sum()) / LARGEST
        assert abs(log_mel(sound)[1, band] - expected) < 1e-6
    assert log_mel(sound).shape == (2, 96) and not log_mel(np.zeros(2048)).any()


def test_spectra_are_those_of_the_package():
    """Computed with aisfx 0.1.2 and its librosa front end, which centres its spectra: the third begins at 4 x 1024."""
    sound = (np.random.default_rng(0).standard_normal(SAMPLE_RATE * 5) * 0.1).astype(np.float32)
    found = log_mel(np.pad(sound.astype(np.float64), 1024))
    np.testing.assert_allclose(found[[5, 100, 200]][:, [0, 10, 50, 95]].T, [
        [0.571170, 0.496568, 0.546924], [0.592580, 0.627112, 0.566588], [0.581650, 0.570705, 0.568185],
        [0.587224, 0.581721, 0.580818]], atol=3e-6)


@pytest.mark.parametrize("rate", [44_100, 22_050, 48_000])
def test_each_second_is_heard_by_itself(network, rate):
    wave = np.zeros(10 * rate)
    silent = audio_features(network, wave, rate)
    wave[4 * rate + rate // 3:4 * rate + rate // 3 + 5000] = np.random.default_rng(0).uniform(-0.5, 0.5, 5000)
    found = audio_features(network, wave, rate)
    assert found.shape == (10, 512) and found.dtype == np.float32 and found.min() >= 0
    changed = np.abs(found - silent).max(1) > 1e-6
    assert changed.tolist() == [second == 4 for second in range(10)]


def test_a_second_is_repeated_until_the_block_is_full(network):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, SAMPLE_RATE)
    block = np.tile(wave, 3)[:99 * 1024 + 2048]
    np.testing.assert_array_equal(network.examples(wave, SAMPLE_RATE), log_mel(block)[None])


def test_layers_and_their_order(network):
    state = network.state_dict()
    assert len(state) == 48 and tuple(state["conv_block4.conv2.weight"].shape) == (512, 512, 3, 3)
    example = torch.rand(2, 100, 96)
    with torch.no_grad():
        maps = example[:, None]
        for number in range(1, 5):
            block = getattr(network, f"conv_block{number}")
            for conv, norm in ((block.conv1, block.bn1), (block.conv2, block.bn2)):
                maps = F.relu(norm(F.conv2d(maps, conv.weight, padding=1)))
            maps = F.max_pool2d(maps, 2) if number < 4 else maps
        expected = maps.sum(3).div(maps.shape[3]).max(2).values
        np.testing.assert_allclose(network(example), expected, atol=1e-6)


@needs_weights
def test_the_published_weights_give_what_the_package_gives():
    """Computed with aisfx 0.1.2's own network."""
    network = weights.load(AiSfx, weights.fetch(weights.AISFX), weights.AISFX)
    with torch.no_grad():
        found = network(torch.rand(2, 100, 96, generator=torch.Generator().manual_seed(0)))
    np.testing.assert_allclose(found[:, :6], [
        [7.097383, 8.807541, 7.372709, 9.398979, 6.251066, 17.979445],
        [7.145260, 9.012357, 7.626486, 9.286561, 5.789325, 18.060469]], atol=1e-4)
