"""VGGish (Hershey et al., 2017): the log-mel front end in numpy, and the network under its PyTorch port's key names."""
from math import gcd

import numpy as np
import torch
from torch import nn

from vscg.data.labels import AUDIO_DIM
from vscg.errors import VscgError
from vscg.features.vgg19 import conv_stack

SAMPLE_RATE = 16_000                                       # Hz
WINDOW, HOP, FFT = 400, 160, 512                           # samples: 25 ms, 10 ms, and the next power of two
BANDS, LOWEST, HIGHEST = 64, 125.0, 7500.0                 # mel bands, and their range in Hz
OFFSET = 0.01                                              # added before the logarithm
FRAMES = 96                                                # spectra in an example: 0.96 s
PLAN = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool")
ZEROS, ROLLOFF, BETA = 64, 0.9475937167399596, 14.769656459379492  # of the filter when resampling: "kaiser best"


def log_mel_examples(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """What VGGish looks at: log-mel spectrograms, one example for each second, by the reference front end.

    Magnitude spectra (periodic Hann window of 25 ms every 10 ms), summed into 64 triangular bands that are evenly
    spaced on the HTK mel scale and not normalised, then log(mel + 0.01). As in the reference, and so in AVE's files,
    examples of 96 spectra follow each other without a gap: example k begins at 0.96 k s, so that the tenth ends at
    9.6 s. Up to 24 whole seconds have an example each, more have more; ten-second windows have exactly ten.

    `waveform` is (samples,) or (samples, channels), floats in -1..1, of which the mean is taken; another `sample_rate`
    than 16,000 Hz is resampled. Returns (examples, 96, 64) float32: example, time, band; none for less than 0.975 s.
    Raises VscgError: integers, values that are no numbers, a wrong shape, or a sample rate that is no whole number
    above 0.
    """
    waveform = np.asarray(waveform)
    if waveform.dtype.kind != "f" or waveform.ndim not in (1, 2) or not np.isfinite(waveform).all():
        raise VscgError(f"waveform: {waveform.dtype} of shape {waveform.shape}, expected finite floats in -1..1, "
                        "(samples,) or (samples, channels); divide 16-bit integers by 32768")
    if sample_rate != int(sample_rate) or sample_rate <= 0:
        raise VscgError(f"sample_rate: {sample_rate!r}, expected a whole number of Hz above 0")
    waveform = waveform.astype(np.float64)
    waveform = resample(waveform.mean(1) if waveform.ndim == 2 else waveform, int(sample_rate))
    if len(waveform) < WINDOW:
        return np.zeros((0, FRAMES, BANDS), np.float32)
    pieces = np.lib.stride_tricks.sliding_window_view(waveform, WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi / WINDOW * np.arange(WINDOW))
    count = len(pieces) // FRAMES
    examples = np.empty((count, FRAMES, BANDS), np.float32)
    for example in range(count):                           # one at a time: the spectra of an hour would be 1.5 GB
        spectra = np.abs(np.fft.rfft(pieces[example * FRAMES:(example + 1) * FRAMES] * hann, FFT))
        examples[example] = np.log(spectra @ _BANDS + OFFSET)
    return examples


def triangles(bins: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Weights (bins,bands) from spectrum to bands: band k rises from edge k to 1 at k + 1 and falls to 0 at k + 2."""
    lower, centre, upper, bins = edges[:-2], edges[1:-1], edges[2:], bins[:, None]
    return np.maximum(0, np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)))


def _mel(hertz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log(1.0 + hertz / 700.0)


# Weights (257,64) from spectrum to bands: triangles on the mel scale; the constant part is in none.
_BANDS = triangles(_mel(np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)),
                   np.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2))
_BANDS[0] = 0


def resample(waveform: np.ndarray, sample_rate: int, wanted: int = SAMPLE_RATE) -> np.ndarray:
    """A mono waveform (samples,) at `wanted` Hz: band-limited interpolation with a Kaiser-windowed sinc.

    The filter is the one that the reference uses, 64 zero crossings wide; beyond its ends the sound is silent.
    Returns float64, or the waveform itself if it has that rate.
    """
    common = gcd(sample_rate, wanted)
    up, down = wanted // common, sample_rate // common
    if up == down:
        return waveform
    from scipy.signal import resample_poly  # not at the top: it takes half a second that no other command needs
    wide = max(up, down)                                   # the pass band must fit into both sample rates
    taps = np.kaiser(2 * ZEROS * wide + 1, BETA) * np.sinc(ROLLOFF * np.linspace(-ZEROS, ZEROS, 2 * ZEROS * wide + 1))
    return resample_poly(waveform, up, down, window=ROLLOFF / wide * taps)[:len(waveform) * up // down]


class VGGish(nn.Module):
    """Four stages of convolution, then three fully connected layers, each with a ReLU: no PCA, no quantisation."""

    def __init__(self):
        super().__init__()
        self.features = conv_stack(PLAN, 1)
        self.embeddings = nn.Sequential(nn.Linear(6 * 4 * 512, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(),
                                        nn.Linear(4096, AUDIO_DIM), nn.ReLU())

    def forward(self, examples: torch.Tensor) -> torch.Tensor:
        """Log-mel examples (B,96,64) to embeddings (B,128), not negative."""
        maps = self.features(examples[:, None])            # (B,512,6,4)
        return self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))    # time, band, channel: the reference's order


@torch.inference_mode()
def audio_features(network: nn.Module, waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """The audio features of each second (seconds,D) float32, by a network from examples to (B,D); VGGish's D is 128.

    It runs where its parameters are, on what `log_mel_examples` or a method `examples` of its own makes of the sound.
    """
    examples = getattr(network, "examples", log_mel_examples)(waveform, sample_rate)
    return network(torch.from_numpy(examples).to(next(network.parameters()).device)).cpu().numpy()
