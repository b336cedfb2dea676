"""Write the word list of the synonym attack from WordNet 3.0 (Debian's `wordnet-base`).

    python assets/build_synonyms.py /usr/share/wordnet

One line per word: itself, then every other word of the synsets that it is in, of any part of
speech. Left out are words that are an antonym of it, or in a synset with one; compounds; words of
one letter; and the words that hold English sentences together (the, in, not, …), which WordNet
lists for rare senses only (`a` as a vitamin).
"""

import lzma
import sys
from collections import defaultdict
from pathlib import Path

OUT = Path(__file__).parents[1] / "usable_core" / "word_attacks" / "synonyms.txt.xz"
# What would change a sentence's grammar or turn it around, not its words.
FIXED = """
    a about above across after again against all along although always am among an and another
    any anybody anyone anything are around as at away back be because been before being below
    between both but by can cannot could did do does doing done down during each either else ever
    every everybody everyone everything few for from further get go had has have having he her here
    hers herself him himself his how however i if in into is it its itself just least less like many
    may me might mine more most much must my myself near neither never no nobody none nor not
    nothing now of off often on once one only or other others our ours ourselves out over own per
    quite rather same shall she should since so some somebody someone something still such than that
    the their theirs them themselves then there these they this those though through to too toward
    towards two under until up upon us very was we well were what whatever when where whether which
    while who whole whom whose why will with within without would yes yet you your yours yourself
    hardly barely scarcely seldom
"""


def main(folder: Path) -> None:
    synsets, opposite = read(folder)
    found: dict[str, set[str]] = defaultdict(set)
    holding: dict[str, set[str]] = defaultdict(set)
    for words in synsets.values():
        for word in words:
            found[word] |= words
    for word, targets in opposite.items():
        for key in targets:
            holding[word] |= synsets[key]
    lines, fixed = [], set(FIXED.split())
    for word in sorted(found):
        others = sorted(found[word] - holding[word] - {word} - fixed)
        if others and word not in fixed:
            lines.append(" ".join([word, *others]))
    notice = "# WordNet 3.0 Copyright 2006 by Princeton University. See WORDNET_LICENSE.txt."
    text = "\n".join([notice, *lines]) + "\n"
    OUT.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    pairs = sum(line.count(" ") for line in lines)
    print(f"{len(lines):,} words, {pairs:,} pairs, {OUT.stat().st_size:,} bytes: {OUT.name}")


def read(folder: Path) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return the words of each synset, and the synsets that hold an antonym of a word."""
    synsets: dict[str, set[str]] = {}
    opposite: dict[str, set[str]] = defaultdict(set)
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{part}").read_text(encoding="ascii").splitlines():
            if line.startswith("  "):  # the licence
                continue
            fields = line.split(" | ")[0].split()
            count = int(fields[3], 16)
            words = [fields[4 + 2 * i].partition("(")[0].lower() for i in range(count)]
            letter = "a" if fields[2] == "s" else fields[2]
            synsets[f"{letter}{fields[0]}"] = {word for word in words if is_plain(word)}
            for sign, place, kind, ends in pointers(fields[4 + 2 * count :]):
                if sign == "!":
                    of = words if ends == "0000" else [words[int(ends[:2], 16) - 1]]
                    for word in of:
                        opposite[word].add(f"{'a' if kind == 's' else kind}{place}")
    return synsets, opposite


def pointers(fields: list[str]) -> list[tuple[str, ...]]:
    return [tuple(fields[1 + 4 * i : 5 + 4 * i]) for i in range(int(fields[0]))]


def is_plain(word: str) -> bool:
    return len(word) > 1 and word.replace("-", "").replace("'", "").isalpha()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
