"""What each difference between paper and program does: pairs of runs that differ in that alone.

Rows are named as on the deviations page. The runs are short, most of them 3 or 4 epochs, and all on planted-mini: few
enough for five seeds of everything in an hour or two on two CPU cores. So their rows are still learning, by
`statistics.LEARNING_RULE`, and an effect is one on how fast.
"""
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vscg.data import load_dataset
from vscg.data.prepared import made_prepared, read_fingerprint
from vscg.data.writer import PreparedWriter
from vscg.machine.files import data_dir, value_hash
from vscg.training.config import RunConfig

DATA = "planted-mini"
SEEDS = 5
_SHORT = {"batch": 8, "epochs": 4}
_LONG = {"batch": 8, "epochs": 20}            # for what shows only after many evaluations
_QUICK = {"batch": 8, "epochs": 3}            # for CMBS, which costs most
DUPLICATES = 16                               # of 160 test clips; AVE has 8 in 402


@dataclass(frozen=True)
class Deviation:
    """One difference: the program's way and the other, fields of `RunConfig`; the effect is first minus second."""
    row: str                                  # of the deviations page, or what is rounded to
    question: str                             # the first way, or the second?
    first: Mapping = field(default_factory=dict)
    second: Mapping = field(default_factory=dict)
    base: Mapping = field(default_factory=dict)       # below both

    def configs(self) -> tuple[list[RunConfig], list[RunConfig]]:
        """The runs of both ways, seed by seed."""
        return tuple([RunConfig(**{"data": DATA, **_SHORT, **self.base, **way, "seed": seed}).resolve()
                      for seed in range(SEEDS)] for way in (self.first, self.second))


_WEAKLY = {"setting": "weakly"}
_LEAK = {"target": "proportion"}
_AVEL, _AVSDN, _CMRA, _CMBS = ({"system": system} for system in ("avel", "avsdn", "cmra", "cmbs"))
_TWO_HEAD = {"model_options": {"head": "two_head"}}
# VSCG itself, then the systems that the paper compares it with.
OWN = (
    Deviation("V3", "Rows of the propagation weights divided by their sum a second time, or once?",
              {}, {"model_options": {"renormalise": False}}),
    Deviation("V4", "Dropout 0.1 after ISCE, or 0.2 as in the text?", {}, {"model_options": {"escm_dropout": 0.2}}),
    Deviation("V5", "Similarity: cosine after project and norm, or Eq. 16?",
              {}, {"loss": "c+t+avps16", "model_options": {"similarity": "product"}}),
    Deviation("V6", "Category loss: one for the clip, or Eq. 17?", {}, {"loss": "c17+t+avps"}),
    Deviation("V4 to V6", "The released fully supervised variant, or the paper's?", {}, {"variant": "paper"}),
    Deviation("B1", "The library's GRU, or Eq. 4 to 8 to the letter?", {}, {"model_options": {"gru": "equations"}}),
    Deviation("B1, weakly", "The same, weakly supervised?", {}, {"model_options": {"gru": "equations"}}, _WEAKLY),
    Deviation("D3", "An incomplete last batch dropped, or kept?", {"drop_last": True}, {}, {"batch": 12}),
    Deviation("D4", "Similarity targets left over from earlier batches, or fresh?", {"stale_avps": True}, {}),
    Deviation("W3", "A tag that tells the event's duration, or the event alone?", _LEAK, {}, _WEAKLY),
    Deviation("W3, background clips", "With the clips that hold no event, or without, when the tag is the event alone?",
              {}, {"background": False}, _WEAKLY),
    Deviation("W3, background clips, leak", "The same, when the tag tells the duration?",
              {}, {"background": False}, _WEAKLY | _LEAK),
    Deviation("D2", "Batches of the sorted order, or shuffled, when the tag is the event alone?",
              {"order": "first-random"}, {}, _WEAKLY),
    Deviation("D2, leak", "The same, when the tag tells the duration?",
              {"order": "first-random"}, {}, _WEAKLY | _LEAK),
    Deviation("W1", "Crossed initial states of the GRUs, or their mean?",
              {}, {"model_options": {"crossed": False}}, _WEAKLY),
    Deviation("W2", "No linear map after the GRUs, or one as in Eq. 12?",
              {}, {"model_options": {"linear": True}}, _WEAKLY),
    Deviation("W4", "Weights of seconds of at least one half, or from 0 on?",
              {}, {"model_options": {"rectified": False}}, _WEAKLY),
    Deviation("W5", "With the smooth loss of Eq. 21, or without?", {}, {"loss": "bce"}, _WEAKLY),
)
COMPARED = (
    Deviation("A1", "AVEL: a loss for logits on probabilities, or cross-entropy?", {}, {"loss": "ce"}, _AVEL),
    Deviation("A1, weakly", "AVEL, weakly: the same loss, or binary cross-entropy?",
              {}, {"loss": "bce"}, _AVEL | _WEAKLY),
    Deviation("A3", "AVEL: batches of the sorted order, or shuffled?", {"order": "stored"}, {}, _AVEL),
    Deviation("M3", "DMRN: a loss for logits on probabilities, or cross-entropy?",
              {}, {"loss": "ce"}, {"system": "dmrn"}),
    Deviation("S1", "AVSDN: attention guided by sound over the picture, or its mean?",
              {}, {"model_options": {"spatial": "mean"}}, _AVSDN),
    Deviation("S2", "AVSDN: LSTMs in both directions, or forwards alone?",
              {}, {"model_options": {"bidirectional": False}}, _AVSDN),
    Deviation("S3", "AVSDN: the port's two parts, or 29 classes for each second?",
              _TWO_HEAD | {"loss": "c+t"}, {}, _AVSDN),
    Deviation("S4", "AVSDN, weakly: the port's gates, without background clips, or the mean of 29 classes with them?",
              _TWO_HEAD | {"background": False}, {}, _AVSDN | _WEAKLY),
    Deviation("T3", "CMRA, weakly: a loss for logits on probabilities, or binary cross-entropy?",
              {}, {"loss": "bce"}, _CMRA | _WEAKLY),
    Deviation("T3, CMBS", "CMBS, weakly: the same?", {}, {"loss": "bce"}, _CMBS | _WEAKLY | _QUICK),
    Deviation("T7", "CMRA: an encoder's two layers start as copies, or each with weights of its own?",
              {}, {"model_options": {"twins": False}}, _CMRA),
    Deviation("C1", "CMBS, weakly: the rule that always says the clip's class, or the mended one?",
              {}, {"model_options": {"rule": "mended"}}, _CMBS | _WEAKLY | _QUICK),
    Deviation("C2", "CMBS: the gate in a loss for logits, or for probabilities?",
              {}, {"loss": "c+t+p-gate+av"}, _CMBS | _QUICK),
    Deviation("C3", "CMBS: each gate scales the other modality, or its own?",
              {}, {"model_options": {"crossed": False}}, _CMBS | _QUICK),
    Deviation("C3, weakly", "CMBS, weakly: each gate scales its own modality, or the other?",
              {}, {"model_options": {"crossed": True}}, _CMBS | _WEAKLY | _QUICK),
    Deviation("C5", "CMBS: queries times keys as they are, or divided by the root of their size?",
              {}, {"model_options": {"scaled": True}}, _CMBS | _QUICK),
)
DEVIATIONS = OWN + COMPARED
# No difference between paper and program, but the same kind of question: what does a speed-up do to accuracy?
ROUNDINGS = tuple(
    Deviation(title, f"Products of factors rounded to {title}, or in single precision?", {"precision": precision})
    for precision, title in (("tf32", "TF32"), ("bf16", "bf16")))


def plateau_configs() -> list[RunConfig]:
    """VSCG, fully supervised, five times as long: for questions about which epoch and which threshold is picked."""
    return [RunConfig(data=DATA, **_LONG, seed=seed).resolve() for seed in range(SEEDS)]


def duplicate_configs() -> list[RunConfig]:
    """VSCG, fully supervised, on `duplicates_file`."""
    data = str(duplicates_file())
    return [RunConfig(data=data, **_SHORT, seed=seed).resolve() for seed in range(SEEDS)]


def deviation_configs() -> list[RunConfig]:
    """All runs of the study, seed by seed, with repetitions."""
    ways = [way for deviation in DEVIATIONS + ROUNDINGS for way in deviation.configs()]
    return [config for same_seed in zip(*ways, duplicate_configs(), plateau_configs(), strict=True)
            for config in same_seed]


def duplicated_rows(category: np.ndarray, splits: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Test rows that become copies of training rows: `(test, train)`, each `DUPLICATES` long, categories all unlike."""
    test = splits["test"][::len(splits["test"]) // DUPLICATES][:DUPLICATES]
    train = []
    for row in test:
        train.append(next(one for one in splits["train"] if category[one] != category[row] and one not in train))
    return test, np.array(train)


def duplicates_file() -> Path:
    """planted-mini with some test clips that have the sound and picture of a training clip, as in AVE; made once.

    AVE has videos annotated twice, with two categories, some of them in two splits. Here such a test clip keeps
    its labels and gets the features of a training clip of another category.
    """
    data = load_dataset(DATA)
    test, train = duplicated_rows(data.category, data.splits)
    fingerprint = value_hash([data.fingerprint, "duplicates", test.tolist(), train.tolist()])
    source = np.arange(len(data))
    source[test] = train

    def make(path: Path) -> None:
        with PreparedWriter(path, len(data), f"{DATA}, {DUPLICATES} test clips duplicated", fingerprint) as writer:
            for row, of in enumerate(source):
                writer.append(data.visual[[of]], data.audio[[of]], data.labels[[row]], data.category[[row]],
                              [data.video_ids[row]])
            writer.splits(**data.splits)

    return made_prepared(data_dir() / f"{DATA}-duplicates.h5", lambda path: read_fingerprint(path) == fingerprint, make)
