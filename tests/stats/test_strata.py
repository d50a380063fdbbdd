"""Strata and draws: shares that add up, figures that are right on average, with Cochran's variance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from promptops.stats.strata import LEAST_DRAWN, Strata, draws, one_stratum, stratify


@settings(max_examples=60)
@given(st.integers(2, 6), st.integers(10, 80), st.floats(0.1, 0.9), st.integers(0, 2**32 - 1), st.booleans())
def test_draws_take_what_each_stratum_was_given(
    versions: int, n: int, share: float, seed: int, binary: bool
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random((versions, n))
    if binary:
        scores = np.round(scores)
    k = max(8, int(share * n))
    strata = stratify(scores, k, seed)
    assert strata.drawn.sum() == k and strata.sizes.sum() == n
    assert (strata.drawn <= strata.sizes).all()
    assert (strata.drawn >= np.minimum(strata.sizes, LEAST_DRAWN)).all()
    places = draws(strata, 5, rng)
    for row in places:
        assert len(set(row)) == k
        assert np.bincount(strata.labels[row], minlength=len(strata.sizes)).tolist() == strata.drawn.tolist()
        assert strata.weights()[row].sum() == pytest.approx(n)


def test_weighted_draws_are_right_on_average_with_cochrans_variance() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1, 2], [30, 50, 20])
    strata = Strata(labels, np.array([30, 50, 20]), np.array([5, 5, 10]))
    new = rng.random(100) + labels  # a version that the strata know nothing of
    places = draws(strata, 20_000, rng)
    figures = (new[places] * strata.weights()[places]).sum(axis=1) / 100
    variance = sum(
        (size / 100) ** 2 * (1 - take / size) * new[labels == label].var(ddof=1) / take
        for label, size, take in zip(range(3), strata.sizes, strata.drawn, strict=True)
    )
    assert figures.mean() == pytest.approx(new.mean(), abs=4 * np.sqrt(variance / 20_000))
    assert figures.var() == pytest.approx(variance, rel=0.04)


def test_every_sample_of_a_plain_draw_is_as_likely_as_any_other() -> None:
    places = draws(one_stratum(12, 4), 30_000, np.random.default_rng(2))
    assert np.bincount(places.ravel(), minlength=12) / 30_000 == pytest.approx(np.full(12, 1 / 3), abs=0.012)


def test_strata_are_about_as_tight_as_scikit_learns_clusters() -> None:
    rng = np.random.default_rng(3)
    centres = rng.random((10, 4)) * 3
    rows = centres[rng.integers(0, 10, 400)] + rng.normal(0, 0.05, (400, 4))
    labels = stratify(rows.T, 40).labels
    means = np.stack([rows[labels == each].mean(axis=0) for each in range(labels.max() + 1)])
    ours = ((rows - means[labels]) ** 2).sum()
    theirs = KMeans(labels.max() + 1, n_init=1, random_state=0).fit(rows).inertia_
    assert ours <= 1.5 * theirs or ours <= 400 * 4 * 0.05**2 * 3


def test_a_stratum_on_which_versions_agree_still_gets_its_share() -> None:
    scores = np.ones((4, 100))
    scores[:, :20] = np.random.default_rng(4).integers(0, 2, (4, 20))
    strata = stratify(scores, 30)
    same = strata.labels[50]
    assert strata.sizes[same] >= 80 and strata.drawn[same] >= 8


def test_samples_of_one_score_are_one_stratum() -> None:
    strata = stratify(np.ones((3, 20)), 8)
    assert strata.sizes.tolist() == [20] and strata.drawn.tolist() == [8]
