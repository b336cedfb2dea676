"""What strangers' files and pages meet below us: the lowest versions that may be installed."""

import inspect
import re
import tomllib
from pathlib import Path

import pytest

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
# Lowest version whose behaviour is relied on, and the behaviour.
RELIED_ON = {
    "pillow": ("12.1.1", "no write outside of a picture's memory (CVE-2026-25990)"),
    "pyarrow": ("14.0.1", "a Parquet file's extension types are not unpickled (CVE-2023-47248)"),
    "safetensors": ("0.4.0", "headers are checked before anything is mapped"),
    "sqlalchemy": ("2.0.0", "values are bound, never part of a statement"),
    "streamlit": ("1.61", "`App` with middleware, `server.allowedHosts`"),
    "timm": ("1.0.26", "checkpoints are read with weights_only by every loader"),
    "torch": ("2.10", "weights_only keeps its promise (CVE-2025-32434, CVE-2026-24747)"),
    "transformers": ("5.20", "processors of Pillow by name, weights given as tensors"),
    "numpy": ("1.16.3", "np.load takes no pickles"),
}


def numbers(version):
    return tuple(int(part) for part in version.split("."))


def lowest():
    listed = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    return dict(re.fullmatch(r"([\w-]+)>=([\d.]+)", entry).groups() for entry in listed)


@pytest.mark.parametrize("name", RELIED_ON)
def test_no_version_below_what_is_relied_on_may_be_installed(name):
    version, reason = RELIED_ON[name]

    assert numbers(lowest()[name]) >= numbers(version), reason


def test_the_loaders_of_timm_read_weights_only():
    from timm.models import _helpers, _hub

    for function in (
        _helpers.load_state_dict,
        _helpers.load_checkpoint,
        _hub.load_state_dict_from_hf,
        _hub.load_state_dict_from_path,
    ):
        assert inspect.signature(function).parameters["weights_only"].default is True
