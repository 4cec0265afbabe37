"""One list of pins in three files."""
import re
import tomllib
from importlib import metadata
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(lines) -> dict[str, str]:
    """Requirement lines to a mapping of package name to version; every line pins with `==`, each name once.

    Lines for another Python than this one are left out.
    """
    found = {}
    for line in lines:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!]+)( ; .+)?", line.strip())
        assert match and canonicalize_name(match[1]) not in found, f"not one exact pin: {line!r}"
        marker = Requirement(line).marker
        if marker is None or marker.evaluate():
            found[canonicalize_name(match[1])] = match[2]
    return found


LOCK = pins((ROOT / "requirements.lock").read_text().splitlines())


def test_three_files_have_the_same_pins_and_pythons():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    wanted = pins(PROJECT["dependencies"])
    assert pins(conda[-1]["pip"]) == wanted and {name: LOCK.get(name) for name in wanted} == wanted
    assert LOCK["torch"] == "2.13.0", "2.13.0+cpu exists on one index only; 2.13.0 is satisfied by it too"
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text())
    pythons = workflow["jobs"]["book"]["strategy"]["matrix"]["python"]
    assert PROJECT["requires-python"] == ">=3.11,<3.14" and pythons == ["3.11", "3.12", "3.13"]
    assert f"python={pythons[0]}" in conda and " ".join(pythons) in (ROOT / "Makefile").read_text()


def test_lock_names_everything_that_the_pins_require_and_it_is_installed():
    """torch's own needs are left out: which CUDA packages it wants depends on the build of it."""
    missing = {}
    for name in set(LOCK) - {"torch"}:
        for wanted in map(Requirement, metadata.requires(name) or []):
            applies = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
            if applies and canonicalize_name(wanted.name) not in LOCK:
                missing.setdefault(name, []).append(str(wanted))
    assert not missing
    assert {name: metadata.version(name).split("+")[0] for name in LOCK} == LOCK
