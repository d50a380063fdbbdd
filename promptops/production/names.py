"""Few different texts of very many records: a number each, and what it stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from promptops.stats import Bools, Ints

_NONE = -1
Numbers = npt.NDArray[np.int32]


class Names:
    """A column of texts, or None."""

    def __init__(self, numbers: Numbers, texts: Sequence[str]) -> None:
        self.numbers = numbers
        self._texts = texts

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, which: Bools | Ints | slice) -> Names:
        return Names(self.numbers[which], self._texts)

    def __iter__(self) -> Iterator[str | None]:
        return map(self._text, self.numbers.tolist())

    @property
    def there(self) -> Bools:
        """Where there is a text."""
        found: Bools = self.numbers != _NONE
        return found

    def equal(self, text: str | None) -> Bools:
        """Say where just this text stands, or with None where there is none."""
        found: Bools = self.numbers == (
            _NONE
            if text is None
            else next((n for n, each in enumerate(self._texts) if each == text), _NONE - 1)
        )
        return found

    def distinct(self) -> list[str | None]:
        """Return each text once, None too, by where it stands first."""
        kinds, first = np.unique(self.numbers, return_index=True)
        return [self._text(number) for number in kinds[np.argsort(first)].tolist()]

    def _text(self, number: int) -> str | None:
        return None if number == _NONE else self._texts[number]


class Numbering:
    """Numbers the texts of a column that comes in pages."""

    def __init__(self) -> None:
        self._known: dict[str | None, int] = {None: _NONE}

    def numbers(self, texts: Sequence[str | None]) -> Numbers:
        """Return the numbers of some more texts."""
        if texts and texts.count(texts[0]) == len(texts):  # as most pages of most columns
            return np.full(len(texts), self._known.setdefault(texts[0], len(self._known) - 1), dtype=np.int32)
        for text in dict.fromkeys(texts):
            self._known.setdefault(text, len(self._known) - 1)
        return np.fromiter(map(self._known.__getitem__, texts), dtype=np.int32, count=len(texts))

    def names(self, numbers: Numbers) -> Names:
        """Return a column of numbers that were given, with what they stand for."""
        return Names(numbers, [text for text in self._known if text is not None])
