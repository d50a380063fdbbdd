"""Which calls a run still has to make: found by rendering them and looking them up, without making any."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from promptops.calls.call import Caller
from promptops.judges import Judge, Reads, trial_completion
from promptops.prompts.templates import Renderer
from promptops.runs.runner import answer_request, judge_purpose, judge_request
from promptops.runs.tasks import NOTHING, Known, Todo, pages
from promptops.types import Completion, Prompt, Request, Run, Sample


@dataclass
class Count:
    """Calls of one kind, as far as they can be told."""

    stored: int = 0
    cached: int = 0
    characters: array[int] = field(default_factory=lambda: array("q"))
    """Of each call that must be made."""
    handed_in: array[int] = field(default_factory=lambda: array("q"))
    """The same of what a batch has that is out."""
    unseen: array[int] = field(default_factory=lambda: array("q"))
    """The same of a judge's calls about answers that are not there yet, without those answers."""


@dataclass
class Outlook:
    """Goes the way of a run without asking anybody."""

    run: Run
    samples: Sequence[Sample]
    caller: Caller | None
    """None where no answer is asked for."""
    judges: Mapping[str, Judge]
    judge_callers: Mapping[tuple[str, str], Caller]
    """By judge and model."""
    ledger: Callable[[Sequence[Sample]], Known] | None = None
    """Tells what the run has of some samples; None where that is nothing."""
    handed_in: int = 0
    """How many answers batches have that are out: the first of those that are missing, as they are handed in
    in that order."""

    async def counted(self, renderer: Renderer) -> tuple[Count, dict[tuple[str, str], Count]]:
        """Return the run's answers, and what each judge's models say about them."""
        answers, judged = Count(), {place: Count() for place in self.judge_callers}
        for todo in self._places():
            if (todo.sample.id, todo.repeat) in todo.known.finished:
                answers.stored += 1
                for count in judged.values():
                    count.stored += 1
                continue
            completion = self._answer(renderer, todo, answers)
            for label, judge in self.judges.items():
                counts = {model: judged[label, model] for model in judge.models}
                await self._judge(renderer, todo, label, judge, completion, counts)
        return answers, judged

    def _places(self) -> Iterator[Todo]:
        for page in pages(self.samples):
            known = NOTHING if self.ledger is None else self.ledger(page)
            for number, sample in enumerate(page):
                for repeat in range(self.run.repeats):
                    yield Todo(number, sample, repeat, known)

    def _answer(self, renderer: Renderer, todo: Todo, count: Count) -> Completion | None:
        stored = todo.answered("answer")
        if stored is not None:
            count.stored += 1
            return stored
        if self.caller is None:
            return Completion(text="")
        request = answer_request(renderer, self.run.prompt, todo.sample, todo.repeat)
        found = self.caller.find(request, self.run.prompt.digest)
        if found is not None:
            count.cached += 1
        elif len(count.handed_in) < self.handed_in:
            count.handed_in.append(_characters(request))
        else:
            count.characters.append(_characters(request))
        return found

    async def _judge(
        self,
        renderer: Renderer,
        todo: Todo,
        label: str,
        judge: Judge,
        completion: Completion | None,
        counts: Mapping[str, Count],
    ) -> None:
        sample, asked = todo.sample, 0

        async def ask(
            prompt: Prompt,
            slots: Mapping[str, JsonValue],
            form: dict[str, JsonValue] | None,
            *,
            model: str = "",
            poll: int = 0,
            reads: Reads | None = None,
        ) -> Completion:
            nonlocal asked
            asked += 1
            count, caller = counts[model or judge.model], self.judge_callers[label, model or judge.model]
            purpose = judge_purpose(label, asked)
            stored = todo.answered(purpose)
            if stored is not None:
                count.stored += 1
                return stored
            request = judge_request(renderer, prompt, slots, form, sample.id, todo.repeat, poll)
            found = None if completion is None else caller.find(request, prompt.digest, reads)
            if found is None:
                (count.unseen if completion is None else count.characters).append(_characters(request))
                return trial_completion(prompt, form)
            count.cached += 1
            return found

        if completion is not None and judge.not_asked(completion, sample) is not None:
            return
        # One that asks in steps goes on with made-up replies; where it can't, it has told what it asks first.
        with contextlib.suppress(Exception):
            await judge.judge(completion or Completion(text="-"), sample, ask)


def _characters(request: Request) -> int:
    return sum(len(message.content) for message in request.messages)
