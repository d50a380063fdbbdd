"""Prompts as registered, and the aliases that point at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from promptops.errors import StoreError, UnknownName, UsageError
from promptops.store.database import Database, timestamp
from promptops.store.encoding import json_text, noun_from
from promptops.store.tables import alias_moves, aliases, prompt_versions
from promptops.types import AliasMove, Prompt, PromptVersion

Found = TypeVar("Found")

_REMEMBERED = 1_000
_AnyRow: TypeAlias = Row[*tuple[Any, ...]]


class Registry(Database):
    """Prompt versions that never change, and names that move over them."""

    _memory: tuple[str, dict[tuple[object, ...], object]] = ("", {})

    def add_prompt(
        self, name: str, prompt: Prompt, note: str = "", author: str = ""
    ) -> tuple[PromptVersion, bool]:
        """Register a prompt under the next number; False where the name has this content already."""
        with self.writing("registry") as connection:
            row = connection.execute(
                _VERSION.where(prompt_versions.c.name == name, prompt_versions.c.digest == prompt.digest)
            ).first()
            if row is not None:
                return _version(row), False
            highest = connection.execute(
                select(func.max(prompt_versions.c.number)).where(prompt_versions.c.name == name)
            ).scalar()
            version = PromptVersion(
                name=name,
                number=(highest or 0) + 1,
                prompt=prompt,
                note=note,
                author=author,
                created_at=timestamp(),
            )
            connection.execute(
                insert(prompt_versions).values(
                    name=name,
                    number=version.number,
                    digest=prompt.digest,
                    content=json_text(prompt.model_dump()),
                    note=note,
                    author=author,
                    created_at=version.created_at,
                )
            )
        return version, True

    def prompt_version(self, name: str, number: int | None = None) -> PromptVersion:
        """Return a version by number, or the latest. Raises UnknownName with the nearest names."""
        return self._remembered(("version", name, number), lambda: self._read_version(name, number))

    def prompt_by_alias(self, name: str, alias: str) -> PromptVersion:
        """Return the version to which an alias points. Raises UnknownName with the nearest names."""
        return self._remembered(("alias", name, alias), lambda: self._read_alias(name, alias))

    def prompt_names(self) -> list[str]:
        """Return the names of all prompts, in order."""
        with self.reading() as connection:
            query = select(prompt_versions.c.name).distinct().order_by(prompt_versions.c.name)
            return list(connection.execute(query).scalars())

    def versions(self, name: str) -> list[PromptVersion]:
        """Return all versions of a prompt, oldest first."""
        with self.reading() as connection:
            rows = connection.execute(
                _VERSION.where(prompt_versions.c.name == name).order_by(prompt_versions.c.number)
            ).all()
        if not rows:
            raise UnknownName("prompt", name, self.prompt_names())
        return [_version(row) for row in rows]

    def set_alias(self, name: str, alias: str, number: int, actor: str = "", reason: str = "") -> None:
        """Point an alias at a version and keep the move; nothing happens where it points there already.

        Raises UnknownName for a version that isn't there, UsageError for an alias that reads as a number.
        """
        if alias.isdecimal() or not alias:
            raise UsageError(
                f"{alias!r} can't be an alias: {name}@{alias} would name a version. Choose a word."
            )
        self.prompt_version(name, number)
        with self.writing("registry") as connection:
            before = _holder(connection, name, alias)
            if before == number:
                return
            if before is None:
                connection.execute(insert(aliases).values(name=name, alias=alias, number=number))
            else:
                connection.execute(update(aliases).where(*_is(name, alias)).values(number=number))
            _keep_move(
                connection,
                AliasMove(
                    name=name,
                    alias=alias,
                    from_number=before,
                    to_number=number,
                    actor=actor,
                    reason=reason,
                    moved_at=timestamp(),
                ),
            )

    def remove_alias(self, name: str, alias: str, actor: str = "", reason: str = "") -> None:
        """Take an alias away and keep that as a move. Raises UnknownName where there is none."""
        with self.writing("registry") as connection:
            before = _holder(connection, name, alias)
            if before is not None:
                connection.execute(delete(aliases).where(*_is(name, alias)))
                _keep_move(
                    connection,
                    AliasMove(
                        name=name,
                        alias=alias,
                        from_number=before,
                        to_number=None,
                        actor=actor,
                        reason=reason,
                        moved_at=timestamp(),
                    ),
                )
        if before is None:
            raise self._unknown_alias(name, alias)

    def aliases(self, name: str) -> dict[str, int]:
        """Return a prompt's aliases and the numbers to which they point, in order."""
        with self.reading() as connection:
            query = select(aliases.c.alias, aliases.c.number).where(aliases.c.name == name)
            return {row.alias: row.number for row in connection.execute(query.order_by(aliases.c.alias))}

    def alias_history(self, name: str) -> list[AliasMove]:
        """Return every move of a prompt's aliases, oldest first."""
        with self.reading() as connection:
            query = select(*(alias_moves.c[field] for field in AliasMove.model_fields))
            rows = connection.execute(query.where(alias_moves.c.name == name).order_by(alias_moves.c.id))
            return [AliasMove(**row) for row in rows.mappings()]

    def _remembered(self, key: tuple[object, ...], read: Callable[[], Found]) -> Found:
        """Read again only after a commit; asking a server for that costs as much as reading."""
        if self.dialect == "postgresql":
            return read()
        version = self.data_version()
        at, found = self._memory
        if at != version or len(found) > _REMEMBERED:
            found = {}
            # Whoever swaps last wins; each pair is right by itself.
            self._memory = (version, found)
        if key not in found:
            found[key] = read()
        return cast(Found, found[key])

    def _read_version(self, name: str, number: int | None) -> PromptVersion:
        query = _VERSION.where(prompt_versions.c.name == name)
        if number is None:
            query = query.order_by(prompt_versions.c.number.desc()).limit(1)
        else:
            query = query.where(prompt_versions.c.number == number)
        with self.reading() as connection:
            row = connection.execute(query).first()
        if row is not None:
            return _version(row)
        numbers = [str(version.number) for version in self.versions(name)]
        raise UnknownName(f"version of {name!r}", str(number), numbers)

    def _read_alias(self, name: str, alias: str) -> PromptVersion:
        pointed = (prompt_versions.c.name == aliases.c.name) & (prompt_versions.c.number == aliases.c.number)
        with self.reading() as connection:
            row = connection.execute(_VERSION.join(aliases, pointed).where(*_is(name, alias))).first()
        if row is None:
            raise self._unknown_alias(name, alias)
        return _version(row)

    def _unknown_alias(self, name: str, alias: str) -> UnknownName:
        names = self.prompt_names()
        if name not in names:
            return UnknownName("prompt", name, names)
        return UnknownName(f"alias of {name!r}", alias, self.aliases(name))


_VERSION = select(
    prompt_versions.c.name,
    prompt_versions.c.number,
    prompt_versions.c.digest,
    prompt_versions.c.content,
    prompt_versions.c.note,
    prompt_versions.c.author,
    prompt_versions.c.created_at,
)


def _version(row: _AnyRow) -> PromptVersion:
    prompt = noun_from(Prompt, row.content)
    if prompt.digest != row.digest:
        raise StoreError(
            f"{row.name}@{row.number} was changed after it was registered: its content has the digest "
            f"{prompt.digest[:12]}, and {row.digest[:12]} was registered. Restore the database from a backup."
        )
    return PromptVersion(
        name=row.name,
        number=row.number,
        prompt=prompt,
        note=row.note,
        author=row.author,
        created_at=row.created_at,
    )


def _holder(connection: Connection, name: str, alias: str) -> int | None:
    return connection.execute(select(aliases.c.number).where(*_is(name, alias))).scalar()


def _is(name: str, alias: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return aliases.c.name == name, aliases.c.alias == alias


def _keep_move(connection: Connection, move: AliasMove) -> None:
    connection.execute(insert(alias_moves).values(**move.model_dump()))
