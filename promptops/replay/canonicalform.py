"""A run in its canonical form: the bytes that the same answers give again, wherever the run is kept.

One line for what shaped the run, then one for each sample and repeat. Run id, dates, seconds, cost,
retries and where an answer came from (a call, the cache, a cassette) are no part of it.
docs/guide/replay.md describes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from promptops.canonical import canonical_json
from promptops.gate.baselines import TIMED, result_row
from promptops.types import MetricRecord, Result, Run

FORMAT = 1
"""Raised when the same run would get other bytes."""


def canonical_lines(run: Run, results: Iterable[Result]) -> Iterator[bytes]:
    """Yield the canonical form line by line; results must come in the order of `place`."""
    yield head_line(run, run.metrics)
    timed = timed_labels(run)
    for result in results:
        yield result_line(result, timed)


def head_line(run: Run, metrics: Iterable[MetricRecord]) -> bytes:
    """Return the first line: what shaped a run, with metrics as they were or as they are now."""
    head = {
        "format": FORMAT,
        "evalset": run.evalset,
        "evalset_digest": run.evalset_digest,
        "prompt_digest": run.prompt.digest,
        "model": run.model,
        "repeats": run.repeats,
        "metrics": [record.model_dump(mode="json") for record in metrics],
    }
    return _line(head)


def result_line(result: Result, timed: frozenset[str]) -> bytes:
    """Return one result's line."""
    row = result_row(result, timed)
    if result.completion is not None:
        row["served_by"] = result.completion.model
    return _line(row)


def timed_labels(run: Run) -> frozenset[str]:
    """Return the labels of metrics of time and money, whose scores are no part of the form."""
    return frozenset(record.label for record in run.metrics if record.metric in TIMED)


def place(result: Result) -> tuple[str, int]:
    """Return what results are sorted by: sample id by code points, then repeat."""
    return result.sample_id, result.repeat


class Fingerprint:
    """Takes lines in and tells their SHA-256."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, line: bytes) -> None:
        """Take the next line in."""
        self._hash.update(line)

    @property
    def hex(self) -> str:
        """The digest of all lines so far."""
        return self._hash.hexdigest()


def _line(value: object) -> bytes:
    # Half a character, which a model may send, is written as JSON's own escape.
    return canonical_json(value).encode("utf-8", "backslashreplace") + b"\n"
