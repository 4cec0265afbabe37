"""The chapters with other parameters: which cases there are, what is run again, and the committed table of them."""
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book"))
    import try_seeds
    yield try_seeds
    sys.modules.pop("try_seeds")


def test_each_parameter_is_varied_where_a_chapter_has_it_and_no_case_of_the_committed_table_failed(script):
    names = []
    for source in script.execute.sources():
        has = script.execute.default_parameters(source, ("SEED", "SEEDS", "PROTOCOL", "DATA"))
        varied, values = zip(*script.cases(source), strict=True)
        names += [(source.name[:2], name) for name in varied]
        assert values[0] == {} and all(has[name] != value for one in values for name, value in one.items()), source.name
        assert [one["SEED"] for one in values if "SEED" in one] == [1, 2, 3, 4] * ("SEED" in has), source.name
        assert any("SEEDS" in one for one in values) == ("SEEDS" in has), source.name
        assert any(one.get("PROTOCOL") == "released" for one in values) == ("PROTOCOL" in has), source.name
    found = script.read()
    assert len(set(names)) == len(names) and [name for name in names if name in found] == list(found)
    assert {row["result"] for row in found.values()} == {"ok"}
