"""From a Prompt and a Sample's inputs to the messages that are sent, rendered one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from pydantic import JsonValue

from promptops.canonical import canonical_json
from promptops.errors import Problem, TemplateError
from promptops.files.located import field_name, shown
from promptops.prompts.plaintemplate import MAX_BYTES, Slot, TemplateFault, available, fill, parse
from promptops.prompts.templateprocess import SECONDS, Ended, TemplateProcess
from promptops.types import Message, Prompt, Sample


class Renderer:
    """Renders prompts; keeps one limited process for minijinja templates and input schemas.

    `seconds` of wall time is what one prompt may take there (at most 4); a usual one takes a millisecond.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._process = TemplateProcess(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if one was started."""
        self._process.close()

    def check(self, prompt: Prompt) -> None:
        """Raise TemplateError, with message and position, where a template can't be read."""
        self._names(prompt)

    def slots(self, prompt: Prompt) -> frozenset[str]:
        """Return the names of the inputs that a prompt takes. Raises TemplateError."""
        return frozenset(self._names(prompt))

    def render(self, prompt: Prompt, inputs: Mapping[str, JsonValue]) -> tuple[Message, ...]:
        """Return the messages with the inputs filled in; an input never becomes part of the template.

        Raises TemplateError that names the message, the place and the variable or field.
        """
        if prompt.inputs is not None:
            self._validate(prompt, prompt.inputs, inputs)
        if prompt.template == "minijinja":
            texts = self._rendered(prompt, inputs)
        else:
            texts = [self._filled(prompt, index, inputs) for index in range(len(prompt.messages))]
        return tuple(
            Message(role=message.role, content=self._sendable(prompt, index, text))
            for index, (message, text) in enumerate(zip(prompt.messages, texts, strict=True))
        )

    def _names(self, prompt: Prompt) -> set[str]:
        if prompt.template == "minijinja":
            done = self._ask(prompt, {}, "minijinja", "check", messages=_contents(prompt))
            return {str(name) for names in _list(done) for name in _list(names)}
        names: set[str] = set()
        for index, message in enumerate(prompt.messages):
            try:
                parts = parse(message.content)
            except TemplateFault as fault:
                raise _told(prompt, index, fault) from fault
            names.update(part.name.partition(".")[0] for part in parts if isinstance(part, Slot))
        return names

    def _filled(self, prompt: Prompt, index: int, inputs: Mapping[str, JsonValue]) -> str:
        try:
            return fill(prompt.messages[index].content, inputs)
        except TemplateFault as fault:
            raise _told(prompt, index, fault) from fault
        except (ValueError, TypeError, RecursionError) as error:
            raise TemplateError(f"{_title(prompt, index)}: an input is no JSON value ({error}).") from error

    def _rendered(self, prompt: Prompt, inputs: Mapping[str, JsonValue]) -> list[str]:
        done = self._ask(
            prompt, inputs, "minijinja", "render", messages=_contents(prompt), inputs=dict(inputs)
        )
        return [str(text) for text in _list(done)]

    def _validate(
        self, prompt: Prompt, schema: dict[str, JsonValue], inputs: Mapping[str, JsonValue]
    ) -> None:
        rules = canonical_json(schema)
        found = self._ask(prompt, inputs, "jsonschema", "validate", schema=rules, inputs=dict(inputs))
        told = []
        for fault in _list(found):
            path, reason = _list(fault)
            steps = tuple(step if isinstance(step, int) else str(step) for step in _list(path))
            told.append(f"{field_name(('inputs', *steps))}: {_one_line(str(reason))}")
        if told:
            raise TemplateError(f"{_title(prompt)}: the inputs don't fit its schema: {'; '.join(told)}.")

    def _ask(
        self, prompt: Prompt, given: Mapping[str, JsonValue], library: str, task: str, **fields: JsonValue
    ) -> JsonValue:
        try:
            answer = self._process.ask(library, task, **fields)
        except Ended as error:
            what = "checking the inputs" if task == "validate" else "the template"
            raise TemplateError(f"{_title(prompt)}: {what} {error}; make it simpler.") from error
        except (ValueError, TypeError, RecursionError) as error:
            raise TemplateError(f"{_title(prompt)}: an input is no JSON value ({error}).") from error
        fault = answer.get("fault")
        if isinstance(fault, dict):
            raise _told_by_child(prompt, fault, given, task)
        return answer["done"]

    def _sendable(self, prompt: Prompt, index: int, text: str) -> str:
        try:
            size = len(text.encode("utf-8"))
        except UnicodeEncodeError as error:
            reason = "holds half a character (a lone surrogate), which can't be sent"
            raise TemplateError(f"{_title(prompt, index)} {reason}.") from error
        if size > MAX_BYTES:
            raise TemplateError(f"{_title(prompt, index)}: the message grows over {MAX_BYTES:,} bytes.")
        return text


def render_problems(
    renderer: Renderer, prompt: Prompt, reference: str, samples: Sequence[Sample]
) -> Iterator[Problem]:
    """Render a prompt for all samples; the same fault is told once, with the samples that meet it."""
    met: dict[str, tuple[str, int]] = {}
    for sample in samples:
        try:
            renderer.render(prompt, sample.inputs)
        except TemplateError as error:
            first, count = met.get(str(error), (sample.id, 0))
            met[str(error)] = (first, count + 1)
    for reason, (first, count) in met.items():
        where = "every sample" if count == len(samples) else f"{count} samples, the first is {first!r}"
        if count == 1:
            where = f"sample {first!r}"
        yield Problem(file=reference, field=where, reason=reason)


def _contents(prompt: Prompt) -> list[JsonValue]:
    return [message.content for message in prompt.messages]


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _title(
    prompt: Prompt, index: int | None = None, line: int | None = None, column: int | None = None
) -> str:
    title = f"Prompt {prompt.name!r}" if prompt.name else "The prompt"
    if index is not None:
        title += f", message {index + 1} ({prompt.messages[index].role})"
    if line is not None:
        title += f", line {line}" + ("" if column is None else f", column {column}")
    return title


def _told(prompt: Prompt, index: int, fault: TemplateFault) -> TemplateError:
    return TemplateError(f"{_title(prompt, index, fault.line, fault.column)}: {fault}.")


def _told_by_child(
    prompt: Prompt, fault: dict[str, JsonValue], inputs: Mapping[str, JsonValue], task: str
) -> TemplateError:
    index, line, column = (fault.get(key) for key in ("message", "line", "column"))
    title = _title(
        prompt,
        index if isinstance(index, int) else None,
        line if isinstance(line, int) else None,
        column if isinstance(column, int) else None,
    )
    name = fault.get("undefined")
    if isinstance(name, str):
        return TemplateError(f"{title}: {_one_line(repr(name))} is undefined; {available(inputs)}.")
    what = "the inputs can't be checked: " if task == "validate" else ""
    return TemplateError(f"{title}: {what}{_one_line(str(fault.get('reason')))}.")


def _one_line(text: str) -> str:
    """Keep a library's words to one line of bounded length; they may quote what a user wrote."""
    return text if text.isprintable() and len(text) <= 300 else shown(text, 300)
