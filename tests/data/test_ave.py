"""The official files: sound ones are reported and made one, a fault is named with file, data set and index."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.conftest import write as rewrite
from vscg.data import load_dataset
from vscg.data.ave import REQUIRED, check, prepare_ave, repeated_videos, shared_videos
from vscg.data.labels import labels_from_annotations, read_annotations
from vscg.data.planted import generate
from vscg.data.prepared import read_prepared
from vscg.errors import VscgError


def assign(path, index, value, key="avadataset"):
    with h5py.File(path, "a") as handle:
        handle[key][index] = value


def values(path):
    with h5py.File(path) as handle:
        return handle["order" if "order" in handle else "avadataset"][()]


def test_a_sound_folder_gets_a_report(official_folder):
    folder = official_folder()
    report = check(folder)
    assert report.absent == () and report.path == folder and str(report).startswith(f"{folder}: no fault found\n")
    for part in ("6 clips of 6 videos", "4 train, 1 val, 1 test", "every one of the 6 clips is in a split",
                 "visual_feature.h5: 6 clips, all values finite", "audio_feature_noisy.h5: 2 clips",
                 "labels_noisy.h5: 2 rows", "mil_labels.h5: equals"):
        assert part in str(report)


def test_the_real_small_files(ave_small):
    report = check(ave_small)
    for part in ("4143 clips of 4097 videos, 1 without", "3339 train, 402 val, 402 test", "every one of the 4143 clips",
                 "45 videos are annotated more than once, 0 of them with one category twice",
                 "10 videos are in both train and val", "8 videos are in both train and test",
                 "mil_labels.h5: equals", "audio_feature_noisy.h5: 178 clips"):
        assert part in str(report)
    assert "val and test" not in str(report)


def test_absent_files_are_reported_and_only_annotations_are_needed(official_folder):
    folder = official_folder()
    for name in os.listdir(folder):
        if name != "Annotations.txt":
            (folder / name).unlink()
    assert len(check(folder).absent) == 8 and "absent: visual_feature.h5" in str(check(folder))
    with pytest.raises(VscgError, match="missing train_order.h5, .*labels_noisy.h5; .*python -m vscg data download"):
        prepare_ave(folder, folder / "ave.h5")
    (folder / "Annotations.txt").unlink()
    with pytest.raises(VscgError, match="Annotations.txt is missing.*data download"):
        check(folder)


def test_uncovered_rows_and_repeated_videos_are_reported(official_folder):
    folder = official_folder()
    for name, rows in (("train", [0, 1]), ("val", [2]), ("test", [5])):
        rewrite(folder / f"{name}_order.h5", "order", np.array(rows))
    text = (folder / "Annotations.txt").read_text()
    (folder / "Annotations.txt").write_text(text.replace("clip_000005", "clip_000001"))
    assert "2 of 6 clips are in no split, the first is row 3" in str(check(folder))
    assert "1 videos are in both train and test, the first is clip_000001" in str(check(folder))


def test_repeated_and_shared_videos():
    ids = ["a", "b", "a", "c", "b", "a"]
    assert repeated_videos(ids) == {"a": [0, 2, 5], "b": [1, 4]}
    shared = shared_videos(ids, {"train": np.array([0, 1, 2]), "test": np.array([3, 4, 5])})
    assert shared == {("train", "test"): {"a", "b"}}


def packed(path):
    """Features packed by Zstandard, number 32015 of HDF5's registered filters, which no wheel of h5py has."""
    with h5py.File(path, "w") as handle:
        form = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        form.set_chunk((1, 10, 128))
        form.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((6, 10, 128))
        h5py.h5d.create(handle.id, b"avadataset", h5py.h5t.IEEE_F64LE, space, form).write_direct_chunk((0, 0, 0), b"x")


def unwritten(path):
    """As a program leaves it that ended before it had written its clips."""
    with h5py.File(path, "w") as handle:
        handle.create_dataset("avadataset", (6, 10, 128), "float64", chunks=(1, 10, 128), compression="gzip")


FAULTS = {
    "nan": ("visual_feature.h5", lambda p: assign(p, (4, 9, 0, 6, 511), np.nan),
            r"avadataset\[4, 9, 0, 6, 511\] is not a finite"),
    "infinite": ("audio_feature_noisy.h5", lambda p: assign(p, (1, 2, 3), -np.inf), r"\[1, 2, 3\] is not a finite"),
    "wrong key": ("audio_feature.h5", lambda p: rewrite(p, "dataset", np.zeros((6, 10, 128))),
                  "'avadataset' is missing; it has dataset"),
    "other clip count": ("audio_feature.h5", lambda p: rewrite(p, "avadataset", np.zeros((5, 10, 128))),
                         r"has shape \(5, 10, 128\), expected \(6,10,128\)"),
    "wrong dtype": ("audio_feature.h5", lambda p: rewrite(p, "avadataset", np.zeros((6, 10, 128), int)), "dtype int64"),
    "filter": ("audio_feature.h5", packed, r"filter 32015 \(.*\), which is not installed here; unpack"),
    "unwritten": ("audio_feature.h5", unwritten, "declares 61,440 bytes but only 0 are stored"),
    "order out of range": ("val_order.h5", lambda p: rewrite(p, "order", np.array([6])), r"val_order.h5\[0\] is row 6"),
    "order of fractions": ("val_order.h5", lambda p: rewrite(p, "order", np.array([1.0])), "dtype float64"),
    "order negative": ("val_order.h5", lambda p: rewrite(p, "order", np.array([-1])), r"val_order.h5\[0\] is row -1"),
    "order twice": ("train_order.h5", lambda p: rewrite(p, "order", np.array([3, 3])),
                    r"train_order.h5\[1\] is row 3, which is already in train_order.h5"),
    "splits overlap": ("val_order.h5", lambda p: shutil.copy(p.with_name("test_order.h5"), p),
                       "which is already in val_order.h5"),
    "clip labels": ("mil_labels.h5", lambda p: assign(p, 3, np.eye(29)[7]), r"avadataset\[3\] is not"),
    "noisy labels not one-hot": ("labels_noisy.h5", lambda p: assign(p, (1, 0), 1), r"avadataset\[1\] is not one-hot"),
    "noisy labels not background": ("labels_noisy.h5", lambda p: assign(p, 1, np.eye(29)[0]), "is not background"),
    "truncated": ("visual_feature.h5", lambda p: os.truncate(p, p.stat().st_size // 2), "truncated"),
    "empty": ("val_order.h5", lambda p: os.truncate(p, 0), "unreadable"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named(official_folder, name):
    folder = official_folder()
    file, damage, message = FAULTS[name]
    damage(folder / file)
    with pytest.raises(VscgError, match=message) as caught:
        check(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)
    if name != "clip labels":                              # preparing reads the categories from the annotations
        with pytest.raises(VscgError, match=message):
            prepare_ave(folder, folder.parent / "ave.h5")
        assert os.listdir(folder.parent) == [folder.name]


@pytest.mark.parametrize("clips, dtype", [(6, "float16"), (35, "float32")])     # one block of 16 clips, and three
def test_every_value_arrives_in_its_place(official_folder, clips, dtype):
    folder = official_folder(clips, noisy=2)
    target = folder.parent / "new" / "ave.h5"
    report = prepare_ave(folder, target, visual_dtype=dtype)
    data, marks = read_prepared(target), read_annotations(folder / "Annotations.txt")
    for modality in ("visual", "audio"):
        expected = np.concatenate([values(folder / f"{modality}_feature{end}.h5") for end in ("", "_noisy")])
        stored = getattr(data, modality)
        assert stored.dtype == (dtype if modality == "visual" else "float32")
        assert (stored == expected.astype(stored.dtype)).all()
    assert (data.labels[:clips] == labels_from_annotations(marks)).all()
    assert (data.labels[clips:].argmax(-1) == 28).all() and (data.labels.sum(-1) == 1).all()
    assert data.category.tolist() == [*marks.category, 28, 28]
    assert data.video_ids == (*marks.video_ids, "background-000", "background-001")
    for split in ("train", "val", "test"):
        assert (data.splits[split] == values(folder / f"{split}_order.h5")).all()
    assert data.splits["background"].tolist() == [clips, clips + 1]
    for text in (str(report), str(check(target))):
        assert f"every one of the {clips + 2} clips is in a split" in text and data.fingerprint[:12] in text
    assign(target, (7, 0, 0, 0, 1), np.nan, "visual")
    with pytest.raises(VscgError, match=r"ave.h5: visual\[7, 0, 0, 0, 1\] is not a finite"):
        check(target)


def test_checksums_and_fingerprint(official_folder):
    folder = official_folder()
    targets = [folder.parent / f"{number}.h5" for number in range(4)]
    for target, dtype in zip(targets[:3], ("float16", "float16", "float32"), strict=True):
        prepare_ave(folder, target, visual_dtype=dtype)
    with h5py.File(targets[0]) as handle:
        sources = json.loads(handle.attrs["sources"])
    assert sources == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in REQUIRED}
    identity = json.dumps({"sources": sources, "visual_dtype": "float16"}, sort_keys=True)
    assign(folder / "audio_feature.h5", (0, 0, 0), 0.25)
    prepare_ave(folder, targets[3])
    prints = [read_prepared(target).fingerprint for target in targets]
    assert prints[0] == prints[1] == hashlib.sha256(identity.encode()).hexdigest() and len(set(prints)) == 3


def test_a_value_too_large_for_float16_is_named(official_folder):
    folder = official_folder()
    assign(folder / "visual_feature.h5", (2, 1, 0, 0, 5), 7e4)
    with pytest.raises(VscgError, match=r"visual_feature.h5: avadataset\[2, 1, 0, 0, 5\] is too large for float16"):
        prepare_ave(folder, folder / "ave.h5")
    prepare_ave(folder, folder / "ave.h5", visual_dtype="float32")
    assert read_prepared(folder / "ave.h5").visual[2, 1, 0, 0, 5] == 7e4


def test_ave_is_prepared_on_first_use_and_again_from_another_folder(official_folder, monkeypatch):
    first, second, third = official_folder(), official_folder(name="audio"), official_folder(name="visual")
    assign(second / "audio_feature.h5", (3, 2, 1), 0.25)
    assign(third / "visual_feature_noisy.h5", (1, 0, 6, 6, 0), 0.25)
    monkeypatch.setenv("VSCG_HOME", str(first.parent / "home"))
    prints = set()
    for folder in (first, second, third):
        monkeypatch.setenv("VSCG_AVE_DIR", str(folder))
        data = load_dataset("ave")
        assert data.name == "ave" and data.path == first.parent / "home" / "data" / "ave.h5"
        assert (data.audio[:6] == values(folder / "audio_feature.h5").astype("float32")).all()
        assert (data.visual[6:] == values(folder / "visual_feature_noisy.h5").astype("float16")).all()
        prints.add(data.fingerprint)
        made = data.path.stat().st_mtime_ns
        assert load_dataset("ave").fingerprint == data.fingerprint and data.path.stat().st_mtime_ns == made
    assert len(prints) == 3
    generate(data.path, seed=0, train=3, val=1, test=1, background=1)      # and no file of AVE
    with pytest.raises(VscgError, match="was not made from the official AVE files, so it is not replaced"):
        load_dataset("ave")
    data.path.unlink()
    assert load_dataset("ave").name == "ave" and load_dataset("ave").fingerprint == data.fingerprint
    (third / "visual_feature.h5").unlink()                 # what is left of the folder is what the file was made of
    assert load_dataset("ave").fingerprint == data.fingerprint
    shutil.rmtree(third)                                   # the prepared file is enough
    assert load_dataset("ave").fingerprint == data.fingerprint


def test_of_two_damaged_files_only_the_generated_one_is_to_be_deleted(official_folder, monkeypatch):
    folder, words = official_folder(), "a generated one: delete it, and it is made again"
    monkeypatch.setenv("VSCG_HOME", str(folder.parent / "home"))
    monkeypatch.setenv("VSCG_AVE_DIR", str(folder))
    path = load_dataset("ave").path
    for damaged, advised in ((folder / "visual_feature.h5", False), (path, True)):
        damaged.write_bytes(b"no HDF5 file")
        with pytest.raises(VscgError, match=f"^{damaged}") as raised:
            load_dataset("ave")
        assert (words in str(raised.value)) == advised


def test_memory_stays_flat_while_the_file_grows(official_folder):
    peaks = []
    for clips in (48, 198):                                # 150 clips more: 75 MB in float16, 300 MB as they are read
        folder = official_folder(clips, packed=True, name=f"clips{clips}")
        tracemalloc.start()
        try:
            prepare_ave(folder, folder.parent / "ave.h5")
            peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        finally:
            tracemalloc.stop()
    assert 32 < peaks[0] and peaks[1] - peaks[0] < 20, peaks


REPOSITORY = Path(__file__).resolve().parents[2]


def test_killed_it_leaves_nothing_that_looks_finished(official_folder):
    folder = official_folder(100, packed=True)
    target = folder.parent / "out" / "ave.h5"
    program = "import sys; from vscg.data.ave import prepare_ave; prepare_ave(*sys.argv[1:])"
    process = subprocess.Popen([sys.executable, "-c", program, str(folder), str(target)], cwd=REPOSITORY,
                               stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size > 2**22 for path in target.parent.glob(".ave.h5.partial")):
            assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    finally:
        process.kill()
        process.communicate()
    assert os.listdir(target.parent) == [".ave.h5.partial"]
    prepare_ave(official_folder(3, name="small"), target)
    assert len(read_prepared(target)) == 5 and os.listdir(target.parent) == ["ave.h5"]
