"""The reading process of the fuzz tests, and their count at the end."""

import pytest

from tests.robustness.cases import LONG, Child, counts


@pytest.fixture(scope="session")
def child(tmp_path_factory):
    child = Child(tmp_path_factory.mktemp("fuzz") / "cases")
    yield child
    child.close()


def pytest_terminal_summary(terminalreporter):
    if not counts:
        return
    terminalreporter.section(f"fuzzed readers, {'long' if LONG else 'short'} run: {sum(counts.values())} cases")
    for reader in sorted({name for name, _ in counts}):
        outcomes = ", ".join(
            f"{number} {outcome}" for (name, outcome), number in sorted(counts.items()) if name == reader
        )
        terminalreporter.line(f"{reader:24} {outcomes}")
