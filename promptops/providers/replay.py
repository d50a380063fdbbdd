"""Recorded outputs from a JSONL file: scores what an application has already said, without any call."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from promptops.canonical import canonical_json
from promptops.errors import CallFailed, FileProblems, Problem
from promptops.files.jsonfile import read_json_lines
from promptops.files.located import Faults, Located
from promptops.files.textfile import file_name
from promptops.providers import Model, ProviderSettings
from promptops.types import Completion, Request

_KEYS = ("id", "output", "repeat", "seconds", "tokens", "model")


class Replay(Model):
    """`replay/FILE`, each line `{"id", "output"}` and perhaps `repeat`, `seconds`, `tokens`, `model`.

    A line without `repeat` is repeat 0; where it is the only one of its id, it serves every repeat.
    `tokens` counts what was written. An output that is an object or a list is kept as JSON text.
    """

    cacheable = False
    local = True
    free = True

    def __init__(
        self, model: str, settings: ProviderSettings, environment: Mapping[str, str], root: Path
    ) -> None:
        """Read the whole file. Raises FileProblems with every fault in it."""
        super().__init__(model, settings, environment, root)
        path = root / model
        self._recorded = _recorded(path)
        with path.open("rb") as file:
            self._digest = hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def origin(self) -> str:
        """The digest of the recording."""
        return f"sha256:{self._digest}"

    async def generate(self, request: Request) -> Completion:
        """Return what was recorded for the sample and repeat. Raises CallFailed where nothing was."""
        outputs = self._recorded.get(request.sample_id, {})
        found = outputs.get(request.repeat) or outputs.get(None)
        if found is None:
            which = f", repeat {request.repeat}" if outputs or request.repeat else ""
            raise CallFailed(
                "missing_output", f"{self.model} has no output for sample {request.sample_id!r}{which}."
            )
        return found

    @classmethod
    def example(cls, folder: Path) -> tuple[str, ProviderSettings]:
        """Return a recording of one sample, `s1`."""
        (folder / "outputs.jsonl").write_text('{"id": "s1", "output": "Recorded."}\n', "utf-8")
        return "outputs.jsonl", ProviderSettings()


def _recorded(path: Path) -> dict[str, dict[int | None, Completion]]:
    """Return completions by id and repeat; the repeat None serves all."""
    problems: list[Problem] = []
    recorded: dict[str, dict[int | None, Completion]] = {}
    for located in read_json_lines(path, problems):
        _take(located, file_name(path), problems, recorded)
    if not recorded and not problems:
        problems.append(Problem(file_name(path), 'holds no output; a line is {"id": "...", "output": "..."}'))
    if problems:
        raise FileProblems(problems)
    for outputs in recorded.values():
        if None in outputs and len(outputs) > 1:
            outputs[0] = outputs.pop(None)
    return recorded


def _take(
    located: Located, file: str, problems: list[Problem], recorded: dict[str, dict[int | None, Completion]]
) -> None:
    faults = Faults(file, located)
    row = located.value
    if not isinstance(row, dict):
        faults.add((), 'is no object; a line is {"id": "...", "output": "..."}')
    else:
        _check(row, faults)
    if isinstance(row, dict) and not faults.problems:
        _keep(row, faults, recorded)
    problems.extend(faults.problems)


def _check(row: dict[str, JsonValue], faults: Faults) -> None:
    faults.unknown_keys((), row, _KEYS)
    for key in ("id", "output"):
        if key not in row:
            faults.add((), f"{key!r} is missing")
    if "id" in row and (not isinstance(row["id"], str) or not row["id"]):
        faults.add(("id",), "must be a text that isn't empty")
    if not isinstance(row.get("output", ""), str | dict | list):
        faults.add(("output",), "must be a text, an object or a list")
    for key in ("repeat", "tokens"):
        if key in row and not _counts(row[key]):
            faults.add((key,), "must be a whole number from 0; leave it out where it is unknown")
    if "seconds" in row and not _lasts(row["seconds"]):
        faults.add(("seconds",), "must be a number from 0; leave it out where it is unknown")
    if not isinstance(row.get("model", ""), str):
        faults.add(("model",), "must be a text")


def _counts(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _lasts(value: JsonValue) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and math.isfinite(value)
    )


def _keep(
    row: dict[str, JsonValue], faults: Faults, recorded: dict[str, dict[int | None, Completion]]
) -> None:
    outputs = recorded.setdefault(str(row["id"]), {})
    repeat = row.get("repeat")
    known: int | None = repeat if isinstance(repeat, int) else None
    if known in outputs or (known is None and 0 in outputs) or (known == 0 and None in outputs):
        faults.add(("id",), f"{row['id']!r} was recorded above already for repeat {known or 0}")
        return
    output = row["output"]
    outputs[known] = Completion.model_validate(
        {
            "text": output if isinstance(output, str) else canonical_json(output),
            "seconds": row.get("seconds"),
            "tokens_out": row.get("tokens"),
            "model": row.get("model"),
        }
    )
