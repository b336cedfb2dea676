"""Model files of strangers that must not run, hang or load: one table over all sources.

`tried` is called by `judging` in a process of its own with the folder that is named after a case;
the case is made there, loaded, and shown by the command line.
"""

import contextlib
import io
import platform
from pathlib import Path

import made_hostile_models.of_formats as of_formats
import made_hostile_models.of_hf as of_hf
import made_hostile_models.of_keras as of_keras
import made_hostile_models.of_onnx as of_onnx
import made_hostile_models.of_texts as of_texts
import made_hostile_models.of_weights as of_weights
from made_hostile_models.case import SECRET, Case, Ran, watched

PARTS = (of_formats, of_hf, of_keras, of_onnx, of_texts, of_weights)
CASES = {f"{c.source}: {c.name}": c for part in PARTS for c in part.CASES}
MISTAKE = 2  # exit status of what a user can mend


def tried(folder: Path) -> None:
    """Make the case whose name a folder has, and load it.

    Raises:
        UsableError: it was refused, as it must be.
        Ran: something of it ran.
        AssertionError: it loaded, or the command line says something else.
    """
    from usable_core.cli import main
    from usable_core.errors import UsableError
    from usable_core.models import load_model
    from usable_core.models.sources import onnx_bounds

    onnx_bounds.SECONDS = 1.0
    platform.processor()  # asks a process, once; libraries do so when they are imported
    folder.mkdir()
    asked = CASES[folder.name].make(folder)
    refused = None
    with watched(folder):
        try:
            load_model(asked.reference, **asked.given)
        except UsableError as error:
            refused = error
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = main(["models", "show", asked.reference, *asked.options])
    assert refused is not None, "it loaded"
    shown = said.getvalue()
    assert status == MISTAKE, f"the command line ends with {status}: {shown}"
    names = [asked.named, *(path.name for path in folder.rglob("*"))]
    assert any(name in str(refused) for name in names), f"no file is named: {refused}"
    assert SECRET not in shown, "a secret is quoted"
    raise refused


__all__ = ["CASES", "Case", "Ran", "tried"]
