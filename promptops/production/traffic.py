"""Records as arrays: what figures need of each, its feedback and its scores in columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from promptops.production.monitor import Unit
from promptops.production.names import Names, Numbering
from promptops.stats import Bools, Floats, Ints

Moments = npt.NDArray[np.datetime64]
Page = Sequence[Sequence[Any]]
"""Some rows as columns."""


@dataclass(frozen=True)
class Scores:
    """One label's scores of records (n,), NaN where there is none, and which records were tried in vain."""

    values: Floats
    unscored: Bools
    signature: str


@dataclass(frozen=True)
class Traffic:
    """n records in columns, the oldest first."""

    ids: Names
    """None where people were not asked for."""
    at: Moments
    weights: Floats
    """How many calls each stands for."""
    references: Names
    """`reply@3`; None where the prompt is not known."""
    prompts: Names
    aliases: Names
    models: Names
    subjects: Names
    """None where people were not asked for."""
    errors: Names
    finishes: Names
    seconds: Floats
    costs: Floats
    good: Floats
    """1 and 0 where somebody said so, else NaN."""
    scores: Mapping[str, Scores] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.at)

    def runs(self, unit: Unit) -> Iterator[tuple[np.datetime64, slice]]:
        """Yield each day or hour that has records, and where these stand."""
        units = units_of(self.at, unit)
        starts = np.flatnonzero(np.append(True, units[1:] != units[:-1])[: len(units)]).tolist()
        for start, end in zip(starts, [*starts[1:], len(units)], strict=True):
            yield units[start], slice(start, end)

    def only(self, which: Bools) -> Traffic:
        """Return some of the records."""
        columns = {name: getattr(self, name)[which] for name in self.__dataclass_fields__ if name != "scores"}
        scores = {
            label: Scores(each.values[which], each.unscored[which], each.signature)
            for label, each in self.scores.items()
        }
        return replace(self, **columns, scores=scores)


def units_of(at: Moments, unit: Unit) -> Moments:
    """Return the beginning of each moment's day or hour."""
    return at.astype("datetime64[D]" if unit == "day" else "datetime64[h]")


COLUMNS = (
    *("id", "at", "prompt", "version", "alias", "model", "error", "finish_reason"),
    *("seconds", "cost", "rate"),
)
"""Of the table of records."""
OF_PEOPLE = (*COLUMNS, "subject")
"""With whose each record is: a text a record, where the others hold a few texts again and again."""


def traffic_of(
    pages: Iterable[Page],
    opinions: Iterable[Page],
    marks: Iterable[Page],
    count: int,
    names: Sequence[str] = COLUMNS,
) -> Traffic:
    """Return records with what was said of them and how they were scored.

    `pages` hold `names` of `count` records; those that came meanwhile are left. `opinions` hold ids and 1 or
    0, of which the newest comes last; `marks` ids, labels, signatures and values, of which the signature that
    scored last counts for its label. Each is read to its end before the next one is begun.
    """
    empty: Page = [() for _ in names]
    columns: dict[str, npt.NDArray[Any]] = {}
    numberings = {name: Numbering() for name in _TEXTS}
    end = 0
    for page in chain([empty], pages):
        part = _part(dict(zip(names, page, strict=True)), numberings)
        begin, end = end, min(end + len(part["at"]), count)
        for name, found in part.items():
            # Made once: pieces that are put together at the end would lie in memory twice.
            whole = columns.setdefault(name, np.empty(count, found.dtype))
            whole[begin:end] = found[: end - begin]
    made: dict[str, Any] = {name: found[:end] for name, found in columns.items()}
    places = _Places(made.pop("hashes"))
    for name, numbering in numberings.items():
        made[name] = numbering.names(made[name])
    return Traffic(**made, good=_good(opinions, places), scores=_scores(marks, places))


_TEXTS = ("ids", "references", "prompts", "aliases", "models", "subjects", "errors", "finishes")


def _part(
    columns: Mapping[str, Sequence[Any]], numberings: Mapping[str, Numbering]
) -> dict[str, npt.NDArray[Any]]:
    """Return a page's columns as arrays."""
    ids = columns["id"]
    unknown = [None] * len(ids)
    texts = {
        "ids": ids if "subject" in columns else unknown,
        "references": _references(columns["prompt"], columns["version"]),
        "prompts": columns["prompt"],
        "aliases": columns["alias"],
        "models": columns["model"],
        "subjects": columns.get("subject", unknown),
        "errors": columns["error"],
        "finishes": columns["finish_reason"],
    }
    return {
        **{name: numberings[name].numbers(column) for name, column in texts.items()},
        "at": np.array([at[:26] for at in columns["at"]], dtype="datetime64[us]"),
        "weights": 1 / np.array(columns["rate"], dtype=np.float64),
        "seconds": _numbers(columns["seconds"]),
        "costs": _numbers(columns["cost"]),
        "hashes": _hashes(ids),
    }


class _Places:
    """Where records stand, by the hash of their ids: 8 bytes for each in place of 200.

    Two of a million records have the same 64 bits with a chance of one in forty million.
    """

    def __init__(self, hashes: Ints) -> None:
        self.count = len(hashes)
        self._order = np.argsort(hashes)
        self._hashes = hashes[self._order]

    def of(self, names: Sequence[str]) -> Ints:
        """Return the places of records, -1 of those that are not here."""
        wanted = _hashes(names)
        if not self.count:
            return np.full(len(wanted), -1, dtype=np.intp)
        near = np.minimum(np.searchsorted(self._hashes, wanted), self.count - 1)
        found: Ints = np.where(self._hashes[near] == wanted, self._order[near], -1)
        return found


def _good(opinions: Iterable[Page], places: _Places) -> Floats:
    found = np.full(places.count, np.nan)
    for names, values in opinions:
        where = places.of(names)
        # Of several words on one record the last one in the page is left, as it is written last.
        found[where[where >= 0]] = _numbers(values)[where >= 0]
    return found


def _scores(marks: Iterable[Page], places: _Places) -> dict[str, Scores]:
    kept: dict[tuple[str, str], Scores] = {}
    newest: dict[str, str] = {}
    for names, labels, signatures, values in marks:
        where, numbers = places.of(names), _numbers(values)
        kinds = _rows_by_kind(labels, signatures, where >= 0)
        for (label, signature), own in kinds:
            if (label, signature) not in kept:
                kept[label, signature] = _unscored(places.count, signature)
            scores = kept[label, signature]
            scores.values[where[own]] = numbers[own]
            scores.unscored[where[own]] = np.isnan(numbers[own])
            newest.setdefault(label, signature)
        newest.update(key for key, _ in sorted(kinds, key=lambda kind: int(kind[1][-1])))
    return {label: kept[label, signature] for label, signature in newest.items()}


def _rows_by_kind(
    labels: Sequence[str], signatures: Sequence[str], here: Bools
) -> list[tuple[tuple[str, str], Ints]]:
    """Return where each label and signature stands in a page, in the order in which they come first."""
    keys = list(zip(labels, signatures, strict=True))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    column = np.fromiter(map(numbers.__getitem__, keys), dtype=np.intp, count=len(keys))
    found = [(key, np.flatnonzero((column == number) & here)) for key, number in numbers.items()]
    return sorted(((key, own) for key, own in found if len(own)), key=lambda kind: int(kind[1][0]))


def _unscored(count: int, signature: str) -> Scores:
    return Scores(np.full(count, np.nan), np.zeros(count, dtype=bool), signature)


def _references(prompts: Sequence[str | None], versions: Sequence[int | None]) -> list[str | None]:
    pairs = list(zip(prompts, versions, strict=True))
    known = {pair: _reference(*pair) for pair in set(pairs)}
    return list(map(known.__getitem__, pairs))


def _reference(prompt: str | None, version: int | None) -> str | None:
    if prompt is None:
        return None
    return prompt if version is None else f"{prompt}@{version}"


def _numbers(values: Sequence[float | None]) -> Floats:
    return np.array(values, dtype=np.float64)  # None becomes NaN


def _hashes(names: Sequence[str]) -> Ints:
    return np.fromiter(map(hash, names), dtype=np.int64, count=len(names))
