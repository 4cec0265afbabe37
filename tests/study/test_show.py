"""A chapter's findings in their box; tables as files: CSV and LaTeX."""
import re

import nbformat
import numpy as np
import pandas as pd
import papermill

from tests.book.test_build import execute
from tests.tables import dataset, fill
from vscg.study import show


class TestFindings:
    def test_papermill_writes_every_sentence_into_the_cell_at_the_top(self, tmp_path):
        cells = ["from vscg import study", "found = study.findings()", "found.say('One is < two.')\nprint('later')",
                 "found.say('Two.')\nfound.say('One is < two.')"]
        source = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        with execute.known_environment():
            done = papermill.execute_notebook(source, tmp_path / "done.ipynb", kernel_name="python3",
                                              progress_bar=False)
        (box,) = done.cells[1].outputs
        assert re.findall("<li>(.*?)</li>", box.data["text/html"]) == ["One is &lt; two.", "Two."]
        assert 'class="admonition' in box.data["text/html"] and "On this page" in box.data["text/html"]
        assert box.data["text/plain"].splitlines() == ["On this page", "- One is < two.", "- Two."]
        assert [output.output_type for output in done.cells[2].outputs] == ["stream"] and not done.cells[3].outputs

    def test_outside_a_notebook_the_box_is_text(self, capsys):
        found = show.findings()
        found.say("One.")
        assert repr(found) == "On this page\n- One." and "On this page" in capsys.readouterr().out

    def test_a_word_needs_an_interval_off_zero(self):
        words = [show.told(low, high, "above", "below") for low, high in ((0.1, 2), (-2, -0.1), (-1, 1), (0, 1))]
        assert words == ["above", "below", "not told apart from", "not told apart from"]
        assert show.told(-1, 1, "more", "less", "as much") == "as much"

    def test_no_true_difference_is_larger_than_what_can_be(self):
        assert show.findable(1.5) == "no difference is detectable"
        assert show.findable(1.5, 2) == "smallest detectable 150.0"

    def test_numbers_with_their_intervals(self):
        assert show.points(0.045, -0.0301, 0.1202) == "+4.5 points (-3.0 to +12.0)"
        assert show.points(-0.0001, 0, 0.002) == "-0.0 points (+0.0 to +0.2)", "an end below 0 is seen to be there"
        assert show.signed_text(-0.0) == show.signed_text(100 * (0.3 - 0.2 - 0.1)) == "+0.0"
        assert show.percent(0.7812, 0.729, 0.83) == "78.1% (72.9 to 83.0)"


class TestExport:
    def test_files_and_their_content(self, table_four, tmp_path):
        files = table_four.export(tmp_path / "new" / "folder")
        assert [file.name for file in files] == ["table-IV.csv", "table-IV.tex", "table-IV-differences.csv",
                                                 "table-IV-differences.tex"]
        assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(f.name for f in files)
        frame = table_four.frame()
        read = pd.read_csv(files[0], keep_default_na=False)
        assert read.columns.tolist() == frame.columns.tolist() and read["row"].tolist() == frame["row"].tolist()
        np.testing.assert_allclose(read["low"], frame["low"], atol=5e-4)
        assert read["each_seed"][0] == "30.000 40.000"
        differences = pd.read_csv(files[2])
        assert differences.columns.tolist() == table_four.differences().columns.tolist() and len(differences) == 10
        assert {"sd", "course"} <= set(read) and {"smallest", "learning"} <= set(differences)
        assert "standard deviation of runs" in files[1].read_text()
        assert "smallest detectable difference" in files[3].read_text()

    def test_latex_has_a_comment_rules_and_escaped_text(self, table_four, tmp_path):
        text = table_four.export(tmp_path)[1].read_text()
        comment = text.splitlines()[0]
        assert comment.startswith("% Table IV.")
        assert "planted-mini, profile quick: 3 epochs, batches of 8" in comment and "clean protocol, 2 seeds" in comment
        assert comment.endswith("no reproduction of the paper's accuracies.")
        body = "\n".join(text.splitlines()[2:])
        assert body.count(r"\toprule") == body.count(r"\midrule") == body.count(r"\bottomrule") == 1
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) == 1 + 14 + 3 and {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {9}
        assert r"paper (\%)" in body and not re.search(r"(?<!\\)[%#_$]", body) and "[" not in body

    def test_default_folder_stays_among_the_runs(self, table_four, tmp_path, monkeypatch):
        monkeypatch.setenv("VSCG_HOME", str(tmp_path))
        folder = tmp_path / "runs" / "tables"
        assert show.export_folder("planted-mini", "quick") == folder / "planted-mini-quick"
        assert show.export_folder("ave", "full", "released") == folder / "ave-full-released"
        assert show.export_folder("/data/../my ave.h5", "full").parent == folder
        assert {file.parent for file in table_four.export()} == {folder / "planted-mini-quick"}


def test_on_ave_nothing_is_said_about_planted_data(tmp_path):
    files = fill(tmp_path, dataset("ave"), "VI").export(tmp_path / "tables")
    assert "no reproduction" not in files[1].read_text()


def test_the_p_that_is_shown_is_the_corrected_one():
    frame = pd.DataFrame({"name": list("abc"), "paper": 1.0, "mean": 1.0, "low": 0.5, "high": 1.5, "smallest": 1.0,
                          "seeds": 3, "p": [0.004, 0.0002, np.nan], "holm": [0.032, 0.0016, 1.0],
                          "word": ["agrees", "agrees", "open"], "equal": [True, False, False]})
    text = show.family_text(frame)
    assert text["p, corrected"].tolist() == ["0.032", "0.002", show.DASH]
    assert text["by the rule"].tolist() == ["agrees, equal", "agrees", "open"]
