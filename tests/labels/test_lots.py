"""Which samples come up to be rated: the same for all, one of each group before any second."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from promptops.labels.lots import lots, turns
from promptops.types import Sample


def ids(samples: list[Sample], seed: int) -> list[str]:
    return [samples[place].id for place in lots(samples, seed)]


@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_is_that_of_the_names_and_not_of_the_lines(seed: int, random: object) -> None:
    samples = [
        Sample(id=f"s{number}", inputs={}, group=f"g{number % 7}" if number % 3 else None)
        for number in range(40)
    ]
    mixed = list(samples)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert ids(samples, seed) == ids(mixed, seed)
    assert sorted(ids(samples, seed)) == sorted(sample.id for sample in samples)


def test_every_group_has_its_first_before_any_has_its_second() -> None:
    samples = [Sample(id=f"s{number}", inputs={}, group=f"g{number % 9}") for number in range(30)]
    seen: Counter[str] = Counter()
    for place in lots(samples, 5):
        group = str(samples[place].group)
        assert all(seen[group] <= count for other, count in seen.items() if other != group)
        seen[group] += 1


def test_another_sample_without_a_group_moves_no_other() -> None:
    """So what is drawn from a set is drawn at random from any part of it too."""
    samples = [Sample(id=f"s{number}", inputs={}) for number in range(50)]
    assert [each for each in ids(samples, 2) if each != "s17"] == ids(samples[:17] + samples[18:], 2)


def test_each_sample_and_each_repeat_comes_first_equally_often() -> None:
    """3,000 draws: 1/20 has a standard error of .004, 1/3 one of .0086."""
    samples = [Sample(id=f"s{number}", inputs={}) for number in range(20)]
    first = Counter(ids(samples, seed)[0] for seed in range(3000))
    assert all(abs(count / 3000 - 1 / 20) < 0.016 for count in first.values()) and len(first) == 20
    repeat = Counter(turns("s1", 3, seed)[0] for seed in range(3000))
    assert all(abs(count / 3000 - 1 / 3) < 0.035 for count in repeat.values())
