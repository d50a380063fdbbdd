"""What a command will take in calls, tokens, money and time, before anything of it is spent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from promptops.calls.pricing import waiting
from promptops.noun import Noun
from promptops.providers import Model
from promptops.store.answers import Taken
from promptops.texts.figures import dollars

CHARACTERS_A_TOKEN = 4
"""A rule of thumb for English; other languages and code have more tokens for as many characters."""
RULE = f"by the rule of thumb of {CHARACTERS_A_TOKEN} characters a token"

Basis = Literal["known", "history", "estimate", "bound", "unknown"]
"""How sure a figure is. `history`: as calls of an earlier run took; `estimate`: by a rule of thumb, or as
another prompt took; `bound`: what it can be at most."""
_SURE: dict[Basis, str] = {
    "known": "nothing has to be guessed",
    "history": "as earlier runs of the same prompt and model took",
    "estimate": "an estimate",
    "bound": "at most",
    "unknown": "some of it is not known",
}
_MARKS: dict[Basis, str] = {"known": "", "history": "~", "estimate": "~", "bound": "<", "unknown": ""}
_LEAST_SURE: tuple[Basis, ...] = ("known", "history", "estimate", "bound", "unknown")


class Part(Noun):
    """The calls of one kind: a run's answers, or what one judge says about them."""

    kind: Literal["answers", "judge"]
    name: str
    """The prompt, or the judge's label."""
    model: str
    places: int
    """Samples times repeats."""
    stored: int = 0
    """Of these, what the run that is resumed has already."""
    cached: int = 0
    """What an earlier run has already."""
    handed_in: int = 0
    """What a batch has that is out: no call is made for it."""
    handed_in_cost: float | None = None
    """US dollars for that, paid whether it is brought or not; None where unknown, or nothing is out."""
    calls: int
    tokens_in: int | None
    tokens_out: int | None
    cost: float | None
    """US dollars; None where it is unknown."""
    seconds: float | None
    """Seconds of waiting, added up; divide by the concurrency."""
    tokens_in_basis: Basis
    tokens_out_basis: Basis
    cost_basis: Basis
    seconds_basis: Basis
    notes: tuple[str, ...] = ()
    """Where the figures come from."""

    @property
    def row(self) -> dict[str, str]:
        """Its figures as all faces show them: `~` about, `<` at most, and what is unknown."""

        def tokens(count: int | None, basis: Basis) -> str:
            return "unknown" if count is None else f"{_MARKS[basis]}{count:,}"

        return {
            "": self.name if self.kind == "answers" else f"judge {self.name}",
            "model": self.model,
            "calls": f"{self.calls:,}",
            "cached": f"{self.cached:,}",
            "stored": f"{self.stored:,}",
            "read": tokens(self.tokens_in, self.tokens_in_basis),
            "written": tokens(self.tokens_out, self.tokens_out_basis),
            "cost": "unknown" if self.cost is None else f"{_MARKS[self.cost_basis]}{dollars(self.cost)}",
        }


class Forecast(Noun):
    """What a command will take. What is unknown is None, never 0."""

    evalset: str
    samples: int
    of_samples: int | None = None
    """How many samples the whole set has, where only a part of it is asked; else None."""
    repeats: int
    concurrency: int
    parts: tuple[Part, ...]
    stored: int
    cached: int
    handed_in: int = 0
    handed_in_cost: float | None = None
    """US dollars for what batches have that are out; in no other figure."""
    calls: int
    tokens_in: int | None
    tokens_out: int | None
    cost: float | None
    minutes: float | None
    sure: Basis
    """The least sure of all figures."""
    notes: tuple[str, ...] = ()
    sentence: str

    @property
    def asked(self) -> str:
        """How many samples are asked, and of how many: "30 of 200 samples"."""
        whole = "" if self.of_samples is None else f" of {self.of_samples:,}"
        return f"{self.samples:,}{whole} samples"

    @property
    def how_sure(self) -> str:
        """How sure the least sure figure is, in words."""
        return _SURE[self.sure]

    @property
    def all_notes(self) -> tuple[str, ...]:
        """Where the figures come from, and what else is to be known, each once."""
        return tuple(dict.fromkeys([*(note for part in self.parts for note in part.notes), *self.notes]))


@dataclass(frozen=True)
class Usual:
    """What one call usually takes, from where that is known; None where it is not."""

    tokens_in: float | None = None
    tokens_out: float | None = None
    cost: float | None = None
    seconds: float | None = None
    same: bool = False
    """Whether these were calls of the same prompt to the same model."""
    source: str = ""

    @classmethod
    def of(cls, taken: Taken, source: str, *, same: bool) -> Usual:
        """Return the mean of the calls of one kind in a run."""

        def mean(total: float | None) -> float | None:
            return None if total is None or not taken.calls else total / taken.calls

        return cls(
            mean(taken.tokens_in),
            mean(taken.tokens_out),
            mean(taken.cost),
            mean(taken.seconds),
            same=same,
            source=source,
        )


@dataclass(frozen=True)
class Wanted:
    """Calls of one kind that are still to be made."""

    kind: Literal["answers", "judge"]
    name: str
    model: str
    places: int
    stored: int
    cached: int
    characters: Sequence[int]
    """Of each call's messages."""
    limit: int | None
    """Tokens that an answer may have at most, where the request says so."""
    unseen: int = 0
    """Of these, calls of a judge about answers that are not there yet and are missing in the characters."""
    answer: float | None = None
    """Tokens that such an answer usually has; None where that is unknown."""


def part_of(wanted: Wanted, model: Model, usual: Usual) -> Part:
    """Return what calls of one kind take: from history, else by rule, else at most, else unknown."""
    calls = len(wanted.characters)
    tokens_in, in_basis, in_note = _tokens_in(wanted, usual)
    tokens_out, out_basis, out_note = _tokens_out(wanted, usual)
    bases = in_basis, out_basis
    cost, cost_basis, cost_note = _cost(model, wanted.model, usual, tokens_in, tokens_out, calls, bases)
    seconds = None if usual.seconds is None else usual.seconds * calls
    seconds_basis: Basis = "unknown" if seconds is None else "history" if usual.same else "estimate"
    if not calls:
        tokens_in, tokens_out, cost, seconds = 0, 0, 0.0, 0.0
        in_basis = out_basis = cost_basis = seconds_basis = "known"
    notes = (in_note, out_note, cost_note) if calls else ()
    return Part(
        kind=wanted.kind,
        name=wanted.name,
        model=wanted.model,
        places=wanted.places,
        stored=wanted.stored,
        cached=wanted.cached,
        calls=calls,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=cost,
        seconds=seconds,
        tokens_in_basis=in_basis,
        tokens_out_basis=out_basis,
        cost_basis=cost_basis,
        seconds_basis=seconds_basis,
        notes=tuple(filter(None, notes)),
    )


def forecast_of(
    evalset: str,
    samples: int,
    repeats: int,
    concurrency: int,
    parts: Sequence[Part],
    notes: Sequence[str] = (),
) -> Forecast:
    """Add up what the parts of a command take."""
    calls = sum(part.calls for part in parts)
    seconds = _added([part.seconds for part in parts])
    out = any(part.handed_in for part in parts)
    at_once = max(min(concurrency, calls), 1)
    bases = [
        basis
        for part in parts
        for basis in (part.tokens_in_basis, part.tokens_out_basis, part.cost_basis, part.seconds_basis)
    ]
    if out:
        unpriced = any(part.handed_in and part.handed_in_cost is None for part in parts)
        bases.append("unknown" if unpriced else "estimate")
    found = Forecast(
        evalset=evalset,
        samples=samples,
        repeats=repeats,
        concurrency=concurrency,
        parts=tuple(parts),
        stored=sum(part.stored for part in parts),
        cached=sum(part.cached for part in parts),
        handed_in=sum(part.handed_in for part in parts),
        handed_in_cost=_added([part.handed_in_cost for part in parts if part.handed_in]) if out else None,
        calls=calls,
        tokens_in=_whole(_added([part.tokens_in for part in parts])),
        tokens_out=_whole(_added([part.tokens_out for part in parts])),
        cost=_added([part.cost for part in parts]),
        minutes=None if seconds is None else seconds / at_once / 60,
        sure=_least_sure(bases),
        notes=tuple(notes),
        sentence="",
    )
    return found.model_copy(update={"sentence": _sentence(found)})


def untimed(found: Forecast) -> Forecast:
    """Return the same of calls that a server answers in its own time: how long that takes nobody knows."""
    timeless = found.model_copy(update={"minutes": None})
    return timeless.model_copy(update={"sentence": _sentence(timeless)})


def _tokens_in(wanted: Wanted, usual: Usual) -> tuple[int | None, Basis, str]:
    calls = len(wanted.characters)
    unknown = wanted.unseen > 0 and wanted.answer is None
    if usual.tokens_in is not None and (usual.same or unknown):
        basis: Basis = "history" if usual.same else "estimate"
        return math.ceil(usual.tokens_in * calls), basis, f"tokens read as {usual.source} took"
    if unknown:
        return None, "unknown", "tokens read unknown: the answers that are to be judged are not there yet"
    read = sum(math.ceil(each / CHARACTERS_A_TOKEN) for each in wanted.characters)
    return read + math.ceil(wanted.unseen * (wanted.answer or 0.0)), "estimate", f"tokens read {RULE}"


def _tokens_out(wanted: Wanted, usual: Usual) -> tuple[int | None, Basis, str]:
    calls = len(wanted.characters)
    if usual.tokens_out is not None:
        basis: Basis = "history" if usual.same else "estimate"
        return math.ceil(usual.tokens_out * calls), basis, f"tokens written as {usual.source} took"
    if wanted.limit is not None:
        return wanted.limit * calls, "bound", f"at most {wanted.limit:,} tokens written in a call"
    return None, "unknown", "tokens written unknown: no earlier run tells, and the prompt sets no max_tokens"


def _cost(
    model: Model,
    name: str,
    usual: Usual,
    tokens_in: int | None,
    tokens_out: int | None,
    calls: int,
    bases: tuple[Basis, ...],
) -> tuple[float | None, Basis, str]:
    settings = model.settings
    if model.free:
        return 0.0, "known", ""
    if not model.by_usage or settings.price_in is None or settings.price_out is None:
        if usual.cost is None:
            return None, "unknown", f"cost unknown: no price of {name} (promptops prices)"
        basis: Basis = "history" if usual.same else "estimate"
        return usual.cost * calls, basis, f"cost as {usual.source} took"
    if tokens_in is None or tokens_out is None:
        return None, "unknown", "cost unknown, as tokens are"
    cost = (tokens_in * settings.price_in + tokens_out * settings.price_out) / 1_000_000
    return cost, _least_sure(bases), ""


def _sentence(found: Forecast) -> str:
    kinds = [f"{found.calls:,} call{'' if found.calls == 1 else 's'}"]
    if found.cached:
        kinds.append(f"{found.cached:,} more answered by the cache")
    if found.handed_in:
        kinds.append(f"{found.handed_in:,} more handed in already")
    if found.stored:
        kinds.append(f"{found.stored:,} more stored already")
    bases = {basis for part in found.parts for basis in (part.tokens_in_basis, part.tokens_out_basis)}
    most = "at most " if "bound" in bases else "about " if bases - {"known"} else ""
    tokens = (
        "tokens unknown"
        if found.tokens_in is None or found.tokens_out is None
        else f"{most}{found.tokens_in:,} tokens read and {found.tokens_out:,} written"
    )
    priced = {part.cost_basis for part in found.parts}
    about = "at most " if "bound" in priced else "about " if priced - {"known"} else ""
    cost = dollars(found.cost) if found.cost is None else f"{about}{dollars(found.cost)}"
    if found.handed_in:
        theirs = "unknown" if found.handed_in_cost is None else f"about {dollars(found.handed_in_cost)}"
        cost = f"{cost} for new calls and {theirs} for what is handed in"
    seconds = None if found.minutes is None else found.minutes * 60 * found.concurrency
    return f"{', '.join(kinds)}; {tokens}; {cost}; {waiting(seconds, found.concurrency)}."


def _least_sure(bases: Sequence[Basis]) -> Basis:
    return max(bases, key=_LEAST_SURE.index, default="known")


def _added(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return float(sum(known)) if len(known) == len(parts) else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
