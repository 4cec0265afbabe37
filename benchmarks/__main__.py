"""Benchmarks: the package's training against a plain published loop, in turn, as ratios.

    python -m benchmarks step                    one optimiser step, with the roofline and each change alone
    python -m benchmarks profile                 where the time of a step goes, in both loops
    python -m benchmarks epoch                   an epoch and its evaluation
    python -m benchmarks run                     whole short runs
    python -m benchmarks scaling                 batch, clips, seeds
    python -m benchmarks step --json FILE        also keep what was measured, in a file with the other kinds

Run in the repository's root. The data are a generated stand-in in the official form, in a temporary folder.
"""
import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.kinds import KINDS, Bench
from vscg.errors import VscgError
from vscg.machine.device import cores, device_name, processor, usable_device
from vscg.machine.files import check_writable, write_atomically
from vscg.models import SETTINGS


def load() -> list[float]:
    """Programs that wanted a core, mean of the last 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def kept(path: Path) -> dict:
    """The records in a file that will be written again: none if it is not there, VscgError if it is damaged."""
    try:
        return dict(json.loads(path.read_text())) if path.is_file() else {}
    except (ValueError, TypeError) as error:
        raise VscgError(f"{path} is damaged ({error}): delete it or name another file.") from error


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--setting", choices=SETTINGS, default="fully")
    parser.add_argument("--batch", type=int, default=128, help="clips (128, as published)")
    parser.add_argument("--steps", type=int, default=2, help="steps of an epoch (2)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each arm in a session that count (5)")
    parser.add_argument("--sessions", type=int, default=3, help="how often, each time with new processes (3)")
    parser.add_argument("--epochs", type=int, default=6, help="epochs of a whole run (6)")
    parser.add_argument("--threads", type=int, default=cores(), help="of each process (all cores)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default=usable_device().type)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the record in FILE")
    args = parser.parse_args(words)
    if min(args.batch, args.steps, args.rounds, args.sessions, args.epochs, args.threads) < 1:
        parser.error("batch, steps, rounds, sessions, epochs and threads are whole numbers from 1")
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("there is no GPU here: leave --device out or say cpu")
    name, has_bf16 = processor()
    torch.set_num_threads(args.threads)
    bf16 = has_bf16 if args.device == "cpu" else torch.cuda.is_bf16_supported(including_emulation=False)
    where = device_name(torch.device(args.device))
    before = load()
    print(f"{args.kind}: VSCG {args.setting}, batch {args.batch}, {args.sessions} times {args.rounds} rounds, "
          f"threads {args.threads}; {where}, {name}; load {before[0]}", flush=True)
    measure, show = KINDS[args.kind]
    try:
        if args.json:                    # before the measurement, which would be lost
            if args.json.is_dir() or not args.json.name:
                raise VscgError(f"{args.json} is a folder: name a file for the record.")
            kept(args.json)
            check_writable(args.json)
        with tempfile.TemporaryDirectory(prefix="vscg-benchmark-") as folder:
            bench = Bench(Path(folder), bf16=bf16, **{field: getattr(args, field) for field in (
                "setting", "batch", "steps", "rounds", "sessions", "epochs", "threads", "device")})
            found = measure(bench)
        show(bench, found)
        if args.json:
            records = kept(args.json)        # anew: another kind may have been measured meanwhile
            records[args.kind] = {
                "device": where, "processor": name, "bf16": bf16, "threads": args.threads, "cores": cores(),
                "instructions": torch.backends.cpu.get_cpu_capability(), "load": {"before": before, "after": load()},
                "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
                "setting": args.setting, "batch": args.batch, "steps": args.steps, "rounds": args.rounds,
                "sessions": args.sessions, **found}
            write_atomically(args.json, (json.dumps(records) + "\n").encode())
    except VscgError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
