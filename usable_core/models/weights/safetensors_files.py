"""Files of safetensors: a length, a header of JSON, and the numbers that it tells of."""

import struct
from collections.abc import Mapping
from pathlib import Path

import safetensors
from safetensors.torch import load_file
from torch import Tensor

from usable_core.errors import CheckpointError, first_line
from usable_core.json_files import parsed_json

_LONGEST_HEADER = 16 * 2**20  # bytes: 100,000 tensors; the format itself stops at 100 MB

# What the library and torch raise: of a header, of a dtype without a name, of memory.
_EXPECTED = (
    safetensors.SafetensorError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    OverflowError,
    RuntimeError,
    MemoryError,
)


def read_safetensors(path: Path) -> Mapping[str, Tensor]:
    """Return the tensors of a file by name, mapped rather than copied.

    Raises:
        CheckpointError: it is damaged or cut off, has a tensor twice, or cannot be mapped.
    """
    try:
        _check_header(path)
        tensors: Mapping[str, Tensor] = load_file(path)
    except _EXPECTED as error:
        raise CheckpointError(
            f"{path.name} is no complete safetensors file ({first_line(error)[:200]}). Fetch or "
            "copy it again."
        ) from error
    return tensors


def _check_header(path: Path) -> None:
    """Check that a header says one thing of each tensor.

    Raises:
        ValueError: it does not, or is no JSON.
    """
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise ValueError("it ends too early")
        (length,) = struct.unpack("<Q", start)
        if length > min(path.stat().st_size - 8, _LONGEST_HEADER):
            raise ValueError(f"its header is said to have {length:,} bytes")
        parsed_json(file.read(length))
