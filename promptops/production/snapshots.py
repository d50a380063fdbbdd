"""What a caller hands over, as it is at this moment: JSON values that nobody changes any more.

Made in the caller's own thread, so its work is bounded: characters, members and depth have a limit, and
what is beyond is cut off. Nothing here raises for any value, except what an object's own code raises that
is no Exception.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

LONGEST = 200_000
"""Characters of all texts of one record."""
MOST = 10_000
"""Members of all lists and objects of one record."""
DEEPEST = 20
LONGEST_REPR = 2_000
PLACES = 20
LONGEST_PLACE = 100
_LARGEST_BITS = 1_000
_TOKEN = re.compile(r"""[^\s"'{}\[\](),;<>|\x7f-\U0010ffff]*""")


class Snapshot:
    """Takes values of one record, until its limits are used up."""

    __slots__ = ("_left", "_members", "_tight", "_way", "cuts")

    def __init__(self) -> None:
        self._left = LONGEST
        self._members = MOST
        self._tight = False
        self._way: list[str] = []
        self.cuts: list[str] = []
        """Where something was left out, as `inputs.facts`; the first of these places."""

    @property
    def characters(self) -> int:
        """How many characters were taken."""
        return LONGEST - self._left

    def of(self, value: object, name: str = "") -> JsonValue:
        """Return a value as JSON has it; what JSON has no word for becomes its repr."""
        return self.fields({name: value})[name]

    def fields(self, named: Mapping[str, object]) -> dict[str, JsonValue]:
        """Return values by name as JSON has them; where not all of them fit, the small ones are whole."""
        values = list(named.values())
        self._tight = _weight(values) > 1
        return dict(zip(named, self._each(values, 0, list(named)), strict=True))

    def _value(self, value: object, depth: int) -> JsonValue:
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
            self._note()
            return f"[{kind.__name__}: {type(error).__name__} while it was read]"

    def _each(self, values: Sequence[object], depth: int, names: Sequence[str] = ()) -> list[JsonValue]:
        found: list[JsonValue] = [None] * len(values)
        places: Iterable[int] = range(len(values))
        if self._tight:
            weights = [_weight(value) for value in values]
            places = sorted(places, key=weights.__getitem__)
        for place in places:
            if names:
                self._way.append(names[place])
            found[place] = self._value(values[place], depth)
            if names:
                self._way.pop()
        return found

    def _note(self) -> None:
        place = ".".join(part for part in self._way if part)[:LONGEST_PLACE]
        if len(self.cuts) < PLACES and place not in self.cuts:
            self.cuts.append(place)

    def _text(self, text: str) -> str:
        if len(text) <= self._left:
            self._left -= len(text)
            return text
        kept = whole_words(text, self._left)
        self._left -= len(kept)
        self._note()
        return kept

    def _whole(self, number: int) -> JsonValue:
        if number.bit_length() <= _LARGEST_BITS:
            return number
        self._note()
        return f"[a number of {number.bit_length()} bits]"

    def _members_of(
        self, value: dict[object, object] | list[object] | tuple[object, ...], depth: int
    ) -> JsonValue:
        if depth >= DEEPEST:
            self._note()
            return "[nested too deeply]"
        # A list first, in one step: another thread may be changing the object.
        if isinstance(value, dict):
            pairs = list(value.items())[: self._taken(len(value))]
            keys = [self._key(key) for key, _ in pairs]
            return dict(zip(keys, self._each([member for _, member in pairs], depth + 1, keys), strict=True))
        return self._each(list(value)[: self._taken(len(value))], depth + 1)

    def _taken(self, wanted: int) -> int:
        taken = min(wanted, self._members)
        self._members -= taken
        if taken < wanted:
            self._note()
        return taken

    def _key(self, key: object) -> str:
        return self._text(
            key if type(key) is str else str.__str__(key) if isinstance(key, str) else repr(key)
        )

    def _repr(self, value: object) -> str:
        told = str.__str__(repr(value))
        if len(told) > LONGEST_REPR:
            self._note()
            told = whole_words(told, LONGEST_REPR)
        return self._text(told)


def _weight(value: object) -> float:
    """Return the share of the limits that a value would take; not looked at any more once it is over 1.

    Runs no code of the value's own: what becomes its repr counts as the longest one.
    """
    characters = members = 0
    waiting: list[object] = [value]
    while waiting:
        each = waiting.pop()
        kind = type(each)
        if kind is str or issubclass(kind, str):
            characters += str.__len__(each)  # type: ignore[arg-type]
        elif issubclass(kind, dict):
            members += dict.__len__(each)  # type: ignore[arg-type]
            if members <= MOST:
                waiting += list(dict.values(each))  # type: ignore[arg-type]
                waiting += list(dict.keys(each))  # type: ignore[arg-type]
        elif issubclass(kind, list):
            members += list.__len__(each)  # type: ignore[arg-type]
            waiting += list.__getitem__(each, slice(MOST))  # type: ignore[call-overload]
        elif issubclass(kind, tuple):
            members += tuple.__len__(each)  # type: ignore[arg-type]
            waiting += tuple.__getitem__(each, slice(MOST))  # type: ignore[call-overload]
        elif each is not None and not issubclass(kind, int | float):
            characters += LONGEST_REPR
        if characters > LONGEST or members > MOST:
            break
    return max(characters / LONGEST, members / MOST)


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
