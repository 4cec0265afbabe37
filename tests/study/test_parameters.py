"""Table II: what is counted, and what the paper prints."""
from vscg.study.parameters import parameter_table


def test_parameters_of_table_two():
    lines = parameter_table().set_index(["system", "setting"])
    assert lines.index.get_level_values(0).unique().tolist() == ["AVT", "CMRA", "PSP-Net", "CMBS", "DMIN", "VSCG"]
    counted = {("AVT", "fully"): (15_842_845, 15_842_845), ("AVT", "weakly"): (15_842_845, 15_842_845),
               ("CMRA", "fully"): (9_509_150, 15_863_262), ("PSP-Net", "fully"): (None, 1_667_251),
               ("PSP-Net", "weakly"): (None, 1_254_251), ("CMBS", "fully"): (9_200_473, 13_544_537),
               ("CMBS", "weakly"): (9_395_518, 14_789_439), ("DMIN", "fully"): (11_390_778, 17_744_890),
               ("DMIN", "weakly"): (11_391_549, 17_745_661), ("VSCG", "fully"): (2_508_366, 2_629_226),
               ("VSCG", "weakly"): (2_257_166, 2_397_006)}
    for key, (live, registered) in counted.items():
        assert lines.loc[key, "registered"] == registered and live in (None, lines.loc[key, "live"])
    assert (lines["live"] + lines["dead"]).equals(lines["registered"].rename(None))
    fully = lines.xs("fully", level="setting")
    assert fully["difference"].to_dict() == {"AVT": 0, "CMRA": 0, "PSP-Net": 0, "CMBS": 0.9, "DMIN": 0, "VSCG": 0}
    assert "No program was found" in fully.loc["AVT", "reason"]
    assert lines.loc[("CMBS", "weakly"), "difference"] == -0.4 and lines["reason"].str.len().min() > 20
    assert (fully.drop(["AVT", "CMBS"])["reason"] == fully.loc["VSCG", "reason"]).all()
