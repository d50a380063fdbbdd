"""What is bad feedback about? Kinds of requests, or of remarks, with how often each was bad and its trend.

Kinds of requests are found among all records that somebody judged, whether good or bad, so that how often
a kind is bad is not decided by how it was found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np

from promptops.distributions.bare import bare
from promptops.distributions.shift import MOST_CHARACTERS, Embed
from promptops.noun import Noun
from promptops.stats import Bools, Floats, Ints
from promptops.stats.intervals import wilson_interval
from promptops.stats.kinds import kinds
from promptops.stats.multiplicity import holm
from promptops.stats.neighbours import central, distances, unit
from promptops.stats.shares import fisher_p, share_trend
from promptops.stats.sparse import SparseRows
from promptops.stats.textspace import TextSpace, leading_directions, text_space, word_space
from promptops.stats.theme import theme

About = Literal["requests", "comments"]
Movement = Literal["rising", "falling", "steady"]
FEWEST_BAD = 10
MOST = 2_000
"""Texts that are sorted into kinds; of more a seeded sample is taken."""
SMALLEST = 0.03
"""Share of the texts below which a kind is put to the nearest one."""
LEVEL = 0.05
DAYS = 21
"""Days from which on weeks are told instead."""
_EXAMPLES = 5
_SHOWN = 300


@dataclass(frozen=True)
class Opinion:
    """One record of which somebody said whether it was good."""

    record: str
    at: str
    request: str
    comment: str
    bad: bool
    subject: str | None = None
    session: str | None = None


class ThemeExample(Noun):
    """A bad record of a theme: what was asked, and what was said of the answer."""

    record: str
    request: str
    comment: str = ""


class Theme(Noun):
    """Records of one kind: `bad` of `judged` were found bad; elsewhere the share is `elsewhere`.

    `low` and `high` are the share's 95 % interval (Wilson), `p_value` Fisher's exact test against the other
    kinds, `trend_p` a trend of its bad records among all judged ones (Cochran-Armitage); both p-values are
    Holm's over the themes. Of comments only the trend can be told: they are about bad answers to begin with.
    """

    number: int
    name: str
    """Two words that mark it, or what a model called it; empty where texts hold too few words."""
    bad: int
    judged: int
    bad_share: float | None = None
    low: float | None = None
    high: float | None = None
    elsewhere: float | None = None
    p_value: float | None = None
    worse: bool = False
    """Whether it is bad more often than the rest, surely."""
    movement: Movement = "steady"
    trend_p: float | None = None
    by_period: tuple[int, ...] = ()
    """Its bad records in each period."""
    examples: tuple[ThemeExample, ...] = ()
    records: tuple[str, ...] = ()
    """Ids of its bad records: one of each person, and of each conversation, before a second of any.

    Among these the nearest to its middle come first. Who is known by no mark is a person by himself.
    """


class Themes(Noun):
    """Bad feedback sorted into themes, the one with most bad records first. Unmeasured: `reason` says why."""

    about: About
    judged: int
    """Records of which somebody said whether they were good."""
    bad: int
    used: int
    """Texts that were sorted; of more than 2,000 a seeded sample."""
    measured: bool = False
    reason: str = ""
    periods: tuple[str, ...] = ()
    """The first day of each."""
    judged_by_period: tuple[int, ...] = ()
    themes: tuple[Theme, ...] = ()
    embedding_model: str | None = None
    named_by: str | None = None
    """The model that named them; None where words mark them."""
    notes: tuple[str, ...] = ()
    seed: int = 0


def measure_themes(
    opinions: Sequence[Opinion],
    *,
    about: About = "requests",
    count: int | None = None,
    embed: Embed | None = None,
    embedding_model: str | None = None,
    seed: int = 0,
) -> Themes:
    """Sort judged records into as many themes as lie apart, or into `count`.

    Below 10 bad texts, and where no kinds can be told apart, nothing is measured.
    """
    told = [each for each in opinions if _text(each, about) and (about == "requests" or each.bad)]
    if len(told) > MOST:
        rng = np.random.default_rng(seed)
        told = [told[place] for place in np.sort(rng.permutation(len(told))[:MOST])]
    found = Themes(
        about=about,
        judged=len(opinions),
        bad=sum(each.bad for each in opinions),
        used=len(told),
        embedding_model=embedding_model,
        seed=seed,
    )
    bad = sum(each.bad for each in told)
    if bad < FEWEST_BAD:
        what = "bad records" if about == "requests" else "comments on bad records"
        reason = f"themes need at least {FEWEST_BAD} {what} with a text; there are {bad}"
        return found.model_copy(update={"reason": reason})
    days = _Calendar.of([each.at for each in opinions])
    everyone = days.counts(opinions)
    texts = bare(_text(each, about)[:MOST_CHARACTERS] for each in told)
    rows = text_space(texts).rows if embed is None else SparseRows.of_dense(embed(texts)).normalised()
    points = unit(leading_directions(rows, seed=seed))
    owners = _kinds(points, count, seed)
    if not owners.any():
        what = "requests" if about == "requests" else "remarks"
        anyway = "they all say the same" if count else "--themes N parts them nevertheless"
        reason = f"no kinds could be told apart among {len(told):,} {what}; {anyway}"
        return found.model_copy(update={"reason": reason})
    themes = _themes(told, word_space(texts), points, owners, days)
    tested = _tested(themes, np.array([each.bad for each in told]), everyone, about)
    return found.model_copy(
        update={
            "measured": True,
            "periods": days.names,
            "judged_by_period": tuple(int(count) for count in everyone),
            "themes": tested,
        }
    )


@dataclass(frozen=True)
class _Calendar:
    first: date
    days: int
    """Of one period."""
    periods: int

    @classmethod
    def of(cls, moments: Sequence[str]) -> _Calendar:
        days = sorted(date.fromisoformat(moment[:10]) for moment in moments)
        length = 1 if (days[-1] - days[0]).days < DAYS else 7
        return cls(days[0], length, (days[-1] - days[0]).days // length + 1)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(self.first + timedelta(days=self.days * place)) for place in range(self.periods))

    def counts(self, opinions: Sequence[Opinion]) -> Ints:
        """(periods,) how many opinions are about records of each."""
        places = [(date.fromisoformat(each.at[:10]) - self.first).days // self.days for each in opinions]
        counted: Ints = np.bincount(np.array(places, dtype=np.intp), minlength=self.periods)
        return counted


def _text(opinion: Opinion, about: About) -> str:
    return (opinion.request if about == "requests" else opinion.comment).strip()


def _themes(
    told: Sequence[Opinion], words: TextSpace, points: Floats, owners: Ints, days: _Calendar
) -> list[Theme]:
    bad = np.array([each.bad for each in told])
    found = [np.flatnonzero(owners == kind) for kind in range(int(owners.max()) + 1)]
    shown = sorted((kind for kind in found if bad[kind].any()), key=lambda kind: -int(bad[kind].sum()))
    themes = []
    for number, kind in enumerate(shown, 1):
        name = theme(words, kind, np.setdiff1d(np.arange(len(told)), kind))
        themes.append(_theme(told, points, kind, bad, number, name, days))
    return themes


def _kinds(points: Floats, count: int | None, seed: int) -> Ints:
    """Return a kind for each text, numbered from 0; a kind of very few is part of the nearest other."""
    owners = kinds(points, count, seed=seed)
    sizes = np.bincount(owners)
    large = np.flatnonzero(sizes >= max(2, SMALLEST * len(points)))
    if count is not None or len(large) in (0, len(sizes)):
        return owners
    found: Ints = distances(points, _middles(points, owners)[large]).argmin(axis=1)
    return np.where(np.isin(owners, large), np.searchsorted(large, owners), found)


def _middles(points: Floats, owners: Ints) -> Floats:
    return unit(np.stack([points[owners == kind].sum(axis=0) for kind in range(int(owners.max()) + 1)]))


def _theme(
    told: Sequence[Opinion],
    points: Floats,
    kind: Ints,
    bad: Bools,
    number: int,
    name: str,
    days: _Calendar,
) -> Theme:
    members = central(points, kind[bad[kind]])
    middle = [told[place] for place in members]
    shown = list({each.request: each for each in reversed(middle)}.values())[::-1][:_EXAMPLES]
    return Theme(
        number=number,
        name=name,
        bad=len(members),
        judged=len(kind),
        by_period=tuple(int(count) for count in days.counts(middle)),
        examples=tuple(
            ThemeExample(record=each.record, request=each.request[:_SHOWN], comment=each.comment[:_SHOWN])
            for each in shown
        ),
        records=tuple(each.record for each in _by_turns(middle)),
    )


def _by_turns(opinions: Sequence[Opinion]) -> list[Opinion]:
    """Return one opinion of each person, then a second of each, and so on, by turns of conversations too."""
    told: Counter[tuple[str, str]] = Counter()
    turns = []
    for place, each in enumerate(opinions):
        person = each.subject or each.session or each.record
        turns.append((told[person, each.session or each.record], place, person))
        told[person, each.session or each.record] += 1
    seen: Counter[str] = Counter()
    ordered = []
    for _, place, person in sorted(turns):
        ordered.append((seen[person], place))
        seen[person] += 1
    return [opinions[place] for _, place in sorted(ordered)]


def _tested(found: Sequence[Theme], bad: Bools, everyone: Ints, about: About) -> tuple[Theme, ...]:
    """Add what is known of each theme's share and movement, with p-values that allow for their number."""
    trends = [share_trend(each.by_period, everyone) for each in found]
    moved = holm([1.0 if trend is None else trend.p for trend in trends])
    hits, n = int(bad.sum()), len(bad)
    differ = holm([fisher_p(each.bad, each.judged, hits - each.bad, n - each.judged) for each in found])
    return tuple(
        each.model_copy(
            update={
                **_movement(0.0 if trend is None else trend.z, float(trend_p)),
                **(_compared(each, hits, n, float(p)) if about == "requests" else {}),
            }
        )
        for each, trend, trend_p, p in zip(found, trends, moved, differ, strict=True)
    )


def _movement(z: float, p: float) -> dict[str, object]:
    moving: Movement = "steady" if p > LEVEL else "rising" if z > 0 else "falling"
    return {"movement": moving, "trend_p": p}


def _compared(found: Theme, hits: int, n: int, p: float) -> dict[str, object]:
    interval = wilson_interval(found.bad, found.judged)
    others = n - found.judged
    elsewhere = (hits - found.bad) / others if others else None
    share = found.bad / found.judged
    return {
        "bad_share": share,
        "low": interval.low,
        "high": interval.high,
        "elsewhere": elsewhere,
        "p_value": p if others else None,
        "worse": elsewhere is not None and p <= LEVEL and share > elsewhere,
    }
