"""Points on a plane, against scikit-learn's PCA."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from promptops.stats.plane import plane


def test_places_and_share_are_those_of_scikit_learn() -> None:
    points = np.random.default_rng(1).normal(size=(80, 7)) * [5, 3, 1, 1, 0.5, 0.2, 0.1] + 4
    found = plane(points)
    theirs = PCA(2, svd_solver="full").fit(points)
    places = theirs.transform(points)
    assert np.abs(found.places) == pytest.approx(np.abs(places))
    assert np.abs((found.places * places).sum(axis=0)) == pytest.approx((places**2).sum(axis=0))
    assert found.share == pytest.approx(theirs.explained_variance_ratio_.sum())


def test_each_axis_points_to_its_farthest_point() -> None:
    points = np.random.default_rng(2).normal(size=(50, 4))
    for turned in (points, -points):
        places = plane(turned).places
        assert (places[np.abs(places).argmax(axis=0), [0, 1]] > 0).all()


def test_points_of_one_direction_or_of_one_place_lie_on_the_plane_too() -> None:
    line = plane(np.arange(5.0)[:, None])
    assert line.share == pytest.approx(1.0) and (line.places[:, 1] == 0).all()
    one = plane(np.ones((6, 3)))
    assert one.share == 1.0 and np.abs(one.places).max() == 0
