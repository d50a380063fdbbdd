import numpy as np
import pytest

from promptops.stats import clusters


def test_clusters_are_numbered_by_first_appearance() -> None:
    numbers, count = clusters.numbered(["b", "a", "b", None, "a"], 5)
    assert numbers.tolist() == [0, 1, 0, 2, 1]
    assert count == 3


def test_arrays_of_labels_are_numbered_like_lists() -> None:
    assert clusters.numbered(np.array([7, 3, 7]), 3)[0].tolist() == [0, 1, 0]


@pytest.mark.parametrize("labels", [[], [4], [1, 5, 9], [1, 5, 5], [5, 1, 9]])
def test_rising_labels_are_numbered_as_any_others(labels: list[int]) -> None:
    quick, wanted = (clusters.numbered(each, len(labels)) for each in (np.array(labels, dtype=int), labels))
    assert quick[0].tolist() == wanted[0].tolist() and quick[1] == wanted[1]


def test_cases_without_labels_stand_for_themselves() -> None:
    numbers, count = clusters.numbered(None, 4)
    assert numbers.tolist() == [0, 1, 2, 3]
    assert count == 4


def test_labels_for_another_number_of_cases_are_refused() -> None:
    with pytest.raises(ValueError, match="2 cluster labels for 3 cases"):
        clusters.numbered(["a", "b"], 3)


def test_sums_are_taken_within_clusters() -> None:
    numbers, count = clusters.numbered(["x", "y", "x"], 3)
    assert clusters.summed(np.array([1.0, 2.0, 4.0]), numbers, count).tolist() == [5.0, 2.0]
    table = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    assert clusters.summed(table, numbers, count).tolist() == [[5.0, 50.0], [2.0, 20.0]]


@pytest.mark.parametrize("weights", [[1.0, 0.0], [1.0, -1.0], [1.0, np.nan], [1.0]])
def test_weights_that_are_not_positive_numbers_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        clusters.case_weights(weights, 2)


def test_whole_numbers_are_numbered_as_any_labels() -> None:
    labels = np.random.default_rng(2).integers(-5, 40, 300)
    numbers, count = clusters.numbered(labels, 300)
    expected, as_many = clusters.numbered([f"g{label}" for label in labels], 300)
    assert count == as_many
    assert numbers.tolist() == expected.tolist()
    with pytest.raises(ValueError, match="299 cluster labels"):
        clusters.numbered(labels[:299], 300)
