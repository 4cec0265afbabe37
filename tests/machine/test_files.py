"""Files that are whole or not there, folders that one process holds at a time, and hashes of code and of values."""
import ast
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from vscg.machine.files import (
    WriteError,
    check_writable,
    code_hash,
    code_text,
    in_use,
    locked,
    made_once,
    make_folder,
    replacing,
    write_atomically,
)

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
    def test_many_writers_and_readers_see_whole_contents_alone(self, tmp_path):
        """Also over what a killed writer has left; nothing stays beside the file."""
        path, contents = tmp_path / "state", [bytes([letter]) * 300_000 for letter in b"abcd"]
        (tmp_path / ".state.partial").write_bytes(b"x" * 400_000)
        write_atomically(path, contents[0])
        seen = [path.read_bytes() == contents[0]]

        def write(content):
            for _ in range(15):
                write_atomically(path, content)
                seen.append(path.read_bytes() in contents)

        writers = [threading.Thread(target=write, args=(content,)) for content in contents]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert seen == [True] * 61 and list(tmp_path.iterdir()) == [path]

    def test_through_a_link_the_file_behind_it_is_written(self, tmp_path):
        (tmp_path / "large").mkdir()
        link = tmp_path / "data.h5"
        link.symlink_to(tmp_path / "large" / "data.h5")
        for content in (b"first", b"second"):
            write_atomically(link, content)
            check_writable(link)
            assert link.is_symlink() and (tmp_path / "large" / "data.h5").read_bytes() == content
        assert len(list((tmp_path / "large").iterdir())) == 1

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError(28, "No space left on device")])
    def test_an_error_before_the_end_leaves_the_old_file(self, tmp_path, error):
        path = tmp_path / "record.json"
        write_atomically(path, b"old")
        with pytest.raises(WriteError if isinstance(error, OSError) else error) as raised, replacing(path) as file:
            file.write(b"half of")
            raise error
        assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
        if isinstance(error, OSError):
            assert str(raised.value).startswith(f"{path}: cannot be written (No space left on device)")
            assert "Free some space" in str(raised.value)

    def test_a_place_where_no_file_can_be(self, tmp_path):
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").touch()
        def empty(path):
            write_atomically(path, b"")

        for write, place, words in ((empty, "absent/x", "No such file.*Make its folder"),
                                    (empty, "folder", "Is a directory.*Name another path"),
                                    (empty, "file/x", "Not a directory.*Name another path"),
                                    (make_folder, "file", "File exists.*Name another path"),
                                    (lambda path: locked(path).__enter__(), "file/x", "Not a directory.*Name another")):
            with pytest.raises(WriteError, match=f"{tmp_path / place}: cannot be written .{words}"):
                write(tmp_path / place)
        assert sorted(left.name for left in tmp_path.iterdir()) == ["file", "folder"]


class TestLocked:
    def test_a_second_process_waits_for_the_first(self, tmp_path, holder):
        folder, entered = tmp_path / "runs" / "key", []
        process = holder(folder)
        assert in_use(folder) and in_use(folder)

        def enter():
            with locked(folder):
                entered.append(time.monotonic())

        waiting = threading.Thread(target=enter)
        waiting.start()
        with locked(tmp_path / "other"):
            waiting.join(0.3)
        assert waiting.is_alive() and not entered
        ended = time.monotonic()
        os.kill(process.pid, signal.SIGKILL)
        waiting.join(10)
        assert entered and entered[0] >= ended and not in_use(folder)


def test_what_another_process_makes_meanwhile_is_not_made_again(tmp_path):
    asked = []

    def is_there(path):
        asked.append(in_use(path.parent))
        return len(asked) == 2

    assert made_once(tmp_path / "set", is_there, None) == tmp_path / "set" and asked == [False, True]


SOURCE = '"""Doc."""\ndef f(x):\n    """Doc."""\n    return x + 1     # a comment\n'


@pytest.mark.parametrize("text, same", [
    (SOURCE.replace("Doc", "Other"), True), (SOURCE.replace("  # a comment", ""), True),
    (SOURCE.replace("x + 1", "(x\n            + 1)"), True), (SOURCE.replace("+ 1", "+ 2"), False),
    (SOURCE.replace("x", "y"), False), (SOURCE + "A = 'text'\n", False),
    (SOURCE + "import os\nfrom a import b\n", True)])
def test_code_hash_sees_what_code_does_and_nothing_else(text, same, tmp_path):
    (tmp_path / "a.py").write_text(SOURCE)
    (tmp_path / "b.py").write_text(text)          # a file may be called otherwise
    assert (code_hash([tmp_path / "a.py"]) == code_hash([tmp_path / "b.py"])) is same


def test_code_is_the_same_text_in_every_version_of_python():
    """A fingerprint, and so the key of a shipped run, rests on it."""
    tree = ast.parse("def f():\n    return g()\n\nclass A:\n    pass\n")
    assert [code_text(node) for node in tree.body] == [
        "FunctionDef(name='f', args=arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[]), "
        "body=[Return(value=Call(func=Name(id='g', ctx=Load()), args=[], keywords=[]))], decorator_list=[])",
        "ClassDef(name='A', bases=[], keywords=[], body=[Pass()], decorator_list=[])"]


WITHOUT_FALLOCATE = """
import ctypes, errno, os, platform, struct, sys
from pathlib import Path
call = {"x86_64": 285, "aarch64": 47}[platform.machine()]
codes = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, 0x00050000 | errno.EOPNOTSUPP), (0x06, 0, 0, 0x7FFF0000)]
codes = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *code) for code in codes))
program, prctl = struct.pack("HxxxxxxP", 4, ctypes.addressof(codes)), ctypes.CDLL(None).prctl
assert prctl(38, 1, 0, 0, 0) == 0 and prctl(22, 2, program, 0, 0) == 0
from vscg.data.planted import generate
from vscg.data.prepared import read_prepared
path = Path(sys.argv[1])
print(len(read_prepared(generate(path, train=2, val=1, test=1, background=1))))
with path.open("ab") as file:
    try:
        os.posix_fallocate(file.fileno(), 0, 10)
    except OSError as error:
        print(error.strerror)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fallocate is Linux's")
def test_a_file_system_without_fallocate_will_do(tmp_path):
    """The C library's stand-in refuses files opened to append: the last line, which tells that the test works."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_FALLOCATE, tmp_path / "set.h5"], capture_output=True,
                          text=True)
    assert done.stdout.split("\n") == ["5", os.strerror(9), ""], done.stderr
