"""The record of what chapters say with seeds 0 to 4, and the command that writes it."""
import json

from tests.book.test_build import ROOT, load
from vscg.study import with_seeds

five_seeds = load(ROOT / "book" / "five_seeds.py")


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
