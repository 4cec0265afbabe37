"""The benchmarks: which arms take turns at what, and the lines that are printed about it."""
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks import standin
from benchmarks.arms import ARMS, SINGLE
from benchmarks.roofline import step_cost
from benchmarks.turns import take_turns
from vscg.machine import graphs
from vscg.study.speed import BASE, OURS, profile_table, ratios, roofline

MAIN = (BASE, "published again", OURS)


@dataclass(frozen=True)
class Bench:
    """What all benchmarks share. `folder` is for the stand-in data."""

    folder: Path
    setting: str
    batch: int
    steps: int                   # of an epoch
    rounds: int                  # of a session
    sessions: int                # of new processes
    epochs: int                  # of a whole run; the published loop evaluates after the last one
    threads: int
    device: str
    bf16: bool                   # the device computes in bf16

    def data(self, train: int | None = None) -> standin.StandIn:
        train = train or self.batch * self.steps
        folder = self.folder / f"{train}"
        return standin.StandIn(folder) if folder.is_dir() else standin.make(folder, train)

    def job(self, work: str, data: standin.StandIn, threads: int | None = None, **config) -> dict:
        return {"work": work, "folder": str(data.folder), "threads": threads or self.threads, "device": self.device,
                "config": {"setting": self.setting, "batch": self.batch, "epochs": 10**6} | config}

    @property
    def warm(self) -> int:
        """Turns that are not counted: on a GPU up to the one in which the package records its step."""
        return graphs.WARM_UP + 1 if self.device == "cuda" else 2

    def turns(self, arms: tuple[str, ...], job: dict) -> list[dict]:
        return take_turns({arm: [(arm, job)] for arm in arms}, self.rounds, self.warm, self.sessions)


def step(bench: Bench) -> dict:
    """Time of a step: both loops with a second published one and the machine's own speed, then each change alone."""
    job = bench.job("steps", bench.data())
    main = take_turns({**{arm: [(arm, job)] for arm in MAIN},
                       "machine": [(OURS, job | {"work": "machine"})]}, bench.rounds, bench.warm, bench.sessions)
    groups = {"main": main}
    singles = [*SINGLE, *(["bf16", "vscg bf16"] if bench.bf16 else []),
               *(["vscg no graph", "vscg tf32"] if bench.device == "cuda" else [])]
    for arm in singles:
        groups[arm] = bench.turns((BASE, arm), job)
    return {"groups": groups, "cost": step_cost(bench.setting)}


def print_step(bench: Bench, found: dict) -> None:
    print(f"{'arm':16} {'times faster':>22}  {'by CPU time':>12} {'s a step':>9} {'page faults':>12} {'peak MiB':>9}")
    for name, rows in found["groups"].items():
        arms = [arm for arm in ARMS if arm in set(pd.DataFrame(rows)["arm"])]
        wall, cpu = ratios(rows), ratios(rows, what="cpu_seconds")
        for arm in arms if name == "main" else arms[1:]:
            mine = pd.DataFrame([row for row in rows if row["arm"] == arm])
            first = f"{'1':>22}  {'1':>12}" if arm == BASE else f"{interval(wall.loc[arm]):>22}  " \
                f"{cpu.loc[arm, 'median']:12.2f}"
            print(f"{arm:16} {first} {mine['seconds'].median():9.3f} {mine['page_faults'].median():12,.0f} "
                  f"{mine['peak_host'].max() / 2**20:9,.0f}   {ARMS[arm].words}")
    at = roofline({**found, "batch": bench.batch})
    print(f"a step: {at['flops'] / 1e9:.1f} GFLOP ({at['lstm_flops'] / 1e9:.1f} of them in LSTMs, by formula), "
          f"{at['bytes'] / 1e9:.1f} GB if nothing stays in a cache")
    print(f"at best: {at['product'] / 1e9:.0f} GFLOP/s in torch's product for AGVA, copy {at['copy'] / 1e9:.0f} GB/s")
    print(f"floor of a step: {at['flops'] / at['product']:.3f} s of arithmetic, "
          f"{at['bytes'] / at['copy']:.3f} s of memory")
    for arm in (BASE, OURS):
        print(f"{arm}: {at[arm] / 1e9:.0f} GFLOP/s, {100 * at[f'{arm}_share']:.0f}% of the speed that the product had "
              "in the same round")


def profile(bench: Bench) -> dict:
    """Where the time of a step goes, in both loops; on a GPU kernel by kernel, without recorded steps."""
    suffix = " no graph" if bench.device == "cuda" else ""
    arms = (BASE, f"vscg{suffix}", *([f"vscg bf16{suffix}"] if bench.bf16 else []))
    return {"steps": bench.steps, "rows": bench.turns(arms, bench.job("profiles", bench.data()))}


def print_profile(bench: Bench, found: dict) -> None:
    print(f"ms of a step, median; {'kernels' if bench.device == 'cuda' else 'operators'} under torch's profiler")
    print((1000 * profile_table(found)).round(1).to_string())


def epoch(bench: Bench) -> dict:
    """Time of an epoch with its evaluation of validation and test clips, and the bytes read in it."""
    data = bench.data()
    return {"clips": data.clips, "feature_bytes": data.feature_bytes,
            "rows": bench.turns(MAIN, bench.job("epochs", data))}


def print_epoch(bench: Bench, found: dict) -> None:
    print(f"{found['clips']} clips, {found['feature_bytes'] / 1e9:.2f} GB of float64 features; an epoch of "
          f"{bench.steps} steps, then validation and test")
    for what in ("seconds", "train_seconds", "evaluate_seconds"):
        for arm, row in ratios(found["rows"], what=what).iterrows():
            print(f"{arm:16} {what:17} {interval(row)} times faster")
    print_totals(found["rows"])


def print_totals(rows: list[dict]) -> None:
    """Medians of what each arm took."""
    for arm, mine in pd.DataFrame(rows).groupby("arm", sort=False):
        read = "not told" if mine["bytes_read"].isna().any() else f"{mine['bytes_read'].median() / 1e9:.3f} GB"
        host, device = (f"{mine[name].max() / 2**20:,.0f} MiB" for name in ("peak_host", "peak_device"))
        print(f"{arm:16} {mine['seconds'].median():8.2f} s, {read} read, peak {host} of host"
              + ("" if mine["peak_device"].isna().any() else f", {device} of device"))


def run(bench: Bench) -> dict:
    """Whole short runs, each in a new process: reading, epochs, evaluations, the record."""
    data, rows = bench.data(), []
    job = bench.job("runs", data, epochs=bench.epochs, first_look=bench.epochs - 1)
    for number in range(bench.sessions):
        for arm in MAIN[::-1] if number % 2 else MAIN:
            rows += [row | {"round": number} for row in take_turns({arm: [(arm, job)]}, rounds=1, warm=0)]
    return {"clips": data.clips, "feature_bytes": data.feature_bytes, "epochs": bench.epochs, "rows": rows}


def print_run(bench: Bench, found: dict) -> None:
    print(f"{found['clips']} clips, {found['epochs']} epochs; the published loop evaluates once, the package after "
          "every epoch")
    for arm, row in ratios(found["rows"]).iterrows():
        print(f"{arm:16} {interval(row)} times faster")
    print_totals(found["rows"])
    losses = {row["arm"]: row["losses"] for row in found["rows"]}
    print("largest difference of an epoch's loss, published and vscg:",
          f"{max(abs(a - b) for a, b in zip(losses[BASE], losses[OURS], strict=True)):.1e}")


def scaling(bench: Bench) -> dict:
    """How cost grows with the batch, with the clips, and with the seeds that train at the same time."""
    data, largest = bench.data(), bench.batch
    batches = {b: bench.turns((BASE, OURS), bench.job("steps", data, batch=b))
               for b in sorted({max(1, largest // d) for d in (16, 4, 1)})}
    clips = {}
    for times in (1, 2, 4):
        data = bench.data(largest * bench.steps * times)
        clips[data.clips] = bench.turns((BASE, OURS), bench.job("epochs", data))
    data = bench.data()
    teams = {f"{n}": [(OURS, bench.job("epochs", data, threads=max(1, bench.threads // n), seed=seed))
                      for seed in range(n)] for n in (1, 2, 4)}
    seeds = take_turns(teams, bench.rounds, bench.warm, bench.sessions)
    return {"batches": batches, "clips": clips, "seeds": seeds, "seed_steps": bench.steps}


def print_scaling(bench: Bench, found: dict) -> None:
    for what, unit in (("batches", "clips a batch, a step"), ("clips", "clips, an epoch with evaluation")):
        for size, rows in found[what].items():
            table = pd.DataFrame(rows).groupby("arm")[["seconds", "bytes_read"]].median()
            print(f"{size:>6} {unit}: published {table.loc[BASE, 'seconds']:.3f} s, vscg "
                  f"{table.loc[OURS, 'seconds']:.3f} s, {interval(ratios(rows).loc[OURS])} times faster")
    seeds = pd.DataFrame(found["seeds"])
    for n, mine in seeds.groupby("arm", sort=False):
        print(f"{n:>6} seeds at a time: {mine['seconds'].median() / int(n):.2f} s an epoch and seed")


def interval(row: pd.Series) -> str:
    return f"{row['median']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


KINDS = {"step": (step, print_step), "profile": (profile, print_profile), "epoch": (epoch, print_epoch),
         "run": (run, print_run), "scaling": (scaling, print_scaling)}
