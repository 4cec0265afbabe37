"""Fixtures of the tests of models."""
import pytest
import torch

from tests.models.whole import draw_clips


@pytest.fixture(autouse=True)
def drawn():
    """The same weights and inputs in every run."""
    torch.manual_seed(0)


@pytest.fixture
def clips():
    """Audio and visual maps of two clips in double precision."""
    return draw_clips(dtype=torch.float64)
