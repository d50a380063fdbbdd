"""What must not be written: secrets, people, and what the user's own patterns find."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache

from pydantic import JsonValue

from promptops.config import Settings
from promptops.texts.patterns import TooSlow, replaced
from promptops.texts.personal import without_people
from promptops.texts.redaction import (
    REDACTED,
    Redactor,
    holds_something,
    names_a_secret,
    without_named_secrets,
    without_told_secrets,
)

WITHHELD = "[withheld: a pattern took too long]"
SHORT = 64
"""Characters of texts that come again and again: keys, tags, names of models."""
GIVEN_UP = 3
"""Searches that were given up, after which a pattern is not tried on texts of that length."""


class Censor:
    """Takes out of texts what must not be written, before it is."""

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], *, keep_people: bool | None = None
    ) -> None:
        """Go by the settings; `keep_people` before what they say."""
        # Not all that providers know of: they would have to be imported, in an application's thread.
        keys = {given.api_key_env for given in settings.providers.values() if given.api_key_env}
        self._secrets = Redactor(environment, {"OPENAI_API_KEY", *keys})
        self._people = not (settings.logging.keep_people if keep_people is None else keep_people)
        self._patterns = settings.logging.redact
        self._slow: dict[str, list[int]] = {pattern: [] for pattern in self._patterns}
        self._short = lru_cache(maxsize=4096)(self._censored)
        self.withheld = 0
        """Texts that were left out whole, as a pattern could not be searched in time."""

    def text(self, text: str) -> str:
        """Return a text without what must not be written."""
        return self._short(text) if len(text) <= SHORT else self._censored(text)

    def value(self, value: JsonValue) -> JsonValue:
        """Return a JSON value so, its keys too; what is under a key such as `password` is left out whole."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(member) for member in value]
        if isinstance(value, dict):
            return self.object(value)
        return value

    def object(self, value: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return an object so."""
        return {
            self.text(key): REDACTED
            if holds_something(member) and names_a_secret(key)
            else self.value(member)
            for key, member in value.items()
        }

    def answer(self, text: str) -> str:
        """Return a model's answer so; one that is JSON also without what is under such keys."""
        if text.lstrip()[:1] in ("{", "["):
            try:
                held = json.loads(text)
                clean = without_named_secrets(held)
            except (ValueError, RecursionError):  # no JSON, or none that anybody could read
                return self.text(text)
            if clean != held:
                text = json.dumps(clean, ensure_ascii=False)
        return self.text(text)

    def name(self, name: str, mark: Callable[[str], str]) -> str:
        """Return a name by which records belong together; one that says too much as a mark.

        Two names that were only blackened could look the same.
        """
        return name if self.text(name) == name else mark(name)

    def _censored(self, text: str) -> str:
        text = without_told_secrets(self._secrets.text(text))
        if self._people:
            text = without_people(text)
        for pattern in self._patterns:
            text = self._replaced(pattern, text)
        return text

    def _replaced(self, pattern: str, text: str) -> str:
        slow = self._slow[pattern]
        # Every further text of that kind would hold up all that come after it for another second.
        if len(slow) >= GIVEN_UP and len(text) >= min(slow):
            self.withheld += 1
            return WITHHELD
        try:
            return replaced(pattern, REDACTED, text)
        except TooSlow:
            slow.append(len(text))
            self.withheld += 1
            return WITHHELD
