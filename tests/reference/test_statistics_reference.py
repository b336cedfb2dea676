"""Intervals and tests of shares beside scipy's and statsmodels', to nine digits."""

import gc

import pytest

pytestmark = pytest.mark.reference
pytest.importorskip("statsmodels")

from benchmarks.candidates import differences_from_peers  # noqa: E402


@pytest.fixture
def small_heap():
    """Keep what the suite holds from the collector, which statsmodels runs at every call."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("small_heap")
def test_statistics_are_those_of_scipy_and_statsmodels():
    found = differences_from_peers(300)

    assert len(found) == 5
    assert max(found.values()) <= 1e-9, found
