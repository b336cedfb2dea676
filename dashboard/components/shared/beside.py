"""Work beside the pages' scripts: for a disk, a lock or a decoder a script waits a blink at most.

What takes longer is shown at the page's next look, so that no tab stands still for it. Such work
uses nothing of Streamlit's.
"""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

BLINK = 0.2  # s: what is quick, such as an answer of the store, is there without a second look
# One thread puts questions and withdraws them, so that both happen in the order of the clicks.
LANE = ThreadPoolExecutor(1, "lane")
STORE = ThreadPoolExecutor(1, "store")
PICTURES = ThreadPoolExecutor(2, "pictures")


def glance(begun: Iterable[Future[Any]]) -> None:
    """Give work a blink to end."""
    wait(list(begun), timeout=BLINK)
