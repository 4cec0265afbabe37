"""The commands, as a reader types them."""
import errno
import io
import json
import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest
import torch
from torch import nn

from tests.tables import MINI, fill
from vscg import cli
from vscg.cli import main
from vscg.data.labels import Dims
from vscg.data.planted import generate
from vscg.errors import VscgError
from vscg.study.runs import book_configs
from vscg.training import records
from vscg.training.config import RunConfig
from vscg.training.records import Record, record_json
from vscg.training.sweep import Failure, Sweep, unique_runs


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Every command works in a folder of its own."""
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    return tmp_path


def test_train_prints_its_result_and_the_second_time_loads_it(tmp_path, capsys):
    data = generate(tmp_path / "tiny.h5", train=16, val=4, test=4, background=2)
    command = ["train", "--data", str(data), "--device", "cpu"]
    assert main(command) == 0
    first = capsys.readouterr().out
    assert main(command) == 0
    second = capsys.readouterr().out
    assert "trained now" in first and "loaded" in second
    assert first.splitlines()[1] == second.splitlines()[1]
    assert re.search(r"test accuracy [\d.]+% \(95% interval [\d.]+ to [\d.]+; [\d.]+% in seconds of an event, "
                     r"[\d.]+% in seconds of background\)", first) and ", data " in first
    assert main(["runs"]) == 0
    assert "VSCG, fully supervised" in capsys.readouterr().out


def test_prepare_official_files(official_folder, tmp_path, capsys):
    folder = official_folder(6)
    assert main(["data", "prepare", str(folder), "-o", str(tmp_path / "out.h5")]) == 0
    assert (tmp_path / "out.h5").is_file()
    assert main(["data", "prepare", str(tmp_path), "-o", str(tmp_path / "other.h5")]) == 1
    assert "data download" in capsys.readouterr().err
    (tmp_path / "clip.npz").touch()                        # a folder of features of one's own
    assert main(["data", "prepare", str(tmp_path), "-o", str(tmp_path / "other.h5")]) == 1
    assert "need their tables: --annotations" in capsys.readouterr().err


@pytest.mark.parametrize("command, word", [
    ("sweep --tables II", "table 'II' is unknown"), ("sweep --tables VI --seeds 0", "seeds is 0"),
    ("sweep --tables VI --data imagenet", "imagenet"), ("sweep --tables VI --data tiny.h5 --workers 0", "workers is 0"),
    ("sweep --tables III --seeds -1", "seeds is -1"), ("train --data imagenet", "planted-mini"),
    ("sweep --systems cman --tables VI", "no run of the tables VI is of cman: name other tables or systems"),
    ("data prepare tiny.h5", "tiny.h5: features of one's own need their tables: --annotations TRAIN VAL TEST"),
    ("data compare tiny.h5 .", ".: is a folder; name a file"),
    ("sweep --tables VI --scheduler ''", "scheduler '' is no address"),
    ("data plant no.h5 --seed -1", "seed is -1: give a whole number from 0")])
def test_what_cannot_begin_says_so_in_one_line(command, word, home, capsys, monkeypatch):
    monkeypatch.chdir(home)
    generate(home / "tiny.h5", train=1, val=1, test=1, background=1)
    capsys.readouterr()                                    # its progress
    assert main(shlex.split(command)) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and word in error and error.count("\n") == 1
    assert not (home / "runs").exists() and not (home / "no.h5").exists()


def test_sweep_passes_on_what_was_asked_and_tells_what_came_of_it(monkeypatch, capsys):
    config = RunConfig(system="avel", data="tiny").resolve()
    failure = Failure(Path("runs/key"), config, "VscgError: The loss is not finite")
    records = [Record(Path("runs") / name, {}, fresh=fresh) for name, fresh in (("a", True), ("b", False), ("c", True))]
    asked = []

    def fake(configs, **options):
        asked.append((list(configs), options))
        return Sweep(tuple(records), (failure,) if len(asked) == 1 else ())

    monkeypatch.setattr(cli, "sweep", fake)
    command = ["sweep", "--tables", "VI,IV", "--data", "planted-mini", "--profile", "standard", "--seeds", "2",
               "--workers", "3", "--device", "cpu", "--protocol", "released"]
    assert main(command) == 1                                      # something failed
    out, err = capsys.readouterr()
    assert out == "3 runs are there, 2 of them trained now, 1 failed\n"
    assert err.startswith("failed: AVEL, fully supervised, tiny, quick, seed 0: VscgError: The loss is not finite")
    assert "failure.json" in err and err.count("\n") == 1
    runs = unique_runs(book_configs("VI,IV", data="planted-mini", profile="standard", seeds=2, protocol="released"))
    assert asked == [(list(runs.values()), {"workers": 3, "device": "cpu", "scheduler": None})]
    runs = unique_runs(book_configs(data="planted-mini", profile="quick"))
    assert main(["sweep"]) == main(["sweep", "--fresh"]) == 0
    assert [configs for configs, _ in asked[1:]] == [[], list(runs.values())], "what came with the book is not trained"
    assert capsys.readouterr() == (f"{len(runs)} runs came with the book, beside those counted below; --fresh trains "
                                   "them here too\n"
                                   + 2 * "3 runs are there, 2 of them trained now, 0 failed\n", "")


def test_deviations_trains_its_runs_and_writes_the_study_only_if_none_failed(monkeypatch, capsys):
    config = RunConfig(system="avel", data="tiny")
    asked, written, failures = [], [], [Failure(Path("runs/key"), config.resolve(), "VscgError: no")]

    def fake(configs, **options):
        asked.append((list(configs), options))
        return Sweep((), tuple(failures))

    monkeypatch.setattr(cli, "sweep", fake)
    monkeypatch.setattr(cli, "deviation_configs", lambda: [config])        # the real ones plant the data set first
    monkeypatch.setattr(cli, "write_study", lambda: written.append(1) or Path("study.json"))
    assert main(["deviations", "--workers", "3", "--device", "cpu"]) == 1
    out, err = capsys.readouterr()
    assert not written and "1 failed" in out and err.startswith("failed: AVEL") and err.count("\n") == 1
    failures.clear()
    assert main(["deviations", "--scheduler", "local:2"]) == 0
    assert written == [1] and capsys.readouterr().out.splitlines()[-1] == "study.json"
    assert asked == [([config], {"workers": 3, "device": "cpu", "scheduler": None}),
                     ([config], {"workers": None, "device": None, "scheduler": "local:2"})]


def test_ship_is_about_the_systems_that_are_named(home, capsys):
    """Without the runs of the chapters, which are VSCG's."""
    assert main(["ship", "--systems", "cmra"]) == 0 and capsys.readouterr().out.startswith("0 of the 2 runs")
    assert main(["ship", "--systems", "dmrn"]) == 1 and "no run of the tables all is of dmrn" in capsys.readouterr().err


def test_ship_and_verify_are_about_the_runs_that_are_here(home, monkeypatch, capsys):
    fill(home / "runs", MINI, "VI")
    monkeypatch.setattr(records, "records_dir", lambda: home)
    keys = {path.name: RunConfig(data=f"draw {at}") for at, path in enumerate((home / "runs").iterdir())}
    monkeypatch.setattr(cli, "unique_runs", lambda configs: keys | dict.fromkeys("absent", RunConfig()))
    seen = []
    monkeypatch.setattr(cli, "load_dataset", lambda name: name)
    monkeypatch.setattr(cli, "observe", lambda record, data: seen.append((record.key, data)) or record)
    assert main(["ship", "--tables", "VI", "--profile", "standard"]) == 0
    assert sorted(seen) == sorted((key, config.data) for key, config in keys.items()), "each with its own data set"
    assert capsys.readouterr().out.startswith(f"3 of the 9 runs are finished here and now in {home}")
    assert {path.stem for path in (home / "runs").glob("*.zip")} == set(keys)
    asked, numbers = [], pd.DataFrame({"epoch": [1], "loss": [0.25]})
    monkeypatch.setattr(cli, "verify", lambda record, dataset, device: asked.append(
        (record.key, record.shipped, dataset, device)) or (numbers, not asked[1:]))
    key = next(iter(keys))
    for word in ("are the same bit for bit", "are others: another device, processor"):
        assert main(["verify", key, "--device", "cpu"]) == 0
        printed = capsys.readouterr().out
        assert "shipped record" in printed and "0.25" in printed and word in printed
        assert "a processor that it does not name; here on cpu, " in printed
    assert asked == [(key, True, None, "cpu")] * 2, "`verify` loads the data set by its name"
    assert main(["verify", "absent"]) == 1 and "no run of this key" in capsys.readouterr().err
    record = records.record_of(key)
    clips = replace(record, values={**record.values, "config": {**record.values["config"], "data": "composed"}})
    monkeypatch.setattr(cli, "record_of", lambda key: clips)
    monkeypatch.setattr(cli.composed, "load", lambda: "the clips")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)        # a record of a CPU is made on one
    assert main(["verify", key]) == 0 and asked[-1][2:] == ("the clips", "cpu")


def test_an_interrupted_command_ends_with_130_and_says_how_to_go_on(monkeypatch, capsys):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "sweep", interrupted)
    monkeypatch.setattr(cli, "fit", interrupted)
    for command in (["sweep"], ["train"]):
        assert main(command) == 130
        out, err = capsys.readouterr()
        assert not out and "the same command goes on" in err and err.count("\n") == 1


@pytest.fixture
def handled():
    """SIGHUP as a terminal's commands have it, whatever these tests were started with."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_being_ended_is_as_orderly_as_ctrl_c_with_a_status_of_its_own(number, status, monkeypatch, capsys, handled):
    monkeypatch.setattr(cli, "sweep", lambda *args, **options: os.kill(os.getpid(), number))
    assert main(["sweep"]) == status and signal.getsignal(number) is signal.SIG_DFL
    assert "the same command goes on" in capsys.readouterr().err


def test_a_hang_up_under_nohup_is_not_heeded(monkeypatch, handled):
    found = []

    def fake(*args, **options):
        os.kill(os.getpid(), signal.SIGHUP)
        found.append(signal.getsignal(signal.SIGHUP))
        return Sweep((), ())

    monkeypatch.setattr(cli, "sweep", fake)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert main(["sweep"]) == 0 and found == [signal.SIG_IGN]


def test_closed_streams_do_not_keep_a_command_from_its_work(home):
    generate(home / "tiny.h5", train=1, val=1, test=1, background=1)
    command = shlex.join([sys.executable, "-m", "vscg", "data", "check", str(home / "tiny.h5")])
    for closed in ("1>&-", "2>&-", "0<&- 1>&- 2>&-"):
        assert subprocess.run(["sh", "-c", f"{command} {closed}"], capture_output=True).returncode == 0


def test_without_streams_no_file_stands_where_c_libraries_write(home):
    script = home / "closed.py"
    script.write_text("""
import os, sys
from vscg import cli
def opened(args):
    with open(sys.argv[1], "wb") as file:
        os.write(2, b"a warning of a C library")
        os._exit(file.fileno() <= 2)
cli._runs = opened
cli.main(["runs"])
""")
    command = shlex.join([sys.executable, str(script), str(home / "data.h5")])
    assert subprocess.run(["sh", "-c", f"{command} 0<&- 1>&- 2>&-"]).returncode == 0
    assert not (home / "data.h5").read_bytes()


def test_a_hang_up_whose_terminal_is_gone_still_has_its_status(monkeypatch, handled):
    class Gone(io.TextIOWrapper):
        def write(self, text):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(cli, "sweep", lambda *args, **options: os.kill(os.getpid(), signal.SIGHUP))
    with open(os.devnull, "wb") as file:
        monkeypatch.setattr(sys, "stderr", Gone(file))
        assert main(["sweep"]) == 129


def test_a_sweep_of_some_systems_and_of_an_unknown_one(monkeypatch):
    asked = []
    monkeypatch.setattr(cli, "sweep", lambda configs, **options: asked.append(list(configs)) or Sweep((), ()))
    assert main(["sweep", "--tables", "VI,IV", "--systems", "psp,vscg", "--data", "planted-mini", "--fresh"]) == 0
    runs = unique_runs(book_configs("VI,IV", data="planted-mini", profile="quick", systems="psp,vscg"))
    assert asked == [list(runs.values())] and len(asked[0]) == 5
    with pytest.raises(VscgError, match="system 'vscgg'"):
        book_configs(data="planted-mini", profile="quick", systems="psp,vscgg")


def test_download_fetches_what_is_asked_for(monkeypatch, capsys):
    for kind in ("small", "features", "clips"):
        monkeypatch.setattr(cli, f"download_{kind}", lambda folder, kind=kind: [f"{kind} in {folder}"])
    for option, said in (([], "small in f"), (["--features"], "small in f\nfeatures in f"),
                         (["--clips"], f"clips in f/clips\n{cli.MIRROR_LACKS}")):
        assert main(["data", "download", "f", *option]) == 0 and capsys.readouterr().out == f"{said}\n"


def full() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def left() -> int:
    """A pipe whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("output, status, shown", [
    pytest.param(full, 1, "error: output: the system refuses (No space left on device)", marks=pytest.mark.skipif(
        not Path("/dev/full").exists(), reason="no /dev/full here")), (left, 141, "")])
def test_an_output_that_takes_nothing(output, status, shown, home):
    """Said once, or not at all where a reader such as `head` has left; nothing by the interpreter at its end."""
    data = generate(home / "tiny.h5", train=2, val=1, test=1, background=0)
    with open(output(), "wb") as file:
        done = subprocess.run([sys.executable, "-m", "vscg", "data", "check", str(data)], stdout=file,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode == status and done.stderr.startswith(shown) and done.stderr.count("\n") == bool(shown)


@pytest.mark.parametrize("name", ["-0123abcDEF.mp4", "-oNAME.mp4", "--pads.mp4", "-1.mp4", "-"])
def test_names_that_begin_with_a_dash(name, home, monkeypatch, capsys):
    """1,030 of AVE's 4,143 rows have a video of such a name."""
    asked = []
    monkeypatch.chdir(home)
    monkeypatch.setattr(cli, "result_files", lambda clip, folder: asked.append((str(clip), str(folder))))
    monkeypatch.setattr(cli, "extract", lambda folder, target, **options: SimpleNamespace(
        skipped=asked.append(str(folder))))
    monkeypatch.setattr(cli, "check", lambda path: asked.append(str(path)))
    for form in (name, f"./{name}"):
        try:
            assert main(["predict", form, "--checkpoint", "x"]) == 1
        except SystemExit as stopped:
            assert stopped.code == 2
        assert name in capsys.readouterr().err, "an absent clip is named"
    (home / name).touch()
    assert main(["predict", name, "--checkpoint", "x", "-o", "out"]) == 1 and main(["data", "check", name]) == 0
    (home / name).unlink()
    (home / name).mkdir()
    assert main(["extract", name]) == 0
    assert asked == [(name, "out"), name, name]


@pytest.mark.parametrize("error, word", [
    (MemoryError(), "not enough memory ("), (torch.OutOfMemoryError("CUDA out\nof memory"), "not enough memory ("),
    (RuntimeError("[enforce] DefaultCPUAllocator: can't allocate memory: you tried\n"), "not enough memory ("),
    (OSError(36, "File name too long", "x"), "x: the system refuses (File name too long)")])
def test_what_memory_and_system_refuse_is_one_line(error, word, home, monkeypatch, capsys):
    monkeypatch.setattr(cli, "check", lambda path: (_ for _ in ()).throw(error))
    assert main(["data", "check", str(home)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {word}") and said.count("\n") == 1


@pytest.mark.parametrize("options", [["--system", "psp"], ["--setting", "fully"]])
def test_a_run_knows_its_own_system(home, options, capsys):
    (home / "runs" / "key").mkdir(parents=True)
    for checkpoint in ("key", str(home / "runs" / "key")):
        assert main(["predict", "clip.mp4", "--checkpoint", checkpoint, *options]) == 1
        assert capsys.readouterr().err == (f"error: {checkpoint}: a run knows its own system and setting; leave out "
                                           f"{options[0]}\n")


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
    assert main(["train", "--device", "cpu", *(word for name, value in choices.items()
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
    assert main(command.split()) == 1
    (found, named), = given
    assert list(map(str, found)) == arguments
    assert {key: value if type(value) in (bool, int, float) else str(value) for key, value in named.items()} == options


def test_predict_hands_on_its_folders_and_padding(tmp_path, monkeypatch):
    seen, networks = {}, SimpleNamespace(visual=nn.Linear(1, 1))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.mp4").touch()
    monkeypatch.setattr(cli, "load_checkpoint", lambda key, **how: (
        SimpleNamespace(to=lambda device: "model", dims=Dims(audio=768, visual=768)), "t"))
    monkeypatch.setattr(cli, "load_networks",
                        lambda weights, **how: seen.update(weights=str(weights), **how) or networks)
    monkeypatch.setattr(cli, "watch", lambda clip, model, networks, pad: seen.update(pad=pad) or [])
    monkeypatch.setattr(cli, "write_results", lambda clip, watched, out, title: seen.update(output=str(out)) or [])
    command = "predict c.mp4 --checkpoint k --pad --weights w --device cpu -o out --visual clip --audio ast"
    assert main(command.split()) == 0
    assert seen == {"weights": "w", "device": "cpu", "pad": True, "output": "out", "visual": "clip", "audio": "ast"}


def test_plant_check_and_their_errors(tmp_path, capsys):
    assert main(["data", "plant", str(tmp_path / "no.h5"), "--ambiguity", "2"]) == 1
    assert "ambiguity" in capsys.readouterr().err
    data = generate(tmp_path / "tiny.h5", train=4, val=2, test=2, background=1)
    assert main(["data", "check", str(data)]) == 0
    out = capsys.readouterr().out
    assert "9 clips (" in out and "no fault found" in out
    assert main(["data", "check", str(tmp_path / "absent.h5")]) == 1
    assert "absent.h5" in capsys.readouterr().err


def test_ctrl_c_during_the_imports_is_no_traceback(monkeypatch):
    class Interrupting(ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "vscg.cli", Interrupting("vscg.cli"))
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("vscg", run_name="__main__")
    assert stopped.value.code == 130


def test_predict_looks_at_the_clip_and_its_target_before_it_downloads_weights(home, monkeypatch, capsys):
    monkeypatch.setattr(cli, "load_networks", None)
    monkeypatch.setattr(cli, "load_checkpoint", None)
    assert main(["predict", str(home / "absent.mp4"), "--checkpoint", "a"]) == 1
    assert capsys.readouterr().err == f"error: {home / 'absent.mp4'}: no such file\n"
    (home / "clip.mp4").touch()
    assert main(["predict", str(home / "clip.mp4"), "--checkpoint", "a", "-o", str(home / "clip.mp4" / "out")]) == 1
    assert "out: cannot be written (Not a directory)" in capsys.readouterr().err


def test_an_absent_name_with_a_dash_is_named_with_the_way_out(home, capsys):
    for words, name in (("predict -0123.mp4 --checkpoint x", "-0123.mp4"), ("data plant -x.h5", "-x.h5"),
                        ("data prepare ave -o -x.h5", "-x.h5"), ("data check --x.h5", "--x.h5")):
        with pytest.raises(SystemExit):
            main(words.split())
        error = capsys.readouterr().err
        assert f"if {name} is a file or folder, write ./{name}" in error and error.count(" is a file or folder") == 1
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert "write ./-name in place of -name" in " ".join(shown.split())
    assert all(command in shown for command in ("data", "train", "sweep", "runs"))


def test_runs_lists_the_rest_beside_a_record_of_another_version(home, capsys):
    fill(home / "runs", MINI, "VI")
    path = next((home / "runs").glob("*/record.json"))
    values = json.loads(path.read_text())
    path.write_bytes(record_json(values | {"config": values["config"] | {"momentum": 0.9}}))
    assert main(["runs"]) == 0
    out, err = capsys.readouterr()
    assert out.count(": loaded (run") == 2 and err.count("\n") == 1 and "is of another version of the package" in err


def test_train_prints_the_accuracy_of_the_test_clips(monkeypatch, capsys):
    kinds = {"event_accuracy": 0.75, "background_accuracy": None}
    result = {"epoch": 2, "val": {"accuracy": 0.25, "accuracy_interval": [0.2, 0.3], **kinds},
              "test": {"accuracy": 0.5, "accuracy_interval": [0.4, 0.6], **kinds}}
    record = SimpleNamespace(result=result, config=RunConfig().resolve(), describe=lambda: "a run")
    monkeypatch.setattr(cli, "fit", lambda config, device: record)
    assert cli.main(["train"]) == 0
    assert capsys.readouterr().out == ("a run\ntest accuracy 50.0% (95% interval 40.0 to 60.0; 75.0% in seconds "
                                       "of an event), picked by validation accuracy at epoch 2\n")


def test_runs_shows_the_accuracy_at_the_epoch_that_it_names(home, capsys):
    fill(home / "runs", MINI, "VI")
    assert main(["runs"]) == 0
    own = [line for line in capsys.readouterr().out.splitlines() if ": loaded (run" in line]
    assert [line for line in own if line.startswith(" 80.0%, picked by validation  VSCG")]
