"""Ways to use a home, for homes that something is wrong with: each must end, or be a sentence."""

import contextlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from made_stores import KEY, Damage, sound

HOME_PAGE = Path(__file__).parents[1] / "dashboard" / "Home.py"
IDS = "ids.json"  # beside a home


def damaged(base: Path, damages: Iterable[tuple[str, Damage]]) -> Iterator[tuple[str, Path]]:
    """Yield (name, home) of a sound home after each damage."""
    ids = sound(base / "sound")
    (base / IDS).write_text(json.dumps(ids))
    for k, (name, damage) in enumerate(damages):
        home = base / f"home{k}"
        shutil.copytree(base / "sound", home)
        damage(home)
        yield name, home


def look(home: Path) -> None:
    """Use a home by every way of the command line and of Python that reads or writes runs."""
    from usable_core import jobs
    from usable_core.errors import UsableError
    from usable_core.runs import RunStore, calibrations
    from usable_core.runs.database import forget

    os.environ["USABLE_HOME"] = str(home)
    forget()
    ids = json.loads((home.parent / IDS).read_text())
    listed = command("runs", "list", "--json", "-")
    if listed is not None:
        found = json.loads(listed)
        assert found["total"] in (0, 3, 4), found
    command("runs", "list", "--search", "resnet queued")
    command("runs", "show", ids[0])
    command("runs", "show", ids[3])
    command("compare", *ids[:2])
    store = RunStore()
    calibrations.state()
    jobs.recover()
    for call in (
        lambda: store.find(KEY),
        lambda: [store.load(run.id).summary() for run in store.list()],
        lambda: store.events(ids[0]),
        lambda: store.children(ids[0]),
        lambda: store.create(store.get(ids[1]).config),
    ):
        with contextlib.suppress(UsableError):
            call()
    command("runs", "cancel", ids[3])
    command("runs", "delete", ids[0])


def command(*words: str) -> str | None:
    """Return what a command prints; None where it ends in a sentence."""
    from usable_core import cli

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(list(words))
    said = [line for line in err.getvalue().splitlines() if not line.startswith(NOTES)]
    assert status in (0, 2), f"{words}: status {status}: {err.getvalue()}"
    assert len(said) == (status == 2), f"{words}: {said}"
    return out.getvalue() if status == 0 else None


NOTES = "Note: "


def pages(home: Path) -> None:
    """Open the pages that read the store; none may show Streamlit's box of errors."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    from usable_core.jobs import interactive
    from usable_core.runs.database import forget

    os.environ["USABLE_HOME"] = str(home)
    interactive.ensure_worker = lambda: None
    forget()
    st.cache_resource.clear()
    st.cache_data.clear()
    ids = json.loads((home.parent / IDS).read_text())
    for name, parameters in (("runs", {"run": ids[0]}), ("accuracy", {"run": ids[:2]})):
        app = AppTest.from_file(str(HOME_PAGE), default_timeout=30)
        for key, value in parameters.items():
            app.query_params[key] = value
        app.switch_page(f"app_pages/{name}.py").run()
        assert not app.exception, f"{name}: {app.exception[0].message}"
