"""Systems without a published program of their authors: the names that their specifications give the parameters.

With them the golden vectors of these systems are loaded as a published program's weights are.
"""
from vscg.released.names import ATTENTION, DEAD, KEYS, LSTMS

_INNER_ATTENTION = {f"attention.{theirs}": f"attention.{ours}" for theirs, ours in ATTENTION.items()}


def _both(theirs: str, ours: str) -> dict[str, str]:
    """A part that each modality has of its own."""
    return {f"{theirs}_{modality}": f"{modality}_{ours}" for modality in ("audio", "visual")}


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
_DAM = {**_INNER_ATTENTION, **_both("project", "project"), **_both("self", "self"),
        "category.fc1": "category.0", "category.fc2": "category.3", "category.fc3": "category.6"}
_AVIN = {**_INNER_ATTENTION, "lstm_audio": "audio_lstm", "lstm_video": "visual_lstm", "classifier": "classifier",
         "bilinear.visual": "bilinear.visual_factors", "bilinear.audio": "bilinear.audio_factors"}
_AVRB = {**_INNER_ATTENTION, **LSTMS, "fusion.visual": "fusion.visual_map", "fusion.audio": "fusion.audio_map",
         "fusion.output": "fusion.output", "segment": "segment", "L1": "hidden", "L2": "classifier"}
_CSA = {**LSTMS, "spatial_visual": "spatial.visual_map", "spatial_audio": "spatial.audio_map", "gate": "spatial.gate",
        "semantic_visual": "semantic.visual_map", "semantic_audio": "semantic.audio_map", "L1": "hidden",
        "L2": "classifier"}
_AVT = {name: name for name in ("audio_projection", "intra", "inter", "audio", "instance", "temporal", "classifier")}
_CSSNET = {**_INNER_ATTENTION, **LSTMS, "audio_attention": "audio_attention",
           "project_visual": "visual_project.0", "norm_visual": "visual_project.3", "project_audio": "audio_project.0",
           "norm_audio": "audio_project.3", "relevance": "head.relevance", "category": "head.category"}
# (system, setting) -> key prefix of the specification -> ours
SPECIFIED = {
    **{(system, setting): keys for setting in ("fully", "weakly") for system, keys in (
        ("cman", _CMAN), ("avin", _AVIN), ("avrb", _AVRB), ("csa", _CSA), ("avt", _AVT), ("cssnet", _CSSNET))},
    ("dam", "fully"): _DAM, ("dca", "fully"): {**_CMAN, "reduce": "reduce"},
}

KEYS.update(SPECIFIED)
DEAD.update({case: {} for case in SPECIFIED})
