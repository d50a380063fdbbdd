"""The process in which minijinja templates are rendered and inputs are checked against schemas.

Started by templateprocess.py; it imports nothing of promptops, has no environment, and limits itself
before it reads a byte. A line of JSON comes in, a line of JSON goes out.
"""

from __future__ import annotations

import json
import math
import re
import resource
import signal
import sys
from typing import Any

MEMORY = 512 * 2**20
CPU_SECONDS = 5
WALL_SECONDS = 4.5
"""The parent gives up after 4 s; this ends a process whose parent is gone."""
LOAD_SECONDS = 60.0
FUEL = 200_000
MAX_BYTES = 2_000_000
MAX_FAULTS = 20

_FILTERS = """
abs batch bool capitalize count d default dictsort first float groupby indent int items join last length
lines list lower map max min pluralize reject rejectattr replace reverse round select selectattr slice
sort split string sum title tojson trim truncate unique upper wordwrap zip
"""
_TESTS = """
!= < <= == > >= boolean defined divisibleby endingwith eq equalto even false float ge greaterthan gt in int
integer iterable le lessthan lower lt mapping ne none number odd sequence startingwith string true
undefined upper
"""
FILTERS = frozenset(_FILTERS.split())
TESTS = frozenset(_TESTS.split())
FUNCTIONS = frozenset(["dict", "namespace", "range"])


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit("RLIMIT_CORE", 0)
    limit("RLIMIT_AS", MEMORY)
    limit("RLIMIT_FSIZE", 0)
    limit("RLIMIT_NOFILE", 64)
    limit("RLIMIT_NPROC", 0)
    sys.path.extend(sys.argv[1:])
    worker = Worker()
    for line in sys.stdin.buffer:
        answer = worker.answer(line)
        sys.stdout.buffer.write(answer.encode("utf-8") + b"\n")
        sys.stdout.buffer.flush()


def limit(name: str, value: int) -> None:
    """Set one limit; where the system has no such limit, the parent's deadline and cap remain."""
    kind = getattr(resource, name, None)
    if kind is None or (name == "RLIMIT_AS" and sys.platform == "darwin"):
        return
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


class Fault(Exception):
    """What the parent tells the user, with the message's index and place."""

    def __init__(self, reason: str, **place: Any) -> None:
        super().__init__(reason)
        self.fields = {"reason": reason[:1000], **place}


class Worker:
    """Holds the libraries once they are loaded, and carries out one task at a time."""

    def __init__(self) -> None:
        self.minijinja: Any = None
        self.environment: Any = None
        self.validator: Any = None
        self.schema: str | None = None

    def answer(self, line: bytes) -> str:
        """Carry out one request within its time, and return the answer as a line of JSON."""
        request = json.loads(line)
        task = request.pop("task")
        # Both limits end the process: a template that is stuck in Rust or in `re` can't be stopped softly.
        signal.setitimer(signal.ITIMER_REAL, LOAD_SECONDS if task == "load" else WALL_SECONDS)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = math.ceil(used.ru_utime + used.ru_stime) + (
            int(LOAD_SECONDS) if task == "load" else CPU_SECONDS
        )
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
        try:
            answer = {"done": getattr(self, f"do_{task}")(**request)}
        except Fault as fault:
            answer = {"fault": fault.fields}
        except MemoryError:
            answer = {"fault": {"reason": "needs more memory than a template may have"}}
        except Exception as error:  # The parent must have an answer, whatever a template provokes.
            answer = {"fault": {"reason": f"{type(error).__name__}: {str(error)[:500]}"}}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        # Escaped, because a value may hold half a character and must come back as it was.
        return json.dumps(answer)

    def do_load(self, library: str) -> bool:
        """Import a library; apart from rendering, because a busy machine may take long for it."""
        if library == "minijinja":
            import minijinja

            self.minijinja = minijinja
            self.environment = make_environment(minijinja)
        else:
            import jsonschema  # noqa: F401 - loaded ahead of its use
        return True

    def do_check(self, messages: list[str]) -> list[list[str]]:
        """Compile each message and return the names that it takes from outside."""
        names = []
        for index, text in enumerate(messages):
            try:
                found = self.environment.undeclared_variables_in_str(text)
            except self.minijinja.TemplateError as error:
                raise self.fault(error, text, index) from error
            names.append(sorted(found - FUNCTIONS))
        return names

    def do_render(self, messages: list[str], inputs: dict[str, Any]) -> list[str]:
        """Render each message."""
        return [self.rendered(text, inputs, index) for index, text in enumerate(messages)]

    def do_validate(self, schema: str, inputs: dict[str, Any]) -> list[list[Any]]:
        """Return where and why inputs break a JSON Schema."""
        if schema != self.schema:
            from jsonschema import Draft202012Validator
            from jsonschema.validators import validator_for
            from referencing import Registry

            rules = json.loads(schema)
            # An empty registry: nothing is fetched for a reference.
            self.validator = validator_for(rules, default=Draft202012Validator)(rules, registry=Registry())
            self.schema = schema
        faults = []
        for error in self.validator.iter_errors(inputs):
            faults.append([list(error.absolute_path), error.message[:300]])
            if len(faults) == MAX_FAULTS:
                break
        return faults

    def rendered(self, text: str, inputs: dict[str, Any], index: int) -> str:
        """Render one message; nothing that it is given can be called or changed by it."""
        try:
            result = str(self.environment.render_str(text, **inputs))
        except self.minijinja.TemplateError as error:
            raise self.fault(error, text, index) from error
        except NullError as error:
            raise Fault(str(error), message=index) from error
        if len(result) > MAX_BYTES or len(result.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise Fault(f"the message grows over {MAX_BYTES:,} bytes", message=index)
        return result

    def fault(self, error: Any, text: str, index: int) -> Fault:
        """Turn minijinja's error into what the parent tells."""
        line, column = error.line, None
        if error.range is not None:
            before = text.encode("utf-8")[: error.range[0]].decode("utf-8", "replace")
            line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        undefined = re.fullmatch(r"`(.{1,200})` is undefined", error.detail or "")
        name = undefined[1] if undefined else None
        reason = error.detail or error.message or error.kind
        return Fault(reason, message=index, line=line, column=column, kind=error.kind, undefined=name)


class NullError(ValueError):
    """A null that would have been written into a message."""


def make_environment(minijinja: Any) -> Any:
    """Return an environment that knows what is listed above and nothing else."""
    environment = minijinja.Environment(
        undefined_behavior="strict",
        fuel=FUEL,
        keep_trailing_newline=True,
        auto_escape_callback=lambda name: False,
        finalizer=spelled,
        pycompat=False,
        debug=True,
    )
    # The library tells what it knows only in the text of `debug()`; what isn't allowed is taken away.
    told = environment.render_str("{{ debug() }}")
    kinds = (
        ("filters", FILTERS, environment.remove_filter, r'"([^"]+)"'),
        ("tests", TESTS, environment.remove_test, r'"([^"]+)"'),
        ("globals", FUNCTIONS, environment.remove_global, r'"([^"]+)":'),
    )
    for section, allowed, remove, pattern in kinds:
        listed = re.search(rf"\b{section}: [\[{{](.*?)[\]}}],\n", told, re.DOTALL)
        known = set(re.findall(pattern, listed[1])) if listed else set()
        if not known:
            raise RuntimeError(f"this version of minijinja doesn't list its {section}; use minijinja 3")
        for name in known - allowed:
            remove(name)
    return environment


def spelled(value: Any) -> Any:
    """Write a value as plain templates do: texts as they are, anything else as compact JSON."""
    if value is None:
        raise NullError("a value is null; test it with `is none`, or leave it out")
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


if __name__ == "__main__":
    main()
