"""What chapters say with other seeds and parameters: the records are of the chapters and cases that are there."""
import json
import re

from tests.book.test_build import ROOT, load
from vscg.study import with_seeds

try_seeds = load(ROOT / "book" / "try_seeds.py")


def test_each_parameter_is_varied_where_a_chapter_has_it_and_no_case_of_the_committed_table_failed():
    names = []
    for source in try_seeds.execute.sources():
        has = try_seeds.execute.default_parameters(source, ("SEED", "SEEDS", "PROTOCOL", "DATA"))
        varied, values = zip(*try_seeds.cases(source), strict=True)
        names += [(source.name[:2], name) for name in varied]
        assert values[0] == {} and all(has[name] != value for one in values for name, value in one.items()), source.name
        assert [one["SEED"] for one in values if "SEED" in one] == [1, 2, 3, 4] * ("SEED" in has), source.name
        assert any("SEEDS" in one for one in values) == ("SEEDS" in has), source.name
        assert any(one.get("PROTOCOL") == "released" for one in values) == ("PROTOCOL" in has), source.name
    found = try_seeds.read()
    assert len(set(names)) == len(names) and [name for name in names if name in found] == list(found)
    assert {row["result"] for row in found.values()} == {"ok"}


def test_with_its_first_value_the_record_says_what_the_committed_chapter_says():
    record = json.loads(try_seeds.BOX_FILE.read_text(encoding="utf-8"))
    assert list(record) == list(try_seeds.BOXES)
    for number in try_seeds.BOXES:
        notebook, = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
        said = with_seeds(number)
        first = said[0]
        assert list(said) == list(try_seeds.SEEDS) and first == try_seeds.box(notebook) and len(first) > 2
        assert [len(sentences) for sentences in said.values()] == [len(first)] * len(said)
        assert f'with_seeds("{number}")' in notebook.with_suffix(".py").read_text(encoding="utf-8")
    assert with_seeds("99") == {}


def test_what_chapter_6_says_of_the_five_seeds():
    taken = [float(re.search(r"vector, (\S+)% of the clips take", text).group(1))
             for said in with_seeds("06").values() for text in said if text.startswith("Given another clip's")]
    assert len(taken) == 5 and max(taken) == 1.9
