"""What a run has already, read from the store for some samples at a time as the run comes to them."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from promptops.runs.tasks import Known
from promptops.store import Store
from promptops.types import Completion, Failure, Run, Sample


@dataclass(frozen=True)
class StoredLedger:
    """Reads what a run has; of one that is scored anew, also what its parent has no answer to."""

    store: Store
    run: Run
    retry_errors: bool = False
    """Whether what failed is to be done again, and stands beside the failure."""
    parents_answers: bool = False
    """Whether the answers of the parent count though they were not copied yet."""

    def __call__(self, samples: Sequence[Sample]) -> Known:
        """Return what is known of these samples; at most 500 of them."""
        ids, run = [sample.id for sample in samples], self.run
        answered = self.store.unfinished_calls(run.id, sample_ids=ids)
        if self.parents_answers and run.parent is not None:
            answered = {**self._answers(run.parent, ids), **answered}
        return Known(
            finished=self._finished(ids),
            answered=answered,
            attempts=self._attempts(ids) if self.retry_errors else {},
            failures={} if run.parent is None or self.retry_errors else self._failures(run.parent, ids),
        )

    def left(self) -> int:
        """Return how many samples times repeats of the whole run are still to be done."""
        done = self.store.finished_count(self.run.id, errors_too=not self.retry_errors)
        return self.run.samples * self.run.repeats - done

    def _finished(self, ids: Sequence[str]) -> AbstractSet[tuple[str, int]]:
        return self.store.finished(self.run.id, errors_too=not self.retry_errors, sample_ids=ids)

    def _attempts(self, ids: Sequence[str]) -> dict[tuple[str, int], int]:
        newest = self.store.attempts_of(self.run.id, ids)
        return {place: attempt + 1 for place, attempt in newest.items()}

    def _failures(self, run_id: str, ids: Sequence[str]) -> dict[tuple[str, int], Failure]:
        return self.store.failures(run_id, ids)

    def _answers(self, run_id: str, ids: Sequence[str]) -> dict[tuple[str, int, str], Completion]:
        return {
            (result.sample_id, result.repeat, "answer"): result.completion
            for result in self.store.results(run_id, sample_ids=ids)
            if result.completion is not None
        }
