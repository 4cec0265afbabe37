"""Files that are whole or not there, and folders that one process holds at a time."""
import multiprocessing
import os
import signal
import threading
import time

import pytest

from vscg.machine.files import WriteError, in_use, locked, make_folder, reason, replacing, write_atomically

FORK = multiprocessing.get_context("fork")


def hold(folder, held):
    with locked(folder):
        held.set()
        time.sleep(60)


@pytest.fixture
def holder():
    """Factory: another process that holds a folder."""
    started = []

    def start(folder):
        held = FORK.Event()
        started.append(FORK.Process(target=hold, args=(folder, held), daemon=True))
        started[-1].start()
        assert held.wait(30)
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.join()


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
        with pytest.raises(WriteError, match=f"{path}: cannot be written .No space left on device.*Free some space"):
            write_atomically(path, b"new")
        assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
        monkeypatch.undo()
        write_atomically(path, b"new")
        assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]

    def test_what_a_killed_writer_left_is_no_obstacle(self, tmp_path):
        path = tmp_path / "record.json"
        (tmp_path / ".record.json.partial").write_bytes(b"much longer than what comes now")
        write_atomically(path, b"new")
        assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]

    def test_an_error_of_the_writer_is_passed_on_and_the_old_file_stays(self, tmp_path):
        path = tmp_path / "record.json"
        write_atomically(path, b"old")
        for error in (KeyboardInterrupt, ValueError):
            with pytest.raises(error), replacing(path) as file:
                file.write(b"half of")
                raise error
        assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]

    def test_many_writers_of_one_file_take_turns(self, tmp_path):
        path, contents = tmp_path / "state", [bytes([letter]) * 100_000 for letter in b"abcd"]
        seen = set()

        def write(content):
            for _ in range(25):
                write_atomically(path, content)
                seen.add(path.read_bytes() in contents)

        writers = [threading.Thread(target=write, args=(content,)) for content in contents]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert seen == {True} and list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("place, words", [("absent/x", "No such file.*Make its folder"),
                                              ("file/x", "Not a directory.*Name another path"),
                                              ("folder", "Is a directory.*Name another path")])
    def test_a_place_where_no_file_can_be(self, tmp_path, place, words):
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").touch()
        with pytest.raises(WriteError, match=f"{tmp_path / place}: cannot be written .{words}"):
            write_atomically(tmp_path / place, b"")
        assert sorted(left.name for left in tmp_path.iterdir()) == ["file", "folder"]


    def test_a_folder_where_a_file_is(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(WriteError, match="file: cannot be written .File exists.*Name another path"):
            make_folder(tmp_path / "file")


def test_the_reason_is_never_empty():
    assert (reason(OSError()), reason(ValueError("one\ntwo"))) == ("OSError", "one")
    assert reason(OSError(28, "full")) == os.strerror(28)


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
        process.join()
        assert not in_use(tmp_path)
        with locked(tmp_path):
            pass

    def test_other_folders_are_not_held(self, tmp_path, holder):
        holder(tmp_path / "one")
        with locked(tmp_path / "two"):
            assert in_use(tmp_path / "one")


    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(WriteError, match="file/runs: cannot be written .Not a directory"), locked(
                tmp_path / "file" / "runs"):
            pass


class TestInUse:
    def test_follows_the_other_process(self, tmp_path, holder):
        assert not in_use(tmp_path / "absent")                    # and does not make it
        assert not (tmp_path / "absent").exists()
        process = holder(tmp_path)
        assert in_use(tmp_path) and in_use(tmp_path)
        process.kill()
        process.join()
        assert not in_use(tmp_path) and not in_use(tmp_path)

    def test_looking_does_not_hold(self, tmp_path, holder):
        with locked(tmp_path):
            pass
        assert not in_use(tmp_path)
        holder(tmp_path)                                          # another process gets in at once

    def test_a_folder_without_a_lock_is_free_and_stays_as_it_is(self, tmp_path):
        assert not in_use(tmp_path) and list(tmp_path.iterdir()) == []
