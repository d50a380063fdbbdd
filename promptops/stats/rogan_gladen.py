"""A binary judge's share of yes, corrected by how often the judge is wrong on labelled cases.

(p + sp - 1) / (se + sp - 1) with the judge's share p on cases without a label, its sensitivity se and its
specificity sp; Rogan & Gladen 1978. Unlike PPI++ it needs se and sp to be the same on cases without a label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats.intervals import Interval, wilson_interval
from promptops.stats.student import normal_quantile

LEAST_YOUDEN = 0.4
"""Youden's J = se + sp - 1 that a judge needs more than, as it is seen on the labels.

Asked of a lower 95 % bound of J, it would refuse 78 % of judges with J = .5 at 40 labels (as seen: 26 %) and
improve nothing: the interval covers as it says without (tests/stats/test_rogan_gladen.py).
"""


class InadmissibleError(ValueError):
    """The judge tells yes from no too badly for a correction, or it is not known how well it does."""


@dataclass(frozen=True)
class Share:
    """A corrected share of yes.

    `value` may lie outside [0, 1]: then the judge errs less often, or more, on cases without a label than
    on those with one, or chance did it. `bounded` is the nearest share.
    """

    value: float
    se: float
    """By the delta method; Lang & Reiczigel 2014."""
    low: float
    high: float
    sensitivity: Interval
    specificity: Interval
    youden: float
    positives: int
    negatives: int
    judged: int

    @property
    def bounded(self) -> float:
        """The share itself, or the nearer of 0 and 1."""
        return min(max(self.value, 0.0), 1.0)

    @property
    def outside(self) -> bool:
        """Whether the correction left [0, 1]."""
        return not 0.0 <= self.value <= 1.0


def rogan_gladen(
    human: npt.ArrayLike, judge: npt.ArrayLike, rest: npt.ArrayLike, level: float = 0.95
) -> Share:
    """Correct the judge's share of yes among cases without a label.

    `human` and `judge` (n,) are 0 or 1 on the labelled cases, `rest` (N,) is the judge's word on all others.
    The interval is Lang & Reiczigel's 2014 adjusted one, cut to [0, 1]; the plain one has no width
    where the judge never erred. Raises InadmissibleError where J is 0.4 or less, there is no label of yes
    or of no, or the whole interval lies outside of [0, 1], and ValueError for anything but 0 and 1.
    """
    y, f, others = (_bits(values) for values in (human, judge, rest))
    if len(y) != len(f):
        raise ValueError(f"{len(y)} labels for {len(f)} verdicts")
    positives, negatives = int(y.sum()), len(y) - int(y.sum())
    if not positives or not negatives or not len(others):
        raise InadmissibleError(
            f"{positives} labels of yes, {negatives} of no and {len(others)} cases without a label: "
            "the correction needs some of each"
        )
    hits, rejections = int((f * y).sum()), int(((1 - f) * (1 - y)).sum())
    z = normal_quantile(0.5 + level / 2)
    se, sp, p = hits / positives, rejections / negatives, float(others.mean())
    youden = se + sp - 1
    if youden <= LEAST_YOUDEN:
        raise InadmissibleError(
            f"Youden's J of the judge is {youden:.2f}; the correction needs more than {LEAST_YOUDEN}"
        )
    value = (p + sp - 1) / youden
    low, high = _adjusted(p, len(others), hits, positives, rejections, negatives, z)
    return Share(
        value=value,
        se=math.sqrt(_variance(value, p, len(others), se, positives, sp, negatives)),
        low=low,
        high=high,
        sensitivity=wilson_interval(hits, positives, level),
        specificity=wilson_interval(rejections, negatives, level),
        youden=youden,
        positives=positives,
        negatives=negatives,
        judged=len(others),
    )


def _adjusted(
    p: float, n: int, hits: int, positives: int, rejections: int, negatives: int, z: float
) -> tuple[float, float]:
    """Return Lang & Reiczigel's interval: counts with pseudo-cases, and a shift that makes up for them."""
    more, yes, no = n + z * z, positives + 2, negatives + 2
    share = (n * p + z * z / 2) / more
    se, sp = (hits + 1) / yes, (rejections + 1) / no
    value = (share + sp - 1) / (se + sp - 1)
    shift = 2 * z * z * (value * se * (1 - se) / yes - (1 - value) * sp * (1 - sp) / no)
    reach = z * math.sqrt(_variance(value, share, more, se, yes, sp, no))
    low, high = value + shift - reach, value + shift + reach
    if high < 0 or low > 1:
        raise InadmissibleError(
            f"the corrected share would lie between {low:.2f} and {high:.2f}, which no share does: the judge "
            "errs otherwise on cases without a label than on those with one"
        )
    return max(low, 0.0), min(high, 1.0)


def _variance(value: float, p: float, n: float, se: float, yes: int, sp: float, no: int) -> float:
    spread = p * (1 - p) / n + value**2 * se * (1 - se) / yes + (1 - value) ** 2 * sp * (1 - sp) / no
    return spread / (se + sp - 1) ** 2


def _bits(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    bits = np.asarray(values, dtype=np.float64)
    if bits.ndim != 1 or not np.isin(bits, (0.0, 1.0)).all():
        raise ValueError("a binary judge and its labels say 0 or 1")
    return bits
