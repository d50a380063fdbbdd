"""How many more cases would decide a rule that is open."""

from __future__ import annotations

from statistics import NormalDist

from promptops.verdicts import CellVerdict, Delta


def more_cases(cell: CellVerdict) -> tuple[float | None, str]:
    if cell.delta is None or cell.rule.margin is None:
        return _more_for_level(cell), "the figure stays as it is"
    if cell.outcome == "FAIL":
        return _more_against_chance(cell), "the loss stays as it is"
    if cell.needed:
        return cell.needed, "nothing really changed"
    delta, margin = cell.delta, cell.rule.margin
    if delta.resolves is not None and delta.resolves > margin:
        # Bounds shrink with the square root of the number of cases.
        return delta.n * ((delta.resolves / margin) ** 2 - 1), "nothing really changed"
    low, high = oriented(delta)
    if low is None or high is None or delta.difference is None:
        return None, ""
    change = delta.difference if delta.higher_is_better else -delta.difference
    reach, distance = (change - low, change + margin) if change > -margin else (high - change, -change)
    return _grown(delta.n, reach, distance), "the change stays as it is"


def _more_for_level(cell: CellVerdict) -> float | None:
    found, rule = cell.estimate, cell.rule
    if found is None or found.value is None or found.low is None or found.high is None:
        return None
    limits = [limit for limit in (rule.min, rule.max) if limit is not None]
    crossed = [
        limit for limit in limits if found.low < limit <= found.high or found.low <= limit < found.high
    ]
    if not crossed:
        return None
    grown = [
        _grown(
            found.n,
            found.value - found.low if found.value > limit else found.high - found.value,
            abs(found.value - limit),
        )
        for limit in crossed
    ]
    return max((each for each in grown if each is not None), default=None) if None not in grown else None


def _more_against_chance(cell: CellVerdict) -> float | None:
    if cell.delta is None or not cell.p_harm or not cell.p_harm_adjusted:
        return None
    share = min(cell.rule.alpha * cell.p_harm / cell.p_harm_adjusted, 0.5)
    reach, distance = (-NormalDist().inv_cdf(p) for p in (share, min(cell.p_harm, 0.5)))
    return _grown(cell.delta.n, reach, distance)


def _grown(n: int, reach: float, distance: float) -> float | None:
    """Return how many more cases shrink a bound's reach to a distance."""
    return n * ((reach / distance) ** 2 - 1) if distance > 0 else None


def oriented(delta: Delta) -> tuple[float | None, float | None]:
    """Return [L, U] with better on the right."""
    if delta.low is None or delta.high is None:
        return None, None
    return (delta.low, delta.high) if delta.higher_is_better else (-delta.high, -delta.low)
