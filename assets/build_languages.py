"""Writes data/languages.tsv.gz and data/cldr.txt: phrases of fifteen languages, of Unicode's CLDR.

    python assets/build_languages.py

CLDR comes with the package babel (pip install babel==2.19.0). Of the labelled set, what several of
the languages have in common is left out, and each language has equally many. cldr.txt is to
pre-train on: all texts of these languages but what is like one that the labelled set holds out.
"""

import gzip
import hashlib
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import babel
from babel import Locale, localedata

from usable_core.catalog.datasets import DATASETS
from usable_core.texts import alike_key

FOLDER = Path(__file__).parent / "data"
CORPUS = "cldr.txt"
# Codes of the languages, in the order of their names in the catalog.
CODES = dict(
    zip(
        DATASETS["languages"].classes,
        ("af", "ca", "cs", "da", "nl", "en", "fr", "de", "it", "nb", "pl", "pt", "sk", "es", "sv"),
        strict=True,
    )
)
# Tables of CLDR whose entries are words for people: of the data set, and further ones to train on.
TABLES = (
    *("territories", "languages", "variants", "scripts", "currency_names", "meta_zones"),
    *("unit_display_names", "unit_patterns", "date_fields"),
)
FURTHER = ("currency_names_plural", "months", "days", "quarters", "eras", "time_zones")
SHORT = re.compile(r"(^|[-_])(short|narrow|abbreviated)$")  # entries that are no words
COUNTS = {"zero": "0", "one": "1", "two": "2", "few": "3", "many": "5", "other": "10"}
LEAST = 3  # letters of a phrase
TEST = 200  # phrases of each language that are held out, by the hash of their content


def phrases(code: str, tables: tuple[str, ...]) -> list[str]:
    """Return what tables of a language say, in their order, each once."""
    data = Locale.parse(code)._data
    found = (text for table in tables for text in _texts(data[table], ""))
    clean = (" ".join(unicodedata.normalize("NFC", text).split()) for text in found)
    return list(dict.fromkeys(text for text in clean if len(_key(text)) >= LEAST))


def _texts(entry: object, name: str) -> Iterator[str]:
    if hasattr(entry, "items"):
        for key, value in entry.items():
            if not SHORT.search(str(key)):
                yield from _texts(value, str(key))
    elif isinstance(entry, str) and "{1}" not in entry:
        yield entry.replace("{0}", COUNTS.get(name, "10"))


def _key(text: str) -> str:
    """Return what texts share that differ in case, signs and numbers alone."""
    return alike_key(re.sub(r"\d+", "", text))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def labelled() -> dict[str, list[str]]:
    """Return equally many phrases of each language, none alike another, by their hashes."""
    own = {}
    for name, code in CODES.items():
        own[name] = {}
        for text in phrases(code, TABLES):
            own[name].setdefault(_key(text), text)
    # Of all tables: a phrase may stand in another table of another language.
    everywhere = [{_key(t) for t in phrases(code, TABLES + FURTHER)} for code in CODES.values()]
    languages = Counter(key for keys in everywhere for key in keys)
    alone = {n: [t for k, t in texts.items() if languages[k] == 1] for n, texts in own.items()}
    least = min(map(len, alone.values()))
    return {name: sorted(texts, key=_digest)[:least] for name, texts in alone.items()}


def corpus(held_out: set[str]) -> list[str]:
    """Return all texts of the languages, but what is like one that is held out."""
    texts = [text for code in CODES.values() for text in phrases(code, TABLES + FURTHER)]
    return sorted({text for text in texts if _key(text) not in held_out}, key=_digest)


def main() -> None:
    """Write the data set, the texts to pre-train on, and the licence of both."""
    found = labelled()
    rows = [
        f"{'test' if place < TEST else 'train'}\t{name}\t{text}\n"
        for name, texts in found.items()
        for place, text in enumerate(texts)
    ]
    FOLDER.mkdir(exist_ok=True)
    content = gzip.compress("".join(rows).encode(), 9, mtime=0)
    (FOLDER / Path(DATASETS["languages"].asset).name).write_bytes(content)
    licence = Path(localedata._dirname) / "LICENSE.unicode"
    shutil.copyfile(licence, FOLDER / "LICENSE.unicode")
    print(f"babel {babel.__version__}: {len(rows)} phrases, {len(content):,} bytes")
    held_out = {_key(text) for texts in found.values() for text in texts[:TEST]}
    texts = corpus(held_out)
    (FOLDER / CORPUS).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    print(f"{len(texts)} texts to pre-train on")


if __name__ == "__main__":
    main()
