"""Replies that were paid for, in a file: what stands there is not asked again, however a command ended."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from promptops.errors import FileProblems, Problem
from promptops.files.textfile import file_name
from promptops.noun import Noun
from promptops.types import Completion


class Reply(Noun):
    """One line of the file."""

    key: str
    """The content address of what was asked."""
    completion: Completion


class ReplyLog:
    """Remembers whole replies by the content address of what was asked; secrets are taken out before."""

    def __init__(self, path: Path, *, use: bool = True) -> None:
        """Read the file, unless `use` is off: then all is asked anew. Raises FileProblems."""
        self.path = path
        self._known = read_log(path) if use else {}

    def find(self, key: str) -> Completion | None:
        """Return what was replied, if anything was."""
        return self._known.get(key)

    def keep(self, key: str, completion: Completion) -> None:
        """Write a reply down; one that was cut off or refused is asked for again."""
        self._known[key] = completion
        if completion.finish_reason == "stop":
            kept = completion.model_dump(mode="json", exclude={"raw", "logprobs"}, exclude_defaults=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "completion": kept}) + "\n")


def generated_file(root: Path, evalset: str) -> Path:
    """Return where replies for a set are kept, in a folder that stays out of git."""
    return root / ".promptops" / "generated" / f"{evalset}.jsonl"


def mend(path: Path) -> None:
    """Take away a last line that a kill cut off, so that the next one does not stand behind it."""
    with path.open("r+b") as file:
        file.truncate(file.read().rfind(b"\n") + 1)


def read_log(path: Path) -> dict[str, Completion]:
    """Return what a file holds, the last reply to each request; nothing where there is no file.

    A last line that a kill cut off is passed over. Raises FileProblems.
    """
    if not path.exists():
        return {}
    found: dict[str, Completion] = {}
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
        try:
            reply = Reply.model_validate_json(line)
        except ValidationError:
            raise FileProblems([Problem(file_name(path), "holds no replies of a model", number)]) from None
        found[reply.key] = reply.completion
    return found
