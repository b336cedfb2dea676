"""The pictures of an evidence file: which they are, that they are in it, and what watches them."""

import base64
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from made_evidence import HOSTILE, assessed, kept
from made_results import provenance
from PIL import Image

from usable_core.datasets import by_identity
from usable_core.evaluations.explanation import ExplanationConfig, ExplanationResult
from usable_core.runs import RunStore
from usable_core.verdict_files import form, verify
from usable_core.verdict_files.page import framed, page_of
from usable_core.verdict_files.rerunning import Sample
from usable_core.verdict_files.tiles import (
    APART,
    BROKEN,
    MOST,
    SIDE,
    WITH_MAPS,
    WRONG,
    chosen,
    pictures_part,
    thumbnail,
)

NONE = Sample(count=0)


def coloured(size, name="x"):
    """A picture of one colour that its name gives."""
    return Image.new("RGB", size, (sum(name.encode()) % 256, 90, 200))


@pytest.fixture
def at_hand(monkeypatch):
    """Every picture is in the data set, all but the first of the wrong ones."""

    def found(reference, ids):
        assert reference == "digits"
        yield from ((one, coloured((200, 100), one)) for one in ids if one != "image0")

    monkeypatch.setattr(by_identity, "found_pictures", found)


@pytest.fixture
def made(at_hand, tmp_path):
    assessed(tmp_path, name=HOSTILE).save(tmp_path / "out")
    return tmp_path / "out"


def document(folder):
    return json.loads((folder / "verdict.json").read_text(encoding="utf-8"))


def test_the_page_has_them_inside_with_words_and_asks_nobody(made):
    page = (made / "verdict.html").read_text(encoding="utf-8")
    rows = document(made)["pictures"]
    images = re.findall(r'<img [^>]*alt="([^"]*)" src="(data:image/jpeg;base64,[^"]+)">', page)
    assert len(images) == sum(bool(row["picture"]) for row in rows) == page.count("<img ") > 0
    assert all(": " in alt and ", " in alt for alt, _ in images)
    assert not re.search(r"(src|href)=[\"'](?!data:)|url\(|@import|style=\"|<img src=x", page)
    first = Image.open(io.BytesIO(base64.b64decode(images[0][1].partition(",")[2])))
    assert first.size == (SIDE, SIDE // 2)
    assert "1 more were not at hand" in page or "2 more were not at hand" in page
    assert len(page) < 2_000_000
    assert verify(made, sample=NONE).problems == ()


def test_they_are_the_wrong_the_broken_and_those_that_divide(made):
    """Net 0 is wrong on 0 to 2, net 1 on 0 to 59; nothing breaks beyond what is wrong."""
    by_kind = {}
    for row in document(made)["pictures"]:
        by_kind.setdefault((row["model"][-1:], row["kind"]), []).append(row["id"])
    assert by_kind["0", WRONG] == ["image0", "image1", "image2"]
    assert by_kind["1", WRONG] == [f"image{i}" for i in range(MOST)]
    assert by_kind["", APART] == [f"image{i}" for i in range(3, 3 + MOST)]
    assert not any(kind == BROKEN for _, kind in by_kind)


@pytest.mark.parametrize("where", ["picture", "said", "id"])
def test_one_that_is_changed_is_named_and_its_words_follow_from_the_records(made, where):
    changed = document(made)
    row = next(row for row in changed["pictures"] if row["picture"])
    row[where] = "AAAA" if where == "picture" else "fox, called cat"
    text = form.text_of(changed)
    (made / "verdict.json").write_text(text, encoding="utf-8")
    parts = {part for part, _ in verify(made, sample=NONE).problems}
    assert "pictures in verdict.json" in parts
    changed.pop("chain")  # as a forger who makes all hashes anew
    page = page_of(changed)
    changed["chain"] = form.linked(changed, page)
    text = form.text_of(changed)
    (made / "verdict.json").write_text(text, encoding="utf-8")
    (made / "verdict.html").write_text(framed(page, text), encoding="utf-8")
    parts = {part for part, _ in verify(made, sample=NONE).problems}
    assert parts == (set() if where == "picture" else {"pictures"})


def test_a_picture_is_swapped_on_the_page_alone(made):
    page = made / "verdict.html"
    text = page.read_text(encoding="utf-8")
    data = re.search(r'src="data:image/jpeg;base64,([^"]+)"', text)[1]
    page.write_text(text.replace(f'base64,{data}"', 'base64,AAAA"'), encoding="utf-8")
    assert "verdict.html" in {part for part, _ in verify(made, sample=NONE).problems}


def test_three_that_fail_stand_with_their_maps(at_hand, tmp_path):
    verdict = assessed(tmp_path)
    spec = verdict.config.models[1]
    store = RunStore()
    runs = {run.id: store.load(run.id) for run in store.list() if run.task != "assess"}
    index = [70, 5, 4, 3, 2]  # net 1 is right on 70
    records = pd.DataFrame(
        {"index": index, "id": [f"image{i}" for i in index], "method": "lime", "seconds": 1.0}
    )
    explained = ExplanationResult(
        ExplanationConfig(spec, verdict.config.dataset, ("lime",)), provenance(), records
    )
    run = kept(explained)
    folder = store.folder(run)
    (folder / "images").mkdir()
    for i in index:
        coloured((32, 32)).save(folder / "images" / f"{i}.png")
    values = np.zeros((32, 32), np.float32)
    values[:16] = 1.0
    np.savez_compressed(folder / "maps.npz", **{f"{i}_lime": values for i in index})

    rows = [row for row in pictures_part(verdict, runs | {run: explained}) if row["map"]]

    assert [row["id"] for row in rows] == ["image2", "image3", "image4"]
    assert len(rows) == WITH_MAPS
    seen, over = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(rows[0][name]))))
        for name in ("picture", "map")
    )
    assert (seen[16:] == over[16:]).all()
    assert (seen[:16] != over[:16]).any()
    (folder / "maps.npz").unlink()
    gone = pictures_part(verdict, runs | {run: explained})
    assert not any(row["map"] for row in gone)
    assert len(chosen(verdict, runs | {run: explained})) == len(gone)


def test_a_tiny_picture_keeps_every_pixel_and_a_large_one_becomes_small():
    tiny = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    again = Image.open(io.BytesIO(thumbnail(Image.fromarray(tiny))))
    assert (np.asarray(again) == tiny).all()
    for size in ((4000, 30), (65, 65), (1, 300)):
        small = Image.open(io.BytesIO(thumbnail(coloured(size))))
        assert max(small.size) <= SIDE
        assert small.format == "JPEG"
