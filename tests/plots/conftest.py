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
