"""Latency, cost and tokens: what the provider tells, and nothing where it doesn't."""

from __future__ import annotations

import pytest

from promptops.metrics import Metric
from promptops.metrics.cost import Cost
from promptops.metrics.latency import Latency
from promptops.metrics.tokens import Tokens
from promptops.types import Completion, Sample

SAMPLE = Sample(id="1", inputs={})
KNOWN = Completion(text="x", seconds=0.5, cost=0.002, tokens_out=12)


@pytest.mark.parametrize(
    ("metric", "value", "unit"), [(Latency(), 0.5, "s"), (Cost(), 0.002, "USD"), (Tokens(), 12.0, "tokens")]
)
def test_what_is_known_is_measured_and_less_is_better(metric: Metric, value: float, unit: str) -> None:
    assert metric.score(KNOWN, SAMPLE).counts == (value,)
    assert metric.unit == unit
    assert not metric.higher_is_better
    assert metric.check(SAMPLE) is None


@pytest.mark.parametrize("metric", [Latency(), Cost(), Tokens()])
def test_what_is_unknown_is_unscored_never_zero(metric: Metric) -> None:
    scored = metric.score(Completion(text="x"), SAMPLE)
    assert scored.counts == ()
    assert scored.unscored
