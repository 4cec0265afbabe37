"""What files of strangers, and folders in which they left something, may not do."""
import errno
import hashlib
import http.server
import io
import json
import os
import resource
import struct
import threading
import zipfile
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest
import torch

from tests.features.test_extract import Heard, Seen
from tests.media import write_clip
from vscg import predict
from vscg.data import download
from vscg.data.ave import check
from vscg.data.labels import Dims
from vscg.data.own import prepare_own
from vscg.data.prepared import read_prepared
from vscg.data.tables import read_tables
from vscg.data.writer import PreparedWriter
from vscg.errors import VscgError
from vscg.features.extract import extract
from vscg.features.networks import Networks
from vscg.features.video import Window
from vscg.machine.cluster import Cluster
from vscg.machine.files import WriteError, check_writable, write_atomically
from vscg.released.reader import read_checkpoint
from vscg.training.checkpoint import load_run
from vscg.training.config import RunConfig
from vscg.training.records import find_records, read_record, write_record

DIMS = Dims(5, 6, 3)


def toy(path):
    with PreparedWriter(path, 4, "toy", "ab12", dims=DIMS) as writer:
        writer.append(np.ones((4, 10, 3, 3, 6)), np.ones((4, 10, 5)), np.eye(29)[np.full((4, 10), 28)], np.full(4, 28),
                      "abcd")
        writer.splits([0], [1], [2], [3])
    return path


def outside_link(h, folder):
    h["audio"] = h5py.ExternalLink(str(folder / "other.h5"), "/audio")


def outside_group(h, folder):
    h.copy("video_ids", "audio")
    h["truth"] = h5py.ExternalLink(str(folder / "other.h5"), "/")


def outside_raw(h, folder):
    h.create_dataset("audio", (4, 10, 5), "f4", external=[(str(folder / "other.h5"), 0, 800)])


def virtual(h, folder):
    layout = h5py.VirtualLayout((4, 10, 5), "f4")
    layout[...] = h5py.VirtualSource(str(folder / "other.h5"), "audio", (4, 10, 5))
    h.create_virtual_dataset("audio", layout)


@pytest.mark.parametrize("edit", [outside_link, outside_group, outside_raw, virtual])
def test_a_file_that_leads_to_another_is_refused(edit, tmp_path):
    toy(tmp_path / "other.h5")
    with h5py.File(toy(tmp_path / "set.h5"), "a") as handle:
        del handle["audio"]
        edit(handle, tmp_path)
    for read in (read_prepared, check):
        with pytest.raises(VscgError, match="other files?, which (is|are) not opened"):
            read(tmp_path / "set.h5")


def test_no_link_is_written_through_where_the_unfinished_file_would_be(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".out.partial").symlink_to(tmp_path / "victim")
    for write in (lambda: write_atomically(tmp_path / "out", b"new"), lambda: check_writable(tmp_path / "out")):
        with pytest.raises(WriteError, match="remove that link"):
            write()
    assert (tmp_path / "victim").read_text() == "mine" and not (tmp_path / "out").exists()


def record(folder, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    config = RunConfig().resolve().to_json() | changes
    return write_record(folder, {"key": folder.name, "config": config, "finished": "2026"}, [{"epoch": 1}], {}, {})


def test_a_links_target_outside_a_runs_folder_stays(tmp_path):
    (tmp_path / "victim").write_text("mine")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "history.csv").symlink_to(tmp_path / "victim")
    assert record(folder).history.epoch.tolist() == [1]
    assert (tmp_path / "victim").read_text() == "mine" and not (folder / "history.csv").is_symlink()
    assert not (folder / "history.csv").stat().st_mode & 0o022


def test_a_pickles_memo_takes_no_memory(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}r" + struct.pack("<I", 2**31 - 1) + b".")
        archive.writestr("archive/version", "3\n")
    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
    resource.setrlimit(resource.RLIMIT_AS, (now + 2**30, before[1]))
    try:
        assert read_checkpoint(tmp_path / "w.pt") == {}
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_records_that_lie_over_one_another_are_refused(tmp_path):
    torch.save({"w": torch.zeros(100_000)}, tmp_path / "w.pt")
    with zipfile.ZipFile(tmp_path / "w.pt", "a") as archive:
        info = archive.getinfo("w/data/0")
        for number in range(1, 5):
            again = zipfile.ZipInfo(f"w/data/{number}")
            for name in ("header_offset", "CRC", "compress_size", "file_size"):
                setattr(again, name, getattr(info, name))
            archive.filelist.append(again)
        archive._didModify = True
    with pytest.raises(VscgError, match="lie over one another"):
        read_checkpoint(tmp_path / "w.pt")


@pytest.mark.parametrize("words, chunks, longest, rows",
                         [("2 of its 4 chunks", 1, 4, 2), ("larger than itself", 10**5, None, 4)])
def test_chunks_that_are_missing_or_too_large_are_refused(words, chunks, longest, rows, tmp_path):
    with h5py.File(toy(tmp_path / "set.h5"), "a") as handle:
        del handle["audio"]
        made = handle.create_dataset("audio", (4, 10, 5), "f4", maxshape=(longest, 10, 5), chunks=(chunks, 10, 5),
                                     compression="gzip")
        made[:rows] = 1
    with pytest.raises(VscgError, match=words):
        check(tmp_path / "set.h5")


def test_a_link_that_leads_nowhere_is_not_replaced(tmp_path, server, monkeypatch):
    monkeypatch.setattr(download, "SMALL_FILES", {"a.txt": hashlib.sha256(b"x").hexdigest()})
    server.files = {"a.txt": b"x"}
    (tmp_path / "a.txt").symlink_to(tmp_path / "unmounted" / "a.txt")
    with pytest.raises(VscgError, match="leads nowhere"):
        download.download_small(tmp_path, server.url)
    assert (tmp_path / "a.txt").is_symlink()


def test_other_zips_among_the_runs_are_none(tmp_path):
    record(tmp_path / "0123456789abcdef")
    with zipfile.ZipFile(tmp_path / "my-backup.zip", "w") as archive:
        archive.writestr("notes.txt", "mine")
    assert len(find_records(tmp_path)) == 1


def test_what_cannot_be_read_now_is_not_called_damaged(tmp_path):
    folder, data = record(tmp_path / "0123456789abcdef").folder, toy(tmp_path / "set.h5")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    said = []
    try:
        for read, place in ((read_record, folder), (read_prepared, data)):
            try:
                read(place)
            except Exception as error:
                said.append(str(error))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert len(said) == 2 and all("Too many open files" in words for words in said)
    assert not any("damaged" in words or "delete" in words for words in said)


def test_a_record_that_is_packed_otherwise_and_damaged_is_named(tmp_path):
    path = tmp_path / "0123456789abcdef.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("record.json", b"{}" * 100, zipfile.ZIP_LZMA)
    content = bytearray(path.read_bytes())
    at = content.index(b"record.json") + 15
    content[at:at + 5] = b"\xff" * 5
    path.write_bytes(content)
    with pytest.raises(VscgError, match="is damaged"):
        read_record(path)


def test_the_json_says_that_it_is_finished_when_all_is(tmp_path, monkeypatch):
    window = Window(0, np.zeros((10, 16, 224, 224, 3), np.uint8), np.zeros(160_000, "f4"), 16_000, np.zeros(10, bool))
    (tmp_path / "a.mp4").write_bytes(b"clip")
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(predict, "timeline", full)
    with pytest.raises(WriteError):
        predict.write_results(tmp_path / "a.mp4",
                              [predict.Watched(window, np.ones(10, int), np.ones((10, 29)) / 29, None)], tmp_path, "x")
    assert json.loads((tmp_path / "a.json").read_text())["stopped"]


def listening() -> set[tuple[str, int]]:
    """Addresses and ports on which this process and those that it began take connections."""
    own = psutil.Process()
    return {tuple(one.laddr) for process in (own, *own.children(recursive=True))
            for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN}


def test_nothing_listens_on_other_addresses_than_this_machines(tmp_path):
    before = listening()
    with Cluster("local:1", tmp_path, []) as pool:
        found = listening() - before
        assert len(found) > 2 and {address for address, _ in found} == {"127.0.0.1"}, pool


@pytest.mark.parametrize("changes", [{"system": "newnet"}, {"selection": "loss"}])
def test_a_choice_of_a_newer_version_is_called_that(changes, tmp_path):
    record(tmp_path / "0123456789abcdef")
    record(tmp_path / "1123456789abcdef", **changes)
    said = []
    assert len(find_records(tmp_path, said.append)) == 1
    assert "1123456789abcdef/record.json is of another version" in str(said[0])


@pytest.mark.parametrize("head", ["{'descr': '<f8', 'fortran_order': False, 'shape': (%d,)}" % 10**30,
    "{'descr': (), 'fortran_order': False, 'shape': (1,)}", "{1: 2, 'a': 3, 'b': 4}"])
def test_any_head_of_an_array_is_an_error_with_its_file(head, tmp_path):
    for kind in ("visual", "audio"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "a.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + head.encode().ljust(117) + b"\n"
                                                + bytes(80))
    (tmp_path / "t.csv").write_text("id,category,onset,offset,split\na,x,0,5,train\n")
    with pytest.raises(VscgError, match="a.npy: cannot be read as an array"):
        prepare_own(tmp_path, [tmp_path / "t.csv"], tmp_path / "own.h5")


def test_what_an_extraction_did_not_leave_is_not_removed(tmp_path):
    write_clip(tmp_path / "a.mkv", fps=4)
    for inner in (".env", "0123456789abcdef/thesis.txt"):
        mine = tmp_path / "f.h5.parts" / inner
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.write_text("mine")
        with pytest.raises(VscgError, match="which no extraction left there"):
            extract(tmp_path, tmp_path / "f.h5", networks=Networks(Seen(), Heard()))
        mine.unlink()


def test_a_state_of_another_version_says_so(tmp_path):
    torch.save({"epoch": 1}, content := io.BytesIO())
    (tmp_path / "checkpoint.pt").write_bytes(hashlib.sha256(content.getvalue()).digest() + content.getvalue())
    with pytest.raises(VscgError, match="of another version"):
        load_run(tmp_path / "checkpoint.pt", None)


def test_what_was_for_its_owner_alone_stays_so(tmp_path):
    (tmp_path / "a").touch(0o600)
    write_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_the_room_is_that_of_the_row_numbers_too(tmp_path):
    n, dims = 400_000, Dims(1, 1, 1, 1, ("x",))
    with (writer := PreparedWriter(tmp_path / "many.h5", n, "many", "ab12", dims=dims)):
        writer.append(np.zeros((n, 1, 1, 1, 1)), np.zeros((n, 1, 1)), np.tile(np.array([1, 0], "u1"), (n, 1, 1)),
                      np.zeros(n, int), ["a"] * n)
        writer.splits(range(n), [], [])
    assert (tmp_path / "many.h5").stat().st_size <= writer._room


def test_an_array_that_grows_without_measure_is_refused_before(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", visual=np.zeros((10, 49, 150_000), "f4"), audio=np.zeros((10, 5)))
    (tmp_path / "t.csv").write_text("id,category,onset,offset,split\na,x,0,5,train\n")
    with pytest.raises(VscgError, match="'visual' would take 294,000,128 bytes"):
        prepare_own(tmp_path, [tmp_path / "t.csv"], tmp_path / "own.h5")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    other = threading.Timer(3, lambda: os.open(tmp_path / "pipe", os.O_WRONLY))      # lets a reader that waits go on
    other.daemon = True
    other.start()
    for read in (check, lambda path: read_tables([path])):
        with pytest.raises(VscgError, match="no regular file"):
            read(tmp_path / "pipe")
    other.cancel()


def test_lines_of_a_table_end_where_an_editor_shows_it_and_numbers_may_be_long(tmp_path):
    (tmp_path / "a.csv").write_text("id,category,onset,offset,split\na,dog\u2028barking,0,5,train\r\n"
                                    "b,c\x85d,0,5,val\n")
    assert [(mark.video_id, mark.category) for mark in read_tables([tmp_path / "a.csv"])] == [
        ("a", "dog\u2028barking"), ("b", "c\x85d")]
    (tmp_path / "b.csv").write_text(f"id,category,seg{'9' * 5000},split\na,x,1,train\n")
    with pytest.raises(VscgError, match="no column for"):
        read_tables([tmp_path / "b.csv"])


class Hub(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        whole, again = download.REVISION + "0" * 28, f"http://127.0.0.1:{self.server.server_port}{self.path}"
        self.server.asked += 1
        body = (json.dumps([{"id": whole}]) if "commits" in self.path else json.dumps(
            [{"type": "file", "path": "clip.mp4", "lfs": {"oid": ""}}]) if "tree" in self.path else "anything").encode()
        self.send_response(200)
        if self.server.loops and self.server.asked < 50:
            self.send_header("Link", f'<{again}>; rel="next"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass


@pytest.mark.parametrize("loops, words", [(False, "no file with a sum"), (True, "leads back to itself")])
def test_a_list_without_sums_or_without_end_is_refused(loops, words, tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.asked, server.loops = 0, loops
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(VscgError, match=words):
        download.download_clips(tmp_path, f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()


def test_torchs_own_switch_is_not_called_damage(tmp_path, monkeypatch):
    torch.save({"w": torch.zeros(2)}, tmp_path / "w.pt")
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(VscgError, match="unset that"):
        read_checkpoint(tmp_path / "w.pt")
