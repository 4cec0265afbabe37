"""Checking one named choice."""
import pytest

from vscg.errors import VscgError, choose


@pytest.mark.parametrize("allowed", [("agva", "mean"), ["agva", "mean"], {"agva": 1, "mean": 2}])
def test_only_an_exact_name_of_any_container(allowed):
    assert choose("spatial", "mean", allowed) is None
    for value in ("max", "", "Mean", "mea", " mean", 3):
        with pytest.raises(VscgError, match=rf"^spatial {value!r} is unknown: choose one of agva, mean\.$"):
            choose("spatial", value, allowed)
