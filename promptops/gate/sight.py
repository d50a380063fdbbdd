"""How small a change the evidence of a rule could have shown, by what decides that rule."""

from __future__ import annotations

import numpy as np

from promptops.analysis.comparison import BETS, Cell
from promptops.gate.planting import centred
from promptops.stats.betpower import BetPower, bet_power
from promptops.stats.decision import SMALL, WIDEST
from promptops.types import MetricRecord
from promptops.verdicts import Delta

POWER = 0.8
"""How surely a change is to be shown that counts as seen."""
MANY = 2_000
"""Groups above which bets are not tried out by drawing them again: it would take longer than the verdict."""


def resolved(cell: Cell, record: MetricRecord, *, exact: bool = False) -> float | None:
    """Return the smallest margin at which an equal version passes in 80 %, in the metric's unit.

    None where nothing could pass, and where only bets on very many groups could tell. Where bets decide
    (`exact`, few groups, a run that stopped when it suited) groups like these are drawn again and bet on.
    """
    delta = cell.delta
    few = delta.clusters < SMALL
    if not (exact or few or delta.method == BETS):
        return delta.resolves
    if cell.d is None or record.low is None or record.high is None or not 2 <= delta.clusters <= MANY:
        return None
    found = power_of(cell, delta.alpha).smallest_margin(POWER, WIDEST)
    return None if found is None else found * (record.high - record.low)


def with_sight(cell: Cell, record: MetricRecord) -> Delta:
    """Return a cell's change with the smallest one that whatever decides about it could have shown."""
    return cell.delta.model_copy(update={"resolves": resolved(cell, record)})


def power_of(cell: Cell, alpha: float) -> BetPower:
    """Return what bets find on groups whose changes vary as these do around their mean."""
    d = np.zeros(1) if cell.d is None else cell.d
    weights = np.ones(len(d)) if cell.weights is None else cell.weights
    return bet_power(centred(d, weights), cell.clusters, alpha=alpha, weights=weights)
