"""A pairwise judge's verdicts on two runs, summed up: who wins, and what place and length did to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from promptops.analysis.summary import RESAMPLES, SEED, Floats, Ints, bounded_interval, cluster_codes
from promptops.gate.stopping import UNSCORED_LIMIT
from promptops.instruments import Found, LengthBias, Preference
from promptops.stats.correlation import correlation_figure
from promptops.stats.intervals import Interval
from promptops.stats.lengthcontrol import NoOverlapError, length_control, length_overlap
from promptops.stats.position import position
from promptops.stats.reweighting import drawn, estimated
from promptops.types import Completion, Sample, Score

PLACES = {"A": 1.0, "B": -1.0, "tie": 0.0}
"""A reply as a verdict about places: the answer shown first is 1."""


@dataclass(frozen=True)
class Pair:
    """One sample with the answers of both runs."""

    sample: Sample
    repeat: int
    baseline: Completion
    candidate: Completion

    @property
    def place(self) -> tuple[str, int]:
        """Sample id and repeat, by which its score is known."""
        return self.sample.id, self.repeat

    @property
    def same(self) -> bool:
        """Whether both answers are the same text, so that nobody is asked."""
        return self.baseline.text == self.candidate.text


@dataclass(frozen=True)
class Hearing:
    """Two runs before one judge."""

    label: str
    judge: str
    """Its model."""
    stand_in: bool
    baseline: str
    candidate: str


def summed_up(
    hearing: Hearing,
    pairs: Sequence[Pair],
    scores: Mapping[tuple[str, int], Score],
    level: float = 0.95,
) -> Preference:
    """Return the share won with a cluster-robust t interval, beside it what place and length did to it.

    Repeats are averaged within a sample first. Identical answers count as ties. Pairs without a score, such
    as those that were not asked, are left out and counted.
    """
    judged = [pair for pair in pairs if pair.place in scores]
    read = [pair for pair in judged if scores[pair.place].unscored is None]
    rows = _by_sample(read, scores)
    shares, clusters = rows.shares, cluster_codes(rows.samples)
    low = high = None
    if len(np.unique(clusters)) > 1:
        low, high = bounded_interval(shares, clusters, np.ones(len(shares)), level, low=0.0, high=1.0)
    silent = [
        f"{each.evidence['kind']}: {str(each.unscored).removeprefix('the judge gave no answer: ')}"
        for pair in judged
        if (each := scores[pair.place]).unscored is not None and "kind" in each.evidence
    ]
    unmeasured = _unmeasured(judged, read, silent)
    unread = len(judged) - len(read) - len(silent)
    found = Preference(
        label=hearing.label,
        judge=hearing.judge,
        baseline=hearing.baseline,
        candidate=hearing.candidate,
        n=len(shares),
        unscored=len(judged) - len(read),
        unanswered=len(silent),
        unmeasured=unmeasured,
        identical=sum(pair.same for pair in judged),
        left=len(pairs) - len(judged),
        share=float(shares.mean()) if len(shares) and unmeasured is None else None,
        low=low if unmeasured is None else None,
        high=high if unmeasured is None else None,
        level=level,
        wins=int((shares > 0.5).sum()),
        losses=int((shares < 0.5).sum()),
        ties=int((shares == 0.5).sum()),
        half_wins=int(((shares > 0.5) & (shares < 1)).sum()),
        half_losses=int(((shares < 0.5) & (shares > 0)).sum()),
        flips=0,
        length=_length(rows, clusters, level) if unmeasured is None else None,
        stand_in=hearing.stand_in,
        warnings=_unread(len(judged) - len(silent), unread, hearing.label),
    )
    return found.model_copy(update=_order(read, scores, level))


@dataclass(frozen=True)
class _Rows:
    """One row a sample, repeats averaged."""

    samples: list[Sample]
    shares: Floats
    lengths: Floats
    """(n, 2) characters of the candidate's and the baseline's answer."""
    differ: Ints
    """Places of the samples with two different answers."""


def _by_sample(pairs: Sequence[Pair], scores: Mapping[tuple[str, int], Score]) -> _Rows:
    kept: dict[str, list[Pair]] = {}
    for pair in pairs:
        kept.setdefault(pair.sample.id, []).append(pair)
    shares = [np.mean([scores[pair.place].counts[0] for pair in each]) for each in kept.values()]
    lengths = [
        np.mean([(len(pair.candidate.text), len(pair.baseline.text)) for pair in each], axis=0)
        for each in kept.values()
    ]
    differ = [not all(pair.same for pair in each) for each in kept.values()]
    return _Rows(
        [each[0].sample for each in kept.values()],
        np.array(shares, dtype=np.float64),
        np.array(lengths, dtype=np.float64).reshape(len(kept), 2),
        np.flatnonzero(differ),
    )


def _order(pairs: Sequence[Pair], scores: Mapping[tuple[str, int], Score], level: float) -> dict[str, object]:
    """Return what the order of the answers did, of the pairs that were asked."""
    asked = [
        (pair, order)
        for pair in pairs
        if not pair.same and isinstance(order := scores[pair.place].evidence.get("orders"), list)
    ]
    if not asked:
        return {}
    verdicts = np.array([[PLACES[str(reply)] for reply in order] for _, order in asked])
    groups = [_group(pair.sample) for pair, _ in asked]
    alone = len(set(groups)) == len(groups)
    found = position(verdicts[:, 0], verdicts[:, 1], None if alone else groups, level)
    return {
        "flips": found.flips,
        "first_both": found.first_both,
        "second_both": found.second_both,
        "order_p": found.p,
        **_ends("flip", found.flip_rate),
        **_ends("first", found.first_rate),
    }


def _group(sample: Sample) -> tuple[str, str]:
    return ("sample", sample.id) if sample.group is None else ("group", sample.group)


def _ends(name: str, found: Interval | None) -> dict[str, float]:
    if found is None:
        return {}
    return {f"{name}_rate": found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _length(rows: _Rows, clusters: Ints, level: float) -> LengthBias | None:
    """Return what length does to preferences, by bootstraps of whole groups of samples."""
    if not len(rows.differ):
        return None
    won, groups = rows.shares[rows.differ], clusters[rows.differ]
    lengths = np.maximum(rows.lengths[rows.differ], 1.0)  # an empty answer has no logarithm
    n, overlap = len(won), length_overlap(lengths[:, 0], lengths[:, 1])
    gap = lengths[:, 0] - lengths[:, 1]
    if len(np.unique(groups)) < 2:
        why = Found(n=n, reason="fewer than two independent samples")
        rate = Found(value=float(won.mean()), n=n, reason=why.reason)
        return LengthBias(overlap=overlap, rate=rate, controlled=why, correlation=why)
    boots = drawn(correlation_figure(won, gap, "spearman"), n, groups, resamples=RESAMPLES, seed=SEED)
    related = estimated(boots[0], n, level, undefined="preferences or lengths never vary")
    low, high = bounded_interval(won, groups, np.ones(n), level, low=0.0, high=1.0)
    try:
        held = length_control(
            won, lengths[:, 0], lengths[:, 1], clusters=groups, level=level, resamples=RESAMPLES, seed=SEED
        )
    except NoOverlapError as error:
        controlled = Found(n=n, reason=str(error))
    else:
        controlled = Found.of(held.controlled)
    return LengthBias(
        overlap=overlap,
        rate=Found(value=float(won.mean()), low=low, high=high, n=n),
        controlled=controlled,
        correlation=Found.of(related),
    )


def _unmeasured(judged: Sequence[Pair], read: Sequence[Pair], silent: Sequence[str]) -> str | None:
    """Return why nobody can be said to win: too few answers of the judge, or none that can be read."""
    asked = [pair for pair in judged if not pair.same]
    if silent and (len(silent) > UNSCORED_LIMIT * len(judged) or all(pair.same for pair in read)):
        why, count = Counter(silent).most_common(1)[0]
        return (
            f"the judge gave no answer to {len(silent)} of {len(asked)} pairs ({count} x {why[:200]}). See "
            "that it answers, and run the same again: only what has no answer is asked"
        )
    if asked and all(pair.same for pair in read):
        return f"none of the {len(asked)} pairs with different answers has a verdict that can be read"
    return None


def _unread(judged: int, unscored: int, label: str) -> tuple[str, ...]:
    if not judged or unscored <= UNSCORED_LIMIT * judged:
        return ()
    return (
        f"{label}: {unscored} of {judged} pairs ({unscored / judged:.1%}) have no readable verdict, more "
        f"than {UNSCORED_LIMIT:.0%}: these figures can't be relied on. Compare again: only what could "
        "not be read is asked. Where that stays so, change the judge's prompt or model.",
    )
