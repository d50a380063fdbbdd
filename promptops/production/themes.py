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
from promptops.stats.kinds import kinds
from promptops.stats.multiplicity import holm
from promptops.stats.neighbours import central, distances, unit
from promptops.stats.shares import Association, associations, clustered_share, fisher_p, share_trend
from promptops.stats.sparse import SparseRows
from promptops.stats.textspace import TextSpace, leading_directions, text_space, word_space
from promptops.stats.theme import theme
from promptops.texts.figures import counted

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
_FEWEST_NAMED = 5
"""Bad and good records from which on words of theirs are held against each other."""
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

    @property
    def person(self) -> str:
        """Whose it is: a subject's, else a conversation's; without either a person's by himself."""
        return self.subject or self.session or self.record


class ThemeExample(Noun):
    """A bad record of a theme: what was asked, and what was said of the answer."""

    record: str
    request: str
    comment: str = ""


class Theme(Noun):
    """Records of one kind: `bad` of `judged` were found bad; elsewhere the share is `elsewhere`.

    `low` and `high` are the share's 95 % interval (Wilson), `p_value` a test against the other kinds,
    `trend_p` one of a trend of its bad records among all judged ones (`Themes.test` says which); both are
    Holm's over the themes. Of comments only the trend can be told: they are about bad answers to begin with.
    """

    number: int
    name: str
    """Two words that mark its bad records, or what a model called them; empty without enough words."""
    good_name: str = ""
    """Two words that mark its good records, where it is a mixture: where no word of `name` is among them."""
    bad: int
    judged: int
    people: int
    """Persons or conversations that its bad records are of; whoever has no mark is a person by himself."""
    judged_people: int
    """The same of all its records."""
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

    Among these the nearest to its middle come first.
    """


class Themes(Noun):
    """Bad feedback sorted into themes, the one with most bad records first. Unmeasured: `reason` says why."""

    about: About
    judged: int
    """Records of which somebody said whether they were good."""
    bad: int
    people: int
    """Persons or conversations that the judged records are of."""
    used: int
    """Texts that were sorted; of more than 2,000 a seeded sample."""
    measured: bool = False
    reason: str = ""
    periods: tuple[str, ...] = ()
    """The first day of each."""
    judged_by_period: tuple[int, ...] = ()
    themes: tuple[Theme, ...] = ()
    test: Literal["Fisher", "people"] = "Fisher"
    """Fisher's exact test and Cochran-Armitage; where a person has several records, people permuted."""
    embedding_model: str | None = None
    named_by: str | None = None
    """The model that named them; None where words mark them."""
    notes: tuple[str, ...] = ()
    seed: int = 0

    @property
    def sentence(self) -> str:
        """How many records were judged, of how many people they are, and how many were bad."""
        people = counted(self.people, "person or conversation", "people or conversations")
        whose = f", of {people}" if self.people < self.judged else ""
        judged = counted(self.judged, "record was", "records were")
        return f"{judged} judged{whose}, {self.bad:,} of them bad."

    @property
    def test_name(self) -> str:
        """The test by which a theme is held against the others."""
        return "Fisher's exact test" if self.test == "Fisher" else "people permuted"

    @property
    def trend_name(self) -> str:
        """The test by which a theme is called rising or falling."""
        return "Cochran and Armitage" if self.test == "Fisher" else "people permuted"


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
        people=_people(opinions),
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
    members = _members(owners, np.array([each.bad for each in told]))
    themes = _themes(told, word_space(texts), points, members, days)
    flipped = found.people < found.judged
    differ, moved = (
        _by_people(members, told, opinions, days, seed) if flipped else _by_records(themes, told, everyone)
    )
    tested = _tested(themes, differ, moved, members, told, about)
    return found.model_copy(
        update={
            "measured": True,
            "periods": days.names,
            "judged_by_period": tuple(int(count) for count in everyone),
            "themes": tested,
            "test": "people" if flipped else "Fisher",
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
        counted: Ints = np.bincount(self.places(opinions), minlength=self.periods)
        return counted

    def places(self, opinions: Sequence[Opinion]) -> Ints:
        """(n,) the period of each opinion's record."""
        days = [date.fromisoformat(each.at[:10]) for each in opinions]
        return np.array([(day - self.first).days // self.days for day in days], dtype=np.intp)


def _text(opinion: Opinion, about: About) -> str:
    return (opinion.request if about == "requests" else opinion.comment).strip()


def _people(opinions: Sequence[Opinion]) -> int:
    return len({each.person for each in opinions})


def _members(owners: Ints, bad: Bools) -> list[Ints]:
    """Return the places of each kind that has bad records, the one with most of them first."""
    found = [np.flatnonzero(owners == kind) for kind in range(int(owners.max()) + 1)]
    return sorted((kind for kind in found if bad[kind].any()), key=lambda kind: -int(bad[kind].sum()))


def _themes(
    told: Sequence[Opinion], words: TextSpace, points: Floats, members: Sequence[Ints], days: _Calendar
) -> list[Theme]:
    themes = []
    for number, kind in enumerate(members, 1):
        found = np.array([told[place].bad for place in kind])
        name, good = (_marks(words, kind[some]) for some in (found, ~found))
        mixed = min(found.sum(), (~found).sum()) >= _FEWEST_NAMED and not {*name.split()} & {*good.split()}
        themes.append(_theme(told, points, kind, number, name, good if mixed else "", days))
    return themes


def _marks(words: TextSpace, members: Ints) -> str:
    return theme(words, members, np.setdiff1d(np.arange(words.rows.shape[0]), members))


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
    number: int,
    name: str,
    good_name: str,
    days: _Calendar,
) -> Theme:
    members = central(points, kind[[told[place].bad for place in kind]])
    middle = [told[place] for place in members]
    shown = list({each.request: each for each in reversed(middle)}.values())[::-1][:_EXAMPLES]
    return Theme(
        number=number,
        name=name,
        good_name=good_name,
        bad=len(members),
        judged=len(kind),
        people=_people(middle),
        judged_people=_people([told[place] for place in kind]),
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
        talk = each.person, each.session or each.record
        turns.append((told[talk], place, each.person))
        told[talk] += 1
    seen: Counter[str] = Counter()
    ordered = []
    for _, place, person in sorted(turns):
        ordered.append((seen[person], place))
        seen[person] += 1
    return [opinions[place] for _, place in sorted(ordered)]


def _by_records(
    found: Sequence[Theme], told: Sequence[Opinion], everyone: Ints
) -> tuple[list[float], list[Association]]:
    """Test each theme's share against the others', and its course, where each person has one record."""
    hits, n = sum(each.bad for each in told), len(told)
    differ = [fisher_p(each.bad, each.judged, hits - each.bad, n - each.judged) for each in found]
    trends = [share_trend(each.by_period, everyone) for each in found]
    return differ, [Association(0.0, 1.0) if each is None else Association(each.z, each.p) for each in trends]


def _by_people(
    members: Sequence[Ints],
    told: Sequence[Opinion],
    opinions: Sequence[Opinion],
    days: _Calendar,
    seed: int,
) -> tuple[list[float], list[Association]]:
    """Test the same where persons have several records: whoever complains forty times is one person."""
    inside = np.zeros((len(told), len(members)))
    for column, kind in enumerate(members):
        inside[kind, column] = 1.0
    bad = np.array([each.bad for each in told], dtype=np.float64)
    differ = associations(bad, inside, [each.person for each in told], seed)
    ids = [{told[place].record for place in kind if told[place].bad} for kind in members]
    hits = np.array([[each.record in kind for kind in ids] for each in opinions], dtype=np.float64)
    when = days.places(opinions).astype(np.float64)
    moved = associations(when, hits, [each.person for each in opinions], seed)
    return [each.p for each in differ], moved


def _tested(
    found: Sequence[Theme],
    differ: Sequence[float],
    moved: Sequence[Association],
    members: Sequence[Ints],
    told: Sequence[Opinion],
    about: About,
) -> tuple[Theme, ...]:
    """Add what is known of each theme's share and movement, with p-values that allow for their number."""
    shares, trends = holm(differ), holm([each.p for each in moved])
    return tuple(
        each.model_copy(
            update={
                **_movement(moved[place].score, float(trends[place])),
                **(_compared(members[place], told, float(shares[place])) if about == "requests" else {}),
            }
        )
        for place, each in enumerate(found)
    )


def _movement(score: float, p: float) -> dict[str, object]:
    moving: Movement = "steady" if p > LEVEL else "rising" if score > 0 else "falling"
    return {"movement": moving, "trend_p": p}


def _compared(kind: Ints, told: Sequence[Opinion], p: float) -> dict[str, object]:
    bad = np.array([each.bad for each in told], dtype=np.float64)
    found = clustered_share(bad[kind], [told[place].person for place in kind])
    others = np.delete(bad, kind)
    elsewhere = float(others.mean()) if len(others) else None
    return {
        "bad_share": found.value,
        "low": found.low,
        "high": found.high,
        "elsewhere": elsewhere,
        "p_value": p if len(others) else None,
        "worse": elsewhere is not None and p <= LEVEL and found.value > elsewhere,
    }
