"""Files that are whole or not there, and folders that one process holds at a time."""
import errno
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from vscg.errors import VscgError

_ADVICE = {                                                # by the system's reason
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "Free some space there, then do the same again"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS),
                    "Choose a folder that you may write to; VSCG_HOME names the one for data sets and runs"),
    errno.EFBIG: "Raise the limit on the size of files (`ulimit -f`), then do the same again",
    errno.ENOENT: "Make its folder first",
    **dict.fromkeys((errno.EISDIR, errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG), "Name another path"),
}


class WriteError(VscgError):
    """A file cannot be written, most often because the disk is full: what comes after it could not be either."""


def reason(error: Exception) -> str:
    """Why the system or a library refused, in one line."""
    code = getattr(error, "errno", None)
    return os.strerror(code) if code in errno.errorcode else (f"{error}".splitlines() or [type(error).__name__])[0]


def write_error(path: str | os.PathLike, error: Exception) -> WriteError:
    """The one error for a path that cannot be written: which, why, and what to do."""
    advice = _ADVICE.get(getattr(error, "errno", None), "Do the same again once it can be")
    return WriteError(f"{path}: cannot be written ({reason(error)}); what was there before is unchanged. {advice}.")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, `.NAME.partial` beside `path`, which takes its place once the block ends well.

    If it ends with an error, the partial file is removed and what was there before stays. A killed process leaves
    its partial file, and the next writer takes that over. Of two writers the second one waits for the first.

    Raises:
        WriteError: the system refused, inside the block too.
    """
    try:
        with held(path.with_name(f".{path.name}.partial")) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise write_error(path, error) from error


def held(partial: Path) -> BinaryIO:
    """An empty file to append to that nobody else holds, until it is closed; waits for whoever holds it now.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        file = partial.open("ab")
        fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):                  # whoever held it before may have moved or removed it
            if os.path.samestat(os.fstat(file.fileno()), partial.stat()):
                file.truncate(0)
                return file
        file.close()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all; WriteError as `replacing`."""
    with replacing(path) as file:
        file.write(content)


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it is in, if it is not there; WriteError if the system refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error


def made_once(path: Path, is_there: Callable[[Path], bool], make: Callable[[Path], object]) -> Path:
    """`path`, made first unless `is_there(path)`; of several processes that need it at once one makes it, others wait.

    Raises:
        WriteError: its folder cannot be made or held; and what `is_there` and `make` raise.
    """
    if not is_there(path):                                 # asked without the lock: what is there may be read-only
        with locked(path.parent):
            if not is_there(path):                         # another process may have made it in the meantime
                make(path)
    return path


def file_sum(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, made if need be; a second process waits here until the first one has finished.

    Raises:
        WriteError: it cannot be made or held.
    """
    make_folder(folder)
    try:
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise write_error(folder, error) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def in_use(folder: Path) -> bool:
    """Whether another process holds the folder now; WriteError if it cannot be held at all."""
    try:
        with (folder / ".lock").open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise write_error(folder, error) from error
    return False
