"""Small nouns for the store's tests."""

from __future__ import annotations

from promptops.store import CallRow, ResultRow
from promptops.types import (
    Attempt,
    Card,
    Completion,
    EvalSet,
    Failure,
    Message,
    MetricRecord,
    Prompt,
    Result,
    Run,
    Sample,
    Score,
)

AWKWARD = (
    "plain",
    "Straße",
    "e\u0301 is not \u00e9",
    "日本語 🦜",
    "NUL \0 inside",
    "half \ud83d of a character",
    "both \ude00\0\U0010ffff000000",
    "back\\slash 'quote' \"double\" %s :name $1",
    "\u202e right to left \x1b[31m",
    " spaces ",
    "",
)
"""Text that databases and drivers stumble over."""


def prompt(text: str = "Answer: {{ question }}") -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),))


def run(run_id: str, **changes: object) -> Run:
    metric = MetricRecord(
        label="exact",
        metric="exact",
        signature="exact|v1",
        higher_is_better=True,
        low=0,
        high=1,
        unit="",
        corpus=False,
    )
    fields: dict[str, object] = {
        "id": run_id,
        "created_at": "2026-11-21T00:00:00+00:00",
        "status": "running",
        "evalset": "support",
        "evalset_digest": "d" * 64,
        "prompt": prompt(),
        "prompt_ref": "reply@1",
        "model": "mock/rules",
        "metrics": (metric,),
        "samples": 3,
    }
    return Run.model_validate({**fields, **changes})


def completion(text: str = "yes") -> Completion:
    return Completion(
        text=text,
        tokens_in=12,
        tokens_out=None,
        seconds=0.1 + 0.2,
        cost=1e-7,
        model="mock",
        attempts=(Attempt(seconds=0.1, failure="server", status=500, message=text), Attempt(seconds=0.25)),
        raw={"id": 2**63, "text": text, "nested": [None, True, 1e300, -0.0]},
    )


def failure(kind: str = "timeout") -> Failure:
    return Failure.model_validate({"kind": kind, "message": "no answer", "attempts": ({"seconds": 1.0},)})


def scores(value: float = 1.0) -> dict[str, Score]:
    return {
        "zeta": Score.of(value, reason="said so", quote="…"),
        "alpha": Score.of(value, 2.0, 3.0),
        "judge": Score.missing("the judge gave no answer"),
    }


def call(run_id: str, sample_id: str, **changes: object) -> CallRow:
    fields: dict[str, object] = {
        "run_id": run_id,
        "sample_id": sample_id,
        "repeat": 0,
        "purpose": "answer",
        "attempt": 0,
        "cache_key": None,
        "cached": False,
        "completion": completion(),
    }
    return CallRow(**{**fields, **changes})  # type: ignore[arg-type]


def result(run_id: str, sample_id: str, attempt: int = 0, **changes: object) -> ResultRow:
    fields: dict[str, object] = {"sample_id": sample_id, "completion": completion(), "scores": scores()}
    return ResultRow(run_id, attempt, Result.model_validate({**fields, **changes}))


def failed(
    run_id: str, sample_id: str, attempt: int = 0, repeat: int = 0, kind: str = "timeout"
) -> ResultRow:
    return ResultRow(run_id, attempt, Result(sample_id=sample_id, repeat=repeat, failure=failure(kind)))


def evalset(*samples: Sample, name: str = "support") -> EvalSet:
    found = samples or tuple(Sample(id=f"s{number}", inputs={"question": "?"}) for number in (2, 10, 1))
    return EvalSet(name=name, card=Card(description="Questions", licence="CC0"), metrics=(), samples=found)
