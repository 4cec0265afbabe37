"""Tables of runs with known accuracies, made once."""
import numpy as np
import pytest

from tests import tables
from vscg.study import deviations, effects
from vscg.study.runs import table_configs
from vscg.study.tables import table


@pytest.fixture(scope="session")
def table_one(tmp_path_factory):
    return tables.table_one(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def table_four(tmp_path_factory):
    return tables.table_four(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def primary_tables(tmp_path_factory):
    """Tables III, IV and V with three seeds: the plugged PSP-Net still learns, what lacks something is worse, but for
    the loss of the weakly supervised VSCG, which is better without."""
    store = tmp_path_factory.mktemp("runs")
    worse = {"escm": False, "prior": "zero"}
    for name in ("III", "IV", "V"):
        for config in table_configs(name, data="planted-mini", profile="quick", seeds=3):
            level = 5 - 2 * any(config.model_options.get(option) == value for option, value in worse.items())
            level += {"c+t": -2, "bce": 2}.get(config.loss, 0) * (config.system == "vscg")
            curve = (0.5, 0.6) if config.model_options.get("plug") else tables.CONVERGED
            right = level + np.roll(tables.SPREAD, config.seed + level)
            tables.store_run(store, tables.MINI, config, right, curve=curve)
    return [table(name, dataset=tables.MINI, profile="quick", seeds=3, store=store) for name in ("III", "IV", "V")]


@pytest.fixture(scope="class")
def small(tiny, tmp_path_factory):
    """The study made small: two differences and a rounding, two seeds, one epoch, 26 clips; in a home of its own."""
    pairs = (deviations.Deviation("V4", "?", {}, {"model_options": {"escm_dropout": 0.2}}),
             deviations.Deviation("W3", "?", {"target": "proportion"}, {}, {"setting": "weakly"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSCG_HOME", str(tmp_path_factory.mktemp("home")))
        for name, value in (("DATA", str(tiny.path)), ("SEEDS", 2), ("DUPLICATES", 2), ("DEVIATIONS", pairs),
                            ("ROUNDINGS", (deviations.Deviation("TF32", "?", {"precision": "tf32"}),)),
                            ("_SHORT", {"batch": 8, "epochs": 1}), ("_LONG", {"batch": 8, "epochs": 2})):
            patch.setattr(deviations, name, value)
        records = tmp_path_factory.mktemp("records")
        patch.setattr(effects, "records_dir", lambda: records)
        yield tiny
