"""The Hub of timm's weights where there is no network: told at once, the cache still used."""

import ssl
import urllib.error
from types import SimpleNamespace

import pytest
from huggingface_hub import constants

from usable_core import reach
from usable_core.errors import CheckpointError
from usable_core.models import load_model
from usable_core.models.sources import hub


def answering(monkeypatch, error):
    def opened(*_, **__):
        raise error

    monkeypatch.setattr(reach.urllib.request, "urlopen", opened)


@pytest.mark.parametrize(
    ("error", "is_reachable"),
    [
        (urllib.error.URLError(OSError("Name or service not known")), False),
        (TimeoutError("timed out"), False),
        (urllib.error.HTTPError("https://x", 403, "Forbidden", None, None), True),
        (urllib.error.URLError(ssl.SSLError("self-signed certificate")), True),
    ],
)
def test_whatever_answers_is_the_hub(monkeypatch, error, is_reachable):
    answering(monkeypatch, error)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    assert bool(reach.unreachable(constants.ENDPOINT)) is not is_reachable
    with hub.offline_where_unreachable():
        assert constants.HF_HUB_OFFLINE is not is_reachable
    assert constants.HF_HUB_OFFLINE is False


def test_weights_that_cannot_be_had_are_refused_without_asking_again(monkeypatch, tmp_path):
    asked = []
    answering(monkeypatch, urllib.error.URLError(OSError("no network")))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=asked.append))

    with pytest.raises(CheckpointError, match="not on this machine"):
        load_model("timm/test_vit")
    assert asked == []  # of 22 tries, each after a pause
