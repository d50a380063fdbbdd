"""Share of outputs equal to one of the targets after normalisation."""

from __future__ import annotations

from promptops.metrics import Metric
from promptops.metrics._folding import fold
from promptops.types import Completion, Sample, Score


class Exact(Metric):
    """1 where the output equals a target; spelling (NFKC), spaces and (by option) case are folded."""

    ignore_case: bool = True

    def score(self, completion: Completion, sample: Sample) -> Score:
        answer = fold(completion.text, self.ignore_case)
        return Score.of(any(answer == fold(target, self.ignore_case) for target in sample.references))
