"""The list of deliberate faults fits the package and the tests that are there; `python -m tests.faults` tries it."""
from tests.faults import ROOT, faults


def test_every_fault_can_be_made_and_its_tests_are_there():
    assert len(faults()) > 40
    for file, tests, text, other in faults():
        assert (ROOT / file).read_text().count(text) == 1 and text != other, (file, text)
        assert all((ROOT / "tests" / name).is_file() for name in tests if name.endswith(".py"))
