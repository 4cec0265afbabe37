"""Composed clips: masks counted by hand, what is heard when, splits, and the way into a prepared file."""
import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from vscg.data.prepared import read_prepared
from vscg.features import composed
from vscg.features.aisfx import SAMPLE_RATE, AiSfx
from vscg.features.composed import Clip, Dials, Thing, compose
from vscg.features.efficientnet import EfficientNetLite0
from vscg.features.networks import Networks, window_features

DIALS = Dials(train=1, val=1, test=1)


def thing(side, begin, end=None, colour=1.0):
    """A square of one colour, opaque."""
    pixels = np.full((side, side, 4), colour, np.float32)
    pixels[..., 3] = 1
    begin = np.array(begin, float)
    return Thing(0, pixels, begin, begin if end is None else np.array(end, float))


def clip(*things, layers=None, seen=None):
    everywhere = np.ones(10, bool)
    return Clip(np.zeros((224, 224, 3), np.float32), things, tuple(layers or range(len(things))),
                everywhere if seen is None else seen, everywhere, np.zeros(10 * SAMPLE_RATE, np.float32))


def test_28_photographs_each_with_its_recording_under_a_licence():
    assert len(composed.NAMES) == 28 == composed.DIMS.events
    names = {path.name for path in composed.STAMPS.iterdir()}
    assert names == {f"{name}.{kind}" for name in composed.NAMES for kind in ("png", "ogg")} | {"COPYING", "ORIGIN.txt"}
    assert "GNU GENERAL PUBLIC LICENSE" in (composed.STAMPS / "COPYING").read_text()
    origin = (composed.STAMPS / "ORIGIN.txt").read_text()
    assert [name for name in composed.NAMES if name not in origin] == []
    assert sum(path.stat().st_size for path in composed.STAMPS.iterdir()) < 1_500_000
    sums = {hashlib.sha256(path.read_bytes()).hexdigest() for path in composed.STAMPS.iterdir()}
    assert len(sums) == len(names), "two files are the same"


def test_regions_by_hand():
    """A square of 64 px with its corner at (32, 64) fills four regions; moved by 16 px it covers six, four by half."""
    found = clip(thing(64, (64, 96))).regions()
    assert found.shape == (10, 1, 7, 7)
    for second in range(10):
        assert np.argwhere(found[second, 0]).tolist() == [[1, 2], [1, 3], [2, 2], [2, 3]]
    found = clip(thing(64, (64, 112))).regions()
    assert np.argwhere(found[0, 0]).tolist() == [[1, 2], [1, 3], [1, 4], [2, 2], [2, 3], [2, 4]]
    small = clip(thing(8, (36, 36))).regions()                 # covers a sixteenth of a region
    assert np.argwhere(small[3, 0]).tolist() == [[1, 1]]


def test_a_thing_moves_evenly_and_is_gone_where_it_is_not_seen():
    seen = np.arange(10) >= 5
    found = clip(thing(32, (16, 16), (16, 176)), seen=seen)
    assert [np.argwhere(regions[0])[0].tolist() for regions in found.regions()[[5, 9]]] == [[0, 2], [0, 4]]
    assert not found.regions()[:5].any() and not found.at(2.5)[0].any()
    picture, _ = found.at(5.0)                                 # halfway: its middle is at column 96
    assert picture[16, 81:111].all() and not picture[16, :79].any() and not picture[16, 113:].any()


def test_what_lies_in_front_hides_what_is_behind():
    behind, front = thing(64, (64, 64), colour=0.5), thing(64, (64, 64), colour=1.0)
    picture, shown = clip(behind, front).at(0.5)
    assert not shown[0].any() and shown[1].sum() == 64 * 64 and picture.max() == 255
    assert not clip(behind, front).regions()[:, 0].any()
    assert clip(behind, front, layers=(1, 0)).at(0.5)[0].max() == 128


def test_pictures_of_a_second_are_taken_at_the_middles_of_its_parts():
    moving = clip(thing(32, (16, 16), (16, 208)))
    window = moving.window(4)
    assert window.frames.shape == (10, 4, 224, 224, 3) and window.sample_rate == SAMPLE_RATE
    np.testing.assert_array_equal(window.frames[3, 2], moving.at(3.625)[0])
    np.testing.assert_array_equal(moving.window().frames[3, 0], moving.at(3.5)[0])


@pytest.mark.parametrize("seed", range(4))
def test_what_is_heard_when(seed):
    """The source's recording is in the sound in the seconds that say so; nothing that is silent ever is."""
    found = compose(np.random.default_rng(seed), replace(DIALS, under=60), 5, 3, 7)
    assert found.seen[3:7].all() and found.heard[3:7].all()
    for part in (slice(0, 3), slice(7, 10)):                   # one kind of background before and one after
        assert len({*found.seen[part].tolist()}) == len({*found.heard[part].tolist()}) == 1
        assert not (found.seen[part] & found.heard[part]).any()
    names = [thing.name for thing in found.things]
    assert names[0] == 5 and len(set(names)) == 1 + DIALS.silent

    def like(name, second):
        """Largest normalised correlation of a second of sound with a recording, at any shift."""
        wave = found.waveform[second * SAMPLE_RATE:(second + 1) * SAMPLE_RATE].astype(float)
        sound = np.tile(composed.recording(name), 1 + 2 * SAMPLE_RATE // len(composed.recording(name)))
        sound, size = sound[:2 * SAMPLE_RATE + len(wave)], 2**18
        products = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(wave, size).conj(), size)
        return products[:2 * SAMPLE_RATE].max() / (np.linalg.norm(wave) * np.linalg.norm(sound[:len(wave)]) + 1e-9)

    assert min(like(5, second) for second in np.flatnonzero(found.heard)) > 0.7
    assert max([like(5, second) for second in np.flatnonzero(~found.heard)], default=0) < 0.5
    assert max(like(name, second) for name in names[1:] for second in range(10)) < 0.5


def test_recordings_are_equally_loud_without_pauses():
    for name in (0, 6, 21):
        sound = composed.recording(name)
        assert abs(np.sqrt((sound**2).mean()) - composed.LOUD) < 1e-6
        pieces = np.sqrt((sound.reshape(-1, 2205) ** 2).mean(1))
        assert pieces.min() > 0.09 * pieces.max()


def test_a_plan_has_every_instance_equally_often_and_events_of_two_to_ten_seconds():
    layout = composed.plan(Dials(), 0)
    for split, number in (("train", 10), ("val", 3), ("test", 3)):
        assert (np.bincount(layout["category"][layout["split"] == split]) == number).all()
    length = layout["end"] - layout["start"]
    assert length.min() == 2 and length.max() == 10 and layout["start"].min() == 0 and layout["end"].max() == 10
    labels = composed.labels_of(layout)
    assert labels.sum() == 10 * len(length) and (labels[..., 28].sum(1) == 10 - length).all()
    assert (labels.argmax(-1)[7, layout["start"][7]]) == layout["category"][7]


def test_clips_depend_on_seed_and_number_alone():
    layout = composed.plan(DIALS, 3)
    one, = composed.draw(DIALS, layout, 3, np.array([40]))
    again = list(composed.draw(DIALS, layout, 3, np.array([39, 40])))[1]
    other, = composed.draw(DIALS, composed.plan(DIALS, 4), 4, np.array([40]))
    assert (one.window().frames == again.window().frames).all() and (one.waveform == again.waveform).all()
    assert (one.waveform != other.waveform).any()
    prints = [composed.fingerprint(*of) for of in ((DIALS, 3), (DIALS, 4), (replace(DIALS, under=1), 3))]
    assert len(set(prints)) == 3 and prints[0] == composed.fingerprint(DIALS, 3)


def test_the_prepared_file_holds_features_labels_and_truth(tmp_path, monkeypatch):
    monkeypatch.setattr(composed, "plan", lambda dials, seed, whole=composed.plan: {
        name: values[::21] for name, values in whole(dials, seed).items()})
    monkeypatch.setattr(composed, "deeds", lambda part: "")
    torch.manual_seed(0)
    networks = Networks(EfficientNetLite0().eval(), AiSfx().eval())
    networks.visual.register_forward_hook(lambda network, inputs, maps: 1e6 * maps)      # random weights leave 1e-8
    data = read_prepared(composed.generate(tmp_path / "c.h5", DIALS, networks=networks, progress=False))
    layout = composed.plan(DIALS, 0)
    assert data.dims == composed.DIMS and len(data) == 4 and (data.category == layout["category"]).all()
    assert (data.labels == composed.labels_of(layout)).all() and data.fingerprint == composed.fingerprint(DIALS)
    clips = list(composed.draw(DIALS, layout, 0))
    third, train = clips[3], layout["split"] == "train"
    for found, values in zip((data.visual, data.audio), zip(*(window_features(clip.window(), networks)
                                                              for clip in clips), strict=True), strict=True):
        values = np.stack(values).astype(np.float64).reshape(4, -1, found.shape[-1])
        mean, spread = values[train].mean((0, 1)), values[train].std((0, 1))
        alive = spread > 1e-4                              # with random weights some numbers are always 0
        assert alive.sum() > 200
        np.testing.assert_allclose(found.reshape(values.shape)[..., alive],
                                   (values - mean)[..., alive] / spread[alive], rtol=2e-3, atol=5e-3)
    regions = third.regions()
    assert (data.truth["source_mask"][3] == regions[:, 0]).all()
    assert (data.truth["silent_mask"][3] == regions[:, 1:].any(1)).all()
    assert (data.truth["seen"][3] == third.seen).all() and (data.truth["heard"][3] == third.heard).all()
    assert sum(len(rows) for rows in data.splits.values()) == 4
