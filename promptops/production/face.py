"""What an application calls: `log`, `feedback`, `flush`, `configure_logging`, `logger`.

Arguments that are wrong raise nothing. A call of `log` often stands where something has failed already, in
lines that no test reaches: a TypeError there would take the place of the application's own error. What
is misspelt is told once by `logging.getLogger("promptops")`, counted, and kept in the metadata; a type
checker refuses it, as such arguments are declared to be of the type Never.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Never

from promptops.production.current import current
from promptops.production.logger import LOGGER, Logger

if TYPE_CHECKING:
    from promptops.types import Prompt, PromptVersion

MOST_TAGS = 1_000
"""Of an iterator that may have no end."""


def log(
    prompt: str | Prompt | PromptVersion | None = None,
    *misplaced: Never,
    inputs: Mapping[str, object] | object = None,
    output: object = None,
    version: int | None = None,
    alias: str | None = None,
    model: str | None = None,
    tokens_in: int | None = None,
    tokens_out: int | None = None,
    seconds: float | None = None,
    cost: float | None = None,
    error: str | BaseException | None = None,
    finish_reason: str | None = None,
    outcome: str | None = None,
    subject: object = None,
    session: object = None,
    tags: str | Iterable[str] | None = None,
    metadata: Mapping[str, object] | None = None,
    at: datetime | str | float | None = None,
    **misspelt: Never,
) -> str:
    """Keep a record of one answer in production; returns its id, for `feedback`.

    Does no I/O, waits for nobody, raises nothing. `prompt` is a name, `name@3`, `name@production`, or a
    Prompt or PromptVersion; `subject` is whose data it is, of whom a digest is stored; `at` is
    when the call began (default: so many `seconds` before now).
    """
    within = current()
    given = {
        "output": output,
        "inputs": inputs,
        "prompt": prompt if prompt is None or type(prompt) is str else reference_of(prompt),
        "version": version,
        "alias": alias,
        "model": model,
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "seconds": seconds,
        "cost": cost,
        "error": error if error is None or type(error) is str else error_name(error),
        "finish_reason": finish_reason,
        "outcome": outcome,
        "subject": subject,
        "session": session,
        "tags": tags if tags is None or isinstance(tags, str | list | tuple) else _listed(tags),
        "metadata": metadata,
        "at": at if at is None or not isinstance(at, datetime) else at.isoformat(),
    }
    if within is not None:
        given |= within.inherited(given)
    if misplaced or misspelt:
        given |= _unknown(misplaced, misspelt)
    record_id = LOGGER.new_id()
    LOGGER.take("record", record_id, given)
    return record_id


def feedback(
    record_id: str,
    *misplaced: Never,
    thumb: Literal["up", "down"] | bool | None = None,
    stars: int | None = None,
    comment: str | None = None,
    edit: str | None = None,
    outcome: str | None = None,
    by: object = None,
    at: datetime | str | float | None = None,
    **misspelt: Never,
) -> str:
    """Keep what somebody said of a record: thumb, 1 to 5 stars, comment, a better answer, what became of it.

    As `log`: no I/O, no waiting, nothing raised. `by` is stored as a digest. Returns an id of its own.
    """
    given = {
        "record": record_id,
        "thumb": thumb,
        "stars": stars,
        "comment": comment,
        "edit": edit,
        "outcome": outcome,
        "by": by,
        "at": at if at is None or not isinstance(at, datetime) else at.isoformat(),
    }
    if misplaced or misspelt:
        given |= _unknown(misplaced, misspelt)
    feedback_id = LOGGER.new_id()
    LOGGER.take("feedback", feedback_id, given)
    return feedback_id


def flush(timeout: float = 10.0) -> bool:
    """Return whether all that was logged before is in the database, waiting so many seconds at most.

    What is not there by then stays in the spool.
    """
    return LOGGER.flush(timeout)


def configure_logging(
    *,
    project: str | Path | None = None,
    enabled: bool | None = None,
    database: str | None = None,
    sample: float | None = None,
    prompts: Mapping[str, float] | None = None,
    keep_errors: bool | None = None,
    redact: Iterable[str] | None = None,
    keep_people: bool | None = None,
    spool: str | Path | None = None,
    spool_megabytes: int | None = None,
    flush_milliseconds: int | None = None,
) -> None:
    """Say how this process logs, before what the project's settings say under `[logging]`.

    `project` is the folder whose settings count (default: the one that holds the working folder when the
    first record is written). A second call takes the first one's place. Raises SettingsError.
    """
    from pydantic import ValidationError

    from promptops.errors import SettingsError
    from promptops.production.settings import LoggingSettings
    from promptops.production.spooler import Configuration

    given: dict[str, object] = {
        "enabled": enabled,
        "database": database,
        "sample": sample,
        "prompts": None if prompts is None else dict(prompts),
        "keep_errors": keep_errors,
        "redact": None if redact is None else tuple(redact),
        "keep_people": keep_people,
        "spool": None if spool is None else str(spool),
        "spool_megabytes": spool_megabytes,
        "flush_milliseconds": flush_milliseconds,
    }
    given = {name: value for name, value in given.items() if value is not None}
    try:
        LoggingSettings.model_validate(given)
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise SettingsError(f"configure_logging: {where}: {fault['msg']}.") from None
    configuration = Configuration(None if project is None else Path(project).absolute(), given)
    if project is not None:
        configuration.place()
    LOGGER.configure(configuration)


def logger() -> Logger:
    """Return the logger of this process; its `stats` tell what became of what was logged."""
    return LOGGER


def reference_of(prompt: object) -> str:
    """Return `name@number` of a PromptVersion, the name of a Prompt, else the text of whatever it is."""
    try:
        name, number = getattr(prompt, "name", None), getattr(prompt, "number", None)
        if isinstance(name, str):
            return f"{name}@{number}" if isinstance(number, int) else name
        return str(prompt)
    except Exception:  # the object's own code
        return "?"


def error_name(error: object) -> str:
    """Return how an error is called: the kind of a failed call, else its class."""
    kind = getattr(error, "kind", None) if isinstance(error, Exception) else None
    return kind if isinstance(kind, str) else type(error).__name__


def _unknown(misplaced: tuple[object, ...], misspelt: Mapping[str, object]) -> dict[str, object]:
    return {**{f"argument {place + 2}": value for place, value in enumerate(misplaced)}, **misspelt}


def _listed(tags: Iterable[str]) -> object:
    try:
        return list(islice(tags, MOST_TAGS))
    except Exception:  # the object's own code; the snapshot tells what it is
        return tags
