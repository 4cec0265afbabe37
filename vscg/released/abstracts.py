"""Systems known from their abstracts, without a program: the names of the specifications that we wrote for them."""
from vscg.released import described
from vscg.released.names import ATTENTION

_ATTENTION = {f"attention.{theirs}": f"attention.{ours}" for theirs, ours in ATTENTION.items()}
_LSTMS = {"lstm_audio": "audio_lstm.lstm", "lstm_video": "visual_lstm.lstm"}
_CSA = {
    **_LSTMS, "spatial_visual": "spatial.visual_map", "spatial_audio": "spatial.audio_map", "gate": "spatial.gate",
    "semantic_visual": "semantic.visual_map", "semantic_audio": "semantic.audio_map", "L1": "hidden",
    "L2": "classifier",
}
_AVT = {name: name for name in ("audio_projection", "intra", "inter", "audio", "instance", "temporal", "classifier")}
_DCA = {**described.KEYS["cman", "fully"], "reduce": "reduce"}
_CSSNET = {
    **_ATTENTION, **_LSTMS, "audio_attention": "audio_attention",
    "project_visual": "visual_project.0", "norm_visual": "visual_project.3",
    "project_audio": "audio_project.0", "norm_audio": "audio_project.3",
    "relevance": "head.relevance", "category": "head.category",
}

# (system, setting) -> key prefix of the specification -> ours
KEYS = {
    ("csa", "fully"): _CSA,
    ("csa", "weakly"): _CSA,
    ("avt", "fully"): _AVT,
    ("avt", "weakly"): _AVT,
    ("dca", "fully"): _DCA,
    ("cssnet", "fully"): _CSSNET,
    ("cssnet", "weakly"): _CSSNET,
}
DEAD = {case: {} for case in KEYS}      # every parameter takes part
