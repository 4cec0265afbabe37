"""The commands, as a reader types them."""
import subprocess
import sys

import pytest

from vscg.cli import main
from vscg.planted import generate


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Every command works in a folder of its own."""
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    return tmp_path


def test_train_prints_its_result_and_the_second_time_loads_it(tmp_path, capsys):
    data = generate(tmp_path / "tiny.h5", progress=False, train=16, val=4, test=4, background=2)
    command = ["train", "--data", str(data), "--device", "cpu"]
    assert main(command) == 0
    first = capsys.readouterr().out
    assert main(command) == 0
    second = capsys.readouterr().out
    assert "trained now" in first and "loaded" in second
    assert first.splitlines()[1] == second.splitlines()[1]
    assert "test accuracy" in first and "95% interval" in first
    assert main(["runs"]) == 0
    assert "VSCG, fully supervised" in capsys.readouterr().out


def test_plant_check_and_their_errors(tmp_path, capsys):
    assert main(["data", "plant", str(tmp_path / "no.h5"), "--ambiguity", "2"]) == 1
    assert "ambiguity" in capsys.readouterr().err
    data = generate(tmp_path / "tiny.h5", progress=False, train=4, val=2, test=2, background=1)
    assert main(["data", "check", str(data)]) == 0
    assert "9" in capsys.readouterr().out
    assert main(["data", "check", str(tmp_path / "absent.h5")]) == 1
    assert "absent.h5" in capsys.readouterr().err


def test_prepare_official_files(official_folder, tmp_path, capsys):
    folder = official_folder(6)
    assert main(["data", "prepare", str(folder), "-o", str(tmp_path / "out.h5")]) == 0
    assert (tmp_path / "out.h5").is_file()
    assert main(["data", "prepare", str(tmp_path), "-o", str(tmp_path / "other.h5")]) == 1
    assert "data download" in capsys.readouterr().err


def test_an_unknown_data_set_is_one_line_not_a_traceback(capsys):
    assert main(["train", "--data", "imagenet"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "planted-mini" in error and error.count("\n") == 1


def test_module_entry_point_lists_the_commands():
    done = subprocess.run([sys.executable, "-m", "vscg", "--help"], capture_output=True, text=True, check=True)
    assert all(command in done.stdout for command in ("data", "train", "runs"))
