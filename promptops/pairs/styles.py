"""How others write pairwise judgements down: which keys, and how a winner is spelled.

- `winner`: two systems and who won, as Chatbot Arena (`model_a`, `model_b`, `winner`) and most others.
- `one_hot`: a column for each outcome, as in the human preferences that LMSYS gave to Kaggle.
- `mt_bench`: both orders in one row, as FastChat's `gen_judgment.py` (`g1_winner`, `g2_winner`).
- `alpaca_eval`: a preference from 1 (the first) to 2 (the second), as AlpacaEval's annotations.
- `arena_hard`: games against a baseline in alternating order, as Arena-Hard's judgements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from pydantic import JsonValue

from promptops.files.located import Faults, did_you_mean, shown

SPELLINGS: dict[str, float] = {
    **dict.fromkeys(("a", "model_a", "model_1", "system_a", "first", "[[a]]", "a>b", "a>>b"), 1.0),
    **dict.fromkeys(("b", "model_b", "model_2", "system_b", "second", "[[b]]", "b>a", "b>>a"), 0.0),
    **dict.fromkeys(
        ("tie", "tie (bothbad)", "bothbad", "both_bad", "tie_both_bad", "both", "equal", "draw", "[[c]]"), 0.5
    ),
    "a=b": 0.5,
}
"""The first's share by how a winner is spelled, whatever its capitals; a strong win is one win."""
NO_VERDICT = frozenset({"", "error", "none", "null", "nan", "n/a", "invalid"})
"""How judges' failures are spelled."""
_PAIRS = (
    ("model_a", "model_b"),
    ("system_a", "system_b"),
    ("model_1", "model_2"),
    ("first", "second"),
)


@dataclass(frozen=True)
class Keys:
    """What the user says of a format."""

    first: str | None = None
    second: str | None = None
    winner: str | None = None
    baseline: str | None = None
    """Whom each model was compared with, where rows don't tell."""


@dataclass(frozen=True)
class Read:
    """One row: two systems and the first's share; None where nothing was judged, and why."""

    first: str
    second: str
    score: float | None
    why: str = ""


class Style(Protocol):
    """A format, as a file has it."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    """The keys by which it is told."""
    both_orders: ClassVar[bool]

    @classmethod
    def found(cls, row: Mapping[str, JsonValue], keys: Keys) -> Style | None:
        """Return the format for a file with such a row; None where it is another one."""

    def read(self, row: Mapping[str, JsonValue], faults: Faults) -> Read | None:
        """Return a row's judgement; None where it has a fault, which is noted."""


@dataclass(frozen=True)
class Winner:
    """Two systems and who won."""

    name: ClassVar[str] = "winner"
    needs: ClassVar[tuple[str, ...]] = ("model_a", "model_b", "winner")
    both_orders: ClassVar[bool] = False
    first: str
    second: str
    winner: str

    @classmethod
    def found(cls, row: Mapping[str, JsonValue], keys: Keys) -> Winner | None:
        pair = next((pair for pair in _PAIRS if all(key in row for key in pair)), None)
        first, second = keys.first or (pair and pair[0]), keys.second or (pair and pair[1])
        winner = keys.winner or ("winner" if "winner" in row else None)
        if first is None or second is None or winner is None:
            return None
        return cls(first, second, winner)

    def read(self, row: Mapping[str, JsonValue], faults: Faults) -> Read | None:
        return _judged(row, (self.first, self.second), (self.winner,), faults)


@dataclass(frozen=True)
class MTBench:
    """Both orders in one row; the score is the mean of both, a tie is half."""

    name: ClassVar[str] = "mt_bench"
    needs: ClassVar[tuple[str, ...]] = ("model_1", "model_2", "g1_winner", "g2_winner")
    both_orders: ClassVar[bool] = True

    @classmethod
    def found(cls, row: Mapping[str, JsonValue], keys: Keys) -> MTBench | None:
        return cls() if keys.winner is None and all(key in row for key in cls.needs) else None

    def read(self, row: Mapping[str, JsonValue], faults: Faults) -> Read | None:
        return _judged(row, ("model_1", "model_2"), ("g1_winner", "g2_winner"), faults)


@dataclass(frozen=True)
class OneHot:
    """A column for each outcome, one of which is 1."""

    name: ClassVar[str] = "one_hot"
    needs: ClassVar[tuple[str, ...]] = (
        "model_a",
        "model_b",
        "winner_model_a",
        "winner_model_b",
        "winner_tie",
    )
    both_orders: ClassVar[bool] = False

    @classmethod
    def found(cls, row: Mapping[str, JsonValue], keys: Keys) -> OneHot | None:
        return cls() if keys.winner is None and all(key in row for key in cls.needs) else None

    def read(self, row: Mapping[str, JsonValue], faults: Faults) -> Read | None:
        names = _names(row, ("model_a", "model_b"), faults)
        told = [_number(row.get(key)) for key in self.needs[2:]]
        if sorted(told, key=str) != [0.0, 0.0, 1.0]:
            faults.add((self.needs[2],), "one of winner_model_a, winner_model_b and winner_tie must be 1")
            return None
        return None if names is None else Read(*names, (1.0, 0.0, 0.5)[told.index(1.0)])


@dataclass(frozen=True)
class AlpacaEval:
    """A preference from 1 for the first to 2 for the second; weighted judges say anything between."""

    name: ClassVar[str] = "alpaca_eval"
    needs: ClassVar[tuple[str, ...]] = ("generator_1", "generator_2", "preference")
    both_orders: ClassVar[bool] = False

    @classmethod
    def found(cls, row: Mapping[str, JsonValue], keys: Keys) -> AlpacaEval | None:
        return cls() if keys.winner is None and all(key in row for key in cls.needs) else None

    def read(self, row: Mapping[str, JsonValue], faults: Faults) -> Read | None:
        names = _names(row, ("generator_1", "generator_2"), faults)
        said = row.get("preference")
        if said is None or (isinstance(said, str) and said.strip().casefold() in NO_VERDICT):
            return None if names is None else Read(*names, None, "no preference")
        preference = _number(said)
        if preference is None or not (1 <= preference <= 2 or preference == 0):
            told = "must be 1 (the first) to 2 (the second), 1.5 or 0 for a tie, or null"
            faults.add(("preference",), f"{shown(said)} is no preference: {told}")
            return None
        # AlpacaEval wrote 0 for a tie before it wrote 1.5.
        return None if names is None else Read(*names, 2 - preference if preference else 0.5)


@dataclass(frozen=True)
class ArenaHard:
    """Games of a model with the baseline, which is A in the first game, B in the second, and so on."""

    name: ClassVar[str] = "arena_hard"
    needs: ClassVar[tuple[str, ...]] = ("model", "games", "baseline or --baseline")
    both_orders: ClassVar[bool] = True
    baseline: str | None

    @classmethod
    def found(cls, row: Mapping[str, JsonValue], keys: Keys) -> ArenaHard | None:
        named = keys.baseline is not None or "baseline" in row
        return cls(keys.baseline) if named and "model" in row and "games" in row else None

    def read(self, row: Mapping[str, JsonValue], faults: Faults) -> Read | None:
        whole = {**row, "baseline": self.baseline if self.baseline is not None else row.get("baseline")}
        names = _names(whole, ("model", "baseline"), faults)
        games = row.get("games")
        if not isinstance(games, list) or not games:
            faults.add(("games",), "must be a list of games")
            return None
        shares: list[float | None] = []
        for place, game in enumerate(games):
            said = game.get("score") if isinstance(game, dict) else None
            share = _share(said, ("\0", "\0"))
            if isinstance(share, str):
                faults.add(("games", place), share)
                return None
            shares.append(share if share is None or place % 2 else 1 - share)
        return None if names is None else Read(*names, *_mean(shares))


STYLES: tuple[type[Style], ...] = (MTBench, OneHot, AlpacaEval, ArenaHard, Winner)
"""Looked for in this order."""


def _judged(
    row: Mapping[str, JsonValue], systems: tuple[str, str], winners: tuple[str, ...], faults: Faults
) -> Read | None:
    names = _names(row, systems, faults)
    if names is None:
        return None
    shares: list[float | None] = []
    for key in winners:
        share = "is missing" if key not in row else _share(row[key], names)
        if isinstance(share, str):
            faults.add((key,), share)
            return None
        shares.append(share)
    return Read(*names, *_mean(shares))


def _share(said: JsonValue, names: tuple[str, str]) -> float | str | None:
    """Return the first's share; None where the judge gave no verdict; a sentence where it says neither."""
    if said is None:
        return None
    if not isinstance(said, str):
        return f"{shown(said)} is no winner: write a, b or tie, or a system's name"
    word = " ".join(said.split()).casefold()
    by_name = 1.0 if said == names[0] else 0.0 if said == names[1] else None
    by_word = SPELLINGS.get(word)
    if by_name is not None and by_word is not None and by_name != by_word:
        return f"{shown(said)} names a system and also the other place, so it is not clear who won"
    found = by_name if by_name is not None else by_word
    if found is None and word in NO_VERDICT:
        return None
    return f"{shown(said)} is no winner.{did_you_mean(word, SPELLINGS)}" if found is None else found


def _mean(shares: list[float | None]) -> tuple[float | None, str]:
    known = [share for share in shares if share is not None]
    if len(known) < len(shares):
        return None, "no verdict"
    return sum(known) / len(known), ""


def _names(row: Mapping[str, JsonValue], keys: tuple[str, str], faults: Faults) -> tuple[str, str] | None:
    found = [row.get(key) for key in keys]
    whole = True
    for key, name in zip(keys, found, strict=True):
        if not isinstance(name, str) or not name.strip():
            faults.add((key,), "must be the name of a system")
            whole = False
    if not whole:
        return None
    first, second = str(found[0]), str(found[1])
    if first == second:
        faults.add((keys[1],), f"{shown(first)} is compared with itself")
        return None
    return first, second


def _number(value: JsonValue) -> float | None:
    """Return a number, also where a table writes it as text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
