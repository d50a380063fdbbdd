"""What a tournament took, and what the order of answers did to its judge: told beside the ranking."""

from __future__ import annotations

import numpy as np

from promptops.pairs.standings import PairsAsked
from promptops.pairs.summary import PLACES
from promptops.pairs.tournament import Tournament
from promptops.stats.intervals import Interval
from promptops.stats.position import position
from promptops.texts.figures import counted


def asked_of(play: Tournament) -> PairsAsked:
    """Return what was judged of all pairs, with flip rate and net position bias."""
    usage, hearing = play.work.usage, play.bench.hearing
    places = [place for each in play.places.values() for place in each if play.score_of(place) is not None]
    found = PairsAsked(
        label=hearing.label,
        judge=hearing.judge,
        stand_in=hearing.stand_in,
        schedule=play.schedule,
        pairs=play.total,
        judged=len(places),
        identical=sum(place.decided is None and place.pair.same for place in places),
        forfeited=sum(place.decided is not None for place in places),
        absent=play.absent,
        left=play.total - len(places),
        looks=play.looks,
        planned=play.planned,
        flips=0,
        calls=usage.calls + usage.failed,
        cost=None if usage.unpriced else usage.cost,
        stopped=play.work.budget.stopped or None,
    )
    return found.model_copy(update=_order(play))


def warnings_of(asked: PairsAsked) -> list[str]:
    """Say what of a ranking rests on something else than a judge's verdict."""
    told: list[str] = []
    if asked.forfeited:
        told.append(f"{counted(asked.forfeited, 'pair')} had one answer only: whoever gave none lost.")
    if asked.absent:
        told.append(f"{counted(asked.absent, 'time')} neither of two runs gave an answer: that is left out.")
    if asked.stopped:
        told.append(f"{asked.stopped}: {asked.left} of {asked.pairs} pairs are not judged yet.")
    if asked.stand_in:
        told.append(
            f"{asked.label}: a rule-based stand-in, not an LLM, is the judge; its verdicts only show the way."
        )
    return told


def _order(play: Tournament) -> dict[str, object]:
    asked = [(pair, score.evidence.get("orders")) for pair, score in play.asked()]
    orders = [order for _, order in asked if isinstance(order, list)]
    if not orders:
        return {}
    verdicts = np.array([[PLACES[str(reply)] for reply in order] for order in orders])
    groups = [pair.sample.group or f"\0{pair.sample.id}" for pair, order in asked if isinstance(order, list)]
    found = position(verdicts[:, 0], verdicts[:, 1], groups)
    return {
        "flips": found.flips,
        **_ends("flip", found.flip_rate),
        **_ends("first", found.first_rate),
    }


def _ends(name: str, found: Interval | None) -> dict[str, float]:
    if found is None:
        return {}
    return {f"{name}_rate": found.value, f"{name}_low": found.low, f"{name}_high": found.high}
