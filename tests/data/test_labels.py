"""Labels: reading annotations, targets, and the facts about the real AVE files."""
import h5py
import numpy as np
import pytest

from vscg.data import ave
from vscg.data.labels import (
    BACKGROUND,
    CATEGORIES,
    event_mask,
    labels_from_annotations,
    read_annotations,
)
from vscg.errors import VscgError
from vscg.machine.files import value_hash


@pytest.fixture
def annotations(tmp_path):
    def write(text: str | bytes):
        path = tmp_path / "Annotations.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path
    return write


def test_event_fills_its_interval_and_background_the_rest(annotations):
    marks = read_annotations(annotations("Bark&AAAAAAAAAAA&good&3&5\nMandolin&BBBBBBBBBBB&good&0&10\r\n"))
    labels = labels_from_annotations(marks)
    assert labels.shape == (2, 10, 29) and labels.dtype == np.float32
    assert labels[0].argmax(-1).tolist() == [28, 28, 28, 2, 2, 28, 28, 28, 28, 28]
    assert labels[1].argmax(-1).tolist() == [27] * 10
    assert (labels.sum(-1) == 1).all()
    assert event_mask(labels)[0].tolist() == [False] * 3 + [True] * 2 + [False] * 5
    assert marks.video_ids == ("AAAAAAAAAAA", "BBBBBBBBBBB") and len(marks) == 2


def test_labels_equal_a_loop(annotations):
    rng = np.random.default_rng(0)
    rows = [(int(c), *sorted(rng.integers(0, 11, 2).tolist())) for c in rng.integers(0, 28, 50)]
    path = annotations("".join(f"{CATEGORIES[c]}&AAAAAAAAAAA&good&{s}&{e}\n" for c, s, e in rows))
    expected = np.zeros((50, 10, 29))
    for i, (c, s, e) in enumerate(rows):
        for t in range(10):
            expected[i, t, c if s <= t < e else BACKGROUND] = 1
    assert (labels_from_annotations(path) == expected).all()


GOOD = "Bark&AAAAAAAAAAA&good&3&5\n"
HEADER = "Category&VideoID&Quality&StartTime&EndTime\n"        # the first line of the file in AVE_Dataset.zip


@pytest.mark.parametrize("text", [
    HEADER + GOOD, GOOD + "\n", GOOD + "\r\n \t\n\n", GOOD.rstrip(), "\ufeff" + GOOD,
    "\ufeff" + HEADER.lower().replace("\n", "\r\n") + GOOD + "\n"])
def test_a_header_a_mark_and_empty_last_lines_are_passed_over(annotations, text):
    marks = read_annotations(annotations(text))
    assert (marks.category.tolist(), marks.video_ids) == ([2], ("AAAAAAAAAAA",))
    assert (marks.start.tolist(), marks.end.tolist()) == ([3], [5])


def test_with_a_header_lines_are_counted_as_editors_do(annotations):
    path = annotations(HEADER + GOOD + "Gong&AAAAAAAAAAA&good&3&5\n")
    with pytest.raises(VscgError, match=f"{path}, line 3: unknown category 'Gong'"):
        read_annotations(path)


@pytest.mark.parametrize("text, line, fault", [
    ("", 1, "empty"),
    (HEADER, 1, "empty"),
    (GOOD + HEADER + GOOD, 2, "unknown category 'Category'"),
    (GOOD + "Bark&AAAAAAAAAAA&good&3\n", 2, "4 field"),
    (GOOD + "Bark&AAAAAAAAAAA&good&3&5&6\n", 2, "6 field"),
    (GOOD + "\n" + GOOD, 2, "1 field"),
    ("Bark&AAAAAAAAAAA&good&x&5\n", 1, "start is 'x'"),
    ("Bark&AAAAAAAAAAA&good&3&5.0\n", 1, "end is '5.0'"),
    ("Bark&AAAAAAAAAAA&good&-1&5\n", 1, "start is '-1'"),
    ("Bark&AAAAAAAAAAA&good&3&11\n", 1, "end is '11'"),
    ("Bark&AAAAAAAAAAA&good&3&" + "9" * 9000 + "\n", 1, "end is '999"),
    ("Bark&AAAAAAAAAAA&good&\u0663&5\n", 1, "start is"),
    (GOOD + "Bark&AAAAAAAAAAA&good&6&5\n", 2, "starts at 6 s"),
    ("bark&AAAAAAAAAAA&good&3&5\n", 1, "unknown category 'bark'"),
    ("Bark&&good&3&5\n", 1, "video id"),
    (GOOD.encode() + b"B\xe9&AAAAAAAAAAA&good&3&5\n", 2, "not UTF-8"),
    (b"\x89HDF\r\n\x1a\n\x00\x00\xff", 1, "UTF-8"),
])
def test_malformed_annotations_name_file_and_line(annotations, text, line, fault):
    path = annotations(text)
    with pytest.raises(VscgError) as caught:
        read_annotations(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ") and fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_categories_are_in_the_order_of_the_real_file(ave_small):
    lines = (ave_small / "Annotations.txt").read_text(encoding="utf-8").splitlines()
    assert tuple(dict.fromkeys(line.split("&")[0] for line in lines)) == CATEGORIES


def test_the_categories_are_the_official_clip_labels(ave_small):
    with h5py.File(ave_small / "mil_labels.h5") as handle:
        expected = handle["avadataset"][()]
    target = np.eye(29)[read_annotations(ave_small / "Annotations.txt").category]
    assert target.shape == (4143, 29) and (target == expected).all()


def test_facts_about_the_real_annotations_and_splits(ave_small):
    marks = read_annotations(ave_small / "Annotations.txt")
    labels = labels_from_annotations(marks)
    splits = ave.read_orders(ave_small, len(marks))
    durations = event_mask(labels).sum(1)
    assert np.bincount(durations).tolist() == [1, 0, 214, 220, 217, 196, 200, 139, 111, 95, 2750]
    assert np.flatnonzero(durations == 0).tolist() == [26]
    assert (marks.category[26], marks.start[26], marks.end[26]) == (0, 0, 0)
    share = {name: round(100 * labels[rows, :, BACKGROUND].mean(), 1) for name, rows in splits.items()}
    assert share == {"train": 16.9, "val": 18.2, "test": 17.8}
    partial = (durations[splits["train"]] < 10).mean()
    assert round(100 * partial) == 33                      # training clips whose proportion target shows a duration


def test_train_order_is_sorted_by_category(ave_small):
    marks = read_annotations(ave_small / "Annotations.txt")
    category = marks.category[ave.read_orders(ave_small, len(marks))["train"]]
    assert np.count_nonzero(np.diff(category)) + 1 == 28   # runs of one category


def test_facts_about_the_real_background_clips(ave_small):
    audio = np.concatenate(list(ave.stream(ave_small / "audio_feature_noisy.h5", "audio", 178)))
    assert ave.check_noisy_labels(ave_small / "labels_noisy.h5") == 178
    assert audio.shape == (178, 10, 128) and audio.min() == 0
    assert round(100 * (audio == 0).mean(), 1) == 65.3
    assert (round(audio.mean(), 3), round(audio.std(), 3), round(audio.max(), 1)) == (0.122, 0.262, 4.5)


def test_the_categories_are_those_of_the_real_file_where_it_is_not_at_hand():
    assert value_hash(list(CATEGORIES)) == "9996da6433e15d11375f858981386a5b3fb371a32d2d5465e398cf9da71266b5"
