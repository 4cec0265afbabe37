"""Draws the pictures of the tour: one clip on its way through every block of VSCG, to book/_static/tour-*.svg.

    python book/tour.py

The clip is the first of those in touch.py that has a silent object and that VSCG, trained for the three epochs of
profile quick, names right in at least eight seconds. The run is trained if it is not in the store.
"""
import html
import sys
from pathlib import Path

import numpy as np
import overview
import torch
import touch

import vscg
from vscg.data import planted
from vscg.data.labels import BACKGROUND, CATEGORIES, SEGMENTS
from vscg.plots.style import short_name
from vscg.training.config import RunConfig

FOLDER = overview.FOLDER
WIDTH = overview.SIZE[0]
LEFT = 92                   # where the ten seconds begin
STEP = 29                   # of a second
STYLE = overview.STYLE.replace("text-anchor: middle;", "") + """
.sounds { fill: #0173b2; } .pictures { fill: #c77c00; } .fused { fill: #02865f; } .none { fill: #e6e6e6; }
.object { fill: none; stroke: #1c1c1c; stroke-width: 1.4; } .silent { stroke-dasharray: 2.5 2; }
.middle { text-anchor: middle; } .end { text-anchor: end; } .line { stroke: #c4004f; stroke-width: 1.6; }
.wrong { fill: #d4552a; }
@media (prefers-color-scheme: dark) {
  .sounds { fill: #56a8dd; } .pictures { fill: #e2a437; } .fused { fill: #3bc79b; } .none { fill: #30353d; }
  .object { stroke: #f2f2f2; } .line { stroke: #ff6b9d; } .wrong { fill: #ff8a63; }
}"""


class Picture:
    """An SVG that grows downwards; `top` is where the next part goes."""

    def __init__(self, title: str):
        self.title, self.parts, self.top = title, [], 12.0

    def text(self, x: float, y: float, words: str, kind: str = "") -> None:
        self.parts.append(f'<text x="{x:g}" y="{y:g}" class="small {kind}">{html.escape(words)}</text>')

    def box(self, x: float, y: float, width: float, height: float, kind: str, share: float = 1.0) -> None:
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{kind}"'
                          + (f' fill-opacity="{share:.2f}"' if share < 1 else "") + "/>")

    def seconds(self) -> None:
        """The numbers of the ten seconds."""
        self.text(8, self.top + 10, "second")
        for at in range(SEGMENTS):
            self.text(LEFT + STEP * (at + 0.5), self.top + 10, str(at + 1), "middle")
        self.top += 18

    def strip(self, name: str, values: np.ndarray, kind: str, height: float = 20) -> None:
        """Values (10,) or (10,H,W), from 0 to 1, as shades in a row of ten; of maps 7x7 fields each."""
        self.text(8, self.top + height / 2 + 4, name)
        for at, value in enumerate(values):
            x = LEFT + STEP * at + 1
            if np.ndim(value) == 0:
                self.box(x, self.top, STEP - 2, height, "none")
                self.box(x, self.top + height * (1 - value), STEP - 2, height * float(value), kind)
                continue
            down, across = (STEP - 2) / value.shape[1], height / value.shape[0]
            self.box(x, self.top, STEP - 2, height, "none")
            for (row, column), share in np.ndenumerate(value):
                if share > 0.03:
                    self.box(x + column * down, self.top + row * across, down, across, kind, float(share))
        self.top += height + 6

    def frame(self, mask: np.ndarray, x: float, y: float, side: float, kind: str) -> None:
        """A frame around the fields of a map (7,7) that stands at x and y, `side` wide."""
        if mask.any():
            (rows, columns), size = np.where(mask), side / len(mask)
            self.box(x + columns.min() * size, y + rows.min() * size, (np.ptp(columns) + 1) * size,
                     (np.ptp(rows) + 1) * size, kind)

    def maps(self, values: np.ndarray, frames: dict[str, np.ndarray], side: float = 68) -> None:
        """Ten maps (10,7,7) of values from 0 to 1, five in a row, with frames (10,7,7) by kind."""
        for at, value in enumerate(values):
            x, y, size = 12 + 76 * (at % 5), self.top + 16 + (side + 24) * (at // 5), side / len(value)
            self.text(x + side / 2, y - 5, f"second {at + 1}" if at % 5 == 0 else str(at + 1), "middle")
            self.box(x, y, side, side, "none")
            for (row, column), share in np.ndenumerate(value):
                self.box(x + column * size, y + row * size, size, size, "fused", float(share))
            for kind, masks in frames.items():
                self.frame(masks[at], x, y, side, kind)
        self.top += 2 * (side + 24)

    def names(self, name: str, classes: np.ndarray, truth: np.ndarray) -> None:
        """What somebody says of the ten seconds: right where filled, background grey, wrong with a cross."""
        self.text(8, self.top + 14, name)
        for at, (said, true) in enumerate(zip(classes, truth, strict=True)):
            x = LEFT + STEP * at + 1
            self.box(x, self.top, STEP - 2, 20, "none" if said == BACKGROUND else "fused" if said == true else "wrong")
            if said != true:
                self.text(x + STEP / 2 - 1, self.top + 14, "\u00d7", "middle")
        self.top += 25

    def bar(self, name: str, share: float, words: str, kind: str = "fused") -> None:
        """One horizontal bar, `share` of the room."""
        self.text(150, self.top + 12, name, "end")
        self.box(156, self.top + 2, max(0.5, 170 * share), 13, kind)
        self.text(160 + 170 * share, self.top + 12, words)
        self.top += 20

    def square(self, name: str, values: np.ndarray, left: float, side: float, kept: np.ndarray | None = None) -> None:
        """A matrix (10,10) of values from 0 to 1, in a square of `side`; cut entries are left empty."""
        self.text(left, self.top + 10, name)
        size = side / len(values)
        for (row, column), share in np.ndenumerate(values):
            x, y = left + column * size, self.top + 16 + row * size
            self.box(x, y, size - 1, size - 1, "none")
            if kept is None or kept[row, column]:
                self.box(x, y, size - 1, size - 1, "fused", float(share))

    def note(self, *lines: str) -> None:
        """What the picture shows, in words."""
        self.top += 4
        for line in lines:
            self.text(8, self.top + 10, line)
            self.top += 16

    def svg(self) -> str:
        """The whole file."""
        height = self.top + 8
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" '
            f'height="{height:g}" role="img"><title>{html.escape(self.title)}</title>', f"<style>{STYLE}</style>",
            f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="8"/>',
            *self.parts, "</svg>\n"])


def cosines(vectors: torch.Tensor) -> np.ndarray:
    """Cosine of each pair of rows, negative ones as 0."""
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    return (unit @ unit.mT).clamp(min=0).numpy()


def ways(model: vscg.models.VSCG, audio: torch.Tensor, visual: torch.Tensor) -> dict[str, torch.Tensor]:
    """What leaves each block, for B clips."""
    with torch.no_grad():
        output, seen = model(audio, visual), {}
        seen["attention"] = output.attention
        seen["audio_in"] = model.encoder.audio_projection(audio)
        seen["audio"], seen["visual"], _ = model.encoder(audio, visual)
        beta = (model.psp.visual_compare(seen["visual"]) @ model.psp.audio_compare(seen["audio"]).mT).relu()
        seen["shares"] = beta / (beta.sum(-1, keepdim=True) + 1e-8)
        seen["audio_seg"], seen["visual_seg"] = model.psp(seen["audio"], seen["visual"])
        priors = model.escm.priors(seen["audio_seg"], seen["visual_seg"])
        seen["event"] = priors[0].flatten(1)
        own = model.escm.isce(seen["audio_seg"], seen["visual_seg"], *priors)
        none = model.escm.isce(seen["audio_seg"], seen["visual_seg"], *(torch.zeros_like(prior) for prior in priors))
        for name, with_prior, without in zip(("audio_moved", "visual_moved"), own, none, strict=True):
            seen[name] = (with_prior - without).norm(dim=-1) / with_prior.norm(dim=-1)
        seen["relevance"], seen["category"] = output.event_relevance.sigmoid(), output.event_category.softmax(-1)
        seen["said"] = vscg.predict_segments(output)
    return seen


def pictures() -> dict[Path, str]:
    """Every file and what belongs in it."""
    data = vscg.load_dataset(touch.DATA)
    model = vscg.fit(RunConfig(data=touch.DATA, seed=touch.SEED), dataset=data).model()
    test = data.splits["test"]
    audio, visual = torch.from_numpy(data.audio[test]), torch.from_numpy(data.visual[test]).float()
    seen = ways(model, audio, visual)
    labels = data.labels[test].argmax(-1)
    rows = touch.choose(data)
    masks = dict(zip(rows, vscg.data.silent_objects(touch.DATA, rows), strict=True))
    at = next(at for at, row in enumerate(test) if row in masks and masks[row].any()
              and (seen["said"][at].numpy() == labels[at]).sum() >= 8)
    row, truth = int(test[at]), labels[at]
    clip = touch.draw(row)
    name = short_name(CATEGORIES[data.category[row]])
    inside, found = data.truth["source_mask"][row], {}

    one = found["clip"] = Picture(f"The clip: {name} in some of ten seconds")
    one.seconds()
    heard, shown = clip["audio"] / clip["audio"].max(), np.sqrt((clip["visual"].astype(np.float32) ** 2).mean(-1))
    one.strip("sound", heard.reshape(SEGMENTS, 16, 8), "sounds", 54)
    one.strip("picture", shown / shown.max(), "pictures", STEP - 2)
    for kind, there in {"object": inside, "object silent": np.repeat(masks[row][None], SEGMENTS, 0)}.items():
        for second, mask in enumerate(there):
            one.frame(mask, LEFT + STEP * second + 1, one.top - STEP - 4, STEP - 2, kind)
    one.strip("heard", clip["audio_evidence"], "sounds")
    one.strip("seen", clip["visual_evidence"], "pictures")
    one.names("truth", truth, truth)
    one.note(f"Green: {name}, seen and heard. Grey: background.",
             "Solid frame: the object. Dashed: another one, which is silent.")

    look = seen["attention"][at].numpy()
    even, there = inside.mean((1, 2)), inside.any((1, 2))
    on, chance = (100 * values[there].mean() for values in ((look * inside).sum((1, 2)), even))
    one = found["agva"] = Picture("AGVA: the attention over the picture in each second")
    one.maps(look / look.max(), {"object": inside, "object silent": np.repeat(masks[row][None], SEGMENTS, 0)})
    one.note("Frames as above.", f"On the object lies {on:.0f}% of the attention; an even look",
             f"would put {chance:.0f}% there.")

    one = found["lstm"] = Picture("Bi-LSTM: how alike the ten seconds of the sound are, before and after")
    side = 180
    before, after = cosines(seen["audio_in"][at]), cosines(seen["audio"][at])
    one.square("sound, before the Bi-LSTM", before, 12, side)
    one.square("and after it", after, 208, side)
    one.top += side + 20
    apart = ~np.eye(SEGMENTS, dtype=bool)
    one.note("How alike two seconds are (cosine): green is alike.",
             f"On average {before[apart].mean():.2f} before and {after[apart].mean():.2f} after.")

    shares = seen["shares"][at].numpy()
    kept = shares > model.psp.threshold
    event = truth != BACKGROUND
    both = int(kept[np.ix_(event, event)].sum())
    one = found["psp"] = Picture("PSP: which seconds of the sound each second of the picture receives from")
    one.square("shares before the cut", shares / shares.max(), 12, side)
    one.square(f"what is left above {model.psp.threshold}", shares / shares.max(), 208, side, kept)
    one.top += side + 20
    one.note("Rows: seconds of the picture. Columns: seconds of the sound.",
             f"{int(kept.sum())} of 100 pairs remain, {both} of them inside the event.")

    groups = {c: number for number, members in enumerate(planted.GROUPS) for c in members}
    like = cosines(seen["event"])[at]
    mine, other = data.category[row], np.arange(len(test)) != at
    same = data.category[test] == mine
    close = np.array([groups[int(c)] == groups[int(mine)] for c in data.category[test]]) & ~same
    one = found["cere"] = Picture("CERE: how alike this clip's event representation is to those of other clips")
    one.text(8, one.top + 8, "cosine of this clip's E with that of other test clips, mean")
    one.top += 18
    for words, chosen in ((f"{name}", same & other), ("its group", close), ("other groups", ~same & ~close)):
        one.bar(words, like[chosen].mean(), f"{like[chosen].mean():.2f}")
    one.note(f"{int((same & other).sum())} clips of the class, {int(close.sum())} of easily confused classes,",
             f"{int((~same & ~close).sum())} of all others.")

    one = found["isce"] = Picture("ISCE: how far the event representation moves each second")
    one.seconds()
    moved = {part: seen[f"{part}_moved"][at].numpy() for part in ("audio", "visual")}
    one.strip("sound", moved["audio"].clip(max=1), "sounds", 40)
    one.strip("picture", moved["visual"].clip(max=1), "pictures", 40)
    ends = np.mean([values[[0, -1]].mean() for values in moved.values()])
    middle = np.mean([values[3:7].mean() for values in moved.values()])
    one.note("Change against a start from zero, as a share of the vector.",
             f"At both ends {100 * ends:.0f}%, in seconds 4 to 7 {100 * middle:.0f}%.")

    one = found["head"] = Picture("The head: event or not in each second, and which event the clip holds")
    one.seconds()
    top = one.top
    one.strip("event?", seen["relevance"][at].numpy(), "fused", 50)
    line = top + 50 * (1 - model.threshold)
    one.parts.append(f'<path class="line" d="M{LEFT} {line:g} H{LEFT + STEP * SEGMENTS}"/>')
    one.top += 4
    first = seen["category"][at].topk(4)
    for share, c in zip(first.values.tolist(), first.indices.tolist(), strict=True):
        one.bar(short_name(CATEGORIES[c]), share, f"{100 * share:.0f}%")
    one.note(f"A second counts as event above the line, at {model.threshold}.")

    one = found["answer"] = Picture("The answer: ten classes, beside the truth")
    one.seconds()
    said = seen["said"][at].numpy()
    one.names("truth", truth, truth)
    one.names("VSCG", said, truth)
    one.note(f"Green: {name}. Grey: background. A cross: wrong.",
             f"{int((said == truth).sum())} of 10 seconds are right.")
    return {FOLDER / f"tour-{number}-{key}.svg": picture.svg()
            for number, (key, picture) in enumerate(found.items(), 1)}


if __name__ == "__main__":
    if sys.argv[1:]:
        raise SystemExit(__doc__)
    overview.write(pictures())
