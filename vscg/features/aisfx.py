"""aiSFX (Ma and Lerch, 2022), a network for sound effects: its front end in numpy, its layers under their key names.

The published model hears blocks of 2.3 s; here each second, repeated until a block is full, is heard by itself.
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from vscg.features.vggish import resample, triangles

SAMPLE_RATE = 44_100                                       # Hz
WINDOW, HOP, FRAMES = 2048, 1024, 100                      # samples of a spectrum and between two; spectra in a block
BANDS = 96                                                 # mel bands, from 0 Hz to half the sample rate
GAIN, LARGEST = 44_660.0, 9.4577825                        # log10(1 + GAIN power) / LARGEST; measured on its output
CHANNELS = (64, 128, 256, 512)


class ConvBlock(nn.Module):
    """Two 3x3 convolutions, each with batch normalisation and ReLU."""

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(maps))))))


class AiSfx(nn.Module):
    """Four blocks of convolutions, then the mean over frequency and the maximum over time."""

    def __init__(self):
        super().__init__()
        self.conv_block1, self.conv_block2, self.conv_block3, self.conv_block4 = (
            ConvBlock(channels, out) for channels, out in zip((1, *CHANNELS), CHANNELS, strict=False))

    def examples(self, waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        """Log-mel spectra (seconds,100,96) float32 of a waveform (samples,), an example for each whole second.

        ValueError for less than one.
        """
        sound = resample(np.asarray(waveform, np.float64), sample_rate, SAMPLE_RATE)
        seconds = sound[:len(sound) // SAMPLE_RATE * SAMPLE_RATE].reshape(-1, SAMPLE_RATE)
        blocks = seconds[:, np.arange((FRAMES - 1) * HOP + WINDOW) % SAMPLE_RATE]
        return np.stack([log_mel(block) for block in blocks])

    def forward(self, examples: torch.Tensor) -> torch.Tensor:
        """Log-mel spectra (B,100,96) to embeddings (B,512), not negative."""
        maps = F.max_pool2d(self.conv_block1(examples[:, None]), 2)
        maps = F.max_pool2d(self.conv_block2(maps), 2)
        maps = F.max_pool2d(self.conv_block3(maps), 2)
        return self.conv_block4(maps).mean(3).amax(2)


def log_mel(sound: np.ndarray) -> np.ndarray:
    """Log-mel spectra (frames,96) float32 of sound (samples,) at 44.1 kHz; frame k begins at sample 1024 k."""
    pieces = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi / WINDOW * np.arange(WINDOW))
    power = np.abs(np.fft.rfft(pieces * hann)) ** 2
    return (np.log10(1 + GAIN * power @ _WEIGHTS) / LARGEST).astype(np.float32)


# Weights (1025,96) from spectrum to bands: triangles in Hz, their edges on the HTK mel scale, each of sum 1.
_EDGES = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE / 1400), BANDS + 2) / 2595) - 1)
_WEIGHTS = triangles(np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1), _EDGES)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum(0)
