import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from promptops.stats import logistic
from promptops.stats.sparse import SparseRows


def sparse(dense: np.ndarray) -> SparseRows:
    rows, columns = np.nonzero(dense)
    return SparseRows.of(rows, columns, dense[rows, columns], dense.shape)


@pytest.mark.parametrize("strength", [0.1, 1.0, 50.0])
def test_weights_are_those_of_scikit_learn(strength: float) -> None:
    rng = np.random.default_rng(1)
    dense = rng.normal(size=(80, 200)) * (rng.random((80, 200)) < 0.2)
    labels = rng.random(80) < 0.3
    dense[labels, :5] += 0.5
    ours = logistic.fit(sparse(dense), labels, strength)
    theirs = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000).fit(dense, labels)
    assert np.allclose(ours.weights, theirs.coef_[0], atol=1e-5)
    assert ours.intercept == pytest.approx(theirs.intercept_[0], abs=1e-5)
    assert np.allclose(ours.scores(sparse(dense)), theirs.decision_function(dense), atol=1e-4)


def test_separable_rows_have_finite_weights() -> None:
    dense = np.diag(np.ones(20))
    model = logistic.fit(sparse(dense), np.arange(20) < 10)
    assert np.isfinite(model.weights).all()
    assert ((model.scores(sparse(dense)) > 0) == (np.arange(20) < 10)).all()


def test_empty_rows_leave_only_the_intercept() -> None:
    model = logistic.fit(sparse(np.zeros((10, 4))), np.arange(10) < 8)
    assert model.weights.tolist() == [0.0] * 4
    assert model.intercept == pytest.approx(np.log(4))
