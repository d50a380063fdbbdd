"""Text as a column: the same on SQLite and PostgreSQL, whatever characters it holds."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

_MARK = "\U0010ffff"
# PostgreSQL can't hold NUL and neither driver can send a lone surrogate. A noncharacter that every
# UTF-8 database accepts marks what stands for them, so that ordinary text is stored as it is.
_UNSAFE = re.compile(f"[\0\ud800-\udfff{_MARK}]")
_MARKED = re.compile(f"{_MARK}([0-9a-f]{{6}})")


class PlainText(TypeDecorator[str]):
    """Any Python string, ordered by code point on both engines."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Ask PostgreSQL for the order of bytes; SQLite has it by itself."""
        return Text(collation="C") if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Write the characters that a database would refuse as marks."""
        return None if value is None else marked(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Read the marks back."""
        return None if value is None else unmarked(value)


def marked(text: str) -> str:
    """Return text that both engines can store."""
    if text.isascii() and "\0" not in text:
        return text
    return _UNSAFE.sub(lambda match: f"{_MARK}{ord(match[0]):06x}", text)


def unmarked(text: str) -> str:
    """Return the text that was given to `marked`."""
    if _MARK not in text:
        return text
    return _MARKED.sub(lambda match: chr(int(match[1], 16)), text)
