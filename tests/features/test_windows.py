"""Windows of clips: what is filled with silence, what is padded, and what a second call may keep."""

import numpy as np
import pytest

from tests.features.test_extract import Heard, Seen, Stopping, run
from tests.media import compose, tone, write_clip
from vscg.errors import VscgError
from vscg.features.networks import Networks
from vscg.features.video import read_windows
from vscg.models import build_model
from vscg.predict import watch


def test_a_hole_in_the_sound_is_silence(tmp_path):
    sound, hole = tone(10, 8000), range(24_000, 40_000)                # nothing from 3 to 5 s
    window, = read_windows(compose(tmp_path / "clip.mkv", [n / 4 for n in range(40)], [(sound, 0)], hole=hole))
    expected = sound[0] / 32768
    expected[hole] = 0
    np.testing.assert_allclose(window.waveform, expected, atol=1e-6)


def test_kept_windows_are_of_one_choice_of_padding(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    write_clip(folder / "a.mkv", seconds=24, fps=4)
    write_clip(folder / "b.mkv", fps=4)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out.h5", Networks(Stopping(25), Heard()))
    ids = run(folder, tmp_path / "out.h5", Networks(Seen(), Heard()), pad=True).video_ids
    assert ids == ("a.mkv@0s", "a.mkv@10s", "a.mkv@20s", "b.mkv@0s")


def test_a_short_clip_is_watched_if_it_is_padded(tmp_path):
    clip, networks = write_clip(tmp_path / "clip.mkv", seconds=4, fps=4), Networks(Seen(), Heard())
    model = build_model("avel").eval()
    with pytest.raises(VscgError, match="too short"):
        next(watch(clip, model, networks))
    (watched,) = watch(clip, model, networks, pad=True)
    assert [second["padded"] for second in watched.seconds()] == [False] * 4 + [True] * 6


def test_the_identity_of_networks_has_both():
    other = Heard()
    other.factor.data.fill_(2.0)
    prints = {Networks(*pair).fingerprint() for pair in ((Seen(), Heard()), (Seen(2.0), Heard()), (Seen(), other))}
    assert len(prints) == 3 and Networks(Seen(), Heard()).fingerprint() in prints
