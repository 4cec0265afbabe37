"""Every figure builds from a toy input, has units on its axes, keeps its text inside and its file small."""
import gzip
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb

from tests.plots.test_studies import FIGURES as studies
from tests.plots.test_tables import FIGURES as tables
from vscg import plots
from vscg.data.labels import BACKGROUND as BG
from vscg.data.labels import CATEGORIES
from vscg.plots import style

NAMES = (*CATEGORIES, "Background")
RNG = np.random.default_rng(0)
TRUTH = np.array([BG, BG, BG, BG, 2, 2, 2, 2, 2, 2])
MAPS = RNG.dirichlet(np.ones(49), 10).reshape(10, 7, 7)
MASK = np.zeros((10, 7, 7), dtype=bool)
MASK[:, 2:4, 5:7] = True


def history(system, slope):
    epoch = np.arange(1, 31)
    rows = {"epoch": epoch, "loss": 3 * np.exp(-epoch / slope), "val_accuracy": 0.8 - 0.6 * np.exp(-epoch / slope),
            "test_accuracy": np.where(epoch % 5 == 0, 0.78 - 0.6 * np.exp(-epoch / slope), np.nan), "system": system}
    seeds = [pd.DataFrame(rows) for _ in range(3)]
    for seed in seeds:
        seed[["loss", "val_accuracy", "test_accuracy"]] += 0.02 * RNG.random((30, 3))
    return pd.concat(seeds)


def interval_frame(groups):
    rows = [(name, mean - lost, mean - lost - 0.02, mean - lost + 0.02, group)
            for name, mean in (("VSCG", 0.79), ("PSP-Net", 0.77)) for group, lost in groups.items()]
    return pd.DataFrame(rows, columns=["name", "mean", "low", "high", "group"])


FIGURES = {
    "timeline": lambda: plots.timeline(TRUTH, {"AVEL": np.roll(TRUTH, 2), "VSCG": TRUTH}, "one clip"),
    "timeline, narrow runs": lambda: plots.timeline(TRUTH, {"AVEL": [14, 13, 14, 21, 3, 14, BG, 2, 13, 14]}),
    "attention": lambda: plots.attention_maps(MAPS, MASK, TRUTH),
    "attention, plain": lambda: plots.attention_maps(MAPS[:4]),
    "attention, two rows": lambda: plots.attention_maps(MAPS[:7], labels=TRUTH[:7]),
    "matrix": lambda: plots.matrix(RNG.random((10, 10)), "audio segment (1 s)", "visual segment (1 s)",
                                   "weight (share of the row)", annotate=True),
    "matrices": lambda: plots.matrices({"sound to picture": RNG.random((10, 10)), "back": RNG.random((10, 10))},
                                       "receiving second (1 s)", "sending second (1 s)", "weight (share of the row)"),
    "confusion": lambda: plots.confusion(RNG.integers(1, 20, (29, 29)) + 200 * np.eye(29), NAMES),
    "confusion, small": lambda: plots.confusion(np.eye(5), NAMES[:5]),
    "learning, one system": lambda: plots.learning_curves(history("VSCG", 6).drop(columns="system")),
    "learning, systems": lambda: plots.learning_curves(pd.concat([history("VSCG", 6), history("AVEL", 12)])),
    "classes": lambda: plots.class_histogram(np.arange(28), CATEGORIES),
    "durations": lambda: plots.duration_histogram([0, 2, 2, 10, 10, 10]),
    "tree": plots.cere_tree,
    "curves": lambda: plots.curves(np.arange(10), {"audio, forward": np.arange(10), "state": np.ones(10)},
                                          "time (s)", "loss (no unit)", {"threshold": 3.5}),
    "intervals": lambda: plots.intervals(interval_frame({"x": 0}).drop(columns="group"), {"everywhere": 0.822}),
    "intervals, groups": lambda: plots.intervals(interval_frame({"audio": 0.1, "visual": 0.12, "fused": 0})),
    "speedup": lambda: plots.speedup_figure({"wall": pd.DataFrame(
        {"median": [1.0, 1.5], "low": [0.9, 1.4], "high": [1.1, 1.6]}, index=["published again", "vscg"])}),
    "roofline": lambda: plots.roofline_figure({"flops": 1e11, "bytes": 4e9, "product": 5e10, "copy": 1e10,
                                               "published": 2e10, "vscg": 3e10}),
    "profile": lambda: plots.profile_figure(ARMS), "growth": lambda: plots.growth_figure(ARMS, ARMS),
    "margin": lambda: plots.margin_figure(pd.DataFrame({"group": ["I", "III"], "margin": [0.5, 3.0]}), {"at 30": 2.9}),
    "ledger": lambda: plots.ledger_figure(pd.DataFrame({"name": ["A", "B"], "published": [78.0, 80.0],
                                                        "obtained": [75.0, 79.0]})),
    "pairing": lambda: plots.pairing(pd.DataFrame({"class": ["a", "a", "b"], "heard": [1, -1, 0.5],
                                                   "seen": [-1, 1, 0.5]})),
    "parts": lambda: plots.parts_figure(pd.DataFrame({"live": [2.0, 9.0], "dead": [0.5, 4.0]}, index=["VSCG", "CMBS"]),
                                        {"CMBS": 14.4, "VSCG": 2.6}),
    "parameters": lambda: plots.accuracy_by_parameters(pd.DataFrame({
        "name": ["VSCG", "AVEL"], "parameters": [2.5, 0.6], "mean": [80.0, 70.0], "low": [78.0, 60.0],
        "high": [81.0, 71.0]}), "live parameters"),
    "course": lambda: plots.course_figure(pd.DataFrame([("VSCG", 0, 1, 50), ("VSCG", 0, 2, 60)], columns=[
        "row", "seed", "epoch", "accuracy"]), {"floor": (61.0, 60.0, 62.0)}, ["VSCG"]),
    "log mel": lambda: plots.log_mel(np.zeros((10, 96, 64))),
    **studies, **tables,
}
ARMS = pd.DataFrame({"published": [2.0, 4.0], "vscg": [1.0, 2.0]}, index=[8, 16])
UNITS = ("(s)", "(1 s)", "(%)", "(% of", "(1/7 of", "(share", "(no unit)", "number of", "(points)", "(ms", "FLOP",
         "(millions)", "(correlation)", "Hz)")
# A class or a count says itself what it is.
UNITLESS = {"", "class", "true class", "predicted class", "epoch", "clips in a batch", "clips in all"}


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_labelled_inside_its_limits_and_small(name):
    fig = FIGURES[name]()
    (kind, picture), = style.shown(fig).items()
    assert kind == "image/svg+xml" and len(gzip.compress(picture.encode())) < 40_000      # what a reader loads
    assert fig.get_figwidth() == plots.WIDTH

    labels = [label for ax in fig.axes for label in (ax.get_xlabel(), ax.get_ylabel())]
    labels += [fig.get_supxlabel(), fig.get_supylabel()]
    bare = [label for label in labels if label not in UNITLESS and not any(unit in label for unit in UNITS)]
    if name not in ("systems", "one system"):          # whose rows are systems and whose columns numbered seconds
        assert any(any(unit in label for unit in UNITS) for label in labels) and bare == []

    texts = [*fig.texts, *(text for legend in fig.legends for text in legend.get_texts())]
    texts += [text for ax in fig.axes for text in (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts,
                                                   *visible_ticks(ax)) if text.get_text()]
    assert texts
    page = fig.bbox.padded(2)
    outside = [text.get_text() for text in texts if not inside(text.get_window_extent(), page)]
    assert outside == []
    assert name not in tables or fig.axes[0].bbox.width > 0.4 * fig.bbox.width, "the names leave room for the dots"
    for ax in fig.axes:
        written = [text.get_text() for text in ax.texts if not inside(text.get_window_extent(), ax.bbox.padded(1))]
        assert written == []
        for axis, side in ((ax.xaxis, 0), (ax.yaxis, 1)):
            assert not overlapping([t for t in visible_ticks(ax) if t in axis.get_ticklabels()], side)


def visible_ticks(ax):
    if not ax.axison:
        return []
    ticks = []
    for axis, limits in ((ax.xaxis, sorted(ax.get_xlim())), (ax.yaxis, sorted(ax.get_ylim()))):
        ticks += [label for at, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False)
                  if limits[0] <= at <= limits[1] and label.get_text()]
    return ticks


def inside(box, page):
    return page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1


def overlapping(labels, side):
    ends = sorted((label.get_window_extent().min[side], label.get_window_extent().max[side]) for label in labels)
    return any(after[0] < before[1] - 1 for before, after in zip(ends, ends[1:], strict=False))


def test_a_name_of_two_parts_picks_colour_and_dashes_apart():
    names = ["audio, forward", "audio, backward", "visual, forward", "alone"]
    lines = plots.curves([0, 1], dict.fromkeys(names, [0, 1]), "time (s)", "state (no unit)").axes[0].lines
    colours, dashes = [line.get_color() for line in lines], [line.get_linestyle() for line in lines]
    assert colours[0] == colours[1] == plots.COLOURS["audio"] and colours[2] == plots.COLOURS["visual"]
    assert dashes[0] == dashes[2] and len(set(dashes)) == 3 and len(set(colours)) == 3


@pytest.mark.parametrize("low", (0, -1))
def test_numbers_in_a_matrix_stand_out_from_their_cells(low):
    values = np.linspace(low, 1, 60).reshape(6, 10)
    values[0, 0] = np.nan
    ax = plots.matrix(values, "row", "column", "share (0 to 1)", True).axes[0]
    cells = ax.collections[0].get_facecolors()[1:]                       # nothing is written where nothing is known
    for text, cell in zip(ax.texts, cells, strict=True):
        assert contrast(text.get_color(), cell) >= 4.5


def test_a_matrix_leaves_zeros_blank():
    texts = plots.matrix(np.array([[0, 0.5], [-0.25, 1e-9]]), "row", "column", "share (0 to 1)", True).axes[0].texts
    assert [text.get_text() for text in texts] == ["", "0.50", "-0.25", ""]


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_a_figure_has_a_ground_of_its_own_that_is_light_or_dark():
    fig = FIGURES["durations"]()
    file = io.BytesIO()
    fig.savefig(file, format="png")
    file.seek(0)
    picture = plt.imread(file)
    assert np.allclose(picture[0, 0, :3], to_rgb(plots.GROUND), atol=1e-3) and (picture[..., 3:] == 1).all()
    assert min(to_rgb(plots.GROUND)) > 0.99
    for ink in (style.INK, plots.DARK, style.FRAME):
        dark = contrast(style.ON_DARK[ink], style.ON_DARK[plots.GROUND])
        assert min(contrast(ink, plots.GROUND), dark) >= 4.5
    assert contrast(style.ON_DARK[plots.DARK], style.ON_DARK[plots.LIGHT]) >= 4.5, "names on what is background"
    assert not set(style.ON_DARK) & {*plots.PALETTE, "#000000", "#ffffff", "#262626"}, "black and white in a map stay"


def test_a_notebook_keeps_a_figure_as_svg_with_a_dark_twin_that_is_the_same_every_time():
    (kind, svg), = style.shown(FIGURES["timeline"]()).items()
    assert kind == "image/svg+xml" and style.shown(FIGURES["timeline"]()) == {kind: svg}
    texts, rules = re.findall(r'style="fill: (#\w{6})" transform', svg), svg[:svg.index("</style>")]
    assert style.INK in texts and plots.DARK in texts
    for light, dark in style.ON_DARK.items():
        assert f'[style*="fill: {light}"]{{fill:{dark}!important}}' in rules
    assert "prefers-color-scheme: dark" in rules and "http-equiv" not in svg and "<dc:date>" not in svg


def test_a_figure_of_many_points_is_a_picture_of_twice_the_pixels():
    fig = plots.matrix(RNG.random((60, 60)), "row", "column", "share (0 to 1)")
    (kind, png), = style.shown(fig).items()
    assert kind == "image/png" and png == style.shown(fig)[kind]
    assert abs(plt.imread(io.BytesIO(png)).shape[1] / (2 * style.DPI * plots.WIDTH) - 1) < 0.1


def test_timeline_draws_one_run_for_each_event_and_names_it():
    ax = plots.timeline(TRUTH, {"VSCG": [BG, BG, BG, 2, 2, 2, 2, 18, 18, 18]}).axes[0]
    runs = [(bar.get_x(), bar.get_width()) for bar in ax.patches]
    assert runs == [(0, 4), (4, 6), (0, 3), (3, 4), (7, 3)]
    assert [text.get_text() for text in ax.texts] == ["Background", "Bark", "Background", "Bark", "Goat"]
    colours = [to_hex(bar.get_facecolor()) for bar in ax.patches]
    assert colours[0] == colours[2] == plots.LIGHT and colours[1] == colours[3] != colours[4]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["ground truth", "VSCG"]


def test_attention_maps_share_one_scale_and_mark_events_and_source():
    fig = plots.attention_maps(MAPS, MASK, TRUTH)
    maps = [ax for ax in fig.axes if ax.images]
    assert len(maps) == 10 and {ax.images[0].get_clim() for ax in maps} == {(0, MAPS.max())}
    framed = [to_hex(ax.spines["left"].get_edgecolor()) == plots.MARK for ax in maps]
    assert framed == (TRUTH != BG).tolist()
    border = maps[0].collections[0].get_segments()
    assert len(border) == 8  # a patch of 2 by 2 regions
    assert np.unique(np.concatenate(border), axis=0).min(axis=0).tolist() == [4.5, 1.5]
    assert np.concatenate(border).max(axis=0).tolist() == [6.5, 3.5]


def test_confusion_shows_percent_of_the_row():
    counts = np.array([[3, 1, 0], [0, 0, 0], [1, 0, 1]])
    values = plots.confusion(counts, ["a, b", "c (d)", "e"]).axes[0].collections[0].get_array()
    np.testing.assert_allclose(values.filled(-1).reshape(3, 3), [[75, 25, 0], [-1, -1, -1], [50, 0, 50]])


def test_learning_curves_draw_means_over_seeds_in_percent():
    frame = history("VSCG", 6)
    left, right = plots.learning_curves(frame).axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), frame.groupby("epoch")["loss"].mean())
    np.testing.assert_allclose(right.lines[0].get_ydata(), 100 * frame.groupby("epoch")["val_accuracy"].mean())
    assert right.lines[1].get_xdata().tolist() == [5, 10, 15, 20, 25, 30]  # only measured epochs
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["validation", "test"]
    fig = plots.learning_curves(pd.concat([frame, history("AVEL", 12)]))
    above, = fig.legends
    assert [text.get_text() for text in above.get_texts()] == ["VSCG", "AVEL"] and fig.axes[0].get_legend() is None


def test_histograms_and_intervals_draw_what_they_are_given():
    bars = plots.class_histogram([5, 9], ["Bark", "Rodents, rats, mice"]).axes[0]
    assert [bar.get_width() for bar in bars.patches] == [9, 5]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["Rodents", "Bark"]
    assert [bar.get_height() for bar in plots.duration_histogram([0, 2, 2, 10]).axes[0].patches][:3] == [1, 0, 2]
    ax = plots.intervals(interval_frame({"audio": 0}), {"everywhere": 0.822}).axes[0]
    assert ax.lines[0].get_xdata().tolist() == pytest.approx([79, 77])
    assert to_hex(ax.lines[0].get_color()) == plots.COLOURS["audio"]
    ends = np.array([segment[:, 0] for segment in ax.collections[0].get_segments()])
    np.testing.assert_allclose(ends, [[77, 81], [75, 79]])


def test_a_figure_of_photographs_is_kept_as_jpeg():
    fig, axes = style._figure(6, 2, 2)
    for ax in axes.flat:
        ax.imshow(RNG.random((200, 200, 3)))
    (kind, picture), = style.shown(fig).items()
    assert kind == "image/jpeg" and picture[:3] == b"\xff\xd8\xff"


def test_rows_go_down_and_columns_across():
    ax = plots.matrix(np.zeros((2, 3)), "row", "column", "value").axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("column", "row")


def test_the_truth_goes_down_and_the_answers_across():
    ax = plots.confusion(np.eye(2), ["a", "b"]).axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")


def test_what_is_heard_goes_across_and_what_is_seen_up():
    frame = pd.DataFrame({"class": ["a", "b"], "heard": [1.0, 0.5], "seen": [-1.0, 0.25]})
    ax = plots.pairing(frame).axes[0]
    assert [line.get_xydata().tolist() for line in ax.lines[:2]] == [[[1, -1]], [[0.5, 0.25]]]
    assert "heard" in ax.get_xlabel() and "seen" in ax.get_ylabel()
