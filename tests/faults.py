"""Deliberate faults of wiring: with a copy of the package that has one of them, its tests must fail.

`python -m tests.faults` tries all of them in a quarter of an hour, `python -m tests.faults avin psp` those in which one
of the words stands: a text of a file and what stands there instead. `TESTS` says which tests must notice it.

Models: streams exchanged, sums and gates left out, the wrong axis, the wrong threshold.
    models/attention: alpha = z.softmax(-1) => alpha = z.softmax(1)
    models/encoder: self.audio_lstm(audio), self.visual_lstm( => self.visual_lstm(audio), self.audio_lstm(
    models/psp: gamma * (gamma > self.threshold) => gamma * (gamma >= self.threshold)
    models/psp: return gamma / (gamma.sum(-1, keepdim=True) + 1e-8) if self.renormalise else gamma => return gamma
    models/psp: self.cut(beta.mT) @ => self.cut(beta).mT @
    models/psp: self.norm(self.dropout(self.audio_map(audio))) => self.dropout(self.norm(self.audio_map(audio)))
    models/escm: self.block2(self.block1(sequence.mT)).mT => self.block2(self.block1(sequence.mT)).mT.flip(1)
    models/escm: audio_prior_map(visual_event), self.visual => audio_prior_map(audio_event), self.visual
    models/escm: sequence.flip(1) if direction else sequence => sequence if direction else sequence.flip(1)
    models/vscg: linear = not quirk if linear is None => linear = False if linear is None
    models/vscg: (audio_isce * visual_isce).sum(-1) => (audio * visual).sum(-1)
    models/heads: self.category(fused.amax(1)) => self.category(fused.mean(1))
    models/channel_attention: regions * (1 + gate) => regions * gate
    models/transformer: self.norm1(query + self.dropout(read)) => self.norm1(self.dropout(read))
    models/transformer: self.audio_decoder(audio, visual_encoded) => self.audio_decoder(audio, audio_encoded)
    models/cmra: _, (audio, visual) = self.transformer => (audio, visual), _ = self.transformer
    models/cmbs: self.crossed = self.fully if => self.crossed = not self.fully if
    models/dmin: self.visual_head(encoded.amax(1)) => self.visual_head(visual.amax(1))
    models/cman: m_v), self.visual_which(h_v, s_v, m_a) => m_a), self.visual_which(h_v, s_v, m_v)
    models/dam: ((visual, global_audio), (audio, global_visual)) => ((visual, global_visual), (audio, global_audio))
    models/avrb: return fused + self.gate_scale * => return self.gate_scale *
    models/avin: ask_visual), self.interact(audio, ask_audio) => ask_audio), self.interact(audio, ask_visual)
    models/csa: visual @ m.softmax(-2) => visual @ m.softmax(-1)
    models/avt: tracks = self.inter(tracks, tracks) => tracks = self.intra(tracks, tracks)
    models/dca: self.reduce(fused).relu() => self.reduce(fused)
    models/cssnet: r * (r > self.threshold) => r * (r >= self.threshold)
Objectives: wrong weights, targets and means.
    training/objectives: {"ce": 1, "avps": 100} => {"ce": 1, "avps": 10}
    training/objectives: if target == "proportion" => if target == "presence"
    training/objectives: (loss * counts).sum() / counts.sum().clamp(min=1) => (loss * counts).mean()
    training/objectives: return clip_loss(probability.softmax(-1), target) => return clip_loss(probability, target)
Training: rates, batches and steps at the wrong time, clips of the wrong split.
    training/config: epoch >= at for at in => epoch > at for at in
    training/loop: self.epoch * len(batches) + number => number
    training/loop: if config.drop_last and len(batches) > 1 => if not config.drop_last and len(batches) > 1
    training/loop: config.seed * 1_000_003 + epoch + 1 => config.seed + epoch + 1
    training/loop: if self.config.schedule.clip_norm: => if not self.config.schedule.clip_norm:
    training/loop: self.optimizer.zero_grad(set_to_none=True) => pass
    training/loop: np.concatenate([self.rows, splits["background"]]) => np.concatenate([self.rows, splits["val"]])
    training/loop: ("validation", "val"), ("test", "test") => ("validation", "test"), ("test", "val")
    training/loop: [*self.last, classes["test"]][-LAST:] => [*self.last, classes["test"]][-LAST - 1:-1]
Data, metrics and statistics: one second off, another order, another count.
    data/labels: (seconds < marks.end[:, None]) => (seconds <= marks.end[:, None])
    data/writer: zip(SPLITS, (train, val, test, background) => zip(SPLITS, (train, test, val, background)
    data/ave: found[row].astype(stored.dtype) => found[row]
    study/statistics: stdtrit(len(values) - 1, 1 - alpha / 2) => stdtrit(len(values), 1 - alpha / 2)
    study/statistics: np.arange(len(p), 0, -1) => len(p)
    study/statistics: np.std(np.mean(values, axis=1), ddof=1) => np.std(np.mean(values, axis=1))
    study/statistics: math.sqrt(1 + 1 / len(values)) => math.sqrt(1 / len(values))
Features: pictures and sound read otherwise than the networks learnt them.
    features/video: (len(block) + 0.5) / FRAMES => len(block) / FRAMES
    features/video: "rgb24" => "bgr24"
    features/vggish: np.log(spectra @ _BANDS + OFFSET) => np.log(spectra ** 2 @ _BANDS + OFFSET)
"""
import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Those of models/x are in models/test_x.py, but for these.
TESTS = {"models/vscg": "models/test_vscg_options.py models/test_whole_systems.py",
         "data/writer": "data/test_prepared.py",
         "models/encoder": "models/test_whole_systems.py", "models/cmra": "test_golden.py -k cmra",
         "training/objectives": "training/test_objectives.py training/test_build_objective.py",
         "training/loop": "training/test_run_choices.py training/test_loop.py"}


def faults() -> list[tuple[str, list[str], str, str]]:
    """File, arguments for pytest in tests/, text and replacement of each fault above."""
    listed = (line.strip().partition(": ") for line in __doc__.splitlines() if " => " in line)
    return [(f"vscg/{file}.py", TESTS.get(file, file.replace("/", "/test_") + ".py").split(), *change.split(" => "))
            for file, _, change in listed]


def noticed(copy: Path, tests: list[str]) -> bool:
    """Whether the tests fail with the package in `copy`."""
    child = os.fork()
    if not child:
        os.chdir(ROOT / "tests")
        sys.path.insert(0, str(copy))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(pytest.main(["-qx", "-p", "no:cacheprovider", *tests]))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, 1):               # no such test, or one that cannot be read: nothing was tried
        raise SystemExit(f"pytest {' '.join(tests)} ended with status {status}")
    return status == 1


def main(words: list[str]) -> int:
    """Exit status 1 if a fault is not noticed, or its text does not stand exactly once in its file."""
    missed, sys.dont_write_bytecode = 0, True
    for name in ("torch", "pandas", "scipy.special", "h5py", "av"):      # once for all children
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "vscg", copy / "vscg", ignore=shutil.ignore_patterns("__pycache__"))
        for file, tests, text, other in faults():
            if not words or any(word in f"{file} {text}" for word in words):
                sound = (copy / file).read_text()
                (copy / file).write_text(sound.replace(text, other))
                once = sound.count(text) == 1
                word = "NOT FOUND ONCE" if not once else "noticed" if noticed(copy, tests) else "NOT NOTICED"
                (copy / file).write_text(sound)
                missed += word != "noticed"
                print(f"{word}: {file}: {text} => {other}", flush=True)
    return missed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
