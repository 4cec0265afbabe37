"""Annotations.txt: what is written is what is read, and damage is one error with its line."""
from hypothesis import given
from hypothesis import strategies as st

from tests.robustness.cases import cases, damaged
from vscg.data.labels import CATEGORIES

SECONDS = st.tuples(st.integers(0, 10), st.integers(0, 10)).map(sorted)
ROWS = st.lists(st.tuples(st.sampled_from(CATEGORIES), st.text("ABCabc019_-", min_size=11, max_size=11),
                          SECONDS, st.text("good bad", max_size=9)), min_size=1, max_size=8)
ODD = st.sampled_from([
    "&", "&&&&", "&" * 5_000_000, "\ufeff", "\0", "Bark&aaaaaaaaaaa&good&٣&٤", "Bark&aaaaaaaaaaa&good&0&10&",
    "Bark&aaaaaaaaaaa&good&-1&5", "Bark&aaaaaaaaaaa&good&" + "0" * 1_000_000 + "&1"]) | st.text(min_size=1, max_size=40)


def text(rows) -> str:
    return "".join(f"{category}&{video}&{quality}&{start}&{end}\n" for category, video, (start, end), quality in rows)


@cases(30, 400)
@given(rows=ROWS, ending=st.sampled_from(["\n", "\r\n"]), odd=ODD, at=st.integers(0, 8))
def test_what_is_written_is_read_and_a_line_that_is_none_is_refused_by_its_number(child, rows, ending, odd, at):
    path = child.folder / "Annotations.txt"
    path.write_bytes(text(rows).replace("\n", ending).encode())
    assert child.case("annotations", path) == [[category, video, *seconds] for category, video, seconds, _ in rows]
    lines = text(rows).split("\n")[:-1]
    lines.insert(at := min(at, len(lines) - 1), "x" + "".join(odd.split()))
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass") + b"\n")
    assert child.case("annotations", path) is None and f"line {at + 1}" in child.said


@cases(40, 800)
@given(data=st.data(), rows=ROWS)
def test_damaged_bytes(child, data, rows):
    content = data.draw(damaged(text(rows).encode()))
    (path := child.folder / "Annotations.txt").write_bytes(content)
    found = child.case("annotations", path)
    if found is not None:
        fields = [line.decode().split("&") for line in content.rstrip().splitlines()]
        assert found == [[f[0], f[1], int(f[3]), int(f[4])] for f in fields]
