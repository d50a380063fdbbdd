"""How long a shift takes at its full size, 1,000 + 1,000 texts: seconds of one core, ratios of one run.

    python benchmarks/shift.py [--repeat 5]

Beside each part stands the same work by scikit-learn: TF-IDF and SVD, one Gaussian kernel matrix (MMD adds
999 permutations to it), a logistic regression on half of the texts. Figures are medians of CPU time on one
thread, so that what else the machine does is no part of them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from threadpoolctl import threadpool_limits

from promptops.distributions.shift import measure_shift
from promptops.errors import UsageError
from promptops.providers._encoderfolder import find_folder, read_encoder
from promptops.stats.c2st import tell_apart
from promptops.stats.mmd import mmd_test
from promptops.stats.textpanel import panel
from promptops.stats.textspace import leading_directions, text_space

SIDE = 1000
WORDS = np.array([f"w{place}" for place in range(5000)])
WEIGHTS = 1 / np.arange(1, 5001)
WEIGHTS /= WEIGHTS.sum()
ENCODER = "all-MiniLM-L6-v2"
EMBEDDED = 100
LIMIT = 0.5
"""Seconds that MMD may take."""


def texts(n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(20, 120), p=WEIGHTS)) + "." for _ in range(n)]


def seconds(work: Callable[[], object], repeat: int) -> float:
    work()  # imports and first pages are no part of it
    found = []
    for _ in range(repeat):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return statistics.median(found)


def their_space(pooled: list[str]) -> np.ndarray:
    vectors = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", sublinear_tf=True, min_df=2).fit_transform(pooled)
    return TruncatedSVD(50, random_state=0).fit_transform(vectors)


def compare(repeat: int) -> None:
    first, second = texts(SIDE, 1), texts(SIDE, 2)
    pooled = [*first, *second]
    space = text_space(pooled)
    points = leading_directions(space.rows)
    sides = np.repeat([0, 1], SIDE)
    half = np.random.default_rng(1).permutation(2 * SIDE)[:SIDE]
    theirs = TfidfVectorizer(sublinear_tf=True, min_df=2).fit_transform(pooled)
    mmd = seconds(lambda: mmd_test(points[:SIDE], points[SIDE:]), repeat)
    rows = [
        (
            "TF-IDF and SVD",
            seconds(lambda: leading_directions(text_space(pooled).rows), repeat),
            seconds(lambda: their_space(pooled), repeat),
        ),
        (
            "MMD, 999 permutations / one kernel",
            mmd,
            seconds(lambda: rbf_kernel(points, gamma=0.5), repeat),
        ),
        (
            "classifier",
            seconds(lambda: tell_apart(space.rows, SIDE, space.terms), repeat),
            seconds(lambda: LogisticRegression(max_iter=1000).fit(theirs[half], sides[half]), repeat),
        ),
        ("panel", seconds(lambda: panel(first, second), repeat), None),
        ("shift, all of it", seconds(lambda: measure_shift(first, second), repeat), None),
    ]
    print(f"{'':<36}{'seconds':>9}{'scikit-learn':>14}{'ratio':>8}")
    for name, own, other in rows:
        told = "" if other is None else f"{other:>14.3f}{own / other:>8.2f}"
        print(f"{name:<36}{own:>9.3f}{told}")
    print(f"MMD takes {mmd:.3f} s of the {LIMIT} s that it may: {'kept' if mmd <= LIMIT else 'BROKEN'}")


def embed_here() -> None:
    """Tell how fast an encoder turns texts into points, if there is one on this machine."""
    try:
        folder = find_folder(ENCODER, None, os.environ)
    except UsageError as missing:
        print(f"encoder: not measured. {missing}")
        return
    encoder = read_encoder(folder)
    tokens = [encoder.tokenizer.tokens(text, encoder.reads) for text in texts(EMBEDDED, 3)]
    took = seconds(lambda: encoder.bert.points(tokens), 1)
    count = sum(map(len, tokens))
    print(
        f"encoder/{ENCODER}: {EMBEDDED} texts, {count:,} tokens in {took:.1f} s, {count / took:,.0f} a second"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    with threadpool_limits(1):
        compare(parser.parse_args().repeat)
        embed_here()


if __name__ == "__main__":
    main()
