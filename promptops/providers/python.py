"""A function of yours as the model, `python/module:function`: a whole application can be the target."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import importlib
import inspect
import operator
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast

from promptops.errors import CallFailed, UsageError
from promptops.providers import Model, ProviderSettings
from promptops.providers._targets import completion_from
from promptops.providers._wording import one_line
from promptops.types import Completion, Request

Function = Callable[..., object]

OFFERED = ("inputs", "messages", "parameters", "sample_id", "repeat")

_EXAMPLE = """
def answer(inputs, messages):
    return messages[-1]["content"]
"""


class Python(Model):
    """Calls `function(inputs)`, or by name with any of inputs, messages, parameters, sample_id, repeat.

    It returns a text, or an object with `output` and perhaps `tokens_in`, `tokens_out`, `cost`. An
    `async def` runs in the event loop, any other in a thread; what it raises is that sample's failure.
    """

    cacheable = False
    runs_code = True

    def __init__(
        self, model: str, settings: ProviderSettings, environment: Mapping[str, str], root: Path
    ) -> None:
        """Import the function. Raises UsageError where it can't be loaded or called."""
        super().__init__(model, settings, environment, root)
        self._function = _loaded(model, root)
        self._wanted = _wanted(self._function, model)

    @property
    def origin(self) -> str:
        """The function's own name."""
        return self.model

    @property
    def priced(self) -> bool:
        """The function may tell what an answer cost; if it does not, that shows with the first one."""
        return True

    async def generate(self, request: Request) -> Completion:
        """Call the function once. Raises CallFailed: target_error with what it raised, or timeout."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.settings.timeout):
                returned = await self._call(request)
        except TimeoutError:
            if time.monotonic() - began < self.settings.timeout:  # the function's own
                raise CallFailed("target_error", f"{self.model} raised TimeoutError.") from None
            raise CallFailed(
                "timeout", f"{self.model} gave no answer within {self.settings.timeout:g} s."
            ) from None
        except CallFailed:
            raise
        except (
            Exception,
            SystemExit,
        ) as error:  # whatever a foreign function raises concerns its sample only
            words = one_line(f"{self.model} raised {type(error).__name__}: {error}")
            raise CallFailed("target_error", words) from error
        return completion_from(returned, time.monotonic() - began)

    async def _call(self, request: Request) -> object:
        positional, named = self._arguments(request)
        if inspect.iscoroutinefunction(self._function):
            return await self._function(*positional, **named)
        returned = await _in_thread(lambda: self._function(*positional, **named))
        return await returned if inspect.isawaitable(returned) else returned

    def _arguments(self, request: Request) -> tuple[tuple[object, ...], dict[str, object]]:
        # Copies, so that a function which changes what it got can't change the next one's input.
        offer: dict[str, object] = {
            "inputs": copy.deepcopy(request.inputs),
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "parameters": copy.deepcopy(request.parameters),
            "sample_id": request.sample_id,
            "repeat": request.repeat,
        }
        if self._wanted is None:
            return (offer["inputs"],), {}
        return (), {name: offer[name] for name in self._wanted}

    @classmethod
    def example(cls, folder: Path) -> tuple[str, ProviderSettings]:
        """Return a function that answers with the last message."""
        (folder / "promptops_example_target.py").write_text(_EXAMPLE, "utf-8")
        return "promptops_example_target:answer", ProviderSettings()


def _loaded(name: str, root: Path) -> Function:
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        raise UsageError(f"{name!r} names no function. Write it as python/module:function.")
    folder = str(root.resolve())
    known = folder in sys.path
    sys.path.insert(0, folder)
    try:
        importlib.invalidate_caches()
        function = operator.attrgetter(attribute)(importlib.import_module(module_name))
    except (Exception, SystemExit) as error:  # a foreign module may raise anything while it is imported
        words = one_line(f"{type(error).__name__}: {error}")
        raise UsageError(f"python/{name} can't be loaded from {folder}: {words}.") from error
    finally:
        sys.path.remove(folder)
        if not known:
            sys.path.append(folder)  # at the end: for what the function itself imports later
    if not callable(function):
        raise UsageError(f"python/{name} is no function but {type(function).__name__}.")
    return cast(Function, function)


def _wanted(function: Function, name: str) -> tuple[str, ...] | None:
    """Return the names that a function wants to be called with; None where it takes the inputs alone."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return OFFERED
    by_name = tuple(parameter.name for parameter in parameters if _can_be_named(parameter))
    required = [
        item for item in parameters if item.default is item.empty and item.kind is not item.VAR_POSITIONAL
    ]
    strange = [item.name for item in required if item.name not in by_name]
    if by_name and not strange:
        return by_name
    if len(required) == 1 and required[0].kind is not inspect.Parameter.KEYWORD_ONLY:
        return None
    if not required and parameters:
        return None
    wrong = f"wants {', '.join(strange)}" if strange else "takes nothing"
    raise UsageError(
        f"python/{name} {wrong}. It may take one parameter (the inputs) or any of {', '.join(OFFERED)}."
    )


def _can_be_named(parameter: inspect.Parameter) -> bool:
    return parameter.name in OFFERED and parameter.kind in {
        parameter.POSITIONAL_OR_KEYWORD,
        parameter.KEYWORD_ONLY,
    }


async def _in_thread(call: Callable[[], object]) -> object:
    # Not asyncio.to_thread: its pool has some six threads here, which would cap the concurrency, and
    # a function that never ends would keep the program from ending.
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[object, BaseException | None]] = loop.create_future()
    context = contextvars.copy_context()

    def finish(result: tuple[object, BaseException | None]) -> None:
        if not done.done():
            done.set_result(result)

    def work() -> None:
        try:
            result: tuple[object, BaseException | None] = (context.run(call), None)
        except BaseException as error:  # told to the one who waits, whatever it is
            result = (None, error)
        with suppress(RuntimeError):  # the loop has ended; nobody waits any more
            loop.call_soon_threadsafe(finish, result)

    threading.Thread(target=work, name="promptops-target", daemon=True).start()
    returned, error = await done
    if error is not None:
        raise error
    return returned
