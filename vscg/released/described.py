"""Systems without a published program of their authors: the names that their specifications give the parameters."""
from vscg.released.names import ATTENTION


def _both(theirs: str, ours: str) -> dict[str, str]:
    """A part that each modality has of its own."""
    return {f"{theirs}_{modality}": f"{modality}_{ours}" for modality in ("audio", "visual")}


_ATTENTION = {f"attention.{theirs}": f"attention.{ours}" for theirs, ours in ATTENTION.items()}
_LSTMS = {"lstm_audio": "audio_lstm", "lstm_video": "visual_lstm"}
_CMAN = {
    "where_visual": "where.visual_map", "where_audio": "where.audio_map", **_both("embed", "embed"),
    **_both("self", "when"), "classifier": "classifier",
    **{f"{theirs}_{modality}{part}": f"{modality}_{ours}" for modality in ("audio", "visual")
       for theirs, part, ours in (
           ("lstm", "", "lstm.cells.0"), ("sentinel", ".input", "lstm.input_map"),
           ("sentinel", ".hidden", "lstm.hidden_map"), ("coattention", ".memory", "which.memory_map"),
           ("coattention", ".hidden", "which.hidden_map"), ("coattention", ".sentinel", "which.sentinel_map"),
           ("coattention", ".score", "which.score"))},
}
_DAM = {
    **_ATTENTION, **_both("project", "project"), **_both("self", "self"),
    "category.fc1": "category.0", "category.fc2": "category.3", "category.fc3": "category.6",
}
_AVIN = {
    **_ATTENTION, **_LSTMS, "bilinear.visual": "bilinear.visual_factors",
    "bilinear.audio": "bilinear.audio_factors", "classifier": "classifier",
}
_AVRB = {
    **_ATTENTION, **{theirs: f"{ours}.lstm" for theirs, ours in _LSTMS.items()},
    "fusion.visual": "fusion.visual_map", "fusion.audio": "fusion.audio_map", "fusion.output": "fusion.output",
    "segment": "segment", "L1": "hidden", "L2": "classifier",
}

# (system, setting) -> key prefix of the specification -> ours
KEYS = {
    ("cman", "fully"): _CMAN,
    ("cman", "weakly"): _CMAN,
    ("dam", "fully"): _DAM,
    ("avin", "fully"): _AVIN,
    ("avin", "weakly"): _AVIN,
    ("avrb", "fully"): _AVRB,
    ("avrb", "weakly"): _AVRB,
}
DEAD = {case: {} for case in KEYS}      # every parameter takes part
