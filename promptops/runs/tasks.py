"""What a run has still to do: its places in order, with what is known of each already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Protocol

from promptops.calls.brake import Brake
from promptops.calls.call import Asker
from promptops.judges import Judge
from promptops.metrics import Metric
from promptops.types import Completion, Failure, MetricRecord, Result, Run, Sample

PAGE = 200
"""Samples that are looked up together as a run comes to them."""

Place = tuple[str, int, str]
"""Where a call belongs within its run: sample id, repeat, purpose."""


class Follower(Protocol):
    """Who takes a task's results in, in whatever order they come, and says when no more are needed."""

    certain: bool
    """Whether no more are needed."""

    through: int
    """How many samples, from the first in the task's order on, have all their results."""

    @property
    def order(self) -> Sequence[Sample]:
        """The samples in the order in which they are to be asked."""

    def add(self, result: Result) -> bool:
        """Take a result in; return `certain`."""


@dataclass(frozen=True)
class Known:
    """What a run has already of some samples."""

    finished: AbstractSet[tuple[str, int]] = frozenset()
    """Sample id and repeat of what needs nothing more."""
    answered: Mapping[Place, Completion] = field(default_factory=dict)
    """What was answered where no result is."""
    attempts: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """How many results a sample has already, so that a new one stands beside the old."""
    failures: Mapping[tuple[str, int], Failure] = field(default_factory=dict)
    """What is known to have no answer: of a run that is scored anew nothing is asked again."""


NOTHING = Known()


@dataclass(frozen=True, slots=True)
class Todo:
    """A sample and a repeat of it that a task still has to do."""

    number: int
    """The sample's place among the task's."""
    sample: Sample
    repeat: int
    known: Known = NOTHING

    @property
    def attempt(self) -> int:
        """The number that its result gets."""
        return self.known.attempts.get((self.sample.id, self.repeat), 0)

    def answered(self, purpose: str) -> Completion | None:
        """Return what was answered to one of its calls already."""
        return self.known.answered.get((self.sample.id, self.repeat, purpose))


@dataclass(frozen=True)
class Task:
    """One Run to be carried out, with everything it needs."""

    run: Run
    samples: Sequence[Sample]
    caller: Asker | None
    """None where a run is scored anew: then nobody is asked."""
    metrics: Mapping[str, Metric]
    judges: Mapping[str, Judge]
    judge_callers: Mapping[tuple[str, str], Asker]
    """By judge and model: a jury has several."""
    ledger: Callable[[Sequence[Sample]], Known] | None = None
    """Tells what the run has of some samples, as it comes to them; None where that is nothing."""
    left: int | None = None
    """How many samples times repeats are still to be done; counted one by one where nobody knows."""
    follower: Follower | None = None
    """Of a run that may stop early; it wants the samples in the order in which they stand here."""
    brake: Brake | None = None
    """What the task's callers watch, to be pulled when the follower is certain."""
    in_parts: bool = False
    """Whether who is asked may not have every answer yet; the run is whole only once all are there."""

    @cached_property
    def records(self) -> Mapping[str, MetricRecord]:
        """What the run keeps of its metrics, by label."""
        return {record.label: record for record in self.run.metrics}

    @property
    def at_an_end(self) -> bool:
        """Whether nothing more of it is to be begun: it is certain, or its budget has run out."""
        return bool((self.follower and self.follower.certain) or (self.brake and self.brake.pulled))

    def places(self) -> Iterator[Todo]:
        """Yield what is still to be done, in order."""
        repeats = range(self.run.repeats)
        # One who follows needs all of a sample before the next; else every sample comes once before repeats.
        for together in [repeats] if self.follower is not None else [(repeat,) for repeat in repeats]:
            number = 0
            for page in pages(self.samples):
                known = NOTHING if self.ledger is None else self.ledger(page)
                for sample in page:
                    for repeat in together:
                        if (sample.id, repeat) not in known.finished:
                            yield Todo(number, sample, repeat, known)
                    number += 1

    def count(self) -> int:
        """Return how much is still to be done."""
        if self.left is not None:
            return self.left
        if self.ledger is None:
            return len(self.samples) * self.run.repeats
        return sum(1 for _ in self.places())


def pages(samples: Sequence[Sample], size: int = PAGE) -> Iterator[list[Sample]]:
    """Yield samples in lists, so that what is known of them is looked up together."""
    rest = iter(samples)
    while page := list(islice(rest, size)):
        yield page
