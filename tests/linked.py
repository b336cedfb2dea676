"""Links that name files, options and data, for tests of what the pages do with them."""

import contextlib
import sys

OPEN = "open_what_the_link_names"
LINKED = {"models_weights_timm/resnet10t": "/evil.pth"}
_REFERENCE = "timm/resnet10t"
# Each way to name something in an address, and each page that has pickers.
KINDS = ("folder", "file", "path", "weights", "options", "labels", "data")
PAGES = ("explain", "accuracy", "robustness", "corruption", "explanation", "fine_tune", "assess")
_paths: list[list[str]] = []


def _note(event, told):
    if _paths and event in ("open", "os.listdir", "os.scandir", "os.stat") and told:
        _paths[-1].append(str(told[0]))


sys.addaudithook(_note)


@contextlib.contextmanager
def paths_opened():
    """Give the paths that the process opens meanwhile."""
    _paths.append([])
    try:
        yield _paths[-1]
    finally:
        _paths.pop()


def named(page, kind, path):
    """Return the address of a page that names a path as what the kind says."""
    models = "fine_tune_model" if page == "fine_tune" else "models"
    address = {"image": "cat"} if page == "explain" else {}
    if kind == "data":
        return {"fine_tune_dataset" if page == "fine_tune" else "data": str(path)}
    if kind in ("folder", "file"):
        return address | {models: f"{kind}/{path}"}
    if kind == "path":
        return address | {models: str(path)}
    said = f"checkpoint_path={path}" if kind == "options" else str(path)
    return address | {models: _REFERENCE, f"{models}_{kind}_{_REFERENCE}": said}
