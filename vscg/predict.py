"""A clip of one's own: from its file to the classes of its seconds, a timeline, and a video of where a model looks."""
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

from vscg.data.labels import AVE, CATEGORIES
from vscg.errors import VscgError
from vscg.features.networks import Networks, window_features
from vscg.features.vggish import SAMPLE_RATE
from vscg.features.video import FRAMES, Window, read_windows
from vscg.machine import files as disk
from vscg.machine.device import single_precision
from vscg.machine.files import WriteError, reason, replacing, runs_dir
from vscg.models import build_model, predict_segments
from vscg.released.load import load_released
from vscg.study.failures import class_probability
from vscg.training.records import read_record, run_title, shipped_dir

SHARE = 0.45                             # of the attention's colour in a region that is looked at most
EDGE = 6                                 # pixels of the frame around a picture while an event is predicted
ENDS = (".json", "-timeline.png", "-attention.mp4")        # of the results' names
SAVED = 10.0                             # s between two savings of what was found so far
ROWS = 24                                # of a timeline; in a longer clip a row lasts longer than ten seconds


@dataclass(frozen=True, eq=False)
class Watched:
    """What a model makes of one window of ten seconds."""
    window: Window
    classes: np.ndarray                  # (10,) int64, the last = background, of AVE 28
    probability: np.ndarray              # (10,C+1) of each second's classes; NaN where a system gives none
    attention: np.ndarray | None         # (10,G,G), each sums to 1
    categories: tuple[str, ...] = CATEGORIES       # names of the C events

    def seconds(self) -> list[dict]:
        """One entry per second, ready for JSON: start and end in s from the beginning of the clip, class, padded."""
        return [{"start": self.window.start + t, "end": self.window.start + t + 1,
                 "class": self.categories[c] if c < len(self.categories) else "background", "class_index": int(c),
                 "probability": None if np.isnan(self.probability[t, c]) else round(float(self.probability[t, c]), 4),
                 "padded": bool(self.window.padded[t])} for t, c in enumerate(self.classes)]


def load_checkpoint(checkpoint: str, *, system: str = "vscg", setting: str = "fully") -> tuple[nn.Module, str]:
    """A trained model in evaluation mode, and what it is in words.

    From a run's key or folder, or a published checkpoint of a system and setting. VscgError: none there, or no fit.
    """
    for place in (Path(checkpoint), runs_dir() / checkpoint, shipped_dir() / f"{checkpoint}.zip"):
        if (place.is_dir() or place.parent.resolve() == shipped_dir().resolve()) and (record := read_record(place)):
            title = run_title(record.config)
            if record.values["data"]["name"].startswith("planted"):
                title += "; planted features teach nothing about real pictures and sounds"
            model = record.model()                       # of a shipped run an error that says what it came without
            model.modality = record.config.modality      # what it was trained to see and hear
            return model, title
    if not Path(checkpoint).is_file():
        raise VscgError(f"{checkpoint}: no finished run and no file; `python -m vscg runs` lists the runs with their "
                        "keys.")
    folder = Path(checkpoint).parent
    if (folder / "record.json").is_file():
        raise VscgError(f"{checkpoint}: a file of a run; give the run's folder, {folder}, or its key")
    model = load_released(build_model(system, setting=setting), checkpoint)
    return model.eval(), f"published weights of {system}, {setting} supervised ({Path(checkpoint).name})"


@torch.inference_mode()
def watch(path: str | Path, model: nn.Module, networks: Networks, *, pad: bool = False) -> Iterator[Watched]:
    """Yields what a trained model makes of each window of a clip; with their pictures, 24 MB for each window.

    The model is in evaluation mode; `pad` fills up a short clip or the remainder of a long one. VscgError as
    `read_windows`, for a model for features of other sizes, or one that gives values that are no finite numbers.
    """
    device = next(model.parameters()).device
    dims = getattr(model, "dims", AVE)                     # a module of one's own is taken to be for AVE's features
    for window in tqdm(read_windows(path, pad), desc="watch", unit="window", disable=None):
        visual, audio = window_features(window, networks)
        if (visual.shape, audio.shape) != (dims.rows()["visual"], dims.rows()["audio"]):
            raise VscgError(f"this model is for other features ({dims}); the encoders give visual {visual.shape} and "
                            f"audio {audio.shape}: name those that made the model's training data")
        only = getattr(model, "modality", "both")
        visual, audio = visual * (only != "audio"), audio * (only != "visual")
        with single_precision():
            output = model(torch.from_numpy(audio)[None].to(device), torch.from_numpy(visual)[None].to(device))
        attention = None if output.attention is None else output.attention[0].cpu().numpy()
        # One of the logits of the whole clip, held against a gate, is no distribution over a second's classes.
        probability = (np.full((len(window.frames), dims.classes), np.nan) if "raw_logits" in output.extras
                       else class_probability(output)[0].cpu().numpy())
        if not all(values.isfinite().all() for values in vars(output).values() if torch.is_tensor(values)):
            raise VscgError(f"{path}: what the model gives from {window.start} s on holds values that are no finite "
                            "numbers; the weights of the model or of the networks are damaged or others")
        yield Watched(window, predict_segments(output)[0].cpu().numpy(), probability, attention,
                      dims.categories)


def overlay(watched: Watched) -> np.ndarray:
    """Pictures under their second's attention: (160,224,224,3) uint8, framed in an event; VscgError if it has none."""
    if watched.attention is None:
        raise VscgError("This system has no attention over the picture, so there is nothing to lay over it.")
    colours = matplotlib.colormaps["inferno"]
    pictures = []
    # How far a region is above its even share; a map that never reaches twice that share stays faint.
    above = np.maximum(watched.attention * watched.attention[0].size - 1, 0)
    above = above / max(1.0, above.max())
    for frames, attention, c in zip(watched.window.frames, above, watched.classes, strict=True):
        weight = enlarge(attention, frames.shape[1])[..., None]
        heat = colours(weight[..., 0])[..., :3] * 255
        shown = (frames * (1 - SHARE * weight) + heat * SHARE * weight).astype(np.uint8)
        if c < len(watched.categories):
            for edge in (np.s_[:, :EDGE], np.s_[:, -EDGE:], np.s_[:, :, :EDGE], np.s_[:, :, -EDGE:]):
                shown[edge] = (213, 94, 0)
        pictures.append(shown)
    return np.concatenate(pictures)


def enlarge(attention: np.ndarray, size: int) -> np.ndarray:
    """A 7x7 map as (size,size), smooth between the regions' centres."""
    tensor = torch.from_numpy(np.asarray(attention, np.float32))[None, None]
    return nn.functional.interpolate(tensor, size=(size, size), mode="bilinear").numpy()[0, 0]


def write_mp4(path: Path, pictures: Iterable[np.ndarray], waveform: np.ndarray, sample_rate: int) -> Path:
    """A video that browsers play; whole or not there.

    `pictures` are (H,W,3) uint8 RGB, 16 for each second, of one size with even sides, `waveform` (samples,) in -1..1;
    at another `sample_rate` than the 13 of AAC, from 7,350 to 96,000 Hz, the sound is resampled to 16,000. WriteError:
    the file cannot be written, or the encoder refuses the pictures.
    """
    with _mp4(path, sample_rate) as add:
        add(pictures, waveform)
    return path


@contextmanager
def _mp4(path: Path, sample_rate: int) -> Iterator[Callable[[Iterable[np.ndarray], np.ndarray], None]]:
    """`write_mp4` piece by piece: what it yields is called with the pictures and the waveform of each piece."""
    rate = sample_rate if sample_rate in av.Codec("aac", "w").audio_rates else SAMPLE_RATE
    to_rate = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    try:
        with (replacing(path) as whole,
              av.open(f"file:{whole.name}", "w", format="mp4", options={"movflags": "faststart"}) as file):
            picture = file.add_stream("libx264", rate=FRAMES, options={"crf": "26", "preset": "veryfast"})
            picture.pix_fmt = "yuv420p"
            sound = file.add_stream("aac", rate=rate, layout="mono")
            shown = heard = 0

            def add(pictures: Iterable[np.ndarray], waveform: np.ndarray) -> None:
                nonlocal shown, heard
                for pixels in pictures:
                    if shown == 0:
                        picture.height, picture.width = pixels.shape[:2]
                    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                    frame.pts, frame.time_base = shown, Fraction(1, FRAMES)
                    file.mux(picture.encode(frame))
                    shown += 1
                frame = av.AudioFrame.from_ndarray(np.asarray(waveform, np.float32)[None], format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = sample_rate, heard, Fraction(1, sample_rate)
                heard += len(waveform)
                for part in to_rate.resample(frame):
                    file.mux(sound.encode(part))

            yield add
            for part in to_rate.resample(None):
                file.mux(sound.encode(part))
            for stream in (picture, sound):
                file.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise disk.write_error(path, error) from error


def result_files(path: str | Path, folder: Path) -> list[Path]:
    """Where a clip's results go, before any work: NAME.json, NAME-timeline.png and NAME-attention.mp4.

    NAME is the clip's name without suffix; where such a file is there and no result of this clip, NAME ends in the
    clip's sum, so that nothing else is replaced. WriteError if they cannot be written there.
    """
    disk.make_folder(folder)
    digest = disk.file_sum(Path(path))
    room = os.pathconf(folder, "PC_NAME_MAX") - len(f"..partial{ENDS[-1]}")
    stem, end = os.fsencode(Path(path).stem), f"-{digest[:8]}"
    names = [] if len(stem) > room else [os.fsdecode(stem)]
    for name in (*names, stem[:room - len(end)].decode(errors="ignore") + end):
        files = [folder / f"{name}{end}" for end in ENDS]
        if _result(files[0]).get("clip_sha256") == digest or not any(map(os.path.lexists, files)):
            for file in files:
                disk.check_writable(file)
            return files
    raise WriteError(f"{files[0]}: is there, and no result of {path}: it stays, so name another folder")


def _result(path: Path) -> dict:
    """The JSON that an earlier call wrote; empty where there is none, or something else."""
    with suppress(OSError, ValueError, RecursionError):
        values = json.loads(path.read_bytes())
        return values if isinstance(values, dict) else {}
    return {}


def write_results(path: str | Path, watched: Iterable[Watched], folder: Path, made_by: str) -> list[Path]:
    """Write the results of a clip, see `result_files`, and return them: JSON, timeline, video where there is attention.

    The windows of `watched`, as from `watch`, are taken one by one, so that memory does not grow with the clip's
    length. If that ends with an error, the error goes on; results of an earlier call that had come to its end stay,
    else what was found so far is written, and `stopped` in the JSON says why. `made_by` says in words what made the
    predictions.
    """
    files, stopped, due = result_files(path, folder), None, time.monotonic() + SAVED
    whole = "stopped" in (before := _result(files[0])) and before["stopped"] is None     # no part replaces a whole
    found = {"clip": Path(path).name, "clip_sha256": disk.file_sum(Path(path)), "made_by": made_by, "stopped": None,
             "rest": 0.0, "notes": [], "seconds": []}

    def save() -> None:
        disk.write_atomically(files[0], (json.dumps(found, indent=1) + "\n").encode())

    with ExitStack() as stack:
        add = None
        try:
            for one in watched:
                if one.attention is not None:
                    add = add or stack.enter_context(_mp4(files[2], one.window.sample_rate))
                    add(overlay(one), one.window.waveform)
                found["seconds"] += one.seconds()
                names = one.categories
                found |= {"rest": one.window.rest, "notes": one.window.notes}
                if time.monotonic() > due and not whole:
                    found["stopped"] = "not finished yet"
                    save()
                    due = time.monotonic() + SAVED
        except (Exception, KeyboardInterrupt) as error:
            if whole or not found["seconds"]:
                raise
            stopped = error
        found["stopped"] = reason(stopped) if stopped else "not finished yet"
        save()
    if not add:
        files[2].unlink(missing_ok=True)        # of a model with attention, it would pass for this one's
    with replacing(files[1]) as file, matplotlib.rc_context():
        matplotlib.rcdefaults()                 # a matplotlibrc of one's own may ask for LaTeX, which may not be here
        timeline([second["class_index"] for second in found["seconds"]], names).savefig(
            file, format="png", bbox_inches="tight")
    if stopped:
        stopped.add_note(f"{files[0]}: what was found before it stopped")
        raise stopped
    found["stopped"] = None
    save()                                      # last: it says that the others are there
    return files if add else files[:2]


def timeline(classes: Sequence[int], names: Sequence[str] = CATEGORIES) -> Figure:
    """The book's timeline figure of the classes of a clip's seconds, in rows of ten seconds, or of more: at most 24."""
    from vscg import plots  # not at the top: it brings seaborn, a second that no other command needs
    length = next((length for length in (10, 30, 60, 300, 600, 1800) if len(classes) <= ROWS * length), 3600)
    parts = [(start, classes[start:start + length]) for start in range(0, len(classes), length)]
    return plots.timeline(None, {f"{start} to {start + len(part)} s": part for start, part in parts}, names=names)
