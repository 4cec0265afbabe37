"""Files that are whole or not there, and folders that one process holds at a time."""
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from vscg import files
from vscg.files import in_use, locked, write_atomically

# Holds the folder named by the first argument until it is ended, and says so.
HOLDER = f"""
import runpy, sys, time
from pathlib import Path
with runpy.run_path({files.__file__!r})["locked"](Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Factory: another process that holds a folder."""
    started = []

    def hold(folder):
        process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


class TestWriteAtomically:
    def test_content_and_nothing_beside_it(self, tmp_path):
        path = tmp_path / "record.json"
        write_atomically(path, b"one")
        write_atomically(path, b"\0two\xff")
        assert path.read_bytes() == b"\0two\xff" and list(tmp_path.iterdir()) == [path]

    def test_a_reader_sees_the_old_or_the_new_content_and_no_mixture(self, tmp_path):
        path, contents = tmp_path / "state", [bytes([letter]) * 1_000_000 for letter in b"ab"]
        write_atomically(path, contents[0])
        stop, seen = threading.Event(), set()

        def read():
            while not stop.is_set():
                seen.add(path.read_bytes() in contents)

        reader = threading.Thread(target=read)
        reader.start()
        for turn in range(30):
            write_atomically(path, contents[turn % 2])
        stop.set()
        reader.join()
        assert seen == {True}

    def test_interrupted_before_the_end_the_old_file_stays(self, tmp_path, monkeypatch):
        path = tmp_path / "record.json"
        write_atomically(path, b"old")

        def full_disk(handle):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full_disk)
        with pytest.raises(OSError, match="No space"):
            write_atomically(path, b"new")
        assert path.read_bytes() == b"old"
        monkeypatch.undo()
        write_atomically(path, b"new")                             # what was left over is no obstacle
        assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]

    def test_a_folder_that_is_not_there(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            write_atomically(tmp_path / "absent" / "x", b"")


class TestLocked:
    def test_makes_the_folder_and_keeps_what_is_in_it(self, tmp_path):
        folder = tmp_path / "runs" / "key"
        with locked(folder):
            (folder / "x").write_text("kept")
        with locked(folder):
            assert (folder / "x").read_text() == "kept"

    def test_waits_for_another_process(self, tmp_path, holder):
        process, entered = holder(tmp_path), []

        def enter():
            with locked(tmp_path):
                entered.append(time.monotonic())

        waiting = threading.Thread(target=enter)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive() and not entered
        ended = time.monotonic()
        process.terminate()
        waiting.join(10)
        assert entered and entered[0] >= ended

    def test_is_free_again_after_an_error_and_after_a_kill(self, tmp_path, holder):
        with pytest.raises(ValueError), locked(tmp_path):
            raise ValueError
        assert not in_use(tmp_path)
        process = holder(tmp_path)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not in_use(tmp_path)
        with locked(tmp_path):
            pass

    def test_other_folders_are_not_held(self, tmp_path, holder):
        holder(tmp_path / "one")
        with locked(tmp_path / "two"):
            assert in_use(tmp_path / "one")


class TestInUse:
    def test_follows_the_other_process(self, tmp_path, holder):
        assert not in_use(tmp_path / "absent")                    # and does not make it
        assert not (tmp_path / "absent").exists()
        process = holder(tmp_path)
        assert in_use(tmp_path) and in_use(tmp_path)
        process.kill()
        process.wait()
        assert not in_use(tmp_path) and not in_use(tmp_path)

    def test_looking_does_not_hold(self, tmp_path, holder):
        with locked(tmp_path):
            pass
        assert not in_use(tmp_path)
        holder(tmp_path)                                          # another process gets in at once

    def test_a_folder_without_a_lock_is_free_and_stays_as_it_is(self, tmp_path):
        assert not in_use(tmp_path) and list(tmp_path.iterdir()) == []
