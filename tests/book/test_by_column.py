"""The record of VSCG with AGVA's audio term added by column, and the command that writes it."""
import json
import math

import numpy as np
import pytest
import torch

from tests.book.test_build import ROOT, load
from vscg.data import planted
from vscg.models.attention import AudioGuidedAttention
from vscg.study import deviations
from vscg.study.statistics import mean_interval
from vscg.training.config import RunConfig

by_column = load(ROOT / "book" / "by_column.py")


def test_by_hand_the_sound_is_added_along_the_columns():
    """Two regions that differ in unit 0: z_i = tanh(v_i0 + g_0) + tanh(g_1); a loud unit 0 hides the difference."""
    module = by_column.ByColumn(audio_dim=1, visual_dim=1, hidden_dim=1, regions=2).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.audio_map.weight.fill_(1)
        module.visual_map.weight.fill_(1)
        module.visual_score.weight.copy_(torch.tensor([[1.0], [0.0]]))
        module.audio_score.weight.copy_(torch.tensor([[0.5], [0.3]]))
        module.region_score.weight.fill_(1)
    _, attention = module(torch.ones(1, 1, 1).double(), torch.tensor([2.0, 1.0]).double().reshape(1, 1, 1, 2, 1))
    lead = math.tanh(2.5) - math.tanh(1.5)
    assert attention.flatten()[0].item() == pytest.approx(1 / (1 + math.exp(-lead)))


def test_the_attention_follows_shuffled_regions_as_that_by_row_does_not():
    torch.manual_seed(0)
    audio, visual, order = torch.randn(2, 3, 128), torch.randn(2, 3, 7, 7, 512), torch.randperm(49)
    shuffled = visual.flatten(2, 3)[:, :, order].unflatten(2, (7, 7))
    for kind, follows in ((by_column.ByColumn, True), (AudioGuidedAttention, False)):
        module = kind()
        attended, attention = module(audio, visual)
        again, moved = module(audio, shuffled)
        assert torch.allclose(moved.flatten(2), attention.flatten(2)[..., order], atol=1e-6) == follows
        assert torch.allclose(again, attended, atol=1e-5) == follows


def test_a_run_can_be_repeated_and_the_other_way_gives_another(tiny):
    config = RunConfig(data=str(tiny.path), batch=8, epochs=1).resolve()
    row, column = (by_column.train(config, tiny, way) for way in (False, True))
    assert (row["way"], column["way"]) == ("row", "column")
    assert row["right"] != column["right"] or row["pointed"] != column["pointed"]
    assert len(row["right"]) == len(tiny.splits["test"]) >= len(row["pointed"]) > 0
    assert by_column.train(config, tiny, False) == row


def test_the_record_holds_the_runs_of_the_script():
    record = json.loads(by_column.FILE.read_text())
    assert (record["data"], record["fingerprint"]) == (deviations.DATA, planted.fingerprint("mini"))
    wanted = [(way, config.setting, config.epochs, config.seed) for config in by_column.configs()
              for way in ("row", "column")]
    assert [(run["way"], run["setting"], run["epochs"], run["seed"]) for run in record["runs"]] == wanted
    for run in record["runs"]:
        assert len(run["right"]) == 160 and set(run["right"]) <= set(range(11)) and 1 <= run["epoch"] <= run["epochs"]
        assert all(0 <= share <= 1 for share in run["pointed"])



def test_what_chapter_3_says_of_the_record():
    runs = json.loads(by_column.FILE.read_text())["runs"]
    for setting in by_column.SETTINGS:
        right, pointed = ([np.array([run[kept] for run in runs if (run["way"], run["setting"]) == (way, setting)])
                           for way in ("row", "column")] for kept in ("right", "pointed"))
        _, low, high = mean_interval(right[0] - right[1])
        assert low < 0 < high
        assert max(np.ptp(way.mean(1)) for way in right) > abs(right[0].mean() - right[1].mean())
        assert (pointed[0].mean(1) < pointed[1].mean(1)).all() and pointed[1].mean() < 1 / 7
