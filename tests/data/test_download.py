"""The downloads, against a server on this machine that can cut answers, send the wrong content, or not know a file."""
import hashlib
import json
import os
import re
import signal
import threading
import time
from collections import namedtuple

import h5py
import numpy as np
import pytest

from tests.loopback import in_two_processes
from vscg.data import download
from vscg.errors import VscgError

SMALL, LARGE = "a.h5", "visual_feature.h5"                 # a file of each download, and what the server calls it
CALLED = {SMALL: SMALL, LARGE: f"id-{LARGE}"}
CONTENT = {SMALL: np.random.default_rng(0).bytes(1_500_000), "b.txt": b"Church bell&abc&good&0&10\n"}


@pytest.fixture
def small(server, monkeypatch):
    """Two files on the server, and their sums in `SMALL_FILES`."""
    monkeypatch.setattr("random.uniform", lambda low, high: 0)          # s until gdown tries again
    monkeypatch.setattr(download, "SMALL_FILES",
                        {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()})
    server.files |= CONTENT
    return CONTENT


@pytest.fixture
def features(server, monkeypatch, tmp_path_factory):
    """Three HDF5 files on the server, under identifiers as on the drive."""
    monkeypatch.setattr("random.uniform", lambda low, high: 0)
    contents = {}
    for index, (name, rows) in enumerate({"audio_feature.h5": 4, LARGE: 200, "noisy.h5": 2}.items()):
        path = tmp_path_factory.mktemp("source") / name
        with h5py.File(path, "w") as file:
            file["avadataset"] = np.random.default_rng(index).normal(size=(rows, 10, 128))
        contents[name] = path.read_bytes()
    monkeypatch.setattr(download, "FEATURE_FILES", {name: f"id-{name}" for name in contents})
    server.files |= {f"id-{name}": content for name, content in contents.items()}
    return contents


@pytest.fixture(params=[SMALL, LARGE])
def one(request, small, features):
    """The name of a file of each download."""
    return request.param


def bars_alone(captured) -> bool:
    """Whether nothing was printed but the bars of progress."""
    parts = [part for part in re.split("[\r\n]", captured.err) if part.strip()]
    return not captured.out and all(re.search(r"B/s\]$", part) for part in parts)


def get_small(server, dest):
    return download.download_small(dest, server.url)


def get_features(server, dest):
    return download.download_features(dest, server.url)


def get(name, server, dest):
    """Downloads all files that come with this one."""
    return (get_small if name == SMALL else get_features)(server, dest)


def right(name, server, dest):
    return (dest / name).read_bytes() == server.files[CALLED[name]]


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def part(folder, name):
    return folder / f".{name}.partial.part"


def test_small_files_arrive_and_are_not_fetched_again(tmp_path, server, small, capfd, monkeypatch):
    dest = tmp_path / "new" / "ave"
    before = os.umask(0o027)
    try:
        paths = get_small(server, dest)
    finally:
        os.umask(before)
    assert paths == [dest / "a.h5", dest / "b.txt"] and names(dest) == ["a.h5", "b.txt"]
    assert [path.read_bytes() for path in paths] == list(small.values())
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o640}
    (dest / "b.txt").unlink()
    server.requests.clear()
    assert get_small(server, dest) == paths and server.requests == [("b.txt", None)]
    assert bars_alone(capfd.readouterr())
    monkeypatch.setattr("vscg.machine.files.locked", None)   # what is there may lie where nothing can be written
    assert get_small(server, dest) == paths


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
    assert bars_alone(capfd.readouterr())


def test_a_cut_connection_is_continued(tmp_path, server, one):
    server.cuts[CALLED[one]] = [600_000, 600_000]
    get(one, server, tmp_path)
    first, second, third = server.ranges(CALLED[one])
    begin = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in (second, third)]
    assert first is None and begin[0] > 500_000 and begin[1] > begin[0]
    assert right(one, server, tmp_path)


def test_cut_for_good_is_an_error_and_the_next_call_continues(tmp_path, server, one):
    server.cuts[CALLED[one]] = [1_100_000, 1000, 1000]
    with pytest.raises(VscgError, match=f"{one}: the connection to .* was cut .*continues where it stopped"):
        get(one, server, tmp_path)
    have = part(tmp_path, one).stat().st_size
    assert not (tmp_path / one).exists() and have > 500_000
    get(one, server, tmp_path)
    assert server.ranges(CALLED[one])[-1] == f"bytes={have}-" and right(one, server, tmp_path)
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


WRONG = {SMALL: "has not a SHA-256 that begins with", LARGE: "is not a complete HDF5 file with `avadataset` in it"}


@pytest.mark.parametrize("content", ["page", "cut"])
def test_wrong_content_is_not_kept(tmp_path, server, one, content):
    sound = server.files[CALLED[one]]
    server.files[CALLED[one]] = b"<html>quota exceeded</html>" if content == "page" else sound[:-100]
    with pytest.raises(VscgError, match=f"{one}: what .* sent {WRONG[one]}.*; it was not kept"):
        get(one, server, tmp_path)
    assert not [name for name in names(tmp_path) if one in name]


def test_what_is_the_users_own_is_never_replaced(tmp_path, server, one):
    (tmp_path / one).write_bytes(b"mine")
    with pytest.raises(VscgError, match=f"{tmp_path / one}: {WRONG[one]}.* stays as it is; move it away, .* put there"):
        get(one, server, tmp_path)
    assert (tmp_path / one).read_bytes() == b"mine"


def test_real_files_have_the_listed_sums_and_arrive(tmp_path, server, ave_small):
    server.files = {name: (ave_small / name).read_bytes() for name in download.SMALL_FILES}
    assert [path.name for path in get_small(server, tmp_path)] == list(download.SMALL_FILES)


WHOLE = download.REVISION + "0" * 28


@pytest.fixture
def hub(server, monkeypatch):
    """The mirror's two files on the server, a large and a small one, its list in two pages, and its commits."""
    monkeypatch.setattr("random.uniform", lambda low, high: 0)
    large, small, place = np.random.default_rng(5).bytes(300_000), b"# AVE\n", f"datasets/{download.MIRROR}"
    blob = hashlib.sha1(b"blob 6\0" + small).hexdigest()
    first = [{"type": "directory", "path": "data", "oid": "1"}, {"type": "file", "path": "README.md", "oid": blob}]
    second = [{"type": "file", "path": "data/train 0.parquet", "oid": "2",
               "lfs": {"oid": hashlib.sha256(large).hexdigest()}}]
    server.lists = {f"api/{place}/commits/main": [{"id": "3" * 40}, {"id": WHOLE}],
                    f"api/{place}/tree/{WHOLE}?recursive=true": first, f"api/{place}/tree/{WHOLE}?next": second}
    server.links = {f"api/{place}/tree/{WHOLE}?recursive=true": f"api/{place}/tree/{WHOLE}?next"}
    server.files |= {f"{place}/resolve/{WHOLE}/README.md": small,
                     f"{place}/resolve/{WHOLE}/data/train%200.parquet": large}
    server.files |= {name: json.dumps(content).encode() for name, content in server.lists.items()}
    return server


def get_clips(server, dest):
    return download.download_clips(dest, server.url)


def test_the_mirrors_files_come_at_the_pinned_revision(hub, tmp_path):
    paths = get_clips(hub, tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == ["README.md", "data/train 0.parquet"]
    assert paths[0].read_bytes() == b"# AVE\n" and len(paths[1].read_bytes()) == 300_000
    asked = len(hub.requests)
    assert get_clips(hub, tmp_path) == paths and len(hub.requests) == asked + 3      # the lists alone


def test_a_file_of_the_mirror_with_another_sum_is_not_kept(hub, tmp_path):
    for name in [name for name in hub.files if "/resolve/" in name]:
        right, hub.files[name] = hub.files[name], b"other"
        with pytest.raises(VscgError, match="it was not kept"):
            get_clips(hub, tmp_path)
        hub.files[name] = right
    assert len(get_clips(hub, tmp_path)) == 2


@pytest.mark.parametrize("name, content, words", [
    ("commits/main", [{"id": "4" * 40}], "has no revision f6eb93b4e894 any more"),
    ("commits/main", {"error": "gone"}, "sent no list of files, but {'error'"),
    (f"tree/{WHOLE}?recursive=true", [{"type": "file", "path": "../../out", "oid": "5"}], "no file with a sum"),
    (f"tree/{WHOLE}?recursive=true", [{"type": "file", "path": "a"}], "no file with a sum"),
    (f"tree/{WHOLE}?recursive=true", None, "no list of files from there .404"),
])
def test_a_mirror_that_has_changed_is_one_clear_error(hub, name, content, words, tmp_path):
    place = f"api/datasets/{download.MIRROR}/{name}"
    if content is None:
        del hub.files[place]
    else:
        hub.files[place] = json.dumps(content).encode()
    with pytest.raises(VscgError, match=words):
        get_clips(hub, tmp_path / "in" / "here")
    assert not list(tmp_path.glob("**/out"))


Usage = namedtuple("Usage", "total used free")


def test_interrupted_it_is_continued(tmp_path, server, one):
    def wait_and_interrupt():
        """At a cut: wait until much is there, then interrupt like Ctrl-C, while the connection is still open."""
        end = time.monotonic() + 10
        while part(tmp_path, one).stat().st_size < 500_000 and time.monotonic() < end:
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.2)

    server.cuts[CALLED[one]], server.at_cut = [1_100_000], wait_and_interrupt
    with pytest.raises(KeyboardInterrupt):
        get(one, server, tmp_path)
    have = part(tmp_path, one).stat().st_size
    assert have >= 500_000 and not (tmp_path / one).exists()
    get(one, server, tmp_path)
    assert server.ranges(CALLED[one])[-1] == f"bytes={have}-" and right(one, server, tmp_path)


def test_two_processes_download_once(tmp_path, server, one):
    """The first is cut in the middle and continues; the second waits for it and finds the file."""
    server.cuts[CALLED[one]], server.at_cut = [1_100_000], lambda: time.sleep(0.5)
    in_two_processes(get, one, server, tmp_path)
    assert len(server.ranges(CALLED[one])) == 2 and right(one, server, tmp_path)


@pytest.mark.parametrize("ranges, size", [(False, 1000), (True, 3_000_000)])
def test_a_part_that_cannot_be_continued_begins_again(tmp_path, server, one, ranges, size):
    server.understands_ranges = ranges
    part(tmp_path, one).write_bytes(server.files[CALLED[one]][:size].ljust(size))
    get(one, server, tmp_path)
    assert right(one, server, tmp_path) and not part(tmp_path, one).exists()


def test_a_part_of_another_file_is_not_kept(tmp_path, server, small):
    part(tmp_path, SMALL).write_bytes(b"another beginning")
    with pytest.raises(VscgError, match="a.h5: what .* sent has not a SHA-256 .* not kept"):
        get_small(server, tmp_path)
    assert names(tmp_path) == []
    get_small(server, tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_disk_that_is_full(tmp_path, server, one, monkeypatch):
    part(tmp_path, one).symlink_to("/dev/full")            # the kernel answers each write with ENOSPC
    with pytest.raises(VscgError, match=f"{tmp_path / one}: cannot be written .No space left .*Free some"):
        get(one, server, tmp_path)
    part(tmp_path, one).unlink()
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: Usage(10**9, 10**9 - 100_000, 100_000))
    with pytest.raises(VscgError, match=f"{one}: no space left .* are still to come, 0.1 MB are free"):
        get(one, server, tmp_path)
    assert not (tmp_path / one).exists()
