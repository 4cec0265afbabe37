"""What a run's key counts: configuration, data and what the code does; and what it does not."""
import shutil

import pytest

from tests.training.test_loop import quick
from vscg.models import SYSTEMS
from vscg.training import keys
from vscg.training.config import RunConfig
from vscg.training.keys import PACKAGE, ROOTS, definitions, run_key

CODE = {system: f"{entry.build.__module__}.{entry.build.__qualname__}" for system, entry in SYSTEMS.items() if entry.build}


def test_key_depends_on_configuration_and_data(tiny):
    changes = [{}, {"seed": 1}, {"loss": "c+t"}, {"model_options": {"escm": False}}, {"protocol": "released"},
               {"schedule": keys.RunConfig().resolve().schedule.__class__(lr=1e-2, epochs=3, batch=8)}]
    found = [run_key(quick(**change).resolve(), tiny.fingerprint) for change in changes]
    assert len({*found, run_key(quick().resolve(), "0" * 64)}) == len(changes) + 1


def test_key_ignores_what_data_set_and_profile_are_called(tiny):
    """They have become the fingerprint and numbers: equal numbers on equal data are one run."""
    key = run_key(quick().resolve(), tiny.fingerprint)
    for same in ({"data": "elsewhere/tiny.h5"}, {"profile": "standard"}, {"profile": "full"},
                 {"loss": "c+t+avps", "target": "presence"}, {"schedule": quick().resolve().schedule}):
        assert key == run_key(quick(**same).resolve(), tiny.fingerprint), same


def reached(system: str) -> set[str]:
    return {name.removeprefix("vscg.") for name in definitions([CODE[system], *ROOTS])}


def test_the_code_that_counts_is_what_the_system_trains_and_is_judged_with():
    for system in CODE:
        names = reached(system)
        assert {"training.loop.Run", "training.loop.epoch_batches", "training.batches.Features", "training.batches.arithmetic",
                "training.objectives.category_loss", "training.objectives.LOSSES", "training.evaluation.event_f1",
                "training.config.Schedule.looks", "machine.graphs.Replayed", "machine.rounding.FACTORS",
                "models.output.predict_segments", "data.labels.CLASSES"} <= names
        assert not [name for name in names if name.startswith(("training.records", "training.checkpoint", "training.keys",
                                                               "training.loop.fit", "models.build", "models.SYSTEMS"))]
        others = {other for other, code in CODE.items() if code.removeprefix("vscg.") in names}
        assert others == {system}, "no other system's code"
    assert {"models.escm.EquationGRU", "models.heads.SegmentHead", "models.psp.ProjectAndNorm"} <= reached("vscg")
    assert {"models.plug.Plug" in reached(system) for system in ("avel", "psp", "cmbs")} == {True}


@pytest.fixture
def package(tmp_path):
    """The package's source, to be changed."""
    return shutil.copytree(PACKAGE, tmp_path / "vscg", ignore=shutil.ignore_patterns("__pycache__"))


def text(package, system="vscg") -> list[str]:
    return sorted(definitions([CODE[system], *ROOTS], package).values())


@pytest.mark.parametrize("file, old, new, same", [
    ("models/escm.py", '"""', '"""Other words. ', True), ("training/loop.py", "# The one term", "# One", True),
    ("training/objectives.py", "This model", "Your model", True), ("training/loop.py", "seed * 1_000_003", "seed * 7", False),
    ("training/objectives.py", "choose(\"loss\"", "raise VscgError(loss)\n    choose(\"loss\"", True),
    ("training/objectives.py", ") -> Tensor:", "):", True), ("training/objectives.py", '"avps": 100', '"avps": 10', False),
    ("training/batches.py", "EVALUATION_BATCH = 64", "EVALUATION_BATCH = 32", False),
    ("training/evaluation.py", ">= 0.5", ">= 0.6", False), ("training/records.py", "indent=1", "indent=2", True),
    ("training/config.py", "lr: float = 1e-3", "lr: float = 1e-2", True),
    ("training/config.py", "epoch >= at", "epoch > at", False), ("models/__init__.py", '"CMRA"', '"Cmra"', True),
    ("models/dmin.py", "nn.Linear", "nn.Identity", True), ("models/heads.py", "sigmoid", "tanh", False),
    ("data/labels.py", "EVENT_CLASSES", "EVENTS", False), ("machine/rounding.py", "0x1000", "0x2000", False)])
def test_what_a_change_of_the_code_does_to_the_key(file, old, new, same, package):
    before, source = text(package), (package / file).read_text()
    assert old in source
    (package / file).write_text(source.replace(old, new))
    keys._read.cache_clear()
    assert (text(package) == before) is same


def test_a_definition_may_move_to_another_file(package):
    before = text(package)
    (package / "models" / "psp.py").rename(package / "models" / "propagation.py")
    for file in package.rglob("*.py"):
        file.write_text(file.read_text().replace("vscg.models.psp ", "vscg.models.propagation "))
    keys._read.cache_clear()
    assert text(package) == before
