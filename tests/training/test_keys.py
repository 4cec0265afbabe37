"""What a run's key counts: configuration, data and what the code does; and what it does not."""
import ast
import shutil

import pytest

from tests.training.test_loop import quick
from vscg.models import SYSTEMS
from vscg.training import keys
from vscg.training.config import Schedule
from vscg.training.keys import PACKAGE, ROOTS, definitions, run_key

CODE = {name: f"{entry.build.__module__}.{entry.build.__qualname__}" for name, entry in SYSTEMS.items()}
COUNTED = {"training.loop.Run", "training.loop.epoch_batches", "training.batches.Features",
           "training.batches.arithmetic", "training.objectives.category_loss", "training.objectives.LOSSES",
           "training.evaluation.event_f1",
           "training.config.looks", "machine.graphs.Replayed", "machine.rounding.FACTORS",
           "models.output.predict_segments", "data.labels.CLASSES"}
NOT_COUNTED = ("training.records", "training.checkpoint", "training.keys", "training.loop.fit", "training.loop.verify",
               "models.build_model", "models.SYSTEMS")


def test_key_depends_on_configuration_and_data(tiny):
    changes = [{}, {"seed": 1}, {"loss": "c+t"}, {"model_options": {"escm": False}}, {"protocol": "released"},
               {"schedule": Schedule(epochs=3, batch=8, lr=1e-2)}]
    found = [run_key(quick(**change).resolve(), tiny.fingerprint) for change in changes]
    assert len({*found, run_key(quick().resolve(), "0" * 64)}) == len(changes) + 1


def test_key_ignores_what_data_set_and_profile_are_called(tiny):
    """They have become the fingerprint and numbers: equal numbers on equal data are one run."""
    key = run_key(quick().resolve(), tiny.fingerprint)
    for same in ({"data": "elsewhere/tiny.h5"}, {"profile": "full"},
                 {"loss": "c+t+avps", "target": "presence"}, {"schedule": quick().resolve().schedule}):
        assert key == run_key(quick(**same).resolve(), tiny.fingerprint), same


def reached(system: str) -> set[str]:
    return {name.removeprefix("vscg.") for name in definitions([CODE[system], *ROOTS])}


def test_the_code_that_counts_is_what_the_system_trains_and_is_judged_with():
    for system, code in CODE.items():
        names = reached(system)
        assert COUNTED <= names and not [name for name in names if name.startswith(NOT_COUNTED)]
        own = {code.removeprefix("vscg.")} | ({"models.cman.CMAN"} if system == "dca" else set())    # built on it
        assert names & {other.removeprefix("vscg.") for other in CODE.values()} == own
    assert {"models.escm.EquationGRU", "models.heads.SegmentHead", "models.psp.ProjectAndNorm"} <= reached("vscg")
    assert all("models.plug.PluggedESCM" in reached(system) for system in ("avel", "psp", "cmbs"))


@pytest.fixture
def package(tmp_path):
    """The package's source, to be changed."""
    return shutil.copytree(PACKAGE, tmp_path / "vscg", ignore=shutil.ignore_patterns("__pycache__"))


def texts(package) -> list[str]:
    keys._read.cache_clear()
    return sorted(definitions([CODE["vscg"], *ROOTS], package).values())


def test_comments_and_layout_do_not_count(package, before):
    for file in package.rglob("*.py"):
        file.write_text(ast.unparse(ast.parse(file.read_text())))
    assert texts(package) == before


@pytest.mark.parametrize("file, old, new", [
    ("training/loop.py", '"""One optimiser step', '"""A step'),
    ("training/objectives.py", "The loss {self.name!r}", "Loss {self.name}"),
    ("training/objectives.py", " -> Tensor:", ":"),
    ("training/objectives.py", "TARGETS = (", "_TRIED = [name for name in 'ab']\nTARGETS = ("),
    ("training/objectives.py", "    choose(\"loss\"", "    if not loss:\n        raise OSError\n    choose(\"loss\""),
    ("training/records.py", "indent=1", "indent=2"), ("training/config.py", "lr: float = 1e-3", "lr: float = 1e-2"),
    ("models/__init__.py", '"CMRA"', '"Cmra"'), ("models/dmin.py", "nn.Linear", "nn.Identity")])
def test_words_refusals_bookkeeping_and_other_systems_do_not_count(file, old, new, package, before):
    change(file, old, new, package, before, same=True)


@pytest.mark.parametrize("file, old, new", [
    ("training/loop.py", "seed * 1_000_003", "seed * 7"), ("training/objectives.py", '"avps": 100', '"avps": 10'),
    ("training/batches.py", "EVALUATION_BATCH = 64", "EVALUATION_BATCH = 32"), ("models/heads.py", "sigmoid", "tanh"),
    ("training/evaluation.py", ">= 0.5", ">= 0.6"), ("training/config.py", "epoch >= at", "epoch > at"),
    ("data/labels.py", "EVENT_CLASSES = 28", "EVENT_CLASSES = 27"), ("machine/rounding.py", "0x1000", "0x2000"),
    ("training/loop.py", "self.optimizer.step()", "pass"), ("models/psp.py", "beta.mT", "beta")])
def test_what_shapes_the_numbers_counts(file, old, new, package, before):
    change(file, old, new, package, before, same=False)


@pytest.fixture(scope="module")
def before():
    return texts(PACKAGE)


def change(file, old, new, package, before, same):
    source = (package / file).read_text()
    assert old in source
    (package / file).write_text(source.replace(old, new))
    assert (texts(package) == before) is same


def test_a_definition_may_move_to_another_file(package, before):
    (package / "models" / "psp.py").rename(package / "models" / "propagation.py")
    for file in package.rglob("*.py"):
        file.write_text(file.read_text().replace("vscg.models.psp ", "vscg.models.propagation "))
    assert texts(package) == before
