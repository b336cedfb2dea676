"""The pictures of an evidence file: what is wrong, what breaks, and what tells the models apart.

Which they are follows from the records, so whoever verifies the file chooses them again; their
bytes are in `verdict.json`, under its hashes.
"""

import base64
import io
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
from PIL import Image

from usable_core import answering
from usable_core.catalog import implementation
from usable_core.comparison.joining import join
from usable_core.errors import UsableError
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.explanation import ExplanationResult
from usable_core.evaluations.result import Measured, Result
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.images import encode_png
from usable_core.runs import RunStore
from usable_core.texts import visible
from usable_core.verdicts.assessment import AssessmentResult

WRONG, BROKEN, APART = (
    "wrong",
    "broken by the attack (shown unchanged)",
    "right for some, wrong for others",
)
MOST = 6  # tiles of a kind and candidate
MOST_MODELS = 4  # candidates with tiles, the first
WITH_MAPS = 3
LETTERS = 300  # of each text
EXACT = 64  # px: pictures up to there are kept pixel by pixel
SIDE = 96  # px of larger ones, the longer side
_QUALITY = 85
_BLEND = "usable_core.plots.heatmap:over"  # by name: it stands above

Chosen = dict[str, str]  # model, kind, id, said; of a map also run, index and method


def chosen(verdict: AssessmentResult, results: Mapping[str, Result]) -> list[Chosen]:
    """Return which pictures stand in an evidence file, by the answers of its runs."""
    found = []
    of_models = _by_candidate(verdict, results)
    for name, of in list(of_models.items())[:MOST_MODELS]:
        for kind, rows in _failures(of).items():
            found += [_row(name, kind, row) for row in rows[:MOST]]
    found += _apart({n: of["accuracy"][1] for n, of in of_models.items() if "accuracy" in of})
    maps = (one for name, of in of_models.items() for one in _with_maps(name, of))
    return found + [one for one, _ in zip(maps, range(WITH_MAPS), strict=False)]


def pictures_part(verdict: AssessmentResult, results: Mapping[str, Result]) -> list[dict[str, str]]:
    """Return the chosen with their pictures as base64, empty where they are not at hand."""
    rows: list[dict[str, str]] = [dict(one) for one in chosen(verdict, results)]
    if verdict.config.kind == "text":  # what they say is in the words beside them
        return [{**row, "picture": "", "map": ""} for row in rows]
    reference = verdict.config.dataset.reference
    seen: dict[str, bytes] = {}
    try:
        ids = list(dict.fromkeys(row["id"] for row in rows if "run" not in row))
        for identity, picture in answering.found_pictures(reference, ids):
            seen[identity] = thumbnail(picture)
    except UsableError:  # data from Python, or gone since: the captions stay
        pass
    for row in rows:
        pair = _kept(row) if "run" in row else (seen.get(row["id"], b""), b"")
        row["picture"], row["map"] = (base64.b64encode(data).decode() for data in pair)
    return rows


def thumbnail(picture: Image.Image) -> bytes:
    """Return a small picture: PNG of all its pixels where it is tiny, else JPEG."""
    buffer = io.BytesIO()
    if max(picture.size) <= EXACT:
        return encode_png(np.asarray(picture.convert("RGB")))
    small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    small.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _by_candidate(
    verdict: AssessmentResult, results: Mapping[str, Result]
) -> dict[str, dict[str, tuple[str, Measured]]]:
    """Return run and answer of each candidate, by kind of answer."""
    kinds = {AccuracyResult: "accuracy", RobustnessResult: "robustness"}
    kinds |= {ExplanationResult: "explanation"}
    names = [one.model for one in verdict.verdicts]
    found: dict[str, dict[str, tuple[str, Measured]]] = {name: {} for name in names}
    for run, result in results.items():
        measured = cast(Measured, result)
        for name, spec in zip(names, verdict.config.models, strict=False):
            if type(result) in kinds and measured.config.model == spec:
                found[name][kinds[type(result)]] = (run, measured)
    return found


def _failures(of: Mapping[str, tuple[str, Measured]]) -> dict[str, list[dict[str, Any]]]:
    """Return the pictures of a candidate that it fails on, the first to look at first."""
    found: dict[str, list[dict[str, Any]]] = {}
    if "accuracy" in of:
        accuracy = cast(AccuracyResult, of["accuracy"][1])
        found[WRONG] = _said(accuracy, accuracy.wrong())
    if "robustness" in of:
        robust = cast(RobustnessResult, of["robustness"][1])
        norm = robust.config.norm
        found[BROKEN] = [
            row | {"said": f"{row['said']}; breaks at ε = {epsilon_label(row['breaks'], norm)}"}
            for row in _said(robust, robust.broken())
        ]
    return found


def _said(result: Measured, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows of records, each picture once, with what is said of it."""
    names = result.provenance.class_names
    return [
        row | {"said": f"{names[row['label']]}, called {names[row['prediction']]}{_text(row)}"}
        for row in rows.drop_duplicates("id").to_dict("records")
    ]


def _text(row: Mapping[str, Any]) -> str:
    """Return the beginning of what a row's text says; nothing of a picture."""
    text = str(row.get("text") or "")
    return f": “{visible(text[:LETTERS])}{' …' * (len(text) > LETTERS)}”" if text else ""


def _row(name: str, kind: str, row: Mapping[str, Any]) -> Chosen:
    return {"model": name, "kind": kind, "id": str(row["id"]), "said": row["said"]}


def _apart(accuracies: Mapping[str, Measured]) -> list[Chosen]:
    """Return the pictures that divide the candidates most evenly."""
    if len(accuracies) < 2:
        return []
    names = list(accuracies)
    try:
        rows = join(list(accuracies.values()), names)[0]
    except UsableError:  # of several data, or with nothing in common
        return []
    right = rows[names].to_numpy(dtype=bool)
    share = right.mean(axis=1)
    order = np.argsort(np.abs(share - 0.5), kind="stable")
    kept = rows.iloc[[k for k in order if 0 < share[k] < 1]].drop_duplicates("id").head(MOST)
    found, first = [], accuracies[names[0]].records
    texts = dict(zip(first["id"], first["text"], strict=True)) if "text" in first else {}
    for row in kept.to_dict("records"):
        wrong = [name for name in names if not row[name]]
        text = _text({"text": texts.get(row["id"])})
        said = f"{row['label']}, wrong for {', '.join(wrong)}{text}"
        found.append(_row("", APART, row | {"said": said}))
    return found


def _with_maps(name: str, of: Mapping[str, tuple[str, Measured]]) -> Iterator[Chosen]:
    """Yield the pictures that a candidate fails on and has a map of."""
    if "explanation" not in of or of["explanation"][1].kind == "text":
        return
    run, explained = of["explanation"]
    maps = explained.records.drop_duplicates("id").set_index("id")
    for kind, rows in _failures(of).items():
        for row in rows:
            if row["id"] in maps.index:
                one = maps.loc[row["id"]]
                place = {"run": run, "index": str(one["index"]), "method": str(one["method"])}
                yield _row(name, kind, row) | place


def _kept(row: Mapping[str, str]) -> tuple[bytes, bytes]:
    """Return a picture as the model saw it and with its map over it; empty where it was deleted."""
    try:
        folder = RunStore().folder(row["run"])
        with Image.open(folder / "images" / f"{row['index']}.png") as file:
            seen = file.convert("RGB")
        with np.load(folder / "maps.npz") as maps:
            values = maps[f"{row['index']}_{row['method']}"]
    except (UsableError, OSError, LookupError, ValueError):
        return b"", b""
    blended = implementation(_BLEND)(np.asarray(seen), values)
    return thumbnail(seen), thumbnail(Image.fromarray(blended))


def without_pictures(row: Mapping[str, str]) -> Chosen:
    """Return what the records say of a picture, as `chosen` does."""
    return {name: value for name, value in row.items() if name not in ("picture", "map")}
