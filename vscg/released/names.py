"""The published parameter names beside ours, and the parameters that never did anything in their programs."""
Shapes = dict[str, tuple[int, ...]]

# VSCG, PSP-Net, AVEL, DMRN and AVSDN.
ATTENTION = {
    "affine_audio": "audio_map", "affine_video": "visual_map", "affine_v": "visual_score", "affine_g": "audio_score",
    "affine_h": "region_score",
}


def _branches(swapped: bool) -> dict[str, str]:
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
LSTMS = {"lstm_audio": "audio_lstm.lstm", "lstm_video": "visual_lstm.lstm"}
_AVEL = {**_OUTER_ATTENTION, **LSTMS, "L1": "hidden", "L2": "classifier"}
# The names of a third-party port with two heads; the authors' own program was not found.
_AVSDN = {**_OUTER_ATTENTION, **_FUSION, "lstm_audio": "audio_encoder", "lstm_video": "visual_encoder",
          "lstm_a_v": "decoder", "event_classifier.0": "relevance", "category_classifier.0": "category"}


# CMRA, CMBS and DMIN.
def _transformer_encoder(theirs: str, ours: str) -> dict[str, str]:
    """Key prefixes of an encoder."""
    keys = {f"{theirs}.affine_matrix": f"{ours}.affine"}
    for i in range(2):
        keys |= {f"{theirs}.encoder.layers.{i}": f"{ours}.layers.{i}",
                 f"{theirs}.encoder.layers.{i}.self_attn": f"{ours}.layers.{i}.attention"}
    return keys


def _transformer_decoder(theirs: str, ours: str) -> dict[str, str]:
    """Key prefixes of a decoder."""
    return {f"{theirs}.affine_matrix": f"{ours}.affine", f"{theirs}.decoder.layers.0": f"{ours}.layer",
            f"{theirs}.decoder.layers.0.multihead_attn": f"{ours}.layer.attention"}


def _interaction(theirs: str, ours: str) -> dict[str, str]:
    """Key prefixes of an interaction block."""
    return {f"{theirs}.video_multihead": f"{ours}.attention", f"{theirs}.norm1": f"{ours}.norm"}


def _channel_attention(**parts: str) -> dict[str, str]:
    """Key prefixes of the spatial-channel attention: the channel gate's, and `parts`."""
    channel = {"affine_audio_1": "channel.audio_map", "affine_video_1": "channel.visual_map",
               "affine_bottleneck": "channel.bottleneck", "affine_v_c_att": "channel.expand"}
    return {f"spatial_channel_att.{theirs}": f"attention.{ours}" for theirs, ours in {**channel, **parts}.items()}


_SPATIAL = {"affine_audio_2": "spatial.guide_map", "affine_video_2": "spatial.visual_map",
            "affine_v_s_att": "spatial.score"}
_SHARED = {
    "v_fc": "visual_layer.0",
    **_transformer_encoder("audio_encoder", "transformer.audio_encoder"),
    **_transformer_encoder("video_encoder", "transformer.visual_encoder"),
    **_transformer_decoder("audio_decoder", "transformer.audio_decoder"),
    **_transformer_decoder("video_decoder", "transformer.visual_decoder"),
}
_HEAD = {"localize_module.classifier": "head.relevance", "localize_module.event_classifier": "head.category"}

_CMRA = {**_SHARED, **_channel_attention(**_SPATIAL), **_interaction("AVInter", "interaction"), **_HEAD}
_CMBS = {
    **_SHARED,
    **_channel_attention(
        **_SPATIAL, video_query="query", video_key="key", video_value="value", norm="norm",
        affine_video_ave="visual_spatial.guide_map", affine_video_3="visual_spatial.visual_map",
        ave_v_att="visual_spatial.score"),
    **_interaction("AVInter", "visual_interaction"), **_interaction("VAInter", "audio_interaction"),
    "audio_cas": "audio_class", "video_cas": "visual_class",
}
_DMIN = {
    **_SHARED,
    **_channel_attention(
        affine_audio_2="audio_factors", affine_video_2="visual_factors", affine_v_s_att="score",
        Linear_audio="audio_map", Linear_visual="visual_map", lstm="lstm"),
    **_interaction("AVInter", "interaction"), **_HEAD,
}

# Systems without a published program of their authors: the names of an independent prototype of what is known of each.
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

# (system, setting) -> key prefix of the program, or of the prototype, -> ours
KEYS: dict[tuple[str, str], dict[str, str]] = {
    ("vscg", "fully"): {**_FULLY, **_branches(True), **_escm(True), "escm.v_fc": "escm.project.visual_map.0",
                        "escm.a_fc": "escm.project.audio_map.0", "L3": "head.relevance", "L4": "head.category"},
    ("vscg", "weakly"): {**_WEAKLY, **_branches(False), **_escm(False), "escm.L1": "escm.visual_prior_map",
                         "escm.L2": "escm.audio_prior_map"},
    ("psp", "fully"): {**_FULLY, **_branches(False), "L1": "head.layers.0", "L2": "head.layers.2"},
    ("psp", "weakly"): {**_WEAKLY, **_branches(False)},
    **{(system, setting): keys for setting in ("fully", "weakly") for system, keys in (
        ("avel", _AVEL), ("avsdn", _AVSDN), ("cmra", _CMRA))},
    ("dmrn", "fully"): {**_OUTER_ATTENTION, **LSTMS, **_FUSION, "L2": "classifier"},
    ("cmbs", "fully"): {**_CMBS, **_HEAD, "audio_visual_rnn_layer.audio_rnn": "audio_lstm.lstm",
                        "audio_visual_rnn_layer.visual_rnn": "visual_lstm.lstm",
                        "audio_gated.0": "audio_gate", "video_gated.0": "visual_gate"},
    # Weakly supervised, the published gates read the other modality than their names say.
    ("cmbs", "weakly"): {**_CMBS, "CAS_model.classifier.0": "head", "audio_gated.0": "visual_gate",
                         "video_gated.0": "audio_gate"},
    ("dmin", "fully"): {**_DMIN, "localize_module.event_self": "visual_head"},
    ("dmin", "weakly"): {**_DMIN, "localize_module.event_self": "visual_head.category",
                         "localize_module.classifier_self": "visual_head.relevance"},
    **{(system, setting): keys for setting in ("fully", "weakly") for system, keys in (
        ("cman", _CMAN), ("avin", _AVIN), ("avrb", _AVRB), ("csa", _CSA), ("avt", _AVT), ("cssnet", _CSSNET))},
    ("dam", "fully"): _DAM, ("dca", "fully"): {**_CMAN, "reduce": "reduce"},
}

_UNIMODAL = {f"{modality}_classify.{layer}.weight": shape
             for modality in "va" for layer, shape in (("L1", (64, 256)), ("L2", (28, 64)))}
_LINEAR_V = {"linear_v.weight": (128, 512), "linear_v.bias": (128,)}
_WEIGHTS = {"W1.weight": (1, 256), "W2.weight": (1, 64)}


def _linear(name: str, outputs: int, inputs: int) -> Shapes:
    """Shapes of a linear map."""
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str) -> Shapes:
    """Shapes of a normalisation."""
    return {f"{name}.weight": (256,), f"{name}.bias": (256,)}


def _multihead(name: str) -> Shapes:
    """Shapes of a multi-head attention."""
    return {f"{name}.in_proj_weight": (768, 256), f"{name}.in_proj_bias": (768,),
            **_linear(f"{name}.out_proj", 256, 256)}


def _layer(name: str, hidden: int) -> Shapes:
    """Shapes of an encoder layer."""
    return {**_multihead(f"{name}.self_attn"), **_linear(f"{name}.linear1", hidden, 256),
            **_linear(f"{name}.linear2", 256, hidden), **_norm(f"{name}.norm1"), **_norm(f"{name}.norm2")}


def _dead(encoder_hidden: int, decoder_hidden: int) -> Shapes:
    """The prototypes that the layers were copied from, and the self-attention that no decoder layer uses."""
    shapes = {}
    for modality in ("video", "audio"):
        prototype = f"{modality}_decoder.decoder_layer"
        shapes |= {**_layer(f"{modality}_encoder.encoder_layer", encoder_hidden), **_layer(prototype, decoder_hidden),
                   **_multihead(f"{prototype}.multihead_attn"),
                   **_multihead(f"{modality}_decoder.decoder.layers.0.self_attn")}
    return shapes


_GUIDED = {**_linear("spatial_channel_att.affine_video_guided_1", 64, 512),
           **_linear("spatial_channel_att.affine_video_guided_2", 128, 64)}
_AVE = _linear("spatial_channel_att.ave_bottleneck", 256, 512)

# (system, setting) -> parameters of the published program that never receive a gradient: name -> shape
DEAD: dict[tuple[str, str], Shapes] = {
    # Where nothing else is said, every parameter takes part.
    **{case: {} for case in KEYS},
    ("vscg", "fully"): {**_LINEAR_V, "escm.L1.weight": (10, 9), **_UNIMODAL, "L1.weight": (64, 256),
                        "L2.weight": (29, 64), "audio_gated.0.weight": (1, 256), "audio_gated.0.bias": (1,),
                        "video_gated.0.weight": (1, 256), "video_gated.0.bias": (1,)},
    ("vscg", "weakly"): {"escm.layer_norm1.weight": (128,), "escm.layer_norm1.bias": (128,),
                         "escm.v_fc.weight": (256, 256), "escm.a_fc.weight": (256, 256), **_WEIGHTS,
                         "L3.weight": (64, 128)},
    ("psp", "fully"): {**_LINEAR_V, **_UNIMODAL, "L3.weight": (64, 256), "L3.bias": (64,), "L4.weight": (2, 64),
                       "L4.bias": (2,)},
    ("psp", "weakly"): {"temperature": (1, 29), **_WEIGHTS},
    **{(system, setting): {**_dead(2048, 2048), **_GUIDED} for system in ("cmra", "dmin")
       for setting in ("fully", "weakly")},
    ("cmbs", "fully"): {**_dead(1024, 1024), **_AVE, **_norm("video_norm"), **_norm("audio_norm")},
    ("cmbs", "weakly"): {**_dead(2048, 1024), **_AVE, **_linear("classifier", 1, 256)},
}
