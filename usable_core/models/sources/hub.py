"""Whether the Hugging Face Hub can be reached, asked once: its library asks for a minute."""

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants

PATIENCE_SECONDS = 2.0


@contextmanager
def offline_where_unreachable() -> Iterator[None]:
    """Take files from the Hub's cache alone meanwhile, where the Hub does not answer.

    What is not in the cache is then refused at once, as `huggingface_hub` refuses it offline.
    """
    if constants.HF_HUB_OFFLINE or is_reachable():
        yield
        return
    constants.HF_HUB_OFFLINE = True  # what its functions look at, at each call
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = False


def is_reachable() -> bool:
    """Tell whether anything answers where the Hub should be, or at the proxy before it."""
    question = urllib.request.Request(constants.ENDPOINT, method="HEAD")
    try:
        with urllib.request.urlopen(question, timeout=PATIENCE_SECONDS):
            return True
    except urllib.error.HTTPError:  # an answer, if a refusal
        return True
    except urllib.error.URLError as error:  # certificates are the library's own affair
        return isinstance(error.reason, ssl.SSLError)
    except OSError:
        return False
