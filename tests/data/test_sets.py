"""Data sets by name: dials in a name, what is made and when, and names that nobody knows."""
import os
from dataclasses import replace

import numpy as np
import pytest

from tests.loopback import in_two_processes
from vscg.data import ave, dataset_fingerprint, load_dataset, planted, prepared_file
from vscg.data.planted import SIZES, generate, turned
from vscg.data.prepared import read_fingerprint, read_prepared
from vscg.errors import VscgError

TINY = {"train": 4, "val": 2, "test": 2, "background": 1}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A folder of its own, where planted-mini has nine clips."""
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    monkeypatch.delenv("VSCG_AVE_DIR", raising=False)
    monkeypatch.setitem(SIZES, "mini", replace(SIZES["mini"], **TINY))
    return tmp_path


def files(home):
    return sorted(path.name for path in (home / "data").glob("*.h5"))


def test_a_plain_name_is_made_once_and_again_after_a_change_of_its_generator(home):
    path = prepared_file("planted-mini")
    assert path == home / "data" / "planted-mini.h5" and read_fingerprint(path) == planted.fingerprint("mini")
    os.utime(path, (1, 1))                                 # what a copy or a checkout dates it does not count
    assert prepared_file("planted-mini") == path and path.stat().st_mtime_ns == 10**9
    generate(path, seed=7)                 # stands for what an older generator wrote
    assert len(load_dataset("planted-mini")) == 9 and read_fingerprint(path) == planted.fingerprint("mini")


def test_a_dial_in_the_name_is_what_the_generator_gets(home):
    path = prepared_file("planted-mini:ambiguity=0.7")
    assert path.parent == home / "data" and "ambiguity=0.7" in path.name and ":" not in path.name
    wanted = load_dataset(generate(home / "by:hand.h5", size="mini", ambiguity=0.7))
    assert wanted.path == home / "by:hand.h5"
    found = load_dataset("planted-mini:ambiguity=0.7")
    assert found.fingerprint == wanted.fingerprint == planted.fingerprint(
        "mini", dials=replace(SIZES["mini"], ambiguity=0.7))
    assert np.array_equal(found.audio, wanted.audio) and np.array_equal(found.visual, wanted.visual)
    assert (found.name, load_dataset("planted-mini").name) == ("planted-mini:ambiguity=0.7", "planted-mini")


def test_several_dials_and_their_files_stand_side_by_side(home):
    names = ("planted-mini", "planted-mini:ambiguity=0.7", "planted-mini:ambiguity=0.7,group=1")
    prints = {name: dataset_fingerprint(name) for name in names}
    assert not files(home)           # to tell one from another, none has to be made
    assert prints == {name: load_dataset(name).fingerprint for name in names}
    assert len(set(prints.values())) == len(names) == len(files(home))
    assert prints[names[-1]] == planted.fingerprint("mini", dials=turned("mini", {"ambiguity": 0.7, "group": 1.0}))
    assert {name: dataset_fingerprint(name) for name in names} == prints
    # Equal data have equal fingerprints, whatever they are called: their runs are shared.
    assert dataset_fingerprint(f"planted-mini:ambiguity={SIZES['mini'].ambiguity:g}") == prints["planted-mini"]


def test_the_one_folder_is_named_where_the_official_files_were_looked_for(home, monkeypatch):
    for place in (home / "data" / "ave", home / "elsewhere"):
        wanted = f"no Annotations.txt in {place}; .* data download {place} --features`"
        with pytest.raises(VscgError, match=wanted) as error:
            prepared_file("ave")
        assert str(error.value).count(str(home)) == 3 and "$" not in str(error.value)
        monkeypatch.setenv("VSCG_AVE_DIR", str(home / "elsewhere"))


@pytest.mark.parametrize("name", ["VSCG_HOME", "VSCG_AVE_DIR"])
def test_a_home_folder_that_nobody_has(name, monkeypatch):
    monkeypatch.setenv(name, "~nobody-of-this-name/x")
    with pytest.raises(VscgError, match="^~nobody-of-this-name/x: no home folder is known"):
        prepared_file("ave")


@pytest.mark.parametrize("name, words", [
    ("plantd", ["plantd", "planted-mini, planted-study, planted, ave"]),
    ("plantd:ambiguity=0.7", ["plantd:ambiguity=0.7", "planted-mini, planted-study, planted, ave"]),
    ("ave:ambiguity=0.7", ["ave:ambiguity=0.7"]),
    ("planted-mini:ambiguity", ["ambiguity", "no number"]),
    ("planted-mini:ambiguity=1.5", ["ambiguity is 1.5"]),
    ("planted-mini:one_sided=2", ["one_sided is 2.0", "from 0 to 1"]),
    ("planted-mini:", ["planted-mini:", "no number"]),
    ("planted-mini:ambiguity=0.2,", ["no number"]),
    ("planted-mini:ambiguity=nan", ["ambiguity=nan", "out of range"]),
    ("planted-mini:=0.7", ["no dial ''"]),
    ("planted-mini:../../x=1", ["../../x"]),
    ("ave", ["data download"])])
def test_what_cannot_be_had_is_one_error_and_leaves_nothing(home, name, words):
    with pytest.raises(VscgError) as error:
        load_dataset(name)
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)
    assert [path for path in home.rglob("*") if path.is_file() and path.name != ".lock"] == []


@pytest.mark.parametrize("name", ["planted-mini:ambiguity=0.6", "ave"])
def test_two_processes_that_need_one_data_set_make_it_once(name, home, official_folder, monkeypatch):
    """Each waits for the other, so that the file is written by one of them alone."""
    monkeypatch.setenv("VSCG_AVE_DIR", str(official_folder()))

    def counted(original):
        def make(*args, **options):
            with (home / "made").open("a") as log:
                log.write("once\n")
            return original(*args, **options)
        return make

    monkeypatch.setattr(planted, "generate", counted(planted.generate))
    monkeypatch.setattr(ave, "prepare_ave", counted(ave.prepare_ave))
    in_two_processes(prepared_file, name)
    assert (home / "made").read_text() == "once\n"
    assert read_prepared(home / "data" / files(home)[0]).fingerprint == dataset_fingerprint(name)


def test_a_planted_name_takes_the_seed_that_it_is_drawn_from(home):
    first, second = (load_dataset(f"planted-mini:train=3,val=1,test=1,background=0{seed}") for seed in ("", ",seed=1"))
    assert first.fingerprint != second.fingerprint and not np.array_equal(first.audio, second.audio)
    assert second.video_ids[0] == "planted-1-00000"
    with pytest.raises(VscgError, match="'seed=1.5' needs a whole number"):
        prepared_file("planted-mini:seed=1.5")
