"""What the player of clips shows, from runs on a tiny data set, and the element that a notebook gets."""
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

import vscg
from vscg import plots, study
from vscg.models import predict_segments
from vscg.study import player
from vscg.training.records import Record


@pytest.fixture(scope="module")
def runs(tiny, tmp_path_factory) -> dict[str, Record]:
    store = tmp_path_factory.mktemp("runs")
    return {name: vscg.fit(vscg.RunConfig(system=system, epochs=1), dataset=tiny, store=store, progress=False)
            for name, system in (("VSCG", "vscg"), ("AVEL", "avel"))}


@pytest.fixture(scope="module")
def content(runs, tiny) -> dict:
    return json.loads(json.dumps(study.player_content(runs, tiny, tiny.splits["test"][:3])))


def test_what_is_said_and_where_it_is_looked_are_the_models_own(content, runs, tiny):
    rows = tiny.splits["test"][:3]
    for number, record in enumerate(runs.values()):
        with torch.no_grad():
            output = record.model()(torch.from_numpy(tiny.audio[rows]), torch.from_numpy(tiny.visual[rows]).float())
        for clip, classes, look in zip(content["clips"], predict_segments(output), output.attention, strict=True):
            level, = clip["levels"]
            assert level["said"][number] == player.letters(classes.numpy())
            assert len(level["looks"][number]) == 490
            strongest = level["looks"][number][:49].index(player.DIGITS[63])
            assert look[0].flatten()[strongest] == look[0].max()
    assert [system["key"] for system in content["systems"]] == [record.key for record in runs.values()]


def test_vscgs_blocks_give_its_own_answer_at_its_own_threshold_and_what_follows_when_they_are_changed(runs, tiny):
    rows = tiny.splits["test"][:3]
    audio, visual = torch.from_numpy(tiny.audio[rows]), torch.from_numpy(tiny.visual[rows]).float()
    model = runs["VSCG"].model()
    shares, said = player.opened(model, audio, visual)
    # In thousandths, rounded up: ten of a row may be up to ten above 1,000, and a row without any is 0.
    over = np.array(shares).reshape(3, 2, 10, 10).sum(-1) - 1000
    assert ((over == -1000) | (over >= 0) & (over <= 10)).all()
    with torch.no_grad():
        heard, seen, _ = model.encoder(audio, visual)
        beta = (model.psp.visual_compare(seen) @ model.psp.audio_compare(heard).mT / model.psp.scale).relu()
        gamma = torch.stack([b / (b.sum(-1, keepdim=True) + 1e-8) for b in (beta, beta.mT)], 1).flatten(1).numpy()
    for step in player.STEPS:      # the pairs that the player draws are those that PSP keeps
        assert np.array_equal(np.array(shares) > 1000 * step, gamma > step)
    assert len(said) == len(player.STEPS) and {len(priors) for priors in said} == {2 + 3}
    with torch.no_grad():
        whole = predict_segments(model(audio, visual)).numpy()
        assert np.array_equal(said[player.STEPS.index(model.psp.threshold)][0], whole)
        for clip in range(3):      # a clip whose prior is its own says what it says
            for priors in said:
                assert np.array_equal(priors[2 + clip][clip], priors[0][clip])
        model.psp.threshold = 0.3
        assert np.array_equal(said[-1][0], predict_segments(model(audio, visual)).numpy())
        # GRUs that keep their initial state: what is said is said by the prior alone.
        for gru in (model.escm.isce.audio_gru, model.escm.isce.visual_gru):
            gru.bias_ih_l0[128:256] = gru.bias_ih_l0_reverse[128:256] = 1000
    own, none, *given = player.opened(model, audio, visual)[1][-1]
    for donor, prior in enumerate(given):
        assert np.array_equal(prior, own[[donor]].repeat(3, axis=0))
    assert not np.array_equal(none, own) and (own != own[0]).any()


def test_without_planted_truth_or_vscg_the_rest_is_shown(runs, tiny):
    real = replace(tiny, truth={})
    clip, = study.player_content({"AVEL": runs["AVEL"]}, real, tiny.splits["test"][:1])["clips"]
    level, = clip["levels"]
    assert set(clip["object"]) == set(level["heard"]) == {"0"} and level["vscg"] == level["shares"] == []


def test_the_element_of_a_notebook_loads_nothing_and_no_name_closes_its_script(content):
    content = content | {"classes": ["</script>", *content["classes"][1:]]}
    first, second = (plots.clip_player(content).data for _ in range(2))
    assert "src=" not in first and "http" not in first and first.count("</script>") == 1
    name, = re.findall(r'<div id="([\w-]+)"></div>', first)
    assert f'getElementById("{name}")' in first and name not in second


def test_what_is_heard_is_the_sounds_evidence(tiny):
    rows = tiny.splits["test"][:3]
    level = player.stored_level(tiny, rows)
    assert np.array_equal(level.heard, tiny.truth["audio_evidence"][rows])
    assert np.array_equal(level.seen, tiny.truth["visual_evidence"][rows])
    assert not np.array_equal(level.heard, level.seen)


@pytest.fixture(scope="module")
def shown(heard_alone, tiny):
    silent = np.arange(3 * 49).reshape(3, 7, 7) % 5 == 0
    return silent, player.player_content({"AVEL": heard_alone}, tiny, tiny.splits["test"][:3], silent=silent)["clips"]


def test_the_attention_on_the_object_is_that_of_its_own_clip(shown, heard_alone, tiny):
    rows = tiny.splits["test"][:3]
    with torch.no_grad():
        looks = heard_alone.model()(torch.from_numpy(tiny.audio[rows]),
                                    torch.from_numpy(tiny.visual[rows]).float()).attention.numpy()
    for clip, look, inside in zip(shown[1], looks, tiny.truth["source_mask"][rows], strict=True):
        assert clip["levels"][0]["on"][0] == [round(100 * float(share)) for share in (look * inside).sum((1, 2))]


def test_every_clip_has_its_own_objects(shown, tiny):
    for clip, row, silent in zip(shown[1], tiny.splits["test"], shown[0], strict=False):
        assert clip["object"] == player.letters(tiny.truth["source_mask"][row])
        assert clip["silent"] == player.letters(silent)
    assert len({clip["object"] for clip in shown[1]}) == len({clip["silent"] for clip in shown[1]}) == 3


def test_evidence_stands_under_its_own_sense(content, tiny):
    for clip, row in zip(content["clips"], tiny.splits["test"], strict=False):
        for name, kind in (("heard", "audio"), ("seen", "visual")):
            assert clip["levels"][0][name] == player.letters((63 * tiny.truth[f"{kind}_evidence"][row]).round())


def given(runs, tiny):
    rows = tiny.splits["test"][:3]
    return runs["VSCG"].model(), torch.from_numpy(tiny.audio[rows]), torch.from_numpy(tiny.visual[rows]).float()


def test_opening_the_blocks_leaves_the_network_as_it_was(runs, tiny):
    model, audio, visual = given(runs, tiny)
    before = model.psp.threshold
    player.opened(model, audio, visual)
    assert model.psp.threshold == before


def test_the_prior_that_is_none_is_a_start_from_zero(runs, tiny, monkeypatch):
    asked = []
    monkeypatch.setattr(player, "_named", lambda model, audio, visual, priors: asked.append(priors))
    player.opened(*given(runs, tiny))
    assert all(prior.any() for prior in asked[0]) and not any(prior.any() for prior in asked[1])


def test_a_systems_line_has_its_accuracy_on_all_test_seconds(content, runs):
    assert [system["accuracy"] for system in content["systems"]] == [
        round(100 * record.result["test"]["accuracy"], 1) for record in runs.values()]
