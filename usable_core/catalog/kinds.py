"""What models take and data consist of, told from files' names before anything is loaded."""

from pathlib import Path
from typing import Literal

from usable_core.catalog.datasets import DATASETS, TABLES
from usable_core.catalog.hub import PROCESSORS, TOKENIZERS
from usable_core.catalog.references import files_of, source_of
from usable_core.errors import UsableError
from usable_core.files import is_file, placed

Kind = Literal["picture", "text"]


def kind_of_model(reference: str) -> Kind | None:
    """Return what a model takes; None where nobody knows before it is loaded."""
    try:
        row, _ = source_of(reference)
        names = {path.name for path in files_of(reference)}
    except UsableError:  # loading it will say why
        return None
    if row.is_hub and not names:
        return None
    is_text = bool(names & {*TOKENIZERS}) and not names & {*PROCESSORS}
    return "text" if is_text else "picture"


def kind_of_data(reference: str) -> Kind | None:
    """Return what data consist of; None where nobody knows before they are read."""
    if reference in DATASETS:
        return DATASETS[reference].kind
    path = placed(reference)
    if not is_file(path):
        return None
    if path.suffix.lower() in (*TABLES, ".txt"):
        return "text"
    return _of_parquet(path) if path.suffix.lower() == ".parquet" else None


def _of_parquet(path: Path) -> Kind | None:
    """Return what a Parquet file holds: pictures are bytes, alone or with their path."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        kinds = pq.read_schema(path).types
    except (OSError, pa.ArrowException):
        return None
    has_bytes = any(
        pa.types.is_struct(k) or pa.types.is_binary(k) or pa.types.is_large_binary(k) for k in kinds
    )
    return "picture" if has_bytes else "text"
