"""What belongs beside a judge of pairs that is held against people: whom each prefers, what order does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from promptops.instruments import Found, PairFigures
from promptops.pairs.summary import PLACES
from promptops.stats.intervals import Interval
from promptops.stats.position import position
from promptops.types import Score

_Floats = npt.NDArray[np.float64]


def net_preferences(shares: _Floats) -> _Floats:
    """(n,) what an output won less what it lost, of the share that it won of both orders."""
    net: _Floats = 2.0 * shares - 1.0
    return net


def verdicts_of(net: _Floats) -> _Floats:
    """(n,) who won on the whole, as people say it: 1, 0 or -1. A win in one order and a tie is a win."""
    verdicts: _Floats = np.sign(net)
    return verdicts


def pair_figures(
    net: _Floats, people: _Floats, scores: Sequence[Score], groups: Sequence[str]
) -> PairFigures:
    """Return a judge's net preference (n,) beside people's (n, raters), NaN where missing, and its orders."""
    orders = [score.evidence.get("orders") for score in scores]
    asked = [(order, group) for order, group in zip(orders, groups, strict=True) if isinstance(order, list)]
    seen = np.array([[PLACES[str(each)] for each in order] for order, _ in asked]).reshape(-1, 2)
    clusters = [group for _, group in asked]
    alone = len(set(clusters)) == len(clusters)
    found = position(seen[:, 0], seen[:, 1], None if alone else clusters)
    return PairFigures(
        judge=float(net.mean()),
        people=float(np.nanmean(people, axis=1).mean()),
        flips=found.flips,
        flip=_found(found.flip_rate, found.n),
        first=_found(found.first_rate, found.n),
        first_both=found.first_both,
        second_both=found.second_both,
        order_p=found.p if found.first_both + found.second_both else None,
    )


def _found(each: Interval | None, n: int) -> Found:
    if each is None:
        return Found(n=n, reason="no pair tells it")
    return Found(value=each.value, low=each.low, high=each.high, n=n)
