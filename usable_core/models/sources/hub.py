"""Whether the Hugging Face Hub can be reached, asked once: its library asks for a minute."""

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants

from usable_core.reach import unreachable


@contextmanager
def offline_where_unreachable() -> Iterator[None]:
    """Take files from the Hub's cache alone meanwhile, where the Hub does not answer.

    What is not in the cache is then refused at once, as `huggingface_hub` refuses it offline.
    """
    if constants.HF_HUB_OFFLINE or not unreachable(constants.ENDPOINT):
        yield
        return
    constants.HF_HUB_OFFLINE = True  # what its functions look at, at each call
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = False
