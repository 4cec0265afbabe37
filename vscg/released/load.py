"""The published programs' weights in our models: their key names, ours, and the layers that never did anything."""
from collections.abc import Mapping
from os import PathLike

import numpy as np
import torch
from torch import nn

from vscg.errors import VscgError
from vscg.released.names import DEAD, KEYS
from vscg.released.reader import read_checkpoint


def our_name(system: str, setting: str, published: str, where: str = "the mapping") -> str | None:
    """Our name of a published parameter, None for a dead one; VscgError if no part of that system has it.

    `where` the name was read, for the message.
    """
    if published in DEAD[system, setting]:
        return None
    prefix, _, leaf = published.rpartition(".")
    # Longest known prefix first: fa.0.weight has the prefix `fa`, L1.weight has `L1`.
    while prefix:
        if prefix in KEYS[system, setting]:
            return KEYS[system, setting][prefix] + published[len(prefix):]
        prefix = prefix.rpartition(".")[0]
    raise _foreign(system, setting, published, where)


def _foreign(system: str, setting: str, published: str, where: str) -> VscgError:
    return VscgError(f"{where} has {published}, which is no parameter of the published {system} ({setting} "
                     "supervised): is the checkpoint of another system or setting?")


def load_released(model: nn.Module, source: Mapping[str, torch.Tensor | np.ndarray] | str | PathLike) -> nn.Module:
    """Put published weights into a model made by `build_model`, of the same system and setting and variant "released".

    `source` is a mapping of the published key names, or the path of a published checkpoint, which is read without
    running anything in it. Of a system whose authors published no program the names are those in `released.names`.
    Returns the same model; dead parameters are dropped by name.
    Raises VscgError: another variant, unreadable file, unknown or missing names, wrong shapes or kinds of numbers, or
        some that are not finite in float32; the model is unchanged then.
    """
    system, setting = model.system, model.setting
    if model.variant != "released":
        raise VscgError(f"Published weights fit the released variant alone, and this model is {model.variant!r}: "
                        f"build it with build_model({system!r}, setting={setting!r}, variant='released').")
    where = "the mapping" if isinstance(source, Mapping) else str(source)
    weights = source if isinstance(source, Mapping) else read_checkpoint(source)
    state, wanted = {}, model.state_dict()
    for published, value in weights.items():
        published = published.removeprefix("module.")      # of programs that wrap their model for several GPUs
        name = our_name(system, setting, published, where)
        if name is None:
            continue
        tensor = torch.as_tensor(value)
        if name not in wanted:
            raise _foreign(system, setting, published, where)
        if tensor.shape != wanted[name].shape:
            raise VscgError(f"{where}: {published} has shape {tuple(tensor.shape)}, "
                            f"{system} ({setting}) needs {tuple(wanted[name].shape)}.")
        if tensor.is_floating_point() != wanted[name].is_floating_point():
            raise VscgError(f"{where}: {published} holds {tensor.dtype}, {system} needs {wanted[name].dtype}; "
                            "quantised and complex weights are not read.")
        tensor = tensor.to(wanted[name].dtype)
        if not tensor.isfinite().all():
            raise VscgError(f"{where}: {published} holds values that are no finite numbers; a training that diverged "
                            "leaves such weights.")
        state[name] = tensor
    missing = sorted(set(wanted) - set(state))
    if missing:
        raise VscgError(f"{where} lacks {len(missing)} parameters of {system} ({setting}), first {missing[0]}.")
    model.load_state_dict(state)
    return model
