"""Texts that choose what is made: the dials in a planted name, the parameters of a notebook; and kept features."""

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from tests.robustness.cases import cases, damaged

SMALL = ("train=1", "val=1", "test=1", "background=1")
DIALS = st.sampled_from(
    [
        "ambiguity",
        "one_sided",
        "weakest",
        "group",
        "instance",
        "audio_noise",
        "audio_cut",
        "patch",
        "visual_noise",
        "distractor",
        "audio_scale",
        "x",
        "",
        "__class__",
        "../x",
        "seed",
    ]
)
VALUES = st.sampled_from(
    [
        "0",
        "1",
        "0.5",
        "-1",
        "nan",
        "inf",
        "-inf",
        "1e308",
        "1e-320",
        "",
        "x",
        "0x1",
        "1_0",
        " 1",
        "1\n",
        "٣",
        "1" * 400,
        "0." + "3" * 300,
        "../1",
        "\0",
        "1/2",
        "=",
        "1=1",
    ]
)
SPLITS = st.sampled_from(
    [
        "train=0",
        "val=-1",
        "test=1e3",
        "train=99999999999",
        f"train={10**30}",
        "val=" + "9" * 5000,
        "background=0",
        "train=0,val=0,test=0,background=0",
        "train=²",
        "train=",
    ]
)


@cases(40, 200)
@given(dials=st.lists(st.tuples(DIALS, VALUES), max_size=3), splits=st.lists(SPLITS, max_size=2))
def test_dials_of_a_planted_set(child, dials, splits):
    (home := child.folder / "home").mkdir(exist_ok=True)
    # A dial may stand in a name once.
    others = [count for count in SMALL if not any(split.startswith(count.partition("=")[0]) for split in splits)]
    name = "planted-mini:" + ",".join([*others, *(f"{dial}={value}" for dial, value in dials), *splits])
    clips = child.case("planted_name", home, name=name, writes=True, limit=256)
    assert clips is None or clips <= 4
    assert not list((home / "data").glob("*.partial")) and not (child.folder / "x.h5").exists()


@cases(40, 200)
@given(
    name=st.text(max_size=30)
    | st.sampled_from(
        [
            "ave",
            "ave:x=1",
            "planted-mini:x",
            ".",
            "..",
            "/",
            "/etc",
            "/etc/passwd",
            "~",
            "a" * 5000,
            "a/" * 3000,
            "\0",
            "\ud800",
            "planted-mini/../x",
            "PLANTED",
            "planted-mini :train=1",
            "%s",
            "planted-mini.h5",
        ]
    )
)
def test_names_that_are_no_data_set(child, name):
    (home := child.folder / "home").mkdir(exist_ok=True)
    if name not in ("planted-mini", "planted"):
        assert child.case("planted_name", home, name=name, writes=True) is None


NOTEBOOK = """# ---
# jupyter:
#   kernelspec:
#     name: python3
#     display_name: Python 3
#     language: python
# ---

# %% [markdown]
# A notebook.

# %% tags=["parameters"]
DATA = "planted-mini"   # name
PROFILE = "quick"
SEED = 0
{}

# %%
print(DATA)
"""


@cases(40, 300)
@given(
    data=st.text()
    | st.integers()
    | st.booleans()
    | st.none()
    | st.sampled_from(
        [
            "'; import os; os.system('touch canary') #",
            '"""',
            "\\",
            "\\'",
            "a\nb",
            "{DATA}",
            "%s",
            "\u2028",
            "'''",
            "\\x41",
            "${HOME}",
            "a\\\nb",
            "\r",
        ]
    ),
    profile=st.text() | st.lists(st.text() | st.integers()),
)
def test_a_notebook_gets_exactly_the_parameters(child, data, profile):
    path = child.folder / "03_toy.py"
    path.write_text(NOTEBOOK.format(""))
    found = child.case("parameters", path, wanted={"DATA": data, "PROFILE": profile}, writes=True, limit=256)
    assert found is not None and set(found) <= {"DATA", "PROFILE"}
    assert not (child.folder / "canary").exists()


@cases(40, 200)
@given(
    line=st.sampled_from(
        [
            "EXTRA = 1",
            "EXTRA = open('canary', 'w')",
            "EXTRA = __import__('os').system('touch canary')",
            "EXTRA = [",
            "import os",
            "EXTRA: int = 3",
            "EXTRA = [" * 50,
            "EXTRA = " + "(" * 3000 + ")" * 3000,
            "EXTRA = 9" + "9" * 5000,
            "EXTRA = 1 +",
            "EXTRA =",
            "EXTRA = None # x",
            "EXTRA = 'a' 'b'",
            "EXTRA = -1",
            "EXTRA = 1e999",
            "EXTRA = {1: 2}",
            "EXTRA = lambda: 0",
            "x" * 10_000,
        ]
    )
)
def test_parameter_cells_that_are_no_literals(child, line):
    path = child.folder / "03_toy.py"
    path.write_text(NOTEBOOK.format(line))
    child.case("parameters", path, wanted={"DATA": "ave", "EXTRA": 5}, writes=True, limit=256)
    assert not (child.folder / "canary").exists()


@pytest.fixture(scope="module")
def part():
    """What an extraction keeps of one window."""
    return {
        "visual": np.zeros((10, 7, 7, 512), np.float16),
        "audio": np.zeros((10, 128), np.float32),
        "padded": np.zeros(10, bool),
        "start": np.array(0),
    }


@cases(40, 300)
@given(data=st.data())
def test_kept_features(child, part, data):
    arrays = dict(part)
    kind = data.draw(st.sampled_from(["bytes", "missing", "shape", "dtype", "nan"]))
    name = data.draw(st.sampled_from(sorted(arrays)))
    if kind == "missing":
        del arrays[name]
    elif kind == "shape":
        arrays[name] = arrays[name].reshape(-1)[:1].copy()
    elif kind == "dtype":
        arrays[name] = arrays[name].astype(data.draw(st.sampled_from(["float64", "int8", "bool"])))
    elif kind == "nan" and arrays[name].dtype.kind == "f":
        arrays[name] = np.full_like(arrays[name], np.nan)
    content = safetensors.numpy.save(arrays)
    if kind == "bytes":
        content = data.draw(damaged(content, [range(300)]))
    (path := child.folder / "0-1.safetensors").write_bytes(content)
    child.case("features_cache", path)
