"""Any sizes: what `fit` trains on features that are not AVE's, and what a system's structure refuses."""
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from tests.training.test_loop import complete
from vscg.data import Dims, load_dataset
from vscg.data.labels import AVE
from vscg.data.prepared import read_prepared
from vscg.data.writer import PreparedWriter
from vscg.errors import VscgError
from vscg.models import SYSTEMS, build_model, predict_segments
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.records import read_record

OTHER = Dims(audio=64, visual=96, grid=4, segments=12, categories=("whistle", "Öl, frying", "clap", "step", "rain"))
PAIRS = [(system, setting) for system in SYSTEMS for setting in SYSTEMS[system].settings]
OPTIONS = {"vscg": {"prior": "average"}}      # CERE needs ten segments


def write(path, dims: Dims, clips: int = 22):
    rng = np.random.default_rng(0)
    category = np.arange(clips) % dims.classes
    labels = np.eye(dims.classes)[np.where(np.arange(dims.segments) < 2 + np.arange(clips)[:, None] % 5,
                                            category[:, None], dims.background)]
    shapes = dims.rows()
    visual, audio = (rng.random((clips, *shapes[key]), np.float32) for key in ("visual", "audio"))
    with PreparedWriter(path, clips, "other", "ab", dims=dims) as writer:
        writer.append(visual, audio, labels, category, [f"clip{i}" for i in range(clips)])
        background = np.flatnonzero(category == dims.background)
        events = np.flatnonzero(category != dims.background)
        writer.splits(events[:10], events[10:14], events[14:], background)
    return path


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return read_prepared(write(tmp_path_factory.mktemp("other") / "other.h5", OTHER))


def test_the_file_remembers_sizes_and_names(other):
    assert other.dims == OTHER and other.dims != AVE
    assert (other.dims.classes, other.dims.background, other.dims.regions) == (6, 5, 16)
    assert load_dataset(other.path).dims == OTHER


@pytest.mark.parametrize("system, setting", PAIRS)
def test_every_system_trains_on_other_sizes_and_leaves_a_complete_record(system, setting, other, tmp_path):
    config = RunConfig(system=system, setting=setting, data="other", epochs=1, batch=6,
                       model_options=OPTIONS.get(system, {}))
    record = fit(config, dataset=other, store=tmp_path, device="cpu", progress=False)
    complete(record, other, 1)                             # of two steps
    again = read_record(record.folder)
    assert again.dims == OTHER and len(again.result["test"]["class_accuracy"]) == 6
    test, model = other.splits["test"], again.model()
    assert model.dims == OTHER
    with torch.no_grad():
        output = model(torch.from_numpy(other.audio[test]), torch.from_numpy(other.visual[test]).float())
    assert output.attention is None or output.attention.shape[1:] == (12, 4, 4)
    assert (predict_segments(output).numpy() == again.predictions()).all()
    assert again.predictions().shape == (len(test), 12) and again.predictions().max() <= 5


def test_vscgs_stale_targets_and_losses_on_other_sizes(other, tmp_path):
    for options in ({"escm": False}, {"prior": "maximum"}, {"prior": "zero", "head": "segment"}):
        loss = "ce+avps" if "head" in options else None
        stale, fresh = (fit(RunConfig(stale_avps=on, data="other", epochs=1, batch=6, model_options=options, loss=loss),
                            dataset=other, store=tmp_path, device="cpu", progress=False).history["avps"][0]
                        for on in (True, False))
        assert 0 < fresh != stale > 0


def test_more_classes_than_a_byte_holds(tmp_path):
    dims = replace(OTHER, categories=tuple(f"class {number}" for number in range(200)))
    data = read_prepared(write(tmp_path / "many.h5", dims))
    data.category[:] += 150
    data.labels[:] = np.eye(201)[np.repeat(data.category[:, None], 12, 1)]
    record = fit(RunConfig(system="psp", data="many", epochs=12, batch=6), dataset=data, store=tmp_path,
                 device="cpu")
    assert record.predictions().max() >= 150 and record.predictions().min() >= 0
    assert len(record.result["test"]["class_accuracy"]) == 201


@pytest.mark.parametrize("segments", [8, 9, 11])
def test_cere_takes_what_it_pools_to_two(segments):
    dims = replace(OTHER, segments=segments)
    for setting in ("fully", "weakly"):
        shapes = dims.rows()
        output = build_model("vscg", setting=setting, dims=dims).eval()(
            torch.rand(2, *shapes["audio"]), torch.rand(2, *shapes["visual"]))
        assert predict_segments(output).shape == (2, segments)


@pytest.mark.parametrize("system, options, dims, words", [
    ("vscg", {}, {"segments": 12}, "CERE.* these clips have 12"), ("vscg", {}, {"segments": 7}, "these clips have 7"),
    ("vscg", {"prior": "unshared"}, {"segments": 5}, "CERE"), ("avel", {"plug": "escm"}, {"segments": 12}, "CERE"),
    ("avt", {}, {"visual": 100}, "100 numbers.* eight heads"), ("cmbs", {}, {"segments": 3}, "strongest segments"),
])
def test_what_the_structure_fixes_is_refused(system, options, dims, words):
    with pytest.raises(VscgError, match=words):
        build_model(system, dims=replace(AVE, **dims), **options)


def test_psp_cuts_below_an_even_share():
    even = torch.ones(1, 12, 12)
    for system, setting in (("psp", "fully"), ("psp", "weakly"), ("vscg", "weakly")):
        options = OPTIONS.get(system, {})
        assert (build_model(system, setting=setting, dims=OTHER, **options).psp.cut(even) > 0).all()


def test_arrays_that_disagree_are_refused(tmp_path):
    path = write(tmp_path / "other.h5", OTHER)
    with h5py.File(path, "r+") as handle:
        names = handle["categories"][:4]
        del handle["categories"]
        handle["categories"] = names
    with pytest.raises(VscgError, match=r"'labels' has shape \(22, 12, 6\), expected \(22,12,5\)"):
        read_prepared(path)
    with h5py.File(path, "r+") as handle:
        del handle["categories"]
    with pytest.raises(VscgError, match="'visual' has shape"):
        read_prepared(path)
