"""The check of official and prepared files: sound ones get a report, a fault is named with file, data set and index."""
import os
import shutil

import h5py
import numpy as np
import pytest

from vscg.data.check import check, repeated_videos, shared_videos
from vscg.data.prepare import prepare_ave
from vscg.errors import VscgError


def rewrite(path, key, values, **options):
    with h5py.File(path, "w") as handle:
        handle.create_dataset(key, data=values, **options)


def assign(path, key, index, value):
    with h5py.File(path, "a") as handle:
        handle[key][index] = value


def test_a_sound_folder_gets_a_report(official_folder):
    folder = official_folder()
    report = check(folder)
    assert report.absent == () and report.path == folder
    text = str(report)
    assert text.startswith(f"{folder}: no fault found\n")
    for part in ("6 clips of 6 videos", "4 train, 1 val, 1 test", "every one of the 6 clips is in a split",
                 "visual_feature.h5: 6 clips, all values finite", "audio_feature_noisy.h5: 2 clips",
                 "labels_noisy.h5: 2 rows", "mil_labels.h5: equals"):
        assert part in text


def test_the_real_small_files(ave_small):
    report = check(ave_small)
    for part in ("4143 clips of 4097 videos, 1 without", "3339 train, 402 val, 402 test", "every one of the 4143 clips",
                 "45 videos are annotated more than once, 0 of them with one category twice",
                 "10 videos are in both train and val", "8 videos are in both train and test",
                 "mil_labels.h5: equals", "audio_feature_noisy.h5: 178 clips"):
        assert part in str(report)
    assert "val and test" not in str(report)
    assert {f"absent: {name}" for name in report.absent} < set(report.lines) or not report.absent


def test_absent_files_are_reported_and_only_annotations_are_needed(official_folder):
    folder = official_folder()
    for name in os.listdir(folder):
        if name != "Annotations.txt":
            (folder / name).unlink()
    assert len(check(folder).absent) == 8 and "absent: visual_feature.h5" in str(check(folder))
    (folder / "Annotations.txt").unlink()
    with pytest.raises(VscgError, match="Annotations.txt is missing.*data download"):
        check(folder)


def test_uncovered_rows_and_repeated_videos_are_reported(official_folder):
    folder = official_folder()
    rewrite(folder / "train_order.h5", "order", np.array([0, 1]))
    rewrite(folder / "val_order.h5", "order", np.array([2]))
    rewrite(folder / "test_order.h5", "order", np.array([5]))
    lines = (folder / "Annotations.txt").read_text().splitlines()
    lines[5] = lines[5].replace("clip_000005", "clip_000001")
    (folder / "Annotations.txt").write_text("\n".join(lines))
    text = str(check(folder))
    assert "2 of 6 clips are in no split, the first is row 3" in text
    assert "1 videos are in both train and test, the first is clip_000001" in text


def test_repeated_and_shared_videos():
    ids = ["a", "b", "a", "c", "b", "a"]
    assert repeated_videos(ids) == {"a": [0, 2, 5], "b": [1, 4]}
    shared = shared_videos(ids, {"train": np.array([0, 1, 2]), "test": np.array([3, 4, 5])})
    assert shared == {("train", "test"): {"a", "b"}}


FAULTS = {
    "nan": ("visual_feature.h5", lambda p: assign(p, "avadataset", (4, 9, 0, 6, 511), np.nan),
            r"avadataset\[4, 9, 0, 6, 511\] is not a finite"),
    "infinite": ("audio_feature_noisy.h5", lambda p: assign(p, "avadataset", (1, 2, 3), -np.inf),
                 r"avadataset\[1, 2, 3\] is not a finite"),
    "wrong key": ("audio_feature.h5", lambda p: rewrite(p, "dataset", np.zeros((6, 10, 128))),
                  "'avadataset' is missing; it has dataset"),
    "wrong shape": ("audio_feature.h5", lambda p: rewrite(p, "avadataset", np.zeros((6, 128, 10))), "has shape"),
    "other clip count": ("audio_feature.h5", lambda p: rewrite(p, "avadataset", np.zeros((5, 10, 128))),
                         r"has shape \(5, 10, 128\), expected \(6,10,128\)"),
    "wrong dtype": ("audio_feature.h5", lambda p: rewrite(p, "avadataset", np.zeros((6, 10, 128), int)), "dtype int64"),
    "order out of range": ("val_order.h5", lambda p: rewrite(p, "order", np.array([6])), r"order\[0\] is row 6"),
    "order of fractions": ("val_order.h5", lambda p: rewrite(p, "order", np.array([1.0])), "dtype float64"),
    "order negative": ("val_order.h5", lambda p: rewrite(p, "order", np.array([-1])), r"order\[0\] is row -1"),
    "order twice": ("train_order.h5", lambda p: rewrite(p, "order", np.array([3, 3])),
                    r"train_order.h5\[1\] is row 3, which is already in train_order.h5"),
    "splits overlap": ("val_order.h5", lambda p: shutil.copy(p.with_name("test_order.h5"), p),
                       "which is already in val_order.h5"),
    "clip labels": ("mil_labels.h5", lambda p: assign(p, "avadataset", 3, np.eye(29)[7]), r"avadataset\[3\] is not"),
    "noisy labels not one-hot": ("labels_noisy.h5", lambda p: assign(p, "avadataset", (1, 0), 1), r"avadataset\[1\]"),
    "noisy labels not background": ("labels_noisy.h5", lambda p: assign(p, "avadataset", 1, np.eye(29)[0]),
                                    r"avadataset\[1\] is not background"),
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
    target = folder.parent / "ave.h5"
    if name != "clip labels":                              # preparing reads the categories from the annotations
        with pytest.raises(VscgError, match=message):
            prepare_ave(folder, target, progress=False)
        assert os.listdir(folder.parent) == [folder.name]


def external_link(handle):
    handle["avadataset"] = h5py.ExternalLink("other.h5", "avadataset")


def soft_link(handle):
    handle["avadataset"] = h5py.SoftLink("/nowhere")


def terabytes(handle):
    handle.create_dataset("avadataset", (2**30, 10, 128), "float64", chunks=(1, 10, 128))


def compressed_nothing(handle):
    handle.create_dataset("avadataset", (6, 10, 128), "float64", chunks=(1, 10, 128), compression="gzip")


def huge_chunks(handle):
    handle.create_dataset("avadataset", (6, 10, 128), "float64", maxshape=(None, 10, 128), chunks=(2**15, 10, 128))


def other_file(handle):
    handle.create_dataset("avadataset", (6, 10, 128), "float64", external=[("/etc/hostname", 0, 6 * 10 * 128 * 8)])


@pytest.mark.parametrize("make, message", [
    (external_link, "is a link"), (soft_link, "is a link"), (terabytes, "shape"), (compressed_nothing, "are stored"),
    (huge_chunks, "chunks"), (other_file, "other files")])
def test_hostile_feature_files(official_folder, make, message):
    folder = official_folder()
    with h5py.File(folder / "audio_feature.h5", "w") as handle:
        make(handle)
    for action in (check, lambda path: prepare_ave(path, path / "ave.h5", progress=False)):
        with pytest.raises(VscgError, match=message) as caught:
            action(folder)
        assert str(caught.value).startswith(str(folder / "audio_feature.h5"))


def test_terabytes_declared_where_any_length_is_allowed(official_folder):
    folder = official_folder()
    (folder / "visual_feature_noisy.h5").unlink()
    for name in ("labels_noisy.h5", "audio_feature_noisy.h5"):
        (folder / "labels_noisy.h5").unlink(missing_ok=True)
        with h5py.File(folder / name, "w") as handle:
            shape = (29,) if name == "labels_noisy.h5" else (10, 128)
            handle.create_dataset("avadataset", (2**34, *shape), "float32", chunks=(1024, *shape))
        with pytest.raises(VscgError, match=f"{name}.*declares .* bytes"):
            check(folder)


def test_a_prepared_file(official_folder):
    folder = official_folder()
    target = folder.parent / "ave.h5"
    prepare_ave(folder, target, progress=False)
    text = str(check(target))
    for part in ("prepared data set 'ave'", "8 clips (visual float16", "4 train, 1 val, 1 test, 2 background",
                 "every one of the 8 clips", "all labels one-hot"):
        assert part in text
    assign(target, "visual", (7, 0, 0, 0, 1), np.nan)
    with pytest.raises(VscgError, match=r"ave.h5: visual\[7, 0, 0, 0, 1\] is not a finite"):
        check(target)
    os.truncate(target, 1000)
    with pytest.raises(VscgError, match="truncated"):
        check(target)
