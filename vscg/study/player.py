"""What the player of clips shows (`plots.clip_player`): what systems say and look at, and VSCG's blocks, opened."""
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vscg.data.prepared import Dataset
from vscg.machine.device import processor
from vscg.models import VSCG, Output, predict_segments
from vscg.models.heads import TwoPartHead
from vscg.plots.style import short_name
from vscg.training.records import Record

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
STEPS = (0.0, 0.04, 0.07, 0.085, 0.095, 0.099, 0.105, 0.115, 0.13, 0.16, 0.2, 0.3)      # of PSP's threshold


def letters(values: np.ndarray) -> str:
    """Whole numbers from 0 to 63, a character each."""
    return "".join(DIGITS[int(value)] for value in np.ravel(values))


@dataclass(frozen=True)
class Level:
    """The clips once, as the systems get them, with one ambiguity; None where the data set does not say which."""
    ambiguity: float | None
    audio: Tensor                # (B,T,128)
    visual: Tensor               # (B,T,7,7,512) float32
    heard: np.ndarray            # (B,T) evidence of the event in the sound, 0 to 1
    seen: np.ndarray             # (B,T), in the picture


def stored_level(data: Dataset, rows: Sequence[int]) -> Level:
    """The clips `rows` as the data set holds them; without planted truth no evidence is shown."""
    none = np.zeros(data.labels.shape[:2])
    heard, seen = (data.truth.get(f"{kind}_evidence", none)[rows] for kind in ("audio", "visual"))
    return Level(None, torch.from_numpy(data.audio[rows]), torch.from_numpy(data.visual[rows]).float(), heard, seen)


@torch.no_grad()
def opened(model: VSCG, audio: Tensor, visual: Tensor) -> tuple[list[list[int]], list[list[np.ndarray]]]:
    """What the blocks of VSCG, fully supervised, do with B clips.

    Returns:
        shares: PSP's similarities as shares of their row, in thousandths and rounded up, so that one above a step of
            the threshold stays above it: a list for each clip, the T*T of the picture's seconds before those of the
            sound's.
        said: [step of the threshold][prior] to classes (B,T). Prior 0 is the clip's own, 1 none, 2 the first clip's.
    """
    audio, visual, _ = model.encoder(audio, visual)
    psp = model.psp
    beta = (psp.visual_compare(visual) @ psp.audio_compare(audio).mT / psp.scale).relu()
    shares = torch.stack([b / (b.sum(-1, keepdim=True) + 1e-8) for b in (beta, beta.mT)], 1)
    said, before = [], psp.threshold
    for threshold in STEPS:
        psp.threshold = threshold
        a, v = psp(audio, visual)
        own = model.escm.priors(a, v)
        others = [tuple(torch.zeros_like(prior) for prior in own),
                  *(tuple(prior[[donor]].expand_as(prior) for prior in own) for donor in range(len(a)))]
        said.append([_named(model, a, v, priors) for priors in (own, *others)])
    psp.threshold = before
    return (1000 * shares).ceil().int().flatten(1).tolist(), said


def _named(model: VSCG, audio: Tensor, visual: Tensor, priors: tuple[Tensor, Tensor]) -> np.ndarray:
    streams = model.escm.project(*model.escm.isce(audio, visual, *priors))
    relevance, category = model.head(sum(streams) / 2)
    return predict_segments(Output(event_relevance=relevance, event_category=category,
                                   threshold=model.threshold)).numpy()


def player_content(records: Mapping[str, Record], data: Dataset, rows: Sequence[int], levels: Sequence[Level] = (),
                   silent: np.ndarray | None = None, command: str = "") -> dict:
    """Everything that the player shows of some clips, as values for JSON.

    Args:
        records: name to run, with its weights. Where the first is VSCG with ESCM and the two-part head, its blocks are
            opened: PSP's threshold can be moved and the prior be swapped.
        data, rows: the data set, for labels and, planted, the object's place, and the clips in it.
        levels: the clips with several ambiguities; by default once, as stored.
        silent: (B,7,7) bool, where an object stands that makes no sound; None if that is not known.
        command: what makes this content anew.
    Raises VscgError: a shipped run, which has no weights.
    """
    models = {name: record.model() for name, record in records.items()}
    first = next(iter(models.values()))
    open_blocks = isinstance(first, VSCG) and first.escm is not None and isinstance(first.head, TwoPartHead)
    grid = data.visual.shape[2:4]
    inside = data.truth.get("source_mask", np.zeros((len(data), data.labels.shape[1], *grid), bool))[rows]
    silent = np.zeros((len(rows), *grid), bool) if silent is None else silent
    levels = levels or [stored_level(data, rows)]
    clips = [{"category": int(data.category[row]), "truth": letters(data.labels[row].argmax(-1)),
              "object": letters(inside[i]), "silent": letters(silent[i]), "levels": []} for i, row in enumerate(rows)]
    for level in levels:
        with torch.no_grad():
            outputs = [model(level.audio, level.visual) for model in models.values()]
        said = [predict_segments(output).numpy() for output in outputs]
        shares, turned = opened(first, level.audio, level.visual) if open_blocks else ([[]] * len(rows), [])
        for i, clip in enumerate(clips):
            looks = [None if output.attention is None else output.attention[i].numpy() for output in outputs]
            clip["levels"].append({
                "heard": letters((63 * level.heard[i]).round()), "seen": letters((63 * level.seen[i]).round()),
                "said": [letters(classes[i]) for classes in said],
                "looks": ["" if look is None else letters((63 * look / look.max((1, 2), keepdims=True)).round())
                          for look in looks],
                "on": [[] if look is None else [round(100 * float(share)) for share in (look * inside[i]).sum((1, 2))]
                       for look in looks],
                "shares": shares[i], "vscg": ["".join(letters(prior[i]) for prior in priors) for priors in turned]})
    return {
        "made": {"data": data.name, "fingerprint": data.fingerprint[:12], "command": command,
                 "date": datetime.date.today().isoformat(), "device": processor()[0]},
        "classes": [*map(short_name, data.dims.categories), "background"], "digits": DIGITS,
        "ambiguities": [level.ambiguity for level in levels], "thresholds": STEPS,
        "systems": [{"name": name, "key": record.key, "epochs": record.config.resolve().epochs,
                     "seed": record.config.seed, "finished": record.values["finished"][:10],
                     "device": record.values["device"], "accuracy": round(100 * record.result["test"]["accuracy"], 1)}
                    for name, record in records.items()],
        "clips": clips}
