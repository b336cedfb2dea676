"""A checkpoint's file gone through before it is read: its zip, its pickles, the sizes they say."""

import io
import zipfile
from pathlib import Path
from typing import BinaryIO

import torch

from usable_core.errors import CheckpointError, first_line
from usable_core.models.weights.opcodes import Machine, NotOfWeights

_SPARE = 64 * 2**20  # bytes by which a zip may grow, beside four times its own


def names_in(path: Path) -> frozenset[str]:
    """Return the globals that a file of `torch.save` names, after checking all it would do.

    Raises:
        NotOfWeights: it is damaged, or does what no file of weights does.
        CheckpointError: its tensors are of a kind that is not read, or are said to be larger than
            the file; or its zip holds one name twice, or grows out of proportion.
    """
    try:
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                return _in_zip(path)
            file.seek(0)
            return _in_stream(path, file)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise NotOfWeights from error
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
        raise CheckpointError(
            f"{path.name} cannot be read as a weights file: it is damaged or cut off "
            f"({first_line(error)[:200]}). Fetch or copy it again."
        ) from error


def _in_zip(path: Path) -> frozenset[str]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    names = [member.filename for member in members]
    if len({name.casefold() for name in names}) < len(names):  # torch looks for them in any case
        raise CheckpointError(f"{path.name} holds a file twice under one name. Save it again.")
    held = sum(member.file_size for member in members)
    if held > 4 * path.stat().st_size + _SPARE:
        raise CheckpointError(
            f"{path.name} has {path.stat().st_size:,} bytes and says that it unpacks to {held:,}. "
            "Get the weights from somebody you trust."
        )
    reader = torch._C.PyTorchFileReader(str(path))  # sees what torch.load will see
    root = names[0].partition("/")[0]
    if {f"{root}/{name}" for name in reader.get_all_records()} != set(names):
        raise NotOfWeights
    sizes = {m.filename.removeprefix(f"{root}/data/"): m.file_size for m in members}
    machine = Machine(path.name, lambda key, size: size <= sizes[key])
    machine.run(io.BytesIO(reader.get_record("data.pkl")))
    return frozenset(machine.names)


def _in_stream(path: Path, file: BinaryIO) -> frozenset[str]:
    """Go through torch's older form: a number, a version, a system, the object, keys, weights."""
    left, seen = path.stat().st_size, set[str]()

    def fits(key: str, size: int) -> bool:
        nonlocal left
        left -= 0 if key in seen else size
        seen.add(key)
        return left >= 0

    machine = Machine(path.name, fits)
    first = machine.run(file)
    if first == torch.serialization.MAGIC_NUMBER:
        for _ in range(4):
            machine.run(file)
    return frozenset(machine.names)
