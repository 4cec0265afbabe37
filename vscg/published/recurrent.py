"""Systems built on recurrent layers: VSCG, PSP-Net, AVEL, DMRN and AVSDN."""
ATTENTION = {
    "affine_audio": "audio_map", "affine_video": "visual_map", "affine_v": "visual_score", "affine_g": "audio_score",
    "affine_h": "region_score",
}


def _encoder(swapped: bool) -> dict[str, str]:
    """Key prefixes from AGVA to PSP's branches.

    The released fully supervised VSCG sends the visual stream through what it calls audio, to the very end; our modules
    are named by what they process, so its names trade places.
    """
    audio, visual = ("visual", "audio") if swapped else ("audio", "visual")
    return {
        **{f"attention.{theirs}": f"encoder.attention.{ours}" for theirs, ours in ATTENTION.items()},
        "lstm_a_v.lstm_audio": f"encoder.{audio}_lstm.lstm", "lstm_a_v.lstm_video": f"encoder.{visual}_lstm.lstm",
        "psp.a_L1": f"psp.{audio}_compare.0", "psp.a_L2": f"psp.{audio}_send.0",
        "psp.v_L2": f"psp.{visual}_compare.0", "psp.v_L1": f"psp.{visual}_send.0",
        "psp.a_fc": f"psp.project.{audio}_map.0", "psp.v_fc": f"psp.project.{visual}_map.0",
        "psp.layer_norm": "psp.project.norm",
    }


def _escm(swapped: bool) -> dict[str, str]:
    """Key prefixes of ESCM that both settings have."""
    audio, visual = ("visual", "audio") if swapped else ("audio", "visual")
    return {
        "escm.conv1.0": "escm.cere.block1.0", "escm.conv2.0": "escm.cere.block2.0",
        "escm.a_gru": f"escm.isce.{audio}_gru", "escm.v_gru": f"escm.isce.{visual}_gru",
        "escm.layer_norm": "escm.project.norm",
    }


_FULLY = {"fa": "encoder.audio_projection", "fv": "encoder.visual_projection"}
_WEAKLY = {"linear_v": "encoder.visual_projection", "W3": "head.weight", "L1": "head.segment.layers.0",
           "L2": "head.segment.layers.2"}
_OUTER_ATTENTION = {theirs: f"attention.{ours}" for theirs, ours in ATTENTION.items()}
_FUSION = {"U_a": "fusion.audio_map", "U_v": "fusion.visual_map"}
_LSTMS = {"lstm_audio": "audio_lstm.lstm", "lstm_video": "visual_lstm.lstm"}
_AVEL = {**_OUTER_ATTENTION, **_LSTMS, "L1": "hidden", "L2": "classifier"}
# The names of a third-party port with two heads; the authors' own program was not found.
_AVSDN = {**_OUTER_ATTENTION, **_FUSION, "lstm_audio": "audio_encoder", "lstm_video": "visual_encoder",
          "lstm_a_v": "decoder", "event_classifier.0": "relevance", "category_classifier.0": "category"}

# (system, setting) -> published key prefix -> ours
KEYS = {
    ("vscg", "fully"): {**_FULLY, **_encoder(True), **_escm(True), "escm.v_fc": "escm.project.visual_map.0",
                        "escm.a_fc": "escm.project.audio_map.0", "L3": "head.relevance", "L4": "head.category"},
    ("vscg", "weakly"): {**_WEAKLY, **_encoder(False), **_escm(False), "escm.L1": "escm.visual_prior_map",
                         "escm.L2": "escm.audio_prior_map"},
    ("psp", "fully"): {**_FULLY, **_encoder(False), "L1": "head.layers.0", "L2": "head.layers.2"},
    ("psp", "weakly"): {**_WEAKLY, **_encoder(False)},
    ("avel", "fully"): _AVEL,
    ("avel", "weakly"): _AVEL,
    ("dmrn", "fully"): {**_OUTER_ATTENTION, **_LSTMS, **_FUSION, "L2": "classifier"},
    ("avsdn", "fully"): _AVSDN,
    ("avsdn", "weakly"): _AVSDN,
}

_UNIMODAL = {f"{modality}_classify.{layer}.weight": shape
             for modality in "va" for layer, shape in (("L1", (64, 256)), ("L2", (28, 64)))}
_LINEAR_V = {"linear_v.weight": (128, 512), "linear_v.bias": (128,)}
_WEIGHTS = {"W1.weight": (1, 256), "W2.weight": (1, 64)}

# (system, setting) -> parameters of the published program that never receive a gradient: name -> shape
DEAD = {
    ("vscg", "fully"): {**_LINEAR_V, "escm.L1.weight": (10, 9), **_UNIMODAL, "L1.weight": (64, 256),
                        "L2.weight": (29, 64), "audio_gated.0.weight": (1, 256), "audio_gated.0.bias": (1,),
                        "video_gated.0.weight": (1, 256), "video_gated.0.bias": (1,)},
    ("vscg", "weakly"): {"escm.layer_norm1.weight": (128,), "escm.layer_norm1.bias": (128,),
                         "escm.v_fc.weight": (256, 256), "escm.a_fc.weight": (256, 256), **_WEIGHTS,
                         "L3.weight": (64, 128)},
    ("psp", "fully"): {**_LINEAR_V, **_UNIMODAL, "L3.weight": (64, 256), "L3.bias": (64,), "L4.weight": (2, 64),
                       "L4.bias": (2,)},
    ("psp", "weakly"): {"temperature": (1, 29), **_WEIGHTS},
    ("avel", "fully"): {},
    ("avel", "weakly"): {},
    ("dmrn", "fully"): {},
    ("avsdn", "fully"): {},
    ("avsdn", "weakly"): {},
}
