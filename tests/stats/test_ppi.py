"""PPI++ against the package ppi-python, and its promises by simulation.

The package brings numba and a downloader, so its figures are recorded: `ppi_py.json` holds those of
ppi-python 0.2.3 on `generated` data. To make them anew, where that package is installed:

    from ppi_py import ppi_mean_ci, ppi_mean_pointestimate
    {"seed": s, "kind": k, "mean": float(ppi_mean_pointestimate(y, f, rest)[0]),
     "low": low, "high": high of ppi_mean_ci(y, f, rest, alpha=0.05)}   for y, f, rest = generated(s, k)
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from promptops.stats import paired
from promptops.stats.ppi import TooFewLabelsError, ppi_bound, ppi_mean, split

RECORDED = json.loads((Path(__file__).parent / "ppi_py.json").read_text())
SKILL = {"good": 0.9, "bad": 0.0, "anti": -0.8}
TRUTH = {
    "binary": float(stats.norm.cdf(-0.8)),
    "ordinal": 1 + float(stats.norm.sf([-1.3, -0.6, 0.2, 1.0]).sum()),
    "continuous": 1.0,
}
Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def drawn(rng: np.random.Generator, n: int, kind: str, judge: str) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and a judge's scores (n,) of a quality that the judge sees well, not, or upside down."""
    quality, skill = rng.normal(size=n), SKILL[judge]
    seen = skill * quality + np.sqrt(1 - skill**2) * rng.normal(size=n)
    if kind == "binary":
        return (quality < -0.8).astype(float), (seen < -0.5).astype(float)
    if kind == "ordinal":
        return np.digitize(quality, [-1.3, -0.6, 0.2, 1.0]) + 1.0, np.digitize(
            seen, [-2, -1.2, -0.4, 0.3]
        ) + 1.0
    return 2 * quality + 1, seen + 1


def generated(seed: int, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return 40 labels, the judge's scores of the same cases, and of 200 others."""
    judge = ("good", "bad", "anti")[seed % 3]
    y, f = drawn(np.random.default_rng(seed), 240, kind, judge)
    return y[:40], f[:40], f[40:]


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: f"{case['kind']}-{case['seed']}")
def test_means_and_errors_are_those_of_ppi_python(case: dict[str, float]) -> None:
    y, f, rest = generated(case["seed"], case["kind"])
    found = ppi_mean(y, f, rest)
    assert found.mean == pytest.approx(case["mean"], abs=1e-12)
    # The covariance is divided by n, as there: divided by n - 1 it gives another mean.
    pooled = np.concatenate([f, rest]).var(ddof=1) * (1 + len(y) / len(rest))
    assert found.lam == pytest.approx(np.clip(np.cov(y, f, ddof=0)[0, 1] / pooled, 0, 1), abs=1e-12)
    # Theirs divides both sums of squares by n, ours by n - 1; else the errors are the same.
    imputed = found.lam**2 * rest.var() / len(rest)
    theirs = ((case["high"] - case["low"]) / 2 / stats.norm.ppf(0.975)) ** 2
    rectifier = (theirs - imputed) * len(y) / (len(y) - 1)
    assert found.se**2 == pytest.approx(imputed * len(rest) / (len(rest) - 1) + rectifier, abs=1e-12)


@pytest.mark.parametrize("labels", [30, 60, 200])
@pytest.mark.parametrize("judge", SKILL)
@pytest.mark.parametrize("kind", TRUTH)
def test_intervals_cover_93_to_97_percent_from_30_labels_on(kind: str, judge: str, labels: int) -> None:
    """2,000 draws; three Monte Carlo errors are .015, and the limits allow for two points."""
    rng = np.random.default_rng([labels, *map(ord, kind + judge)])
    covered = 0
    for _ in range(2000):
        y, f = drawn(rng, labels + 400, kind, judge)
        found = ppi_mean(y[:labels], f[:labels], f[labels:]).interval()
        covered += found.low <= TRUTH[kind] <= found.high
    assert 0.93 <= covered / 2000 <= 0.97


@pytest.mark.parametrize("judge", SKILL)
def test_clustered_intervals_cover_as_well(judge: str) -> None:
    """40 labelled of 240 documents, each of 1, 3 or 6 cases that share most of their quality."""
    rng = np.random.default_rng([3, *map(ord, judge)])
    clusters = np.repeat(np.arange(240), np.resize([1, 3, 6], 240))
    skill, covered = SKILL[judge], 0
    for _ in range(1500):
        quality = 0.8 * rng.normal(size=240)[clusters] + 0.6 * rng.normal(size=len(clusters))
        y = np.where(clusters < 40, quality, np.nan)
        f = skill * quality + np.sqrt(1 - skill**2) * rng.normal(size=len(clusters))
        parted = split(y, f, clusters)
        found = ppi_mean(parted.y, parted.f, parted.rest).interval()
        covered += found.low <= 0.0 <= found.high
    assert 0.93 <= covered / 1500 <= 0.97


SHAPES = {
    "binary 10 %": np.repeat([1.0, 0.0], [10, 90]),
    "Likert": np.repeat([0, 0.25, 0.5, 0.75, 1.0], [67, 23, 5, 3, 2]),
    "preference": np.array([0, 0, 0.002, 0.012, 0.038, 0.099, 0.202, 0.351, 0.561, 0.833, 0.999]),
}


@pytest.mark.parametrize("true", [0.0, -0.05])
@pytest.mark.parametrize("copied", [0.0, pytest.param(0.5, marks=pytest.mark.slow), 0.9])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_gate_on_corrected_differences_errs_at_most_as_often_as_it_says(
    shape: str, copied: float, true: float
) -> None:
    """One-sided 5 % each way; 2,000 draws have a Monte Carlo error of .005, so .06 at most."""
    rng = np.random.default_rng([round(10 * copied), round(-100 * true), *map(ord, shape)])
    values = SHAPES[shape]
    chance = (1 + true / values.mean()) / 2
    for labels in (30, 150):
        above = below = 0
        for _ in range(2000):
            size, other = rng.choice(values, (2, labels + 400))
            y = np.where(rng.random(labels + 400) < chance, size, -size)
            own = np.where(rng.random(labels + 400) < 0.5, other, -other)
            f = np.where(rng.random(labels + 400) < copied, y, own)
            bound = ppi_bound(y[:labels], f[:labels], f[labels:])
            above, below = above + (bound.low > true), below + (bound.high < true)
        assert above / 2000 <= 0.06
        assert below / 2000 <= 0.06


def test_bounds_and_p_values_are_dual() -> None:
    y, f, rest = generated(0, "ordinal")
    found = ppi_mean(y, f, rest)
    assert found.p_above(found.lower(0.03)) == pytest.approx(0.03)
    assert found.p_below(found.upper(0.2)) == pytest.approx(0.2)
    assert found.interval(0.9).low == pytest.approx(found.lower(0.05))
    bound = ppi_bound(y - 3, f - 3, rest - 3, 0.04)
    assert paired.p_above(bound, bound.low) == pytest.approx(0.04)


def test_without_others_it_is_the_mean_of_the_labels() -> None:
    y, f, _ = generated(1, "continuous")
    found = ppi_mean(y, f, [])
    low, high = stats.t.interval(0.95, 39, y.mean(), stats.sem(y))
    assert (found.mean, found.lam) == (pytest.approx(y.mean()), 0.0)
    assert found.interval().low == pytest.approx(low)
    assert found.interval().high == pytest.approx(high)
    terminal = paired.terminal_bound(y)
    assert ppi_bound(y, f, []).low == pytest.approx(terminal.low)


def test_a_good_judge_is_worth_labels_and_a_bad_one_costs_none() -> None:
    good = ppi_mean(*generated(0, "continuous"))
    bad = ppi_mean(*generated(2, "continuous"))
    assert good.worth > 70
    assert (bad.lam, bad.worth) == (0.0, pytest.approx(40))


def test_labels_needed_are_those_of_the_formula_where_others_abound() -> None:
    rng = np.random.default_rng(4)
    y, f = drawn(rng, 200_100, "continuous", "good")
    found = ppi_mean(y[:100], f[:100], f[100:])
    residual = float(np.var(y[:100] - found.lam * f[:100], ddof=1))
    plain = (1.96 / 0.1) ** 2 * residual
    assert found.labels_needed(0.1) == pytest.approx(plain, rel=0.03)
    halved = found.labels_to_halve()
    assert halved == pytest.approx(400, rel=0.05)


def test_that_many_labels_do_give_the_half_width() -> None:
    rng = np.random.default_rng(5)
    y, f = drawn(rng, 3000, "ordinal", "good")
    pilot = ppi_mean(y[:60], f[:60], f[60:])
    wanted = (pilot.interval().high - pilot.interval().low) / 4
    n = pilot.labels_to_halve()
    assert n is not None
    after = ppi_mean(y[:n], f[:n], f[n:]).interval()
    assert (after.high - after.low) / 2 == pytest.approx(wanted, rel=0.15)


def test_no_number_of_labels_is_told_where_the_set_is_too_small() -> None:
    y, f, rest = generated(1, "continuous")
    assert ppi_mean(y, f, rest[:30]).labels_to_halve() is None
    with pytest.raises(ValueError, match="positive"):
        ppi_mean(y, f, rest).labels_needed(0.0)


def test_a_labelled_case_is_not_among_the_others() -> None:
    human = [3.0, np.nan, 4.0, np.nan, np.nan, 1.0]
    judge = [4.0, 2.0, np.nan, 5.0, 1.0, 2.0]
    parted = split(human, judge)
    assert (parted.y.tolist(), parted.f.tolist()) == ([3.0, 1.0], [4.0, 2.0])
    assert parted.rest.tolist() == [2.0, 5.0, 1.0]
    assert parted.left_out == 1


def test_a_document_with_a_label_is_labelled_as_a_whole() -> None:
    human = [3.0, 5.0, np.nan, np.nan, np.nan]
    parted = split(human, [2.0, 4.0, 1.0, 1.0, 3.0], ["a", "a", "a", "b", "b"])
    assert (parted.y.tolist(), parted.f.tolist(), parted.rest.tolist()) == ([4.0], [3.0], [2.0])
    assert parted.left_out == 1


def test_too_few_labels_and_unlike_lengths_are_refused() -> None:
    with pytest.raises(TooFewLabelsError, match="20 independent labels at least; there are 19"):
        ppi_mean(np.arange(19), np.arange(19), np.arange(100))
    with pytest.raises(ValueError, match="30 labels for 31"):
        ppi_mean(np.arange(30), np.arange(31), np.arange(100))
    assert ppi_mean(np.arange(29), np.arange(29), np.arange(100)).few


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-50, 50))
def test_units_of_labels_and_judge_do_not_matter(seed: int, factor: float, offset: float) -> None:
    y, f, rest = generated(seed, "continuous")
    plain, moved = (
        ppi_mean(y, f, rest),
        ppi_mean(factor * y + offset, factor * f - offset, factor * rest - offset),
    )
    assert moved.mean == pytest.approx(factor * plain.mean + offset, rel=1e-6, abs=1e-6)
    assert moved.se == pytest.approx(factor * plain.se, rel=1e-6)
    assert moved.lam == pytest.approx(plain.lam, abs=1e-9)


def test_with_weights_a_cluster_has_the_say_of_its_cases() -> None:
    human = [1.0, 3.0, 3.0, np.nan, np.nan, 5.0]
    judge = [2.0, 4.0, 4.0, 1.0, 5.0, 5.0]
    parted = split(human, judge, ["a", "b", "b", "c", "c", "d"], weights=[1, 1, 1, 1, 3, 1])
    assert parted.y.mean() == pytest.approx(np.mean([1, 3, 3, 5]))
    assert parted.f.mean() == pytest.approx(np.mean([2, 4, 4, 5]))
    assert parted.rest.tolist() == [4.0]


def test_clusters_of_unequal_size_are_covered_where_the_large_ones_are_worse() -> None:
    """50 of 300 clusters; the mean of cases lies below that of clusters, and the interval is about it."""
    rng = np.random.default_rng(11)
    sizes = np.resize([1, 2, 6], 300)
    clusters = np.repeat(np.arange(300), sizes)
    truth = 4.0 - 0.5 * float((sizes**2).sum() / sizes.sum())
    covered = plain = 0
    for _ in range(600):
        level = 4.0 - 0.5 * sizes + rng.normal(size=300)
        y = level[clusters] + rng.normal(size=len(clusters))
        f = y + 1 + rng.normal(size=len(clusters))
        chosen = np.isin(clusters, rng.permutation(300)[:50])
        for weights in (np.ones(len(y)), None):
            parted = split(np.where(chosen, y, np.nan), f, clusters, weights=weights)
            found = ppi_mean(parted.y, parted.f, parted.rest).interval()
            inside = found.low <= truth <= found.high
            covered, plain = covered + (inside and weights is not None), plain + (inside and weights is None)
    assert 0.92 <= covered / 600 <= 0.97
    assert plain / 600 < 0.05


def test_labels_at_a_standard_error_do_give_it() -> None:
    rng = np.random.default_rng(6)
    y, f = drawn(rng, 3000, "continuous", "good")
    pilot = ppi_mean(y[:60], f[:60], f[60:])
    n = pilot.labels_at(pilot.se / 2)
    assert n is not None
    assert ppi_mean(y[:n], f[:n], f[n:]).se == pytest.approx(pilot.se / 2, rel=0.15)
    assert pilot.labels_at(pilot.se / 1000) is None
    with pytest.raises(ValueError, match="positive"):
        pilot.labels_at(0.0)
