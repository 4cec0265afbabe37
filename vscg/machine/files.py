"""Files that are whole or not there, folders that one process holds, where both lie, and what code hashes to."""
import ast
import errno
import fcntl
import hashlib
import inspect
import json
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from vscg.errors import VscgError

_ADVICE = {                                                # by the system's reason
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "Free some space there, then do the same again"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS),
                    "Choose a folder that you may write to; VSCG_HOME names the one for data sets and runs"),
    errno.EFBIG: "Raise the limit on the size of files (`ulimit -f`), then do the same again",
    errno.ENOENT: "Make its folder first",
    **dict.fromkeys((errno.EISDIR, errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG), "Name another path"),
    errno.ELOOP: "A link leads back to itself, or stands where its unfinished file, .NAME.partial, would be: remove "
                 "that link",
}


PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE, errno.EINTR, errno.EAGAIN}    # no damage


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
def replacing(path: Path, follow: bool = True) -> Iterator[BinaryIO]:
    """A file to write to, `.NAME.partial` beside `path`, which takes its place once the block ends well.

    After an error it is removed and what was there before stays; the next writer takes over that of a killed process.
    Of two writers the second one waits for the first; through a link the file behind it is written, if `follow`, else
    the link is replaced. WriteError for what the system refuses, inside the block too.
    """
    path = _behind(path) if follow else path
    try:
        with held(path.with_name(f".{path.name}.partial")) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                with suppress(OSError):                    # what was there was perhaps not for everyone
                    if stat.S_ISREG(mode := path.lstat().st_mode):
                        os.fchmod(file.fileno(), stat.S_IMODE(mode))
                os.replace(file.name, path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise write_error(path, error) from error


def _behind(path: Path) -> Path:
    """The file that a link leads to, there or not; any other path as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def held(partial: Path) -> BinaryIO:
    """An empty file to write to, held until it is closed; waits for whoever holds it now. OSError if refused.

    It is not opened to append: where a file system has no fallocate, the C library's stand-in refuses such files.
    """
    while True:
        file = open(partial, "r+b", opener=lambda path, flags: os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o666))
        fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):                  # whoever held it before may have moved or removed it
            if os.path.samestat(os.fstat(file.fileno()), partial.stat()):
                file.truncate(0)
                return file
        file.close()


def write_atomically(path: Path, content: bytes, follow: bool = True) -> None:
    """Write a file so that it is there whole or not at all; `follow` and WriteError as `replacing`."""
    with replacing(path, follow) as file:
        file.write(content)


def check_writable(path: Path) -> None:
    """Refuse a path before the work where no file could be written after it; WriteError as `replacing`."""
    path = _behind(path)
    make_folder(path.parent)
    try:
        with held(path.with_name(f".{path.name}.partial")) as file:
            Path(file.name).unlink()
    except OSError as error:
        raise write_error(path, error) from error


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it is in, if it is not there; WriteError if the system refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error


def write_runs(path: Path, about: Mapping, runs: Iterable[Mapping]) -> None:
    """A record as JSON with one line for each of its runs: a change of one run is a change of one line."""
    lines = ",\n  ".join(map(json.dumps, runs))
    write_atomically(path, (json.dumps(about, indent=1)[:-2] + f',\n "runs": [\n  {lines}\n ]\n}}\n').encode())


def made_once(path: Path, is_there: Callable[[Path], bool], make: Callable[[Path], object]) -> Path:
    """`path`, made first unless `is_there(path)`: by one process while others wait and say so. Errors as `locked`."""
    if not is_there(path):                                 # asked without the lock: what is there may be read-only
        if in_use(path.parent):
            print(f"another process makes a file in {path.parent}; waiting for it", file=sys.stderr)
        with locked(path.parent):
            if not is_there(path):                         # another process may have made it in the meantime
                make(path)
    return path


def file_sum(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(folder: Path, wait: bool = True) -> Iterator[None]:
    """Hold a folder, made if need be; a second process waits until the first has finished. WriteError if refused.

    Without `wait` a second process gets a `filelock.Timeout`.
    """
    make_folder(folder)
    try:
        lock = FileLock(folder / ".lock", blocking=wait).acquire()
    except Timeout:                                        # which is an OSError too
        raise
    except OSError as error:
        raise write_error(folder, error) from error
    with lock:
        yield


def in_use(folder: Path) -> bool:
    """Whether another process holds the folder now; WriteError if it cannot be held at all."""
    if not (folder / ".lock").exists():
        return False
    try:
        with locked(folder, wait=False):
            return False
    except Timeout:
        return True


def expanded(path: str | os.PathLike) -> Path:
    """A path with `~` and `~name` as the folder that they stand for; VscgError if there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise VscgError(f"{path}: no home folder is known for what it begins with; write the path in full") from error


def home() -> Path:
    """Folder that holds `data/` and `runs/`: `VSCG_HOME` if set, else the checkout, else the working directory."""
    if os.environ.get("VSCG_HOME"):
        return expanded(os.environ["VSCG_HOME"]).resolve()
    checkout = Path(__file__).resolve().parent.parent.parent
    return checkout if (checkout / "notebooks").is_dir() else Path.cwd()


def data_dir() -> Path:
    """Prepared data sets, one HDF5 file each."""
    return home() / "data"


def runs_dir() -> Path:
    """Run records, one folder per run key."""
    return home() / "runs"


def ave_place() -> Path:
    """Where the official AVE files are looked for: `VSCG_AVE_DIR` if set, else `data/ave`, as in `data download`."""
    named = os.environ.get("VSCG_AVE_DIR")
    return expanded(named).resolve() if named else data_dir() / "ave"


def ave_dir() -> Path | None:
    """`ave_place` if `Annotations.txt` is in it, whatever else is; else None."""
    folder = ave_place()
    return folder if (folder / "Annotations.txt").is_file() else None


def code_hash(files: Iterable[Path]) -> str:
    """SHA-256 over what Python files do: their names, imports, comments, docstrings and layout do not count."""
    dumps = [code_text(node) for file in files for node in _undocumented(file.read_text(encoding="utf-8")).body
             if not isinstance(node, (ast.Import, ast.ImportFrom))]
    return hashlib.sha256("\n".join(sorted(dumps)).encode()).hexdigest()


def deeds(definition: object) -> str:
    """What a function or class does, as a syntax tree without comments, docstrings and layout."""
    return code_text(_undocumented(inspect.getsource(definition)))


def code_text(tree: ast.AST) -> str:
    """A syntax tree as the text that Python 3.11 writes of it, in later versions too: it goes into fingerprints."""
    full = {"show_empty": True} if sys.version_info >= (3, 13) else {}
    return ast.dump(tree, **full).replace(", type_params=[]", "")


def _undocumented(source: str) -> ast.Module:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return tree


def value_hash(values: object) -> str:
    """SHA-256 of anything that JSON can write, independent of the order of mapping keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
