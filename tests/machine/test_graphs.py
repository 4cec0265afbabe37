"""Recorded training steps: the bookkeeping with a stand-in for CUDA, what may be recorded, and both on a GPU."""
import pytest
import torch

from tests.training.test_loop import quick, run
from vscg.data.prepared import read_prepared
from vscg.errors import VscgError
from vscg.machine import graphs
from vscg.models import SYSTEMS, build_model
from vscg.training.batches import Features
from vscg.training.loop import Run
from vscg.training.objectives import build_objective

CPU = torch.device("cpu")


class StandIn:
    """Records on a CPU: what is replayed is the work, on the tensors that it was recorded with."""

    def call(self, work):
        return work()

    def record(self, work):
        result = torch.empty(0)

        def replay():
            values = work()
            result.resize_(values.shape).copy_(values)
        return replay, result


class Deaf(StandIn):
    """A recording that leaves out the optimiser: the losses of the second step are those of the first."""

    def record(self, work):
        replay, result = super().record(work)
        first = []

        def once():
            if not first:
                replay()
                first.append(result.clone())
            result.copy_(first[0])
        return once, result


class Unable(StandIn):
    def record(self, work):
        raise RuntimeError("operation not permitted when stream is capturing")


def started(tiny, recorder=None, **changes) -> Run:
    made = Run(quick(**changes).resolve(), Features(tiny, CPU), tiny.splits, CPU)
    if recorder:
        made.step = graphs.Replayed(made._step, made._changing, recorder)
    return made


def epochs(made: Run, count: int, tiny) -> list[dict]:
    return [made.next_epoch(tiny.labels.argmax(-1), lambda steps: None) for _ in range(count)]


@pytest.mark.parametrize("setting", ["fully", "weakly"])
def test_a_replayed_run_is_the_run_bit_for_bit(setting, smallest):
    few = read_prepared(smallest)                 # 4 clips to train on, weakly supervised 5
    plain, replayed = (started(few, recorder, setting=setting, batch=3) for recorder in (None, StandIn()))
    count = graphs.WARM_UP + 2                    # with a smaller batch at the end of each
    assert epochs(plain, count, few) == epochs(replayed, count, few)
    assert len(replayed.step.recordings) == 2 and sum(replayed.step.calls.values()) == 2 * (graphs.WARM_UP + 1)
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, replayed.model.state_dict()[name]), name


@pytest.mark.parametrize("recorder, words", [(Deaf(), "does not do what the step does"),
                                             (Unable(), "cannot be recorded")])
def test_a_bad_recording_stops_the_run_and_changes_nothing(recorder, words, tiny):
    made = started(tiny, recorder)
    batch = made.features.batch(torch.arange(8))
    for _ in range(graphs.WARM_UP):
        made.step(*batch)
    before = [value.clone() for value in made._changing()]
    drawn = torch.get_rng_state()
    with pytest.raises(VscgError, match=f"{words}.*VSCG_GRAPH=0"):
        made.step(*batch)
    assert all(map(torch.equal, before, made._changing()))
    assert torch.equal(drawn, torch.get_rng_state())


def test_a_gpu_records_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("VSCG_GRAPH", raising=False)
    assert graphs.wanted(torch.device("cuda")) and not graphs.wanted(CPU)
    monkeypatch.setenv("VSCG_GRAPH", "0")
    assert not graphs.wanted(torch.device("cuda"))


@pytest.mark.parametrize("changes, recorded", [({}, True), ({"stale_avps": True}, False), ({"system": "dca"}, False),
                                               ({"system": "dca", "loss": "ce"}, True)])
def test_what_takes_new_memory_or_waits_for_the_host_is_not_recorded(changes, recorded, tiny, monkeypatch):
    monkeypatch.setattr(graphs, "wanted", lambda device: True)
    monkeypatch.setattr(graphs, "CudaRecorder", StandIn)
    assert isinstance(started(tiny, **changes).step, graphs.Replayed) == recorded


@pytest.mark.parametrize("system, setting", [(system, setting) for system in SYSTEMS
                                             for setting in SYSTEMS[system].settings])
def test_no_step_looks_at_a_value_or_brings_one_from_the_host(system, setting):
    """On the meta device tensors have no values, and do not go together with those of another device."""
    with torch.device("meta"):
        model, objective = build_model(system, setting=setting), build_objective(system, setting=setting)
        batch = torch.zeros(4, 10, 128), torch.zeros(4, 10, 7, 7, 512), torch.zeros(4, 10, 29)
    total, parts = objective(model(*batch[:2]), batch[2])
    total.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    losses = torch.stack([total, *parts.values()])
    assert losses.device.type == "meta" and list(parts) == list(objective.terms)
    assert all(weight.grad is None or weight.grad.device.type == "meta" for weight in model.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("system, setting", [(system, setting) for system in SYSTEMS
                                             for setting in SYSTEMS[system].settings])
def test_on_a_gpu_a_recorded_run_learns_what_an_ordinary_one_does(system, setting, tiny, tmp_path, monkeypatch):
    config = quick(system=system, setting=setting, epochs=graphs.WARM_UP + 3)
    recorded = run(config, tiny, tmp_path / "recorded", device="cuda")
    monkeypatch.setenv("VSCG_GRAPH", "0")
    ordinary = run(config, tiny, tmp_path / "ordinary", device="cuda")
    assert recorded.history.loss.tolist() == pytest.approx(ordinary.history.loss.tolist(), rel=0.02)
