"""Per-clip arrays and an annotation table become a prepared file; each table's form, and one error for what is none."""
import io
import json
import zipfile

import h5py
import numpy as np
import pytest

from vscg import cli
from vscg.data import CATEGORIES, Dims, load_dataset
from vscg.data.own import prepare_own
from vscg.data.prepared import read_prepared
from vscg.data.tables import Mark, read_tables
from vscg.data.writer import PreparedWriter
from vscg.errors import VscgError

IDS = ("aaaaaaaaaa0", "bbbbbbbbbb1", "-ccccccccc2", "ddd.mp4", "e e")
AVE_FORM = """Category&VideoID&Quality&StartTime&EndTime
Bark&aaaaaaaaaa0&good&2&5
Flute&bbbbbbbbbb1&good&0&10
Bark&aaaaaaaaaa0&bad&7&7
"""
INTERVALS = """split,Video_ID,category,onset,offset
train,aaaaaaaaaa0,"playing harp, solo",0,3
val,bbbbbbbbbb1,dog barking,2.4,9.6
test,-ccccccccc2,"playing harp, solo",1,10
"""
FLAGS = """vid,category,1,2,3,4,5,6,7,8,9,10,subset
aaaaaaaaaa0,sea waves,0,0,1,1,0,0,1,0,0,0,train
bbbbbbbbbb1,Background,0,0,0,0,0,0,0,0,0,0,train
-ccccccccc2,ice cracking,1,1,1,1,1,1,1,1,1,1,val
ddd.mp4,sea waves,0,0,0,0,0,0,0,0,0,0,test
"""


def text(path, content: str):
    path.write_text(content)
    return path


@pytest.fixture
def folder(tmp_path):
    """Arrays of 10 segments, 3x3 regions of 6 numbers and sounds of 5, in every form of file."""
    rng, place = np.random.default_rng(0), tmp_path / "features"
    for kind in ("visual", "audio"):
        (place / kind).mkdir(parents=True)
    np.save(place / "visual" / f"{IDS[0]}.npy", rng.random((10, 3, 3, 6)))
    np.save(place / "audio" / f"{IDS[0]}.npy", rng.random((10, 5), np.float32))
    np.savez(place / f"{IDS[1]}.npz", visual=rng.random((10, 9, 6)), audio=rng.random((10, 5)), other=[1])
    for kind, shape in (("visual", (10, 3, 3, 6)), ("audio", (10, 5))):
        with h5py.File(place / kind / f"{IDS[2]}.h5", "w") as handle:
            handle["anything"] = rng.random(shape)
    with h5py.File(place / f"{IDS[3]}.h5", "w") as handle:
        handle["visual"], handle["audio"] = rng.random((10, 3, 3, 6)), rng.random((10, 5))
    return place


def heard(data, row):
    """The classes of a clip's segments by name."""
    names = (*data.categories, "")
    return [names[c] for c in data.labels[row].argmax(-1)]


def test_three_tables_in_aves_form(folder, tmp_path):
    header, *lines = AVE_FORM.splitlines()
    files = [text(tmp_path / f"{number}.txt", f"{header}\n{line}\n" if number else f"{line}\n")
             for number, line in enumerate(lines)]
    report = prepare_own(folder, files, tmp_path / "own.h5")
    data = load_dataset(report.path)
    assert data.categories == CATEGORIES and data.name == "own" and not report.absent      # AVE's names keep its order
    assert (data.dims.audio, data.dims.visual, data.dims.grid, data.dims.segments) == (5, 6, 3, 10)
    assert heard(data, 0) == [""] * 2 + ["Bark"] * 3 + [""] * 5 and heard(data, 1) == ["Flute"] * 10
    assert heard(data, 2) == [""] * 10 and data.category[2] == CATEGORIES.index("Bark")
    assert (data.visual[0] == data.visual[2]).all()                                          # one video, two rows
    assert {name: rows.tolist() for name, rows in data.splits.items()} == {
        "train": [0], "val": [1], "test": [2], "background": []}
    stored = np.load(folder / f"{IDS[1]}.npz")["visual"]
    np.testing.assert_allclose(data.visual[1], stored.reshape(10, 3, 3, 6), atol=1e-3)


def test_a_table_with_times(folder, tmp_path):
    data = load_dataset(prepare_own(folder, [text(tmp_path / "a.csv", INTERVALS)], tmp_path / "own.h5",
                                       visual_dtype="float32").path)
    assert data.categories == ("playing harp, solo", "dog barking") and data.visual.dtype == np.float32
    assert heard(data, 0) == ["playing harp, solo"] * 3 + [""] * 7
    assert heard(data, 1) == [""] * 2 + ["dog barking"] * 8      # seconds that are at least half in it
    assert [int(data.splits[name][0]) for name in ("train", "val", "test")] == [0, 1, 2]


@pytest.mark.parametrize("one_column", [False, True])
def test_a_table_with_zeros_and_ones(one_column, folder, tmp_path):
    table = FLAGS
    if one_column:
        rows = [line.split(",") for line in FLAGS.splitlines()[1:]]
        table = "category\tvid\tlabels\tsubset\n" + "".join(
            f"{row[1]}\t{row[0]}\t{'[' + ', '.join(row[2:12]) + ']' if n else ''.join(row[2:12])}\t{row[12]}\n"
            for n, row in enumerate(rows))
    report = prepare_own(folder, [text(tmp_path / "a.csv", table)], tmp_path / "own.h5")
    data = load_dataset(report.path)
    assert data.categories == ("sea waves", "ice cracking")
    assert [t for t, name in enumerate(heard(data, 0)) if name] == [2, 3, 6]
    assert data.category.tolist() == [0, 2, 1, 0] and heard(data, 2) == ["ice cracking"] * 10
    assert {name: rows.tolist() for name, rows in data.splits.items()} == {
        "train": [0], "background": [1], "val": [2], "test": [3]}


def test_ov_avebench_as_it_is_published_and_joined(folder, tmp_path):
    """The columns of its table of clips, and the zeros and ones that its JSON file holds as text."""
    lines = "\n".join(["", "sep=,", "split,cls_name,cls_type,vid_name,labels",
                       *(f'{split},sea waves,close,{name},"{[0, 1, 1] + 7 * [0]}"'
                         for split, name in zip(("train", "val", "test"), IDS, strict=False))])
    data = load_dataset(prepare_own(folder, [text(tmp_path / "a.csv", lines)], tmp_path / "own.h5").path)
    assert data.categories == ("sea waves",) and data.video_ids == IDS[:3]
    assert [heard(data, row) for row in range(3)] == 3 * [[""] + 2 * ["sea waves"] + 7 * [""]]
    with pytest.raises(VscgError, match="a.csv, line 4: the segments are '2 0'"):
        read_tables([text(tmp_path / "a.csv", lines.replace(str([0, 1, 1] + 7 * [0]), "[2, 0]", 1))])
    with pytest.raises(VscgError, match="a.csv: the table is empty"):
        read_tables([text(tmp_path / "a.csv", "\n \n")])


def test_the_fingerprint_is_of_the_content(folder, tmp_path):
    table = text(tmp_path / "a.csv", INTERVALS)
    prints = [load_dataset(prepare_own(folder, [table], tmp_path / f"{n}.h5").path).fingerprint
              for n in range(2)]
    np.save(folder / "audio" / f"{IDS[0]}.npy", np.zeros((10, 5)))
    prints.append(load_dataset(prepare_own(folder, [table], tmp_path / "2.h5").path).fingerprint)
    assert prints[0] == prints[1] != prints[2]


def test_what_extract_wrote_gets_its_labels(tmp_path):
    path, dims = tmp_path / "clips.h5", Dims(5, 6, 3)
    visual, audio = np.random.default_rng(0).random((4, 10, 3, 3, 6)), np.random.default_rng(1).random((4, 10, 5))
    with PreparedWriter(path, 4, "clips", "ab", dims=dims) as writer:
        labels = np.eye(29)[np.full((4, 10), 28)]
        ids = ["-ccccccccc2.mp4@0s", "aaaaaaaaaa0.mp4@0s", "aaaaaaaaaa0.mp4@10s", "e@e.v.mkv@0s"]
        padded = np.zeros((4, 10), bool)
        padded[3, 6:] = True
        writer.append(visual, audio, labels, np.full(4, 28), ids, padded=padded)
        writer.splits([], [], range(4))
    lines = INTERVALS + "test,e@e.v.mkv,dog barking,0,1\nval,aaaaaaaaaa0.mp4@10s,dog barking,2,4\n"
    report = prepare_own(path, [text(tmp_path / "a.csv", lines)], tmp_path / "own.h5")
    data = load_dataset(report.path)
    assert report.absent == ("bbbbbbbbbb1",) and data.video_ids == (
        "aaaaaaaaaa0", "-ccccccccc2", "e@e.v.mkv", "aaaaaaaaaa0.mp4@10s")
    np.testing.assert_allclose(data.audio, audio[[1, 0, 3, 2]], atol=1e-6)
    assert heard(data, 3) == [""] * 2 + ["dog barking"] * 2 + [""] * 6
    assert "4 of 40 segments are padding; they are trained on and count as background" in str(report)
    late = text(tmp_path / "late.csv", lines.replace("dog barking,0,1", "dog barking,4,7"))
    report = prepare_own(path, [late], tmp_path / "own.h5")
    assert "1 lines have an event that goes on, or lies, in such padding" in str(report)
    assert heard(load_dataset(report.path), 2) == [""] * 4 + ["dog barking"] * 2 + [""] * 4
    assert heard(data, 0) == ["playing harp, solo"] * 3 + [""] * 7
    with pytest.raises(VscgError, match="any of the 1 lines .* such as zzz.mp4, as `extract` writes them"):
        prepare_own(path, [text(tmp_path / "b.csv", "vid,category,onset,offset,split\nzzz,a,0,1,test\n")],
                    tmp_path / "own.h5")


def test_the_features_are_not_written_over_and_two_clips_of_one_name_are_told_apart(tmp_path):
    extracted = tmp_path / "clips.h5"
    with PreparedWriter(extracted, 2, "clips", "ab", dims=Dims(5, 6, 3)) as writer:
        labels = np.eye(29)[np.full((2, 10), 28)]
        writer.append(np.zeros((2, 10, 3, 3, 6)), np.zeros((2, 10, 5)) + [[[0]], [[1]]], labels, np.full(2, 28),
                      ["a.mkv@0s", "a.mp4@0s"])
        writer.splits([], [], range(2))
    content = extracted.read_bytes()
    table = text(tmp_path / "a.csv", "id,category,onset,offset,split\na,x,0,5,train\n")
    with pytest.raises(VscgError, match="clips.h5: holds the features themselves"):
        prepare_own(extracted, [table], extracted)
    with pytest.raises(VscgError, match="two clips in it are called a; write their names with the suffix"):
        prepare_own(extracted, [table], tmp_path / "own.h5")
    assert extracted.read_bytes() == content
    table.write_text(table.read_text().replace("a,x", "a.mp4,x"))
    report = prepare_own(extracted, [table], tmp_path / "own.h5")
    assert load_dataset(report.path).audio.max() == load_dataset(report.path).audio.min() == 1


def test_the_command_reports_clips_without_arrays(folder, tmp_path, capsys):
    table = text(tmp_path / "a.csv", INTERVALS + "test,zzz,dog barking,0,1\n")
    assert cli.main(["data", "prepare", str(folder), "--annotations", str(table), "-o", str(tmp_path / "own.h5")]) == 1
    said = capsys.readouterr().out
    assert "3 of 4 lines" in said and "left out: 1 clips lack visual or audio features, the first is zzz" in said
    assert "audio 5, visual 6 on 3x3, 10 segments, 2 events" in said
    table.write_text(INTERVALS)
    assert cli.main(["data", "prepare", str(folder), "--annotations", str(table), "-o", str(tmp_path / "own.h5")]) == 0


@pytest.mark.parametrize("table, words", [
    ("vid,onset,offset,split\n", "no column for category in the header vid"),
    ("vid,category,onset,split\na,b,1,train\n", "no column for offset"),
    ("", "the table is empty"),
    ("video_id,start,labels,category,split\naaaaaaaaaa0,1,0011,b,train\n", "line 2: 4 zeros and ones, but"),
    ("id,category,split,audio_0,audio_1,visual_0,visual_1\naaaaaaaaaa0,b,train,1,1,0,0\n",
     "two columns for one segment in the header id, category"),
    ("id,category,labels,split,fold1\naaaaaaaaaa0,b,0011,train,1\n", "line 2: 4 zeros and ones, but the features"),
    ("vid,category,onset,offset\naaaaaaaaaa0,x,0,1\n", "line 2: the split is ''"),
    (INTERVALS.replace("val,", "dev,"), "line 3: the split is 'dev'"),
    (INTERVALS.replace(",9.6", ",9.6s"), "line 3: onset and offset are '2.4' and '9.6s'"),
    (INTERVALS.replace(",9.6", ",1"), "line 3: the event lasts from 2.4 to 1 s"),
    (INTERVALS.replace(",9.6", ",11"), "line 3: the event ends at 11 s, but the features of bbbbbbbbbb1 have 10"),
    (INTERVALS.replace(",9.6", ""), r"line 3: 4 field\(s\), expected at least 5"),
    (INTERVALS.replace(",dog barking", ","), "line 3: the category is empty"),
    (INTERVALS.replace("bbbbbbbbbb1", "../b"), "line 3: the video id '../b' is no file's name"),
    (FLAGS.replace("0,0,1,1", "0,0,1,2"), "line 2: the segments are '0 0 1 2"),
    ("video_id,labels,category,split\naaaaaaaaaa0,\"[0, -1, 1]\",b,train\n", "line 2: the segments are '0 -1 1'"),
    ("video_id,labels,category,split\naaaaaaaaaa0,none of 1,b,train\n", "line 2: the segments are 'none of 1'"),
    (FLAGS.replace("8,9,10,subset", "8,9,split").replace("0,train", "train").replace("1,val", "val").replace(
        "0,test", "test"), "line 2: 9 zeros and ones, but the features of aaaaaaaaaa0 have 10 segments"),
    (INTERVALS.replace("dog barking", "d" * 200), "is longer than 128 bytes"),
    (INTERVALS.replace("dog", '"dog'), "line 3: no line of a table .unexpected end of data.; mend its quotation marks"),
    (INTERVALS.replace("-ccccccccc2", "c" * 300), "line 4: the video id is longer than 64 bytes"),
    (INTERVALS.replace('"', ""), "line 2: 6 fields, but the header has 5; put a field that holds ','"),
    ("vid,category,split,start,end,labels\naaaaaaaaaa0,b,train,0,10,\"[0,1]\"\n", "line 2: both onset and offset, and"),
    ("vid,category,split,start,end,seg_0,seg_1\naaaaaaaaaa0,b,train,0,10,0,1\n", "a.csv: both onset and offset, and"),
])
def test_a_table_that_is_none_is_one_clear_error(table, words, folder, tmp_path):
    path = text(tmp_path / "a.csv", table)
    with pytest.raises(VscgError, match=words):
        prepare_own(folder, [path], tmp_path / "own.h5")
    assert not (tmp_path / "own.h5").exists()


@pytest.mark.parametrize("array, words", [
    (np.zeros((512, 7, 7)), r"visual features of shape \(512, 7, 7\)"),
    (np.zeros((10, 3, 2, 6)), "expected .segments, size., .segments, regions, size."),
    (np.full((10, 3, 3, 6), np.nan), "not all finite"), (np.array(["x"]), r"visual features of shape \(1,\)"),
    (np.zeros((10, 3, 3, 7)), r"bbbbbbbbbb1 have shape \(10, 3, 3, 7\), those of the first clip \(10, 3, 3, 6\)"),
    (np.full((10, 3, 3, 6), 1e5), "are too large for float16; prepare with float32"),
    (np.full((10, 3, 3, 6), 1e-9), "are too small for float16; scale them, or prepare with float32"),
    (np.array([{}]), "cannot be read as an array of numbers .it is no .npy"),
    (np.full((10, 3, 3, 6), 1e39), "hold numbers that are too large for float32"),
])
def test_an_array_that_does_not_fit_is_one_clear_error(array, words, folder, tmp_path):
    np.save(folder / "visual" / f"{IDS[1]}.npy", array)
    np.save(folder / "audio" / f"{IDS[1]}.npy", np.zeros((10, 5)))
    with pytest.raises(VscgError, match=words):
        prepare_own(folder, [text(tmp_path / "a.csv", INTERVALS)], tmp_path / "own.h5")


def no_array() -> bytes:
    """A file of arrays whose member "visual" is none."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("visual", b"a note")
    return file.getvalue()


@pytest.mark.parametrize("content, words", [
    (lambda sound: sound.replace(b"\x78", b"\x79"), "cannot be read as an array"),
    (lambda sound: b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }"
     .ljust(117) + b"\n", "cannot be read as an array"),
    (lambda sound: b"\x93NUMPY\x01\x00v\x00" + b"{'descr': (".ljust(117) + b"\n", "cannot be read as an array"),
    (lambda sound: sound.replace(b"\x08\x00", b"\x62\x00"), "cannot be read as an array"),
    (lambda _: no_array(), r"features of shape \(\)"),
], ids=["damaged", "larger than memory", "a header that ends early", "packed in an unknown way", "no array in it"])
def test_a_damaged_file_of_arrays_is_one_clear_error(content, words, folder, tmp_path):
    path = folder / f"{IDS[1]}.npz"
    np.savez_compressed(path, visual=np.arange(540).reshape(10, 9, 6), audio=np.zeros((10, 5)))
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(VscgError, match=words) as raised:
        prepare_own(folder, [text(tmp_path / "a.csv", INTERVALS)], tmp_path / "own.h5")
    assert str(path) in str(raised.value)


def test_files_of_arrays_may_have_each_others_names(folder, tmp_path):
    visual, audio = np.random.default_rng(1).random((10, 3, 3, 6)), np.zeros((10, 5))
    for kind, values in (("visual", visual), ("audio", audio)):
        with open(folder / kind / f"{IDS[1]}.npz", "wb") as file:
            np.save(file, values)
    with open(folder / "visual" / f"{IDS[0]}.npy", "wb") as file:
        np.savez(file, visual=visual)
    report = prepare_own(folder, [text(tmp_path / "a.csv", INTERVALS)], tmp_path / "own.h5")
    for row in (0, 1):
        np.testing.assert_allclose(load_dataset(report.path).visual[row], visual, atol=1e-3)


@pytest.mark.parametrize("name", ["ave", "planted-study"])
def test_a_file_with_the_name_of_another_data_set_is_none(name, folder, tmp_path):
    prepare_own(folder, [text(tmp_path / "a.csv", INTERVALS)], tmp_path / f"{name}.h5")
    assert read_prepared(tmp_path / f"{name}.h5").name == f"own-{name}"


def test_a_file_that_holds_the_other_kind_or_one_of_two_is_refused(folder, tmp_path):
    table = text(tmp_path / "a.csv", INTERVALS)
    with open(folder / f"{IDS[1]}.npz", "wb") as file:
        np.save(file, np.ones((10, 6)))
    with pytest.raises(VscgError, match="bbbbbbbbbb1.npz: holds one array, and needs two"):
        prepare_own(folder, [table], tmp_path / "own.h5")
    np.savez(folder / "visual" / f"{IDS[1]}.npz", audio=np.ones((10, 5)))
    with pytest.raises(VscgError, match="no array 'visual' in it, it has audio"):
        prepare_own(folder, [table], tmp_path / "own.h5")


@pytest.mark.parametrize("name", ["own.npz", "groups.h5"])
def test_a_file_that_extract_did_not_write_is_refused(name, tmp_path):
    table = text(tmp_path / "a.csv", INTERVALS)
    if name == "own.npz":
        np.savez(tmp_path / name, visual=np.ones((10, 6)))
    else:
        h5py.File(tmp_path / name, "w").create_dataset("a/visual", data=np.ones((10, 6)))
    with pytest.raises(VscgError, match=f"{name}: not a file that `extract` wrote; name the folder"):
        prepare_own(tmp_path / name, [table], tmp_path / "own_prepared.h5")


def test_events_that_fill_no_segment_are_counted_and_tables_of_one_name_are_kept_apart(folder, tmp_path):
    header, *lines = INTERVALS.replace("2.4,9.6", "2.6,3.4").splitlines()
    tables = []
    for split, line in zip(("train", "val", "test"), lines, strict=True):
        (tmp_path / split).mkdir()
        tables.append(text(tmp_path / split / "labels.csv", f"{header}\n{line}\n"))
    report = prepare_own(folder, tables, tmp_path / "own.h5")
    assert "1 lines have a category, but no segment that their event fills by half" in str(report)
    with h5py.File(report.path) as handle:
        assert len(json.loads(handle.attrs["sources"])) == 3


def test_the_report_lists_the_clips_of_each_category_and_what_training_will_not_see(folder, tmp_path):
    report = str(prepare_own(folder, [text(tmp_path / "a.csv", INTERVALS)], tmp_path / "own.h5"))
    assert "clips in train, val and test: playing harp, solo 1/0/1; dog barking 0/1/0" in report
    assert "no training clip, though others have it: dog barking" in report and "a run needs" not in report
    one = INTERVALS.splitlines(keepends=True)
    again = "train,aaaaaaaaaa0,dog barking,3,5\n"
    report = prepare_own(folder, [text(tmp_path / "a.csv", one[0] + one[1] + again)], tmp_path / "own.h5")
    assert "no clip in val and test: a run needs all three splits" in str(report)
    assert "1 lines are of a clip that has a line already" in str(report)
    assert heard(load_dataset(report.path), 1) == [""] * 3 + ["dog barking"] * 2 + [""] * 5


def test_features_of_two_a_second_are_noticed(tmp_path):
    folder = tmp_path / "features"
    folder.mkdir()
    for name in IDS[:3]:
        np.savez(folder / f"{name}.npz", visual=np.ones((20, 6)), audio=np.ones((20, 5)))
    table = text(tmp_path / "a.csv", INTERVALS)
    assert "no event ends after 10 s, and the features have 20 segments" in str(
        prepare_own(folder, [table], tmp_path / "own.h5"))
    text(table, INTERVALS.replace("1,10", "1,11"))
    assert "no event ends after" not in str(prepare_own(folder, [table], tmp_path / "own.h5"))


def test_background_needs_no_times_and_units_may_stand_in_the_header(folder, tmp_path):
    table = INTERVALS.replace("onset,offset", "Onset (s),Offset [sec]").replace("dog barking,2.4,9.6", "background,,")
    data = load_dataset(prepare_own(folder, [text(tmp_path / "a.csv", table)], tmp_path / "own.h5").path)
    assert heard(data, 0) == ["playing harp, solo"] * 3 + [""] * 7 and heard(data, 1) == [""] * 10
    with pytest.raises(VscgError, match="line 2: onset and offset are '' and ''"):
        read_tables([text(tmp_path / "a.csv", INTERVALS.replace(",0,3", ",,"))])
    with pytest.raises(VscgError, match="for onset and offset .* read are onset: starttime, .*; offset: endtime"):
        read_tables([text(tmp_path / "a.csv", INTERVALS.replace("onset,offset", "from,to"))])


def test_an_umlaut_of_two_signs_is_the_same_letter(folder, tmp_path):
    for kind, shape in (("visual", (10, 3, 3, 6)), ("audio", (10, 5))):
        np.save(folder / kind / "Zaunko\u0308nig.npy", np.ones(shape))
    table = INTERVALS.replace("aaaaaaaaaa0", "Zaunk\u00f6nig")
    assert len(load_dataset(prepare_own(folder, [text(tmp_path / "a.csv", table)], tmp_path / "own.h5").path)) == 3


def test_of_an_interval_exactly_half_a_segment_counts():
    """In binary 0.7 - 0.2 is less than a half."""
    assert Mark("", "a", "b", "train", interval=(0.2, 0.7)).events(2).tolist() == [True, False]


def test_what_is_missing_is_named(folder, tmp_path):
    with pytest.raises(VscgError, match="none.csv: cannot be read"):
        read_tables([tmp_path / "none.csv"])
    with pytest.raises(VscgError, match="2 annotation tables"):
        read_tables([tmp_path] * 2)
    with pytest.raises(VscgError, match="not UTF-8"):
        text(tmp_path / "a.csv", "").write_bytes(b"\xff\xfe")
        read_tables([tmp_path / "a.csv"])
    with pytest.raises(VscgError, match="no such folder or file"):
        prepare_own(tmp_path / "no", [text(tmp_path / "a.csv", INTERVALS)], tmp_path / "own.h5")
    (tmp_path / "empty").mkdir()
    with pytest.raises(VscgError, match="no features of any of the 3 lines.* visual/aaaaaaaaaa0.npy"):
        prepare_own(tmp_path / "empty", [tmp_path / "a.csv"], tmp_path / "own.h5")
    np.savez(folder / f"{IDS[1]}.npz", audio=np.zeros((10, 5)))
    with pytest.raises(VscgError, match="no array 'visual' in it, it has audio"):
        prepare_own(folder, [tmp_path / "a.csv"], tmp_path / "own.h5")


@pytest.mark.parametrize("change", ["times", "split", "name", "dtype"])
def test_the_fingerprint_is_of_labels_splits_names_and_dtype(change, folder, tmp_path):
    old, new = {"times": ("0,3", "0,4"), "split": ("val,", "train,"), "name": ("dog barking", "cat")}.get(change, "xx")
    prints = {load_dataset(prepare_own(folder, [text(tmp_path / "a.csv", table)], tmp_path / "own.h5", dtype).path
                           ).fingerprint
              for table, dtype in ((INTERVALS, "float16"),
                                   (INTERVALS.replace(old, new), "float32" if change == "dtype" else "float16"))}
    assert len(prints) == 2


def test_columns_of_segments_may_stand_in_any_order(tmp_path):
    table = text(tmp_path / "a.csv", "vid,seg_2,category,seg_10,split,seg_1\na,1,b,0,train,0\n")
    assert read_tables([table])[0].flags.tolist() == [False, True, False]


def test_lines_of_a_table_without_a_header_are_counted_from_one(tmp_path):
    table = text(tmp_path / "a.txt", "Bark&a&good&0&5\nBark&b&good&7&3\n")
    with pytest.raises(VscgError, match="a.txt, line 2: the event lasts from 7 to 3 s"):
        read_tables([table] * 3)
