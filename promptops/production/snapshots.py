"""What a caller hands over, as it is at this moment: JSON values that nobody changes any more.

Made in the caller's own thread, so its work is bounded: characters, members and depth have a limit, and
what is beyond is cut off. Nothing here raises for any value, except what an object's own code raises that
is no Exception.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pydantic import JsonValue

LONGEST = 200_000
"""Characters of all texts of one record."""
MOST = 10_000
"""Members of all lists and objects of one record."""
DEEPEST = 20
LONGEST_REPR = 2_000
_LARGEST_BITS = 1_000
_TOKEN = re.compile(r"""[^\s"'{}\[\](),;<>|\x7f-\U0010ffff]*""")


class Snapshot:
    """Takes values of one record, until its limits are used up."""

    __slots__ = ("_left", "_members", "cut")

    def __init__(self) -> None:
        self._left = LONGEST
        self._members = MOST
        self.cut = False
        """Whether something was left out."""

    @property
    def characters(self) -> int:
        """How many characters were taken."""
        return LONGEST - self._left

    def of(self, value: object, depth: int = 0) -> JsonValue:
        """Return a value as JSON has it; what JSON has no word for becomes its repr."""
        kind = type(value)
        if kind is str:
            return self._text(value)  # type: ignore[arg-type]
        if value is None or kind is bool:
            return value  # type: ignore[return-value]
        try:
            if isinstance(value, str):
                return self._text(str.__str__(value))
            if isinstance(value, int):
                return self._whole(int.__pos__(value))
            if isinstance(value, float):
                number = float.__pos__(value)
                return number if math.isfinite(number) else repr(number)
            if isinstance(value, dict | list | tuple):
                return self._members_of(value, depth)
            return self._repr(value)
        except Exception as error:
            # The code of any class may stand behind a value, and the application must not suffer for it.
            self.cut = True
            return f"[{kind.__name__}: {type(error).__name__} while it was read]"

    def each(self, values: Sequence[object], depth: int = 0) -> list[JsonValue]:
        """Return values as JSON has them; where not all of them fit, the short ones are whole."""
        sizes = [_size(value) for value in values]
        if sum(sizes) <= self._left:
            return [self.of(value, depth) for value in values]
        found: list[JsonValue] = [None] * len(values)
        for place in sorted(range(len(values)), key=sizes.__getitem__):
            found[place] = self.of(values[place], depth)
        return found

    def _text(self, text: str) -> str:
        if len(text) <= self._left:
            self._left -= len(text)
            return text
        kept = whole_words(text, self._left)
        self._left -= len(kept)
        self.cut = True
        return kept

    def _whole(self, number: int) -> JsonValue:
        if number.bit_length() <= _LARGEST_BITS:
            return number
        self.cut = True
        return f"[a number of {number.bit_length()} bits]"

    def _members_of(
        self, value: dict[object, object] | list[object] | tuple[object, ...], depth: int
    ) -> JsonValue:
        if depth >= DEEPEST:
            self.cut = True
            return "[nested too deeply]"
        # A list first, in one step: another thread may be changing the object.
        if isinstance(value, dict):
            pairs = list(value.items())[: self._taken(len(value))]
            keys = [self._key(key) for key, _ in pairs]
            return dict(zip(keys, self.each([member for _, member in pairs], depth + 1), strict=True))
        return self.each(list(value)[: self._taken(len(value))], depth + 1)

    def _taken(self, wanted: int) -> int:
        taken = min(wanted, self._members)
        self._members -= taken
        if taken < wanted:
            self.cut = True
        return taken

    def _key(self, key: object) -> str:
        return self._text(
            key if type(key) is str else str.__str__(key) if isinstance(key, str) else repr(key)
        )

    def _repr(self, value: object) -> str:
        told = str.__str__(repr(value))
        if len(told) > LONGEST_REPR:
            self.cut = True
            told = whole_words(told, LONGEST_REPR)
        return self._text(told)


def _size(value: object, depth: int = 2) -> int:
    """Return how many characters there are in a value's texts, not looked for deeper than it pays."""
    if type(value) is str:
        return len(value)
    if depth and type(value) in (dict, list):
        members = list(value.values()) if isinstance(value, dict) else list(cast("list[object]", value))
        return sum(_size(member, depth - 1) for member in members[:100])
    return 0


def whole_words(text: str, most: int) -> str:
    """Return a text's beginning that ends with a whole word.

    Half of a key or an address would no longer be recognised by its form.
    """
    kept = text[: max(most, 0)]
    if len(kept) == len(text) or not _word_at(text, most):
        return kept
    return kept[: len(kept) - _word_at(kept[::-1], 0)]


def _word_at(text: str, place: int) -> int:
    """Return how many characters of a word follow a place."""
    found = _TOKEN.match(text, place)
    return 0 if found is None else found.end() - place
