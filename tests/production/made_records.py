"""Records of production made for tests: a prompt whose second version came late and is worse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from promptops.production.records import Feedback, Record

FIRST = datetime(2026, 10, 1, tzinfo=UTC)


def spelled(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def made(
    days: int = 30,
    each: int = 60,
    *,
    worse_from: int = 20,
    first: datetime = FIRST,
    seed: int = 0,
) -> tuple[list[Record], list[Feedback]]:
    """Return records of so many days and feedback on a quarter of the answers.

    From day `worse_from` on reply@2 answers: a tenth of its calls time out instead of a fiftieth, and
    a fifth of its answers is no JSON instead of a fiftieth; broken ones are mostly not liked.
    """
    rng = np.random.default_rng(seed)
    records, said = [], []
    for day in range(days):
        late = day >= worse_from
        for number in range(each):
            at = spelled(first + timedelta(days=day, seconds=86_400 * number / each))
            name = f"r-{day:03}-{number:04}"
            failed = rng.random() < (0.10 if late else 0.02)
            broken = rng.random() < (0.20 if late else 0.02)
            records.append(
                Record(
                    id=name,
                    at=at,
                    prompt="reply",
                    version=2 if late else 1,
                    alias="production",
                    model="openai/gpt-4o-mini",
                    inputs={"question": f"question {number}"},
                    output=None if failed else "Sure: {" if broken else f'{{"answer": {number}}}',
                    error="timeout" if failed else None,
                    finish_reason=None if failed else "length" if broken else "stop",
                    seconds=None if failed else round(float(rng.lognormal(0, 0.5)), 3),
                    cost=None if number % 10 == 0 else 0.002,
                    subject=f"person {number % 7}",
                )
            )
            if not failed and rng.random() < 0.25:
                liked = rng.random() < (0.3 if broken else 0.9)
                said.append(Feedback(id=f"f-{name}", record=name, at=at, thumb="up" if liked else "down"))
    return records, said
