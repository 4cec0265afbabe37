"""Our models are the published programs: the same outputs, losses, gradients and training steps, to rounding.

Systems without a program are what an independent prototype of what is known about them computes.
"""
import pytest
import torch

from tests.golden import compare as comparison
from tests.golden import golden
from tests.golden.compare import CASES, FOLDER, TOLERANCES, compare, path_of

PUBLISHED_COUNTS = {"vscg_fully": 2_629_226, "vscg_weakly": 2_397_006, "psp_fully": 1_667_251, "psp_weakly": 1_254_251,
                    "avel_fully": 1_335_246, "avel_weakly": 1_335_246, "dmrn_fully": 1_571_150,
                    "cman_fully": 2_068_017, "cman_weakly": 2_068_017, "cman_fully_k256": 2_446_365,
                    "dam_fully": 1_609_293, "avrb_fully": 1_666_126, "avrb_weakly": 1_666_126,
                    "avin_fully": 1_614_109, "avin_weakly": 1_614_109, "avin_fully_agva": 1_993_038,
                    "avin_fully_channel": 1_614_109,
                    "avsdn_fully": 2_162_510, "avsdn_weakly": 2_162_510, "cmra_fully": 15_863_262,
                    "cmra_weakly": 15_863_519, "cmbs_fully": 13_544_537, "cmbs_weakly": 14_789_439,
                    "dmin_fully": 17_744_890, "dmin_weakly": 17_745_661, "csa_fully": 1_333_533,
                    "csa_weakly": 1_333_533, "avt_fully": 15_842_845, "avt_weakly": 15_842_845,
                    "dca_fully": 2_087_857, "cssnet_fully": 1_539_406, "cssnet_weakly": 1_539_663,
                    "cssnet_fully_agva": 1_440_590,
                    "cssnet_weakly_agva": 1_440_847}
OUTPUTS = {"vscg_fully": {"is_event", "event", "similarity"}, "psp_fully": {"segment_logits", "similarity"},
           "vscg_weakly": {"video_prob", "segment_logits", "smooth_prob"}, "avel_fully": {"segment_prob"},
           "psp_weakly": {"video_prob", "segment_logits"}, "avel_weakly": {"video_prob", "segment_logits"},
           **{f"cman_fully{switch}": {"segment_logits", "attention", "beta_visual", "beta_audio"}
              for switch in ("", "_k256")},
           "cman_weakly": {"segment_logits", "attention", "beta_visual", "beta_audio", "video_prob"},
           "dam_fully": {"is_event", "event", "relevance_prob"}, "avrb_fully": {"segment_logits", "segment_weight"},
           "avrb_weakly": {"segment_logits", "segment_weight", "video_prob"},
           **{f"avin_fully{switch}": {"segment_logits"} for switch in ("", "_agva", "_channel")},
           "avin_weakly": {"segment_logits", "video_prob"},
           "dmrn_fully": {"segment_prob"}, "avsdn_fully": {"is_event", "event"},
           "avsdn_weakly": {"is_event", "event", "video_prob"}, "cmra_fully": {"is_event", "event"},
           "cmra_weakly": {"is_event", "raw_logits", "video_prob"},
           "cmbs_fully": {"is_event", "event", "gate", "av_score"}, "cmbs_weakly": {"gate", "raw_logits", "video_prob"},
           "dmin_fully": {"is_event", "event", "event_self"},
           "dmin_weakly": {"is_event", "raw_logits", "video_prob", "video_prob_self"},
           **{f"{system}_fully": {"segment_logits", "attention"} for system in ("csa", "avt")},
           **{f"{system}_weakly": {"segment_logits", "attention", "video_prob"} for system in ("csa", "avt")},
           "dca_fully": {"segment_logits"},
           **{f"cssnet_fully{switch}": {"is_event", "global_visual", "global_audio", "event"}
              for switch in ("", "_agva")},
           **{f"cssnet_weakly{switch}": {"is_event", "global_visual", "global_audio", "raw_logits", "video_prob"}
              for switch in ("", "_agva")}}


@pytest.fixture(autouse=True)
def one_thread():
    """Threads that wait for one another on a busy machine cost more than they bring here."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_every_golden_file_is_compared():
    assert {path.stem for path in FOLDER.rglob("*.npz")} == set(CASES) == set(PUBLISHED_COUNTS)
    assert TOLERANCES == {"absolute": 1e-5, "relative gradient": 1e-4, "relative trajectory": 1e-3,
                          "relative fall": 1e-2, "count": 0}


@pytest.mark.parametrize("case", CASES)
def test_same_numbers_as_the_published_program(case):
    meta, published = golden.load(path_of(case))
    assert set(published) == OUTPUTS[case] and meta["n_params"] == PUBLISHED_COUNTS[case]
    rows = compare(case)
    names = [row.quantity for row in rows]
    parts = {f"loss part {part}" for part in meta["parts"]}
    assert {*published, "loss", *parts, "gradient norm", "gradient projection",
            "loss before Adam step 5", "parameters, live and dead"} <= set(names)
    assert len(names) == len(set(names))
    outside = [row for row in rows if not row.within]
    assert not outside, outside


def test_the_comparison_sees_a_changed_weight(monkeypatch):
    honest = golden.weights

    def changed(meta):
        found = honest(meta)
        found["lstm_audio.bias_ih_l0"] = found["lstm_audio.bias_ih_l0"] + 0.01
        return found

    monkeypatch.setattr(golden, "weights", changed)
    outside = {row.quantity for row in compare("avel_weakly") if not row.within}
    assert {"segment_logits", "gradient norm", "gradient projection"} <= outside
    assert not any(quantity.startswith(("parameters", "dead")) for quantity in outside)


def test_the_table_prints(monkeypatch, capsys):
    monkeypatch.setattr(comparison, "CASES", ("avel_fully",))
    monkeypatch.setitem(TOLERANCES, "count", -1)
    comparison.main()
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["case", "quantity"] and len(lines) == len(compare("avel_fully"))
    assert all(line.startswith("avel_fully ") for line in lines)
    assert {" NO " in line for line in lines if " count " in line} == {True}
    assert {" ok " in line for line in lines if " count " not in line} == {True}
