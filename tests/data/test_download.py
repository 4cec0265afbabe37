"""The downloads, against a server on this machine that can cut answers, send the wrong content, or not know a file."""
import hashlib
import os
import signal
import threading
import time
from collections import namedtuple
from pathlib import Path

import gdown
import h5py
import numpy as np
import pytest

from tests.loopback import in_two_processes
from vscg.data import download
from vscg.errors import VscgError

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "ave"
GIGABYTE = 10**9
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def small(server, monkeypatch):
    """Two files on the server, and their sums in `SMALL_FILES`."""
    generator = np.random.default_rng(0)
    server.files = {"a.h5": generator.bytes(700_000), "b.txt": b"Church bell&abc&good&0&10\n"}
    monkeypatch.setattr(download, "SMALL_FILES",
                        {name: hashlib.sha256(content).hexdigest() for name, content in server.files.items()})
    return server.files


def get_small(server, dest):
    return download.download_small(dest, server.url, progress=False)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_small_files_arrive_and_right_ones_are_kept(tmp_path, server, small, capfd):
    dest = tmp_path / "new" / "ave"
    paths = get_small(server, dest)
    assert paths == [dest / "a.h5", dest / "b.txt"]
    assert [path.read_bytes() for path in paths] == list(small.values())
    assert names(dest) == ["a.h5", "b.txt"]
    (dest / "b.txt").write_bytes(b"damaged")
    server.requests.clear()
    assert get_small(server, dest) == paths
    assert server.requests == [("b.txt", None)], "only the wrong file is fetched again"
    assert (dest / "b.txt").read_bytes() == small["b.txt"]
    assert capfd.readouterr() == ("", "")
    download.download_small(tmp_path / "shown", server.url)
    assert "a.h5: 100%" in capfd.readouterr().err


def test_cut_connection_is_continued(tmp_path, server, small):
    server.cuts["a.h5"] = [300_000, 200_000]
    path = get_small(server, tmp_path)[0]
    first, second, third = server.ranges("a.h5")
    assert first is None
    begin = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in (second, third)]
    assert 200_000 < begin[0] <= 300_000 and 100_000 < begin[1] - begin[0] <= 200_000
    assert path.read_bytes() == small["a.h5"]


def test_cut_for_good_is_an_error_and_the_next_call_continues(tmp_path, server, small):
    server.cuts["a.h5"] = [100_000] * 3
    with pytest.raises(VscgError, match="a.h5: the connection to .* was cut .*continues where it stopped"):
        get_small(server, tmp_path)
    assert names(tmp_path) == [".a.h5.part"]
    have = (tmp_path / ".a.h5.part").stat().st_size
    get_small(server, tmp_path)
    assert server.ranges("a.h5")[3] == f"bytes={have}-" and have > 150_000
    assert (tmp_path / "a.h5").read_bytes() == small["a.h5"]
    assert names(tmp_path) == ["a.h5", "b.txt"]


def test_two_processes_download_once(tmp_path, server, small):
    """The first is cut in the middle and continues; the second waits for it and finds the files."""
    server.cuts["a.h5"] = [300_000]
    server.at_cut = lambda: time.sleep(1)
    in_two_processes(get_small, server, tmp_path)
    assert len(server.requests) == 3
    assert (tmp_path / "a.h5").read_bytes() == small["a.h5"]


def test_what_is_there_needs_no_lock(tmp_path, server, small, monkeypatch):
    get_small(server, tmp_path)
    monkeypatch.setattr(download, "locked", None)          # the folder may be one where nothing can be written
    assert get_small(server, tmp_path) == [tmp_path / "a.h5", tmp_path / "b.txt"]


def test_a_home_folder_that_nobody_has():
    for call in (download.download_small, download.download_features):
        with pytest.raises(VscgError, match="^~nobody-of-this-name/x: no home folder is known"):
            call("~nobody-of-this-name/x", progress=False)


def test_server_without_ranges_begins_again(tmp_path, server, small):
    server.understands_ranges = False
    server.cuts["a.h5"] = [300_000]
    assert get_small(server, tmp_path)[0].read_bytes() == small["a.h5"]
    assert server.ranges("a.h5")[1].startswith("bytes=")


def test_part_that_is_too_long_begins_again(tmp_path, server, small):
    (tmp_path / ".a.h5.part").write_bytes(b"x" * 800_000)
    assert get_small(server, tmp_path)[0].read_bytes() == small["a.h5"]
    assert server.ranges("a.h5") == ["bytes=800000-", None]


def interrupt_when(folder, pattern, size):
    """What the server does at a cut: wait until the partial file holds `size` bytes, then interrupt like Ctrl-C."""
    def wait_and_interrupt():
        end = time.monotonic() + 10
        while sum(path.stat().st_size for path in folder.glob(pattern)) < size and time.monotonic() < end:
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.2)  # the connection is still open when the interrupt arrives
    return wait_and_interrupt


def test_interrupted_small_download_is_continued(tmp_path, server, small):
    server.cuts["a.h5"] = [300_000]
    server.at_cut = interrupt_when(tmp_path, ".a.h5.part", 200_000)
    with pytest.raises(KeyboardInterrupt):
        get_small(server, tmp_path)
    assert names(tmp_path) == [".a.h5.part"]
    have = (tmp_path / ".a.h5.part").stat().st_size
    get_small(server, tmp_path)
    assert have >= 200_000 and server.ranges("a.h5") == [None, f"bytes={have}-"]
    assert (tmp_path / "a.h5").read_bytes() == small["a.h5"]


@pytest.mark.parametrize("before", [None, b"an older version"])
def test_wrong_content_is_not_kept(tmp_path, server, small, before):
    server.files = {"a.h5": b"something else", "b.txt": small["b.txt"]}
    if before is not None:
        (tmp_path / "a.h5").write_bytes(before)
    with pytest.raises(VscgError, match="a.h5: what .* sent has not the SHA-256 .* not kept"):
        get_small(server, tmp_path)
    assert names(tmp_path) == ([] if before is None else ["a.h5"])
    assert before is None or (tmp_path / "a.h5").read_bytes() == before


def test_stale_part_of_another_file_is_not_kept(tmp_path, server, small):
    (tmp_path / ".a.h5.part").write_bytes(b"another beginning")
    with pytest.raises(VscgError, match="SHA-256"):
        get_small(server, tmp_path)
    assert names(tmp_path) == []
    get_small(server, tmp_path)


def test_unknown_file_and_no_server(tmp_path, server, small):
    server.files = {}
    with pytest.raises(VscgError, match=f"a.h5: the server answered 404 .*{server.url}a.h5.*by hand.*{tmp_path}"):
        get_small(server, tmp_path)
    with pytest.raises(VscgError, match="a.h5: the connection to .* failed.*Check the network"):
        download.download_small(tmp_path, "http://127.0.0.1:9/", progress=False)
    assert names(tmp_path) == []


def test_disk_that_is_full_while_writing(tmp_path, server, small):
    (tmp_path / ".a.h5.part").symlink_to("/dev/full")  # the kernel answers each write with ENOSPC
    with pytest.raises(VscgError, match=f"a.h5: no space left on the disk of {tmp_path}. Free some"):
        get_small(server, tmp_path)
    assert names(tmp_path) == [".a.h5.part"]


def test_space_is_checked_before_writing(tmp_path, server, small, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: Usage(GIGABYTE, GIGABYTE - 100_000, 100_000))
    with pytest.raises(VscgError, match="a.h5: no space left .*0.7 MB are still to come, 0.1 MB are free"):
        get_small(server, tmp_path)
    assert names(tmp_path) == []


def test_folder_that_cannot_be_made(tmp_path, server, small):
    (tmp_path / "file").write_text("")
    for call in (download.download_small, download.download_features):
        with pytest.raises(VscgError, match=f"cannot write into {tmp_path}/file/ave: Not a directory"):
            call(tmp_path / "file" / "ave", server.url, progress=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_is_read_only(tmp_path, server, small):
    tmp_path.chmod(0o500)
    with pytest.raises(VscgError, match="cannot be written .Permission denied.*Choose a folder"):
        get_small(server, tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="the official small files are not on this machine")
def test_real_files_have_the_listed_sums_and_arrive(tmp_path, server):
    server.files = {name: (REAL / name).read_bytes() for name in download.SMALL_FILES}
    assert [path.name for path in get_small(server, tmp_path)] == list(download.SMALL_FILES)


@pytest.fixture
def features(server, monkeypatch, tmp_path_factory):
    """Three HDF5 files on the server, under identifiers as on the drive."""
    contents = {}
    for index, (name, rows) in enumerate({"audio_feature.h5": 4, "visual_feature.h5": 400, "noisy.h5": 2}.items()):
        path = tmp_path_factory.mktemp("source") / name
        with h5py.File(path, "w") as file:
            file["avadataset"] = np.random.default_rng(index).normal(size=(rows, 10, 128))
        contents[name] = path.read_bytes()
    monkeypatch.setattr(download, "FEATURE_FILES", {name: f"id-{name}" for name in contents})
    server.files = {f"id-{name}": content for name, content in contents.items()}
    return contents


def get_features(server, dest):
    return download.download_features(dest, server.url, progress=False)


def test_features_arrive_with_their_sums(tmp_path, server, features, capfd):
    paths = get_features(server, tmp_path)
    assert [path.read_bytes() for path in paths] == list(features.values())
    assert names(tmp_path) == sorted([*features, *(f"{name}.sha256" for name in features)])
    for path in paths:
        digest, name = path.with_name(path.name + ".sha256").read_text().split()
        assert (digest, name) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.name)
    server.requests.clear()
    paths[0].with_name(paths[0].name + ".sha256").unlink()
    get_features(server, tmp_path)
    assert server.requests == [] and paths[0].with_name(paths[0].name + ".sha256").exists()
    assert capfd.readouterr() == ("", "")


def test_cut_feature_file_is_continued(tmp_path, server, features):
    server.cuts["id-visual_feature.h5"] = [2_000_000]
    path = get_features(server, tmp_path)[1]
    first, second = server.ranges("id-visual_feature.h5")
    assert first is None and int(second.removeprefix("bytes=").removesuffix("-")) > 1_000_000
    assert path.read_bytes() == features["visual_feature.h5"]


def test_interrupted_feature_download_is_continued(tmp_path, server, features):
    server.cuts["id-visual_feature.h5"] = [2_000_000]
    server.at_cut = interrupt_when(tmp_path, ".visual_feature.h5.received*.part", 1_000_000)
    with pytest.raises(KeyboardInterrupt):
        get_features(server, tmp_path)
    part, = tmp_path.glob(".visual_feature.h5.received*.part")
    have = part.stat().st_size
    assert have > 1_000_000 and not (tmp_path / "visual_feature.h5").exists()
    server.requests.clear()
    path = get_features(server, tmp_path)[1]
    assert f"bytes={have}-" in server.ranges("id-visual_feature.h5") and not server.ranges("id-audio_feature.h5")
    assert path.read_bytes() == features["visual_feature.h5"]
    assert not list(tmp_path.glob(".*.part"))


def test_feature_part_that_the_server_cannot_continue_begins_again(tmp_path, server, features):
    server.understands_ranges = False
    (tmp_path / ".visual_feature.h5.received12345678.part").write_bytes(features["visual_feature.h5"][:1000])
    assert get_features(server, tmp_path)[1].read_bytes() == features["visual_feature.h5"]
    assert not list(tmp_path.glob(".*.part"))


def test_two_processes_download_the_features_once(tmp_path, server, features):
    server.cuts["id-visual_feature.h5"] = [2_000_000]
    server.at_cut = lambda: time.sleep(1)
    in_two_processes(get_features, server, tmp_path)
    assert len(server.ranges("id-visual_feature.h5")) == 2
    assert (tmp_path / "visual_feature.h5").read_bytes() == features["visual_feature.h5"]


@pytest.mark.parametrize("content", [b"<html>quota exceeded</html>", "truncated", "other key"])
def test_what_is_no_feature_file_is_not_kept(tmp_path, server, features, content):
    if content == "truncated":
        content = features["audio_feature.h5"][:-100]
    if content == "other key":
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["labels"] = np.zeros(3)
        content = (tmp_path / "other.h5").read_bytes()
        (tmp_path / "other.h5").unlink()
    server.files["id-audio_feature.h5"] = content
    (tmp_path / "audio_feature.h5").write_bytes(b"was here")
    with pytest.raises(VscgError, match="audio_feature.h5: what .* not a complete HDF5 file with `avadataset`"):
        get_features(server, tmp_path)
    assert names(tmp_path) == ["audio_feature.h5"]
    assert (tmp_path / "audio_feature.h5").read_bytes() == b"was here"


def test_features_not_there_cut_for_good_or_no_server(tmp_path, server, features, monkeypatch):
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    server.cuts["id-visual_feature.h5"] = [2_000_000]
    with pytest.raises(VscgError, match="visual_feature.h5: Google Drive did not give the file: .* incomplete"):
        get_features(server, tmp_path)
    del server.files["id-visual_feature.h5"]
    with pytest.raises(VscgError, match="visual_feature.h5: the server answered 404"):
        get_features(server, tmp_path)
    with pytest.raises(VscgError, match="audio_feature.h5: the connection to .* failed"):
        download.download_features(tmp_path / "new", "http://127.0.0.1:9/", progress=False)


def test_features_without_space(tmp_path, server, features, monkeypatch):
    full = tmp_path / ".audio_feature.h5.received12345678.part"
    full.symlink_to("/dev/full")
    with pytest.raises(VscgError, match="audio_feature.h5: no space left on the disk"):
        get_features(server, tmp_path)
    full.unlink()
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: Usage(GIGABYTE, GIGABYTE - 100_000, 100_000))
    with pytest.raises(VscgError, match="visual_feature.h5: no space left .* 3.6 MB are still to come"):
        get_features(server, tmp_path)
    assert not (tmp_path / "visual_feature.h5").exists()


def test_gdown_knows_the_addresses_as_drive_files():
    for identifier in download.FEATURE_FILES.values():
        assert gdown.parse_url.parse_url(download.DRIVE + identifier) == (identifier, True)
