"""The record of what chapters say with seeds 0 to 4, and the command that writes it."""
import json

import nbformat

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


def test_each_seed_runs_once_and_its_box_is_kept(tmp_path, monkeypatch):
    def execute(source, target, parameters):
        output = nbformat.v4.new_output("display_data", {"text/plain": f"On this page\n- Seed {parameters['SEED']}."})
        target.parent.mkdir(exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=[
            nbformat.v4.new_code_cell("found = study.findings()", outputs=[output])]), target)

    monkeypatch.setattr(five_seeds.execute, "execute", execute)
    monkeypatch.setattr(five_seeds, "RECORD", tmp_path / "five_seeds.json")
    monkeypatch.setattr(five_seeds, "FOLDER", tmp_path / "run")
    five_seeds.RECORD.write_text('{"06": {"0": ["Old."]}}')
    assert five_seeds.main(["05"]) == 0
    written = json.loads(five_seeds.RECORD.read_text())
    assert list(written) == ["05", "06"] and written["06"] == {"0": ["Old."]}
    assert written["05"] == {str(seed): [f"Seed {seed}."] for seed in range(5)}
