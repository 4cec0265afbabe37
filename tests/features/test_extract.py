"""A folder of clips to a prepared file, with small networks in place of VGG-19 and VGGish."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from tqdm import tqdm

from tests.media import compose, tone, write_clip
from vscg.data import prepared
from vscg.data.ave import check
from vscg.data.own import prepare_own
from vscg.errors import VscgError
from vscg.features import extract
from vscg.features.networks import Networks, window_features
from vscg.features.vgg19 import visual_features
from vscg.features.vggish import audio_features
from vscg.features.video import read_windows
from vscg.machine.cluster import Outcome


class Seen(nn.Module):
    """The mean colour of each of 7x7 fields, 512 times."""
    def __init__(self, factor=1.0):
        super().__init__()
        self.calls, self.factor = 0, nn.Parameter(torch.tensor(factor))

    def forward(self, pictures):
        self.calls += 1
        return self.factor * nn.functional.avg_pool2d(pictures, 32).mean(1, keepdim=True).expand(-1, 512, 7, 7)


class Heard(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, examples):
        return self.factor * examples.mean(1).repeat(1, 2)


@pytest.fixture
def networks():
    return Networks(Seen(), Heard())


@pytest.fixture
def folder(tmp_path):
    """Two good clips, the second of two windows and 4 s more; sound alone, a short one, and what is no clip."""
    folder = tmp_path / "clips"
    folder.mkdir()
    write_clip(folder / "a.mkv", fps=4)
    write_clip(folder / "b.mkv", seconds=24, fps=4)
    write_clip(folder / "c.MKV", seconds=3, fps=4)
    write_clip(folder / "d.mkv", picture=False, seconds=1)
    (folder / "e.mp4").write_text("no clip")
    (folder / "notes.txt").write_text("no media")
    (folder / ".hidden.mkv").write_text("no media")
    return folder


def run(folder, target, networks, **options):
    return extract.extract(folder, target, networks=networks, **options)


def test_the_file_holds_each_window_and_the_report_says_the_rest(tmp_path, folder, networks):
    target = tmp_path / "new" / "features.h5"
    report = run(folder, target, networks)
    assert report.path == target and report.video_ids == ("a.mkv@0s", "b.mkv@0s", "b.mkv@10s")
    assert report.notes == ("b.mkv: the last 4.0 s are in no window",)
    assert [reason.split(": ")[0].rpartition("/")[2] for reason in report.skipped] == ["c.MKV", "d.mkv", "e.mp4"]
    assert report.left_out == (".hidden.mkv", "notes.txt")
    assert str(report).endswith("\n  left out, no clips by their names: .hidden.mkv, notes.txt")
    assert all(part in str(report) for part in ("3 windows of 10 s, 3 clips skipped", "too short", "no picture track"))
    data = prepared.read_prepared(target)
    assert data.video_ids == report.video_ids and data.visual.dtype == np.float16
    assert (data.category == 28).all() and (data.labels.argmax(-1) == 28).all()
    assert data.splits["test"].tolist() == [0, 1, 2] and not any(len(data.splits[name]) for name in ("train", "val"))
    assert not data.truth["padded"].any()
    shutil.copy(folder / "a.mkv", folder / "f.mkv")
    assert "f.mkv: the same file as a.mkv; of the two, label one" in run(folder, target, networks).notes
    for row, window in enumerate([*read_windows(folder / "a.mkv"), *read_windows(folder / "b.mkv")]):
        np.testing.assert_allclose(data.visual[row], visual_features(networks.visual, window.frames), atol=2e-3)
        np.testing.assert_allclose(data.audio[row], audio_features(networks.audio, window.waveform, 8000), atol=1e-6)
    assert [path.name for path in target.parent.iterdir()] == ["features.h5"]
    check(target)
    with prepared.opened(target) as handle:
        assert '"labels": "unknown"' in prepared.attribute(handle, target, "sources")


def test_padding_is_marked(tmp_path, folder, networks):
    report = run(folder, tmp_path / "features.h5", networks, pad=True)
    assert report.video_ids == ("a.mkv@0s", "b.mkv@0s", "b.mkv@10s", "b.mkv@20s", "c.MKV@0s")
    assert report.notes == ("b.mkv@20s: 6 of 10 segments are padding", "c.MKV@0s: 7 of 10 segments are padding")
    data = prepared.read_prepared(tmp_path / "features.h5")
    assert data.truth["padded"].sum(1).tolist() == [0, 0, 0, 6, 7] and data.truth["padded"][4, 3:].all()
    assert len(report.skipped) == 2


def test_a_long_name_is_shortened_and_a_table_can_name_it(tmp_path, networks):
    folder = tmp_path / "clips"
    folder.mkdir()
    write_clip(folder / f"{60 * 'x'}.mkv", fps=4)
    report = run(folder, tmp_path / "features.h5", networks)
    called, = report.video_ids
    assert len(called.encode()) == 64
    assert report.notes == (f"{60 * 'x'}.mkv@0s: called {called} in the file; a table of labels must name it so",)
    (tmp_path / "table.csv").write_text("vid,category,start,end,split\n" + "".join(
        f"{called},beep,2,5,{split}\n" for split in ("train", "val", "test")))
    own = prepare_own(report.path, [tmp_path / "table.csv"], tmp_path / "own.h5")
    assert not own.absent and prepared.read_prepared(own.path).labels[0].argmax(-1).tolist() == [
        1, 1, 0, 0, 0, 1, 1, 1, 1, 1]


class Stopping(Seen):
    """Interrupted, as by Ctrl-C, at a call."""
    def __init__(self, at):
        super().__init__()
        self.at = at

    def forward(self, pictures):
        if self.calls == self.at:
            raise KeyboardInterrupt
        return super().forward(pictures)


def test_interrupted_it_goes_on_and_gives_the_same(tmp_path, folder, networks):
    target, whole = tmp_path / "features.h5", tmp_path / "whole.h5"
    with pytest.raises(KeyboardInterrupt):
        run(folder, target, Networks(Stopping(25), Heard()))                       # in the third window
    assert not target.exists() and len(list((tmp_path / "features.h5.parts").glob("*.safetensors"))) == 2
    run(folder, target, networks)
    assert networks.visual.calls == 10, "one window was missing"
    run(folder, whole, Networks(Seen(), Heard()))
    first, second = prepared.read_prepared(target), prepared.read_prepared(whole)
    assert first.fingerprint == second.fingerprint and not (tmp_path / "features.h5.parts").exists()
    np.testing.assert_array_equal(first.visual, second.visual)
    np.testing.assert_array_equal(first.audio, second.audio)


def test_what_has_changed_is_computed_anew(tmp_path, folder):
    target = tmp_path / "features.h5"
    with pytest.raises(KeyboardInterrupt):
        run(folder, target, Networks(Stopping(20), Heard()))
    write_clip(folder / "a.mkv", fps=2)
    other = Networks(Seen(2.0), Heard())
    before = run(folder, target, other)
    assert other.visual.calls == 30, "the parts were of other weights"
    fingerprint = prepared.read_fingerprint(target)
    write_clip(folder / "a.mkv", fps=4)
    assert run(folder, target, other).video_ids == before.video_ids, "a finished target is replaced"
    assert prepared.read_fingerprint(target) != fingerprint


def test_nothing_in_the_folder_is_overlooked(tmp_path, networks):
    """Links that lead nowhere, folders, pipes, what has no suffix, and a target among the clips."""
    folder = tmp_path / "clips"
    folder.mkdir()
    write_clip(folder / "-o.vob.mkv", fps=4)
    (folder / "gone.mp4").symlink_to("/nowhere/gone.mp4")
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    (folder / "features.h5.mp4").write_text("no clip")
    (folder / "inner.mp4").mkdir()
    os.mkfifo(folder / "pipe.mp4")
    for number in range(25):
        (folder / f"z{number:02d}.rmvb").touch()
    for _ in range(2):
        report = run(folder, folder / "features.h5", networks)
        assert [why.partition(": ")[0].rpartition("/")[2] for why in report.skipped] == [
            "features.h5.mp4", "gone.mp4", "loop.mp4", "pipe.mp4"]
        assert "a link that leads nowhere" in report.skipped[1] and "no regular file" in report.skipped[3]
        assert report.left_out == ("inner.mp4/", *(f"z{number:02d}.rmvb" for number in range(25)))
        assert str(report).endswith("inner.mp4/, " + ", ".join(f"z{number:02d}.rmvb" for number in range(19))
                                    + ", and 6 more")
    (folder / "-o.vob.mkv").unlink()
    with pytest.raises(VscgError, match="no clip in it can be used"):
        run(folder, folder / "other.h5", networks)


@pytest.mark.parametrize("name", ["a" * 247, "a" * 256])
def test_a_target_that_cannot_be_written_is_found_before_the_work(name, tmp_path, folder, monkeypatch):
    monkeypatch.setattr(extract, "load_networks", None)
    with pytest.raises(VscgError, match="cannot be written .File name too long"):
        run(folder, tmp_path / name, None)


def test_features_that_are_no_numbers_are_refused(tmp_path, folder):
    with pytest.raises(VscgError, match="a.mkv: its features from 0 s on hold values that are no finite numbers"):
        run(folder, tmp_path / "features.h5", Networks(Seen(float("nan")), Heard()))


def test_a_target_that_is_no_prepared_file(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(extract, "load_networks", None)            # refused before they are loaded
    monkeypatch.chdir(tmp_path)
    before = (folder / "b.mkv").read_bytes()
    for target, words in ((folder / "b.mkv", "b.mkv: what is there is no prepared file"), (folder, "is a folder"),
                          (".", "is a folder"), ("", "is a folder"), ("/", "is a folder")):
        with pytest.raises(VscgError, match=words):
            run(folder, target, None)
    assert (folder / "b.mkv").read_bytes() == before


def test_a_folder_of_the_users_with_the_name_of_the_parts_is_kept(tmp_path, folder, networks):
    (tmp_path / "features.h5.parts").mkdir()
    mine = tmp_path / "features.h5.parts" / "mine.txt"
    mine.write_text("mine")
    with pytest.raises(VscgError, match="features.h5.parts: holds mine.txt, which no extraction left there; move it"):
        run(folder, tmp_path / "features.h5", networks)
    assert mine.read_text() == "mine" and not (tmp_path / "features.h5").exists()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_gives_the_same(folder, networks):
    window = next(read_windows(folder / "a.mkv"))
    expected = window_features(window, networks)
    found = window_features(window, Networks(networks.visual.cuda(), networks.audio.cuda()))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_killed_between_any_two_files_it_goes_on(tmp_path, folder, networks):
    """Without cleaning up, as at a power cut: the process ends in the middle of the second window."""
    code = ("import os, sys; from pathlib import Path; from tests.features import test_extract as t\n"
            "class Killed(t.Seen):\n"
            "    def forward(self, pictures):\n"
            "        return os._exit(9) if self.calls == 15 else super().forward(pictures)\n"
            "t.run(Path(sys.argv[1]), Path(sys.argv[2]), t.Networks(Killed(), t.Heard()))")
    target = tmp_path / "features.h5"
    done = subprocess.run([sys.executable, "-c", code, folder, target], cwd=Path(__file__).parents[2])
    assert done.returncode == 9 and not target.exists()
    assert len(run(folder, target, networks).video_ids) == 3 and networks.visual.calls == 20


def test_a_damaged_part_or_note_of_a_finished_clip_is_named(tmp_path, folder, networks):
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "features.h5", Networks(Stopping(25), Heard()))
    notes = [b"", b"{}", b"[]", b'{"windows": "3", "rest": 0}', b'{"windows": 3, "rest": NaN}',
             b'{"windows": 1000000000000, "rest": 0}', b"[" * 100_000, b"\xff"]
    for pattern, contents in (("*-1.safetensors", [b"x" * 100]), ("*.json", notes)):
        path = next((tmp_path / "features.h5.parts").glob(pattern))
        sound = path.read_bytes()
        for content in contents:
            path.write_bytes(content)
            with pytest.raises(VscgError, match=f"{path}: damaged .* remove its folder"):
                run(folder, tmp_path / "features.h5", networks)
        path.write_bytes(sound)


def test_every_suffix_of_a_container_is_looked_into(tmp_path, networks):
    names = sorted(f"a{suffix.upper()}" for suffix in extract.SUFFIXES)
    for name in names:
        (tmp_path / name).write_text("no clip")
    with pytest.raises(VscgError, match="no clip in it can be used:\n") as error:
        run(tmp_path, tmp_path / "features.h5", networks)
    assert [line.split(": ")[0].rpartition("/")[2] for line in str(error.value).splitlines()[1:]] == names
    assert {".vob", ".asf", ".mxf", ".3g2", ".f4v", ".mp4", ".webm"} < set(extract.SUFFIXES)


def test_which_tracks_were_taken_is_reported(tmp_path, networks):
    folder = tmp_path / "clips"
    folder.mkdir()
    compose(folder / "a.mkv", [n / 4 for n in range(40)], [(tone(10, 8000), 0), (tone(15, 8000, 700), 0)], default=1)
    with pytest.raises(KeyboardInterrupt):
        write_clip(folder / "b.mkv", fps=4)
        run(folder, tmp_path / "features.h5", Networks(Stopping(15), Heard()))
    assert run(folder, tmp_path / "features.h5", networks).notes == (
        "a.mkv: sound: track 2 of 2 (the default)", "a.mkv: the picture ends at 10.0 s, the sound at 15.0 s")


def test_a_place_that_cannot_be_written(folder, networks):
    with pytest.raises(VscgError, match="cannot be written"):
        run(folder, folder / "notes.txt" / "features.h5", networks)


def test_clips_of_long_names_keep_ids_of_their_own():
    clips = [extract.Clip(Path("ü" * 40 + f"{n}.mkv"), str(n) * 64, (), 0.0, ()) for n in range(2)]
    ids = {extract._id(clip, 10) for clip in clips}
    assert len(ids) == 2 and all(len(one.encode()) <= 64 and one.endswith("@10s") for one in ids)


def test_the_fingerprint_is_of_padding_and_networks_too(tmp_path):
    (clips := tmp_path / "clips").mkdir()
    write_clip(clips / "a.mkv", fps=4)
    prints = set()
    for number, (factor, pad) in enumerate(((1.0, False), (2.0, False), (1.0, True))):
        target = tmp_path / f"{number}.h5"
        run(clips, target, Networks(Seen(factor), Heard()), pad=pad)
        prints.add(prepared.read_fingerprint(target))
    assert len(prints) == 3


def test_rows_keep_the_order_of_the_names_whatever_clip_is_done_first():
    clips = [Path("a.mkv"), Path("b.mkv")]
    steps = ((path, Outcome(extract.Clip(path, "0", (), 0.0, ()))) for path in reversed(clips))
    found, _ = extract._collect(clips, steps, tqdm(total=20, disable=True))
    assert [clip.path for clip in found] == clips
