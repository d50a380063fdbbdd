"""Systems ranked by judgements of pairs: strengths with intervals, the ranks they can have, who beat whom.

Bradley and Terry's model, a tie is half a win for each; judgements of one question hang together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from promptops.analysis.standings import SMALL, UNSCORED_LIMIT
from promptops.errors import NotComparable, UnknownName, UsageError
from promptops.pairs.recorded import JudgedPair, RecordedPairs
from promptops.pairs.standings import Anchor, PairGap, PairRanking, PairStanding
from promptops.stats import Ints
from promptops.stats.bradley_terry import ELO, Strengths, bradley_terry
from promptops.stats.clusters import TooFewClustersError
from promptops.stats.games import NotConnectedError
from promptops.stats.intervals import mean_interval
from promptops.stats.many import Differences, rank_sets
from promptops.stats.separated import sure_differences
from promptops.stats.student import t_quantile
from promptops.texts.figures import listed

MOST = 200
_WHOLE = 1e-9


def rank_recorded(found: RecordedPairs, anchor: Anchor, level: float = 0.95) -> PairRanking:
    """Rank recorded judgements. Raises what `rank_pairs` raises."""
    ranking = rank_pairs(
        found.pairs,
        {name: name for name in found.systems},
        anchor,
        level,
        source=found.file,
        judges=found.judges,
        style=found.style,
        group=found.group,
        unscored=found.unscored,
    )
    more: list[str] = []
    if found.group is None:
        more.append(
            "No key tells which question was answered, so each judgement counts as a case of its own: "
            "--group KEY"
        )
    if len(found.judges) > 1:
        more.append(f"The judgements of {len(found.judges)} judges stand together; --judge NAME keeps one's.")
    return ranking.model_copy(update={"warnings": (*ranking.warnings, *more)})


def rank_pairs(
    pairs: Sequence[JudgedPair],
    names: Mapping[str, str],
    anchor: Anchor,
    level: float,
    *,
    source: str,
    judges: Sequence[str],
    style: str,
    group: str | None,
    unscored: Mapping[str, int],
    looks: int = 1,
) -> PairRanking:
    """Fit Bradley-Terry to judgements and say which ranks are sure.

    `names` are all systems and what they are called; `looks` says how often a schedule may have looked, so
    that all orders that were ever called sure hold with `level`. Raises UsageError for an anchor that is none
    of them or a level that is none; NotComparable where systems were never compared, even by way of others,
    or all judgements are of one question.
    """
    systems = list(names)
    check(systems, anchor, level)
    fitted, games = _fitted(pairs, systems, names)
    each = 1 - (1 - level) / looks
    sure = sure_differences(fitted, *games[:4], weights=games[4], level=each)
    blank = sum(unscored.values())
    doubt = _doubt(fitted.clusters, blank, len(pairs))
    if doubt:
        nothing = np.full_like(sure.low, np.inf)
        sure = Differences(sure.difference, -nothing, nothing)
    order = np.argsort(-fitted.strengths, kind="stable")
    standings = _standings(pairs, systems, names, fitted, sure, anchor, each)
    sorted_standings = tuple(standings[place] for place in order)
    played = fitted.wins + fitted.wins.T
    position = _first_rate(pairs, level)
    warnings = [*([fitted_warning(fitted, systems, names)] if fitted.penalised else []), *doubt]
    if blank:
        warnings.append(f"{blank} judgements have no verdict and are left out: {_reasons(unscored)}.")
    if position is not None and not position[1] <= 0.5 <= position[2]:
        warnings.append(
            f"Whoever is named first wins {position[0]:.1%} [{position[1]:.1%}, {position[2]:.1%}]: if that "
            "is the one shown first, the judges follow the place."
        )
    return PairRanking(
        source=source,
        judges=tuple(judges),
        style=style,
        group=group,
        n=len(pairs),
        ties=sum(abs(pair.score - 0.5) < _WHOLE for pair in pairs),
        unscored=blank,
        unscored_why=dict(unscored),
        groups=fitted.clusters,
        level=level,
        anchor=anchor.system,
        anchor_elo=anchor.elo,
        penalised=fitted.penalised,
        standings=sorted_standings,
        gaps=_gaps(sure, order, systems),
        wins=tuple(tuple(row) for row in fitted.wins[np.ix_(order, order)].tolist()),
        games=tuple(tuple(row) for row in played[np.ix_(order, order)].tolist()),
        first_rate=position and position[0],
        first_low=position and position[1],
        first_high=position and position[2],
        method=_method(fitted, looks),
        sentence=_sentence(sorted_standings, level),
        warnings=tuple(warnings),
    )


Comparisons = tuple[list[int], list[int], list[float], list[str], list[float]]
"""Columns of comparisons: first, second, score, group and weight."""


def columns(pairs: Sequence[JudgedPair], systems: Sequence[str]) -> Comparisons:
    """Return judgements as columns, systems by their place."""
    place = {system: number for number, system in enumerate(systems)}
    return (
        [place[pair.first] for pair in pairs],
        [place[pair.second] for pair in pairs],
        [pair.score for pair in pairs],
        [pair.group for pair in pairs],
        [pair.weight for pair in pairs],
    )


def fitted_warning(fitted: Strengths, systems: Sequence[str], names: Mapping[str, str]) -> str:
    """Say who never lost to the others, so that no finite strengths fit best."""
    above = listed([names[systems[place]] for place in fitted.never_lost])
    return (
        f"{above} never lost to one of the others, nor tied: no finite strengths fit best. Firth's penalty "
        "holds them, and they have no intervals; who is above whom, an exact test says."
    )


def check(systems: Sequence[str], anchor: Anchor, level: float) -> None:
    """Raise UsageError where so many systems, such an anchor or such a level can't be."""
    if not 2 <= len(systems) <= MOST:
        raise UsageError(f"Ranking takes 2 to {MOST} systems, not {len(systems)}.")
    if anchor.system is not None and anchor.system not in systems:
        raise UnknownName("system", anchor.system, systems)
    if not np.isfinite(anchor.elo):
        raise UsageError(f"The anchor's Elo is a number, not {anchor.elo!r}.")
    if not 0.5 <= level < 1:
        raise UsageError(f"The level is a probability from 0.5 to below 1, not {level!r}.")


def _fitted(
    pairs: Sequence[JudgedPair], systems: Sequence[str], names: Mapping[str, str]
) -> tuple[Strengths, Comparisons]:
    if not pairs:
        raise NotComparable("Not one judgement has a verdict, so nothing can be ranked.")
    games = columns(pairs, systems)
    try:
        return bradley_terry(*games[:4], weights=games[4], systems=len(systems)), games
    except NotConnectedError as error:
        told = "; ".join(listed([names[systems[place]] for place in group]) for group in error.groups)
        raise NotComparable(
            f"Nobody compared these groups of systems with one another: {told}. Rank each by itself, or "
            "judge pairs across them."
        ) from None
    except TooFewClustersError:
        raise NotComparable(
            "All judgements are of one question, or one group of them: no interval can be told. Judge more "
            "questions, or name the key that tells them apart (--group)."
        ) from None


def _standings(
    pairs: Sequence[JudgedPair],
    systems: Sequence[str],
    names: Mapping[str, str],
    fitted: Strengths,
    sure: Differences,
    anchor: Anchor,
    level: float,
) -> list[PairStanding]:
    ranks = rank_sets(sure)
    if anchor.system is None:
        strengths, errors = fitted.strengths, fitted.errors
    else:
        strengths, errors = fitted.relative_to(list(systems).index(anchor.system))
    reach = t_quantile(0.5 + level / 2, fitted.clusters - 1) * errors
    tallies = _tallies(pairs)
    won, played = fitted.wins.sum(axis=1), (fitted.wins + fitted.wins.T).sum(axis=1)
    found: list[PairStanding] = []
    for place, system in enumerate(systems):
        strength = float(strengths[place])
        bounded = not fitted.penalised and system != anchor.system
        low, high = (
            (strength - float(reach[place]), strength + float(reach[place])) if bounded else (None, None)
        )
        wins, ties, losses = tallies[system]
        found.append(
            PairStanding(
                system=system,
                name=names[system],
                strength=strength,
                low=low,
                high=high,
                elo=anchor.elo + ELO * strength,
                elo_low=None if low is None else anchor.elo + ELO * low,
                elo_high=None if high is None else anchor.elo + ELO * high,
                best_rank=int(ranks.best[place]),
                worst_rank=int(ranks.worst[place]),
                n=wins + ties + losses,
                wins=wins,
                ties=ties,
                losses=losses,
                share=float(won[place] / played[place]),
            )
        )
    return found


def _tallies(pairs: Sequence[JudgedPair]) -> dict[str, tuple[int, int, int]]:
    """Return each system's wins, ties and losses: judgements on its side, on neither, on the other's."""
    counts: dict[str, list[int]] = {}
    for pair in pairs:
        outcome = 1 if abs(pair.score - 0.5) < _WHOLE else 0 if pair.score > 0.5 else 2
        counts.setdefault(pair.first, [0, 0, 0])[outcome] += 1
        counts.setdefault(pair.second, [0, 0, 0])[2 - outcome] += 1
    return {system: (found[0], found[1], found[2]) for system, found in counts.items()}


def _gaps(sure: Differences, order: Ints, systems: Sequence[str]) -> tuple[PairGap, ...]:
    places = [int(place) for place in order]
    return tuple(
        PairGap(
            system=systems[i],
            other=systems[j],
            difference=float(sure.difference[i, j]),
            low=_end(float(sure.low[i, j])),
            high=_end(float(sure.high[i, j])),
        )
        for number, i in enumerate(places)
        for j in places[number + 1 :]
    )


def _end(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _first_rate(pairs: Sequence[JudgedPair], level: float) -> tuple[float, float, float] | None:
    """Return what whoever is named first wins, over pairs that stand in both orders, with its interval.

    Both orders of a pair of systems weigh the same, so that their strengths cancel out.
    """
    counts: dict[tuple[str, str], int] = {}
    for pair in pairs:
        if not pair.both_orders:
            counts[pair.first, pair.second] = counts.get((pair.first, pair.second), 0) + 1
    used = [pair for pair in pairs if not pair.both_orders and (pair.second, pair.first) in counts]
    if len({pair.group for pair in used}) < SMALL:
        return None
    weights = [
        (counts[pair.first, pair.second] + counts[pair.second, pair.first]) / counts[pair.first, pair.second]
        for pair in used
    ]
    found = mean_interval(
        [pair.score for pair in used], [pair.group for pair in used], level, weights=weights
    )
    return found.mean, max(found.low, 0.0), min(found.high, 1.0)


def _doubt(groups: int, blank: int, known: int) -> list[str]:
    """Return why nobody may be called better than another; nothing where one may."""
    if groups < SMALL:
        return [f"{groups} independent questions are too few to call one better than another ({SMALL})."]
    share = blank / (blank + known)
    if share > UNSCORED_LIMIT:
        return [f"{share:.0%} of the judgements have no verdict, so nobody is called better than another."]
    return []


def _reasons(unscored: Mapping[str, int]) -> str:
    return listed([f"{count} x {why}" for why, count in unscored.items()])


def _method(fitted: Strengths, looks: int) -> str:
    errors = f"sandwich errors over {fitted.clusters} groups"
    planned = "" if looks == 1 else f", {looks} planned looks"
    if fitted.penalised:
        return f"Bradley-Terry with Firth's penalty, ties half; ranks by an exact sign test{planned}"
    return f"Bradley-Terry, ties half, {errors}; ranks from max-t over all pairs{planned}"


def _sentence(standings: Sequence[PairStanding], level: float) -> str:
    top, *others = standings
    ties = [one.name for one in others if one.best_rank == 1]
    if ties:
        verb = "is" if len(ties) == 1 else "are"
        return (
            f"{top.name} comes first by pairs, but {listed(ties)} {verb} not distinguishable from the best."
        )
    rest = "the other one is" if len(others) == 1 else f"each of the {len(others)} others is"
    return f"{top.name} is best by pairs: {rest} certainly worse ({level:.0%} for all together)."
