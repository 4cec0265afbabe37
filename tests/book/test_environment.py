"""One list of pins in three files, and what one import brings."""
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def pins(lines) -> dict[str, str]:
    """Requirement lines to a mapping of package name to version; every line must pin with `==`."""
    found = {}
    for line in lines:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!]+)", line.strip())
        assert match, f"not an exact pin: {line!r}"
        name = canonicalize_name(match[1])
        assert name not in found, f"pinned twice: {name}"
        found[name] = match[2]
    return found


def conda() -> dict:
    return yaml.safe_load((ROOT / "environment.yml").read_text())


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def lock() -> dict[str, str]:
    return pins((ROOT / "requirements.lock").read_text().splitlines())


def test_conda_environment_has_the_pins_of_the_project(project):
    sections = [entry["pip"] for entry in conda()["dependencies"] if isinstance(entry, dict)]
    assert len(sections) == 1
    assert pins(sections[0]) == pins(project["dependencies"])


def test_conda_environment_has_the_python_of_the_project(project):
    assert project["requires-python"] == ">=3.11,<3.12"
    assert "python=3.11" in conda()["dependencies"]


def test_lock_has_the_pins_of_the_project(project, lock):
    wanted = pins(project["dependencies"])
    assert {name: lock.get(name) for name in wanted} == wanted


def test_lock_pins_torch_without_a_local_version(lock):
    """`2.13.0+cpu` would exist on one index only; `2.13.0` is satisfied by it too."""
    assert lock["torch"] == "2.13.0"


def test_lock_names_everything_that_the_pins_require(lock):
    """Each dependency of a locked package, as the installed metadata states it, is locked as well.

    torch is left out: which CUDA packages it wants depends on the build of it.
    """
    missing = {}
    for name in set(lock) - {"torch"}:
        for line in metadata.requires(name) or []:
            wanted = Requirement(line)
            applies = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
            if applies and canonicalize_name(wanted.name) not in lock:
                missing.setdefault(name, []).append(line)
    assert not missing


def test_installed_versions_are_the_locked_ones(lock):
    installed = {name: metadata.version(name).split("+")[0] for name in lock}
    assert installed == lock


def test_the_names_that_the_book_promises_are_there_after_one_import():
    code = "import vscg; vscg.features.vggish.log_mel_examples; vscg.data.labels_from_annotations; vscg.fit"
    subprocess.run([sys.executable, "-c", code], check=True)
