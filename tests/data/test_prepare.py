"""Preparing the official files: values, checksums, interruption and memory."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from vscg.data import load_dataset
from vscg.data.labels import labels_from_annotations, read_annotations
from vscg.data.official import REQUIRED
from vscg.data.prepare import prepare_ave
from vscg.data.prepared import read_prepared
from vscg.errors import VscgError

REPOSITORY = Path(__file__).resolve().parents[2]


def values(path):
    with h5py.File(path) as handle:
        return handle["order" if "order" in handle else "avadataset"][()]


@pytest.mark.parametrize("clips, dtype", [(6, "float16"), (35, "float32")])     # one block of 16 clips, and three
def test_every_value_arrives_in_its_place(official_folder, clips, dtype):
    folder = official_folder(clips, noisy=2)
    target = folder.parent / "new" / "ave.h5"
    report = prepare_ave(folder, target, visual_dtype=dtype, progress=False)
    data = read_prepared(target)
    marks = read_annotations(folder / "Annotations.txt")
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
    assert f"{clips} annotated and 2 background-only clips" in str(report) and data.fingerprint in str(report)
    assert f"every one of the {clips + 2} clips is in a split" in str(report)


def test_checksums_and_fingerprint(official_folder):
    folder = official_folder()
    targets = [folder.parent / f"{number}.h5" for number in range(4)]
    prepare_ave(folder, targets[0], progress=False)
    prepare_ave(folder, targets[1], progress=False)
    prepare_ave(folder, targets[2], visual_dtype="float32", progress=False)
    with h5py.File(targets[0]) as handle:
        sources = json.loads(handle.attrs["sources"])
    assert sources == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in REQUIRED}
    with h5py.File(folder / "audio_feature.h5", "a") as handle:
        handle["avadataset"][0, 0, 0] = 0.25
    prepare_ave(folder, targets[3], progress=False)
    prints = [read_prepared(target).fingerprint for target in targets]
    assert prints[0] == prints[1] and len(set(prints)) == 3


def test_missing_files_are_all_listed(official_folder):
    folder = official_folder()
    (folder / "visual_feature.h5").unlink()
    (folder / "test_order.h5").unlink()
    with pytest.raises(VscgError, match="missing test_order.h5, visual_feature.h5; .*python -m vscg data download"):
        prepare_ave(folder, folder / "ave.h5")
    with pytest.raises(VscgError, match="missing Annotations.txt"):
        prepare_ave(folder / "nowhere", folder / "ave.h5")


def test_a_source_is_no_target(official_folder, monkeypatch):
    folder = official_folder()
    before = (folder / "visual_feature.h5").read_bytes()
    monkeypatch.setattr("vscg.data.official.stream", None)              # nothing is copied
    for target, words in ((folder / "visual_feature.h5", "no prepared file, so it is not replaced"),
                          (folder, "is a folder")):
        with pytest.raises(VscgError, match=words):
            prepare_ave(folder, target, progress=False)
    assert (folder / "visual_feature.h5").read_bytes() == before


def test_a_value_too_large_for_float16_is_named(official_folder):
    folder = official_folder()
    with h5py.File(folder / "visual_feature.h5", "a") as handle:
        handle["avadataset"][2, 1, 0, 0, 5] = 7e4
    with pytest.raises(VscgError, match=r"visual_feature.h5: avadataset\[2, 1, 0, 0, 5\] is too large for float16"):
        prepare_ave(folder, folder / "ave.h5", progress=False)
    prepare_ave(folder, folder / "ave.h5", visual_dtype="float32", progress=False)
    assert read_prepared(folder / "ave.h5").visual[2, 1, 0, 0, 5] == 7e4


def test_ave_is_prepared_on_first_use(official_folder, monkeypatch):
    folder = official_folder()
    monkeypatch.setenv("VSCG_HOME", str(folder.parent / "home"))
    monkeypatch.setenv("VSCG_AVE_DIR", str(folder))
    data = load_dataset("ave")
    assert data.name == "ave" and data.path == folder.parent / "home" / "data" / "ave.h5"
    shutil.rmtree(folder)                                  # the prepared file is enough from now on
    assert load_dataset("ave").fingerprint == data.fingerprint


def start(folder, target):
    """Prepares in a process of its own, which prints its peak memory in kB.

    Not by `getrusage`: its figure starts from the peak of the process that called, here pytest's.
    """
    program = ("import sys; from pathlib import Path; from vscg.data.prepare import prepare_ave\n"
               "prepare_ave(sys.argv[1], sys.argv[2], progress=False)\n"
               "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])")
    return subprocess.Popen([sys.executable, "-c", program, str(folder), str(target)], cwd=REPOSITORY,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_it_leaves_nothing_that_looks_finished(official_folder, how):
    folder = official_folder(400, packed=True)
    target = folder.parent / "out" / "ave.h5"
    process = start(folder, target)
    try:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size > 2**22 for path in target.parent.glob(".ave.h5.partial")):
            assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
            time.sleep(0.01)
        process.send_signal(how)
        process.wait(60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode != 0 and not target.exists()
    left = list(target.parent.iterdir())
    if how == signal.SIGINT:
        assert left == []
    else:
        assert [path.name.startswith(".") for path in left] == [True]
    prepare_ave(official_folder(3, name="small"), target, progress=False)
    assert len(read_prepared(target)) == 5 and os.listdir(target.parent) == ["ave.h5"]


def test_a_second_writer_waits_for_the_first(official_folder):
    folder = official_folder(400, packed=True)
    target = folder.parent / "out" / "ave.h5"
    process = start(folder, target)
    try:
        while not list(target.parent.glob(".ave.h5.partial")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        prepare_ave(official_folder(3, name="small"), target, progress=False)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
    assert len(read_prepared(target)) == 5 and os.listdir(target.parent) == ["ave.h5"]


def test_memory_stays_flat_while_the_file_grows(official_folder, capsys):
    peaks = {}
    for clips in (200, 800):
        folder = official_folder(clips, packed=True, name=f"clips{clips}")
        target = folder.parent / f"{clips}.h5"
        process = start(folder, target)
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        peaks[clips] = int(output) / 1024
        assert int(output) > 30_000                        # the figure is there and plausible
        assert target.stat().st_size > clips * 10 * 49 * 512 * 2
        target.unlink()
        shutil.rmtree(folder)
    with capsys.disabled():
        print(f"\npeak memory: 200 clips {peaks[200]:.0f} MB, 800 clips {peaks[800]:.0f} MB")
    assert abs(peaks[800] - peaks[200]) < 50
