"""Replies of judges that belong to no run, such as a certificate's, kept by their content address.

Runs find them there as they find those of other runs, so that nobody pays for the same request twice.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from promptops.files.textfile import replacing
from promptops.noun import Noun
from promptops.types import Completion


class KeptReply(Noun):
    """One reply; a line of the file."""

    address: str
    models: tuple[str, ...]
    """Those of the judge: of a jury it may be any."""
    at: datetime
    completion: Completion

    @property
    def model(self) -> str:
        """The judge's model, or all of a jury, as counted in the cache."""
        return " + ".join(self.models)


class KeptReplies:
    """The file of such replies in a project's folder, read when first asked."""

    def __init__(self, root: Path) -> None:
        self.path = root / ".promptops" / "replies" / "judges.jsonl"
        self._known: dict[str, Completion] | None = None
        self._others: dict[str, Completion] = {}

    def know(self, replies: Mapping[str, Completion]) -> None:
        """Find these by their addresses, too, for now: they are kept elsewhere."""
        self._others.update(replies)

    def find(self, address: str) -> Completion | None:
        """Return the newest reply to a request; None where none is kept."""
        if self._known is None:
            self._known = {each.address: each.completion for each in self._read()}
        return self._known.get(address) or self._others.get(address)

    def replies(self) -> list[KeptReply]:
        """Return the newest reply to each request."""
        return list({each.address: each for each in self._read()}.values())

    def add(self, address: str, models: Sequence[str], completion: Completion) -> None:
        """Keep a reply at once: a kill after it costs nothing."""
        reply = KeptReply(address=address, models=tuple(models), at=datetime.now(UTC), completion=completion)
        line = json.dumps(reply.model_dump(mode="json", exclude_defaults=True)) + "\n"
        with self.path.open("ab+") as file:
            # A line that a kill cut off must not swallow the next one.
            end = file.seek(0, 2)
            file.seek(max(end - 1, 0))
            broken = file.read(1) not in {b"", b"\n"}
            file.write(b"\n" * broken + line.encode("utf-8"))
        if self._known is not None:
            self._known[address] = completion

    def forget(
        self, *, older_than: timedelta | None = None, model: str | None = None, dry_run: bool = False
    ) -> int:
        """Take replies away, or only those of some age or of a model; return how many."""
        before = None if older_than is None else datetime.now(UTC) - older_than
        kept: list[KeptReply] = []
        gone = 0
        for each in self._read():
            old = before is None or each.at < before
            if old and model in (None, each.model, *each.models):
                gone += 1
            else:
                kept.append(each)
        if gone and not dry_run:
            self._known = None
            with replacing(self.path) as file:
                for each in kept:
                    line = json.dumps(each.model_dump(mode="json", exclude_defaults=True)) + "\n"
                    file.write(line.encode("utf-8"))
        return gone

    def _read(self) -> Iterator[KeptReply]:
        """Yield what is kept, the oldest first; a line that can't be read is a reply that is not known."""
        if not self.path.is_file():
            return
        with self.path.open("rb") as file:
            for line in file:
                with contextlib.suppress(ValidationError):
                    yield KeptReply.model_validate_json(line)
