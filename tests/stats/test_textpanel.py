import numpy as np
import pytest
from scipy.stats import chi2_contingency

from promptops.stats.blocktests import Blocks
from promptops.stats.textpanel import (
    SCRIPT,
    UNKNOWN_WORDS,
    Column,
    FeatureChange,
    block_panel,
    paired_panel,
    panel,
)

WORDS = [f"w{place}" for place in range(400)]
WEIGHTS = 1 / np.arange(1, 401)


def texts(n: int, seed: int, length: int = 30) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, length, p=WEIGHTS / WEIGHTS.sum())) + "." for _ in range(n)]


def named(changes: tuple[FeatureChange, ...], name: str) -> FeatureChange:
    return next(change for change in changes if change.name == name)


def test_the_reference_s_own_words_are_no_shift_of_unknown_words() -> None:
    """Against a vocabulary of the whole reference every current text would hold more unknown words."""
    small = [
        named(panel(texts(60, run), texts(60, run + 500)), UNKNOWN_WORDS).p_value < 0.05 for run in range(200)
    ]
    assert np.mean(small) < 0.09


def test_new_words_are_seen() -> None:
    change = named(panel(texts(60, 1), [text.replace("w1", "v1") for text in texts(60, 2)]), UNKNOWN_WORDS)
    assert change.adjusted_p < 0.001
    assert change.current is not None and change.reference is not None and change.current > change.reference


def test_another_script_is_seen() -> None:
    changes = panel(texts(40, 1), [*texts(20, 2), *["Привет мир"] * 20])
    script = named(changes, SCRIPT)
    assert script.adjusted_p < 0.001
    assert script.current_shares == {"Latin": 0.5, "Cyrillic": 0.5}
    assert script.separation == pytest.approx(0.75)
    assert script.reference is None


def test_adjusted_p_values_are_larger_than_plain_ones() -> None:
    changes = panel(texts(40, 1), texts(40, 2, length=45))
    assert all(change.adjusted_p >= change.p_value for change in changes)
    assert named(changes, "words").adjusted_p < 0.001
    assert named(changes, "words").separation == 1.0


def test_pairs_are_compared_within_themselves() -> None:
    """Each text grows by two words, which their own spread of lengths would hide."""
    rng = np.random.default_rng(3)
    lengths = rng.integers(10, 200, 60)
    first = [texts(1, place, int(length))[0] for place, length in enumerate(lengths)]
    second = [text + " w1 w2" for text in first]
    assert named(panel(first, second), "words").p_value > 0.5
    change = named(paired_panel(first, second), "words")
    assert change.adjusted_p < 0.01
    assert (change.statistic, change.separation) == (2.0, 1.0)


def test_equal_pairs_have_p_one_throughout() -> None:
    same = texts(30, 1)
    assert {change.p_value for change in paired_panel(same, same)} == {1.0}


def test_names_are_tested_where_texts_have_one() -> None:
    first: list[str | None] = ["good"] * 26 + ["bad"] * 4 + [None] * 170
    second: list[str | None] = ["good"] * 14 + ["bad"] * 16 + [None] * 270
    change = named(panel(texts(200, 1), texts(300, 2), columns=[Column("said", first, second)]), "said")
    table = [[26, 4], [14, 16]]
    assert change.p_value == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    assert (change.reference_n, change.current_n) == (30, 30)
    assert change.reference_shares == pytest.approx({"good": 26 / 30, "bad": 4 / 30})
    few = Column("said", ["good"] * 4 + [None] * 196, second)
    assert not any(each.name == "said" for each in panel(texts(200, 1), texts(300, 2), columns=[few]))


def test_names_with_gaps_are_tested_in_pairs_and_in_blocks() -> None:
    first, second = texts(60, 1), texts(60, 2)
    said: list[str | None] = [None, "up", "up"] * 20
    later: list[str | None] = ["up", "down", None] * 20
    pairs = named(paired_panel(first, second, columns=[Column("said", said, later)]), "said")
    assert (pairs.reference_n, pairs.current_n) == (20, 20) and pairs.p_value < 0.01
    days = [str(n // 10) for n in range(60)]
    blocks = Blocks.of(days, 60, days, 60)
    by_day = named(block_panel(first, second, blocks, columns=[Column("said", said, later)]), "said")
    assert (by_day.reference_n, by_day.current_n) == (40, 40) and by_day.p_value < 0.01
