"""Registered prompts: their versions, texts, differences and aliases."""

from __future__ import annotations

import streamlit as st

from dashboards import frames, reading, shown, urlstate
from dashboards.difftext import side_html
from promptops import PromptopsError, word_diff
from promptops import types as nouns


def show() -> None:
    """Draw the page."""
    st.header("Prompts", anchor=False)
    try:
        prompts = reading.prompts()
        if not prompts:
            shown.empty(
                "No prompt is registered yet. Register one, then reload this page:",
                "promptops prompt add FILE",
            )
        known = {version.name: aliases for version, aliases in prompts}
        name = _list(prompts)
        versions = reading.versions(name)
        left, right = st.columns([3, 2], gap="medium")
        with left:
            st.markdown("**Versions**")
            shown.table(frames.versions_frame(versions, known[name]), alt="The versions of this prompt")
        with right:
            _history(name)
        _texts(versions)
    except PromptopsError as error:
        shown.refuse(error)


def _list(prompts: list[tuple[nouns.PromptVersion, dict[str, int]]]) -> str:
    shown.table(frames.prompts_frame(prompts), alt="All prompts with their latest version and aliases")
    names = [version.name for version, _ in prompts]
    asked = urlstate.read("prompt")
    if asked and asked not in names:
        reading.versions(asked)  # raises with the nearest names
    st.subheader("One prompt", anchor=False, divider="gray")
    left, _ = st.columns([1, 2])
    with left:
        return urlstate.choice(
            "Prompt", "prompt", names, shown=frames.cell, default=names[0], forget=("version", "against")
        )


def _history(name: str) -> None:
    moves = reading.alias_history(name)
    st.markdown("**Moves of aliases**")
    if moves:
        shown.table(frames.moves_frame(moves), alt="Every move of this prompt's aliases, the newest first")
    else:
        st.caption("No alias was set yet. One is set by:")
        st.code("promptops prompt alias NAME@NUMBER production", language="shell")


def _texts(versions: list[nouns.PromptVersion]) -> None:
    numbers = [str(version.number) for version in reversed(versions)]
    left, right = st.columns(2, gap="medium")
    with right:
        number = urlstate.choice("Version", "version", numbers, shown=_numbered, default=numbers[0])
    others = [other for other in numbers if other != number]
    before = str(int(number) - 1)
    with left:
        against = urlstate.choice(
            "Compared with",
            "against",
            ["none", *others],
            shown=lambda other: "nothing" if other == "none" else _numbered(other),
            default=before if before in others else "none",
        )
    name = versions[0].name
    text = reading.prompt_text(f"{name}@{number}")
    if against == "none":
        shown.block(text, language="yaml")
        return
    parts = word_diff(reading.prompt_text(f"{name}@{against}"), text)
    with left:
        st.html(side_html(parts, "removed", fixed_width=True))
    with right:
        st.html(side_html(parts, "added", fixed_width=True))


def _numbered(number: str) -> str:
    return f"version {number}"


show()
