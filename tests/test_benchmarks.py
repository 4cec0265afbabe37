"""The benchmarks run, count rightly, and compare loops that do the same arithmetic. No test asserts a time."""
import json
import sys
import time

import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import __main__ as command
from benchmarks import kinds, profiling, standin, turns
from benchmarks.arms import ARMS, SINGLE
from benchmarks.published import PublishedLoop
from benchmarks.roofline import Traffic, missed, recurrent_flops, step_cost
from benchmarks.work import WORK, PackageLoop, configuration
from vscg.errors import VscgError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> standin.StandIn:
    return standin.make(tmp_path_factory.mktemp("benchmark") / "stand-in", train=8)


def job(data, **config) -> dict:
    return {"work": "steps", "folder": str(data.folder), "threads": 1, "device": "cpu",
            "config": {"setting": "fully", "batch": 4, "epochs": 2} | config}


@pytest.mark.parametrize("setting", ["fully", "weakly"])
def test_the_published_loop_and_the_package_do_the_same(data, setting):
    config = configuration(job(data, setting=setting), ARMS["vscg"])
    ours, plain = (PackageLoop(data.folder, config, CPU),
                   PublishedLoop(data.folder, config, CPU, ARMS["published"]))
    for _ in range(2):
        rows = [loop.train_epoch(lambda count: None) for loop in (ours, plain)]
        assert rows[0]["loss"] == pytest.approx(rows[1]["loss"], rel=1e-5)
        assert ours.evaluate() == plain.evaluate()
        for loop, row in zip((ours, plain), rows, strict=True):
            loop.next_epoch(row | {"val_accuracy": 0.0, "test_accuracy": 0.0})


@pytest.mark.parametrize("name", SINGLE)
def test_a_change_alone_leaves_the_losses_as_they_were(data, name):
    config = configuration(job(data), ARMS[name])
    losses = [PublishedLoop(data.folder, config, CPU, ARMS[arm]).train_epoch(lambda count: None)["loss"]
              for arm in ("published", name)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_whole_runs_from_the_command_to_the_record(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(kinds, "MAIN", ("published", "vscg"))
    file = tmp_path / "records" / "speed.json"
    words = "run --batch 4 --steps 1 --sessions 1 --epochs 2 --threads 1 --device cpu --json".split()
    assert command.main([*words, str(file)]) == 0
    found = json.loads(file.read_text())["run"]
    assert (found["threads"], found["batch"], found["device"][:3]) == (1, 4, "CPU")
    rows = {row["arm"]: row for row in found["rows"]}
    assert list(rows) == ["published", "vscg"]
    assert rows["vscg"]["losses"] == pytest.approx(rows["published"]["losses"], rel=1e-5)
    assert rows["vscg"]["accuracies"] == rows["published"]["accuracies"]
    if rows["vscg"]["bytes_read"] is not None:
        # Once for training, then for the validation and for the test clips at the end.
        assert rows["published"]["bytes_read"] > 3 * found["feature_bytes"]
        assert rows["vscg"]["bytes_read"] < found["feature_bytes"]
    printed = capsys.readouterr().out
    assert "times faster" in printed and "0.0e+00" in printed


class Enough(Exception):
    pass


class OneTurn:
    """A turn that keeps what was found and ends the work."""

    synchronise = staticmethod(lambda: None)

    def wait(self):
        pass

    def done(self, **found):
        self.found = found
        raise Enough


@pytest.mark.parametrize("arm", ["published", "vscg"])
def test_a_profile_gives_all_of_the_time_to_groups(data, arm):
    turn = OneTurn()
    start = time.perf_counter()
    with pytest.raises(Enough):
        WORK["profiles"](job(data), ARMS[arm], CPU, turn)
    parts = turn.found["parts"]
    assert tuple(parts) == profiling.NAMES and 0 < sum(parts.values()) < time.perf_counter() - start
    for group in (profiling.LARGEST, profiling.ADAM, profiling.OUTSIDE, *profiling.GROUPS):
        assert parts[group] > 0, group


def test_the_largest_products_are_told_by_their_shapes():
    x, weight, score = torch.rand(2 * 490, 512), torch.rand(512, 512, requires_grad=True), torch.rand(512, 49)
    found = {}
    for name, work in (("forward", lambda: x @ weight), ("score", lambda: x @ score),
                       ("both", lambda: (x @ weight).sum().backward())):
        with torch.profiler.profile(record_shapes=True) as seen:
            work()
        found[name] = [profiling.group_of(event, 2) for event in seen.events() if event.name == "aten::mm"]
    assert found == {"forward": [profiling.LARGEST], "score": ["other products"], "both": 2 * [profiling.LARGEST]}


def test_flops_of_a_gru_are_what_torch_counts_and_an_lstm_is_counted_by_hand():
    gru, lstm = (kind(8, 4, batch_first=True, bidirectional=True, num_layers=2) for kind in (nn.GRU, nn.LSTM))
    with FlopCounterMode(display=False) as counter:
        gru(torch.zeros(1, 10, 8))
    assert not missed(gru) and counter.get_total_flops() == recurrent_flops(gru)
    assert recurrent_flops(lstm) == 10 * 2 * 2 * 4 * (4 * (8 + 4) + 4 * (8 + 4))


def test_traffic_counts_what_is_read_and_written_but_no_view():
    left, right = torch.zeros(2, 3), torch.zeros(3, 4)
    with Traffic() as traffic:
        product = left @ right
        product.t().flatten()                # a view, then a copy
        left.add_(1)
    assert traffic.bytes == 4 * ((6 + 12 + 8) + (8 + 8) + (6 + 6))


def test_a_step_costs_what_its_largest_product_says():
    cost = step_cost("fully")
    # AGVA's product forward, and one backward: the features want no gradient.
    assert 2 * 2 * 490 * 512 * 512 < cost["counted_flops"] < 2 * 2 * 490 * 512 * 512 * 2
    passed_over = missed(nn.LSTM(128, 128, batch_first=True, bidirectional=True))
    assert cost["recurrent_flops"] == passed_over * 3.0 * 2 * recurrent_flops(nn.LSTM(128, 128, bidirectional=True))
    assert cost["bytes"] > 490 * 512 * 4


def test_steps_from_the_command_to_the_record(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(kinds, "MAIN", ("published", "vscg"))
    monkeypatch.setattr(kinds, "SINGLE", ())
    file = tmp_path / "speed.json"
    file.write_text('{"run": "kept"}')
    words = "step --batch 4 --steps 1 --rounds 2 --sessions 1 --threads 1 --device cpu --json".split()
    assert command.main([*words, str(file)]) == 0
    records = json.loads(file.read_text())
    rows = pd.DataFrame(records["step"]["groups"]["main"])
    assert records["run"] == "kept" and len(rows) == 2 * 3
    faults = rows.groupby("arm")["page_faults"].median()
    if sys.platform.startswith("linux"):
        assert faults["vscg"] < faults["published"], "the arms do not differ in their allocator"
    printed = capsys.readouterr().out
    assert "floor of a step" in printed and "of the speed that the product had" in printed


def test_a_file_that_cannot_take_the_record_is_found_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "KINDS", {"step": (None, None)})       # nothing is measured
    (tmp_path / "speed.json").write_text("[1")
    file, taken = tmp_path / "speed.json", "speed.json: cannot be written (File exists)"
    for path, words in ((file, "is damaged"), (file / "a.json", taken)):
        assert command.main(["step", "--device", "cpu", "--json", str(path)]) == 1
        assert words in capsys.readouterr().err


def test_an_arm_that_died_is_named(data):
    with pytest.raises(VscgError, match="The arm 'vscg' ended with status"), turns.Worker("vscg", job(data)) as worker:
        worker.process.kill()
        worker.process.wait()
        worker.start_turn()
        worker.end_turn()
    assert worker.process.stdin.closed and worker.process.stdout.closed


def test_every_session_has_new_processes_and_the_first_turn_goes_round(monkeypatch):
    started, turned = [], []

    class Told:
        def __init__(self, arm, job):
            self.arm = arm
            started.append(arm)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def start_turn(self):
            turned.append(self.arm)

        def end_turn(self):
            return {"seconds": 1.0 + len(turned)}

    monkeypatch.setattr(turns, "Worker", Told)
    rows = turns.take_turns({"a": [("a", {})], "both": [("b", {}), ("c", {})]}, rounds=2, warm=1, sessions=2)
    assert started == ["a", "b", "c"] * 2
    assert turned == ["a", "b", "c", "b", "c", "a", "a", "b", "c"] * 2
    assert [(row["round"], row["arm"]) for row in rows] == [
        (0, "both"), (0, "a"), (1, "a"), (1, "both"), (2, "both"), (2, "a"), (3, "a"), (3, "both")]


@pytest.mark.parametrize("kind, lines", [
    ("epoch", ["vscg             evaluate_seconds  2.00 (2.00 to 2.00) times faster",
               "vscg                 1.00 s, 1.000 GB read"]),
    ("scaling", ["4 clips a batch, a step: published 2.000 s, vscg 1.000 s, 2.00 (2.00 to 2.00) times faster",
                 "4 seeds at a time: 0.50 s"]),
    ("profile", ["copies, conversions           1000.0  500.0"])])
def test_the_other_kinds_from_the_command_to_the_record(kind, lines, tmp_path, monkeypatch, capsys):
    """Told what the arms took: the published loop twice as long as the package's, four teams of seeds twice as long."""
    def turns(jobs, rounds, warm, sessions):
        long = {"published": 2.0, "published again": 2.0, "4": 2.0}
        return [{"round": number, "arm": arm, "bytes_read": 1e9, "peak_host": 2**20, "peak_device": None,
                 **dict.fromkeys(("seconds", "train_seconds", "evaluate_seconds"), long.get(arm, 1.0)),
                 "parts": dict.fromkeys(profiling.NAMES, long.get(arm, 1.0))} for number in range(2) for arm in jobs]

    monkeypatch.setattr(kinds, "take_turns", turns)
    monkeypatch.setattr(command, "processor", lambda: ("Some CPU", False))
    file = tmp_path / "speed.json"
    assert command.main([kind, *"--batch 4 --steps 2 --threads 1 --device cpu --json".split(), str(file)]) == 0
    printed = capsys.readouterr().out
    assert [line for line in lines if line not in printed] == [], printed
    assert json.loads(file.read_text())[kind]["threads"] == 1
