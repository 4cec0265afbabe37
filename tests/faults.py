"""Deliberate faults of wiring: in a copy of the repository that has one of them, its tests must fail.

    python -m tests.faults              all of them, in a quarter of an hour
    python -m tests.faults avin psp     those in which one of the words stands

A fault is one text of a file of the package and what stands there instead. `TESTS` says which tests must notice it.

Models: streams exchanged, sums and gates left out, the wrong axis, the wrong threshold.
    models/attention: alpha = z.softmax(-1) => alpha = z.softmax(1)
    models/attention: (v + g.unsqueeze(-1)) => (v + g.unsqueeze(-2))
    models/encoder: self.audio_lstm(audio), self.visual_lstm( => self.visual_lstm(audio), self.audio_lstm(
    models/psp: gamma * (gamma > self.threshold) => gamma * (gamma >= self.threshold)
    models/psp: gamma * (gamma > self.threshold) => gamma * (beta > self.threshold)
    models/psp: return gamma / (gamma.sum(-1, keepdim=True) + 1e-8) if self.renormalise else gamma => return gamma
    models/psp: visual_new = visual + self.cut(beta) => visual_new = self.cut(beta)
    models/psp: self.cut(beta.mT) @ => self.cut(beta).mT @
    models/psp: self.project(audio_new, visual_new) => self.project(visual_new, audio_new)
    models/psp: self.norm(self.dropout(self.audio_map(audio))) => self.dropout(self.norm(self.audio_map(audio)))
    models/escm: self.block2(self.block1(sequence.mT)).mT => self.block2(self.block1(sequence.mT)).mT.flip(1)
    models/escm: kernel: int = 5 => kernel: int = 3
    models/escm: event = (audio_event + visual_event) / 2 => event = audio_event
    models/escm: audio_prior_map(visual_event), self.visual => audio_prior_map(audio_event), self.visual
    models/escm: sequence.flip(1) if direction else sequence => sequence if direction else sequence.flip(1)
    models/vscg: linear = not quirk if linear is None => linear = False if linear is None
    models/vscg: (audio_isce * visual_isce).sum(-1) => (audio * visual).sum(-1)
    models/vscg: renormalise = fully if renormalise => renormalise = not fully if renormalise
    models/output: sigmoid() <= output.threshold => sigmoid() < output.threshold
    models/heads: score.mean(1).softmax(-1) => score.softmax(-1).mean(1)
    models/heads: self.category(fused.amax(1)) => self.category(fused.mean(1))
    models/dmrn: self.visual_map(visual) + self.audio_map(audio) => self.visual_map(audio) + self.audio_map(visual)
    models/channel_attention: regions * (1 + gate) => regions * gate
    models/transformer: self.norm1(query + self.dropout(read)) => self.norm1(self.dropout(read))
    models/transformer: torch.cat([other, x], 1) => other
    models/transformer: self.audio_decoder(audio, visual_encoded) => self.audio_decoder(audio, audio_encoded)
    models/cmra: _, (audio, visual) = self.transformer => (audio, visual), _ = self.transformer
    models/cmbs: self.crossed = self.fully if => self.crossed = not self.fully if
    models/cmbs: self.channel(audio, related) => self.channel(audio, regions)
    models/dmin: self.visual_head(encoded.amax(1)) => self.visual_head(visual.amax(1))
    models/dmin: (self.own - shifted) * other + shifted * sums => self.own * other + shifted * sums
    models/avsdn: [audio, attended], -1), start) => [audio, attended], -1))
    models/cman: m_v), self.visual_which(h_v, s_v, m_a) => m_a), self.visual_which(h_v, s_v, m_v)
    models/adaptive: steps.append((before, hidden, memory)) => steps.append((hidden, hidden, memory))
    models/dam: ((visual, global_audio), (audio, global_visual)) => ((visual, global_visual), (audio, global_audio))
    models/avrb: return fused + self.gate_scale * => return self.gate_scale *
    models/avin: ask_visual), self.interact(audio, ask_audio) => ask_audio), self.interact(audio, ask_visual)
    models/bilinear: products.unflatten(-1, (-1, factors)).sum(-1) => products.unflatten(-1, (factors, -1)).sum(-2)
    models/csa: visual @ m.softmax(-2) => visual @ m.softmax(-1)
    models/avt: tracks = self.inter(tracks, tracks) => tracks = self.intra(tracks, tracks)
    models/dca: self.reduce(fused).relu() => self.reduce(fused)
    models/cssnet: r * (r > self.threshold) => r * (r >= self.threshold)
Objectives: wrong weights, targets and means.
    training/objectives: {"ce": 1, "avps": 100} => {"ce": 1, "avps": 10}
    training/objectives: {"bce": 2, "smooth": 1} => {"bce": 1, "smooth": 2}
    training/objectives: if target == "proportion" => if target == "presence"
    training/objectives: (loss * counts).sum() / counts.sum().clamp(min=1) => (loss * counts).mean()
    training/objectives: return clip_loss(probability.softmax(-1), target) => return clip_loss(probability, target)
    training/objectives: similarity.relu() if variant == "released" => similarity.relu() if variant == "paper"
    training/objectives: y / y.sum(-1, keepdim=True).clamp(min=1) => y / y.shape[-1]
    training/objectives: self.left_over[:len(labels)] = target => pass
Training: rates, batches and steps at the wrong time, clips of the wrong split.
    training/config: epoch >= at for at in => epoch > at for at in
    training/config: rate * (step + 1) / => rate * step /
    training/loop: self.epoch * len(batches) + number => number
    training/loop: if config.drop_last and len(batches) > 1 => if not config.drop_last and len(batches) > 1
    training/loop: config.seed * 1_000_003 + epoch + 1 => config.seed + epoch + 1
    training/loop: if self.config.schedule.clip_norm: => if not self.config.schedule.clip_norm:
    training/loop: self.optimizer.zero_grad(set_to_none=True) => pass
    training/loop: self.model.train() => self.model.eval()
    training/loop: np.concatenate([self.rows, splits["background"]]) => np.concatenate([self.rows, splits["val"]])
    training/loop: ("validation", "val"), ("test", "test") => ("validation", "test"), ("test", "val")
    training/loop: [*self.last, classes["test"]][-LAST:] => [*self.last, classes["test"]][-LAST - 1:-1]
Data, metrics and statistics: one second off, another order, another count.
    data/labels: (seconds < marks.end[:, None]) => (seconds <= marks.end[:, None])
    data/prepared: zip(SPLITS, (train, val, test, background) => zip(SPLITS, (train, test, val, background)
    data/ave: found[row].astype(stored.dtype) => found[row]
    data/ave: np.arange(clips, clips + background) => np.arange(background)
    training/evaluation: true * CLASSES + predicted => predicted * CLASSES + true
    training/evaluation: both / (length - both) >= 0.5 => both / (length - both) > 0.5
    study/statistics: stdtrit(seeds - 1, 1 - alpha / 2) => stdtrit(seeds, 1 - alpha / 2)
    study/statistics: np.arange(len(p), 0, -1) => len(p)
    study/statistics: np.std(np.mean(values, axis=1), ddof=1) => np.std(np.mean(values, axis=1))
    study/statistics: math.sqrt(1 + 1 / seeds) => math.sqrt(1 / seeds)
    study/statistics: ((s - 1) * (n - 1)) => (s * n)
Features: pictures and sound read otherwise than the networks learnt them.
    features/video: (len(block) + 0.5) / FRAMES => len(block) / FRAMES
    features/video: "rgb24" => "bgr24"
    features/vgg19: (pictures / 255 - mean) => (pictures - mean)
    features/vggish: np.log(spectra @ _BANDS + OFFSET) => np.log(spectra ** 2 @ _BANDS + OFFSET)
    features/vggish: maps.permute(0, 2, 3, 1).flatten(1) => maps.flatten(1)
"""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Those of models/x are in models/test_x.py, but for these.
TESTS = {"models/vscg": "models/test_systems.py", "models/output": "models/test_systems.py",
         "models/cmra": "test_golden.py -k cmra", "models/adaptive": "models/test_cman.py",
         "models/bilinear": "models/test_avin.py",
         "training/objectives": "training/test_objectives.py training/test_build_objective.py"}


def faults() -> list[tuple[str, list[str], str, str]]:
    """File, arguments for pytest in tests/, text and replacement of each fault above."""
    found = []
    for file, _, change in (line.strip().partition(": ") for line in __doc__.splitlines() if " => " in line):
        tests = TESTS.get(file, "{}/test_{}.py".format(*file.split("/")))
        found.append((f"vscg/{file}.py", tests.split(), *change.split(" => ")))
    return found


def noticed(file: Path, tests: list[str], text: str, other: str) -> bool:
    """Whether the tests fail while `other` stands in a copy of the file in place of `text`."""
    sound, copy = file.read_text(), file.parents[2]
    file.write_text(sound.replace(text, other))
    outcome = subprocess.run([sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", *tests],
                             cwd=copy / "tests", capture_output=True, text=True,
                             env=os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"})
    file.write_text(sound)
    if outcome.returncode not in (0, 1):       # no such test, or the copy cannot be imported: nothing was tried
        raise SystemExit(outcome.stdout + outcome.stderr)
    return outcome.returncode == 1


def main(words: list[str]) -> int:
    """Exit status 1 if a fault is not noticed, or its text does not stand exactly once in its file."""
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("vscg", "tests", "benchmarks"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("conftest.py", "pyproject.toml"):
            shutil.copy(ROOT / name, copy)
        for file, tests, text, other in faults():
            if not words or any(word in f"{file} {text}" for word in words):
                once = (copy / file).read_text().count(text) == 1
                seen = once and noticed(copy / file, tests, text, other)
                missed += not seen
                print("noticed" if seen else "NOT NOTICED" if once else "NOT FOUND ONCE", f"{file}: {text} => {other}",
                      flush=True)
    return missed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
