"""A rule of the gate, as a set's file states it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from promptops.noun import Noun

Estimand = Literal["population", "suite"]


class GateRule(Noun):
    """What must hold for one metric on the whole set or on one slice."""

    metric: str
    slice: str | None = None
    margin: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    worst_slice_margin: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The margin on each of the set's slices: a rule a slice."""
    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    estimand: Estimand = "population"
    """Whether the margin is about all samples of which these are some, or about these very ones."""
    exact: bool = False
    """Whether bets alone decide: right at any number of samples, whatever the scores look like."""
    certified: bool = False
    """Whether the judge must hold a certificate that fits it."""
    min_agreement: float | None = Field(default=None, ge=-1, le=1)
    """The least agreement with people that the certificate's interval must lie above."""
    max_bias: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The largest bias against people, in units of the scale, that its interval must lie within."""
    corrected: bool = False
    """Whether people's ratings correct the judge's change before it is held against the margin."""
    labels: str | None = None
    """Their file, below the set's folder; labels/LABEL.jsonl where none is named."""

    max_drift: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """How far the judge's scores of its anchors may lie from the frozen ones, in units of the scale."""

    @property
    def whole(self) -> bool:
        """Whether it is decided once, when all samples are there: no part of a run can decide it."""
        return self.estimand == "suite" or self.corrected

    @property
    def decides(self) -> bool:
        """Whether the rule states anything that can hold or not."""
        return any(each is not None for each in (self.margin, self.worst_slice_margin, self.min, self.max))


def allowed_bias(rules: Iterable[GateRule], label: str) -> float | None:
    """Return the largest bias that the rules on a judge allow; None where none says."""
    allowed = [rule.max_bias for rule in rules if rule.metric == label and rule.max_bias is not None]
    return min(allowed, default=None)
