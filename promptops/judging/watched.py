"""What a watched judge is asked: questions with outputs, as a trial asks it about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import InstanceOf

from promptops.judges import Ask, Judge
from promptops.judges.pairwise import Pairwise
from promptops.judging.anchors import anchor_id
from promptops.types import Completion, EvalSet, Sample, Score

if TYPE_CHECKING:
    from promptops.judging.trials import Trial


class Watchable(NamedTuple):
    """A question with the output that is judged."""

    sample: Sample
    output: str
    other: str | None = None
    """What it is held against, before a judge of pairs."""

    @property
    def id(self) -> str:
        """By what it is known again."""
        return anchor_id(*self)


Cases = Sequence[Watchable]


class Watched(NamedTuple):
    """A judge whose anchors are judged, and what it is asked."""

    found: EvalSet
    folder: Path
    judge: Judge
    label: str
    cases: Cases


def trial_of_anchors(watched: Watched) -> tuple[EvalSet, Trial]:
    """Return the cases as a trial of the judge, and the set that they make."""
    from promptops.judging.attacks import Wrong
    from promptops.judging.trials import Trial

    places = {
        case.id: (None, Wrong(sample=case.sample, answer=case.output), case.output) for case in watched.cases
    }
    judge = watched.judge
    if isinstance(judge, Pairwise):
        judge = Facing.of(judge, {case.id: case.other or "" for case in watched.cases})
    trial = Trial(judge, watched.label, places)
    return watched.found.model_copy(update={"samples": trial.samples}), trial


def is_storable(text: str) -> bool:
    """Tell whether a file in UTF-8 can hold a text, and a judge be asked about it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return bool(text.strip())


class Facing(Pairwise):
    """A judge of pairs that is asked about single outputs, as a trial asks: it knows each one's other."""

    inner: InstanceOf[Pairwise]
    others: Mapping[str, str]
    """By sample id of the trial."""

    @classmethod
    def of(cls, judge: Pairwise, others: Mapping[str, str]) -> Facing:
        """Return a judge that knows what each output is held against."""
        kept = {name: getattr(judge, name) for name in Pairwise.model_fields}
        return cls.model_construct(**kept, inner=judge, others=others)

    @property
    def signature(self) -> str:
        """That of the judge itself: whom it is asked about is no part of it."""
        return self.inner.signature

    def not_asked(self, completion: Completion, sample: Sample) -> Score | None:
        """Ask about every answer, as a comparison does: one that says nothing has lost."""
        return None

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Return the share that the output wins against its other."""
        return await self.inner.prefer(Completion(text=self.others[sample.id]), completion, sample, ask)
