"""From a media file to predictions, a timeline and a video, with small networks in place of VGG-19 and VGGish."""
import json
import shutil
import sys
import tracemalloc
from dataclasses import replace

import av
import matplotlib
import numpy as np
import pytest
import torch

from tests.features.test_extract import Heard, Seen
from tests.golden import golden
from tests.golden.compare import FOLDER
from vscg import cli
from vscg.data import Dims
from vscg.data.prepared import read_prepared
from vscg.errors import VscgError
from vscg.features import extract as extraction
from vscg.features.networks import Networks, window_features
from vscg.features.video import Window
from vscg.models import build_model, predict_segments
from vscg.predict import (
    ENDS,
    Watched,
    enlarge,
    load_checkpoint,
    overlay,
    result_files,
    timeline,
    watch,
    write_mp4,
    write_results,
)
from vscg.training.records import shipped_dir


def make_clip(path, seconds=10, rate=16_000):
    """A moving square and a tone."""
    pictures = np.zeros((16 * seconds, 64, 64, 3), np.uint8)
    for i, picture in enumerate(pictures):
        picture[16:32, i % 48:i % 48 + 16] = 255
    return write_mp4(path, pictures, 0.3 * np.sin(np.arange(rate * seconds) * 2 * np.pi * 440 / rate), rate)


@pytest.fixture(scope="module")
def networks():
    return Networks(Seen(), Heard())


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("media") / "square.mp4")


@pytest.mark.parametrize("system, setting", [("vscg", "fully"), ("vscg", "weakly"), ("cmbs", "weakly")])
def test_every_second_gets_a_class_and_its_probability(system, setting, clip, networks):
    torch.manual_seed(1)
    (watched,) = watch(clip, build_model(system, setting=setting).eval(), networks)
    assert watched.classes.shape == (10,) and watched.attention.shape == (10, 7, 7)
    seconds = watched.seconds()
    assert [(s["start"], s["end"], s["padded"]) for s in seconds] == [(t, t + 1, False) for t in range(10)]
    if system == "cmbs":     # its class is one of 29 logits of the whole clip, held against a gate: no distribution
        assert all(second["probability"] is None for second in seconds)
    else:
        np.testing.assert_allclose(watched.probability.sum(1), 1, atol=1e-5)
        assert all(0 <= second["probability"] <= 1 for second in seconds)


def test_the_model_sees_and_hears_the_clip_and_what_it_says_of_each_second_is_kept(clip, networks):
    torch.manual_seed(1)                                   # its classes then differ between seconds
    model, given = build_model("avel").eval(), []
    model.register_forward_pre_hook(lambda layer, inputs: given.extend(inputs))
    (watched,) = watch(clip, model, networks)
    for found, expected in zip(given, reversed(window_features(watched.window, networks)), strict=True):
        assert np.array_equal(found[0].numpy(), expected) and expected.std() > 0
    with torch.inference_mode():
        output = model(*given)
    assert watched.classes.tolist() == predict_segments(output)[0].tolist() and len(set(watched.classes.tolist())) > 1
    np.testing.assert_array_equal(watched.probability, output.segment_logits[0].softmax(-1))
    np.testing.assert_array_equal(watched.attention, output.attention[0])


def test_a_model_of_other_sizes_names_its_own_events_and_refuses_other_features(clip, networks):
    names = ("whistle", "clap", "step")
    (watched,) = watch(clip, build_model("avel", dims=Dims(categories=names)).eval(), networks)
    assert watched.probability.shape == (10, 4)
    assert {second["class"] for second in watched.seconds()} <= {*names, "background"}
    one = Watched(watched.window, np.array([2] * 5 + [3] * 5), watched.probability, watched.attention, names)
    assert [second["class"] for second in one.seconds()] == ["step"] * 5 + ["background"] * 5
    assert "step" in [text.get_text() for text in timeline(one.classes, one.categories).axes[0].texts]
    with pytest.raises(VscgError, match="model is for other features .audio 64, .* the encoders give visual .10, 7, 7"):
        list(watch(clip, build_model("avel", dims=Dims(audio=64)).eval(), networks))


def test_a_model_of_one_modality_gets_zeros_for_the_other(clip, networks):
    model, given = build_model("avel").eval(), []
    model.register_forward_pre_hook(lambda layer, inputs: given.extend(inputs))
    for model.modality in ("audio", "visual"):
        list(watch(clip, model, networks))
    assert [bool(values.any()) for values in given] == [True, False, False, True]


def test_overlay_brightens_what_is_looked_at_and_frames_events():
    attention = np.full((10, 7, 7), 0.25 / 48)
    attention[:, 2, 5] = 0.75
    classes = np.where(np.arange(10) < 5, 3, 28)
    pictures = np.full((10, 16, 224, 224, 3), 100, np.uint8)
    watched = Watched(window(pictures), classes, np.full((10, 29), np.nan), attention)
    shown = overlay(watched)
    assert shown.shape == (160, 224, 224, 3) and shown.dtype == np.uint8
    middle = shown[100, 2 * 32 + 16, 5 * 32 + 16].astype(int)
    assert np.abs(middle - 100).max() > 40 and np.abs(shown[100, 200, 20].astype(int) - 100).max() < 5
    assert (shown[0, 0, 0] == (213, 94, 0)).all() and (shown[79, -1, -1] == (213, 94, 0)).all()
    assert (shown[80, 0, 0] != (213, 94, 0)).any()
    with pytest.raises(VscgError, match="no attention"):
        overlay(Watched(window(pictures), classes, np.full((10, 29), np.nan), None))


def window(pictures):
    return Window(0, pictures, np.zeros(160_000, np.float32), 16_000, np.zeros(10, bool))


def test_results_are_written_whole(clip, networks, tmp_path):
    torch.manual_seed(1)
    watched = watch(clip, build_model("vscg").eval(), networks)
    files = write_results(clip, watched, tmp_path / "out", "a test")
    assert [file.name for file in files] == ["square.json", "square-timeline.png", "square-attention.mp4"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(file.name for file in files)
    read = json.loads(files[0].read_text())
    assert read["clip"] == "square.mp4" and read["made_by"] == "a test" and len(read["seconds"]) == 10
    assert files[1].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with av.open(str(files[2])) as video:
        assert {stream.type for stream in video.streams} == {"video", "audio"}
        pictures = sum(1 for _ in video.decode(video=0))
        assert pictures == 160 and video.duration / av.time_base == pytest.approx(10, abs=0.1)


def test_settings_of_ones_own_do_not_reach_the_timeline(clip, networks, tmp_path):
    model, pictures = build_model("vscg").eval(), []
    for own in ({}, {"text.usetex": True, "font.size": 40, "savefig.dpi": 300}):
        with matplotlib.rc_context(own):
            files = write_results(clip, watch(clip, model, networks), tmp_path, "a test")
            assert all(matplotlib.rcParams[name] == value for name, value in own.items()), "they are left as they were"
        pictures.append(files[1].read_bytes())
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("rate", [192_000, 37_800, 12_345, 100, 7350, 96_000])
def test_a_video_of_any_sample_rate(rate, tmp_path):
    with av.open(str(make_clip(tmp_path / "clip.mp4", seconds=2, rate=rate))) as video:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in video.decode(audio=0)])
        kept = video.streams.audio[0].rate
    assert kept == (rate if rate in (7350, 96_000) else 16_000)
    assert len(sound) / kept == pytest.approx(2, abs=3 * 1024 / kept)      # whole packets of 1,024 samples
    if rate > 1000:                                        # the tone of 440 Hz is what it was
        assert np.abs(np.fft.rfft(sound[:kept])).argmax() == 440


def watched_seconds(values):
    """Windows that say these classes, with pictures that get lighter and an attention on the first region."""
    attention = np.zeros((10, 7, 7))
    attention[:, 0, 0] = 1
    for start in range(0, len(values), 10):
        pictures, wave = np.full((10, 16, 224, 224, 3), start % 250, np.uint8), np.zeros(80_000, np.float32)
        part = Window(start, pictures, wave, 8000, np.zeros(10, bool), start / 100, (f"n{start}",))
        yield Watched(part, np.array(values[start:start + 10]), np.full((10, 29), 0.5), attention)


def result(folder, stem="square"):
    return json.loads((folder / f"{stem}.json").read_text())


@pytest.mark.parametrize("error", [VscgError("damaged: late"), KeyboardInterrupt(), MemoryError()])
def test_what_was_found_before_an_error_is_kept(error, clip, tmp_path):
    def stopping():
        yield from watched_seconds([3] * 20)
        raise error
    with pytest.raises(type(error)):
        write_results(clip, stopping(), tmp_path, "a test")
    found = result(tmp_path)
    assert len(found["seconds"]) == 20 and found["stopped"] in ("damaged: late", "KeyboardInterrupt", "MemoryError")
    assert {path.name for path in tmp_path.iterdir()} == {"square-attention.mp4", "square-timeline.png", "square.json"}
    with av.open(str(tmp_path / "square-attention.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 320


def test_a_part_does_not_replace_results_that_are_whole(clip, tmp_path, monkeypatch):
    def stopping():
        yield from watched_seconds([4] * 10)
        raise KeyboardInterrupt
    monkeypatch.setattr("vscg.predict.SAVED", -1)
    whole = {file: file.read_bytes() for file in write_results(clip, watched_seconds([3] * 20), tmp_path, "a test")}
    with pytest.raises(KeyboardInterrupt):
        write_results(clip, stopping(), tmp_path, "another")
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == whole
    write_results(clip, watched_seconds([4] * 10), tmp_path, "another")
    assert result(tmp_path)["made_by"] == "another" and len(result(tmp_path)["seconds"]) == 10


def test_what_was_found_is_saved_while_it_goes_on(clip, tmp_path, monkeypatch):
    monkeypatch.setattr("vscg.predict.SAVED", -1)
    saved = []

    def looking():
        for one in watched_seconds([3] * 30):
            yield one
            found = result(tmp_path)
            saved.append((len(found["seconds"]), found["stopped"]))
    write_results(clip, looking(), tmp_path, "a test")
    assert saved == [(10, "not finished yet"), (20, "not finished yet"), (30, "not finished yet")]
    assert (result(tmp_path)["stopped"], result(tmp_path)["rest"], result(tmp_path)["notes"]) == (None, 0.2, ["n20"])


def test_memory_does_not_grow_with_the_clip(clip, tmp_path):
    peaks = []
    for seconds in (10, 40):
        tracemalloc.start()
        write_results(clip, watched_seconds([3] * seconds), tmp_path, "a test")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_nothing_else_is_replaced(clip, tmp_path):
    """Neither a file of somebody's own nor the results of another clip of that name; one's own results are."""
    for name in ("square.json", "square-timeline.png", "square-attention.mp4"):
        (folder := tmp_path / name).mkdir()
        (folder / name).write_text('{"annotator": "somebody"}')
        files = write_results(clip, watched_seconds([3] * 10), folder, "a test")
        assert (folder / name).read_text() == '{"annotator": "somebody"}' and len(list(folder.iterdir())) == 4
        assert write_results(clip, watched_seconds([4] * 10), folder, "a test") == files
        assert result(folder, files[0].stem)["seconds"][0]["class_index"] == 4
    other = make_clip(tmp_path / "square.mp4", seconds=1)
    first, second = (write_results(path, watched_seconds([number] * 10), tmp_path / "out", "a test")
                     for number, path in enumerate((clip, other)))
    assert not set(first) & set(second) and [json.loads(files[0].read_text())["seconds"][0]["class_index"]
                                             for files in (first, second)] == [0, 1]


@pytest.mark.parametrize("name", ["a" * 255, "ü" * 127, "a" * 233 + ".mp4", "-o.mp4", ".mp4", "a.b.c.mp4"])
def test_names_of_any_length(name, clip, tmp_path):
    shutil.copy(clip, path := tmp_path / name)
    files = write_results(path, watched_seconds([3] * 10), tmp_path / "out", "a test")
    assert all(file.is_file() for file in files) and json.loads(files[0].read_text())["clip"] == name


@pytest.mark.parametrize("seconds, rows", [(10, 1), (240, 24), (250, 9), (3600, 12), (90_000, 25)])
def test_the_timeline_of_a_long_clip_has_longer_rows(seconds, rows):
    figure = timeline([28] * (seconds - 1) + [3])
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) == rows and labels[-1].endswith(f" to {seconds} s")
    assert figure.get_size_inches()[1] * figure.dpi < 2500


def test_checkpoints_are_runs_or_published_files(tmp_path, monkeypatch):
    with pytest.raises(VscgError, match="python -m vscg runs"):
        load_checkpoint("nothing")
    (tmp_path / "key").mkdir()
    for name in ("record.json", "state.safetensors"):
        (tmp_path / "key" / name).touch()
    with pytest.raises(VscgError, match=f"state.safetensors: a file of a run; give the run's folder, {tmp_path}/key"):
        load_checkpoint(str(tmp_path / "key" / "state.safetensors"))
    came = next(shipped_dir().glob("*.zip")).stem
    with pytest.raises(VscgError, match="without its weights"):
        load_checkpoint(str(shipped_dir() / f"{came}.zip"))
    with pytest.raises(VscgError, match=f"The run {came} .* came with the book, without its weights: `vscg.fit"):
        load_checkpoint(came)
    meta, _ = golden.load(FOLDER / "avel_fully.npz")
    file = tmp_path / "avel.pt"
    torch.save({f"module.{name}": torch.as_tensor(value) for name, value in golden.weights(meta).items()}, file)
    model, title = load_checkpoint(str(file), system="avel")
    assert not model.training and "avel.pt" in title
    audio, visual, _ = (torch.as_tensor(array) for array in golden.inputs(meta))
    with torch.no_grad():
        probability = model(audio, visual).segment_logits.softmax(-1)
    torch.testing.assert_close(probability, torch.as_tensor(golden.load(FOLDER / "avel_fully.npz")[1]["segment_prob"]),
                               atol=1e-5, rtol=0)


def test_both_commands_from_a_file_to_results(clip, networks, tmp_path, monkeypatch, capsys):
    meta, _ = golden.load(FOLDER / "avel_fully.npz")
    checkpoint = tmp_path / "avel.pt"
    torch.save({name: torch.as_tensor(value) for name, value in golden.weights(meta).items()}, checkpoint)
    monkeypatch.setattr(cli, "load_networks", lambda weights, **named: networks)
    out = tmp_path / "out"
    assert cli.main(["predict", str(clip), "--checkpoint", str(checkpoint), "--system", "avel", "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "published weights of avel" in printed and str(out / "square.json") in printed
    assert len(json.loads((out / "square.json").read_text())["seconds"]) == 10

    def fetched(*names, **options):
        raise AssertionError("nothing is fetched for a model that it does not fit")

    monkeypatch.setattr(cli, "load_networks", fetched)
    assert cli.main(["predict", str(clip), "--checkpoint", str(checkpoint), "--system", "avel", "--audio", "ast"]) == 1
    assert "other features" in (said := capsys.readouterr().err) and "vgg19 and ast make others" in said
    monkeypatch.setattr(cli, "load_networks", lambda weights, **named: networks)
    monkeypatch.setattr(extraction, "load_networks", lambda weights, device, **named: networks)
    folder = tmp_path / "clips"
    folder.mkdir()
    shutil.copy(clip, folder)
    target = tmp_path / "features.h5"
    assert cli.main(["extract", str(folder), "-o", str(target)]) == 0
    assert read_prepared(target).visual.shape == (1, 10, 7, 7, 512)
    (folder / "broken.mp4").write_bytes(b"not a clip")
    assert cli.main(["extract", str(folder), "-o", str(target)]) == 1
    assert "broken.mp4" in capsys.readouterr().out
    assert cli.main(["predict", str(folder / "broken.mp4"), "--checkpoint", str(checkpoint), "--system", "avel",
                     "-o", str(folder / "out")]) == 1
    assert "broken.mp4" in capsys.readouterr().err


def test_enlarge_keeps_the_regions_values_at_their_centres():
    small = np.arange(49.0).reshape(7, 7)
    large = enlarge(small, 7 * 33)
    np.testing.assert_allclose(large[16::33, 16::33], small, atol=1e-4)


def test_a_video_that_cannot_be_written_leaves_the_old_one(clip, networks, tmp_path, monkeypatch):
    torch.manual_seed(1)
    watched = watch(clip, build_model("vscg").eval(), networks)
    old = write_results(clip, watched_seconds([3] * 10), tmp_path, "a test")[2]
    old.write_bytes(b"old")
    monkeypatch.setattr("vscg.predict.overlay", lambda one: (_ for _ in ()).throw(VscgError("stopped")))
    with pytest.raises(VscgError, match="stopped"):
        write_results(clip, watched, tmp_path, "a test")
    assert old.read_bytes() == b"old" and not list(tmp_path.glob(".*partial"))


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes are Linux's")
def test_the_command_says_where_the_first_part_is(clip, networks, tmp_path, monkeypatch, capsys):
    """An error late in a clip whose name has bytes that are no text; at the beginning nothing is written."""
    path = tmp_path / "late\udce9.mkv"
    shutil.copy(clip, path)

    def watching(seconds):
        yield from watched_seconds([3] * seconds)
        raise VscgError(f"{path}: damaged")
    monkeypatch.setattr(cli, "load_networks", lambda weights, device, **encoders: networks)
    monkeypatch.setattr(cli, "load_checkpoint", lambda key: (build_model("avel").eval(), "a test"))
    written = [f"late\udce9{end}" for end in ENDS]
    for seconds, files in ((0, []), (10, written), (0, written)):              # at last an earlier call's results
        monkeypatch.setattr(cli, "watch", lambda *given, pad, seconds=seconds: watching(seconds))
        assert cli.main(["predict", str(path), "--checkpoint", "k", "-o", str(tmp_path / "out")]) == 1
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1 + (seconds > 0) and "damaged" in said.err
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(files)
    monkeypatch.setattr(cli, "watch", lambda *given, pad: watched_seconds([3] * 10))
    assert cli.main(["predict", str(path), "--checkpoint", "k", "-o", str(tmp_path / "out")]) == 0
    assert "late\\udce9.json\n  n0\n" in capsys.readouterr().out


def test_no_video_of_another_model_stays_beside_the_results(clip, networks, tmp_path):
    window = next(watch(clip, build_model("vscg").eval(), networks))
    *_, video = write_results(clip, [window], tmp_path, "one with attention")
    assert video.is_file()
    assert len(write_results(clip, [replace(window, attention=None)], tmp_path, "one without")) == 2
    assert not video.exists()


def test_what_cannot_be_written_is_found_before_the_work(clip, tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "out", tmp_path / ("a" * 256)):
        with pytest.raises(VscgError, match="cannot be written"):
            result_files(clip, folder)


def test_numbers_that_are_none_are_refused(clip, networks):
    model = build_model("avel").eval()
    next(model.parameters()).data.fill_(float("nan"))
    with pytest.raises(VscgError, match="square.mp4: what the model gives from 0 s on holds values that are no finite"):
        next(watch(clip, model, networks))


def watched(classes, attention=None, start=0, probability=None):
    pictures = np.full((10, 16, 224, 224, 3), 100, np.uint8)
    window = Window(start, pictures, np.zeros(80_000, np.float32), 8000, np.zeros(10, bool))
    return Watched(window, classes, np.full((10, 29), np.nan) if probability is None else probability, attention)


def test_seconds_of_a_later_window_begin_where_it_does():
    seconds = watched(np.full(10, 3), start=20).seconds()
    assert [(second["start"], second["end"]) for second in seconds] == [(20 + t, 21 + t) for t in range(10)]


def test_a_second_has_the_probability_of_its_class_not_the_largest():
    probability = np.full((10, 29), 0.01)
    probability[:, 3], probability[:, 5] = 0.2, 0.53
    assert {second["probability"] for second in watched(np.full(10, 3), probability=probability).seconds()} == {0.2}


def test_each_second_lies_under_its_own_attention():
    attention = np.zeros((10, 7, 7))
    places = [divmod(5 * t, 7) for t in range(10)]
    for t, place in enumerate(places):
        attention[t][place] = 1
    shown = overlay(watched(np.full(10, 28), attention)).reshape(10, 16, 224, 224, 3).astype(int)
    for t in range(10):
        changed = [np.abs(shown[t, 7, 32 * row + 16, 32 * column + 16] - 100).max() > 40 for row, column in places]
        assert changed == [other == t for other in range(10)]


def test_an_almost_even_map_stays_faint():
    attention = np.full((10, 7, 7), 1 / 49)
    attention[:, 3, 3] *= 1.05
    assert np.abs(overlay(watched(np.full(10, 28), attention)).astype(int) - 100).max() < 8


def test_enlarge_is_smooth_between_the_centres():
    assert enlarge(np.arange(49.0).reshape(7, 7), 7 * 33)[16, 27] == pytest.approx(1 / 3, abs=0.01)


def test_a_run_is_watched_with_what_it_was_trained_on(heard_alone, monkeypatch):
    monkeypatch.setenv("VSCG_HOME", str(heard_alone.folder.parents[1]))
    model, _ = load_checkpoint(heard_alone.key)
    assert model.modality == "audio" and not model.training


def test_a_run_on_planted_data_says_that_it_teaches_nothing_about_real_clips(heard_alone):
    assert load_checkpoint(str(heard_alone.folder))[1].endswith("planted features teach nothing about real pictures "
                                                                "and sounds")
