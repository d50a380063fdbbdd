"""Refuse names of records that nothing bears: a mistyped one would choose no record, without a word."""

from __future__ import annotations

from collections.abc import Callable

from promptops.errors import UnknownName
from promptops.production.records import RecordFilter
from promptops.store import Store


def refuse_unknown(store: Store, opened: Callable[[], Store], wanted: RecordFilter) -> None:
    """Raise UnknownName for a prompt, version, alias or model that neither the registry nor a record knows.

    `store` has the records, `opened` gives the registry where it must be looked into; an alias is known by
    the history beside the records. What is known may still have no record of the wanted time.
    """
    prompt = wanted.prompt
    named = RecordFilter(prompt=prompt, version=wanted.version, alias=wanted.alias, model=wanted.model)
    if named == RecordFilter() or store.any_record(named):
        return
    registry = opened()
    registered = registry.prompt_names()
    if prompt is not None and prompt not in registered and not store.any_record(RecordFilter(prompt=prompt)):
        raise UnknownName("prompt with records", prompt, {*store.record_prompts(), *registered})
    if wanted.version is not None:
        _refuse_version(store, registry, prompt, wanted.version)
    if wanted.alias is not None:
        _refuse_alias(store, registry, prompt, wanted.alias)
    if wanted.model is not None and not store.any_record(RecordFilter(model=wanted.model)):
        raise UnknownName("model with records", wanted.model, store.record_values("model"))


def _refuse_version(store: Store, registry: Store, prompt: str | None, version: int) -> None:
    numbers = {each.number for name in _named(registry, prompt) for each in registry.versions(name)}
    numbers |= set(store.record_values("version", prompt))
    if version not in numbers:
        raise UnknownName(f"version{_of(prompt)}", str(version), map(str, numbers))


def _refuse_alias(store: Store, registry: Store, prompt: str | None, alias: str) -> None:
    aliases = _aliases(store, prompt) | set(store.record_values("alias", prompt))
    if alias in aliases:
        return
    hint = "" if aliases else f"Point it at a version: promptops prompt alias {prompt or 'NAME'}@1 {alias}"
    if alias in _aliases(registry, prompt):
        hint = (
            "Records lie in a database of their own, without the history of aliases: choose them by "
            f"{prompt or 'NAME'} or {prompt or 'NAME'}@3."
        )
    raise UnknownName(f"alias{_of(prompt)}", alias, aliases, hint=hint)


def _aliases(store: Store, prompt: str | None) -> set[str]:
    return {move.alias for name in _named(store, prompt) for move in store.alias_history(name)}


def _named(store: Store, prompt: str | None) -> list[str]:
    return [name for name in store.prompt_names() if prompt in (None, name)]


def _of(prompt: str | None) -> str:
    return "" if prompt is None else f" of {prompt!r}"
