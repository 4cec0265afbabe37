"""The registry, every system that can be built as `build_model` makes it, and what it predicts."""
import pytest
import torch
from torch import nn

from vscg.errors import VscgError
from vscg.models import BUILT, ORIGINS, SETTINGS, SYSTEMS, Output, build_model, check_system, predict_segments
from vscg.models.avel import AVEL
from vscg.models.avin import AVIN
from vscg.models.avrb import AVRB
from vscg.models.avsdn import AVSDN
from vscg.models.cman import CMAN
from vscg.models.cmbs import CMBS
from vscg.models.cmra import CMRA
from vscg.models.dam import DAM
from vscg.models.dmin import DMIN
from vscg.models.dmrn import DMRN
from vscg.models.heads import WeightingHead
from vscg.models.pspnet import PSPNet
from vscg.models.vscg import VSCG

COMBINATIONS = [(system, setting, variant) for system in BUILT for setting in SYSTEMS[system].settings
                for variant in SYSTEMS[system].variants]
EVERY = pytest.mark.parametrize("system, setting, variant", COMBINATIONS, ids=map("-".join, COMBINATIONS))
NO_DROPOUT = {
    "vscg": dict(psp_dropout=0, psp_project_dropout=0, escm_dropout=0), "psp": dict(dropout=0), "avel": {}, "dmrn": {},
    "cman": {}, "dam": dict(dropout=0), "avrb": {}, "avin": dict(dropout=0),
    "avsdn": {}, "cmra": dict(visual_dropout=0, dropout=0),
    "cmbs": dict(visual_dropout=0, region_dropout=0, dropout=0, interaction_dropout=0),
    "dmin": dict(visual_dropout=0, bilinear_dropout=0, dropout=0, decoder_dropout=0),
}
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
    ("cmra", "fully"): dict(event_relevance=(10,), event_category=(28,)),
    ("cmra", "weakly"): dict(event_relevance=(10,), video_probability=(29,), raw_logits=(29,)),
    ("cmbs", "fully"): dict(event_relevance=(10,), event_category=(28,), gate=(10,), av_score=(28,)),
    ("cmbs", "weakly"): dict(event_relevance=(10,), video_probability=(29,), gate=(10,), raw_logits=(29,)),
    ("dmin", "fully"): dict(event_relevance=(10,), event_category=(28,), event_self=(28,)),
    ("dmin", "weakly"): dict(event_relevance=(10,), video_probability=(29,), raw_logits=(29,), video_prob_self=(29,)),
}
# DAM's only dropout is in the classifier of the clip's event.
UNDROPPED = {"dam": ("event_relevance", "relevance_prob")}
# A softmax does not see what is added to all its logits alike: no gradient but rounding (see test_cmbs.py).
SILENT = {"cmbs": {"attention.key.bias"}}


def build(system, setting, variant="released", **options):
    torch.manual_seed(0)
    return build_model(system, setting=setting, variant=variant, **options)


def values(output):
    """Name -> value of everything that an output holds, attention and threshold apart."""
    fields = {**vars(output), **output.extras}
    return {name: value for name, value in fields.items() if torch.is_tensor(value) and name != "attention"}


def clips(batch=2, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 10, 128, generator=generator), torch.rand(batch, 10, 7, 7, 512, generator=generator)


def rates(model, prefix):
    """The rates of the dropouts in the modules whose names begin with `prefix`."""
    return {layer.p for name, layer in model.named_modules()
            if name.startswith(prefix) and isinstance(layer, nn.Dropout)}


def test_registry():
    published, described, abstract, reported = ORIGINS
    assert {name: (entry.title, entry.build, entry.settings, entry.variants, entry.origin)
            for name, entry in SYSTEMS.items() if name in BUILT} == {
        "avel": ("AVEL", AVEL, SETTINGS, ("released",), published),
        "dmrn": ("DMRN", DMRN, ("fully",), ("released",), published),
        "avsdn": ("AVSDN", AVSDN, SETTINGS, ("released",), described),
        "cman": ("CMAN", CMAN, SETTINGS, ("released",), described),
        "dam": ("DAM", DAM, ("fully",), ("released",), described),
        "avrb": ("AVRB", AVRB, SETTINGS, ("released",), abstract),
        "avin": ("AVIN", AVIN, SETTINGS, ("released",), described),
        "cmra": ("CMRA", CMRA, SETTINGS, ("released",), published),
        "psp": ("PSP-Net", PSPNet, SETTINGS, ("released",), published),
        "cmbs": ("CMBS", CMBS, SETTINGS, ("released",), published),
        "dmin": ("DMIN", DMIN, SETTINGS, ("released",), published),
        "vscg": ("VSCG", VSCG, SETTINGS, ("released", "paper"), published)}
    assert {name: (entry.title, entry.build, entry.origin) for name, entry in SYSTEMS.items() if name not in BUILT} == {
        name: (title, None, reported) for name, title in {
            "csa": "CSA", "avt": "AVT", "dca": "DCA",
            "cssnet": "CSS-Net"}.items()}
    model = build_model("vscg", setting="weakly", variant="paper")
    assert (type(model), model.system, model.setting, model.variant) == (VSCG, "vscg", "weakly", "paper")
    assert (build_model("avel").setting, build_model("avel").variant) == ("fully", "released")


@pytest.mark.parametrize("system", [name for name, entry in SYSTEMS.items() if entry.build is None])
def test_a_system_that_is_reported_only_says_so_and_what_can_be_built(system):
    for refused in (build_model, lambda name: check_system(name, "fully", "released")):
        with pytest.raises(VscgError) as error:
            refused(system)
        message = str(error.value)
        assert message.startswith(f"{SYSTEMS[system].title} is reported only") and "\n" not in message
        assert all(name in message for name in BUILT)


@EVERY
def test_outputs(system, setting, variant):
    output = build(system, setting, variant).eval()(*clips())
    assert {name: tuple(value.shape[1:]) for name, value in values(output).items()} == FIELDS[system, setting]
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
    model, (audio, visual) = build(system, setting, variant).eval(), clips()
    together, alone = values(model(audio, visual)), values(model(audio[1:], visual[1:]))
    for name in FIELDS[system, setting]:
        torch.testing.assert_close(together[name][1:], alone[name], atol=1e-5, rtol=1e-4)


@EVERY
def test_gradients_reach_every_parameter(system, setting, variant):
    """No dead layers: everything that the model holds takes part."""
    model, inputs = build(system, setting, variant, **NO_DROPOUT[system]), clips(4)
    output = model(*inputs)
    if isinstance(getattr(model, "head", None), WeightingHead):
        # The weighting branch's ReLU can be shut for all of a few similar clips: turn its map so that it is open.
        model.head.weight.weight.data = output.segment_logits.detach().mean((0, 1), keepdim=True)[0]
        output = model(*inputs)
    sum((value * torch.randn_like(value)).sum() for value in values(output).values()).backward()
    silent = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert silent <= SILENT.get(system, set())


@EVERY
def test_every_dropout_can_be_off(system, setting, variant):
    model, inputs = build(system, setting, variant, **NO_DROPOUT[system]), clips()
    trained, evaluated = values(model.train()(*inputs)), values(model.eval()(*inputs))
    usual = build(system, setting, variant)
    assert usual.load_state_dict(model.state_dict()) and rates(model, "") <= {0}
    dropped, kept = values(usual.train()(*inputs)), values(usual.eval()(*inputs))
    for name in FIELDS[system, setting]:
        assert torch.equal(trained[name], evaluated[name])
        assert torch.equal(kept[name], evaluated[name])
        still = not NO_DROPOUT[system] or name in UNDROPPED.get(system, ())
        assert torch.equal(dropped[name], evaluated[name]) == still


@pytest.mark.parametrize("setting, variant, branch, after_psp, after_isce", [
    ("fully", "released", 0.2, 0.2, 0.1), ("fully", "paper", 0.2, 0.2, 0.2),
    ("weakly", "released", 0.1, 0.2, 0.5), ("weakly", "paper", 0.1, 0.2, 0.5)])
def test_vscg_dropout_rates(setting, variant, branch, after_psp, after_isce):
    model = build("vscg", setting, variant)
    assert rates(model, "psp.project") == {after_psp} and rates(model, "escm.") == {after_isce}
    assert rates(model, "psp.audio") | rates(model, "psp.visual") == {branch}
    assert rates(model, "encoder") | rates(model, "head") == set()
    other = build("vscg", setting, variant, psp_dropout=0.6, psp_project_dropout=0.7, escm_dropout=0.8)
    assert rates(other, "psp.audio") | rates(other, "psp.visual") == {0.6}
    assert rates(other, "psp.project") == {0.7} and rates(other, "escm.") == {0.8}


@pytest.mark.parametrize("setting", SETTINGS)
def test_psp_settings_of_vscg_and_pspnet(setting):
    vscg, psp, fully = build("vscg", setting), build("psp", setting), setting == "fully"
    assert (vscg.psp.threshold, psp.psp.threshold) == (0.099, 0.099 if fully else 0.095)
    assert vscg.psp.renormalise == psp.psp.renormalise == fully
    assert (rates(psp, "psp.audio"), rates(psp, "psp.project")) == ({0.1}, {0.1} if fully else {0.0})
    assert [any(True for _ in model.psp.project.audio_map.parameters()) for model in (vscg, psp)] == [True, fully]


def test_paper_variant_weakly_has_the_paper_blocks():
    """Mean prior and project-and-norm; the released program crosses the priors and has no map after the GRUs."""
    released, paper = build("vscg", "weakly"), build("vscg", "weakly", "paper")
    names, paper_names = (set(dict(model.named_parameters())) for model in (released, paper))
    assert paper_names - names == {"escm.project.audio_map.0.weight", "escm.project.visual_map.0.weight"}
    assert names - paper_names == {"escm.audio_prior_map.weight", "escm.visual_prior_map.weight"}
    x, y = torch.rand(2, 2, 10, 256)
    assert torch.equal(*paper.escm.priors(x, y)) and not torch.equal(*released.escm.priors(x, y))


def test_paper_variant_fully_differs_in_the_similarity_alone():
    released, paper = build("vscg", "fully"), build("vscg", "fully", "paper")
    inputs = clips()
    isce = []
    paper.escm.isce.register_forward_hook(lambda module, args, result: isce.append(result))
    one, other = released.eval()(*inputs), paper.eval()(*inputs)
    assert torch.equal(one.event_relevance, other.event_relevance)
    assert torch.equal(one.event_category, other.event_category)
    (audio, visual), = isce
    expected = [[sum((audio[b, t] * visual[b, t]).tolist()) for t in range(10)] for b in range(2)]     # Eq. 16
    torch.testing.assert_close(other.similarity, torch.tensor(expected), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(one.similarity, other.similarity, atol=1e-2)


def at_threshold(threshold):
    """The smallest float32 logit whose sigmoid is the threshold or more, and its neighbours."""
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


@pytest.mark.parametrize("variant", ["released", "paper"])
def test_vscg_takes_seventy_percent(variant):
    assert build("vscg", "fully", variant).eval()(*clips(1)).threshold == 0.7
    assert build("vscg", "fully", variant, threshold=0.4).eval()(*clips(1)).threshold == 0.4


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


@pytest.mark.parametrize("arguments, options, words", [
    (("vscgg",), {}, ["system 'vscgg'", "avel, dmrn, avsdn", "vscg."]),
    (("dmrn",), dict(setting="weakly"), ["setting of dmrn 'weakly'", "choose one of fully."]),
    (("vscg",), dict(setting="semi"), ["setting of vscg 'semi'", "fully, weakly"]),
    (("vscg",), dict(variant="mine"), ["variant of vscg 'mine'", "released, paper"]),
    (("psp",), dict(variant="paper"), ["variant of psp 'paper'", "released"]),
    (("vscg",), dict(dropout=0.1), ["option of vscg 'dropout'", "psp_dropout", "escm_dropout"]),
    (("avel",), dict(dropout=0.1), ["option of avel 'dropout'"])])
def test_errors(arguments, options, words):
    with pytest.raises(VscgError) as error:
        build_model(*arguments, **options)
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)
