"""Every option of the command line reaches the package."""
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import nn

from vscg import cli
from vscg.errors import VscgError
from vscg.training.config import RunConfig


def stop(given):
    def called(*arguments, **options):
        given.append((arguments, options))
        raise VscgError("enough")
    return called


def test_every_option_of_train_reaches_the_run(monkeypatch, capsys):
    given = []
    monkeypatch.setattr(cli, "fit", stop(given))
    choices = {"system": "psp", "setting": "weakly", "variant": "paper", "data": "x.h5", "seed": 3, "profile": "full",
               "protocol": "released", "selection": "test", "target": "proportion", "modality": "audio",
               "precision": "bf16"}
    assert cli.main(["train", "--device", "cpu", *(word for name, value in choices.items()
                                                   for word in (f"--{name}", str(value)))]) == 1
    assert given == [((RunConfig(**choices),), {"device": "cpu"})]


@pytest.mark.parametrize("command, name, arguments, options", [
    ("data plant x.h5 --size full --seed 4 --ambiguity 0.5", "generate", ["x.h5"],
     {"size": "full", "seed": 4, "ambiguity": 0.5}),
    ("data prepare ave -o x.h5 --dtype float32", "prepare_ave", ["ave", "x.h5"], {"visual_dtype": "float32"}),
    ("data download there", "download_small", ["there"], {}),
    ("data prepare own -o x.h5 --dtype float32 --annotations a b c", "prepare_own",
     ["own", f"{[Path(name) for name in 'abc']}", "x.h5", "float32"], {}),
    ("extract clips -o x.h5 --pad --device cpu --weights w --scheduler local:2 --visual clip --audio ast", "extract",
     ["clips", "x.h5"], {"pad": True, "device": "cpu", "weights": "w", "scheduler": "local:2", "visual": "clip",
                         "audio": "ast"}),
    ("predict c.mp4 --checkpoint k --system psp --setting weakly", "load_checkpoint", ["k"],
     {"system": "psp", "setting": "weakly"})])
def test_every_option_reaches_the_package(command, name, arguments, options, tmp_path, monkeypatch, capsys):
    given = []
    monkeypatch.setattr(cli, name, stop(given))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.mp4").touch()
    assert cli.main(command.split()) == 1
    (found, named), = given
    assert list(map(str, found)) == arguments
    assert {key: value if type(value) in (bool, int, float) else str(value) for key, value in named.items()} == options


def test_features_are_downloaded_if_asked_for(monkeypatch):
    asked = []
    for name in ("download_small", "download_features"):
        monkeypatch.setattr(cli, name, lambda folder, name=name: asked.append(name) or [])
    assert cli.main(["data", "download", "x"]) == cli.main(["data", "download", "x", "--features"]) == 0
    assert asked == ["download_small", "download_small", "download_features"]


def test_predict_hands_on_its_folders_and_padding(tmp_path, monkeypatch):
    seen, networks = {}, SimpleNamespace(visual=nn.Linear(1, 1))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.mp4").touch()
    monkeypatch.setattr(cli, "load_checkpoint", lambda key, **how: (SimpleNamespace(to=lambda device: "model"), "t"))
    monkeypatch.setattr(cli, "load_networks",
                        lambda weights, **how: seen.update(weights=str(weights), **how) or networks)
    monkeypatch.setattr(cli, "watch", lambda clip, model, networks, pad: seen.update(pad=pad) or [])
    monkeypatch.setattr(cli, "write_results", lambda clip, watched, out, title: seen.update(output=str(out)) or [])
    command = "predict c.mp4 --checkpoint k --pad --weights w --device cpu -o out --visual clip --audio ast"
    assert cli.main(command.split()) == 0
    assert seen == {"weights": "w", "device": "cpu", "pad": True, "output": "out", "visual": "clip", "audio": "ast"}
