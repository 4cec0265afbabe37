"""What the paper's tables can resolve, recomputed by hand, and the two tables that are read from files."""
import math

import pytest

from vscg.study import resolution
from vscg.study.paper import TABLES


def test_margins_are_the_printed_ones_and_few_exceed_the_sampling_of_the_clips():
    found = resolution.margins()
    assert len(found) == 46 and list(found["table"].value_counts().sort_index()) == [8, 22, 10, 6]
    line = found[(found["second"] == "w/o ESCM") & (found["first"] == "ISCE w/ CERE (full)")].set_index("setting")
    assert line["margin"].to_dict() == {"fully": 1.8, "weakly": 1.9}
    assert line.loc["fully", "z30"] == pytest.approx(1.8 / (30 / math.sqrt(402)))
    # At a middle deviation six exceed 1.96 standard errors, none of them over PSP-Net, CMBS or DMIN.
    clear = found[found["z30"].abs() > 1.96]
    assert len(clear) == 6 and set(clear["second"][clear["table"] == "I"]) == {"CSS-Net"}
    assert resolution.smallest_margin(30) == pytest.approx(2.93, abs=0.005)


def test_spread_from_run_to_run_by_hand():
    # Deviations from the groups' means: PSP-Net 77.8 75.8 75.2 76.6 and 73.5 72.9, CMBS 79.3 78.18 79.2 and 74.2 73.3
    # 73.95 72.3 73.3, DMIN 79.6 78.5, with 3 + 1 + 2 + 4 + 1 degrees of freedom.
    squares = 3.79 + 0.18 + 0.76827 + 2.172 + 0.605
    deviation, low, high, free = resolution.run_to_run()
    assert free == 11 and deviation == pytest.approx(math.sqrt(squares / 11), abs=1e-4)
    interval = (deviation * math.sqrt(11 / 21.9200), deviation * math.sqrt(11 / 3.81575))
    assert (low, high) == pytest.approx(interval, abs=1e-3)


def test_the_published_figure_is_the_highest_of_every_group():
    found = resolution.reproductions()
    assert (found["obtained"] <= found["published"]).all() and len(found) == 19
    # Every starred figure of Table IV that another table prints as published.
    starred = found[found["source"] == "VSCG Table IV"].set_index(["system", "setting"])["obtained"]
    rows = {row.name: row.paper for row in TABLES["IV"].rows}
    assert starred.to_dict() == {(name, setting): figure for name in ("PSP-Net", "CMBS", "AVEL")
                                 for setting, figure in rows[name].items()}
    printed = {row.name: row.paper for row in TABLES["I"].rows}
    for line in found[found["system"].isin(printed)].itertuples():
        assert printed[line.system][line.setting] == line.published


def test_who_chooses_by_what():
    found = resolution.selections()
    assert set(found["chosen by"]) == {"test", "validation"} and (found["where"] != "").all()


def test_a_margin_in_deviations_of_two_runs():
    found = resolution.margins().iloc[0]
    assert found["runs"] == pytest.approx(found["margin"] / (math.sqrt(2) * resolution.run_to_run()[0]))
