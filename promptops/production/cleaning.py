"""Records and feedback without secrets and, unless that is wanted, without people's addresses."""

from __future__ import annotations

from typing import TypeVar

from promptops.production.censor import Censor
from promptops.production.records import Feedback, Record

_Text = TypeVar("_Text", str, str | None)


class Cleaner:
    """Takes out of texts what must not be stored."""

    def __init__(self, censor: Censor) -> None:
        self._censor = censor

    def record(self, record: Record) -> Record:
        """Return a record with clean inputs, output, outcome, tags and metadata; ids and names stay."""
        clean = {
            "inputs": self._censor.object(record.inputs),
            "output": self._answer(record.output),
            "outcome": self._text(record.outcome),
            "tags": tuple(self._text(tag) for tag in record.tags),
            "metadata": self._censor.object(record.metadata),
        }
        # Most are clean, and a copy takes as long as to look.
        same = all(getattr(record, name) == value for name, value in clean.items())
        return record if same else record.model_copy(update=clean)

    def feedback(self, said: Feedback) -> Feedback:
        """Return feedback with a clean comment, edit and outcome."""
        return said.model_copy(
            update={
                "comment": self._text(said.comment),
                "edit": self._answer(said.edit),
                "outcome": self._text(said.outcome),
            }
        )

    def _text(self, text: _Text) -> _Text:
        return text if text is None else self._censor.text(text)

    def _answer(self, text: str | None) -> str | None:
        return None if text is None else self._censor.answer(text)
