"""Encoders by name: CLIP and AST with small random weights of the published configurations' geometry."""
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from tests.media import tone, write_clip
from vscg import cli
from vscg.data.labels import AVE
from vscg.data.prepared import read_prepared
from vscg.errors import VscgError
from vscg.features import composed, encoders
from vscg.features.aisfx import AiSfx
from vscg.features.efficientnet import EfficientNetLite0
from vscg.features.extract import extract
from vscg.features.networks import Networks, load_networks, window_features
from vscg.features.vgg19 import VGG19, visual_features
from vscg.features.vggish import VGGish, audio_features
from vscg.features.video import read_windows
from vscg.models import build_model
from vscg.predict import watch


def small(patch: int = 16, seed: int = 0) -> Networks:
    """Both encoders as they are published, but for width and depth."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(seed)
    sizes = dict(num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    clip = transformers.CLIPVisionConfig(hidden_size=8, image_size=224, patch_size=patch, **sizes)
    ast = transformers.ASTConfig(hidden_size=12, **sizes)
    return Networks(encoders.ClipMaps(transformers.CLIPVisionModel(clip)).eval(),
                    encoders.AstSeconds(transformers.ASTModel(ast), transformers.ASTFeatureExtractor()).eval())


@pytest.mark.parametrize("patch", [16, 32])
def test_clips_patches_become_a_map(patch):
    network = small(patch).visual
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 224, 224, 3), np.uint8)
    found = visual_features(network, frames)
    assert found.shape == (2, 7, 7, 8) and found.dtype == np.float32
    pictures = torch.from_numpy(frames).flatten(0, 1).permute(0, 3, 1, 2) / 255
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (encoders.CLIP_MEAN, encoders.CLIP_DEVIATION))
    with torch.no_grad():
        tokens = network.model(pixel_values=(pictures - mean) / deviation).last_hidden_state
    side = 224 // patch // 7                               # patches of a region, along each side
    for row, column in ((0, 0), (2, 5), (6, 3)):
        places = [1 + (side * row + i) * 7 * side + side * column + j for i in range(side) for j in range(side)]
        np.testing.assert_allclose(found[:, row, column], tokens[:, places].mean(1).unflatten(0, (2, 3)).mean(1),
                                   atol=2e-5)


def test_a_region_of_clips_map_is_where_it_is_in_the_picture():
    """Without attention between patches, a region knows its own pixels alone."""
    network = small().visual
    for layer in network.model.modules():
        if hasattr(layer, "self_attn"):
            torch.nn.init.zeros_(layer.self_attn.out_proj.weight)
    dark = np.zeros((1, 1, 224, 224, 3), np.uint8)
    lit = dark.copy()
    lit[:, :, 3 * 32:4 * 32, 5 * 32:6 * 32] = 255
    changed = np.abs(visual_features(network, lit) - visual_features(network, dark)).max(-1)[0] > 1e-5
    assert np.argwhere(changed).tolist() == [[3, 5]]


def test_ast_gives_a_vector_for_each_second():
    network, wave = small().audio, tone(10, 16_000)[0] / 32768
    found = audio_features(network, wave, 16_000)
    assert found.shape == (10, 12) and np.isfinite(found).all()
    examples = network.examples(wave, 16_000)
    assert examples.shape == (1, 1024, 128) and examples.dtype == np.float32
    with torch.no_grad():
        tokens = network.model(input_values=torch.from_numpy(examples)).last_hidden_state[0, 2:]
    steps = tokens.view(12, 101, 12)                       # bands, time
    np.testing.assert_allclose(found[3], steps[:, 30:40].mean((0, 1)), atol=1e-5)


def test_asts_seconds_are_in_order():
    """Without attention between patches, a second of sound changes itself, and the step that looks into it."""
    network = small().audio
    values = [each for name, each in network.model.named_parameters() if "v_proj" in name or "value" in name]
    assert values
    for each in values:
        torch.nn.init.zeros_(each)
    silent, loud = np.zeros(160_000), np.zeros(160_000)
    loud[6 * 16_000:7 * 16_000] = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000)
    change = np.abs(audio_features(network, loud, 16_000) - audio_features(network, silent, 16_000)).max(-1)
    assert change.argmax() == 6 and (change[:5] < 1e-4).all() and (change[8:] < 1e-4).all()


def test_extraction_prediction_and_their_sizes(tmp_path):
    folder, networks = tmp_path / "clips", small()
    folder.mkdir()
    path = write_clip(folder / "a.mkv", fps=4)
    extract(folder, tmp_path / "own.h5", networks=networks)
    data = read_prepared(tmp_path / "own.h5")
    assert (data.dims.visual, data.dims.audio, data.dims.grid, data.dims.segments) == (8, 12, 7, 10)
    visual, audio = window_features(next(read_windows(path)), networks)
    np.testing.assert_allclose(data.visual[0], visual, atol=2e-3)
    np.testing.assert_allclose(data.audio[0], audio, atol=1e-5)
    (watched,) = watch(path, build_model("psp", dims=data.dims).eval(), networks)
    assert watched.classes.shape == (10,)
    with pytest.raises(VscgError, match="the encoders give visual .10, 7, 7, 8. and audio .10, 12."):
        next(watch(path, build_model("psp").eval(), networks))


def test_names(monkeypatch):
    loaded = []
    monkeypatch.setattr(encoders.published, "fetch", lambda file, folder: loaded.append((file.name, folder)))
    monkeypatch.setattr(encoders.published, "load", lambda network, path, weights: network())
    monkeypatch.setattr(encoders, "_pretrained",
                        lambda kind, name: loaded.append((kind, name)) or torch.nn.Linear(1, 1))
    networks = load_networks(device="cpu")
    assert isinstance(networks.visual, VGG19) and isinstance(networks.audio, VGGish)
    assert [name for name, _ in loaded] == [encoders.published.VGG19.name, encoders.published.VGGISH.name]
    loaded.clear()
    networks = load_networks(device="cpu", visual="clip", audio="ast")
    assert isinstance(networks.visual, encoders.ClipMaps) and isinstance(networks.audio, encoders.AstSeconds)
    assert loaded == [("CLIPVisionModel", encoders.CLIP), ("ASTModel", encoders.AST),
                      ("ASTFeatureExtractor", encoders.AST)]
    loaded.clear()
    networks = load_networks(device="cpu", visual="efficientnet-lite0", audio="aisfx")
    assert isinstance(networks.visual, EfficientNetLite0) and isinstance(networks.audio, AiSfx)
    assert [name for name, _ in loaded] == [encoders.published.EFFICIENTNET.name, encoders.published.AISFX.name]
    for names in ({"visual": "vggish"}, {"audio": "clip"}):
        with pytest.raises(VscgError, match="encoder .* is unknown: choose one of"):
            load_networks(device="cpu", **names)


@pytest.fixture
def command(tmp_path):
    write_clip(tmp_path / "a.mkv", fps=4)
    return ["extract", str(tmp_path), "--visual", "clip", "--device", "cpu", "-o", str(tmp_path / "own.h5")]


def test_what_is_not_installed_is_one_clear_error(monkeypatch, command, capsys):
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert cli.main(command) == 1
    assert "needs transformers, which is not installed: in the checkout, pip install -e '.[encoders]'" in (
        capsys.readouterr().err)


def test_a_saved_model_is_loaded_whole(tmp_path, monkeypatch):
    networks = small(seed=3)
    networks.audio.model.save_pretrained(tmp_path / "ast")
    networks.audio.front.save_pretrained(tmp_path / "ast")
    networks.visual.model.save_pretrained(tmp_path / "clip")
    monkeypatch.setattr(encoders, "CLIP", str(tmp_path / "clip"))
    monkeypatch.setattr(encoders, "AST", str(tmp_path / "ast"))
    again = load_networks(device="cpu", visual="clip", audio="ast")
    assert again.fingerprint() == networks.fingerprint() != small(seed=4).fingerprint()
    wave = tone(10, 8000)[0] / 32768
    assert (audio_features(again.audio, wave, 8000) == audio_features(networks.audio, wave, 8000)).all()


def test_every_encoder_has_its_width():
    assert encoders.WIDTHS.keys() == encoders.VISUAL.keys() | encoders.AUDIO.keys()
    for names, dims in ((("vgg19", "vggish"), AVE), (("efficientnet-lite0", "aisfx"), composed.DIMS)):
        assert [encoders.WIDTHS[name] for name in names] == [dims.visual, dims.audio]


def test_ast_hears_the_sound_at_its_own_rate():
    given = []

    def front(sound, sampling_rate, return_tensors):
        given.append((sound, sampling_rate))
        return {"input_values": np.zeros((1, 1024, 128), np.float32)}

    encoders.AstSeconds(nn.Identity(), front).examples(tone(10, 8000)[0] / 32768, 8000)
    (sound, rate), = given
    assert rate == 16_000 and sound.shape == (160_000,) and sound.dtype == np.float32
    np.testing.assert_allclose(sound[2000:-2000], tone(10, 16_000)[0, 2000:-2000] / 32768, atol=1e-3)


COLOUR = np.zeros((1, 1, 224, 224, 3), np.uint8) + np.array([255, 127, 0], np.uint8)


def test_clip_gets_pictures_normalised_as_it_was_trained():
    class Patches(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, pixel_values):
            self.given = pixel_values
            return SimpleNamespace(last_hidden_state=torch.zeros(len(pixel_values), 197, 8))

    network = encoders.ClipMaps(Patches())
    visual_features(network, COLOUR)
    expected = (np.array([1, 127 / 255, 0]) - encoders.CLIP_MEAN) / encoders.CLIP_DEVIATION
    assert network.model.given[0, :, 5, 9].tolist() == pytest.approx(expected.tolist(), abs=1e-5)
