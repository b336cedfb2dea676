"""Hostile tokenizers beside classifiers of texts: what they hold, how long they take."""

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import made_texts

from made_hostile_models.case import MODULE, SECRET, Asked, Case
from made_hostile_models.of_hf import change, evil, evil_pickle

TOKENIZER, SETTINGS = "tokenizer.json", "tokenizer_config.json"
CASES: list[Case] = []


@cache
def good(kind: str = "bert") -> Path:
    """Return a folder with a small classifier of texts, made once."""
    folder = Path(tempfile.mkdtemp()) / kind
    made_texts.save_classifier(folder, kind)
    return folder


def case(name: str, says: str, kind: str = "bert") -> Callable[..., object]:
    """Add the case that a function makes of a good folder."""

    def add(lie: Callable[[Path], Asked | None]) -> object:
        def make(folder: Path) -> Asked:
            model = folder / "words"
            shutil.copytree(good(kind), model)
            return lie(model) or Asked(f"hf/{model}")

        CASES.append(Case(name, "hf", says, make))
        return lie

    return add


def lied(name: str, says: str, lie: Callable[[dict[str, Any]], object]) -> None:
    """Add the case of a tokenizer.json that says something else."""

    def write(model: Path) -> None:
        path = model / TOKENIZER
        said = json.loads(path.read_text(encoding="utf-8"))
        lie(said)
        path.write_text(json.dumps(said), encoding="utf-8")

    case(name, says)(write)


def added(number: int, content: str) -> dict[str, Any]:
    """Return what a tokenizer says of a sign that is read as it is."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return {"id": number, "content": content, **flags}


def split(pattern: dict[str, str]) -> dict[str, Any]:
    """Return a tokenizer's part that cuts at a pattern."""
    return {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}


def sequence(kind: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return parts of a tokenizer, one after the other."""
    return {"type": "Sequence", kind: parts}


def double(times: int) -> dict[str, Any]:
    """Return what makes every letter a twice as many, again and again."""
    one = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    return sequence("normalizers", [one] * times)


def nested(levels: int) -> dict[str, Any]:
    """Return parts of a tokenizer in each other."""
    found: dict[str, Any] = {"type": "NFC"}
    for _ in range(levels):
        found = sequence("normalizers", [found])
    return found


VOCABULARY = {f"w{k}": k for k in range(2_000_000)}
TOO_MANY = "numbers its pieces up to"
UNREAD = "cannot be read"

lied(
    "pieces by the million",
    "has 2,0",
    lambda t: t["model"]["vocab"].update(VOCABULARY),
)
lied(
    "signs by the million",
    "signs",
    lambda t: t.update(added_tokens=[added(k, f"<{k}>") for k in range(200_000)]),
)
lied("a number beyond the network", TOO_MANY, lambda t: t["model"]["vocab"].update(far=10_000))
lied(
    "a sign beyond the network", TOO_MANY, lambda t: t["added_tokens"].append(added(10_000, "far"))
)
lied("a number below nothing", UNREAD, lambda t: t["model"]["vocab"].update(far=-1))
lied("a number of 2^40", UNREAD, lambda t: t["model"]["vocab"].update(far=2**40))
lied(
    "merges of pieces that are not there",
    UNREAD,
    lambda t: t["model"].update(merges=[["zz", "yy"]]),
)
lied("merges of nothing", UNREAD, lambda t: t["model"].update(merges=[["", ""]]))
lied(
    "words without end",
    "letters",
    lambda t: t.update(
        model={
            "type": "WordPiece",
            "vocab": {"[UNK]": 0, "a": 1},
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 10**9,
        }
    ),
)
lied(
    "templates without end",
    "plain sentence",
    lambda t: t["post_processor"].update(single=[{"Sequence": {"id": "A", "type_id": 0}}] * 5000),
)
lied("a model of no kind", UNREAD, lambda t: t["model"].update(type="Evil"))
lied("no model", UNREAD, lambda t: t.pop("model"))
lied("a pattern that is none", UNREAD, lambda t: t.update(pre_tokenizer=split({"Regex": "(("})))
lied(
    "a pattern that tries everything",
    "fails at the text",
    lambda t: t.update(pre_tokenizer=split({"Regex": "((a|b|ab|[a-z ])*)*[^\\s\\S]"})),
)
lied("a text that grows without end", "times as long", lambda t: t.update(normalizer=double(40)))
lied("a text that grows a little", "times as long", lambda t: t.update(normalizer=double(20)))
lied(
    "texts that all vanish",
    "finds nothing",
    lambda t: t.update(
        normalizer={"type": "Replace", "pattern": {"Regex": "."}, "content": ""},
        post_processor=None,
    ),
)
lied(
    "a template of pieces that are missing",
    "plain sentence",
    lambda t: t["post_processor"]["single"].insert(
        0, {"SpecialToken": {"id": "<ghost>", "type_id": 0}}
    ),
)
lied(
    "a template of numbers beyond the network",
    "piece 10,000",
    lambda t: t["post_processor"]["special_tokens"]["<begin>"].update(ids=[10_000]),
)
lied("parts in each other", "nested|cannot be read", lambda t: t.update(normalizer=nested(300)))


@case("a tokenizer of code", "has no tokenizer")
def _(model: Path) -> None:
    evil(model)
    (model / TOKENIZER).unlink()
    change(
        model / SETTINGS,
        tokenizer_class="EvilTokenizer",
        auto_map={"AutoTokenizer": [f"{MODULE}.Evil", f"{MODULE}.Evil"]},
    )


@case("a vocabulary that is pickled", UNREAD)
def _(model: Path) -> None:
    (model / TOKENIZER).unlink()
    change(model / SETTINGS, tokenizer_class="XLMRobertaTokenizer")
    evil_pickle(model / "sentencepiece.bpe.model")


@case("a tokenizer.model that is pickled", UNREAD)
def _(model: Path) -> None:
    (model / TOKENIZER).unlink()
    change(model / SETTINGS, tokenizer_class="LlamaTokenizer")
    evil_pickle(model / "tokenizer.model")


@case("files of a tokenizer elsewhere", "has no tokenizer")
def _(model: Path) -> None:
    (model / TOKENIZER).unlink()
    (model.parent / "secret").write_text(SECRET)
    change(
        model / SETTINGS,
        tokenizer_class="BertTokenizer",
        vocab_file=str(model.parent / "secret"),
        tokenizer_file=str(model.parent / "secret"),
    )


@case("a vocab.txt by the million", "has 2,0")
def _(model: Path) -> None:
    (model / TOKENIZER).unlink()
    change(model / SETTINGS, tokenizer_class="BertTokenizer")
    (model / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")


@case("a vocab.txt of too many", TOO_MANY)
def _(model: Path) -> None:
    (model / TOKENIZER).unlink()
    change(
        model / SETTINGS,
        tokenizer_class="BertTokenizer",
        cls_token="[CLS]",
        pad_token="[PAD]",
        mask_token="[MASK]",
        eos_token="[SEP]",
    )
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{k}" for k in range(1000))]
    (model / "vocab.txt").write_text("\n".join(words))


@case("an empty vocab.txt", "plain sentence")
def _(model: Path) -> None:
    (model / TOKENIZER).unlink()
    change(model / SETTINGS, tokenizer_class="BertTokenizer")
    (model / "vocab.txt").write_text("")


for name, file in (
    ("lists that disagree", "vocab.json"),
    ("a list of lines that disagrees", "vocab.txt"),
):

    @case(name, "disagree")
    def _(model: Path, file: str = file) -> None:
        vocabulary = json.loads((model / TOKENIZER).read_text(encoding="utf-8"))["model"]["vocab"]
        turned = {piece: len(vocabulary) - 1 - number for piece, number in vocabulary.items()}
        lines = "\n".join(sorted(turned, key=turned.get))
        (model / file).write_text(json.dumps(turned) if file == "vocab.json" else lines)


for name, says, said in (
    ("settings of a tokenizer that are a list", UNREAD, {"added_tokens_decoder": [1]}),
    ("a mask of numbers", UNREAD, {"mask_token": 5}),
    ("signs of the settings by number", UNREAD, {"added_tokens_decoder": {"x": {"content": "a"}}}),
    (
        "signs of the settings beyond",
        TOO_MANY,
        {"added_tokens_decoder": {"10000": added(0, "far")}},
    ),
):
    case(name, says)(lambda model, said=said: change(model / SETTINGS, **said))


@case("settings of no text", SETTINGS)
def _(model: Path) -> None:
    (model / SETTINGS).write_bytes(b"\xff\xfe\0\0")


@case("settings of 10,000 levels", SETTINGS)
def _(model: Path) -> None:
    (model / SETTINGS).write_bytes(b'{"a":' * 10_000 + b"1" + b"}" * 10_000)


@case("300 MB of tokenizer", "more than any tokenizer")
def _(model: Path) -> None:
    with (model / TOKENIZER).open("r+b") as file:
        file.truncate(300_000_000)


@case("a device for tokenizer.json", "has no tokenizer")
def _(model: Path) -> None:
    (model / TOKENIZER).unlink()
    (model / TOKENIZER).symlink_to("/dev/zero")


@case("signs beside it by the million", "signs")
def _(model: Path) -> None:
    (model / "added_tokens.json").write_text(json.dumps({f"<{k}>": k for k in range(1_000_000)}))


@case("a number of what fills up beyond the network", "Padding_idx")
def _(model: Path) -> None:
    change(model / "config.json", pad_token_id=10_000)


@case("what fills up in words", "pad_token_id|config.json")
def _(model: Path) -> None:
    change(model / "config.json", pad_token_id="x")


def padded(path: Path) -> None:
    """Have a tokenizer fill every text up with a piece that no network knows."""
    filling = {
        "strategy": {"Fixed": 1000},
        "direction": "Left",
        "pad_to_multiple_of": None,
        "pad_id": 10_000,
        "pad_type_id": 0,
        "pad_token": "<far>",
    }
    change(
        path,
        padding=filling,
        truncation={"direction": "Left", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
    )


# What is said beside a classifier of texts and does not change what it answers.
HARMLESS: dict[str, Callable[[Path], object]] = {
    "lengths of 1e30": lambda m: change(m / SETTINGS, model_max_length=10**30),
    "lengths of nothing": lambda m: change(m / SETTINGS, model_max_length=0),
    "lengths below nothing": lambda m: change(m / SETTINGS, model_max_length=-1),
    "lengths of words": lambda m: change(m / SETTINGS, model_max_length="many"),
    "chat templates": lambda m: change(
        m / SETTINGS, chat_template="{{ ''.__class__.__mro__[1].__subclasses__() }}"
    ),
    "no special": lambda m: change(
        m / SETTINGS, eos_token=None, pad_token=None, mask_token=None, cls_token=None
    ),
    "pads outside": lambda m: change(m / SETTINGS, pad_token="<nowhere>"),
    "a pad of -1": lambda m: change(m / "config.json", pad_token_id=-1),
    "code": lambda m: (
        evil(m),
        change(m / SETTINGS, auto_map={"AutoTokenizer": [f"{MODULE}.Evil"] * 2}),
    ),
    "pads of the file": lambda m: padded(m / TOKENIZER),
}
