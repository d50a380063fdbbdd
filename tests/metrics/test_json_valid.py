"""Outputs that are JSON."""

from __future__ import annotations

import pytest

from promptops.metrics.json_valid import JsonValid
from promptops.types import Completion, Sample

SAMPLE = Sample(id="1", inputs={})


def figure(output: str, fenced: bool = False) -> float:
    scored = JsonValid(fenced=fenced).score(Completion(text=output), SAMPLE)
    assert bool(scored.reason) == (scored.counts == (0.0,))
    return scored.counts[0]


@pytest.mark.parametrize(
    "output", ['{"a": [1, 2.5e3, null]}', " 3 \n", '"x"', "[]", "9" * 5_000, r'"\ud800"']
)
def test_json(output: str) -> None:
    assert figure(output) == 1.0


@pytest.mark.parametrize(
    "output",
    ["", "{'a': 1}", '{"a": 1,}', "NaN", "-Infinity", "{} {}", "[" * 100_000, '{"a": "\n"}', "Here: {}"],
)
def test_not_json(output: str) -> None:
    assert figure(output) == 0.0


@pytest.mark.parametrize(
    "output", ['```json\n{"a": 1}\n```', "\n```\n[1]\n```\n", '```JSON\n{"a": "```"}\n```', "{}"]
)
def test_one_fence_is_accepted_if_asked(output: str) -> None:
    assert figure(output, fenced=True) == 1.0
    assert figure(output) == float(output == "{}")


@pytest.mark.parametrize(
    "output", ["```json\n{}\n```\ntext", "```\n{}\n```\n```\n{}\n```", "```{}```", "```json\n{}"]
)
def test_more_than_one_fence_is_not(output: str) -> None:
    assert figure(output, fenced=True) == 0.0
