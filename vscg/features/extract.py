"""From a folder of clips to one prepared file of features, in pieces that survive an interruption."""
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from torch import nn
from tqdm import tqdm

from vscg.errors import VscgError
from vscg.features import weights as published
from vscg.features.vgg19 import VGG19, visual_features
from vscg.features.vggish import VGGish, audio_features
from vscg.features.video import Window, read_windows
from vscg.files import in_use, locked, write_atomically
from vscg.fingerprint import value_hash
from vscg.labels import BACKGROUND, CLASSES, SEGMENTS
from vscg.machine import best_device
from vscg.prepared import PreparedWriter

SUFFIXES = frozenset((
    ".3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .webm .wmv "
    ".aac .flac .m4a .mp3 .oga .ogg .opus .wav").split())  # sound files too, so that they are reported, not overlooked
_ID_LENGTH = 64                                            # bytes, of the prepared file's ids


@dataclass(frozen=True)
class Networks:
    """The two networks that turn pictures and sound into features, ready on their device."""
    visual: nn.Module                                      # VGG19, or another from (B,3,224,224) to (B,512,7,7)
    audio: nn.Module                                       # VGGish, or another from (B,96,64) to (B,128)

    def fingerprint(self) -> str:
        """SHA-256 of all their weights."""
        digest = hashlib.sha256()
        for network in (self.visual, self.audio):
            for name, values in network.state_dict().items():
                digest.update(name.encode())
                digest.update(np.ascontiguousarray(values.cpu().numpy()))
        return digest.hexdigest()


@dataclass(frozen=True)
class Report:
    """What was extracted, and which clips were left out; `str()` of it is for reading."""
    path: Path
    video_ids: tuple[str, ...]                             # one a window: the file's name and where the window begins
    notes: tuple[str, ...]                                 # seconds that were padded or left over
    skipped: tuple[str, ...]                               # why, for each clip that could not be read

    def __str__(self) -> str:
        head = f"{self.path}: {len(self.video_ids)} windows of {SEGMENTS} s, {len(self.skipped)} clips skipped"
        return "\n".join([head, *(f"  {note}" for note in self.notes), *(f"  skipped: {why}" for why in self.skipped)])


def load_networks(weights: str | PathLike | None = None, device: str | torch.device | None = None,
                  progress: bool = True) -> Networks:
    """VGG-19 and VGGish with their published weights, from the folder `weights` (default: `data/weights`).

    Weights that are not there are downloaded. `device` defaults to the GPU where there is one. Raises VscgError as
    `vscg.features.weights.fetch`.
    """
    device = _device(device)
    pairs = (VGG19, published.VGG19), (VGGish, published.VGGISH)
    files = [published.fetch(file, Path(weights) if weights else None, progress) for _, file in pairs]
    return Networks(*(published.load(network, file).to(device)
                      for (network, _), file in zip(pairs, files, strict=True)))


def _device(wanted: str | torch.device | None) -> torch.device:
    device = torch.device(wanted or best_device())
    if device.type == "cuda" and not torch.cuda.is_available():
        raise VscgError(f"device {wanted}: no GPU can be used here; leave it out to use the CPU")
    return device


def window_features(window: Window, networks: Networks,
                    done: Callable[[int], object] = lambda seconds: None) -> tuple[np.ndarray, np.ndarray]:
    """The features of a window: visual (10,7,7,512) and audio (10,128), float32.

    A batch is the 32 pictures of two seconds on a GPU, of one second on a CPU; `done` is called with the number of
    seconds after each.
    """
    audio = audio_features(networks.audio, window.waveform, window.sample_rate)
    step = 2 if next(networks.visual.parameters()).is_cuda else 1   # divides 10
    visual = []
    for first in range(0, SEGMENTS, step):
        visual.append(visual_features(networks.visual, window.frames[first:first + step]))
        done(step)
    return np.concatenate(visual), audio


def extract(folder: str | PathLike, target: str | PathLike, *, pad: bool = False,
            device: str | torch.device | None = None, weights: str | PathLike | None = None,
            networks: Networks | None = None, progress: bool = True) -> Report:
    """Writes the features of every clip in a folder into the prepared file `target`; returns what it holds.

    The clips are the files with a media suffix, in the order of their names; a row is a window of ten seconds. Their
    labels are not known: every segment is given as background and every clip as category 28, `sources` says
    `"labels": "unknown"`, and all rows are in the split "test". `truth/padded` (N,10) bool marks segments that
    were filled up. A clip that cannot be read is left out and reported.

    Windows are kept as they are finished, in the folder `TARGET.parts` beside the target. Interrupted, the same call
    goes on from there; changed clips, or another choice of padding or networks, are computed anew. The folder is
    removed when the target is complete.

    Args:
        folder: where the clips are; folders inside it are not looked into.
        target: the HDF5 file; replaced, once the new one is complete, if it is there.
        pad: fill up clips and remainders that are shorter than ten seconds, see `read_windows`.
        device: where the networks run; default: the GPU where there is one.
        weights: folder of the published weights, see `load_networks`.
        networks: use these instead of the published ones.
        progress: show a bar.

    Raises:
        VscgError: no clip in the folder, none that can be read, no weights, a full disk, or another process that works
            on the same target.
    """
    folder, target = Path(folder), Path(target)
    clips = _clips(folder)
    if networks is None:
        networks = load_networks(weights, device, progress)
    elif device is not None:
        networks = Networks(networks.visual.to(_device(device)), networks.audio.to(_device(device)))
    identity, parts = networks.fingerprint(), target.with_name(f"{target.name}.parts")
    try:
        if in_use(parts):
            raise VscgError(f"{target}: another process extracts into it now; wait for it, or name another target")
        with locked(parts):
            found, skipped = _extract_parts(clips, parts, pad, networks, identity, progress)
            if not found:
                shutil.rmtree(parts)
                raise VscgError(f"{folder}: no clip in it can be used:\n" + "\n".join(f"  {why}" for why in skipped))
            report = _assemble(target, found, skipped, {"labels": "unknown", "pad": pad, "networks": identity})
            shutil.rmtree(parts)
    except OSError as error:
        raise VscgError(f"{error.filename or target}: cannot be written ({error.strerror or error}); the same call "
                        "goes on once it can") from error
    return report


def _clips(folder: Path) -> list[Path]:
    try:
        clips = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()
                       and not path.name.startswith("."))
    except OSError as error:
        raise VscgError(f"{folder}: cannot be looked into ({error.strerror}); name the folder of the clips") from error
    if not clips:
        raise VscgError(f"{folder}: no clip in it; clips are recognised by their suffix: {', '.join(sorted(SUFFIXES))}")
    return clips


@dataclass(frozen=True)
class _Clip:
    """A clip whose windows are all there."""
    path: Path
    digest: str                                            # SHA-256 of the file
    parts: tuple[Path, ...]                                # one file for each window
    rest: float                                            # s that are in no window


def _extract_parts(clips: list[Path], parts: Path, pad: bool, networks: Networks, identity: str,
                   progress: bool) -> tuple[list[_Clip], list[str]]:
    """Computes the windows that are missing in `parts`; the clips that are complete, and why others are not."""
    found, skipped = [], []
    with tqdm(total=SEGMENTS * len(clips), desc="extract", unit="s", disable=None if progress else True) as bar:
        for path in clips:
            bar.set_postfix_str(path.name)
            begun = bar.n
            try:
                found.append(_extract_clip(path, parts, pad, networks, identity, bar))
            except VscgError as error:
                skipped.append(str(error))
                bar.write(f"skipped: {error}") if not bar.disable else None
            bar.total += bar.n - begun - SEGMENTS          # it was counted as one window
            bar.refresh()
    return found, skipped


def _extract_clip(path: Path, parts: Path, pad: bool, networks: Networks, identity: str, bar: tqdm) -> _Clip:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise VscgError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    key = value_hash([digest, pad, identity])[:16]
    finished = parts / f"{key}.json"
    if not finished.exists():
        count, rest = 0, 0.0
        for count, window in enumerate(read_windows(path, pad), 1):
            part, rest = parts / f"{key}-{count}.safetensors", window.rest
            if part.exists():
                bar.update(SEGMENTS)
                continue
            visual, audio = window_features(window, networks, bar.update)
            write_atomically(part, save({"visual": visual.astype(np.float16), "audio": audio, "padded": window.padded,
                                         "start": np.array(window.start)}))
        write_atomically(finished, json.dumps({"windows": count, "rest": rest}).encode())
    else:
        bar.update(SEGMENTS)
    state = json.loads(finished.read_bytes())
    names = tuple(parts / f"{key}-{number}.safetensors" for number in range(1, state["windows"] + 1))
    return _Clip(path, digest, names, state["rest"])


def _assemble(target: Path, clips: list[_Clip], skipped: list[str], sources: dict) -> Report:
    """The prepared file from the windows of all clips."""
    rows = sum(len(clip.parts) for clip in clips)
    labels = np.zeros((1, SEGMENTS, CLASSES), np.uint8)
    labels[..., BACKGROUND] = 1
    fingerprint = value_hash([sources, [(clip.path.name, clip.digest) for clip in clips]])
    video_ids, notes = [], []
    with PreparedWriter(target, rows, "clips", fingerprint, sources) as writer:
        for clip in clips:
            for part in clip.parts:
                window = _read_part(part)
                video_ids.append(_id(clip, int(window["start"])))
                writer.append(window["visual"][None], window["audio"][None], labels, np.array([BACKGROUND]),
                              video_ids[-1:], padded=window["padded"][None])
                if window["padded"].any():
                    notes.append(f"{video_ids[-1]}: {window['padded'].sum()} of {SEGMENTS} segments are padding")
            if clip.rest >= 0.05:
                notes.append(f"{clip.path.name}: the last {clip.rest:.1f} s are in no window")
        writer.splits(train=(), val=(), test=range(rows))
    return Report(target, tuple(video_ids), tuple(notes), tuple(skipped))


def _read_part(part: Path) -> dict[str, np.ndarray]:
    try:
        return load_file(part)
    except (SafetensorError, OSError) as error:
        raise VscgError(f"{part}: damaged ({error}); remove its folder and extract again") from error


def _id(clip: _Clip, start: int) -> str:
    """The file's name and the second where the window begins, in at most 64 bytes."""
    name, where = os.fsencode(clip.path.name).decode(errors="replace"), f"@{start}s"
    room = _ID_LENGTH - len(where)
    if len(name.encode()) > room:                          # the sum keeps names apart whose beginnings are equal
        name = name.encode()[:room - 9].decode(errors="ignore") + "~" + clip.digest[:8]
    return name + where
