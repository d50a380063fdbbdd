"""Names for kinds of bad feedback, by a model: what two words can't say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import JsonValue

from promptops.calls.call import Caller, Unanswered
from promptops.generation.replies import Text
from promptops.generation.replylog import ReplyLog
from promptops.judges import read_verdict
from promptops.judges._asking import Shown, object_schema
from promptops.production.themes import Theme, Themes
from promptops.prompts.files import read_prompt
from promptops.prompts.templates import Renderer
from promptops.runs.calling import Count
from promptops.runs.runner import judge_request
from promptops.texts.personal import without_people
from promptops.texts.redaction import Redactor
from promptops.types import Prompt, Request

LONGEST = 60
"""Characters of a name."""
TOKENS = 20.0
"""Of a reply with the longest name, by four characters a token."""


async def named(
    found: Themes, caller: Caller, renderer: Renderer, log: ReplyLog, redactor: Redactor
) -> Themes:
    """Return themes with a model's names; one whose name can't be had keeps its words, and `notes` say why.

    Raises GivenUp where a limit ends it.
    """
    themes: list[Theme] = []
    notes: list[str] = []
    for theme in found.themes:
        name = await _name(theme, caller, renderer, log, redactor)
        if isinstance(name, Unnamed):
            notes.append(f"Theme {theme.number} has no name by {caller.name}: {name}.")
            themes.append(theme)
        else:
            themes.append(theme.model_copy(update={"name": name}))
    return found.model_copy(
        update={"themes": tuple(themes), "named_by": caller.name, "notes": (*found.notes, *notes)}
    )


def outlook(found: Themes, caller: Caller, renderer: Renderer, log: ReplyLog) -> Count:
    """Return which calls `named` would make, without making any."""
    count = Count()
    for theme in found.themes:
        asked = _asked(theme, caller, renderer)
        if log.find(asked.address) is None:
            count.characters.append(sum(len(message.content) for message in asked.request.messages))
        else:
            count.stored += 1
    return count


class Unnamed(str):
    """Why a theme has no name."""

    __slots__ = ()


async def _name(
    theme: Theme, caller: Caller, renderer: Renderer, log: ReplyLog, redactor: Redactor
) -> str | Unnamed:
    asked = _asked(theme, caller, renderer)
    shown, request, address = asked.shown, asked.request, asked.address
    reply = log.find(address)
    if reply is None:
        try:
            answer = await caller.ask(request, prompt().digest, address=address)
        except Unanswered as error:
            return Unnamed(f"no answer ({error.failure.message})"[:300])
        reply = answer.completion.model_copy(update={"text": redactor.text(answer.completion.text)})
        log.keep(address, reply)
    read = read_verdict(reply.text, frozenset({"name"}), shown.mark, shown.all, what="name")
    if isinstance(read, str):
        return Unnamed(read)
    name = read["name"]
    if not isinstance(name, str) or not name.strip() or len(name.strip()) > LONGEST:
        return Unnamed(f"the reply holds no name of {LONGEST} characters at most")
    return without_people(" ".join(name.split()))


@dataclass(frozen=True)
class _Asked:
    """What a model is asked about one theme."""

    request: Request
    address: str
    shown: Shown


def _asked(theme: Theme, caller: Caller, renderer: Renderer) -> _Asked:
    shown = Shown(example=[_told(each.request, each.comment) for each in theme.examples])
    slots: dict[str, JsonValue] = {"examples": shown["example"], "words": theme.name or "none"}
    form: dict[str, JsonValue] = {
        "type": "json_schema",
        "name": "theme_name",
        "schema": object_schema({"name": Text()}),
    }
    request = judge_request(renderer, prompt(), slots, form, f"theme-{theme.number}", 0)
    return _Asked(request, caller.address(request, prompt().digest), shown)


@cache
def prompt() -> Prompt:
    """Return the shipped prompt."""
    return read_prompt(Path(__file__).parent / "theme_name.prompt.yaml")


def _told(request: str, comment: str) -> str:
    return f"{request}\n\nSaid of the answer: {comment}" if comment else request
