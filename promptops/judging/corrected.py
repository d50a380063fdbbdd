"""Judged figures corrected by people's ratings: PPI++ on a run's mean and on a paired change.

Angelopoulos, Duchi & Zrnic 2023, arXiv 2311.01453. Cases of one group are averaged first, groups weigh as
much as their samples, and only samples that were drawn at random count where there are enough of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promptops.analysis.comparison import Cell, Ints
from promptops.analysis.summary import Bools, Floats, Tally, estimate, sample_values
from promptops.instruments import BiasPart
from promptops.labels.ratings import People
from promptops.metrics import Metric
from promptops.noun import Noun
from promptops.stats.paired import Bound, p_above, p_below
from promptops.stats.power import smallest_margin, upper_sd
from promptops.stats.ppi import FEWEST, Corrected, Labelled, ppi_bound, ppi_mean, split
from promptops.stats.rogan_gladen import InadmissibleError, rogan_gladen
from promptops.types import MetricRecord
from promptops.verdicts import CorrectedShare, Correction, Delta

METHOD = "PPI++ of people's ratings and the judge, paired cluster t with two pseudo-cases"


class JudgeCorrection(Noun):
    """A judge's figures on a run, and their change from a baseline, corrected by people's ratings."""

    evalset: str
    label: str
    run: str
    baseline: str | None = None
    low: float
    high: float
    """The scale."""
    mean: Correction
    share: CorrectedShare | None = None
    """Of a binary judge, by another way; none of any other judge."""
    change: Correction | None = None
    """From the baseline to the run, with the gate's own bounds; none without a baseline."""
    parts: tuple[BiasPart, ...] = ()
    """The judge's bias by what people say and by the length of answers."""
    allowed: float | None = None
    """The largest bias that a rule of the gate allows."""
    notes: tuple[str, ...] = ()
    stand_in: bool = False


@dataclass(frozen=True)
class Change:
    """A change between two runs as people's ratings correct it, with the bounds that decide it."""

    correction: Correction
    delta: Delta
    p_harm: float | None


def corrected_mean(
    table: Tally, metric: Metric, label: str, people: People, *, name: str | None = None, level: float = 0.95
) -> Correction:
    """Correct a run's mean on the whole set or a slice, beside what judge and people say alone."""
    column, mask = table.columns[label], table.mask(name)
    own = estimate(table, metric, label, name, level=level)
    judged = np.where(mask, sample_values(column, metric), np.nan)
    found = _of_run(table, judged, people, people.drawn & mask)
    facts = _facts(found, people, label, name, level).model_copy(
        update={"judge": own.value, "judge_low": own.low, "judge_high": own.high}
    )
    parted = found.parted
    if len(parted.y) < FEWEST:
        return facts.model_copy(update={"why": _too_few(found)})
    both, alone = ppi_mean(parted.y, parted.f, parted.rest), ppi_mean(parted.y, parted.f, [])
    told, people_told = both.interval(level), alone.interval(level)
    return facts.model_copy(
        update={
            "people": alone.mean,
            "people_low": people_told.low,
            "people_high": people_told.high,
            "value": both.mean,
            "low": told.low,
            "high": told.high,
            "lam": both.lam,
            "worth": both.worth,
            "halve": both.labels_to_halve(level),
        }
    )


@dataclass(frozen=True)
class Level:
    """A run's own mean as people's ratings correct it, with what a bound takes."""

    correction: Correction
    model: Corrected | None
    """None where there are too few ratings."""


def corrected_level(
    table: Tally, metric: Metric, label: str, people: People, *, name: str | None, alpha: float
) -> Level:
    """Correct a run's mean for a gate, between one-sided bounds at `alpha`: by the random part alone.

    An answer that did not come has the worst rating, and the judge's worst score.
    """
    column, mask = table.columns[label], table.mask(name)
    record, level = column.record, 1 - 2 * alpha
    worst = (record.low if record.higher_is_better else record.high) or 0.0
    judged = np.where(column.failed < 1, sample_values(column, metric), worst)
    judged = (1 - column.failed) * judged + column.failed * worst
    y = np.where(people.failed[0], worst, people.ratings[0])
    judged = np.where(mask, judged, np.nan)
    found = _chosen(y, judged, table.clusters, table.weights, people.drawn & mask, strictly=True)
    own = estimate(table, metric, label, name, level=level)
    facts = _facts(found, people, label, name, level).model_copy(
        update={"judge": own.value, "judge_low": own.low, "judge_high": own.high}
    )
    if len(found.parted.y) < FEWEST:
        return Level(facts.model_copy(update={"why": _too_few(found)}), None)
    both = ppi_mean(found.parted.y, found.parted.f, found.parted.rest)
    alone = ppi_mean(found.parted.y, found.parted.f, []).interval(level)
    told = {
        "people": alone.value,
        "people_low": alone.low,
        "people_high": alone.high,
        "value": both.mean,
        "low": both.lower(alpha),
        "high": both.upper(alpha),
        "lam": both.lam,
        "worth": both.worth,
        "halve": both.labels_to_halve(level),
    }
    return Level(facts.model_copy(update=told), both)


def corrected_share(table: Tally, metric: Metric, label: str, people: People) -> CorrectedShare | None:
    """Correct a binary judge's share of yes by its errors; None for any other judge."""
    judged = sample_values(table.columns[label], metric)
    if not np.isin(judged[np.isfinite(judged)], (0.0, 1.0)).all():
        return None
    found = _of_run(table, judged, people, people.drawn)
    y, f = people.ratings[0][found.used], judged[found.used]
    if not np.isin(y, (0.0, 1.0)).all():
        split_on = int((~np.isin(y, (0.0, 1.0))).sum())
        return CorrectedShare(why=f"of {split_on} samples people's ratings are neither 0 nor 1")
    try:
        share = rogan_gladen(y, f, judged[np.isfinite(judged) & ~found.used])
    except InadmissibleError as error:
        return CorrectedShare(why=str(error))
    return CorrectedShare(
        value=share.bounded,
        low=share.low,
        high=share.high,
        sensitivity=share.sensitivity.value,
        specificity=share.specificity.value,
        youden=share.youden,
    )


def corrected_change(
    cell: Cell, record: MetricRecord, people: People, *, margin: float | None = None, strictly: bool = False
) -> Change:
    """Correct the paired change of a cell; with `strictly` no rating outside of the draw is used.

    `people` holds the baseline's ratings and the candidate's. A candidate's answer that did not come counts
    as the worst rating, as in the judge's own change; a baseline's drops the pair.
    """
    delta, scale = cell.delta, _scale(record)
    sign = 1.0 if record.higher_is_better else -1.0
    if cell.d is None or cell.places is None or cell.weights is None:
        empty = Correction(label=delta.label, slice=delta.slice, why=delta.note or "no pair was scored")
        return Change(empty, _bare(delta), None)
    y, drawn = _differences(people, record, best=False)[cell.places], people.drawn[cell.places]
    found = _chosen(y, cell.d, cell.clusters, cell.weights, drawn, strictly=strictly)
    level = 1 - 2 * delta.alpha
    facts = _facts(found, people, delta.label, delta.slice, level).model_copy(
        update={"judge": delta.difference, "judge_low": delta.low, "judge_high": delta.high}
    )
    if len(found.parted.y) < FEWEST:
        return Change(facts.model_copy(update={"why": _too_few(found)}), _bare(delta), None)
    parted = found.parted
    bound = ppi_bound(parted.y, parted.f, parted.rest, delta.alpha)
    alone = ppi_bound(parted.y, parted.f, [], delta.alpha)
    model = ppi_mean(parted.y, parted.f, parted.rest)
    low, high = _ends(bound, sign, scale)
    people_low, people_high = _ends(alone, sign, scale)
    correction = facts.model_copy(
        update={
            "people": sign * scale * alone.mean,
            "people_low": people_low,
            "people_high": people_high,
            "value": sign * scale * bound.mean,
            "low": low,
            "high": high,
            "lam": model.lam,
            "worth": model.worth,
            "halve": model.labels_to_halve(level),
            "needed": None if margin is None else _needed(model, bound, margin / scale, delta.alpha),
        }
    )
    harm, gain = p_below(bound, 0.0), p_above(bound, 0.0)
    shown = _bare(delta).model_copy(
        update={
            "difference": correction.value,
            "low": low,
            "high": high,
            "p_value": min(harm, gain),
            "resolves": smallest_margin(bound.se, delta.alpha) * scale,
            "strict_low": _strict_low(cell, record, people, strictly=strictly),
            "method": METHOD,
            "note": "",
            "rated": correction.rated,
        }
    )
    return Change(correction, shown, harm)


@dataclass(frozen=True)
class _Chosen:
    """Which ratings are used, and the groups that they are of."""

    parted: Labelled
    used: Bools
    """(n,) samples whose ratings are used."""
    samples: int
    drawn: int
    left_out: int
    at_random: bool


def _of_run(table: Tally, judged: Floats, people: People, drawn: Bools) -> _Chosen:
    return _chosen(people.ratings[0], judged, table.clusters, table.weights, drawn, strictly=False)


def _chosen(
    y: Floats, f: Floats, clusters: Ints, weights: Floats, drawn: Bools, *, strictly: bool
) -> _Chosen:
    """Use the ratings of the random part; all of them where that is too small and it need not be strict."""
    scored = np.isfinite(f)
    known = np.isfinite(y) & scored
    used, at_random = known & drawn, True
    if not strictly and len(np.unique(clusters[used])) < FEWEST and (known & ~drawn).any():
        used, at_random = known, False
    parted = split(np.where(used, y, np.nan)[scored], f[scored], clusters[scored], weights=weights[scored])
    outside = int((known & ~used).sum())
    return _Chosen(parted, used, int(scored.sum()), int(drawn.sum()), outside, at_random=at_random)


def _facts(found: _Chosen, people: People, label: str, name: str | None, level: float) -> Correction:
    return Correction(
        label=label,
        slice=name,
        level=level,
        rated=int(found.used.sum()),
        groups=len(found.parted.y),
        unrated=len(found.parted.rest),
        samples=found.samples,
        drawn=found.drawn,
        left_out=found.left_out,
        raters=people.raters,
        at_random=found.at_random,
        seed=people.seed,
        same_judge=people.same_judge,
        file=people.file,
    )


def _too_few(found: _Chosen) -> str:
    groups = len(found.parted.y)
    what = "samples" if groups == int(found.used.sum()) else "groups of samples"
    outside = f", and {found.left_out} outside of the draw" if found.left_out else ""
    drawn = " that were drawn at random" if found.at_random and found.left_out else ""
    return f"a corrected figure takes {FEWEST} rated {what}{drawn}; there are {groups}{outside}"


def _differences(people: People, record: MetricRecord, *, best: bool) -> Floats:
    """(n,) people's differences, candidate less baseline, higher is better, as shares of the range.

    A candidate's missing answer has the worst rating; a baseline's has none, or the best one.
    """
    before, after = (each.copy() for each in people.ratings)
    low, high = record.low or 0.0, record.high or 0.0
    worst, top = (low, high) if record.higher_is_better else (high, low)
    after[people.failed[1]] = worst
    if best:
        before[people.failed[0]] = top
    sign = 1.0 if record.higher_is_better else -1.0
    found: Floats = sign * (after - before) / _scale(record)
    return found


def _strict_low(cell: Cell, record: MetricRecord, people: People, *, strictly: bool) -> float | None:
    """Return the bound that also holds with each missing baseline answer at its best."""
    strict = cell.strict
    if strict is None or strict.d is None or strict.places is None or strict.weights is None:
        return None
    y = _differences(people, record, best=True)[strict.places]
    drawn = people.drawn[strict.places]
    found = _chosen(y, strict.d, strict.clusters, strict.weights, drawn, strictly=strictly).parted
    if len(found.y) < FEWEST:
        return None
    sign = 1.0 if record.higher_is_better else -1.0
    return sign * _scale(record) * ppi_bound(found.y, found.f, found.rest, cell.delta.alpha).low


def _needed(model: Corrected, bound: Bound, margin: float, alpha: float) -> int | None:
    """Return how many rated groups in all would show PASS with 80 % power if nothing has changed."""
    # As a gate's number of samples: with 80 % assurance the spread is no larger than that.
    unlucky = upper_sd(1.0, model.n)
    pseudo = max(bound.se**2 - model.se**2, 0.0) * model.n**2
    return model.labels_at(margin / smallest_margin(unlucky, alpha), pseudo / unlucky**2)


def _bare(delta: Delta) -> Delta:
    unknown = ("baseline", "candidate", "difference", "low", "high", "p_value", "strict_low", "resolves")
    return delta.model_copy(update=dict.fromkeys(unknown))


def _ends(bound: Bound, sign: float, scale: float) -> tuple[float, float]:
    low, high = sorted((sign * bound.low * scale, sign * bound.high * scale))
    return max(low, -scale), min(high, scale)  # no difference lies beyond the range


def _scale(record: MetricRecord) -> float:
    return record.high - record.low if record.low is not None and record.high is not None else 1.0
