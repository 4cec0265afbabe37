"""What chapters say with other seeds and parameters: the two committed records are of today's chapters."""
import json

from tests.book.test_build import ROOT, load
from vscg.study import with_seeds

five_seeds, try_seeds = (load(ROOT / "book" / f"{name}.py") for name in ("five_seeds", "try_seeds"))


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


def test_with_seed_0_the_record_says_what_the_committed_chapter_says():
    record = json.loads(five_seeds.RECORD.read_text(encoding="utf-8"))
    assert tuple(record) == five_seeds.CHAPTERS
    for number in record:
        notebook, = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
        said = with_seeds(number)
        assert list(said) == list(five_seeds.SEEDS) and said[0] == five_seeds.box(notebook) and len(said[0]) > 2
        assert [len(sentences) for sentences in said.values()] == [len(said[0])] * len(said)
        assert f'with_seeds("{number}")' in notebook.with_suffix(".py").read_text(encoding="utf-8")
    assert with_seeds("99") == {}
