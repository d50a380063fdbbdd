"""Chosen subsets: their bound holds for versions nobody has seen, and a random subset is the measure."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from promptops.stats import Floats
from promptops.stats.subsets import Errors, choose, gain, held_out_errors, random_errors


def versions(kind: str, count: int, n: int, seed: int) -> Floats:
    """Draw versions from one world of samples."""
    rng = np.random.default_rng([seed, 99])  # not the stream that the choice draws from
    if kind == "binary":  # a Rasch model with three skills
        hard, skill = rng.normal(0, 1.5, n), rng.integers(0, 3, n)
        able = rng.normal(0.5, 0.7, (count, 1)) + rng.normal(0, 0.8, (count, 3))[:, skill]
        return (rng.random((count, n)) < 1 / (1 + np.exp(hard - able))).astype(float)
    if kind == "rare":  # each version flips some samples of its own, wherever they are
        usual = (rng.random(n) < 0.9).astype(float)
        return np.where(rng.random((count, n)) < rng.uniform(0.03, 0.12, (count, 1)), 1 - usual, usual)
    if kind == "graded":
        able, hard = rng.normal(0, 0.4, (count, 1)), rng.normal(0, 1, n)
        return np.clip(0.6 + 0.25 * (able - hard) + rng.normal(0, 0.15, (count, n)), 0, 1)
    found = np.ones((count, n))  # four fifths are always passed
    some = n // 5
    found[:, :some] = rng.random((count, some)) < rng.random(some)
    return found


def covered(kind: str, known: int, n: int, k: int, worlds: int) -> tuple[float, float]:
    """Return the share of differences of new versions from known ones inside the bound, and the true gain."""
    inside, ratios = [], []
    for seed in range(worlds):
        scores = versions(kind, known + 20, n, seed)
        seen = scores[:known]
        bound = held_out_errors(seen, k, seed=seed).bound
        chosen = choose(seen, k, seed=seed)
        figures = np.average(scores[:, chosen.places], axis=1, weights=chosen.weights)
        off = figures - scores.mean(axis=1)
        wrong = np.abs(off[known:, None] - off[None, :known])
        inside.append((wrong <= bound + 1e-12).mean())
        ratios.append(math.sqrt((wrong**2).mean()) / random_errors(seen, k, seed=seed).typical)
    return float(np.mean(inside)), float(np.mean(ratios))


@pytest.mark.parametrize("kind", ["binary", "graded"])
def test_the_bound_covers_new_versions(kind: str) -> None:
    share, ratio = covered(kind, 5, 120, 20, 25)
    assert share >= 0.95
    assert ratio < 0.95


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["binary", "rare", "graded", "passed"])
@pytest.mark.parametrize("known", [4, 5, 6, 10])
def test_the_bound_covers_new_versions_whatever_the_number_of_known_ones(kind: str, known: int) -> None:
    assert covered(kind, known, 200, 30, 25)[0] >= 0.95


def test_held_out_errors_foretell_those_of_new_versions() -> None:
    told, true = [], []
    for seed in range(25):
        scores = versions("binary", 26, 120, seed)
        told.append(held_out_errors(scores[:6], 24, seed=seed).typical)
        chosen = choose(scores[:6], 24, seed=seed)
        off = np.average(scores[:, chosen.places], axis=1, weights=chosen.weights) - scores.mean(axis=1)
        true.append(math.sqrt(((off[6:, None] - off[None, :6]) ** 2).mean()))
    assert np.mean(told) == pytest.approx(np.mean(true), rel=0.1)


def test_random_errors_are_those_of_sampling_without_replacement() -> None:
    scores = versions("graded", 5, 90, 1)
    found = random_errors(scores, 30)
    squares = [
        (1 - 30 / 90) * (first - second).var(ddof=1) / 30
        for first, second in itertools.combinations(scores, 2)
    ]
    assert found.typical == pytest.approx(math.sqrt(np.mean(squares)), rel=0.03)
    assert found.bound >= 1.96 * math.sqrt(min(squares))


def test_the_same_seed_chooses_the_same_samples_and_weights_stand_for_all() -> None:
    scores = versions("binary", 5, 100, 2)
    own = np.random.default_rng(3).uniform(0.5, 2.0, 100)
    first, again = choose(scores, 25, weights=own, seed=4), choose(scores, 25, weights=own, seed=4)
    assert first.places.tolist() == again.places.tolist()
    assert sorted(set(first.places)) == first.places.tolist() and len(first.places) == 25
    assert first.places.tolist() != choose(scores, 25, weights=own, seed=5).places.tolist()
    plain = choose(scores, 25, seed=4)
    assert plain.weights.sum() == pytest.approx(100)
    assert (first.weights / own[first.places]).sum() == pytest.approx(100)


def test_on_known_versions_the_chosen_samples_come_out_well() -> None:
    scores = versions("binary", 5, 100, 2)
    chosen = choose(scores, 25)
    off = np.average(scores[:, chosen.places], axis=1, weights=chosen.weights) - scores.mean(axis=1)
    assert np.abs(off[:, None] - off).max() < held_out_errors(scores, 25).bound


def test_a_gain_is_claimed_only_beyond_doubt() -> None:
    plain = Errors(1.0, 2.0, np.array([1.0, 1.1, 0.9, 1.2]))
    small = gain(Errors(0.5, 1.0, plain.each * np.array([0.5, 0.55, 0.45, 0.5])), plain)
    assert small is not None and small.better and small.ratio == pytest.approx(0.5, abs=0.01)
    mixed = gain(Errors(1.0, 2.0, plain.each * np.array([0.5, 1.3, 0.7, 1.1])), plain)
    assert mixed is not None and not mixed.better and mixed.low < 1 < mixed.high
    logs = np.log([0.5, 1.3, 0.7, 1.1])
    reach = 3.182446 * logs.std(ddof=1) / 2  # Student's t, 97.5 %, 3 degrees of freedom
    assert mixed.high == pytest.approx(math.exp(logs.mean() + reach), rel=1e-5)
    assert gain(Errors(0.0, 0.0, np.zeros(4)), plain) is None
