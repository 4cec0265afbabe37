"""The reading process of the fuzz tests."""
import pytest

from tests.robustness.cases import Child


@pytest.fixture(scope="session")
def child(tmp_path_factory):
    child = Child(tmp_path_factory.mktemp("fuzz") / "cases")
    yield child
    child.close()
