"""How far our models are from the published programs: outputs, losses, gradients, parameters and five training steps.

Systems without a program are held against an independent prototype of what is known about them.

`python -m tests.golden.compare`, run in the repository's root, prints every difference beside its tolerance.
"""
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from tests.golden import golden
from vscg.models import SYSTEMS, Output, build_model
from vscg.released.load import DEAD, load_released, our_name
from vscg.training.objectives import build_objective

FOLDER = Path(__file__).resolve().parent
# Each system in each setting, then what a switch makes of some, which its name tells: cssnet_fully_agva.
CASES = (*(f"{system}_{setting}" for system in SYSTEMS for setting in SYSTEMS[system].settings),
         *sorted(path.stem for path in FOLDER.glob("variants/*.npz")))
# Options that take every dropout out, and that make ours what the vectors were made from.
OPTIONS = {
    "vscg": dict(psp_dropout=0.0, psp_project_dropout=0.0, escm_dropout=0.0), "psp": dict(dropout=0.0), "avel": {},
    "cman": {}, "dam": dict(dropout=0.0), "avrb": {}, "avin": dict(dropout=0.0),
    "dmrn": {}, "avsdn": dict(head="two_head"), "cmra": dict(visual_dropout=0.0, dropout=0.0),
    "cmbs": dict(visual_dropout=0.0, region_dropout=0.0, dropout=0.0, interaction_dropout=0.0),
    "dmin": dict(visual_dropout=0.0, bilinear_dropout=0.0, dropout=0.0, decoder_dropout=0.0),
    "csa": {}, "avt": dict(dropout=0.0), "dca": {}, "cssnet": dict(dropout=0.0),
}
SWITCHES = {"k": "attention_size"}                        # a switch's name in the files -> ours, where they differ
TARGETS = {"vscg": "proportion", "psp": "proportion"}     # of the weakly supervised programs; else presence
LOSSES = {"avsdn_fully": "c+t", "avsdn_weakly": "mlsm"}   # of the port, which has another head than our default
TOLERANCES = {"absolute": 1e-5, "relative gradient": 1e-4, "relative trajectory": 1e-3, "relative fall": 1e-2,
              "count": 0}
STEPS = 5


class Row(NamedTuple):
    """One comparison: how far apart, and how far it may be."""

    case: str
    quantity: str
    kind: str              # a key of `TOLERANCES`; a "count" is a number of items that differ
    difference: float
    where: str = ""        # the parameter that is furthest off

    @property
    def tolerance(self) -> float:
        return TOLERANCES[self.kind]

    @property
    def within(self) -> bool:
        return self.difference <= self.tolerance


def system_and_setting(case: str) -> tuple[str, str]:
    """What a case compares, without its switch."""
    return tuple(case.split("_")[:2])


def path_of(case: str) -> Path:
    """The golden file of a case."""
    return FOLDER / ("variants" if case.count("_") == 2 else "") / f"{case}.npz"


def options_of(case: str) -> dict:
    """The options with which our model is what a case compares."""
    switches = golden.load(path_of(case))[0].get("options", {})
    return OPTIONS[system_and_setting(case)[0]] | {SWITCHES.get(name, name): value for name, value in switches.items()}


def build(case: str) -> tuple[nn.Module, nn.Module, dict, dict[str, np.ndarray]]:
    """Our model with the golden weights and no dropout, its objective, the file's `meta` and published outputs."""
    system, setting = system_and_setting(case)
    meta, published = golden.load(path_of(case))
    dtype = getattr(torch, meta.get("dtype", "float32"))
    model = load_released(build_model(system, setting=setting, **options_of(case)).to(dtype), golden.weights(meta))
    objective = build_objective(system, setting=setting, target=TARGETS.get(system, "presence"),
                                loss=LOSSES.get(case))
    return model, objective, meta, published


def tensors(meta: dict) -> list[Tensor]:
    """Audio, visual and labels, in the precision in which the vectors were computed."""
    return [torch.as_tensor(array).to(getattr(torch, meta.get("dtype", "float32"))) for array in golden.inputs(meta)]


def by_published_name(output: Output) -> Mapping[str, Tensor]:
    """Our outputs under the names of the golden files."""
    ours = {"is_event": output.event_relevance, "event": output.event_category, "segment_logits": output.segment_logits,
            "video_prob": output.video_probability, "smooth_prob": output.smooth_probability,
            "similarity": output.similarity, "attention": output.attention, **output.extras}
    if output.segment_logits is not None:
        ours["segment_prob"] = output.segment_logits.softmax(-1)
    return ours


def gradient_rows(case: str, model: nn.Module, meta: dict) -> list[Row]:
    """Norms and projections of the gradients that `model` holds, and which parameters have one."""
    system, setting = system_and_setting(case)
    live = {name for name, (_, _, received) in meta["grads"].items() if received}
    ours = dict(model.named_parameters())
    mapped = {our_name(system, setting, name): name for name in live}
    norms, projections = {}, {}
    whole = float(np.linalg.norm([meta["grads"][name][0] for name in live]))
    for name in live:
        norm, projection, _ = meta["grads"][name]
        our_norm, our_projection = golden.projection(meta, name, ours[our_name(system, setting, name)].grad.numpy())
        # Two gradients are nothing but rounding: CMBS's key bias shifts all logits of a softmax alike, so that its
        # gradient is exactly 0; CMRA's score bias is a sum that cancels to 1e-6 of the whole gradient, and the
        # published single-precision value itself is off by 1e-4 to 4e-3 against double precision. What is below 1e-5
        # of the whole gradient is therefore held against that.
        scale = max(norm, 1e-5 * whole)
        norms[name] = abs(our_norm - norm) / scale
        # A projection on a random vector may fall near 0 by chance; the norm is its standard deviation.
        projections[name] = abs(our_projection - projection) / scale
    rows = [Row(case, f"gradient {what}", "relative gradient", max(found.values()), max(found, key=found.get))
            for what, found in (("norm", norms), ("projection", projections))]
    dead = {name: tuple(meta["params"][name]) for name in meta["params"] if name not in live}
    without = {name for name, parameter in ours.items() if parameter.grad is None or not parameter.grad.any()}
    total = sum(p.numel() for p in ours.values()) + sum(int(np.prod(shape)) for shape in DEAD[system, setting].values())
    return [*rows,
            Row(case, "live parameters that are not ours, or ours alone", "count", len(set(mapped) ^ set(ours))),
            Row(case, "our parameters without a gradient", "count", len(without)),
            Row(case, "dead parameters, names and shapes", "count",
                len(dead.items() ^ DEAD[system, setting].items())),
            Row(case, "parameters, live and dead", "count", abs(total - meta["n_params"]))]


def trajectory_rows(case: str, model: nn.Module, meta: dict, loss_of: Callable[[], Tensor],
                    first: float) -> list[Row]:
    """The loss before each of five Adam steps on the same four clips.

    It is `first`, whose gradients the model holds, and then what `loss_of` gives after each step.
    """
    optimizer, losses, published = torch.optim.Adam(model.parameters(), lr=meta["lr"]), [first], meta["trajectory"]
    for number in range(1, STEPS):
        optimizer.step()
        optimizer.zero_grad()
        loss = loss_of()
        losses.append(loss.item())
        if number < STEPS - 1:
            loss.backward()
    fall, published_fall = losses[0] - losses[-1], published[0] - published[-1]
    return [Row(case, f"loss before Adam step {STEPS}", "relative trajectory", abs(losses[-1] / published[-1] - 1)),
            # AVEL's loss can hardly move, so its last value says little: how far it fell says more.
            Row(case, f"fall of the loss over {STEPS - 1} Adam steps", "relative fall", abs(fall / published_fall - 1))]


def compare(case: str) -> list[Row]:
    """All differences between one published program and ours.

    Args:
        case: one of `CASES`, such as "vscg_fully".

    Returns:
        One row for each output, the loss and its parts, gradients, parameters and the training trajectory.
    """
    model, objective, meta, published = build(case)
    audio, visual, labels = tensors(meta)
    model.eval()
    with torch.no_grad():
        ours = by_published_name(model(audio, visual))
    rows = [Row(case, name, "absolute", float(np.abs(ours[name].numpy() - values).max()))
            for name, values in published.items()]
    model.train()
    loss, parts = objective(model(audio, visual), labels)
    loss.backward()
    rows.append(Row(case, "loss", "absolute", abs(loss.item() - meta["loss"])))
    rows.append(Row(case, "names of the loss's parts", "count", len(set(parts) ^ set(meta["parts"]))))
    rows += [Row(case, f"loss part {name}", "absolute", abs(parts[name].item() - value))
             for name, value in meta["parts"].items()]
    # Some gradients are sums that cancel to a millionth of the whole: in single precision a processor's order of adding
    # moves them by more than the tolerance, so they are taken in double. The steps below are in single.
    exact, its_objective, *_ = build(case)
    its_objective.double()(exact.double().train()(audio.double(), visual.double()), labels.double())[0].backward()
    return [*rows, *gradient_rows(case, exact, meta),
            *trajectory_rows(case, model, meta, lambda: objective(model(audio, visual), labels)[0], loss.item())]


def main() -> None:
    """Print one table of all cases."""
    line = "{:<18} {:<50} {:<20} {:>10} {:>9} {:<3} {}"
    print(line.format("case", "quantity", "kind", "difference", "tolerance", "", "largest at"))
    for case in CASES:
        for row in compare(case):
            print(line.format(row.case, row.quantity, row.kind, f"{row.difference:.1e}", f"{row.tolerance:.0e}",
                              "ok" if row.within else "NO", row.where))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
