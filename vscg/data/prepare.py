"""From the official AVE files to the prepared file, in one pass and constant memory."""
import hashlib
import json
from os import PathLike
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vscg.data import official
from vscg.data.check import Report, split_lines
from vscg.data.labels import BACKGROUND, CLASSES, SEGMENTS, labels_from_annotations, read_annotations
from vscg.data.prepared import PreparedWriter
from vscg.errors import VscgError


def prepare_ave(source_dir: str | PathLike, target: str | PathLike, visual_dtype: str = "float16",
                progress: bool = True) -> Report:
    """Streams the official AVE files in `source_dir` into the prepared file `target`; returns what was written.

    The N annotated clips come first, in the order of `Annotations.txt`, then the M background-only clips as rows N to
    N+M-1. `visual_dtype` is float16 or float32. The SHA-256 of every source file is recorded, and the fingerprint is
    that of these sums and the dtype. Interrupted, no file appears under `target`, and the next call starts anew.
    Raises VscgError for missing files (all are listed) and for every fault in them, with file, data set and index.
    """
    folder, target = Path(source_dir), Path(target)
    missing = [name for name in official.REQUIRED if not (folder / name).is_file()]
    if missing:
        raise VscgError(f"{folder}: missing {', '.join(missing)}; get them with `python -m vscg data download`")
    marks = read_annotations(folder / official.ANNOTATIONS)
    clips, background = len(marks), official.check_noisy_labels(folder / official.NOISY_LABELS)
    splits = official.read_orders(folder, clips)
    splits["background"] = np.arange(clips, clips + background)
    for files, count in ((official.FEATURES, clips), (official.NOISY, background)):
        for modality, name in files.items():               # all forms are checked before the hour of copying begins
            official.clip_count(folder / name, modality, count)
    labels = np.zeros((clips + background, SEGMENTS, CLASSES), np.uint8)
    labels[:clips] = labels_from_annotations(marks)
    labels[clips:, :, BACKGROUND] = 1
    category = np.concatenate([marks.category, np.full(background, BACKGROUND)])
    video_ids = (*marks.video_ids, *(f"background-{number:03d}" for number in range(background)))

    digests: dict[str, str] = {}
    with (PreparedWriter(target, clips + background, "ave", visual_dtype=visual_dtype) as writer,
          tqdm(total=clips + background, desc=f"prepare {target.name}", unit="clip",
               disable=None if progress else True) as bar):
        row = 0
        for files, count in ((official.FEATURES, clips), (official.NOISY, background)):
            visual = official.stream(folder / files["visual"], "visual", count, visual_dtype, digests)
            audio = official.stream(folder / files["audio"], "audio", count, "float32", digests)
            for seen, heard in zip(visual, audio, strict=True):
                rows = slice(row, row + len(seen))
                writer.append(seen, heard, labels[rows], category[rows], video_ids[rows])
                bar.update(len(seen))
                row = rows.stop
        for name in official.REQUIRED:
            if name not in digests:
                with (folder / name).open("rb") as handle:
                    digests[name] = hashlib.file_digest(handle, "sha256").hexdigest()
        identity = json.dumps({"sources": digests, "visual_dtype": visual_dtype}, sort_keys=True)
        writer.sources, writer.fingerprint = digests, hashlib.sha256(identity.encode()).hexdigest()
        writer.splits(**splits)
    size = target.stat().st_size
    lines = [f"{clips} annotated and {background} background-only clips, {size / 2**30:.2f} GiB, visual {visual_dtype}",
             f"fingerprint {writer.fingerprint}",
             *split_lines(video_ids, category, splits)]
    return Report(target, tuple(lines))
