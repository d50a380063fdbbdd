"""Follows a run as its results come, and says when the gate's verdict on it is certain (see stopping.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from promptops.analysis.comparison import Pairing
from promptops.analysis.summary import Row, Side, rows_of, tally
from promptops.gate.stopping import UNSCORED_LIMIT, Claim, Ints, Stake, grounds, is_sound, series_of
from promptops.metrics import Metric
from promptops.stats.sequential import Wealth
from promptops.types import Result, Run, Sample

_SURE = 1 + 1e-9
"""While a run goes on a little more is asked for, so that rounding never stops it before `end_of` would."""


@dataclass
class InOrder:
    """Takes results in, in whatever order they come, and knows how far the drawn order is complete."""

    run: Run
    samples: tuple[Sample, ...]
    """In the set's order."""
    rank: Ints
    """(n,) the place of each sample's group in the order that was drawn."""
    certain: bool = field(init=False, default=False)
    through: int = field(init=False, default=0)
    """How many samples, from the first in that order on, have all their results."""
    _seen: Counter[str] = field(init=False, default_factory=Counter)
    _order: tuple[Sample, ...] = field(init=False)

    def __post_init__(self) -> None:
        places = np.argsort(self.rank, kind="stable")
        self._order = tuple(self.samples[place] for place in places)

    @property
    def order(self) -> tuple[Sample, ...]:
        """The samples in the order in which they are to be asked."""
        return self._order

    def _take(self, result: Result) -> None:
        self._seen[result.sample_id] += 1
        while self.through < len(self._order) and self._is_through(self._order[self.through]):
            self.through += 1

    def _is_through(self, sample: Sample) -> bool:
        return self._seen[sample.id] >= self.run.repeats


@dataclass
class FirstStage(InOrder):
    """Wants the first of two stages only; whether that decides is for the gate to say."""

    enough: int
    """How many samples that takes."""

    @property
    def order(self) -> tuple[Sample, ...]:
        """The samples of the first stage, in the order in which they are to be asked."""
        return self._order[: self.enough]

    def add(self, result: Result) -> bool:
        """Take a result in; none ends the run before the stage is complete."""
        self._take(result)
        return False


@dataclass
class Stopper(InOrder):
    """Bets on each group when its turn has come, and has enough once the verdict is certain."""

    baseline: Side
    metrics: Mapping[str, Metric]
    stakes: Sequence[Stake]
    _groups: list[Ints] = field(init=False)
    _next: int = field(init=False, default=0)
    _rows: dict[str, list[Row]] = field(init=False, default_factory=dict)
    _cells: list[_Cell] = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        places = np.argsort(self.rank, kind="stable")
        starts = np.flatnonzero(np.diff(self.rank[places], prepend=-1))
        self._groups = np.split(places, starts[1:])
        self._cells = [_Cell(stake) for stake in self.stakes]

    def add(self, result: Result) -> bool:
        """Take a result in, in whatever order they come; say whether the verdict is certain."""
        # The texts are stored already: scores are enough here.
        self._rows.setdefault(result.sample_id, []).extend(rows_of([result]))
        self._take(result)
        while not self.certain and self._next < len(self._groups) and self._has(self._groups[self._next]):
            self._bet(self._groups[self._next])
            self._next += 1
        return self.certain

    def _has(self, group: Ints) -> bool:
        return all(self._is_through(self.samples[place]) for place in group)

    def _bet(self, group: Ints) -> None:
        samples = tuple(self.samples[place] for place in group)
        rows = [row for sample in samples for row in self._rows.pop(sample.id)]
        table = tally(samples, rows, self.run.metrics)
        before = Side(self.baseline.run, self.baseline.table.only(group))
        pairing = Pairing(before, Side(self.run, table), self.metrics)
        for each in self._cells:
            each.bet(pairing, group)
        lost = any(each.lost for each in self._cells)
        sound = all(each.sound for each in self._cells)
        passed = all(each.passed for each in self._cells)
        failed = any(each.failed and not each.passed for each in self._cells)
        self.certain = lost or (sound and (passed or failed))


class _Cell:
    """The bets on one cell so far."""

    def __init__(self, stake: Stake) -> None:
        self._stake = stake
        self._size = int(stake.mask.sum())
        self._blank, self._count, self._answered, self._groups = 0.0, 0, 0, 0
        self._open = [
            (claim, Wealth(claim.bound, stake.largest, low=claim.low))
            for claim in (*stake.passing, *stake.failing)
        ]
        self._certain: set[Claim] = set()

    @property
    def passed(self) -> bool:
        return bool(self._stake.passing) and self._certain.issuperset(self._stake.passing)

    @property
    def failed(self) -> bool:
        return not self._certain.isdisjoint(self._stake.failing)

    @property
    def sound(self) -> bool:
        return bool(is_sound(self._stake, self._blank, self._count, self._answered, self._groups))

    @property
    def lost(self) -> bool:
        return self._blank > UNSCORED_LIMIT * self._size

    def bet(self, pairing: Pairing, group: Ints) -> None:
        """Bet on one group's samples, those at some places of the set."""
        stake = replace(self._stake, mask=self._stake.mask[group])
        here = stake.mask
        if not here.any():
            return
        seen = grounds(pairing, stake)
        self._blank += float(seen.blank[here].sum())
        self._count += int(here.sum())
        self._answered += int(seen.answered[here].sum())
        self._groups += bool(seen.usable[here].any())
        for claim, wealth in self._open:
            series = series_of(pairing, stake, claim)
            if series is None or not len(series.values):
                continue
            now = wealth.add(claim.sign * float(series.weights @ series.values), float(series.weights.sum()))
            if now >= claim.enough * _SURE:
                self._certain.add(claim)
