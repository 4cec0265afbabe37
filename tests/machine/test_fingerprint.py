"""Hashes of code and of values: what changes them and what does not."""
import pytest

from vscg.machine.files import code_hash, value_hash

SOURCE = '"""Doc."""\ndef f(x):\n    """Doc."""\n    return x + 1     # a comment\n'


@pytest.mark.parametrize("text, same", [
    (SOURCE.replace("Doc", "Other"), True), (SOURCE.replace("  # a comment", ""), True),
    (SOURCE.replace("x + 1", "(x\n            + 1)"), True), (SOURCE.replace("+ 1", "+ 2"), False),
    (SOURCE.replace("x", "y"), False), (SOURCE + "A = 'text'\n", False),
    (SOURCE + "import os\nfrom a import b\n", True)])
def test_code_hash_sees_what_code_does_and_nothing_else(text, same, tmp_path):
    file = tmp_path / "a.py"
    file.write_text(SOURCE)
    before = code_hash([file])
    file.write_text(text)
    assert (code_hash([file]) == before) is same
    file.write_text(SOURCE)
    other = file.rename(tmp_path / "b.py")
    assert code_hash([other]) == before           # a file may move to another place and be called otherwise


def test_value_hash():
    assert value_hash({"a": 1, "b": [2]}) == value_hash({"b": [2], "a": 1}) != value_hash({"a": 1, "b": [3]})
