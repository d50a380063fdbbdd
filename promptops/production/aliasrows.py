"""Which records an alias has: those that name it, and those of the version to which it pointed just then."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from promptops.production.traffic import Traffic
from promptops.stats import Bools
from promptops.types import AliasMove


def alias_rows(traffic: Traffic, moves: Iterable[AliasMove]) -> dict[str | None, Bools]:
    """Return which records each alias has, by its first record; under None those of no alias.

    `moves` are those of the prompts' aliases. A record that names no alias may have several: all that pointed
    at its version. It is what a filter by an alias chooses.
    """
    found = {name: traffic.aliases.equal(name) for name in traffic.aliases.distinct() if name is not None}
    open_ones = ~traffic.aliases.there
    for (prompt, alias), own in _by_alias(moves).items():
        for move, later in zip(own, [*own[1:], None], strict=True):
            which = open_ones & traffic.references.equal(f"{prompt}@{move.to_number}")
            which &= traffic.at >= _moment(move)
            if later is not None:
                which &= traffic.at < _moment(later)
            found[alias] = found.get(alias, False) | which
    rows: dict[str | None, Bools] = {name: which for name, which in found.items() if which.any()}
    nobody = ~np.any([*rows.values(), np.zeros(len(traffic), dtype=bool)], axis=0)
    if nobody.any():
        rows[None] = nobody
    return dict(sorted(rows.items(), key=lambda row: int(row[1].argmax())))


def _by_alias(moves: Iterable[AliasMove]) -> dict[tuple[str, str], list[AliasMove]]:
    found: dict[tuple[str, str], list[AliasMove]] = {}
    for move in sorted(moves, key=lambda each: each.moved_at):
        found.setdefault((move.name, move.alias), []).append(move)
    return found


def _moment(move: AliasMove) -> np.datetime64:
    return np.datetime64(move.moved_at[:26], "us")
