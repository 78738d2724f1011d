"""Sentences that a page can say in another language: the words, and what is filled into them."""


class Said(str):
    """An English sentence that remembers its words, with fields in braces, and their values."""

    words: str
    values: dict

    def __new__(cls, words: str, **values):
        made = super().__new__(cls, words.format(**values))
        made.words, made.values = words, values
        return made
