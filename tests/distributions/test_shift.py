from typing import Any

import numpy as np
import pytest

from promptops.cli.shifting import print_shift
from promptops.distributions.shift import MOST_TEXTS, Severity, Shift, measure_shift
from promptops.distributions.text import shift_sentence
from promptops.errors import UsageError
from promptops.production.references import in_words
from promptops.stats.blocktests import Blocks
from promptops.stats.mmd import block_mmd_test

WORDS = np.array([f"w{place}" for place in range(600)])
WEIGHTS = 1 / np.arange(1, 601)
WEIGHTS /= WEIGHTS.sum()


def texts(n: int, seed: int, weights: np.ndarray = WEIGHTS, longest: int = 40) -> list[str]:
    """Draw texts of 5 to `longest` words by Zipf's law."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(5, longest), p=weights)) + "." for _ in range(n)]


def test_equal_texts_raise_no_alarm() -> None:
    found = measure_shift(texts(150, 1), texts(120, 2))
    assert found.measured
    assert not found.alarmed
    assert (found.reference_n, found.current_n) == (150, 120)
    assert found.representation == "words"


def test_a_set_is_no_shift_of_itself() -> None:
    """Even where it isn't said that texts are pairs: half of it makes the vocabulary of known words."""
    same = texts(200, 1)
    assert not measure_shift(same, same).alarmed
    assert measure_shift(same, same).p_value == 1.0


def test_other_words_of_the_same_length_raise_a_strong_alarm() -> None:
    current = [text.replace("w1 ", "v1 ").replace("w2 ", "v2 ") for text in texts(150, 2)]
    found = measure_shift(texts(150, 1), current)
    assert found.alarmed
    assert found.severity == "strong"
    assert found.mmd_p is not None and found.mmd_p <= 0.001
    assert found.current_tokens[:2] in {("v1", "v2"), ("v2", "v1")}
    assert found.reference_tokens[:2] in {("w1", "w2"), ("w2", "w1")}


def test_what_no_word_shows_is_seen_by_the_panel() -> None:
    """Words are compared in lower case, so that capitals are the panel's to see."""
    found = measure_shift(texts(100, 1), [text.upper() for text in texts(100, 2)])
    upper = next(feature for feature in found.features if feature.name == "upper-case share")
    assert found.alarmed
    assert found.severity == "strong"
    assert (upper.separation, upper.reference) == (1.0, 0.0)


def test_a_tiny_but_significant_difference_is_no_alarm() -> None:
    """A newline in one text of eleven: the panel is sure of it, yet texts can't be told apart by it."""
    current = texts(1000, 2)
    found = measure_shift(
        texts(1000, 1), [text + "\n" if place % 11 == 0 else text for place, text in enumerate(current)]
    )
    assert found.p_value is not None and found.p_value < 0.05
    assert found.severity == "negligible"
    assert not found.alarmed


def test_the_most_foreign_texts_are_shown_by_their_place() -> None:
    current = texts(60, 2)
    for place in range(0, 60, 2):
        current[place] = "entirely other things are asked here, " + "novel " * 400
    found = measure_shift(texts(60, 1), current)
    assert len(found.foreign) == 5
    for foreign in found.foreign:
        assert foreign.index % 2 == 0
        assert current[foreign.index].startswith(foreign.text)
        assert len(foreign.text) <= 300


@pytest.mark.parametrize(
    ("alarmed", "p", "severity", "told"),
    [
        (True, 0.001, "mild", "b differs from a: alarm, for that is certain (p .0010) and of mild severity."),
        (
            *(False, 0.001, "negligible"),
            "b differs from a for certain (p .0010), but so little that its texts can hardly be told from "
            "the others (severity negligible): no alarm.",
        ),
        (
            *(False, 0.2, "mild"),
            "b shows a difference of mild severity from a, but it may be chance (p .2000): no alarm.",
        ),
        (
            *(False, 0.2, "negligible"),
            "b shows no certain difference from a (p .2000; severity negligible): no alarm.",
        ),
    ],
)
def test_one_sentence_tells_evidence_and_severity(
    alarmed: bool, p: float, severity: Severity, told: str
) -> None:
    found = Shift(
        **{"reference_name": "a", "current_name": "b", "reference_n": 40, "current_n": 40},
        **{"reference_used": 40, "current_used": 40, "alpha": 0.05, "seed": 0, "measured": True},
        **{"paired": False, "alarmed": alarmed, "p_value": p, "severity": severity, "separation": 0.6},
    )
    assert shift_sentence(found) == told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("records:", "records"),
        (
            "records:reply/2026-11-20T15:17:56.396255+00:00..2026-11-27T15:17:56.396255+00:00",
            "records of reply, 7 days to 2026-11-27 15:17 UTC",
        ),
        ("records:2026-11-01..2026-11-07/bad", "records, 2026-11-01 to 2026-11-07, found bad by somebody"),
        ("records:2026-11-01T10:00..", "records, 2026-11-01 10:00 .."),
        ("records:reply@3/tag=vip/model=a/b", "records of reply@3, tag vip, model a/b"),
        ("logs/week.jsonl", "logs/week.jsonl"),
    ],
)
def test_records_are_called_in_words(name: str, told: str) -> None:
    assert in_words(name) == told


def test_few_texts_are_not_measured() -> None:
    found = measure_shift(texts(19, 1), texts(500, 2))
    assert not found.measured
    assert not found.alarmed
    assert found.reason == "a shift needs at least 20 texts a side; there are 19"
    assert found.p_value is None
    assert measure_shift([], []).reason.endswith("there are 0")


def test_many_texts_are_subsampled_by_the_seed() -> None:
    many = texts(MOST_TEXTS + 50, 1, longest=8)
    found = measure_shift(many, many[::-1], permutations=99)
    assert (found.reference_n, found.reference_used, found.current_used) == (
        MOST_TEXTS + 50,
        MOST_TEXTS,
        MOST_TEXTS,
    )
    assert found == measure_shift(many, many[::-1], permutations=99)


def test_the_same_seed_gives_the_same_shift_and_json_keeps_it() -> None:
    first, second = texts(40, 1), texts(40, 2)
    found = measure_shift(first, second, seed=5, reference_name="spring", current_name="autumn")
    assert measure_shift(first, second, seed=5, reference_name="spring", current_name="autumn") == found
    assert Shift.model_validate_json(found.model_dump_json()) == found
    assert (found.reference_name, found.current_name) == ("spring", "autumn")


def test_only_the_beginning_of_a_huge_text_counts() -> None:
    first, second = texts(30, 1), texts(30, 2)
    padded = [text.ljust(20_000) for text in second]
    assert measure_shift(first, padded) == measure_shift(first, [text + "x" * 50_000 for text in padded])


@pytest.mark.parametrize(
    "strange",
    [
        [""] * 30,
        ["\ud800\x00"] * 30,
        ["🙂"] * 30,
        ["手机很好用"] * 30,
        ["yes", "no"] * 15,
        ["a\n" * 9000] * 30,
    ],
)
def test_strange_texts_are_measured_too(strange: list[str]) -> None:
    same = measure_shift(strange, strange)
    assert same.measured
    assert not same.alarmed
    assert measure_shift(texts(40, 1), strange).alarmed


def test_another_language_without_spaces_is_seen() -> None:
    rng = np.random.default_rng(1)
    letters = [list("天地玄黄宇宙洪荒日月盈昃辰宿列张"), list("寒来暑往秋收冬藏闰余成岁律吕调阳")]
    first, second = (["".join(rng.choice(side, 30)) for _ in range(60)] for side in letters)
    found = measure_shift(first, second)
    assert found.alarmed
    assert found.representation == "words"
    assert all(token in "".join(second) for token in found.current_tokens)


def test_pairs_show_a_change_that_two_samples_hide() -> None:
    """Each output says its first word twice; lengths differ far more between samples."""
    first = texts(100, 1)
    second = [f"{text.split()[0]} {text}" for text in first]
    assert not measure_shift(first, second).alarmed
    found = measure_shift(first, second, paired=True)
    assert found.paired
    assert found.alarmed
    assert {feature.test for feature in found.features} == {"sign flips"}


def test_equal_outputs_of_two_runs_raise_no_alarm() -> None:
    same = texts(50, 1)
    found = measure_shift(same, same, paired=True)
    assert (found.p_value, found.auc, found.severity, found.alarmed) == (1.0, 0.5, "negligible", False)


def test_pairs_that_don_t_pair_up_are_refused() -> None:
    with pytest.raises(UsageError, match="there are 30 and 31"):
        measure_shift(texts(30, 1), texts(31, 2), paired=True)


def null(splits: int, n: int, *, paired: bool = False, permutations: int = 199) -> tuple[float, float, float]:
    """Return how often equal laws raise an alarm, are significant, and have an MMD p of at most .05."""
    found = []
    for split in range(splits):
        first, second = texts(n, 2 * split), texts(n, 2 * split + 1)
        if paired:
            coin = np.random.default_rng(split).random(n) < 0.5
            changed = [f"{text} w3 w20 w5" for text in first]
            first, second = (
                [a if keep == side else b for a, b, keep in zip(first, changed, coin, strict=True)]
                for side in (True, False)
            )
        found.append(measure_shift(first, second, paired=paired, seed=split, permutations=permutations))
    alarms = np.mean([shift.alarmed for shift in found])
    significant = np.mean([shift.p_value is not None and shift.p_value < 0.05 for shift in found])
    small = np.mean([shift.mmd_p is not None and shift.mmd_p <= 0.05 for shift in found])
    return float(alarms), float(significant), float(small)


def test_false_alarms_are_rare() -> None:
    """40 splits: at a true rate of 5 % more than 6 alarms come once in 140 times."""
    assert null(40, 30, permutations=99)[0] <= 0.15


@pytest.mark.slow
@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("n", [30, 100])
def test_false_alarms_are_at_most_seven_percent(n: int, paired: bool) -> None:
    """1,000 splits of equal laws: a standard error is 0.7 points."""
    alarms, significant, small = null(1000, n, paired=paired)
    assert alarms <= 0.07
    assert significant <= 0.07
    assert 0.04 - 0.014 <= small <= 0.06 + 0.014


@pytest.mark.parametrize("how", [{"paired": True}, {"blocks": ([0, 1, 2, 3, 4] * 12, [0, 1, 2, 3, 4] * 12)}])
def test_where_psi_has_no_p_value_a_note_says_why(how: dict[str, Any]) -> None:
    found = measure_shift(texts(60, 1), texts(60, 2), **how)
    assert any(feature.psi_p is None for feature in found.features)
    assert [note for note in found.notes if note.startswith("PSI has no p-value here: its law is that of")]
    assert measure_shift(texts(60, 1), texts(60, 2)).notes == ()


def test_large_days_are_thinned_where_days_are_unequal() -> None:
    days = [day for day in range(7) for _ in range(40)], [day for day in range(7) for _ in range(4)]
    found = measure_shift(texts(280, 1), texts(28, 2), blocks=days)
    assert (found.reference_used, found.current_used, found.blocks) == (28, 28, (7, 7))
    assert found.notes[0].startswith("Days have unequally many texts: larger ones are thinned to 4")
    one_day_most = [0] * 140 + [1, 2, 3, 4, 5, 6] * 2
    alone = measure_shift(texts(280, 1), texts(152, 2), blocks=(days[0], one_day_most))
    assert not alone.measured and "14 are left on a side" in alone.reason
    even = measure_shift(texts(280, 1), texts(280, 2), blocks=(days[0], days[0]))
    assert (even.reference_used, even.current_used) == (280, 280) and "unequally" not in str(even.notes)


def test_windows_of_unequal_days_raise_no_more_false_alarms_than_they_may() -> None:
    """Days of 40 texts against days of 4, all of one law: unthinned, MMD alarmed in 23 of 100."""
    rng = np.random.default_rng(0)
    alarms, runs = 0, 150
    for seed in range(runs):
        blocks = Blocks(np.repeat(np.arange(7), 40), np.repeat(np.arange(7), 4))
        first, second = blocks.evened(rng)
        x, y = rng.normal(size=(280, 5))[first], rng.normal(size=(28, 5))[second]
        alarms += block_mmd_test(x, y, blocks.only(first, second), 199, seed).p <= 0.05
    assert alarms <= 16  # of 150; more than that has a chance of .1 % at .05


def test_a_heading_names_a_long_window_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    window = "records:2026-10-30T19:42:40.932994+00:00..2026-11-27T19:42:40.932994+00:00"
    print_shift(measure_shift(["a"], ["b"], reference_name="records:2026-11-01", current_name=window))
    head = capsys.readouterr().out.splitlines()[0]
    assert head.startswith("Shift from records:2026-11-01 to records, ")
    assert "932994" not in head and "2026-11-27 19:42" in head and "…" not in head
