import numpy as np
import pytest

from promptops.stats.blocktests import Blocks
from promptops.stats.c2st import Classified, equal_texts
from promptops.stats.c2st import tell_apart as tell_rows_apart
from promptops.stats.textspace import TextSpace, text_space

WORDS = [f"w{place}" for place in range(300)]
WEIGHTS = 1 / np.arange(1, 301)


def texts(n: int, seed: int, extra: str = "") -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 30, p=WEIGHTS / WEIGHTS.sum())) + extra for _ in range(n)]


def tell_apart(space: TextSpace, reference: int, *, paired: bool = False, seed: int = 0) -> Classified:
    return tell_rows_apart(space.rows, reference, space.terms, paired=paired, seed=seed)


def test_a_telling_word_is_found_and_named() -> None:
    found = tell_apart(text_space([*texts(80, 1, " old"), *texts(80, 2, " new")]), 80)
    assert found.auc > 0.9
    assert found.p < 1e-6
    assert (found.reference_tokens[0], found.current_tokens[0]) == ("old", "new")


def test_the_most_foreign_texts_come_first() -> None:
    space = text_space([*texts(80, 1), *texts(40, 2), *texts(40, 3, " novel novel words")])
    found = tell_apart(space, 80)
    assert len(found.foreign) == 40
    assert (found.foreign[:10] >= 40).all()
    assert (np.diff(found.odds) <= 0).all()


def test_equal_laws_are_told_apart_as_often_as_nominal() -> None:
    p = [
        tell_apart(text_space([*texts(40, run), *texts(40, run + 1000)]), 40, seed=run).p
        for run in range(200)
    ]
    assert 0.015 <= np.mean(np.array(p) < 0.05) <= 0.095


def test_pairs_stay_together_in_both_halves() -> None:
    first = texts(60, 1)
    found = tell_apart(text_space([*first, *(text + " indeed" for text in first)]), 60, paired=True)
    assert found.auc == 1.0
    assert found.p == pytest.approx(0.5**30)


def test_equal_pairs_can_t_be_told_apart() -> None:
    first = texts(60, 1)
    found = tell_apart(text_space([*first, *first]), 60, paired=True)
    assert (found.auc, found.p) == (0.5, 1.0)


def test_a_text_on_both_sides_is_never_learned_as_one_sides_only() -> None:
    """Half of the current texts stand on the reference side too: only the others are foreign."""
    old = texts(60, 1)
    current = [*old[:30], *texts(30, 2, " wholly new things here")]
    space = text_space([*old, *current])
    found = tell_rows_apart(space.rows, 60, twins=equal_texts(old, current))
    alone = tell_rows_apart(space.rows, 60)
    assert found.auc > alone.auc
    assert 0.65 < found.auc < 0.85
    assert (found.foreign[:15] >= 30).all()


def test_equal_texts_are_matched_once_each() -> None:
    first, second = equal_texts(["a", "b", "a"], ["a", "c", "a", "a"])
    assert (first.tolist(), second.tolist()) == ([0, 2], [0, 2])
    assert [side.tolist() for side in equal_texts(["a"], ["b"])] == [[], []]


def test_blocks_stay_whole_and_have_no_p() -> None:
    """Each block has a word of its own: seen in the other half it would give the side away."""
    days = np.repeat(np.arange(6), 10)
    first = [f"{text} day{day} a{day} b{day} c{day}" for text, day in zip(texts(60, 1), days, strict=True)]
    second = [f"{text} date{day} d{day} e{day} f{day}" for text, day in zip(texts(60, 2), days, strict=True)]
    space = text_space([*first, *second])
    assert tell_rows_apart(space.rows, 60).auc > 0.9
    found = tell_rows_apart(space.rows, 60, blocks=Blocks.of(days, 60, days, 60))
    assert found.p is None
    assert found.auc < 0.75
