"""Which runs a table needs."""
import pytest

from vscg.cells import table_configs
from vscg.errors import VscgError
from vscg.models import BUILT, SYSTEMS


def test_every_built_row_in_every_setting_with_every_seed():
    configs = table_configs("I", data="planted", profile="quick", seeds=3)
    # CSS-Net has two rows, one with VSCG's attention and one with its own.
    rows = [name for name in BUILT if name != "dmrn" for _ in range(2 if name == "cssnet" else 1)]
    expected = [(name, setting, seed) for name in rows for setting in SYSTEMS[name].settings for seed in range(3)]
    assert [(config.system, config.setting, config.seed) for config in configs] == expected
    assert {(config.data, config.profile) for config in configs} == {("planted", "quick")}


def test_seeds_are_the_profiles_unless_given():
    assert len(table_configs("VI", data="ave", profile="full")) == 3 * 5
    assert len(table_configs("VI", data="ave", profile="quick")) == 3


def test_losses_and_options_of_a_row_reach_its_runs():
    config = table_configs("V", data="planted", profile="quick")[1]
    assert (config.loss, config.model_options) == ("ce+avps", {"head": "segment"})


@pytest.mark.parametrize("options, message", [({"table": "VII"}, "table 'VII'"), ({"profile": "fast"}, "'fast'"),
                                              ({"seeds": 0}, "from 1 to 1000")])
def test_unknown_names_are_refused(options, message):
    with pytest.raises(VscgError, match=message):
        table_configs(**{"table": "I", "data": "planted", "profile": "quick", **options})
