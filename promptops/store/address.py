"""A database's URL, taken apart; its password never shows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from promptops.errors import SettingsError


@dataclass(frozen=True)
class Address:
    """Where a database is: a file, this process's memory, or a server."""

    shown: str
    """For messages: without password."""
    path: Path | None = None
    """The file of an SQLite database."""
    server: URL | None = field(default=None, repr=False)

    @property
    def in_memory(self) -> bool:
        """Whether the database ends with its Store."""
        return self.path is None and self.server is None

    def redacted(self, text: str) -> str:
        """Return a driver's message without the password of this address."""
        secrets = [] if self.server is None else [self.server.password, self.server.query.get("password")]
        for secret in secrets:
            if isinstance(secret, str) and secret:
                text = text.replace(secret, "***")
        return _without_password(text)


def address_of(url: str) -> Address:
    """Read a database URL. Raises SettingsError where it is of no kind that can be opened."""
    if url.startswith("sqlite:"):
        return _sqlite(url)
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        # From None: the parser's own message may quote the password.
        raise SettingsError(f"{_without_password(url)!r} is no database URL. {_ADVICE}") from None
    if parts.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        shown = _without_password(parts.render_as_string(hide_password=True))
        return Address(shown=shown, server=parts.set(drivername="postgresql+psycopg"))
    raise SettingsError(
        f"The database URL has the scheme {parts.drivername!r}, which can't be opened. {_ADVICE}"
    )


_ADVICE = "Write sqlite:///path/to/file.db or postgresql://user@host/name."


def _sqlite(url: str) -> Address:
    # Read by hand: whether a URL library decodes %20 depends on its version, and a path is a path.
    if url in ("sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:"):
        return Address(shown="sqlite://")
    name = url.removeprefix("sqlite:///")
    if name == url or "?" in name:
        raise SettingsError(
            f"{_without_password(url)!r} has parts that an SQLite database has no use for. {_ADVICE}"
        )
    return Address(shown=name, path=Path(name).absolute())


def _without_password(text: str) -> str:
    text = re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", text)
    return re.sub(r"(password=)[^&\s]+", r"\1***", text)
