"""The command line: every command is one call into the package."""
import argparse
import json
import os
import signal
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch

from vscg.data.ave import REQUIRED, check, prepare_ave
from vscg.data.compare import compare
from vscg.data.download import MIRROR_LACKS, download_clips, download_features, download_small
from vscg.data.labels import AVE, GRID, SEGMENTS
from vscg.data.own import SUFFIXES, prepare_own
from vscg.data.planted import SIZES, generate
from vscg.data.sets import load_dataset
from vscg.errors import VscgError
from vscg.features import composed
from vscg.features.encoders import AUDIO, VISUAL, WIDTHS
from vscg.features.extract import extract
from vscg.features.networks import load_networks
from vscg.machine.device import device_name, processor, usable_device
from vscg.machine.files import data_dir, reason, runs_dir
from vscg.models import SETTINGS, SYSTEMS, VARIANTS
from vscg.predict import load_checkpoint, result_files, watch, write_results
from vscg.study import photographs
from vscg.study.deviations import deviation_configs
from vscg.study.effects import write_study
from vscg.study.planned import PLANNED, STUDY
from vscg.study.runs import EVERY, book_configs, chapter_configs, table_configs, to_train
from vscg.study.seen import observe
from vscg.training.config import MODALITIES, PRECISIONS, PROFILES, PROTOCOLS, SELECTIONS, RunConfig
from vscg.training.loop import fit, verify
from vscg.training.objectives import TARGETS
from vscg.training.records import find_records, read_record, record_of, ship, shipped_dir
from vscg.training.sweep import Sweep, sweep, unique_runs

NO_RUN = "no run of the tables {0.tables} is of {0.systems}: name other tables or systems"
DATA_HELP = "planted-mini, planted-study, planted, ave or a prepared file (default: %(default)s)"


def _download(args: argparse.Namespace) -> None:
    if args.clips:
        print(*download_clips(args.folder / "clips"), MIRROR_LACKS, sep="\n")
        return
    print(*download_small(args.folder), sep="\n")
    if args.features:
        print(*download_features(args.folder), sep="\n")


def _prepare(args: argparse.Namespace) -> int:
    if not args.annotations:
        own = any((args.source / kind).is_dir() for kind in ("visual", "audio")) or any(
            path.suffix in SUFFIXES for path in args.source.glob("*"))
        if args.source.is_file() or own and not any((args.source / name).is_file() for name in REQUIRED):
            raise VscgError(f"{args.source}: features of one's own need their tables: --annotations TRAIN VAL TEST, or "
                            "one table with a column split; AVE's are fetched by `python -m vscg data download "
                            "FOLDER --features`")
        print(prepare_ave(args.source, args.output or data_dir() / "ave.h5", visual_dtype=args.dtype))
        return 0
    report = prepare_own(args.source, args.annotations, args.output or data_dir() / "own.h5", args.dtype)
    print(report)
    return 1 if report.absent else 0


def _plant(args: argparse.Namespace) -> None:
    if args.seed < 0:
        raise VscgError(f"seed is {args.seed}: give a whole number from 0")
    dials = {} if args.ambiguity is None else {"ambiguity": args.ambiguity}
    print(generate(args.output, size=args.size, seed=args.seed, **dials))


def _train(args: argparse.Namespace) -> None:
    config = RunConfig(**{name: value for name, value in vars(args).items() if name not in ("run", "device")})
    record = fit(config, device=args.device)
    test = record.result["test"]
    low, high = test["accuracy_interval"]
    kinds = ", ".join(f"{100 * share:.1f}% in seconds of {what}" for what, share in
                      (("an event", test["event_accuracy"]), ("background", test["background_accuracy"]))
                      if share is not None)
    print(record.describe())
    print(f"test accuracy {100 * test['accuracy']:.1f}% (95% interval {100 * low:.1f} to {100 * high:.1f}; {kinds}), "
          f"picked by {record.config.selection} accuracy at epoch {record.result['epoch']}")


def _sweep(args: argparse.Namespace) -> int:
    configs = book_configs(args.tables, data=args.data, profile=args.profile, seeds=args.seeds, protocol=args.protocol,
                           systems=args.systems)
    if not configs:
        raise VscgError(NO_RUN.format(args))
    left = to_train(configs, args.fresh)
    done = sweep(left, workers=args.workers, device=args.device, scheduler=args.scheduler)
    if came := len(unique_runs(configs)) - len(left):
        print(f"{came} runs came with the book, beside those counted below; --fresh trains them here too")
    return _report(done)


def _deviations(args: argparse.Namespace) -> int:
    failed = _report(sweep(deviation_configs(), workers=args.workers, device=args.device, scheduler=args.scheduler))
    if not failed:
        print(write_study())
    return failed


def _report(done: Sweep) -> int:
    """Prints what a sweep left; 1 if runs failed."""
    fresh = sum(record.fresh for record in done.records)
    print(f"{len(done.records)} runs are there, {fresh} of them trained now, {len(done.failures)} failed")
    for failure in done.failures:
        print(f"failed: {failure.describe()}", file=sys.stderr)
    return 1 if done.failures else 0


def _extract(args: argparse.Namespace) -> int:
    report = extract(args.folder, args.output, pad=args.pad, device=args.device, weights=args.weights,
                     scheduler=args.scheduler, visual=args.visual, audio=args.audio)
    print(report)
    return 1 if report.skipped else 0


def _predict(args: argparse.Namespace) -> None:
    named = {name: value for name in ("system", "setting") if (value := getattr(args, name)) is not None}
    if named and any(folder.is_dir() for folder in (Path(args.checkpoint), runs_dir() / args.checkpoint)):
        raise VscgError(f"{args.checkpoint}: a run knows its own system and setting; leave out "
                        f"{' and '.join(f'--{name}' for name in named)}")
    # Before the networks' weights are downloaded, 864 MB.
    if not args.clip.is_file():
        raise VscgError(f"{args.clip}: " + ("a folder; `extract` takes one, `predict` a clip" if args.clip.is_dir()
                                            else "no such file"))
    result_files(args.clip, args.output)             # whether they can be written
    model, title = load_checkpoint(args.checkpoint, **named)
    dims = getattr(model, "dims", AVE)
    made = replace(dims, audio=WIDTHS[args.audio], visual=WIDTHS[args.visual], grid=GRID, segments=SEGMENTS)
    if dims != made:
        raise VscgError(f"this model is for other features ({dims}); {args.visual} and {args.audio} make others "
                        f"({made}): name with --visual and --audio those that made the model's training data")
    networks = load_networks(args.weights, device=args.device, visual=args.visual, audio=args.audio)
    watched = watch(args.clip, model.to(next(networks.visual.parameters()).device), networks, pad=args.pad)
    try:
        files = write_results(args.clip, watched, args.output, title)
    except BaseException as error:
        for note in getattr(error, "__notes__", ()):           # of what was found before it stopped
            print(note, file=sys.stderr)
        raise
    print(f"{args.clip}: {title}")
    for file in files:
        notes = json.loads(file.read_bytes())["notes"] if file.suffix == ".json" else []
        print(file, *(f"  {note}" for note in notes), sep="\n")


def _runs(args: argparse.Namespace) -> None:
    for store in (shipped_dir(), runs_dir()):              # one's own last, where the prompt is
        for record in find_records(store, lambda error: print(error, file=sys.stderr)):
            print(f"{100 * record.result['test']['accuracy']:5.1f}%, picked by {record.config.selection}  "
                  f"{record.describe()}")


def _ship(args: argparse.Namespace) -> None:
    chapters = chapter_configs(data=args.data, profile=args.profile) if {args.tables, args.systems} == {"all"} else []
    runs = unique_runs([*book_configs(args.tables, data=args.data, profile=args.profile, seeds=args.seeds,
                                      protocol=args.protocol, systems=args.systems), *chapters])
    if not runs:
        raise VscgError(NO_RUN.format(args))
    # Chapters look into these; of the plan's runs, with a thousand test clips each, that would be too much to ship.
    seen = {} if args.data == STUDY else unique_runs([*table_configs(
        "I", data=args.data, profile=args.profile, seeds=args.seeds, protocol=args.protocol), *chapters])
    data = lru_cache(1)(load_dataset)
    files = ship(observe(record, data(config.data)) if key in seen else record
                 for key, config in runs.items() if (record := read_record(runs_dir() / key)))
    print(f"{len(files)} of the {len(runs)} runs are finished here and now in {shipped_dir()}, "
          f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB")


def _verify(args: argparse.Namespace) -> None:
    record = record_of(args.key)
    print(record.describe())
    device = args.device or ("cpu" if record.values["device"].startswith("CPU") else None)
    there = record.values.get("processor", "a processor that it does not name")
    here = device_name(on) if (on := usable_device(device)).type == "cuda" else "cpu"
    print(f"trained on {record.values['device']}, {there}; here on {here}, {processor()[0]}")
    # Composed clips are no data set that others name: they serve one chapter.
    dataset = composed.load() if record.config.data == photographs.DATA else None
    table, same = verify(record, dataset=dataset, device=device)
    print(table.to_string(index=False))
    print("the weights are the same bit for bit" if same else
          "the weights are others: another device, processor, torch or code adds in another order. The loss of a step "
          "then differs in about the seventh digit; training makes that grow, to a per cent within an epoch, and runs "
          "may end as far apart as those of two seeds")


class _Parser(argparse.ArgumentParser):
    """Takes what begins with a dash for a path where one of that name is there: a quarter of AVE's clips have such."""

    given: list[str] = []

    def parse_args(self, arguments: list[str] | None = None) -> argparse.Namespace:
        given = sys.argv[1:] if arguments is None else arguments
        _Parser.given = [f"./{word}" if word[0:1] == "-" and len(word) > 2 and os.path.lexists(word) else word
                         for word in given]
        return super().parse_args(_Parser.given)

    def error(self, message: str) -> None:
        names = [word for word in _Parser.given
                 if word[0:1] == "-" and len(word) > 2 and (word[1] != "-" or "." in word) and "=" not in word]
        super().error(message + "".join(f"; if {word} is a file or folder, write ./{word}" for word in names))


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = _Parser(prog="python -m vscg", description="Audio-visual event localisation with VSCG.",
                  epilog="A name that begins with a dash is taken for an option unless such a file is there: write "
                         "./-name in place of -name.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    _data_commands(commands)
    device = argparse.ArgumentParser(add_help=False)
    device.add_argument("--device", choices=("cpu", "cuda"), help="default: the GPU where there is one")
    command = commands.add_parser("train", parents=[device], help="train one run, or load it if it exists")
    for name, choices in (("system", SYSTEMS), ("setting", SETTINGS), ("variant", VARIANTS), ("profile", PROFILES),
                          ("protocol", PROTOCOLS), ("selection", SELECTIONS), ("target", TARGETS),
                          ("modality", MODALITIES), ("precision", PRECISIONS)):
        usual = getattr(RunConfig, name)
        command.add_argument(f"--{name}", choices=tuple(choices), default=usual,
                             help="default: %(default)s" if usual else "default: the protocol's")
    command.add_argument("--data", default=RunConfig.data, help=DATA_HELP)
    command.add_argument("--seed", type=int, default=RunConfig.seed,
                         help="of weights, batches and dropout (default: %(default)s)")
    command.set_defaults(run=_train)
    cluster = argparse.ArgumentParser(add_help=False)      # of the commands that have many things to do
    cluster.add_argument("--scheduler", metavar="ADDRESS", help="work on a Dask cluster: tcp://host:port of its "
                         "scheduler, or local:N for N processes on this machine")
    many = argparse.ArgumentParser(add_help=False, parents=[device])         # of the commands that train many runs
    many.add_argument("--workers", type=int, help="runs at a time; default: as cores and memory allow, one on a GPU")
    tables = argparse.ArgumentParser(add_help=False)       # of the commands that are about the tables' runs
    tables.add_argument("--tables", default="all",
                        help=f"all, or some of {', '.join(EVERY)}, separated by commas (default: "
                        "%(default)s, without those that are the plan's alone, whose data, profile and protocol are "
                        "the plan's: " + ", ".join(PLANNED) + ")")
    tables.add_argument("--systems", default="all", help="runs of these alone, separated by commas, such as "
                        "vscg,psp,avel (default: all)")
    tables.add_argument("--profile", choices=tuple(PROFILES), default=RunConfig.profile, help="default: %(default)s")
    tables.add_argument("--data", default=RunConfig.data, help=DATA_HELP)
    tables.add_argument("--seeds", type=int, help="default: the profile's number; tables with a number of their own "
                        "keep it")
    tables.add_argument("--protocol", choices=PROTOCOLS, default=RunConfig.protocol,
                        help="released: with the faults of the published programs (default: %(default)s)")
    command = commands.add_parser("sweep", parents=[tables, many, cluster],
                                  help="train the runs that the tables need, those that are missing")
    command.add_argument("--fresh", action="store_true", help="those too that came with the book")
    command.set_defaults(run=_sweep)
    commands.add_parser("deviations", parents=[many, cluster], help="train what the study of deviations needs, and "
                        "write book/records/deviations.json").set_defaults(run=_deviations)
    _clip_commands(commands, device, cluster)
    commands.add_parser("runs", help="list the finished runs, also those that came with the book").set_defaults(
        run=_runs)
    commands.add_parser("ship", parents=[tables], help="put the tables' finished runs, without weights, to the records "
                        "that come with the book").set_defaults(run=_ship)
    command = commands.add_parser("verify", help="train a finished run anew, the book's or one's own, and "
                                  "compare epochs")
    command.add_argument("--device", choices=("cpu", "cuda"),
                         help="default: the CPU for a run from a CPU, else the GPU where there is one")
    command.add_argument("key", help="as `runs` shows it")
    command.set_defaults(run=_verify)
    return top


def _data_commands(commands: argparse._SubParsersAction) -> None:
    """The actions of `data`."""
    data = commands.add_parser("data", help="download, prepare, check, compare or plant a data set").add_subparsers(
        required=True, metavar="ACTION")
    command = data.add_parser("download", help="the official AVE files, with resume and checksums")
    command.add_argument("folder", type=Path, nargs="?", default=data_dir() / "ave", help="default: %(default)s")
    more = command.add_mutually_exclusive_group()
    more.add_argument("--features", action="store_true", help="also the features, 8 GB, from Google Drive")
    more.add_argument("--clips", action="store_true", help="the raw clips in place of the files, from a public "
                      "mirror, into FOLDER/clips")
    command.set_defaults(run=_download)
    command = data.add_parser("prepare", help="official AVE files, or features of one's own, to one prepared HDF5 file")
    command.add_argument("source", type=Path, help="where the official files are; with --annotations the folder of "
                         "the clips' arrays, visual/ID.npy and audio/ID.npy, or ID.npz or ID.h5 with both, or what "
                         "extract wrote")
    command.add_argument("--annotations", type=Path, nargs="+", metavar="TABLE", help="of features of one's own: a "
                         "table with a column split, or three, of the training, validation and test clips; in the form "
                         "of AVE, or with onset and offset, or with zeros and ones for the segments")
    command.add_argument("-o", "--output", type=Path,
                         help=f"default: {data_dir() / 'ave.h5'}, or own.h5 there".replace("%", "%%"))
    command.add_argument("--dtype", choices=("float16", "float32"), default="float16", help="of the visual features")
    command.set_defaults(run=_prepare)
    command = data.add_parser("check", help="check a prepared file or a folder of official files")
    command.add_argument("path", type=Path, help="the file or folder")
    command.set_defaults(run=lambda args: print(check(args.path)))
    command = data.add_parser("compare", help="two feature files of the same clips side by side, with the usual causes "
                              "of a difference")
    command.add_argument("first", type=Path, help="a prepared file or one in the official form, the trusted one")
    command.add_argument("second", type=Path, help="the one to be judged, in the same form")
    command.add_argument("--annotations", type=Path, help="Annotations.txt, for files without labels")
    command.set_defaults(run=lambda args: print(compare(args.first, args.second, args.annotations)))
    command = data.add_parser("plant", help="generate a planted data set")
    command.add_argument("output", type=Path, help="prepared file to write")
    clips = {size: dials.train + dials.val + dials.test + dials.background for size, dials in SIZES.items()}
    command.add_argument("--size", choices=tuple(SIZES), default="mini", help="clips: " + ", ".join(
        f"{size} {count:,}" for size, count in clips.items()) + " (default: %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="of all that is drawn, from 0 (default: %(default)s)")
    command.add_argument("--ambiguity", type=float, help="0 to 1: how often a second loses its class evidence")
    command.set_defaults(run=_plant)


def _clip_commands(commands: argparse._SubParsersAction, device: argparse.ArgumentParser,
                   cluster: argparse.ArgumentParser) -> None:
    """`extract` and `predict`; the two parsers have the options that other commands have too."""
    media = argparse.ArgumentParser(add_help=False, parents=[device])        # of the commands that read media files
    media.add_argument("--pad", action="store_true", help="fill up clips and remainders shorter than ten seconds")
    media.add_argument("--visual", choices=tuple(VISUAL), default="vgg19", help="encoder of the pictures (default: "
                       "%(default)s); clip needs the extra vscg[encoders]")
    media.add_argument("--audio", choices=tuple(AUDIO), default="vggish", help="encoder of the sound (default: "
                       "%(default)s); ast needs it too")
    media.add_argument("--weights", type=Path,
                       help="folder of the weights, but for those of clip and ast; default: data/weights")
    command = commands.add_parser("extract", parents=[media, cluster],
                                  help="the features of a folder of clips, as one file")
    command.add_argument("folder", type=Path, help="of the clips; folders inside it are left out")
    command.add_argument("-o", "--output", type=Path, default=data_dir() / "clips.h5",
                         help="prepared file to write, default: %(default)s")
    command.set_defaults(run=_extract)
    command = commands.add_parser("predict", parents=[media],
                                  help="what a trained model makes of a clip: timeline, JSON, video of its attention")
    command.add_argument("clip", type=Path, help="a media file with picture and sound")
    command.add_argument("--checkpoint", required=True, help="a run's key or folder, or a published checkpoint's file")
    command.add_argument("--system", choices=SYSTEMS, help="of a published checkpoint, default: vscg")
    command.add_argument("--setting", choices=SETTINGS, help="of a published checkpoint, default: fully")
    command.add_argument("-o", "--output", type=Path, default=Path("predictions"), help="folder, default: %(default)s")
    command.set_defaults(run=_predict)


class Terminated(KeyboardInterrupt):
    """SIGTERM, or SIGHUP of a terminal that is closed, which end a command in the same orderly way as Ctrl-C."""


def _terminate(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)      # a terminal that is closed sends two; `main` puts the handler back
    raise Terminated(number)


def main(arguments: list[str] | None = None) -> int:
    """Run one command: 0 done, 1 bad input or failed runs, 130 interrupted, 143 by SIGTERM, 129 by SIGHUP, 141 unread.

    A wrong command line is argparse's `SystemExit` with 2.
    """
    before = {number: signal.signal(number, _terminate) for number in (signal.SIGTERM, signal.SIGHUP)
              if signal.getsignal(number) != signal.SIG_IGN}              # as under nohup
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:   # else a data file gets what C libraries write to stderr
        pass
    os.close(spare)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:                      # it was closed, as some services start their programs
            setattr(sys, name, open(os.devnull, "w"))
    for stream in (sys.stdout, sys.stderr):                 # a file's name may have bytes that are no text
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        args = parser().parse_args(arguments)
        status = args.run(args) or 0
        sys.stdout.flush()                # what cannot be written is an error here, not at the interpreter's end
        return status
    except VscgError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        return _refused(error)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and "t allocate memory" not in str(error):
            raise
        print(f"error: not enough memory ({reason(error)}); close other programs, or do the same on a larger machine; "
              "what is finished stays", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        try:
            print("interrupted; the same command goes on from what it has saved, or begins anew", file=sys.stderr)
        except OSError:                   # the terminal is gone, and at its end the interpreter would write again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
        return 128 + error.args[0] if isinstance(error, Terminated) else 130
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refused(error: OSError) -> int:
    """Says what the system refused, a path or the output; in silence if the output's reader has left."""
    try:
        sys.stdout.flush()
    except OSError:                       # it is the output, and at its end the interpreter would try again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 141
    print(f"error: {error.filename or 'output'}: the system refuses ({reason(error)}); mend that, or name another "
          "place, then do the same again", file=sys.stderr)
    return 1
