"""Chapter 22: its list of guesses and its short runs are about the systems and the options that exist today."""
import csv
import inspect
import json
import re

import torch

from tests.book.test_build import ROOT, load
from vscg.data import planted
from vscg.models import SYSTEMS, build_model
from vscg.study.speed import FOLDER
from vscg.training.objectives import LOSSES, build_objective

script = load(ROOT / "book" / "eight_systems.py")


def test_the_eight_are_those_without_a_program_or_a_port():
    assert set(script.EIGHT) == {name for name, system in SYSTEMS.items() if system.origin != "published code"} - {
        "avsdn"}


def test_every_guess_is_whole_and_every_other_reading_is_an_option():
    with (FOLDER / "guesses.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    titles = {SYSTEMS[name].title: name for name in script.EIGHT}
    assert {line["system"] for line in lines} == set(titles)
    named = 0
    for line in lines:
        assert set(line) == {"system", "part", "what ours does", "known from"} and all(line.values()), line
        for option, value in re.findall(r"(\w+)=([\w\".]+)", line["what ours does"]):
            value, named = json.loads(value.replace("True", "true").replace("False", "false")), named + 1
            if option == "loss":
                assert value in LOSSES
            else:
                setting = "weakly" if option == "pooling" else "fully"
                build_model(titles[line["system"]], setting=setting, **{option: value})
    assert named > 20


def test_the_record_holds_the_runs_of_the_script():
    """In its order and as they would be trained now, on the data that would be generated now."""
    record, wanted = json.loads(script.FILE.read_text()), script.configs()
    names = [(run["system"], run["setting"], run["reading"], run["seed"]) for run in record["runs"]]
    assert names == list(wanted), f"write it again: {record['command']}"
    for run, config in zip(record["runs"], wanted.values(), strict=True):
        config = config.resolve()
        assert (run["loss_name"], run["batch"], run["epochs"], run["model_options"]) == (
            config.loss, config.batch, config.epochs, dict(config.model_options))
        assert len(run["loss"]) == len(run["val_accuracy"]) == run["epochs"]
        assert all(0 <= value <= 1 for value in run["val_accuracy"])
    dials = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", record["data"])}
    assert record["data"] == script.DATA and record["clips"] == dials
    assert record["fingerprint"] == planted.fingerprint("mini", dials=planted.turned("mini", dials))


def test_every_switch_was_run():
    """What can be read in two ways is an option; all are in the record but dropout and the number of factors."""
    run = {(system, option) for system, _, _, fields in script.READINGS for option in fields.get("model_options", {})}
    for system in script.EIGHT:
        options = set(inspect.signature(SYSTEMS[system].build).parameters) - {"setting", "dims"}
        assert {option for name, option in run if name == system} == options - {"dropout", "factors"}


def test_every_loss_reads_what_its_model_gives():
    labels = torch.zeros(2, 10, 29)
    labels[:, :4, 28], labels[:, 4:, 3] = 1, 1
    audio, visual = torch.rand(2, 10, 128), torch.rand(2, 10, 7, 7, 512)
    for (system, setting, _, seed), config in script.configs().items():
        if seed == 0 and system != "avt":              # which has but one loss in each setting, and is slow
            model = build_model(system, setting=setting, **config.model_options).eval()
            loss, _ = build_objective(system, setting=setting, loss=config.loss)(model(audio, visual), labels)
            assert loss.isfinite()
