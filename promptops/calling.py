"""Which calls a run still has to make: found by rendering them and looking them up, without making any."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from promptops.calls import Caller
from promptops.judges import Judge, trial_reply
from promptops.runner import answer_request, judge_purpose, judge_request
from promptops.tasks import NOTHING, Known, Todo, pages
from promptops.templates import Renderer
from promptops.types import Completion, Prompt, Request, Run, Sample


@dataclass
class Count:
    """Calls of one kind, as far as they can be told."""

    stored: int = 0
    cached: int = 0
    characters: array[int] = field(default_factory=lambda: array("q"))
    """Of each call that must be made."""
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
    judge_callers: Mapping[str, Caller]
    ledger: Callable[[Sequence[Sample]], Known] | None = None
    """Tells what the run has of some samples; None where that is nothing."""

    async def counted(self, renderer: Renderer) -> tuple[Count, dict[str, Count]]:
        """Return the run's answers, and what each of its judges says about them."""
        answers, judged = Count(), {label: Count() for label in self.judges}
        for todo in self._places():
            if (todo.sample.id, todo.repeat) in todo.known.finished:
                answers.stored += 1
                for count in judged.values():
                    count.stored += 1
                continue
            completion = self._answer(renderer, todo, answers)
            for label, judge in self.judges.items():
                await self._judge(renderer, todo, label, judge, completion, judged[label])
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
        if found is None:
            count.characters.append(_characters(request))
        else:
            count.cached += 1
        return found

    async def _judge(
        self,
        renderer: Renderer,
        todo: Todo,
        label: str,
        judge: Judge,
        completion: Completion | None,
        count: Count,
    ) -> None:
        sample, asked = todo.sample, 0

        async def ask(
            prompt: Prompt, slots: Mapping[str, JsonValue], response_format: dict[str, JsonValue] | None
        ) -> Completion:
            nonlocal asked
            asked += 1
            purpose = judge_purpose(label, asked)
            stored = todo.answered(purpose)
            if stored is not None:
                count.stored += 1
                return stored
            request = judge_request(renderer, prompt, slots, response_format, sample.id, todo.repeat)
            found = None if completion is None else self.judge_callers[label].find(request, prompt.digest)
            if found is None:
                (count.unseen if completion is None else count.characters).append(_characters(request))
                return Completion(text=trial_reply(response_format))
            count.cached += 1
            return found

        if completion is not None and judge.not_asked(completion, sample) is not None:
            return
        # One that asks in steps goes on with made-up replies; where it can't, it has told what it asks first.
        with contextlib.suppress(Exception):
            await judge.judge(completion or Completion(text="-"), sample, ask)


def _characters(request: Request) -> int:
    return sum(len(message.content) for message in request.messages)
