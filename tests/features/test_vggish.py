"""VGGish: the front end against the reference's output and a slow version, resampling, and the network's names."""
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from tests import media
from vscg.errors import VscgError
from vscg.features.vggish import OFFSET, VGGish, log_mel_examples, resample

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden" / "vggish_logmel.npz"


def sine(hertz: float, rate: int, seconds: float = 2.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


@pytest.mark.skipif(not GOLDEN.is_file(), reason="the reference's log-mel is not on this machine")
def test_agrees_with_the_reference():
    with av.open(str(media.SHARED / "vggish_test.wav")) as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    found, expected = log_mel_examples(samples / 32768, 16000), np.load(GOLDEN)["examples"]
    assert found.shape == expected.shape == (4, 96, 64) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_agrees_with_a_slow_version():
    waveform = np.random.default_rng(0).normal(0, 0.1, 17_000)
    found = log_mel_examples(waveform, 16000)
    assert found.shape == (1, 96, 64)
    mel = lambda hertz: 1127 * np.log(1 + hertz / 700)     # noqa: E731
    edges = np.linspace(mel(125), mel(7500), 66)
    for frame in (0, 50, 95):
        piece = waveform[160 * frame:160 * frame + 400] * (1 - np.cos(2 * np.pi * np.arange(400) / 400)) / 2
        for band in (0, 20, 63):
            lower, centre, upper = edges[band:band + 3]
            total = 0.0
            for k in range(1, 257):
                here = mel(k * 16000 / 512)
                weight = max(0, min((here - lower) / (centre - lower), (upper - here) / (upper - centre)))
                total += weight * abs(np.sum(piece * np.exp(-2j * np.pi * k * np.arange(400) / 512)))
            assert found[0, frame, band] == pytest.approx(np.log(total + 0.01), abs=1e-5)


def test_silence_lengths_and_channels():
    np.testing.assert_allclose(log_mel_examples(np.zeros(160_000), 16000), np.full((10, 96, 64), np.log(OFFSET)),
                               rtol=1e-6)
    assert [len(log_mel_examples(np.zeros(count, np.float32), 16000)) for count in (0, 399, 15599, 15600, 160_000)
            ] == [0, 0, 0, 1, 10]
    both = np.stack([sine(440, 16000), sine(900, 16000)], 1)
    np.testing.assert_array_equal(log_mel_examples(both, 16000), log_mel_examples(both.mean(1), 16000))


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
def test_resampling_keeps_a_tone(rate):
    found, expected = resample(sine(1000, rate), rate), sine(1000, 16000)
    assert len(found) == len(sine(1000, rate)) * 16000 // rate
    inner = slice(2000, 29_000)                            # away from the silence around
    np.testing.assert_allclose(found[inner], expected[inner], atol=1e-3)


def test_resampling_removes_what_does_not_fit():
    assert np.abs(resample(sine(10_000, 48000), 48000)[500:-500]).max() < 1e-3
    assert np.abs(resample(sine(9_000, 44100), 44100)[500:-500]).max() < 1e-3
    with_resampling, without = log_mel_examples(sine(1000, 48000), 48000), log_mel_examples(sine(1000, 16000), 16000)
    assert np.abs(with_resampling - without)[:, 5:-5].max() < 0.05


@pytest.mark.parametrize("waveform, rate, fault", [
    (np.zeros(16000, np.int16), 16000, "int16 .* divide"), (np.zeros((2, 2, 2)), 16000, "shape"),
    (np.full(16000, np.nan), 16000, "finite"), (np.zeros(16000), 0, "sample_rate: 0"),
    (np.zeros(16000), 16000.5, "sample_rate: 16000.5")])
def test_wrong_input(waveform, rate, fault):
    with pytest.raises(VscgError, match=fault):
        log_mel_examples(waveform, rate)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return VGGish().eval()


def test_names_and_sizes_are_the_ports(network):
    state = network.state_dict()
    names = [f"features.{number}" for number in (0, 3, 6, 8, 11, 13)] + [f"embeddings.{number}" for number in (0, 2, 4)]
    assert list(state) == [f"{name}.{part}" for name in names for part in ("weight", "bias")]
    assert state["features.0.weight"].shape == (64, 1, 3, 3) and state["embeddings.0.weight"].shape == (4096, 12288)
    assert state["embeddings.4.weight"].shape == (128, 4096)


def test_maps_are_flattened_channels_last_and_embeddings_are_not_negative(network):
    examples = torch.randn(2, 96, 64)
    with torch.inference_mode():
        maps = network.features(examples[:, None]).numpy()
        found = network(examples).numpy()
    assert maps.shape == (2, 512, 6, 4)
    values = np.stack([np.concatenate([maps[b, :, t, f] for t in range(6) for f in range(4)]) for b in range(2)])
    for number in (0, 2, 4):
        layer = network.embeddings[number]
        values = np.maximum(values @ layer.weight.detach().numpy().T + layer.bias.detach().numpy(), 0)
    np.testing.assert_allclose(found, values, atol=1e-5)
    assert found.shape == (2, 128) and (found > 0).any() and (found >= 0).all()
