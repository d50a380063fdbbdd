"""Share of outputs that are JSON."""

from __future__ import annotations

from typing import ClassVar

from promptops.metrics import Metric
from promptops.metrics._json import read_json
from promptops.types import Completion, Sample, Score


class JsonValid(Metric):
    """1 where the output is one JSON value (RFC 8259); `fenced` accepts one code fence around it."""

    needs_target: ClassVar[bool] = False

    fenced: bool = False

    def score(self, completion: Completion, sample: Sample) -> Score:
        try:
            read_json(completion.text, self.fenced)
        except ValueError as error:
            return Score.of(0, reason=str(error))
        return Score.of(1)
