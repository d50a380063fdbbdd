"""What an evaluation takes in calls, tokens, money and time, from what a stored run took."""

from __future__ import annotations

from promptops.noun import Noun
from promptops.store.answers import Spent
from promptops.texts.figures import dollars, duration


class Price(Noun):
    """What one evaluation of the set takes, from what its last run took. What is unknown is None, never 0."""

    run: str
    samples: int
    repeats: int
    answers: int
    judgements: int
    cost: float | None
    """US dollars for all calls; None where any of them has no price."""
    answers_cost: float | None
    judgements_cost: float | None
    """The same of each kind; None also where there was no call of it."""
    tokens_in: int | None
    tokens_out: int | None
    seconds: float | None
    """Seconds of waiting for replies, added up; divide by the concurrency."""


class Extra(Noun):
    """What more samples take in each evaluation."""

    samples: int
    cost: float | None
    seconds: float | None
    """Seconds of waiting, added up; divide by the concurrency."""


def price_of(run_id: str, samples: int, repeats: int, spent: Spent) -> Price:
    """Return what a run of so many samples took: answers, and judgements about them."""
    return Price(
        run=run_id,
        samples=samples,
        repeats=repeats,
        answers=spent.answers.calls,
        judgements=spent.judgements.calls,
        cost=spent.cost,
        answers_cost=spent.answers.cost,
        judgements_cost=spent.judgements.cost,
        tokens_in=spent.tokens_in,
        tokens_out=spent.tokens_out,
        seconds=spent.seconds,
    )


def extra_of(price: Price | None, samples: int) -> Extra:
    """Return what so many samples more take, with the repeats that the run had."""
    if price is None or not price.samples:
        return Extra(samples=samples, cost=None, seconds=None)
    share = samples / price.samples
    return Extra(
        samples=samples,
        cost=None if price.cost is None else price.cost * share,
        seconds=None if price.seconds is None else price.seconds * share,
    )


def extra_sentence(extra: Extra, concurrency: int) -> str:
    """Say what more samples take: "$0.42 and 3 min with 8 at a time"."""
    return f"{dollars(extra.cost)} and {waiting(extra.seconds, concurrency)}"


def price_sentence(price: Price, concurrency: int) -> str:
    """Say what one evaluation takes."""
    calls = f"{price.answers} answers"
    if price.judgements:
        calls += f" and {price.judgements} judgements"
    tokens = (
        "tokens unknown"
        if price.tokens_in is None or price.tokens_out is None
        else f"{price.tokens_in + price.tokens_out:,} tokens"
    )
    return (
        f"{calls}, {tokens}, {_cost(price)}, {waiting(price.seconds, concurrency)} (as run {price.run} took)"
    )


def _cost(price: Price) -> str:
    if price.cost is not None or not price.judgements:
        return dollars(price.cost)
    if price.answers_cost is not None:
        return f"{dollars(price.answers_cost)} for answers, the judgements' cost unknown"
    if price.judgements_cost is not None:
        return f"{dollars(price.judgements_cost)} for judgements, the answers' cost unknown"
    return dollars(None)


def waiting(seconds: float | None, concurrency: int) -> str:
    """Return what so many seconds of waiting come to with so many calls at a time."""
    if seconds is None:
        return "time unknown"
    each = seconds / concurrency
    return f"{'under 1 s' if each < 1 else duration(each)} with {concurrency} at a time"
