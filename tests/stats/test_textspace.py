import subprocess
import sys

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from promptops.stats.textspace import leading_directions, text_space


def texts(n: int, vocabulary: int = 300, length: int = 40, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    words = [f"w{place}" for place in range(vocabulary)]
    weights = 1 / np.arange(1, vocabulary + 1)
    return [" ".join(rng.choice(words, length, p=weights / weights.sum())) + "." for _ in range(n)]


def test_weights_are_those_of_scikit_learn() -> None:
    corpus = texts(80)
    theirs = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", sublinear_tf=True, min_df=2)
    expected = theirs.fit_transform(corpus).toarray()
    ours = text_space(corpus)
    order = [theirs.vocabulary_[term] for term in ours.terms]
    assert sorted(ours.terms) == sorted(theirs.vocabulary_)
    assert np.allclose(ours.rows.dense(), expected[:, order])


def test_leading_directions_keep_what_an_exact_decomposition_keeps() -> None:
    space = text_space(texts(120))
    ours = leading_directions(space.rows, 20)
    theirs = TruncatedSVD(20, algorithm="arpack").fit_transform(space.rows.dense())
    assert ours.shape == (120, 20)
    assert np.allclose(np.linalg.norm(ours, axis=0), np.linalg.norm(theirs, axis=0), rtol=0.03)
    assert abs(ours[:, 0] @ theirs[:, 0]) == pytest.approx(float(theirs[:, 0] @ theirs[:, 0]), rel=1e-6)


def test_few_words_fall_back_to_pieces() -> None:
    space = text_space(["yes", "no", "maybe so", "YES"])
    assert space.terms == ()
    dense = space.rows.dense()
    assert np.allclose(np.linalg.norm(dense, axis=1), 1.0)
    assert np.allclose(dense[0], dense[3])
    assert dense[0] @ dense[1] < 0.5


def test_empty_texts_have_a_place_too() -> None:
    points = leading_directions(text_space([""] * 30).rows)
    assert np.isfinite(points).all()
    assert np.isfinite(leading_directions(text_space([*texts(60), ""]).rows)).all()


def test_pieces_are_hashed_alike_in_every_process() -> None:
    program = (
        "from promptops.stats.textspace import text_space\n"
        "print(text_space(['alpha', 'beta', 'gamma']).rows.dense().sum(axis=0).nonzero()[0].tolist())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]


def test_scipy_is_not_imported_before_it_is_needed() -> None:
    program = (
        "import sys, promptops.distributions.shift; "
        "print([name for name in sys.modules if name.startswith('scipy')])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
