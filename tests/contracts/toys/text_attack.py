"""A toy of an attack on texts: what a word is swapped for."""


def backwards(word, takes):
    """Return a word from its end to its beginning."""
    return (word[::-1],) if word.isalpha() and word != word[::-1] else ()
