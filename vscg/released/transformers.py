"""CMRA, CMBS and DMIN: (system, setting) -> published key prefixes and ours, and the published dead parameters."""
Shapes = dict[str, tuple[int, ...]]


def _encoder(theirs: str, ours: str) -> dict[str, str]:
    """Key prefixes of an encoder."""
    keys = {f"{theirs}.affine_matrix": f"{ours}.affine"}
    for i in range(2):
        keys |= {f"{theirs}.encoder.layers.{i}": f"{ours}.layers.{i}",
                 f"{theirs}.encoder.layers.{i}.self_attn": f"{ours}.layers.{i}.attention"}
    return keys


def _decoder(theirs: str, ours: str) -> dict[str, str]:
    """Key prefixes of a decoder."""
    return {f"{theirs}.affine_matrix": f"{ours}.affine", f"{theirs}.decoder.layers.0": f"{ours}.layer",
            f"{theirs}.decoder.layers.0.multihead_attn": f"{ours}.layer.attention"}


def _interaction(theirs: str, ours: str) -> dict[str, str]:
    """Key prefixes of an interaction block."""
    return {f"{theirs}.video_multihead": f"{ours}.attention", f"{theirs}.norm1": f"{ours}.norm"}


def _attention(**parts: str) -> dict[str, str]:
    """Key prefixes of the spatial-channel attention: the channel gate's, and `parts`."""
    channel = {"affine_audio_1": "channel.audio_map", "affine_video_1": "channel.visual_map",
               "affine_bottleneck": "channel.bottleneck", "affine_v_c_att": "channel.expand"}
    return {f"spatial_channel_att.{theirs}": f"attention.{ours}" for theirs, ours in {**channel, **parts}.items()}


_SPATIAL = {"affine_audio_2": "spatial.guide_map", "affine_video_2": "spatial.visual_map",
            "affine_v_s_att": "spatial.score"}
_SHARED = {
    "v_fc": "visual_layer.0",
    **_encoder("audio_encoder", "transformer.audio_encoder"), **_encoder("video_encoder", "transformer.visual_encoder"),
    **_decoder("audio_decoder", "transformer.audio_decoder"), **_decoder("video_decoder", "transformer.visual_decoder"),
}
_HEAD = {"localize_module.classifier": "head.relevance", "localize_module.event_classifier": "head.category"}

_CMRA = {**_SHARED, **_attention(**_SPATIAL), **_interaction("AVInter", "interaction"), **_HEAD}
_CMBS = {
    **_SHARED,
    **_attention(**_SPATIAL, video_query="query", video_key="key", video_value="value", norm="norm",
                 affine_video_ave="visual_spatial.guide_map", affine_video_3="visual_spatial.visual_map",
                 ave_v_att="visual_spatial.score"),
    **_interaction("AVInter", "visual_interaction"), **_interaction("VAInter", "audio_interaction"),
    "audio_cas": "audio_class", "video_cas": "visual_class",
}
_DMIN = {
    **_SHARED,
    **_attention(affine_audio_2="audio_factors", affine_video_2="visual_factors", affine_v_s_att="score",
                 Linear_audio="audio_map", Linear_visual="visual_map", lstm="lstm"),
    **_interaction("AVInter", "interaction"), **_HEAD,
}

KEYS: dict[tuple[str, str], dict[str, str]] = {
    ("cmra", "fully"): _CMRA,
    ("cmra", "weakly"): _CMRA,
    ("cmbs", "fully"): {**_CMBS, **_HEAD, "audio_visual_rnn_layer.audio_rnn": "audio_lstm.lstm",
                        "audio_visual_rnn_layer.visual_rnn": "visual_lstm.lstm",
                        "audio_gated.0": "audio_gate", "video_gated.0": "visual_gate"},
    # Weakly supervised, the published gates read the other modality than their names say.
    ("cmbs", "weakly"): {**_CMBS, "CAS_model.classifier.0": "head", "audio_gated.0": "visual_gate",
                         "video_gated.0": "audio_gate"},
    ("dmin", "fully"): {**_DMIN, "localize_module.event_self": "visual_head"},
    ("dmin", "weakly"): {**_DMIN, "localize_module.event_self": "visual_head.category",
                         "localize_module.classifier_self": "visual_head.relevance"},
}


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

DEAD: dict[tuple[str, str], Shapes] = {
    **{(system, setting): {**_dead(2048, 2048), **_GUIDED} for system in ("cmra", "dmin")
       for setting in ("fully", "weakly")},
    ("cmbs", "fully"): {**_dead(1024, 1024), **_AVE, **_norm("video_norm"), **_norm("audio_norm")},
    ("cmbs", "weakly"): {**_dead(2048, 1024), **_AVE, **_linear("classifier", 1, 256)},
}
