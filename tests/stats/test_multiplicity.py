import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from promptops.stats.multiplicity import benjamini_hochberg, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@pytest.mark.parametrize("tests", [1, 2, 7, 40])
def test_holm_agrees_with_statsmodels(tests: int) -> None:
    p = np.round(np.random.default_rng(tests).random(tests) ** 3, 2)
    assert np.allclose(holm(p), multipletests(p, method="holm")[1])


@given(P_VALUES)
def test_benjamini_hochberg_agrees_with_statsmodels(p: list[float]) -> None:
    assert np.allclose(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1])


def test_no_tests_have_no_p_values() -> None:
    assert holm([]).size == 0
    assert benjamini_hochberg([]).size == 0


@pytest.mark.parametrize("p", [[0.5, 1.2], [-0.1], [float("nan")]])
def test_what_is_no_p_value_is_refused(p: list[float]) -> None:
    with pytest.raises(ValueError, match="p-values"):
        holm(p)
