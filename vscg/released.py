"""The published programs' weights in our models: their key names, ours, and the layers that never did anything."""
from collections.abc import Mapping
from os import PathLike

import numpy as np
import torch
from torch import nn

from vscg.checkpoints import read_checkpoint
from vscg.errors import VscgError

_ATTENTION = {
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
        **{f"attention.{theirs}": f"encoder.attention.{ours}" for theirs, ours in _ATTENTION.items()},
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
_AVEL = {**{theirs: f"attention.{ours}" for theirs, ours in _ATTENTION.items()}, "lstm_audio": "audio_lstm.lstm",
         "lstm_video": "visual_lstm.lstm", "L1": "hidden", "L2": "classifier"}

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
}


def our_name(system: str, setting: str, published: str) -> str | None:
    """Our name of a published parameter, None for a dead one.

    Raises:
        VscgError: the name belongs to no parameter of that system.
    """
    if published in DEAD[system, setting]:
        return None
    prefix, _, leaf = published.rpartition(".")
    # Longest known prefix first: fa.0.weight has the prefix `fa`, L1.weight has `L1`.
    while prefix:
        if prefix in KEYS[system, setting]:
            return KEYS[system, setting][prefix] + published[len(prefix):]
        prefix = prefix.rpartition(".")[0]
    raise VscgError(f"{published!r} is no parameter of the published {system} ({setting} supervised): "
                    "is the checkpoint of another system or setting?")


def load_released(model: nn.Module, source: Mapping[str, torch.Tensor | np.ndarray] | str | PathLike) -> nn.Module:
    """Put published weights into a model made by `build_model`.

    Args:
        model: a model of the same system and setting; its variant must be "released".
        source: a mapping of the published key names, or the path of a published checkpoint, which is read without
            running anything in it.

    Returns:
        The same model, weights replaced; dead parameters are dropped by name.

    Raises:
        VscgError: another variant, unreadable file, unknown or missing names, or wrong shapes; the model is unchanged
            then.
    """
    system, setting = model.system, model.setting
    if model.variant != "released":
        raise VscgError(f"Published weights fit the released variant alone, and this model is {model.variant!r}: "
                        f"build it with build_model({system!r}, setting={setting!r}, variant='released').")
    where = "the mapping" if isinstance(source, Mapping) else str(source)
    weights = source if isinstance(source, Mapping) else read_checkpoint(source)
    state, wanted = {}, model.state_dict()
    for published, value in weights.items():
        name = our_name(system, setting, published)
        if name is None:
            continue
        tensor = torch.as_tensor(value)
        if name not in wanted:
            raise VscgError(f"{where} has {published}, which is no parameter of the published {system} "
                            f"({setting} supervised): is the checkpoint of another system or setting?")
        if tensor.shape != wanted[name].shape:
            raise VscgError(f"{where}: {published} has shape {tuple(tensor.shape)}, "
                            f"{system} ({setting}) needs {tuple(wanted[name].shape)}.")
        state[name] = tensor
    missing = sorted(set(wanted) - set(state))
    if missing:
        raise VscgError(f"{where} lacks {len(missing)} parameters of {system} ({setting}), first {missing[0]}.")
    model.load_state_dict(state)
    return model
