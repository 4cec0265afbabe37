"""Checking one named choice."""
import pytest

from vscg.errors import VscgError, choose


@pytest.mark.parametrize("allowed", [("agva", "mean"), ["agva", "mean"], {"agva": 1, "mean": 2}])
def test_any_container_of_names(allowed):
    assert choose("spatial", "mean", allowed) is None
    with pytest.raises(VscgError, match=r"^spatial 'max' is unknown: choose one of agva, mean\.$"):
        choose("spatial", "max", allowed)


@pytest.mark.parametrize("value", ["", "Mean", "mea", " mean"])
def test_only_the_exact_name(value):
    with pytest.raises(VscgError, match="spatial"):
        choose("spatial", value, ("agva", "mean"))
