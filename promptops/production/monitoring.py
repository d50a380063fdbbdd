"""From records in columns to figures by day, version or model, with changes and what deploys did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from promptops.instruments import Found
from promptops.production.aliasrows import alias_rows
from promptops.production.fardays import far_days
from promptops.production.measures import Measure, Scale, measures_of
from promptops.production.monitor import By, Change, Costs, Deploy, Figures, Monitor, Unit
from promptops.production.traffic import Moments, Traffic, units_of
from promptops.stats import Bools, Floats, Ints
from promptops.stats.changepoints import change_points
from promptops.stats.confidence import quantile
from promptops.stats.outliers import FEWEST
from promptops.texts.figures import counted, listed
from promptops.types import AliasMove

ALPHA = 0.05
HOURS_UP_TO = 4.0
"""Days of a window below which changes are looked for by the hour."""
_FEWEST_DEPLOYED = 20
"""Records on either side of a deploy, below which it is not held against what was before."""
_PER_STRATUM = 4


def monitored(
    traffic: Traffic,
    scales: Mapping[str, Scale],
    *,
    prompt: str | None,
    since: str,
    until: str,
    by: By,
    moves: Sequence[AliasMove] = (),
    notes: Sequence[str] = (),
    seed: int = 0,
) -> Monitor:
    """Return the figures of records; `scales` are those of the labels of their scores, `moves` of aliases."""
    measures = measures_of(traffic, scales)
    unit: Unit = "day" if by == "day" else "hour" if by == "hour" else _unit_of(since, until)
    changes, told = _changes(traffic, measures, unit, seed)
    far, few = far_days(traffic, measures, changes, ALPHA)
    rows = tuple(_figures(name, traffic, measures, which) for name, which in _groups(traffic, by, moves))
    return Monitor(
        prompt=prompt,
        since=since,
        until=until,
        by=by,
        unit=unit,
        whole=_figures("all", traffic, measures, slice(None)),
        rows=rows,
        changes=changes,
        far_days=far,
        too_few_days=few,
        deploys=tuple(_deploys(traffic, measures)),
        lower_is_better=tuple(
            name for name, each in measures.items() if each.scale.higher_is_better is False
        ),
        notes=(*notes, *_twice(rows, len(traffic)), *told, *_few_days(few, len(measures))),
    )


def _unit_of(since: str, until: str) -> Unit:
    begin, end = np.datetime64(since[:26], "us"), np.datetime64(until[:26], "us")
    days = float((end - begin) / np.timedelta64(1, "D"))
    return "hour" if days < HOURS_UP_TO else "day"


def _groups(traffic: Traffic, by: By, moves: Sequence[AliasMove]) -> Iterator[tuple[str, Bools | slice]]:
    """Yield the name of each row and which records it has; times in order, others by their first record."""
    if by in ("day", "hour"):
        for unit, run in traffic.runs("day" if by == "day" else "hour"):
            yield _unit_name(unit), run
        return
    if by == "alias":
        rows = alias_rows(traffic, moves)
    else:
        names = traffic.references if by == "version" else traffic.models
        rows = {name: names.equal(name) for name in names.distinct()}
    for name, which in rows.items():
        yield "unknown" if name is None else name, which


def _twice(rows: Iterable[Figures], count: int) -> list[str]:
    """Tell that records stand in more than one row."""
    extra = sum(row.records for row in rows) - count
    told = "Rows add up to more than all: of versions with several aliases, each has the records."
    return [told] if extra else []


def _unit_name(unit: np.datetime64) -> str:
    return str(unit).replace("T", " ") + (":00" if "T" in str(unit) else "")


def _figures(name: str, traffic: Traffic, measures: Mapping[str, Measure], which: Bools | slice) -> Figures:
    weights = traffic.weights[which]
    calls = float(weights.sum())
    errors = traffic.errors[which]
    classes = sorted(each for each in errors.distinct() if each is not None)
    told = np.isfinite(traffic.good[which])
    return Figures(
        name=name,
        records=len(weights),
        calls=calls,
        costs=_costs(traffic.costs[which], weights),
        measures={label: each.found(which, traffic.weights) for label, each in measures.items()},
        errors={kind: float(weights[errors.equal(kind)].sum() / calls) for kind in classes},
        told=float(told.mean()) if len(told) else None,
        unscored={
            label: int(each.unscored[which].sum())
            for label, each in traffic.scores.items()
            if each.unscored[which].any()
        },
    )


def _costs(costs: Floats, weights: Floats) -> Costs:
    known = np.isfinite(costs)
    if not known.any():
        return Costs(total=None, each=None, known=0.0 if len(costs) else None)
    total = float(costs[known] @ weights[known])
    return Costs(total=total, each=total / float(weights[known].sum()), known=float(known.mean()))


def _changes(
    traffic: Traffic, measures: Mapping[str, Measure], unit: Unit, seed: int
) -> tuple[tuple[Change, ...], list[str]]:
    """Return changes of all measures, with one alpha shared by them, and notes on what can't be told."""
    if not len(traffic):
        return (), []
    when = units_of(traffic.at, unit)
    units = np.arange(when.min(), when.max() + 1)
    place = (when - units[0]).astype(np.intp)
    came = _came(traffic, place)
    strata = _strata(units, unit)
    found = []
    for name, measure in measures.items():
        sums, sizes = _series(measure, traffic.weights, place, len(units))
        for each in change_points(sums, sizes, ALPHA / len(measures), strata=strata, seed=seed):
            deployed = tuple(version for version, at in came.items() if at in (each.place, each.place - 1))
            found.append(
                Change(
                    measure=name,
                    at=_unit_name(units[each.place]),
                    before=each.before,
                    after=each.after,
                    p=each.p,
                    deployed=deployed if each.place > 0 else (),
                )
            )
    told = len(np.unique(place))
    which = counted(told, f"{unit} with records is", f"{unit}s with records are")
    few = [f"{which} too few to show a change; 12 or more can."] if told < 12 else []
    return tuple(sorted(found, key=lambda each: (each.at, each.measure))), few


def _few_days(few: Sequence[str], all_measures: int) -> list[str]:
    if not few:
        return []
    which = "" if len(few) == all_measures else f" of {listed(few)}"
    return [f"Single days that stand out can't be told{which}: that takes {FEWEST} days with a figure."]


def _series(measure: Measure, weights: Floats, place: Ints, count: int) -> tuple[Floats, Floats]:
    """Return a measure's sum and size of each unit; a quantile is one figure of a unit, as heavy as its n."""
    told = np.isfinite(measure.values)
    x, w, where = measure.values[told], weights[told], place[told]
    sizes: Floats = np.asarray(np.bincount(where, weights=w, minlength=count), dtype=np.float64)
    if measure.quantile is None:
        sums: Floats = np.asarray(np.bincount(where, weights=w * x, minlength=count), dtype=np.float64)
        return sums, sizes
    figures = np.zeros(count)
    ends = np.searchsorted(where, np.arange(count + 1))
    for unit in np.unique(where):
        inside = slice(ends[unit], ends[unit + 1])
        figures[unit] = quantile(x[inside], measure.quantile, w[inside])
    return figures * sizes, sizes


def _strata(units: Moments, unit: Unit) -> Ints | None:
    """Return the day of the week, or the hour of the day, where each is there often enough."""
    period = 7 if unit == "day" else 24
    if len(units) < _PER_STRATUM * period:
        return None
    found: Ints = units.astype(np.int64).astype(np.intp) % period
    return found


def _came(traffic: Traffic, place: Ints) -> dict[str, int]:
    """Return the unit in which each version was first seen, but for those that were there from the start."""
    versions = (name for name in traffic.references.distinct() if name is not None)
    found = {name: int(place[traffic.references.equal(name).argmax()]) for name in versions}
    return {name: at for name, at in found.items() if at > 0}


def _deploys(traffic: Traffic, measures: Mapping[str, Measure]) -> Iterator[Deploy]:
    """Hold each version of a prompt against the one that ran in the days before it came."""
    for prompt in (each for each in traffic.prompts.distinct() if each is not None):
        of_prompt = traffic.prompts.equal(prompt)
        for version in (each for each in traffic.references[of_prompt].distinct() if each is not None):
            after = traffic.references.equal(version)
            found = _run_before(traffic, of_prompt & (traffic.at < traffic.at[after].min()))
            if found is None:
                continue
            previous, before = found
            for name, measure in measures.items():
                sides = [measure.found(which, traffic.weights, 0.975) for which in (before, after)]
                if min(side.n for side in sides) < _FEWEST_DEPLOYED:
                    continue
                low, high = _difference(*sides)
                shown = [measure.found(which, traffic.weights) for which in (before, after)]
                yield Deploy(
                    version=version,
                    previous=previous,
                    since=_minute(traffic.at[after].min()),
                    until=_minute(traffic.at[after].max()),
                    previous_since=_minute(traffic.at[before].min()),
                    previous_until=_minute(traffic.at[before].max()),
                    measure=name,
                    before=shown[0],
                    after=shown[1],
                    low=low,
                    high=high,
                )


def _run_before(traffic: Traffic, earlier: Bools) -> tuple[str, Bools] | None:
    """Return the version that had most calls on the last of earlier days, and its records of these days.

    They go back to the last day on which another version had most, so that what was rolled back in between
    counts for neither.
    """
    days = units_of(traffic.at, "day")
    previous: str | None = None
    first = np.datetime64(0, "D")
    for day in np.unique(days[earlier])[::-1]:
        most = _most_called(traffic, earlier & (days == day))
        if previous is not None and most != previous:
            break
        previous, first = most, day
    if previous is None:
        return None
    return previous, earlier & traffic.references.equal(previous) & (days >= first)


def _most_called(traffic: Traffic, which: Bools) -> str | None:
    calls = {
        name: float(traffic.weights[which & traffic.references.equal(name)].sum())
        for name in traffic.references[which].distinct()
        if name is not None
    }
    return max(calls, key=lambda name: calls[name], default=None)


def _minute(at: np.datetime64) -> str:
    return str(at)[:16].replace("T", " ")


def _difference(before: Found, after: Found) -> tuple[float | None, float | None]:
    """Return bounds of after - before from bounds that miss with half the chance each."""
    low = None if after.low is None or before.high is None else after.low - before.high
    high = None if after.high is None or before.low is None else after.high - before.low
    return low, high
