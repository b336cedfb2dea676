"""Whether a host can be reached, found out within two seconds.

The libraries that fetch try for up to a minute, so it is asked before them.
"""

import ssl
import threading
import urllib.error
import urllib.request

from usable_core.errors import first_line

PATIENCE = 1.5  # s, for names that are looked up and hosts that do not answer


def unreachable(url: str) -> str:
    """Return why a host, or the proxy before it, does not answer; empty where it does.

    It is asked in a thread, for looking up a name can take longer than any timeout of a connection.
    """
    found: list[str] = []

    def ask() -> None:
        found.append(_no_answer(url))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE + 0.2)
    return found[0] if found else f"no answer in {PATIENCE:g} seconds"


def _no_answer(url: str) -> str:
    try:
        request = urllib.request.Request(url, method="HEAD")
        urllib.request.urlopen(request, timeout=PATIENCE).close()
    except urllib.error.HTTPError:  # an answer, if a refusal
        return ""
    except urllib.error.URLError as error:  # certificates are the fetching library's own affair
        return "" if isinstance(error.reason, ssl.SSLError) else reason_of(error)
    except (OSError, ValueError) as error:
        return reason_of(error)
    return ""


def reason_of(error: BaseException) -> str:
    """Return why a host was not reached, as part of a sentence."""
    reason = getattr(error, "reason", error)
    return first_line(reason) if isinstance(reason, Exception) else str(reason)
