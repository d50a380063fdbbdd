"""Texts as tokens of a BERT: words and marks, each cut into the longest pieces that the vocabulary has.

The rules are those of BERT (Devlin et al. 2018, arXiv 1810.04805) as Hugging Face's tokenizers run them,
which is what sentence-transformers asks: letters are lowered one by one, and special tokens are found in the
text itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LONGEST_WORD = 100
"""Characters; a longer word is unknown."""

_HAN = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
"""Chinese characters, each a word of its own."""


@dataclass(frozen=True)
class WordPiece:
    """A vocabulary and how texts are cut by it."""

    vocabulary: Mapping[str, int]
    lowercase: bool = True
    strip_accents: bool | None = None
    """None: where letters are lowered."""
    han: bool = True
    """Whether each Chinese character stands alone."""
    prefix: str = "##"
    """Of a piece that goes on within a word."""
    special: tuple[str, ...] = SPECIAL

    def tokens(self, text: str, most: int) -> tuple[int, ...]:
        """Return [CLS], the ids of the text's pieces, and [SEP]: at most `most` ids, the end is cut off."""
        found: list[int] = []
        for piece in self._pieces(text):
            if len(found) == most - 2:
                break
            found.append(piece)
        return (self.vocabulary["[CLS]"], *found, self.vocabulary["[SEP]"])

    def _pieces(self, text: str) -> Iterator[int]:
        for place, part in enumerate(self._special.split(text)):
            if place % 2:
                yield self.vocabulary[part]
                continue
            for word in _words(self._normalised(part)):
                yield from self._of_word(word)

    @cached_property
    def _special(self) -> re.Pattern[str]:
        known = sorted((each for each in self.special if each in self.vocabulary), key=len, reverse=True)
        return re.compile("(" + "|".join(map(re.escape, known)) + ")")

    def _normalised(self, text: str) -> str:
        kept = (each for each in text if not _is_removed(each))
        clean = "".join(f" {each} " if self.han and _is_han(each) else each for each in kept)
        if self.lowercase if self.strip_accents is None else self.strip_accents:
            apart = unicodedata.normalize("NFD", clean)
            clean = "".join(each for each in apart if unicodedata.category(each) != "Mn")
        # One by one, so that a capital sigma at a word's end becomes no final one.
        return "".join(each.lower() for each in clean) if self.lowercase else clean

    def _of_word(self, word: str) -> list[int]:
        unknown = [self.vocabulary["[UNK]"]]
        if len(word) > LONGEST_WORD:
            return unknown
        found: list[int] = []
        begin = 0
        while begin < len(word):
            for end in range(len(word), begin, -1):
                piece = self.vocabulary.get((self.prefix if begin else "") + word[begin:end])
                if piece is not None:
                    found.append(piece)
                    begin = end
                    break
            else:
                return unknown
        return found


def _words(text: str) -> Iterator[str]:
    for run in text.split():
        word = ""
        for each in run:
            if not _is_mark(each):
                word += each
                continue
            if word:
                yield word
            yield each
            word = ""
        if word:
            yield word


def _is_removed(character: str) -> bool:
    if character in "\t\n\r":
        return False
    return character == "\ufffd" or unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs"}


def _is_han(character: str) -> bool:
    code = ord(character)
    return code >= 0x3400 and any(first <= code <= last for first, last in _HAN)


def _is_mark(character: str) -> bool:
    return (
        character.isascii() and character.isprintable() and not character.isalnum() and character != " "
    ) or (unicodedata.category(character).startswith("P"))
