"""Figures of generated texts beside those of people: of as many texts, else they can't be held together."""

from __future__ import annotations

import numpy as np

from promptops.generation.spread import measure_nearness

WORDS = np.array([f"word{place}" for place in range(60)])


def texts(n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 12)) for _ in range(n)]


def test_few_generated_texts_are_held_beside_as_few_of_people() -> None:
    """With all of people's texts their p-value would be the smaller one by their number alone."""
    asked = [f"{text} please" for text in texts(200, 1)]
    own, human = measure_nearness(texts(5, 2), texts(400, 3), asked)
    assert own is not None and human is not None
    assert own.texts == human.texts == 5
    assert human.p_value > 0.001


def test_where_people_wrote_fewer_all_of_theirs_count() -> None:
    own, human = measure_nearness(texts(30, 2), texts(12, 3), texts(50, 1))
    assert own is not None and human is not None and (own.texts, human.texts) == (30, 12)
