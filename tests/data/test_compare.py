"""Two feature files side by side: each usual cause is named where it was put in, and nowhere else."""
import h5py
import numpy as np
import pytest

from vscg import cli
from vscg.data.ave import KEY
from vscg.data.compare import AGREE, CHANCE, CORRELATION, SAME, compare
from vscg.data.labels import CATEGORIES, Dims
from vscg.data.writer import PreparedWriter
from vscg.errors import VscgError

CLIPS, WIDTH, EVENTS = 120, 24, 6
IDS = range(CLIPS)


def raw(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (N,10,2,2,24) before a ReLU, that differ between clips and seconds, and the categories (N,)."""
    rng, category = np.random.default_rng(seed), np.arange(CLIPS) % EVENTS
    mixing = rng.standard_normal((WIDTH, WIDTH))
    values = 1.5 * rng.standard_normal((EVENTS, WIDTH))[category][:, None] + rng.standard_normal((CLIPS, 1, WIDTH))
    values = np.repeat(values, 10, 1) + 0.8 * rng.standard_normal((CLIPS, 10, WIDTH))
    return (values @ mixing / 5 + 0.3)[:, :, None, None] + 0.1 * rng.standard_normal((CLIPS, 10, 2, 2, WIDTH)), category


def official(path, values):
    with h5py.File(path, "w") as handle:
        handle[KEY] = values
    return path


def prepared(path, visual, category, background: int = 0, ids=IDS):
    dims = Dims(3, WIDTH, 2, 10, CATEGORIES[:EVENTS])
    labels = np.eye(EVENTS + 1)[np.repeat(category[:, None], 10, 1)]
    with PreparedWriter(path, len(category), "toy", "ab", visual_dtype="float32", dims=dims) as writer:
        audio = np.random.default_rng(1).random((CLIPS, 10, 3))[np.asarray(ids)[:len(category)] % CLIPS]
        writer.append(visual, audio, labels, category, [f"c{i}" for i in ids])
        last = len(category) - background
        writer.splits(range(last - 20), range(last - 20, last - 10), range(last - 10, last), range(last, len(category)))
    return path


def whitened(values):
    flat = values.reshape(-1, WIDTH)
    power, directions = np.linalg.eigh(np.cov(flat.T))
    return ((flat - flat.mean(0)) @ directions / np.sqrt(power)).reshape(values.shape)


VALUES, CATEGORY = raw()
TRUSTED = VALUES.clip(0)
SHUFFLED = np.random.default_rng(3).permutation(CLIPS)
CHANGES = {
    "none": (TRUSTED.astype(np.float32), []),
    "no ReLU": (VALUES, ["no ReLU"]),
    "PCA": (whitened(TRUSTED), ["no ReLU", "PCA or whitening"]),
    "8 bits": (np.rint(whitened(TRUSTED).clip(-2, 2) * 60 + 128), ["whole numbers from 0 to 255", "PCA or whitening"]),
    "other order": (TRUSTED[SHUFFLED], ["other order", "order against the annotations"]),
    "other network, other order": (np.tanh(TRUSTED @ np.random.default_rng(5).standard_normal((WIDTH, 9)))[SHUFFLED],
                                   ["no ReLU", "other order", "order against the annotations"]),
    "later seconds": (np.roll(TRUSTED, -1, 1), ["other frames"]),
    "other frames": (raw()[0].clip(0) + 2 * np.random.default_rng(9).random(VALUES.shape)[:, :, :1, :1],
                     ["other frames"]),
    "a row for each video": (TRUSTED[:-7], ["other rows", "120 lines of Annotations.txt are of 120 videos"]),
    "other scale": (30 * TRUSTED, ["other scale"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_cause_is_named_where_it_is(change, tmp_path):
    values, wanted = CHANGES[change]
    annotations = tmp_path / "Annotations.txt"
    annotations.write_text("".join(f"{CATEGORIES[c]}&clip_{i:06d}&good&0&9\n" for i, c in enumerate(CATEGORY)))
    trusted, own = official(tmp_path / "visual.h5", TRUSTED), official(tmp_path / "visual_own.h5", values)
    causes = compare(trusted, own, annotations).causes
    assert [cause.removeprefix("visual: ").split(":")[0] for cause in causes] == wanted


def test_the_numbers_are_right(tmp_path):
    found = compare(prepared(tmp_path / "a.h5", TRUSTED, CATEGORY), official(tmp_path / "visual.h5", VALUES))
    numbers = found.table.set_index("number")
    ours, theirs = (numbers[str(tmp_path / name)] for name in ("a.h5", "visual.h5"))
    assert ours["clips"] == theirs["clips"] == CLIPS and ours["regions"] == 4 and ours["width"] == WIDTH
    assert theirs["share of negative numbers"] == pytest.approx((VALUES < 0).mean())
    assert ours["maximum"] == pytest.approx(TRUSTED.max())
    assert ours["share of zeros"] == pytest.approx((TRUSTED == 0).mean())
    assert theirs["standard deviation"] == pytest.approx(VALUES.std(), rel=1e-5)
    assert ours["mean"] == pytest.approx(TRUSTED.mean(), rel=1e-5)
    assert ours[AGREE] > 0.8 and ours[CHANCE] == pytest.approx(1 / EVENTS) and np.isnan(theirs[AGREE])
    assert ours[SAME] > 0.9 and 0.5 < ours[CORRELATION] < 1


def test_prepared_files_are_matched_by_ids(tmp_path):
    """Another order and fewer clips are then no cause; features that are under the wrong ids are."""
    trusted = prepared(tmp_path / "a.h5", TRUSTED, CATEGORY)
    rows = SHUFFLED[:80]
    right = prepared(tmp_path / "b.h5", TRUSTED[rows], CATEGORY[rows], ids=rows)
    wrong = prepared(tmp_path / "c.h5", TRUSTED[np.roll(rows, 1)], CATEGORY[rows], ids=rows)
    causes, found = [], None
    for own in (right, wrong):
        found = compare(trusted, own)
        assert found.table.loc[0].tolist()[1:] == ["clips of the same id", 80, 80]
        causes.append([cause.split(":")[1].strip() for cause in found.causes if cause.startswith("visual")])
    assert causes == [[], ["other order", "order against the annotations"]]
    with pytest.raises(VscgError, match="no clip has an id that is in .* whose first is 'c0'; here it is 'c500'"):
        compare(trusted, prepared(tmp_path / "d.h5", TRUSTED, CATEGORY, ids=np.arange(500, 620)))


def test_rows_that_one_file_has_alone_do_not_count_as_another_scale(tmp_path):
    """The first file's other clips are much louder, and the shared ones are the same."""
    louder = np.concatenate([TRUSTED[:40], 9 * TRUSTED[40:]])
    found = compare(prepared(tmp_path / "a.h5", louder, CATEGORY),
                    prepared(tmp_path / "b.h5", TRUSTED[:40], CATEGORY[:40], ids=range(40)))
    assert not [cause for cause in found.causes if cause.startswith("visual")]


def test_files_without_categories_are_not_judged_by_them(tmp_path):
    """`extract` knows none: it gives each clip as background."""
    found = compare(*(prepared(tmp_path / name, TRUSTED, np.full(CLIPS, EVENTS)) for name in ("a.h5", "b.h5")))
    assert AGREE not in set(found.table.number)


def test_annotations_that_fit_no_file_are_said_not_to_be_used(ave_small, tmp_path):
    own = official(tmp_path / "visual.h5", TRUSTED)
    cause, = compare(own, own, ave_small / "Annotations.txt").causes
    assert cause.startswith("the 4,143 lines of Annotations.txt were not used")


def test_aves_repeated_videos(ave_small, tmp_path):
    from vscg.data.labels import read_annotations
    ids = read_annotations(ave_small / "Annotations.txt").video_ids
    rows = [ids.index(name) for name in dict.fromkeys(ids)]
    values = np.random.default_rng(0).random((len(ids), 10, 4), np.float32)
    found = compare(official(tmp_path / "audio_a.h5", values), official(tmp_path / "audio_b.h5", values[rows]),
                    ave_small / "Annotations.txt")
    assert "one row for each video" in found.causes[0] and "4,143 clips against 4,097" in found.causes[0]
    assert "46 lines" in found.causes[-1]


def test_the_command_and_its_errors(tmp_path, capsys):
    a, b = official(tmp_path / "visual.h5", TRUSTED), official(tmp_path / "audio.h5", TRUSTED[:, :, 0, 0])
    own = official(tmp_path / "visual_own.h5", VALUES)
    assert cli.main(["data", "compare", str(a), str(own)]) == 0
    assert "- visual: no ReLU" in capsys.readouterr().out
    assert "none of the usual causes" in str(compare(a, a))
    with pytest.raises(VscgError, match="nothing to compare"):
        compare(a, b)
    official(own, np.where(np.arange(CLIPS)[:, None, None] == 40, np.nan, TRUSTED[:, :, 0, 0]))
    with pytest.raises(VscgError, match="row 40 has a number that is not finite"):
        compare(own, own)
    with pytest.raises(VscgError, match="pooled.h5: features of sound or of pictures"):
        compare(official(tmp_path / "pooled.h5", TRUSTED[:, :, 0, 0]), a)
    with h5py.File(own, "w") as handle:
        handle["x"], handle["y"] = [1], [2]
    with pytest.raises(VscgError, match="neither a prepared file nor one array"):
        compare(own, a)
    with pytest.raises(VscgError, match="there is no clip"):
        compare(official(own, np.zeros((0, 10, 4))), a)


def test_a_format_of_ones_own_does_not_make_a_file_of_features_a_prepared_one(tmp_path):
    visual, _ = raw()
    for name in ("a.h5", "b.h5"):
        official(tmp_path / name, visual)
    with h5py.File(tmp_path / "b.h5", "a") as handle:
        handle.attrs["format"] = "ours, of variable length"
    assert compare(tmp_path / "a.h5", tmp_path / "b.h5").causes == ()


def test_another_network_in_the_right_order_is_no_other_order(tmp_path):
    values = np.tanh(TRUSTED @ np.random.default_rng(5).standard_normal((WIDTH, 9)))
    causes = compare(official(tmp_path / "visual.h5", TRUSTED), official(tmp_path / "visual_own.h5", values)).causes
    assert [cause.split(":")[1].strip() for cause in causes] == ["no ReLU"]


@pytest.mark.parametrize("shift, word", [(-1, "previous"), (1, "next")])
def test_the_second_that_a_second_goes_with_is_named(shift, word, tmp_path):
    """Rolled by -1, second 3 of the second file is second 4 of the first."""
    cause, = compare(official(tmp_path / "visual.h5", TRUSTED),
                     official(tmp_path / "visual_own.h5", np.roll(TRUSTED, shift, 1))).causes
    assert f"goes best with the {word} second of the second file" in cause


def test_background_clips_are_left_out(tmp_path):
    files = [prepared(tmp_path / name, TRUSTED, CATEGORY, background=20) for name in ("a.h5", "b.h5")]
    assert compare(*files).table.loc[0].tolist()[1:] == ["clips of the same id", 100, 100]
