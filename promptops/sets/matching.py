"""Expressions of names that samples match: `refund and not (angry or spam)`, as pytest's -k has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from promptops.errors import UsageError

LONGEST = 4_000
"""Characters of an expression."""
DEEPEST = 50
"""Parentheses and `not` inside one another."""
WORDS = ("and", "or", "not")

_TOKEN = re.compile(r"""\s*(?:([()])|"([^"]*)"|'([^']*)'|([^\s()"']+))""")

Matcher = Callable[[Iterable[str]], bool]
"""Tells whether the names of something (in any case) match."""


def matcher(expression: str) -> Matcher:
    """Return what tells whether names match an expression; nothing in it is ever run as code.

    A name matches where it is part of one of the names, in upper or lower case; quotes hold blanks together.
    `not` binds closest, then `and`, then `or`. Raises UsageError that points at the column.
    """
    if len(expression) > LONGEST:
        raise UsageError(f"-k takes {LONGEST:,} characters; this expression has {len(expression):,}.")
    reader = _Reader(expression)
    found = reader.alternatives(0)
    if reader.token is not None:
        raise reader.expected("`and`, `or` or the end")

    def matches(names: Iterable[str]) -> bool:
        return found(tuple(name.casefold() for name in names))

    return matches


@dataclass(frozen=True)
class _Token:
    text: str
    column: int
    """Counted from 1."""
    quoted: bool


_Test = Callable[[tuple[str, ...]], bool]


class _Reader:
    """Reads an expression from left to right, one token ahead."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._place = 0
        self.token: _Token | None = None
        self._step()

    def alternatives(self, depth: int) -> _Test:
        found = [self._both(depth)]
        while self._takes("or"):
            found.append(self._both(depth))
        return found[0] if len(found) == 1 else lambda names: any(test(names) for test in found)

    def _both(self, depth: int) -> _Test:
        found = [self._one(depth)]
        while self._takes("and"):
            found.append(self._one(depth))
        return found[0] if len(found) == 1 else lambda names: all(test(names) for test in found)

    def _one(self, depth: int) -> _Test:
        if depth > DEEPEST:
            raise self._wrong(f"more than {DEEPEST} levels of parentheses and `not`")
        if self._takes("not"):
            inner = self._one(depth + 1)
            return lambda names: not inner(names)
        if self._takes("("):
            found = self.alternatives(depth + 1)
            if not self._takes(")"):
                raise self.expected("`)`, `and` or `or`")
            return found
        token = self.token
        if token is None or (not token.quoted and token.text in (*WORDS, "(", ")")):
            raise self.expected("a name, `not` or `(`")
        self._step()
        wanted = token.text.casefold()
        return lambda names: any(wanted in name for name in names)

    def expected(self, what: str) -> UsageError:
        """Return the error that something else should stand here."""
        found = "the end" if self.token is None else repr(self.token.text)
        return self._wrong(f"expected {what}, found {found}")

    def _takes(self, word: str) -> bool:
        if self.token is None or self.token.quoted or self.token.text != word:
            return False
        self._step()
        return True

    def _step(self) -> None:
        rest = self._expression[self._place :]
        if not rest.strip():
            self._place += len(rest)
            self.token = None
            return
        found = _TOKEN.match(self._expression, self._place)
        if found is None:
            self._place += len(rest) - len(rest.lstrip())
            self.token = None
            raise self._wrong("a quote that nothing closes")
        group = found.lastindex or 0
        text = found.group(group)
        quoted = group in {2, 3}
        self.token = _Token(text, found.start(group) + 1 - quoted, quoted)
        self._place = found.end()
        if quoted and not text:
            raise self._wrong("an empty name, which every sample would match")

    def _wrong(self, why: str) -> UsageError:
        column = self._place + 1 if self.token is None else self.token.column
        first = max(column - 60, 1)
        line = re.sub(r"\s", " ", self._expression[first - 1 : column + 60])
        return UsageError(f"-k, column {column}: {why}.\n  {line}\n  {' ' * (column - first)}^")
