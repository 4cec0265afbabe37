"""From a folder of clips to one prepared file of features, in pieces that survive an interruption."""
import contextlib
import functools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from tqdm import tqdm

from vscg.data.labels import BACKGROUND, CLASSES, SEGMENTS, Dims
from vscg.data.prepared import ID_LENGTH
from vscg.data.writer import PreparedWriter, check_target
from vscg.errors import VscgError
from vscg.features.networks import Names, Networks, load_networks, window_features
from vscg.features.tracks import CONTAINERS
from vscg.features.video import read_windows
from vscg.machine import files
from vscg.machine.cluster import Cluster, Outcome, local_workers, work
from vscg.machine.device import usable_device
from vscg.machine.files import WriteError, locked

# A lock, a cluster's mark, what the system leaves; a clip's note, its windows, and its lock's folder.
PART = re.compile(r"\.(lock.*|DS_Store|_.+|nfs\w+|fuse_hidden\w+|\.?cluster-.+|[0-9a-f]{16}.+\.partial)|"
                  r"[0-9a-f]{16}(\.json|-\d+\.safetensors)?")
SUFFIXES = sorted(suffix for suffixes in CONTAINERS.values() for suffix in suffixes.split())


@dataclass(frozen=True)
class Report:
    """What was extracted, and which clips were left out; `str()` of it is for reading."""
    path: Path
    video_ids: tuple[str, ...]                             # one a window: the file's name and where the window begins
    notes: tuple[str, ...]                                 # what was padded, left over, chosen or is no clip
    skipped: tuple[str, ...]                               # why, for each clip that could not be read
    left_out: tuple[str, ...] = ()                         # what else is in the folder, no clips by their names

    def __str__(self) -> str:
        head = f"{self.path}: {len(self.video_ids)} windows of {SEGMENTS} s, {len(self.skipped)} clips skipped"
        lines = [*self.notes, *(f"skipped: {why}" for why in self.skipped)]
        lines += [f"left out, no clips by their names: {_listed(self.left_out)}"] if self.left_out else []
        return "\n  ".join([head, *lines])


def _listed(names: tuple[str, ...]) -> str:
    """The first twenty names, and how many more there are."""
    return ", ".join([*names[:20], *([f"and {len(names) - 20} more"] if len(names) > 20 else [])])


@dataclass(frozen=True)
class Clip:
    """A clip whose windows are all there."""
    path: Path
    digest: str                                            # SHA-256 of the file
    parts: tuple[Path, ...]                                # one file for each window
    rest: float                                            # s that are in no window
    notes: tuple[str, ...]                                 # of its last window


def extract(folder: str | PathLike, target: str | PathLike, *, pad: bool = False,
            device: str | torch.device | None = None, weights: str | PathLike | None = None,
            networks: Networks | None = None, scheduler: str | None = None,
            visual: str = "vgg19", audio: str = "vggish") -> Report:
    """Writes the features of every clip in a folder into the prepared file `target`; returns what it holds.

    The clips are the files with a media suffix, in the order of their names; a row is a window of ten seconds. Their
    labels are not known: every segment is given as background and every clip as category 28, `sources` says
    `"labels": "unknown"`, and all rows are in the split "test". `truth/padded` (N,10) bool marks segments that
    were filled up. A clip that cannot be read is left out and reported, and so is whatever else is in the folder.

    Windows are kept as they are finished, in the folder `TARGET.parts` beside the target. Interrupted, the same call
    goes on from there; changed clips, or another choice of padding or networks, are computed anew. The folder is
    removed when the target is complete.

    Args:
        folder, target: of the clips, but not in inner folders; the HDF5 file, replaced once the new one is complete.
        pad: fill up clips and remainders that are shorter than ten seconds, see `read_windows`.
        device, weights, visual, audio: as for `load_networks`; `networks` are used instead if given.
        scheduler: have the clips done by the workers of this Dask scheduler, see `cluster.Cluster`; they see the clips,
            the weights and the target's folder under the same paths as this process. Given `networks` travel with every
            clip; the published ones are loaded once by each worker.
    Raises VscgError: no clip in the folder, none that can be read, no weights, a full disk, a target that is something
        else than a prepared file, another process that works on the same target, or as `cluster.Cluster`.
    """
    folder, target = Path(folder).absolute(), Path(target)
    check_target(target)                                   # before the networks are loaded, or fetched
    if scheduler is not None:
        local_workers(scheduler)                           # whether it is an address
    parts = target.with_name(f"{target.name}.parts").absolute()
    if strange := [path.name for path in parts.rglob("*") if not PART.fullmatch(path.name)]:    # it would be removed
        raise VscgError(f"{parts}: holds {strange[0]}, which no extraction left there; move it, or name another target")
    clips, left_out = _clips(folder, target.absolute())
    files.check_writable(target)
    names = Names((Path(weights) if weights else files.data_dir() / "weights").absolute(), visual, audio)
    source = networks or names
    networks = _networks(source, "cpu" if scheduler else device)     # on a cluster, only to know them
    identity = networks.fingerprint()
    try:
        if files.in_use(parts):
            raise VscgError(f"{target}: another process extracts into it now; wait for it, or name another target")
        with locked(parts):
            with tqdm(total=SEGMENTS * len(clips), desc="extract", unit="s", disable=None) as bar:
                steps = (_on_cluster(scheduler, clips, parts, pad, source, identity, device, bar) if scheduler else
                         _here(clips, parts, pad, networks, identity, bar))
                found, skipped = _collect(clips, steps, bar)
            if not found:
                shutil.rmtree(parts, ignore_errors=True)
                raise VscgError(f"{folder}: no clip in it can be used:\n" + "\n".join(f"  {why}" for why in skipped))
            report = _assemble(target, found, skipped, {"labels": "unknown", "pad": pad, "networks": identity})
            shutil.rmtree(parts, ignore_errors=True)       # on NFS an open file, the lock, stays, and does no harm
    except OSError as error:
        raise files.write_error(error.filename or target, error) from error
    return replace(report, left_out=left_out)


def _networks(source: Networks | Names, device: str | torch.device | None) -> Networks:
    """Given networks, or those of some names; on a device, if one is named."""
    if isinstance(source, Names):
        return load_networks(source.folder, device, visual=source.visual, audio=source.audio)
    if device is None:
        return source
    return Networks(*(network.to(usable_device(device)) for network in (source.visual, source.audio)))


def _clips(folder: Path, target: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The clips in a folder, and the names of what else is there."""
    try:
        found = sorted(set(folder.iterdir()) - {target, target.with_name(f"{target.name}.parts")})
    except OSError as error:
        raise VscgError(f"{folder}: cannot be looked into ({error.strerror}); name the folder of the clips") from error
    clips = [path for path in found if path.suffix.lower() in SUFFIXES and not path.is_dir()
             and not path.name.startswith(".")]
    taken = set(clips)
    left_out = tuple(os.fsencode(path.name).decode(errors="replace") + "/" * path.is_dir()
                     for path in found if path not in taken)
    if not clips:
        raise VscgError(f"{folder}: no clip in it; clips are recognised by their suffix: {', '.join(SUFFIXES)}"
                        f"{'; there is ' if left_out else ''}{_listed(left_out)}")
    return clips, left_out


def _collect(clips: list[Path], steps: Iterator[tuple[Path, Outcome]], bar: tqdm) -> tuple[list[Clip], list[str]]:
    """The clips that are complete, and why others are not, both in the order of `clips`, whatever that of `steps`."""
    done: dict[Path, Outcome] = {}
    seconds = 0                                            # of the clips that are done
    with contextlib.closing(steps):
        for path, outcome in steps:
            done[path] = outcome
            length = 0 if outcome.error else SEGMENTS * len(outcome.value.parts)
            seconds += length
            bar.total += length - SEGMENTS                 # it was counted as one window
            bar.update(seconds - bar.n)
            if outcome.error and not bar.disable:
                bar.write(f"skipped: {outcome.error}")
            bar.refresh()
    outcomes = [done[path] for path in clips]
    return [each.value for each in outcomes if not each.error], [each.error for each in outcomes if each.error]


def _here(clips: list[Path], parts: Path, pad: bool, networks: Networks, identity: str,
          bar: tqdm) -> Iterator[tuple[Path, Outcome]]:
    """One clip after the other in this process; the bar moves with every batch."""
    for path in clips:
        bar.set_postfix_str(path.name)
        yield path, _extract_clip(path, parts, pad, networks, identity, bar.update)


def _on_cluster(scheduler: str, clips: list[Path], parts: Path, pad: bool, source: Networks | Names, identity: str,
                device: str | torch.device | None, bar: tqdm) -> Iterator[tuple[Path, Outcome]]:
    """Each clip on a worker of a Dask cluster, which writes its windows where they would be written here."""
    tasks = ((path, _extract_there, path, parts, pad, source, identity, device) for path in clips)
    # Some encoders keep their weights elsewhere: then the folder need not be there.
    weights = [source.folder] if isinstance(source, Names) and source.folder.is_dir() else []
    with Cluster(scheduler, parts, [clips[0].parent, *weights]) as pool:
        yield from work(pool, tasks, bar.refresh)


def _extract_there(path: Path, parts: Path, pad: bool, source: Networks | Names, identity: str,
                   device: str | torch.device | None) -> Outcome:
    """`_extract_clip` on a worker, after a check that its networks are those of the caller."""
    networks, found = _loaded(source, device) if isinstance(source, Names) else (_networks(source, device), identity)
    if found != identity:
        raise VscgError(f"{source.folder}: the weights there have changed since the extraction began; start it again")
    return _extract_clip(path, parts, pad, networks, identity)


@functools.lru_cache(1)
def _loaded(names: Names, device: str | torch.device | None) -> tuple[Networks, str]:
    """The networks of these names, kept for the next clip, and their fingerprint."""
    networks = _networks(names, device)
    return networks, networks.fingerprint()


def _extract_clip(path: Path, parts: Path, pad: bool, networks: Networks, identity: str,
                  done: Callable[[int], object] = lambda seconds: None) -> Outcome:
    """Computes the windows of a clip that are missing in `parts`: a `Clip`, or why it cannot be read."""
    try:
        try:
            if path.exists() and not path.is_file():       # a pipe would be waited for
                raise VscgError(f"{path}: no regular file; put a file there")
            digest = files.file_sum(path)
        except OSError as error:
            advice = "it is a link that leads nowhere" if path.is_symlink() else "check its permissions"
            raise VscgError(f"{path}: cannot be read ({error.strerror}); {advice}") from error
        key = files.value_hash([digest, pad, identity])[:16]
        note = parts / f"{key}.json"
        with locked(parts / key):                          # a copy of the clip may be under way elsewhere
            if not note.exists():
                for count, window in enumerate(read_windows(path, pad), 1):
                    part = _window_file(note, count)
                    if part.exists():
                        done(SEGMENTS)
                        continue
                    visual, audio = window_features(window, networks, done)
                    with np.errstate(over="ignore"):           # what is too large becomes infinite
                        visual = visual.astype(np.float16)
                    if not (np.isfinite(visual).all() and np.isfinite(audio).all()):
                        raise VscgError(f"{path}: its features from {window.start} s on hold values that are no finite "
                                        "numbers, or larger than 65504; the weights of the networks are damaged or "
                                        "others")
                    files.write_atomically(part, save({"visual": visual, "audio": audio, "padded": window.padded,
                                                       "start": np.array(window.start)}), follow=False)
                kept = {"rest": window.rest, "notes": window.notes, "windows": count}
                files.write_atomically(note, json.dumps(kept).encode(), follow=False)
    except WriteError:
        raise                                              # it says nothing about the clip
    except VscgError as error:
        return Outcome(error=str(error))
    return Outcome(_read_clip(path, digest, note))


def _window_file(note: Path, number: int) -> Path:
    """Where window `number`, from 1, of a clip is kept; its note says that all are."""
    return note.with_name(f"{note.stem}-{number}.safetensors")


def _read_window(path: Path) -> dict[str, np.ndarray]:
    """What is kept of a window; VscgError if it is damaged."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def _read_clip(path: Path, digest: str, note: Path) -> Clip:
    """The clip whose windows are all kept, by its note; VscgError if that is damaged."""
    try:
        kept = json.loads(note.read_bytes())
        rest, notes, numbers = kept["rest"], tuple(kept["notes"]), range(1, kept["windows"] + 1)
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise _damaged(note, error) from error
    return Clip(path, digest, tuple(_window_file(note, number) for number in numbers), rest, notes)


def _damaged(path: Path, error: Exception) -> VscgError:
    return VscgError(f"{path}: damaged ({str(error)[:200]}); remove its folder and extract again")


def _assemble(target: Path, clips: list[Clip], skipped: list[str], sources: dict) -> Report:
    """The prepared file from the windows of all clips."""
    rows = sum(len(clip.parts) for clip in clips)
    labels = np.zeros((1, SEGMENTS, CLASSES), np.uint8)
    labels[..., BACKGROUND] = 1
    fingerprint = files.value_hash([sources, [(clip.path.name, clip.digest) for clip in clips]])
    video_ids, notes, named, first = [], [], {}, _read_window(clips[0].parts[0])
    dims = Dims(first["audio"].shape[-1], first["visual"].shape[-1], first["visual"].shape[1])
    with PreparedWriter(target, rows, "clips", fingerprint, sources, dims=dims) as writer:
        for clip in clips:
            for part in clip.parts:
                window = _read_window(part)
                video_ids.append(_id(clip, int(window["start"])))
                writer.append(window["visual"][None], window["audio"][None], labels, np.array([BACKGROUND]),
                              video_ids[-1:], padded=window["padded"][None])
                if (called := video_ids[-1]) != (name := f"{clip.path.name}@{int(window['start'])}s"):
                    notes.append(f"{name}: called {called} in the file; a table of labels must name it so")
                if window["padded"].any():
                    notes.append(f"{video_ids[-1]}: {window['padded'].sum()} of {SEGMENTS} segments are padding")
            notes += [f"{clip.path.name}: {note}" for note in clip.notes]
            if (same := named.setdefault(clip.digest, clip.path.name)) != clip.path.name:
                notes.append(f"{clip.path.name}: the same file as {same}; of the two, label one")
            if clip.rest >= 0.05:
                notes.append(f"{clip.path.name}: the last {clip.rest:.1f} s are in no window")
        writer.splits(train=(), val=(), test=range(rows))
    return Report(target, tuple(video_ids), tuple(notes), tuple(skipped))


def _id(clip: Clip, start: int) -> str:
    """The file's name and the second where the window begins, in at most 64 bytes."""
    name, where = os.fsencode(clip.path.name).decode(errors="replace"), f"@{start}s"
    room = ID_LENGTH - len(where)
    if len(name.encode()) > room:                          # the sum keeps names apart whose beginnings are equal
        name = name.encode()[:room - 9].decode(errors="ignore") + "~" + clip.digest[:8]
    return name + where
