"""Downloads the official AVE files: the small ones from GitHub, checked by SHA-256, and the features from Google Drive.

Both continue where they were cut off or interrupted, and a file gets its name only when it is complete and right.
"""
import errno
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gdown
import h5py
import pooch
import requests
from tqdm import tqdm

from vscg.data.official import KEY
from vscg.errors import VscgError
from vscg.machine.files import expanded, locked, write_atomically

SMALL_FILES = {
    "Annotations.txt": "0d24a9ec5cd4ceb779ebd83d74e83ec8e55c5e468cede3f320fb57346c9dd321",
    "audio_feature_noisy.h5": "d29b6efa4c985746a1d5205423c6f01bf02cf475af40c2620e4df9260d84c5f4",
    "labels_noisy.h5": "1cc2b29e7104d4da26be06b6ff2260d9392cd1d93a096c77efd938843b4ebde1",
    "mil_labels.h5": "63c1886c78289bcf7e748fa0fe5c18d568dac75a1f015ac41860a78f598c2bd5",
    "test_order.h5": "f9bb79defc1f784ca5dda9cdd3ee52af6d24ccb399a1cfab6bf0d373f5681076",
    "train_order.h5": "a216fcdd02782ba9d10c9ea79116120eb3be467740e58290e1b340d42a590456",
    "val_order.h5": "5692aec0efb30e4efa49a867a902c1993b4c88a7d3ec19879349e540e7a5d9ca",
}
FEATURE_FILES = {  # name -> identifier on Google Drive; no checksum is published
    "audio_feature.h5": "1F6p4BAOY-i0fDXUOhG7xHuw_fnO5exBS",
    "visual_feature.h5": "1hQwbhutA3fQturduRnHMyfRqdrRHgmC9",  # 7.7 GiB
    "visual_feature_noisy.h5": "1I3OtOHJ8G1-v5G2dHIGCfevHQPn-QyLh",
}
GITHUB = "https://raw.githubusercontent.com/YapengTian/AVE-ECCV18/master/data/"
DRIVE = "https://drive.google.com/uc?id="
ATTEMPTS = 3  # of one file, when the connection is cut
TIMEOUT = 60  # seconds without an answer or a byte


@contextmanager
def explained(name: str, url: str, folder: Path) -> Iterator[None]:
    """Turn whatever stops a download into one VscgError."""
    by_hand = f"or fetch {url} by hand and put it into {folder} as {name}"
    again = "Run the same command again, it continues where it stopped"
    try:
        yield
    except requests.HTTPError as error:
        raise VscgError(f"{name}: the server answered {error.response.status_code} {error.response.reason} for {url}. "
                        f"Look for the file's new place at {url.rpartition('/')[0]}, {by_hand}.") from error
    except requests.RequestException as error:
        raise VscgError(f"{name}: the connection to {url} failed or was cut ({error}). Check the network. "
                        f"{again}, {by_hand}.") from error
    except gdown.exceptions.DownloadError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise VscgError(f"{name}: Google Drive did not give the file: {reason}. {again}, {by_hand}.") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise VscgError(f"{name}: no space left on the disk of {folder}. Free some. {again}.") from error
        raise VscgError(f"{name}: cannot write into {folder}: {error.strerror or error}. "
                        "Choose a folder that you may write to.") from error


def _require_space(name: str, folder: Path, missing: int) -> None:
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise VscgError(f"{name}: no space left on the disk of {folder}: {missing / 1e6:,.1f} MB are still to come, "
                        f"{free / 1e6:,.1f} MB are free. Free some and run the same command again.")


def fetch(url: str, partial: Path, name: str, progress: bool) -> None:
    """Fetch into `partial`, or continue it where the server can; again when the connection is cut, `ATTEMPTS` in all.

    One process at a time may do so: the caller holds the folder.

    Raises:
        requests.RequestException, OSError, VscgError: for `explained`.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _fetch_once(url, partial, name, progress)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            if attempt == ATTEMPTS:
                raise


def _fetch_once(url: str, partial: Path, name: str, progress: bool) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # compressed, the positions would not be those of the file
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            partial.unlink()  # it is not the beginning of this file
            return _fetch_once(url, partial, name, progress)
        answer.raise_for_status()
        if not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            have = 0  # the server sends the whole file
        missing = int(answer.headers.get("Content-Length", 0))
        _require_space(name, partial.parent, missing)
        with open(partial, "ab" if have else "wb") as file, tqdm(
                desc=name, total=have + missing, initial=have, unit="B", unit_scale=True, disable=not progress) as bar:
            for chunk in answer.iter_content(2**16):
                file.write(chunk)
                bar.update(len(chunk))


def download_small(dest: str | Path, base_url: str = GITHUB, progress: bool = True) -> list[Path]:
    """Download the annotations, split orders, labels and the background clips' audio features (2.5 MB).

    Args:
        dest: folder, made if missing; a file in it that is already right is kept and not fetched.
        base_url: where the files lie; ends with a slash.
        progress: show a bar per file.

    Returns:
        the paths of all `SMALL_FILES`, each with the SHA-256 listed there.

    Raises:
        VscgError: no network, no such file, wrong content, no space, or a folder that cannot be written. A file that
            was there before stays as it was; what was received of a cut file is kept, and continued by the next call.
    """
    folder = expanded(dest)
    pooch.get_logger().setLevel(logging.WARNING)
    store = pooch.create(path=folder, base_url=base_url, registry={n: f"sha256:{s}" for n, s in SMALL_FILES.items()})
    for name in SMALL_FILES:
        partial = folder / f".{name}.part"

        def load(url, output, _, name=name, partial=partial):
            fetch(url, partial, name, progress)
            os.replace(partial, output)  # pooch checks the sum, then renames or deletes it

        with explained(name, base_url + name, folder):
            if (folder / name).is_file() and pooch.file_hash(folder / name) == SMALL_FILES[name]:
                continue                                   # without the lock: it may lie where nothing can be written
            folder.mkdir(parents=True, exist_ok=True)
            try:
                with locked(folder):                       # another process may be at it
                    store.fetch(name, downloader=load)
            except ValueError as error:
                if isinstance(error, requests.RequestException):
                    raise
                raise VscgError(f"{name}: what {base_url + name} sent has not the SHA-256 {SMALL_FILES[name]}; it was "
                                "not kept. Run the command again; if this repeats, the file there was changed."
                                ) from error
    return [folder / name for name in SMALL_FILES]


def _holds_features(path: Path) -> bool:
    try:
        with h5py.File(path, "r") as file:
            return isinstance(file.get(KEY), h5py.Dataset)
    except OSError:  # missing, cut off, or not HDF5
        return False


def download_features(dest: str | Path, base_url: str = DRIVE, progress: bool = True) -> list[Path]:
    """Download the audio and visual features (7.7 GiB and more) from the AVE authors' Google Drive.

    No checksum is published for them. Each must open as a complete HDF5 file that holds `avadataset`; then its SHA-256
    is written beside it as `NAME.sha256`, in the format of sha256sum.

    Args:
        dest: folder, made if missing; a feature file in it that opens is kept and not fetched.
        base_url: the identifiers in `FEATURE_FILES` are appended to it.
        progress: show a bar per file.

    Returns:
        the paths of all `FEATURE_FILES`.

    Raises:
        VscgError: as `download_small`; also when Google Drive refuses because too many have fetched the file lately.
    """
    folder = expanded(dest)
    for name, identifier in FEATURE_FILES.items():
        target, received, url = folder / name, folder / f".{name}.received", base_url + identifier
        with explained(name, url, folder):
            folder.mkdir(parents=True, exist_ok=True)
            if not _holds_features(target):
                with locked(folder):
                    if not _holds_features(target):        # another process may have been at it
                        _receive(url, target, received, progress)
            _record_sum(target)
    return [folder / name for name in FEATURE_FILES]


def _receive(url: str, target: Path, received: Path, progress: bool) -> None:
    _fetch_drive(url, received, target.name, progress)
    if not _holds_features(received):
        received.unlink()
        raise VscgError(f"{target.name}: what {url} sent is not a complete HDF5 file with `{KEY}` in it; it was not "
                        "kept. Open the address in a browser to see what is there now.")
    target.with_name(f"{target.name}.sha256").unlink(missing_ok=True)
    os.replace(received, target)


def _fetch_drive(url: str, output: Path, name: str, progress: bool) -> None:
    checked = False

    def check_space(so_far: int, total: int | None) -> None:
        nonlocal checked
        if not checked and total is not None:
            _require_space(name, output.parent, total - so_far)
            checked = True

    options = dict(resume=True, retries=ATTEMPTS - 1, timeout=TIMEOUT, use_cookies=False, quiet=not progress)
    try:
        gdown.download(url, str(output), progress=check_space, **options)
    except gdown.exceptions.DownloadError as error:
        if "byte range" not in str(error):
            raise
        for partial in output.parent.glob(f"{output.name}*.part"):
            partial.unlink()  # the server cannot continue it: from the beginning
        gdown.download(url, str(output), progress=check_space, **options)


def _record_sum(path: Path) -> None:
    record = path.with_name(f"{path.name}.sha256")
    if not record.exists():
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        write_atomically(record, f"{digest}  {path.name}\n".encode())
