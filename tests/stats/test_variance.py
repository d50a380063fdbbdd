"""Components of variance against ANOVA tables of others, and intervals against simulated coverage."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from promptops.stats.clusters import TooFewClustersError
from promptops.stats.intervals import mean_interval
from promptops.stats.repeats import standard_error
from promptops.stats.variance import (
    NoRepeatsError,
    change_components,
    components,
    nested_components,
    suite_interval,
)

LOOMS = [[98, 97, 99, 96], [91, 90, 93, 92], [96, 95, 97, 95], [95, 96, 99, 98]]


def ragged(n: int, seed: int, most: int = 5) -> np.ndarray:
    """Draw scores of n cases with one to `most` repeats each, at places of no order."""
    rng = np.random.default_rng(seed)
    values = 1000 + rng.normal(size=(n, 1)) + rng.normal(size=(n, most))
    gone = rng.random((n, most)) < 0.35
    gone[np.arange(n), rng.integers(0, most, n)] = False
    return np.where(gone, np.nan, values)


def squares(frame: pd.DataFrame, formula: str) -> list[float]:
    """Return the mean squares of statsmodels' sequential ANOVA table."""
    return [float(value) for value in anova_lm(ols(formula, frame).fit(), typ=1)["mean_sq"]]


def test_the_looms_of_montgomery_have_their_published_components() -> None:
    """Design and Analysis of Experiments, the strength of a fabric: 1.90 within and 6.96 between looms."""
    found = components(LOOMS)
    assert found.noise[0].variance == pytest.approx(1.90, abs=0.005)
    assert found.case.variance == pytest.approx(6.96, abs=0.005)


@pytest.mark.parametrize("seed", range(4))
def test_unequal_repeats_agree_with_the_anova_table(seed: int) -> None:
    values = ragged(14, seed)
    case, repeat = np.nonzero(np.isfinite(values))
    between, within = squares(pd.DataFrame({"y": values[case, repeat], "case": case}), "y ~ C(case)")
    k = np.isfinite(values).sum(axis=1)
    each = (k.sum() - (k**2).sum() / k.sum()) / (len(k) - 1)
    found = components(values)
    assert found.noise[0].moment == pytest.approx(within, rel=1e-9)
    assert found.case.moment == pytest.approx((between - within) / each, rel=1e-9)


def test_judgements_within_answers_within_cases_agree_with_the_nested_anova_table() -> None:
    rng = np.random.default_rng(5)
    n, answers, judgements = 9, 3, 2
    cube = rng.normal(size=(n, 1, 1)) + 0.7 * rng.normal(size=(n, answers, 1))
    cube = cube + 0.4 * rng.normal(size=(n, answers, judgements))
    case, answer, _ = np.indices(cube.shape).reshape(3, -1)
    table = pd.DataFrame({"y": cube.ravel(), "case": case, "answer": answer})
    of_cases, of_answers, of_judge = squares(table, "y ~ C(case) + C(case):C(answer)")
    found = nested_components(cube)
    generation, judge = found.noise
    assert judge.moment == pytest.approx(of_judge, rel=1e-9)
    assert generation.moment == pytest.approx((of_answers - of_judge) / judgements, rel=1e-9)
    assert found.case.moment == pytest.approx((of_cases - of_answers) / (answers * judgements), rel=1e-9)


def test_a_change_has_the_noise_of_both_runs_taken_out_of_its_spread() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(30, 2)), rng.normal(size=(30, 4)) + rng.normal(size=(30, 1))
    within = [values.var(axis=1, ddof=1).mean() for values in (a, b)]
    spread = (b.mean(axis=1) - a.mean(axis=1)).var(ddof=1)
    found = change_components(a, b)
    assert [part.moment for part in found.noise] == pytest.approx(within, rel=1e-9)
    assert found.case.moment == pytest.approx(spread - within[0] / 2 - within[1] / 4, rel=1e-9)


def test_the_judges_part_is_the_spread_of_scores_of_the_same_answer() -> None:
    values = [[1.0, 3.0, 7.0], [2.0, 2.0, 5.0], [4.0, 4.5, 5.0]]
    found = components(values, answers=np.array([[1, 1, 2], [5, 6, 6], [9, 9, 9]]))
    generation, judge = found.noise
    assert judge.moment == pytest.approx((2.0 + 4.5 + 0.5) / 4)
    assert generation.moment + judge.moment == pytest.approx(components(values).noise[0].moment)


def test_components_are_right_on_average() -> None:
    """Unequal repeats, three answers to choose from, a judge with noise: true values 1, 0.66667 and 0.25."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(300):
        answers = rng.integers(0, 3, size=(40, 4))
        values = rng.normal(size=(40, 1)) + answers + 0.5 * rng.normal(size=answers.shape)
        values[rng.random(values.shape) < 0.2] = np.nan
        values[np.isnan(values).all(axis=1)] = 1.0
        parts = components(values, answers=answers)
        found.append([parts.case.moment, *(part.moment for part in parts.noise)])
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert np.all(np.abs(np.mean(found, axis=0) - [1, 2 / 3, 1 / 4]) < 3 * error)


@pytest.mark.parametrize("kind", ["normal", "binary"])
@pytest.mark.parametrize("repeats", [2, 3])
def test_intervals_of_components_cover_the_truth(kind: str, repeats: int) -> None:
    """Of 400 runs with 60 cases: 95 % at best, and never under 91 % for either component."""
    rng = np.random.default_rng(8)
    truth = {"normal": (0.04, 0.0225), "binary": (0.125, 0.125)}[kind]
    hits = np.zeros(2)
    for _ in range(400):
        if kind == "normal":
            values = 0.2 * rng.normal(size=(60, 1)) + 0.15 * rng.normal(size=(60, repeats))
        else:
            values = (rng.random((60, repeats)) < rng.beta(0.5, 0.5, size=(60, 1))).astype(float)
        found = components(values)
        hits += [
            part.low <= value <= part.high
            for part, value in zip((found.case, *found.noise), truth, strict=True)
        ]
    assert np.all(hits / 400 > 0.91)


@given(st.integers(0, 10_000), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_error_from_components_is_the_robust_error_of_the_mean(
    seed: int, grouped: bool, weighted: bool
) -> None:
    rng = np.random.default_rng(seed)
    clusters = rng.integers(0, 8, 40) if grouped else None
    shared = 0 if clusters is None else 3 * rng.normal(size=8)[clusters]
    values = rng.normal(size=(40, 1)) * 3 + np.reshape(shared, (-1, 1)) + rng.normal(size=(40, 3))
    weights = rng.uniform(0.5, 2, 40) if weighted else None
    found = components(values, clusters, weights=weights)
    robust = mean_interval(values.mean(axis=1), clusters, weights=weights).se
    if found.design > 1 or not (grouped or weighted):
        assert standard_error(found, 40, 3) == pytest.approx(robust, rel=1e-9)
    else:
        assert standard_error(found, 40, 3) > robust


def test_parts_are_never_negative_and_never_more_than_there_is() -> None:
    gap = np.random.default_rng(9).normal(size=(20, 1))
    found = components(gap * [[1, -1]])
    assert found.case.moment < 0
    assert found.case.variance == found.case.low == 0.0
    judged = components(
        [[0.0, 1.0, 0.5], [0.0, 1.0, 0.5], [3.0, 2.0, 2.5]], answers=np.array([[1, 1, 2]] * 3)
    )
    assert judged.noise[0].moment < 0 < judged.within
    assert judged.within == pytest.approx(components([[0.0, 1.0, 0.5]] * 2).noise[0].variance)


def test_what_was_not_seen_has_no_upper_end() -> None:
    found = components([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]])
    assert found.noise[0].variance == 0.0 and np.isnan(found.noise[0].high)


@pytest.mark.parametrize("values", [[[1.0], [2.0]], [[1.0, np.nan], [np.nan, 2.0]]])
def test_one_repeat_tells_nothing_of_noise(values: list[list[float]]) -> None:
    with pytest.raises(NoRepeatsError):
        components(values)
    with pytest.raises(NoRepeatsError):
        change_components(values, [[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(NoRepeatsError):
        suite_interval(values)


def test_answers_that_never_came_twice_tell_nothing_of_the_judge() -> None:
    with pytest.raises(NoRepeatsError, match="of one answer"):
        components([[1.0, 2.0], [2.0, 3.0]], answers=np.array([[1, 2], [3, 4]]))


def test_one_group_and_broken_tables_are_refused() -> None:
    with pytest.raises(TooFewClustersError):
        components(LOOMS, ["same"] * 4)
    with pytest.raises(TooFewClustersError):
        components([[1.0, 2.0]])
    with pytest.raises(ValueError, match="finite"):
        components([[1.0, 2.0], [np.nan, np.nan]])
    with pytest.raises(ValueError, match="finite"):
        nested_components([[[1.0, np.nan]] * 2] * 3)
    with pytest.raises(NoRepeatsError):
        nested_components([[[1.0, 2.0]]] * 3)


def test_the_error_on_these_cases_is_that_of_the_formula() -> None:
    rng = np.random.default_rng(10)
    a, b = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    found = suite_interval(a, b)
    terms = np.concatenate([a.var(axis=1, ddof=1) / 3, b.var(axis=1, ddof=1) / 2]) / 144
    assert found.mean == pytest.approx(b.mean() - a.mean())
    assert found.se == pytest.approx(np.sqrt(terms.sum()), rel=1e-12)
    assert found.df == pytest.approx(terms.sum() ** 2 / (terms**2 / np.repeat([4, 3], 12)).sum(), rel=1e-12)


def test_weights_and_cases_of_one_repeat_have_their_share_of_the_error() -> None:
    rng = np.random.default_rng(11)
    values = rng.normal(size=(20, 2))
    values[3, 1] = np.nan
    w = rng.uniform(1, 3, 20)
    noise = np.delete(values, 3, axis=0).var(axis=1, ddof=1)
    share = w / w.sum()
    expected = (np.delete(share, 3) ** 2 * noise / 2).sum() + share[3] ** 2 * noise.mean()
    assert suite_interval(values, weights=w).se == pytest.approx(np.sqrt(expected))


def test_no_noise_seen_is_not_an_error_of_zero() -> None:
    with pytest.raises(NoRepeatsError, match="no noise was seen"):
        suite_interval([[0.1, 0.1], [0.3, 0.3]])


def coverage(kind: str, n: int, repeats: int, sides: int, runs: int) -> float:
    """Return how often the interval for these cases holds their true mean (of one run, or of a change)."""
    rng = np.random.default_rng([n, repeats, sides])
    spread, chance = rng.uniform(0.5, 2, (n, 1)), rng.beta(0.7, 0.7, (n, 1))
    truth = chance.mean() if kind == "binary" and sides == 1 else 0.0
    hits = 0
    for _ in range(runs):
        if kind == "binary":
            tables = [(rng.random((n, repeats)) < chance).astype(float) for _ in range(sides)]
        else:
            tables = [spread * rng.normal(size=(n, repeats)) for _ in range(sides)]
        found = suite_interval(*tables)
        hits += found.low <= truth <= found.high
    return hits / runs


@pytest.mark.parametrize("kind", ["normal", "binary"])
@pytest.mark.parametrize("repeats", [2, 3, 5])
def test_the_interval_for_these_cases_covers(kind: str, repeats: int) -> None:
    assert 0.935 <= coverage(kind, 50, repeats, sides=2, runs=1500) <= 0.965


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["normal", "binary"])
@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("n", [50, 100, 250])
@pytest.mark.parametrize("repeats", [2, 3, 5])
def test_the_interval_for_these_cases_covers_at_many_sizes(
    kind: str, sides: int, n: int, repeats: int
) -> None:
    assert 0.935 <= coverage(kind, n, repeats, sides, runs=10_000) <= 0.965
