"""The evidence file of a verdict as one zip, written when it is asked for."""

import io
import tempfile
import zipfile
from functools import partial
from pathlib import Path

from dashboard.components.shared.formats import download
from usable_core.verdicts.assessment import AssessmentResult


def download_evidence(result: AssessmentResult) -> None:
    """Offer the verdict with all that proves it."""
    download(
        "Evidence file",
        partial(zipped, result),
        "evidence.zip",
        key="assess_evidence",
        help="The verdict as a page that opens offline and prints, its JSON, the records of each "
        "run, a model card and CSV. `usable verify evidence.zip` checks it.",
    )


def zipped(result: AssessmentResult) -> bytes:
    """Return the evidence file as a zip of one folder."""
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as passing:
        folder = Path(passing) / "evidence"
        result.save(folder)
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(folder.parent))
    return packed.getvalue()
