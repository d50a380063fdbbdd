"""`trace`: a function whose calls are recorded, whatever kind of function it is."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, overload

from promptops.errors import UnknownName, UsageError
from promptops.production.answers import Answer
from promptops.production.buffer import ABSENT
from promptops.production.current import Current, Inside, current
from promptops.production.face import error_name, reference_of
from promptops.production.logger import LOGGER
from promptops.production.snapshots import Snapshot
from promptops.production.streams import handing_on, handing_on_asynchronously

if TYPE_CHECKING:
    from promptops.types import Prompt, PromptVersion

_P = ParamSpec("_P")
_R = TypeVar("_R")

_OWNERS = ("self", "cls")
_WRAPPERS = (classmethod, staticmethod, property)
"""What makes of a function something that is no function any more."""
Picked = str | Callable[[Mapping[str, Any]], object] | None
"""An argument by its name, or a function of all arguments."""
Inputs = Sequence[str] | Mapping[str, str] | Callable[[Mapping[str, Any]], object] | None
"""Arguments by their names, by names and other names, or a function of all arguments."""


@overload
def trace(prompt: Callable[_P, _R]) -> Callable[_P, _R]: ...
@overload
def trace(
    prompt: str | Prompt | PromptVersion | None = None,
    *,
    model: str | None = None,
    version: int | None = None,
    alias: str | None = None,
    inputs: Inputs = None,
    output: Callable[[Any], object] | None = None,
    subject: Picked = None,
    session: Picked = None,
    tags: str | Iterable[str] | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]: ...
def trace(
    prompt: Any = None,
    *,
    model: str | None = None,
    version: int | None = None,
    alias: str | None = None,
    inputs: Inputs = None,
    output: Callable[[Any], object] | None = None,
    subject: Picked = None,
    session: Picked = None,
    tags: str | Iterable[str] | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Any:
    """Record each call of a function, a coroutine function or a generator of either kind.

    The inputs are its arguments; `inputs` chooses some of them, renames them ({argument: name}) or makes
    them. `output` makes the output of what is returned; without it texts, JSON, Completions and answers of
    chat APIs are known by their shape, and of generators the parts are joined. `subject` and `session` name
    an argument or are functions of all of them. What came by `**kwargs` counts as any other argument. An
    exception is recorded by its class and goes on its way. Works without brackets, too. Raises UnknownName,
    where it is written, for an argument that there can't be, and UsageError above `@classmethod`.
    """
    if callable(prompt) or isinstance(prompt, _WRAPPERS):
        return trace()(cast("Callable[..., Any]", prompt))
    given = {
        "prompt": prompt if prompt is None or isinstance(prompt, str) else reference_of(prompt),
        "model": model,
        "version": version,
        "alias": alias,
        "tags": tags if tags is None or isinstance(tags, str) else list(tags),
        "metadata": metadata,
    }

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        if isinstance(function, _WRAPPERS):
            raise UsageError(
                f"promptops.trace stands above @{type(function).__name__}. Put it below, beside the function."
            )
        traced = _Traced(function, given, inputs, output, subject, session)
        return cast("Callable[_P, _R]", traced.wrapped())

    return decorate


class _Traced:
    """How one function is traced."""

    def __init__(
        self,
        function: Callable[..., Any],
        given: Mapping[str, object],
        inputs: Inputs,
        output: Callable[[Any], object] | None,
        subject: Picked,
        session: Picked,
    ) -> None:
        self.function = function
        self.given = given
        self.output = output
        self._inputs = [inputs] if isinstance(inputs, str) else inputs
        self._subject = subject
        self._session = session
        self._signature: inspect.Signature | None = None
        self._rest = ""
        """What the function calls the arguments that it doesn't name (`**kwargs`); '' for none."""
        self._open: list[tuple[str, str]] = []
        """Options and the names that they give, which only such arguments can bear."""
        try:
            self._signature = inspect.signature(function)
        except (TypeError, ValueError):  # some that are written in C tell none: only keywords have names then
            self._open = list(self._named())
        else:
            self._refuse_unknown(self._signature)

    @property
    def name(self) -> str:
        """How the function is called."""
        return str(getattr(self.function, "__qualname__", "the function"))

    def _named(self) -> Iterator[tuple[str, str]]:
        """Yield the names of arguments that options give, each with its option."""
        if self._inputs is not None and not callable(self._inputs):
            yield from (("inputs", name) for name in self._inputs)
        if isinstance(self._subject, str):
            yield "subject", self._subject
        if isinstance(self._session, str):
            yield "session", self._session

    def _refuse_unknown(self, signature: inspect.Signature) -> None:
        """Raise UnknownName for an argument that the function can't get: its values would be missed."""
        kinds = {name: each.kind for name, each in signature.parameters.items()}
        first = next(iter(kinds), "")
        if first in _OWNERS:
            del kinds[first]
        self._rest = next((name for name, kind in kinds.items() if kind is inspect.Parameter.VAR_KEYWORD), "")
        for option, name in self._named():
            if name in kinds:
                if option != "inputs" and kinds[name] in (
                    inspect.Parameter.VAR_KEYWORD,
                    inspect.Parameter.VAR_POSITIONAL,
                ):
                    raise UsageError(
                        f"promptops.trace of {self.name}: {option} names {name!r}, which holds several "
                        "arguments. Name one of these, or give a function of all arguments."
                    )
            elif self._rest and isinstance(name, str) and name and name != first:
                self._open.append((option, name))
            else:
                what = f"argument of {self.name}, for promptops.trace,"
                raise UnknownName(what, str(name), [each for each in kinds if each != self._rest])

    def wrapped(self) -> Callable[..., Any]:
        """Return the function that takes the traced one's place, of the same kind."""
        function = self.function
        if inspect.isasyncgenfunction(function):
            begin = self._began(function)
            return functools.wraps(function)(handing_on_asynchronously(begin))
        if inspect.isgeneratorfunction(function):
            return functools.wraps(function)(handing_on(self._began(function)))
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def asynchronous(*args: Any, **kwargs: Any) -> Any:
                call = _Call(self, args, kwargs)
                return await call.finished(function(*args, **kwargs))

            return asynchronous

        @functools.wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:
            call = _Call(self, args, kwargs)
            return call.ended(call.run(lambda: function(*args, **kwargs)))

        return plain

    def _began(self, function: Callable[..., Any]) -> Callable[..., tuple[_Call, Any]]:
        return lambda *args, **kwargs: (_Call(self, args, kwargs), function(*args, **kwargs))

    def arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return a call's arguments by name, without the object that it is a method of.

        Those of `**kwargs` stand beside the others; all under that name, too, where inputs ask for it.
        """
        if self._signature is None:
            return dict(kwargs)
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:  # the function itself will say so
            return {}
        bound.apply_defaults()
        found = {
            name: value
            for place, (name, value) in enumerate(bound.arguments.items())
            if place or name not in _OWNERS
        }
        rest = found.pop(self._rest, {})
        if self._rest and ("inputs", self._rest) in self._named():
            found[self._rest] = rest
        return {**found, **{name: value for name, value in rest.items() if name not in found}}

    def said(self, arguments: Mapping[str, Any]) -> dict[str, object]:
        """Return what is known of a call before it begins."""
        said = {
            **self.given,
            "inputs": self._chosen(arguments),
            "subject": _picked(self._subject, arguments),
            "session": _picked(self._session, arguments),
        }
        absent = [[self.name, *each] for each in self._open if arguments and each[1] not in arguments]
        return {**said, ABSENT: absent} if absent else said

    def _chosen(self, arguments: Mapping[str, Any]) -> object:
        if self._inputs is None:
            return dict(arguments)
        if callable(self._inputs):
            return _asked(self._inputs, arguments)
        if isinstance(self._inputs, Mapping):
            return {new: arguments[old] for old, new in self._inputs.items() if old in arguments}
        return {name: arguments[name] for name in self._inputs if name in arguments}


class _Call:
    """One call of a traced function."""

    def __init__(self, traced: _Traced, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._traced = traced
        outer = current()
        said = {} if LOGGER.off else traced.said(traced.arguments(args, kwargs))
        if outer is not None:
            said |= outer.inherited(said)
        own = LOGGER.new_id()
        self._current = Current(own, own if outer is None else outer.root, said.get("session"))
        # Now, before the function changes what it was given.
        snapshot = Snapshot()
        self._said = {**said, "inputs": snapshot.of(said.get("inputs"), "inputs")}
        self._cuts = snapshot.cuts
        self._answer = Answer()
        self._began = time.perf_counter()

    def inside(self) -> Inside:
        """Make it the current call for a while."""
        return Inside(self._current)

    def run(self, work: Callable[[], Any]) -> Any:
        """Do some of its work; an exception ends it."""
        try:
            with self.inside():
                return work()
        except BaseException as error:
            self.failed(error)
            raise

    async def awaited(self, work: Awaitable[Any]) -> Any:
        """Await its work; an exception ends it."""
        try:
            with self.inside():
                return await work
        except BaseException as error:
            self.failed(error)
            raise

    async def finished(self, work: Awaitable[Any]) -> Any:
        """Await its work and record what came back."""
        return self.ended(await self.awaited(work))

    def ended(self, returned: Any) -> Any:
        """Record what came back; a coroutine or generator is handed on and recorded when it ends."""
        if inspect.iscoroutine(returned):  # of a callable object, or of a wrapper that is plain itself
            return self.finished(returned)
        if isinstance(returned, Generator):
            return handing_on(lambda: (self, returned))()
        if isinstance(returned, AsyncGenerator):
            return handing_on_asynchronously(lambda: (self, returned))()
        if isinstance(returned, Iterator | AsyncIterator) and self._traced.output is None:
            # A client's own, perhaps with `close` and more: nobody else can be put in its place.
            self._note_stream("not recorded")
            self._log({})
            return returned
        self._answer.take(self._made(returned))
        self._log(self._answer.fields)
        return returned

    def part(self, part: object) -> None:
        """Take a part of a stream."""
        self._answer.add(self._made(part))

    def streamed(self) -> None:
        """Record a stream that has ended."""
        self._log(self._answer.joined)

    def failed(self, error: BaseException) -> None:
        """Record what had come before an exception, and its class."""
        if isinstance(error, GeneratorExit):
            self._note_stream("closed early")
            self._log(self._answer.joined)
        else:
            joined = self._answer.joined
            self._log({**joined, "output": joined["output"] or None, "error": error_name(error)})

    def _note_stream(self, note: str) -> None:
        held = self._said.get("metadata")
        self._said["metadata"] = {**(held if isinstance(held, Mapping) else {}), "stream": note}

    def _made(self, returned: Any) -> object:
        return returned if self._traced.output is None else _asked(self._traced.output, returned)

    def _log(self, found: Mapping[str, object]) -> None:
        known = {name: value for name, value in found.items() if value is not None}
        seconds = time.perf_counter() - self._began
        given = {"output": None, **self._said, "seconds": seconds, **known}
        LOGGER.take("record", self._current.id, given, cuts=self._cuts)


def _picked(picked: Picked, arguments: Mapping[str, Any]) -> object:
    return arguments.get(picked) if isinstance(picked, str) else _asked(picked, arguments) if picked else None


def _asked(function: Callable[[Any], object], of: Any) -> object:
    try:
        return function(of)
    except Exception as error:
        # What describes a call must not make it fail.
        return f"[{type(error).__name__} in a function of promptops.trace]"
