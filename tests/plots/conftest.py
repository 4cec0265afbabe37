"""Every figure is drawn in the book's style, without a screen."""
import matplotlib
import pytest

from vscg import plots


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context():
        matplotlib.use("Agg")
        plots.set_style()
        yield


def legend(fig) -> list[str]:
    """The texts of a figure's own legend."""
    return [text.get_text() for text in fig.legends[0].get_texts()]
