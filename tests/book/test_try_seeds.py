"""The chapters with other parameters: which cases there are, what is run again, and the committed table of them."""
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A notebook

# %% tags=["parameters"]
DATA = "planted-mini"
SEED = 0
"""


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


def test_failures_are_noted_and_tried_again_and_what_has_passed_is_left_until_its_source_changes(
        script, tmp_path, monkeypatch, capsys):
    source, done, broken = tmp_path / "03_toy.py", [], {2}
    source.write_text(NOTEBOOK)

    def execute(source, target, parameters):
        done.append(parameters)
        if parameters.get("SEED") in broken:
            raise script.execute.NotebookFailed("03_toy.py stopped in cell In [4] with AssertionError: \n\nassert ...")

    monkeypatch.setattr(script.execute, "execute", execute)
    monkeypatch.setattr(script.execute, "sources", lambda: [source])
    monkeypatch.setattr(script, "TABLE", tmp_path / "seeds.csv")
    assert script.main([]) == 1 and len(done) == 6
    assert "03 seed 2                           03_toy.py stopped in cell In [4]" in capsys.readouterr().out
    rows = (tmp_path / "seeds.csv").read_text().splitlines()
    assert len(rows) == 7 and rows[3].startswith("03,seed 2,03_toy.py stopped in cell In [4] with AssertionError")
    broken.clear()
    assert script.main(["03"]) == 0 and done[6:] == [{"SEED": 2}]
    source.write_text(NOTEBOOK + "\n# Another word.\n")
    assert script.main(["03"]) == 0 and len(done) == 7 + 6
    assert script.main(["04"]) == 2 and "No notebook starts with 04" in capsys.readouterr().err
