"""A corruption of texts: words written from their end."""

from usable_core.word_corruptions.corruption import text_corruption, with_words


@text_corruption
def backwards(text, rate, draw):
    """Turn words around."""
    return with_words(text, rate, draw, lambda word, draw: word[::-1])
