"""What the tests of whole systems share: clips, models with drawn weights, and what is held of their outputs."""
import numpy as np
import torch
from torch import nn

from tests import loops
from vscg.data.labels import AVE
from vscg.models import build_model
from vscg.training.objectives import build_objective

LABELS = torch.eye(29)[torch.tensor([[28] * 4 + [3] * 6, [7] * 10])]               # of two clips


def draw_clips(batch=2, seed=1, dtype=None, dims=AVE):
    """Audio (B,10,128) and visual maps (B,10,7,7,512), or of other sizes."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.rand(batch, *dims.rows()[name], generator=generator, dtype=dtype)
                 for name in ("audio", "visual"))


def build(system, setting="fully", variant="released", **options):
    torch.manual_seed(0)
    return build_model(system, setting=setting, variant=variant, **options)


def values(output):
    """Name -> value of all that an output holds."""
    return {name: value for name, value in {**vars(output), **output.extras}.items() if torch.is_tensor(value)}


def rates(model, prefix=""):
    """Name -> rate of the dropouts whose names begin with `prefix`."""
    return {name: layer.p for name, layer in model.named_modules()
            if name.startswith(prefix) and isinstance(layer, nn.Dropout)}


def zeroed(module):
    """The module in double precision, all of its parameters 0."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    return module.double()


def agrees(model, clips, slow, **case):
    """Each clip's outputs are those of a slow version, which takes the clip's audio and maps and the weights."""
    with torch.no_grad():
        found = values(model(*clips))
    for b, clip in enumerate(zip(*(x.numpy() for x in clips), strict=True)):
        for name, expected in slow(*clip, loops.weights(model), **case).items():
            np.testing.assert_allclose(found[name][b], expected, atol=1e-9, err_msg=name)


def unreached(model, clips, system, setting="fully", loss=None):
    """Names of the parameters that the loss, by default the system's own, gives no gradient but rounding."""
    build_objective(system, setting=setting, loss=loss)(model(*clips), LABELS.to(clips[0]))[0].backward()
    return [name for name, p in model.named_parameters() if p.grad is None or p.grad.norm() < 1e-12]
