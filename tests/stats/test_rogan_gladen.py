import numpy as np
import pytest

from promptops.stats.rogan_gladen import InadmissibleError, rogan_gladen


def told(positives: int, hits: int, negatives: int, rejections: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and a judge's verdicts with so many right ones of either kind."""
    human = np.repeat([1, 0], [positives, negatives])
    judge = np.repeat([1, 0, 0, 1], [hits, positives - hits, rejections, negatives - rejections])
    return human, judge


def said(yes: int, n: int) -> np.ndarray:
    return np.repeat([1, 0], [yes, n - yes])


def test_the_share_and_its_error_are_those_of_the_formula() -> None:
    """By hand: se .9, sp .8, J .7, p .5, so (.5 + .8 - 1) / .7 = .428571."""
    found = rogan_gladen(*told(50, 45, 100, 80), said(200, 400))
    assert found.value == pytest.approx(0.3 / 0.7)
    theta = 0.3 / 0.7
    variance = 0.25 / 400 + theta**2 * 0.09 / 50 + (1 - theta) ** 2 * 0.16 / 100
    assert found.se == pytest.approx(np.sqrt(variance) / 0.7)
    assert (found.youden, found.positives, found.negatives) == (pytest.approx(0.7), 50, 100)
    assert found.low < found.value < found.high
    assert not found.outside


def test_the_error_is_that_of_a_parametric_bootstrap() -> None:
    rng = np.random.default_rng(1)
    se, sp, p = rng.binomial(80, 0.9, 100_000) / 80, rng.binomial(120, 0.85, 100_000) / 120, 0.4
    share = rng.binomial(500, p, 100_000) / 500
    spread = ((share + sp - 1) / (se + sp - 1)).std()
    assert rogan_gladen(*told(80, 72, 120, 102), said(200, 500)).se == pytest.approx(spread, rel=0.02)


@pytest.mark.parametrize(
    ("se", "sp", "true"),
    [(0.9, 0.85, 0.3), (0.75, 0.75, 0.3), (0.7, 0.75, 0.2), (0.65, 0.7, 0.5), (0.95, 0.95, 0.1)],
)
@pytest.mark.parametrize("labels", [30, 100, 300])
def test_intervals_of_admissible_judges_cover(se: float, sp: float, true: float, labels: int) -> None:
    """Among draws that are not refused; 2,000 draws, .93 at least (three Monte Carlo errors are .02)."""
    rng = np.random.default_rng([labels, round(100 * se), round(100 * true)])
    covered = kept = 0
    for _ in range(2000):
        y, hidden = rng.random(labels) < true, rng.random(1000) < true
        f, rest = (
            np.where(truth, rng.random(len(truth)) < se, rng.random(len(truth)) > sp) for truth in (y, hidden)
        )
        try:
            found = rogan_gladen(y, f, rest)
        except InadmissibleError:
            continue
        kept += 1
        covered += found.low <= true <= found.high
    assert kept > 200
    assert covered / kept >= 0.93


def test_a_judge_that_hardly_tells_yes_from_no_is_refused() -> None:
    with pytest.raises(InadmissibleError, match=r"Youden's J of the judge is 0\.40"):
        rogan_gladen(*told(50, 35, 50, 35), said(100, 200))
    with pytest.raises(InadmissibleError, match="0 labels of yes"):
        rogan_gladen([0, 0, 0], [0, 1, 0], [1, 0])


def test_a_share_outside_of_0_and_1_is_said_to_be() -> None:
    found = rogan_gladen(*told(50, 45, 50, 40), said(65, 400))
    assert found.value == pytest.approx((0.1625 + 0.8 - 1) / 0.7)
    assert found.outside
    assert found.bounded == 0.0
    assert found.low == 0.0
    assert 0 < found.high < 0.2


def test_a_share_that_cannot_be_is_refused() -> None:
    with pytest.raises(InadmissibleError, match="errs otherwise on cases without a label"):
        rogan_gladen(*told(500, 450, 500, 400), said(10, 400))


def test_a_judge_without_an_error_still_has_an_interval() -> None:
    found = rogan_gladen(*told(20, 20, 20, 20), said(500, 1000))
    assert found.high - found.low > 0.1


def test_other_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        rogan_gladen([0, 1, 2], [0, 1, 1], [0, 1])
    with pytest.raises(ValueError, match="3 labels for 2"):
        rogan_gladen([0, 1, 1], [0, 1], [0, 1])
