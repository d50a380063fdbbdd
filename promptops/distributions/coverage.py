"""Does an evaluation set look like production? What it covers, what it leaves out, what to add.

All texts of both are points of one space, fitted on them together, so that a relabelling keeps p-values
exact. A production text is covered where an evaluation case is among its nearest neighbours; it is far
where it lies farther from every case than cases lie from one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from promptops.distributions.bare import bare
from promptops.distributions.shift import MOST_CHARACTERS, SHOWN_CHARACTERS, Embed
from promptops.errors import UsageError
from promptops.noun import Noun
from promptops.stats import Floats, Ints
from promptops.stats.clusters import numbered
from promptops.stats.facilities import facilities
from promptops.stats.neighbours import (
    NEIGHBOURS,
    cell_masses,
    central,
    clusters,
    coverage,
    far_from,
    unit,
)
from promptops.stats.plane import plane
from promptops.stats.sparse import SparseRows
from promptops.stats.textspace import TextSpace, leading_directions, text_space
from promptops.stats.theme import theme
from promptops.types import Estimate

FEWEST_CASES = 10
FEWEST_TEXTS = 20
MOST_TEXTS = 2000
"""Texts of production that are looked at, and cases; of more a seeded sample is taken."""
_EXAMPLES = 5


class Uncovered(Noun):
    """Production texts of one kind that lie far from every case: their share of all traffic, and examples."""

    theme: str
    """Two words that mark them; empty where texts hold too few words."""
    share: float
    texts: int
    examples: tuple[str, ...]


class Suggestion(Noun):
    """A production text to add: its place in the sequence, how much it covers that was far, and its gain.

    `where` names it for people: a file's line, a record's or a sample's id.
    `kind` is its number in `uncovered`, from 0; None where a case is near it.
    `gain` is how much nearer all production texts come on average, 0 to 1; `mass` the share of production
    that would be nearest to it among all cases and suggestions.
    """

    index: int
    where: str = ""
    kind: int | None = None
    text: str
    covered: float
    gain: float
    mass: float


class Reestimate(Noun):
    """One metric of a run as it stands, and weighted so that cases count as often as production asks.

    `effective_n` is (sum w)^2 / sum w^2 over the samples that have any weight.
    """

    plain: Estimate
    weighted: Estimate
    effective_n: float


class MapPoint(Noun):
    """One text on the map: a case by its sample's id, or a text of production by its place in the sequence.

    `where` names the latter for people. `kind` is its number in `uncovered`, from 0; None for cases, and
    where a case is near.
    """

    x: float
    y: float
    sample: str | None = None
    index: int | None = None
    where: str = ""
    kind: int | None = None
    text: str


class CoverageMap(Noun):
    """All texts that are looked at on the first two principal components of their space.

    `variance` is the share of all variance that both hold; the rest lies in what the map doesn't show.
    """

    variance: float
    points: tuple[MapPoint, ...]
    """Texts of production, then cases."""


class SetCoverage(Noun):
    """How much of production a set covers. Where it isn't measured every figure is None.

    `coverage` is the share of production texts with a case among their `k` nearest neighbours, `expected`
    what it would be if both came from one source, `p_value` how often so little is seen then. `far` is the
    share of production farther from every case than 95 % of cases are from their nearest other case
    (`threshold`).
    """

    evalset: str
    production: str
    cases: int
    texts: int
    cases_used: int
    texts_used: int
    seed: int
    measured: bool = False
    reason: str = ""
    representation: Literal["words", "pieces", "embeddings"] | None = None
    embedding_model: str | None = None
    k: int | None = None
    coverage: float | None = None
    expected: float | None = None
    p_value: float | None = None
    permutations: int | None = None
    density: float | None = None
    threshold: float | None = None
    far: float | None = None
    uncovered: tuple[Uncovered, ...] = ()
    """The largest share of traffic first."""
    suggestions: tuple[Suggestion, ...] = ()
    masses: dict[str, float] = Field(default_factory=dict)
    """Of each case (by sample id) the share of production that is nearest to it."""
    map: CoverageMap | None = None
    run: str | None = None
    estimates: tuple[Reestimate, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Space:
    """Texts of production and cases as unit points of one space, and their words."""

    production: Floats
    evaluation: Floats
    words: TextSpace
    representation: Literal["words", "pieces", "embeddings"]


def measure_coverage(
    cases: Sequence[str],
    ids: Sequence[str],
    production: Sequence[str],
    *,
    groups: Sequence[str | None] | None = None,
    evalset: str = "",
    source: str = "production",
    where: Sequence[str] = (),
    suggest: int = 0,
    kind: str | Sequence[str] | None = None,
    mapped: bool = False,
    embed: Embed | None = None,
    embedding_model: str | None = None,
    permutations: int = 999,
    seed: int = 0,
) -> SetCoverage:
    """Measure how far cases (texts with `ids`) cover texts of production, and suggest some of these.

    `groups` name what cases were made from together; None stands for a case by itself. `where` names texts of
    production for people. `kind` holds words of a kind that cases lack, or its number from 1, or several of
    these: suggestions are of them alone. `mapped` asks for the map, with the beginning of every text.
    Below 10 cases or 20 texts nothing is measured; of more than 2,000 on a side a seeded sample is taken, and
    of each text the first 20,000 characters. Raises UsageError where there is no such kind.
    """
    rng = np.random.default_rng(seed)
    chosen, places = _subsample(len(cases), rng), _subsample(len(production), rng)
    found = SetCoverage(
        evalset=evalset,
        production=source,
        cases=len(cases),
        texts=len(production),
        cases_used=len(chosen),
        texts_used=len(places),
        seed=seed,
    )
    if len(cases) < FEWEST_CASES or len(production) < FEWEST_TEXTS:
        reason = (
            f"coverage needs at least {FEWEST_CASES} cases and {FEWEST_TEXTS} texts of production; "
            f"there are {len(cases)} and {len(production)}"
        )
        return found.model_copy(update={"reason": reason})
    texts = [production[place][:MOST_CHARACTERS] for place in places]
    shown_cases = [cases[place][:MOST_CHARACTERS] for place in chosen]
    space = _space(bare(texts), bare(shown_cases), embed, seed)
    near = coverage(space.production, space.evaluation, NEIGHBOURS, permutations=permutations, seed=seed)
    belongs = [
        each if each is not None else place for place, each in enumerate(groups or [None] * len(cases))
    ]
    nearest, threshold = far_from(
        space.production, space.evaluation, numbered([belongs[place] for place in chosen], len(chosen))[0]
    )
    far = np.flatnonzero(nearest > threshold)
    masses = cell_masses(space.production, space.evaluation)
    owners = clusters(space.production[far], threshold, seed) if len(far) else np.zeros(0, dtype=np.intp)
    kinds = {int(place): int(owner) for place, owner in zip(far, owners, strict=True)}
    names = [ids[place] for place in chosen]
    called = [where[place] if where else "" for place in places]
    lacking = _uncovered(space, texts, far, owners)
    among = np.arange(len(texts))
    if kind:
        wanted = {
            each for one in ([kind] if isinstance(kind, str) else kind) for each in _called(lacking, one)
        }
        among = far[np.isin(owners, [*wanted])]
    picked = _suggested(space, texts, places, called, suggest, threshold, among, kinds)
    return found.model_copy(
        update={
            "measured": True,
            "representation": space.representation,
            "embedding_model": embedding_model,
            "k": near.k,
            "coverage": near.share,
            "expected": near.expected,
            "p_value": near.p,
            "permutations": near.permutations,
            "density": near.density,
            "threshold": threshold,
            "far": len(far) / len(texts),
            "uncovered": lacking,
            "suggestions": picked,
            "masses": {name: float(mass) for name, mass in zip(names, masses, strict=True)},
            "map": _mapped(space, texts, shown_cases, places, called, names, kinds) if mapped else None,
        }
    )


def _subsample(n: int, rng: np.random.Generator) -> Ints:
    return np.arange(n) if n <= MOST_TEXTS else np.sort(rng.permutation(n)[:MOST_TEXTS])


def _space(production: list[str], cases: list[str], embed: Embed | None, seed: int) -> Space:
    words = text_space([*production, *cases])
    rows = words.rows if embed is None else SparseRows.of_dense(embed([*production, *cases])).normalised()
    points = unit(leading_directions(rows, seed=seed))
    plain: Literal["words", "pieces"] = "words" if words.terms else "pieces"
    border = len(production)
    return Space(points[:border], points[border:], words, plain if embed is None else "embeddings")


def _uncovered(space: Space, texts: Sequence[str], far: Ints, owners: Ints) -> tuple[Uncovered, ...]:
    found = []
    for number in range(int(owners.max(initial=-1)) + 1):
        members = far[owners == number]
        shown = list(dict.fromkeys(texts[place] for place in central(space.production, members)))[:_EXAMPLES]
        others = np.setdiff1d(np.arange(len(texts) + len(space.evaluation)), members)
        found.append(
            Uncovered(
                theme=theme(space.words, members, others),
                share=len(members) / len(texts),
                texts=len(members),
                examples=tuple(text[:SHOWN_CHARACTERS] for text in shown),
            )
        )
    return tuple(found)


def _called(uncovered: Sequence[Uncovered], kind: str) -> list[int]:
    """Return the numbers of the kinds, from 0, whose words or whose examples all hold some words.

    A number means its own kind, from 1.
    """
    wanted = kind.casefold().split()
    found = [
        place
        for place, each in enumerate(uncovered)
        if wanted == [str(place + 1)]
        or (wanted and set(wanted) <= set(each.theme.casefold().split()))
        or (wanted and all(word in text.casefold() for text in each.examples for word in wanted))
    ]
    if not found:
        there = ", ".join(f"{place} {each.theme}".strip() for place, each in enumerate(uncovered, 1))
        told = f"they are {there}" if there else "no text lies far from every case"
        raise UsageError(f"No kind that the set lacks is called {kind!r}: {told}.")
    return found


def _suggested(
    space: Space,
    texts: Sequence[str],
    places: Ints,
    called: Sequence[str],
    count: int,
    threshold: float,
    among: Ints,
    kinds: Mapping[int, int],
) -> tuple[Suggestion, ...]:
    """Pick `count` texts that stand best for those at the places `among`."""
    picks = facilities(space.production[among], space.evaluation, count, threshold) if count else ()
    if not picks:
        return ()
    chosen = among[[pick.place for pick in picks]]
    added = space.production[chosen]
    masses = cell_masses(space.production, np.concatenate([space.evaluation, added]))[-len(picks) :]
    share = len(among) / len(texts)
    return tuple(
        Suggestion(
            index=int(places[place]),
            where=called[place],
            kind=kinds.get(int(place)),
            text=texts[place],
            covered=pick.covered * share,
            gain=pick.gain * share,
            mass=float(mass),
        )
        for pick, place, mass in zip(picks, chosen, masses, strict=True)
    )


def _mapped(
    space: Space,
    texts: Sequence[str],
    cases: Sequence[str],
    places: Ints,
    called: Sequence[str],
    names: Sequence[str],
    kinds: Mapping[int, int],
) -> CoverageMap:
    drawn = plane(np.concatenate([space.production, space.evaluation]))
    asked = [
        MapPoint(
            x=float(x),
            y=float(y),
            index=int(place),
            where=where,
            kind=kinds.get(number),
            text=text[:SHOWN_CHARACTERS],
        )
        for number, ((x, y), place, where, text) in enumerate(
            zip(drawn.places[: len(texts)], places, called, texts, strict=True)
        )
    ]
    held = [
        MapPoint(x=float(x), y=float(y), sample=name, text=text[:SHOWN_CHARACTERS])
        for (x, y), name, text in zip(drawn.places[len(texts) :], names, cases, strict=True)
    ]
    return CoverageMap(variance=drawn.share, points=(*asked, *held))
