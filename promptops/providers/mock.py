"""A scripted stand-in for tests: echoes, says one thing, takes its time, or plays a script of failures."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, cast

from pydantic import Field, JsonValue, ValidationError

from promptops.errors import CallFailed, FailureKind, FileProblems, Problem, UnknownName, UsageError
from promptops.files.textfile import file_name, read_text
from promptops.noun import Noun
from promptops.providers import Model, ProviderSettings
from promptops.types import Completion, FinishReason, Request, TokenLogprob

SCRIPT_BYTES = 50_000_000
FORMS = ("echo", "constant:TEXT", "sleep:SECONDS", "script:FILE")


class Step(Noun):
    """What one call of a script gives: a text with its figures, or a failure."""

    text: str | None = None
    fail: FailureKind | None = None
    message: str = "scripted"
    status: int | None = None
    retry_after: float | None = Field(default=None, ge=0)
    sleep: float = Field(default=0.0, ge=0, le=3600)
    finish_reason: FinishReason = "stop"
    tokens_in: int | None = Field(default=None, ge=0)
    tokens_out: int | None = Field(default=None, ge=0)
    cost: float | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0)
    model: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    """Given where the request asks for them (`logprobs: true`), as a server does it."""


class Mock(Model):
    """`mock/echo` (the last user message), `mock/constant:TEXT`, `mock/sleep:0.05` (an echo after that
    long), or `mock/script:FILE`.

    A script is a JSON object of sample ids (`*` for all others), each with a step or a list of steps: a
    text, or an object with the fields of Step. Each call of a sample and repeat takes the next step; the
    last one stays. A step without text and failure echoes. As JSONL, a line is {"id", "steps"}.
    """

    stand_in = True
    calls: ClassVar[Counter[str]] = Counter()
    """How often each model was asked, by its name after the slash; tests clear and read it."""
    asked: ClassVar[Counter[tuple[str, str, int]]] = Counter()
    """The same by (model, sample id, repeat), of those that follow a script."""

    def __init__(
        self, model: str, settings: ProviderSettings, environment: Mapping[str, str], root: Path
    ) -> None:
        """Read the form. Raises UsageError, or FileProblems for a script."""
        super().__init__(model, settings, environment, root)
        form, _, rest = model.partition(":")
        self._script: dict[str, tuple[Step, ...]] = {"*": (Step(),)}
        self._scripted = False
        """Only who follows a script remembers whom it was asked about."""
        self._taken: Counter[tuple[str, int]] = Counter()
        if form == "constant":
            self._script = {"*": (Step(text=rest),)}
        elif form == "sleep":
            self._script = {"*": (Step(sleep=_seconds(rest)),)}
        elif form == "script":
            self._script = _script(root / rest)
            self._scripted = True
            # It answers by sample and step, and its file may change: an older answer is never its answer.
            self.cacheable = False  # type: ignore[misc]
        elif model != "echo":
            raise UnknownName("form of mock", model, FORMS)

    @property
    def origin(self) -> str:
        """Nothing: a mock is wherever it is named."""
        return ""

    @property
    def priced(self) -> bool:
        """Whether each answer of the script has a cost."""
        steps = [step for steps in self._script.values() for step in steps]
        return all(step.cost is not None for step in steps if step.fail is None)

    async def generate(self, request: Request) -> Completion:
        """Take the next step of the sample's script."""
        Mock.calls[self.model] += 1
        steps = self._script.get(request.sample_id) or self._script.get("*")
        if steps is None:
            raise CallFailed("missing_output", f"The script has no step for sample {request.sample_id!r}.")
        step = self._next(steps, request) if self._scripted else steps[0]
        if step.sleep:
            await asyncio.sleep(step.sleep)
        if step.fail is not None:
            raise CallFailed(step.fail, step.message, status=step.status, retry_after=step.retry_after)
        return Completion(
            text=_last_user_message(request) if step.text is None else step.text,
            finish_reason=step.finish_reason,
            tokens_in=step.tokens_in,
            tokens_out=step.tokens_out,
            seconds=step.seconds,
            cost=step.cost,
            model=step.model,
            logprobs=step.logprobs if request.parameters.get("logprobs") is True else (),
        )

    def _next(self, steps: tuple[Step, ...], request: Request) -> Step:
        place = (request.sample_id, request.repeat)
        Mock.asked[self.model, *place] += 1
        step = steps[min(self._taken[place], len(steps) - 1)]
        self._taken[place] += 1
        return step

    @classmethod
    def example(cls, folder: Path) -> tuple[str, ProviderSettings]:
        """Return the echo."""
        return "echo", ProviderSettings()


def _last_user_message(request: Request) -> str:
    said = [message.content for message in request.messages if message.role == "user"]
    return said[-1] if said else request.messages[-1].content


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 3600:
        raise UsageError(f"mock/sleep:{text} is no number of seconds. Write for instance mock/sleep:0.05.")
    return seconds


def _script(path: Path) -> dict[str, tuple[Step, ...]]:
    text = read_text(path, SCRIPT_BYTES)
    problems: list[Problem] = []
    script: dict[str, tuple[Step, ...]] = {}
    for line, sample_id, written in _written(text, path, problems):
        steps = written if isinstance(written, list) else [written]
        if sample_id in script:
            problems.append(Problem(file_name(path), f"{sample_id!r} stands above already", line))
        if not steps:
            problems.append(Problem(file_name(path), f"{sample_id!r} has no step", line))
        try:
            script[sample_id] = tuple(_step(step) for step in steps)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "step"
            problems.append(Problem(file_name(path), f"{sample_id!r}: {where}: {first['msg']}", line))
    if problems:
        raise FileProblems(problems)
    return script


def _written(text: str, path: Path, problems: list[Problem]) -> list[tuple[int | None, str, JsonValue]]:
    if path.suffix != ".jsonl":
        whole = _json(text, path, None, problems)
        return [(None, sample_id, steps) for sample_id, steps in whole.items()]
    rows: list[tuple[int | None, str, JsonValue]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            row = _json(line, path, number, problems)
            if isinstance(row.get("id"), str) and set(row) == {"id", "steps"}:
                rows.append((number, str(row["id"]), row["steps"]))
            elif row:
                problems.append(Problem(file_name(path), 'a line is {"id": "...", "steps": [...]}', number))
    return rows


def _json(text: str, path: Path, line: int | None, problems: list[Problem]) -> dict[str, JsonValue]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        problems.append(Problem(file_name(path), f"is no JSON: {error}", line))
        return {}
    if not isinstance(value, dict):
        problems.append(Problem(file_name(path), "is no JSON object of sample ids and steps", line))
        return {}
    return cast(dict[str, JsonValue], value)


def _step(written: JsonValue) -> Step:
    return Step(text=written) if isinstance(written, str) else Step.model_validate(written)
