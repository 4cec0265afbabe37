"""Downloads, resumed, checked and whole: AVE's files from GitHub and Google Drive; raw clips from a pinned mirror."""
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import gdown
import h5py
import requests
from tqdm import tqdm

from vscg.data.ave import KEY
from vscg.data.prepared import opened
from vscg.errors import VscgError
from vscg.machine.files import PASSING, expanded, file_sum, made_once, write_atomically, write_error

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
HUB = "https://huggingface.co/"
MIRROR, REVISION = "mteb/AVE-Dataset", "f6eb93b4e894"      # and what its 40 digits begin with
MIRROR_LACKS = ("This mirror has 3,312 of AVE's 3,339 training clips and 402 test clips: no validation split, and none "
                "of the 178 clips without an event, whose list is lost. By its own count 6 test clips are also in "
                "training. It names each clip's video id and start: find the lines of Annotations.txt by these.")
RETRIES = 2   # of one file, when the connection is cut
TIMEOUT = 60  # seconds without an answer or a byte


def fetch(url: str, target: Path, fault: Callable[[Path], str]) -> Path:
    """The file `target`, downloaded from `url` if it is not there, also from Google Drive; never is one replaced.

    A download that was cut off is continued, and the file gets its name only when it is complete and right: `fault`
    says what is wrong with a file, "" for nothing, and is asked whenever the file is. Of several processes that need it
    at once one downloads it, and the others wait.

    Raises VscgError, with the address to fetch by hand and where to put the file: no network, no such file, wrong
        content there or here, no space, or a folder that cannot be written.
    """
    name, folder = target.name, target.parent

    def is_there(path: Path) -> bool:
        if path.is_symlink() and not path.exists():
            raise VscgError(f"{path}: is a link that leads nowhere ({os.readlink(path)}) and is not replaced; make the "
                            "place that it names, or remove it")
        try:
            words = path.exists() and fault(path)
        except OSError as error:
            raise VscgError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
        if words:
            raise VscgError(f"{path}: {words}, so it is not the published file, and stays as it is; move it away, "
                            f"then that is downloaded, or put there what {url} holds")
        return path.exists()

    def make(path: Path) -> None:
        received = folder / f".{name}"
        _receive(url, received, name)
        if words := fault(received):
            received.unlink()
            raise VscgError(f"{name}: what {url} sent {words}; it was not kept. Run the command again; if this "
                            "repeats, open the address in a browser to see what is there now.")
        os.replace(received, path)

    by_hand = f"or fetch {url} by hand and put it into {folder} as {name}"
    try:
        return made_once(target, is_there, make)
    except requests.HTTPError as error:
        raise VscgError(f"{name}: the server answered {error.response.status_code} {error.response.reason} for {url}. "
                        f"Look for the file's new place at {url.rpartition('/')[0]}, {by_hand}.") from error
    except (requests.RequestException, gdown.exceptions.DownloadError) as error:
        reason = " ".join(str(error).split()).partition(" The received bytes are kept")[0].rstrip(".")
        raise VscgError(f"{name}: the connection to {url} failed or was cut ({reason}). Check the network. "
                        f"Run the same command again, it continues where it stopped, {by_hand}.") from error
    except OSError as error:
        raise write_error(target, error) from error


def _receive(url: str, received: Path, name: str) -> None:
    """Download into `received`, or go on with what an earlier call has got of it."""
    part = received.with_name(f"{received.name}.partial.part")     # gdown goes on with `received`, any 8 letters, .part
    part.touch()                                                   # its own would be readable for this user alone

    with tqdm(desc=name, unit="B", unit_scale=True) as bar:
        def step(so_far: int, total: int | None) -> None:
            if bar.total is None and total is not None:
                bar.total = total
                missing, free = total - so_far, shutil.disk_usage(part.parent).free
                if missing > free:
                    raise VscgError(f"{name}: no space left on the disk of {part.parent}: {missing / 1e6:,.1f} MB are "
                                    f"still to come, {free / 1e6:,.1f} MB are free. Free some and run the same command "
                                    "again.")
            bar.update(so_far - bar.n)

        def download() -> None:
            gdown.download(url, str(received), progress=step, resume=True, retries=RETRIES, timeout=TIMEOUT,
                           use_cookies=False, quiet=True)

        try:
            download()
        except gdown.exceptions.DownloadError as error:
            if "byte range" not in str(error):
                raise
            part.write_bytes(b"")                                  # the server cannot continue it: from the beginning
            bar.reset()
            download()
    part.unlink(missing_ok=True)                                   # `received` was whole already


def wrong_sum(wanted: str) -> Callable[[Path], str]:
    """For `fetch`: a file is right if its SHA-256 begins with so many digits."""
    return lambda path: "" if file_sum(path).startswith(wanted) else f"has not a SHA-256 that begins with {wanted}"


def _no_features(path: Path) -> str:
    try:
        with opened(path) as file:
            if isinstance(file.get(KEY), h5py.Dataset):
                return ""
    except VscgError as error:                                     # cut off, or not HDF5
        if getattr(error.__cause__, "errno", None) in PASSING:
            raise
    return f"is not a complete HDF5 file with `{KEY}` in it"


def download_small(dest: str | Path, base_url: str = GITHUB) -> list[Path]:
    """Download the annotations, split orders, labels and the background clips' audio features (2.5 MB) into `dest`.

    `base_url` ends with a slash. Returns the paths of all `SMALL_FILES`, checked by SHA-256. VscgError as `fetch`.
    """
    folder = expanded(dest)
    return [fetch(base_url + name, folder / name, wrong_sum(wanted)) for name, wanted in SMALL_FILES.items()]


def download_features(dest: str | Path, base_url: str = DRIVE) -> list[Path]:
    """Download the audio and visual features (7.7 GiB and more) from the AVE authors' Google Drive into `dest`.

    No checksum is published for them. Each must open as a complete HDF5 file that holds `avadataset`; then its SHA-256
    is written beside it as `NAME.sha256`, in the format of sha256sum. Returns the paths of all `FEATURE_FILES`.
    VscgError as `fetch`, also when Google Drive refuses because too many have fetched the file lately.
    """
    folder = expanded(dest)
    for name, identifier in FEATURE_FILES.items():
        target, record = folder / name, folder / f"{name}.sha256"
        fresh = not target.exists()
        fetch(base_url + identifier, target, _no_features)
        if fresh or not record.exists():
            write_atomically(record, f"{file_sum(target)}  {name}\n".encode())
    return [folder / name for name in FEATURE_FILES]


def download_clips(dest: str | Path, base_url: str = HUB) -> list[Path]:
    """Download the raw clips from the mirror `MIRROR` at `REVISION` into `dest`, all that it holds; see `MIRROR_LACKS`.

    `base_url`, the hub's, ends with a slash. Returns the files' paths, each with the sum that the hub lists for it.
    VscgError as `fetch`; the mirror or this revision of it is gone, or its list is not of its form.
    """
    folder = expanded(dest)
    commits = _listed(f"{base_url}api/datasets/{MIRROR}/commits/main")
    whole = [commit["id"] for commit in commits if str(commit.get("id")).startswith(REVISION)]
    if not whole:
        raise VscgError(f"{base_url}datasets/{MIRROR}: has no revision {REVISION} any more; its files may be others "
                        "now, so none was fetched. Look at the page for what has changed.")
    paths = []
    for entry in _listed(f"{base_url}api/datasets/{MIRROR}/tree/{whole[0]}?recursive=true"):
        if entry.get("type") == "file":
            name, large = entry.get("path"), isinstance(entry.get("lfs"), dict)
            oid = (entry["lfs"] if large else entry).get("oid")
            if (not isinstance(name, str) or not re.fullmatch("[0-9a-f]{64}" if large else "[0-9a-f]{40}", str(oid))
                    or not (folder / name).resolve().is_relative_to(folder.resolve())):
                raise VscgError(f"{base_url}: lists {str(entry)[:200]}, which is no file with a sum")
            url = f"{base_url}datasets/{MIRROR}/resolve/{whole[0]}/{quote(name)}"
            paths.append(fetch(url, folder / name, (wrong_sum if large else _wrong_blob)(oid)))
    return paths


def _listed(url: str | None) -> list[dict]:
    """All entries of a list that the hub sends as JSON, page by page."""
    entries: list[dict] = []
    seen: set[str] = set()
    while url:
        if url in seen:
            raise VscgError(f"{url}: the list leads back to itself and has no end; look at the page in a browser")
        seen.add(url)
        try:
            answer = requests.get(url, timeout=TIMEOUT)
            answer.raise_for_status()
            found = answer.json()
        except requests.RequestException as error:             # also for what is not JSON
            why = " ".join(str(error).split())[:200]
            raise VscgError(f"{url}: no list of files from there ({why}). Check the network, and in a browser whether "
                            "the page is still there.") from error
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise VscgError(f"{url}: sent no list of files, but {str(found)[:100]}")
        entries, url = entries + found, answer.links.get("next", {}).get("url")
    return entries


def _wrong_blob(wanted: str) -> Callable[[Path], str]:
    """For `fetch`: a small file is right if git's sum of it is this."""
    def fault(path: Path) -> str:
        content = path.read_bytes()
        found = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        return "" if found == wanted else f"has not the sum {wanted} in git"
    return fault
