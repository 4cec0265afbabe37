"""Systems known from their abstracts, without a program: the names of the specifications that we wrote for them."""
from vscg.published.recurrent import KEYS as RECURRENT

# AVEL's parts, which CSA and CSS-Net have too.
_LSTMS = {name: RECURRENT["avel", "fully"][name] for name in ("lstm_audio", "lstm_video")}
_ATTENTION = {f"attention.{name}": RECURRENT["avel", "fully"][name]
              for name in ("affine_audio", "affine_video", "affine_v", "affine_g", "affine_h")}
_CSA = {
    **_LSTMS, "spatial_visual": "spatial.visual_map", "spatial_audio": "spatial.audio_map", "gate": "spatial.gate",
    "semantic_visual": "semantic.visual_map", "semantic_audio": "semantic.audio_map", "L1": "hidden",
    "L2": "classifier",
}
_AVT = {name: name for name in ("audio_projection", "intra", "inter", "audio", "instance", "temporal", "classifier")}
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
    ("cssnet", "fully"): _CSSNET,
    ("cssnet", "weakly"): _CSSNET,
}
DEAD = {case: {} for case in KEYS}      # every parameter takes part
