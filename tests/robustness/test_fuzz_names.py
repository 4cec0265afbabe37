"""Texts that choose what is made: the name of a data set with its dials."""
from hypothesis import given
from hypothesis import strategies as st

from tests.robustness.cases import cases

SMALL = ("train=1", "val=1", "test=1", "background=1")
DIALS = st.sampled_from(["ambiguity", "weakest", "group", "audio_cut", "patch", "x", "", "__class__", "../x", "seed"])
VALUES = st.sampled_from(["0", "1", "0.5", "-1", "nan", "inf", "1e308", "1e-320", "", "x", "1_0", " 1", "1\n", "٣",
                          "1" * 400, "../1", "\0", "1/2", "1=1"])
SPLITS = st.sampled_from(["train=0", "val=-1", "test=1e3", f"train={10**30}", "val=" + "9" * 5000, "background=0",
                          "train=0,val=0,test=0,background=0", "train=²", "train="])


@cases(30, 200)
@given(dials=st.lists(st.tuples(DIALS, VALUES), max_size=3), splits=st.lists(SPLITS, max_size=2))
def test_dials_of_a_planted_set(child, dials, splits):
    (home := child.folder / "home").mkdir(exist_ok=True)
    # A dial may stand in a name once.
    others = [count for count in SMALL if not any(split.startswith(count.partition("=")[0]) for split in splits)]
    name = "planted-mini:" + ",".join([*others, *(f"{dial}={value}" for dial, value in dials), *splits])
    clips = child.case("planted_name", home, name=name, writes=True, limit=256)
    assert clips is None or clips <= 4
    assert not list((home / "data").glob("*.partial")) and not (child.folder / "x.h5").exists()


@cases(30, 200)
@given(name=st.text(max_size=30).filter(lambda name: name not in ("planted-mini", "planted")) | st.sampled_from([
    "ave", "ave:x=1", "planted-mini:x", ".", "..", "/etc", "/etc/passwd", "~", "a" * 5000, "a/" * 3000, "\0", "\ud800",
    "planted-mini/../x", "PLANTED", "planted-mini :train=1", "planted-mini.h5"]))
def test_names_that_are_no_data_set(child, name):
    (home := child.folder / "home").mkdir(exist_ok=True)
    assert child.case("planted_name", home, name=name, writes=True) is None
