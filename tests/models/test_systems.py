"""The registry, every system that can be built as `build_model` makes it, and what it predicts."""
from inspect import signature

import pytest
import torch

from tests.golden.compare import OPTIONS
from tests.models.whole import build, draw_clips, rates, values
from vscg.data import Dims
from vscg.errors import VscgError
from vscg.models import ORIGINS, SETTINGS, SYSTEMS, Output, build_model, predict_segments

COMBINATIONS = [(system, setting, variant) for system in SYSTEMS for setting in SYSTEMS[system].settings
                for variant in SYSTEMS[system].variants]
EVERY = pytest.mark.parametrize("system, setting, variant", COMBINATIONS, ids=map("-".join, COMBINATIONS))
NO_DROPOUT = {system: {name: rate for name, rate in options.items() if name.endswith("dropout")}
              for system, options in OPTIONS.items()}
FEW = Dims(audio=32, visual=64, grid=3)         # numbers, for what does not hang on how many they are
FIELDS = {  # what each system returns, with the shape after the batch
    ("vscg", "fully"): dict(event_relevance=(10,), event_category=(28,), similarity=(10,)),
    ("vscg", "weakly"): dict(segment_logits=(10, 29), video_probability=(29,), smooth_probability=(29,)),
    ("psp", "fully"): dict(segment_logits=(10, 29), similarity=(10,)),
    ("psp", "weakly"): dict(segment_logits=(10, 29), video_probability=(29,), smooth_probability=(29,)),
    ("avel", "fully"): dict(segment_logits=(10, 29)),
    ("avel", "weakly"): dict(segment_logits=(10, 29), video_probability=(29,)),
    ("dmrn", "fully"): dict(segment_logits=(10, 29)),
    ("cman", "fully"): dict(segment_logits=(10, 29), beta_visual=(10,), beta_audio=(10,)),
    ("cman", "weakly"): dict(segment_logits=(10, 29), video_probability=(29,), beta_visual=(10,), beta_audio=(10,)),
    ("dam", "fully"): dict(event_relevance=(10,), event_category=(28,), relevance_prob=(10,)),
    ("avrb", "fully"): dict(segment_logits=(10, 29), segment_weight=(10,)),
    ("avrb", "weakly"): dict(segment_logits=(10, 29), video_probability=(29,), segment_weight=(10,)),
    ("avin", "fully"): dict(segment_logits=(10, 29)),
    ("avin", "weakly"): dict(segment_logits=(10, 29), video_probability=(29,)),
    ("avsdn", "fully"): dict(segment_logits=(10, 29)),
    ("avsdn", "weakly"): dict(segment_logits=(10, 29), video_probability=(29,)),
    ("csa", "fully"): dict(segment_logits=(10, 29)),
    ("csa", "weakly"): dict(segment_logits=(10, 29), video_probability=(29,)),
    ("avt", "fully"): dict(segment_logits=(10, 29)),
    ("avt", "weakly"): dict(segment_logits=(10, 29), video_probability=(29,)),
    ("dca", "fully"): dict(segment_logits=(10, 29), beta_visual=(10,), beta_audio=(10,), representation=(10, 64)),
    ("cssnet", "fully"): dict(event_relevance=(10,), event_category=(28,), global_visual=(256,), global_audio=(256,)),
    ("cssnet", "weakly"): dict(event_relevance=(10,), video_probability=(29,), raw_logits=(29,), global_visual=(256,),
                               global_audio=(256,)),
    ("cmra", "fully"): dict(event_relevance=(10,), event_category=(28,)),
    ("cmra", "weakly"): dict(event_relevance=(10,), video_probability=(29,), raw_logits=(29,)),
    ("cmbs", "fully"): dict(event_relevance=(10,), event_category=(28,), gate=(10,), av_score=(28,)),
    ("cmbs", "weakly"): dict(event_relevance=(10,), video_probability=(29,), gate=(10,), raw_logits=(29,)),
    ("dmin", "fully"): dict(event_relevance=(10,), event_category=(28,), event_self=(28,)),
    ("dmin", "weakly"): dict(event_relevance=(10,), video_probability=(29,), raw_logits=(29,), video_prob_self=(29,)),
}
# DAM's only dropout is in the classifier of the clip's event.
UNDROPPED = {"dam": ("event_relevance", "relevance_prob")}


def test_registry():
    published, described, abstract, dash = ORIGINS
    assert dash == "reported only"
    assert {name: (entry.title, entry.build.__name__, entry.settings, entry.variants, entry.origin)
            for name, entry in SYSTEMS.items()} == {
        "avel": ("AVEL", "AVEL", SETTINGS, ("released",), published),
        "dmrn": ("DMRN", "DMRN", ("fully",), ("released",), published),
        "avsdn": ("AVSDN", "AVSDN", SETTINGS, ("released",), described),
        "cman": ("CMAN", "CMAN", SETTINGS, ("released",), described),
        "dam": ("DAM", "DAM", ("fully",), ("released",), described),
        "avrb": ("AVRB", "AVRB", SETTINGS, ("released",), abstract),
        "avin": ("AVIN", "AVIN", SETTINGS, ("released",), described),
        "csa": ("CSA", "CSA", SETTINGS, ("released",), abstract),
        "avt": ("AVT", "AVT", SETTINGS, ("released",), abstract),
        "cmra": ("CMRA", "CMRA", SETTINGS, ("released",), published),
        "psp": ("PSP-Net", "PSPNet", SETTINGS, ("released",), published),
        "dca": ("DCA", "DCA", ("fully",), ("released",), abstract),
        "cssnet": ("CSS-Net", "CSSNet", SETTINGS, ("released",), abstract),
        "cmbs": ("CMBS", "CMBS", SETTINGS, ("released",), published),
        "dmin": ("DMIN", "DMIN", SETTINGS, ("released",), published),
        "vscg": ("VSCG", "VSCG", SETTINGS, ("released", "paper"), published)}
    model = build_model("vscg", setting="weakly", variant="paper")
    assert (type(model).__name__, model.system, model.setting, model.variant) == ("VSCG", "vscg", "weakly", "paper")
    assert (build_model("avel").setting, build_model("avel").variant) == ("fully", "released")


@EVERY
def test_outputs(system, setting, variant):
    output = build(system, setting, variant).eval()(*draw_clips())
    assert {name: tuple(value.shape[1:]) for name, value in values(output).items() if name != "attention"} == FIELDS[
        system, setting]
    assert (output.attention is None) == (system == "avin")
    if output.attention is not None:
        torch.testing.assert_close(output.attention.sum((2, 3)), torch.ones(2, 10))
    if output.video_probability is not None:
        torch.testing.assert_close(output.video_probability.sum(-1), torch.ones(2))
    if output.smooth_probability is not None:
        torch.testing.assert_close(output.smooth_probability, output.video_probability.softmax(-1))
    predicted = predict_segments(output)
    assert predicted.shape == (2, 10) and predicted.dtype == torch.int64
    assert 0 <= predicted.min() and predicted.max() <= 28


@EVERY
def test_clips_of_a_batch_do_not_touch(system, setting, variant):
    model, (audio, visual) = build(system, setting, variant, dims=FEW).eval(), draw_clips(dims=FEW)
    together, alone = values(model(audio, visual)), values(model(audio[1:], visual[1:]))
    for name in FIELDS[system, setting]:
        torch.testing.assert_close(together[name][1:], alone[name], atol=1e-5, rtol=1e-4)


@EVERY
def test_every_dropout_can_be_off(system, setting, variant):
    model, inputs = build(system, setting, variant, dims=FEW, **NO_DROPOUT[system]), draw_clips(dims=FEW)
    trained, evaluated = values(model.train()(*inputs)), values(model.eval()(*inputs))
    usual = build(system, setting, variant, dims=FEW)
    assert usual.load_state_dict(model.state_dict()) and not any(rates(model).values())
    dropped, kept = values(usual.train()(*inputs)), values(usual.eval()(*inputs))
    for name in FIELDS[system, setting]:
        assert torch.equal(trained[name], evaluated[name])
        assert torch.equal(kept[name], evaluated[name])
        still = not NO_DROPOUT[system] or name in UNDROPPED.get(system, ())
        assert torch.equal(dropped[name], evaluated[name]) == still


INTERACTIONS, STREAMS = ("audio_interaction", "visual_interaction"), ("audio", "visual")
# System, setting, variant, options -> the rate of the dropouts whose names begin so, the longest beginning first.
RATES = [
    *(("vscg", setting, variant, {}, {"psp": branch, "psp.project": 0.2, "escm": after_isce})
      for setting, variant, branch, after_isce in (("fully", "released", 0.2, 0.1), ("fully", "paper", 0.2, 0.2),
                                                   ("weakly", "released", 0.1, 0.5), ("weakly", "paper", 0.1, 0.5))),
    *(("vscg", setting, variant, dict(psp_dropout=0.6, psp_project_dropout=0.7, escm_dropout=0.8),
       {"psp": 0.6, "psp.project": 0.7, "escm": 0.8}) for setting in SETTINGS for variant in ("released", "paper")),
    ("psp", "fully", "released", {}, {"psp": 0.1}),
    ("psp", "weakly", "released", {}, {"psp": 0.1, "psp.project": 0.0}),
    ("avrb", "fully", "released", {}, {}), ("avrb", "fully", "released", {"fusion": "mfb"}, {"fusion": 0.0}),
    *((system, "fully", "released", {} if rate is None else {"dropout": rate}, dict.fromkeys(places, rate or usual))
      for system, usual, places in (
          ("avin", 0.1, ["bilinear"]), ("avt", 0.1, [""]), ("cssnet", 0.2, ["audio_project", "visual_project"]),
          *((system, 0.0, [f"{name}_{part}" for name in STREAMS for part in ("lstm", "which")])
            for system in ("cman", "dca"))) for rate in (None, 0.6)),
    *(("dam", "fully", "released", options, {"audio_self": 0.0, "visual_self": 0.0, "category": rate})
      for options, rate in (({}, 0.2), ({"dropout": 0.7}, 0.7))),
    *(row for setting, usual in (("fully", 0.2), ("weakly", 0.1)) for row in (
        ("cmbs", setting, "released",
         dict(visual_dropout=0.6, region_dropout=0.7, dropout=0.8, interaction_dropout=0.9),
         {"visual_layer": 0.6, "attention": 0.7, "transformer": 0.8, **dict.fromkeys(INTERACTIONS, 0.8),
          **{f"{name}.attention": 0.9 for name in INTERACTIONS}}),
        ("cmbs", setting, "released", {}, {"visual_layer": usual, "attention": 0.2, "transformer": 0.1,
                                           **dict.fromkeys(INTERACTIONS, 0.1),
                                           **{f"{name}.attention": 0.2 for name in INTERACTIONS}}),
        ("cmra", setting, "released", dict(visual_dropout=0.6, dropout=0.7),
         {"visual_layer": 0.6, "transformer": 0.7, "interaction": 0.7}),
        ("cmra", setting, "released", {}, {"visual_layer": 0.2, "transformer": 0.1, "interaction": 0.1}),
        ("dmin", setting, "released",
         dict(visual_dropout=0.6, bilinear_dropout=0.7, dropout=0.8, decoder_dropout=0.9),
         {"visual_layer": 0.6, "attention": 0.7, "transformer": 0.8, "interaction": 0.8,
          **{f"transformer.{name}_decoder": 0.9 for name in STREAMS}}),
        ("dmin", setting, "released", {},
         {"visual_layer": 0.2, "attention": 0.1, "transformer": 0.1, "interaction": 0.1,
          **{f"transformer.{name}_decoder": 0.02 if setting == "fully" else 0.1 for name in STREAMS}})))]


@pytest.mark.parametrize("system, setting, variant, options, expected", RATES, ids=lambda value: str(value)[:40])
def test_dropout_rates(system, setting, variant, options, expected):
    found = rates(build(system, setting, variant, **options))
    places = {name: max((place for place in expected if name.startswith(place)), key=len) for name in found}
    assert found == {name: expected[place] for name, place in places.items()}
    assert set(places.values()) == set(expected)


@pytest.mark.parametrize("setting", SETTINGS)
def test_psp_settings_of_vscg_and_pspnet(setting):
    vscg, psp, fully = build("vscg", setting), build("psp", setting), setting == "fully"
    assert (vscg.psp.threshold, psp.psp.threshold) == (0.099, 0.099 if fully else 0.095)
    assert vscg.psp.renormalise == psp.psp.renormalise == fully
    assert [any(True for _ in model.psp.project.audio_map.parameters()) for model in (vscg, psp)] == [True, fully]


def at_threshold(threshold):
    """Float32 logits whose sigmoid is exactly the threshold."""
    middle = torch.logit(torch.tensor(threshold))
    steps = middle + torch.arange(-40, 41) * torch.finfo(torch.float32).eps
    return steps[(steps.sigmoid() == torch.tensor(threshold))]


@pytest.mark.parametrize("threshold", [0.5, 0.7])
def test_threshold_is_strict(threshold):
    equal = at_threshold(threshold)[:1]
    assert len(equal) == 1
    relevance = torch.cat([equal, equal + 1e-5, equal - 1e-5, torch.tensor([9.0, -9.0])]).unsqueeze(0)
    category = torch.zeros(1, 28).index_fill(1, torch.tensor([4]), 1.0)
    output = Output(event_relevance=relevance, event_category=category, threshold=threshold)
    assert predict_segments(output).tolist() == [[28, 4, 28, 4, 28]]


@pytest.mark.parametrize("system, variant, options", [("vscg", "released", {}), ("vscg", "paper", {}),
                                                      ("psp", "released", dict(head="two_part"))])
def test_vscg_and_pspnet_with_its_head_take_seventy_percent(system, variant, options):
    assert build(system, "fully", variant, **options).eval()(*draw_clips(1)).threshold == 0.7
    assert build(system, "fully", variant, threshold=0.4, **options).eval()(*draw_clips(1)).threshold == 0.4


def test_prediction_agrees_with_loops():
    torch.manual_seed(0)
    output = Output(event_relevance=torch.randn(5, 10), event_category=torch.randn(5, 28), threshold=0.7)
    for b, row in enumerate(predict_segments(output).tolist()):
        best = max(range(28), key=lambda c: output.event_category[b, c].item())
        assert row == [best if 1 / (1 + torch.exp(-o).item()) > 0.7 else 28 for o in output.event_relevance[b]]
    raw = torch.randn(5, 29).index_fill(0, torch.tensor([1]), 0.0)
    raw[1, 28] = 1                                                  # the clip may be background altogether
    weakly = Output(event_relevance=output.event_relevance, extras={"raw_logits": raw})
    for b, row in enumerate(predict_segments(weakly).tolist()):
        best = max(range(29), key=lambda c: raw[b, c].item())
        assert row == [best if 1 / (1 + torch.exp(-o).item()) > 0.5 else 28 for o in output.event_relevance[b]]
    assert predict_segments(weakly)[1].tolist() == [28] * 10
    logits = torch.randn(5, 10, 29)
    for b, row in enumerate(predict_segments(Output(segment_logits=logits)).tolist()):
        assert row == [max(range(29), key=lambda c: logits[b, t, c].item()) for t in range(10)]


@pytest.mark.parametrize("system, options, message", [
    ("vscgg", {}, "system 'vscgg' is unknown: choose one of avel, dmrn, avsdn"),
    *((system, dict(setting="weakly"), f"setting of {system} 'weakly' is unknown: choose one of fully.")
      for system in ("dmrn", "dam", "dca")),
    ("vscg", dict(setting="semi"), "setting of vscg 'semi' is unknown: choose one of fully, weakly."),
    ("psp", dict(variant="paper"), "variant of psp 'paper' is unknown: choose one of released."),
    ("vscg", dict(dropout=0.1), "option of vscg 'dropout' is unknown: choose one of setting, variant, psp_dropout"),
    ("cmra", dict(plug="escm"), "option of cmra 'plug' is unknown"),
    ("vscg", dict(psp_dropout=7), "VSCG cannot be built with"),
    ("vscg", dict(escm="no"), "option escm of vscg is 'no': give bool."),
    ("vscg", dict(threshold="0.7"), "option threshold of vscg is '0.7': give float"),
    ("vscg", dict(psp_dropout=float("nan")), "option psp_dropout of vscg is nan: give float"),
    ("avrb", dict(gate_scale=True), "option gate_scale of avrb is True: give float"),
    ("avsdn", dict(bidirectional=1), "option bidirectional of avsdn is 1: give bool"),
    ("avsdn", dict(setting="weakly", pooling="maximum"),
     "avsdn, weakly supervised with head 'segment29', has no pooling 'maximum'"),
    ("avsdn", dict(head="two_head", pooling="maximum"), "avsdn, fully supervised with head 'two_head', has no pooling"),
    ("avrb", dict(pooling="max"), "avrb, fully supervised, pools nothing over time: leave out the pooling 'max'."),
    ("avin", dict(pooling="mean"), "avin, fully supervised, pools nothing over time: leave out the pooling 'mean'.")])
def test_what_does_not_exist_is_refused_in_one_line(system, options, message):
    with pytest.raises(VscgError) as error:
        build_model(system, **options)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


@pytest.mark.parametrize("system, option", [
    (system, name) for system, entry in SYSTEMS.items() for name, parameter in signature(entry.build).parameters.items()
    if "str" in str(parameter.annotation) and name != "setting"])
def test_a_choice_that_an_option_has_not_is_refused(system, option):
    with pytest.raises(VscgError, match=f"^{option}( of {system})? 'nothing' is unknown: choose one of "):
        build_model(system, **{option: "nothing"})
