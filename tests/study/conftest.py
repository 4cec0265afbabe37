"""Tables of runs with known accuracies, made once."""
import pytest

from tests import tables


@pytest.fixture(scope="session")
def table_one(tmp_path_factory):
    return tables.table_one(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def table_four(tmp_path_factory):
    return tables.table_four(tmp_path_factory.mktemp("runs"))
