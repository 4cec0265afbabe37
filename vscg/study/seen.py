"""What chapters look at in a trained network: its attention, with the own and with a foreign sound, and its doubts.

Computed once from the weights and kept beside the run, as a file that ships with it: a shipped run has no weights.
"""
from collections.abc import Container
from dataclasses import replace

import numpy as np
import safetensors.numpy
import torch

from vscg.data.prepared import Dataset
from vscg.errors import VscgError
from vscg.machine.files import locked
from vscg.study.failures import class_probability
from vscg.study.localisation import attention_of, other_clip
from vscg.training.batches import Features, outputs
from vscg.training.records import OBSERVED, Record, add_file, anew, read_record, run_title

MAPS = 128          # test clips whose maps are kept, at most
STEPS = 65535       # of a map or of a second's probabilities, from 0 to the largest value
KEPT = ("attention", "foreign", "untrained", "probability")      # of a fully supervised run, see `observed`


def seen_clips(data: Dataset) -> np.ndarray:
    """The test clips whose maps are kept, chosen evenly: positions in the test split, at most `MAPS`."""
    size = len(data.splits["test"])
    return np.linspace(0, size - 1, min(size, MAPS)).round().astype(np.int64)


def observe(record: Record, data: Dataset, kept: Container[str] = KEPT) -> Record:
    """The run with what `observed` gives beside it, computed now from its weights, only `kept`, if it is not there.

    Raises VscgError: the run came with the book without it, its weights are damaged, or nothing can be written.
    """
    if OBSERVED in record.values["sums"]:
        return record
    if record.shipped:
        raise VscgError(f"The run {record.key} ({run_title(record.config)}) came with the book without what its "
                        f"network attends to: {anew(record)} trains it here.")
    with locked(record.folder):                       # of two processes that look, one writes and the other reads
        record = replace(read_record(record.folder) or record, fresh=record.fresh)
        if OBSERVED not in record.values["sums"]:
            record = add_file(record, OBSERVED, safetensors.numpy.save(_look(record, data, kept)))
    return record


def observed(record: Record, data: Dataset) -> dict[str, np.ndarray]:
    """What a run's network attends to and how sure it is, at the epoch that the run's own selection picked.

    `record`, local or shipped, was trained on `data`; VscgError as `observe`. Returns what the system has of
        attention: (M,10,7,7) float64, each map sums to 1; of the M test clips `seen_clips`, with their own sound;
        foreign: the same with the sound of `localisation.other_clip`, drawn by the run's seed; fully supervised;
        untrained: the same with the weights that the run began with and the own sound; fully supervised;
        probability: (N,10,29) float64 of all N test clips, each second sums to 1; fully supervised;
        gate: (N,10) float32 in 0..1 of all test clips; CMBS, weakly supervised.
    """
    found = safetensors.numpy.load(observe(record, data).content(OBSERVED))
    return {name: values if name == "gate" else values / values.sum(_axes(values), keepdims=True, dtype=float)
            for name, values in found.items()}


def _axes(values: np.ndarray) -> tuple[int, ...]:
    """Those of one distribution: of a map two, of a second's classes one."""
    return (-2, -1) if values.ndim == 4 else (-1,)


@torch.inference_mode()
def _look(record: Record, data: Dataset, kept: Container[str]) -> dict[str, np.ndarray]:
    """The content of the file: distributions as whole numbers up to `STEPS`, the rest as it is."""
    config, model, test = record.config, record.model(), data.splits["test"]
    fully, rows, found = config.setting == "fully", test[seen_clips(data)], {}
    said = list(outputs(model, Features(data, torch.device("cpu"), config.modality), test))
    if said[0].attention is not None:
        found["attention"] = torch.cat([output.attention for output in said]).numpy()[seen_clips(data)]
        if fully:
            found["foreign"] = attention_of(model, data, rows, rows[other_clip(data.category[rows], config.seed)],
                                            config.modality)
            found["untrained"] = attention_of(record.untrained(), data, rows, modality=config.modality)
    if fully:
        found["probability"] = torch.cat([class_probability(output) for output in said]).numpy()
    packed = {name: np.rint(STEPS * (values / values.max(_axes(values), keepdims=True))).astype(np.uint16)
              for name, values in found.items() if name in kept}
    if not fully and "gate" in said[0].extras:
        packed["gate"] = torch.cat([output.extras["gate"] for output in said]).numpy()
    return packed
