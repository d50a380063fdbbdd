"""Prompts and aliases: numbers without gaps, names that are found, content that can be trusted."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from promptops.errors import StoreError, UnknownName, UsageError
from promptops.store import Store
from promptops.types import Message, Prompt
from tests.store import nouns


def test_a_prompt_is_found_by_number_latest_and_alias(store: Store) -> None:
    first, made = store.add_prompt("reply", nouns.prompt("one"), "first", "ada")
    second, _ = store.add_prompt("reply", nouns.prompt("two"), "second", "bob")
    store.set_alias("reply", "production", 1, "ada", "ready")
    assert made
    assert (first.number, first.note, first.author) == (1, "first", "ada")
    assert store.prompt_version("reply", 1) == first
    assert store.prompt_version("reply") == second
    assert store.prompt_by_alias("reply", "production") == first
    assert store.versions("reply") == [first, second]
    assert store.prompt_names() == ["reply"]


def test_the_same_content_is_not_registered_twice_under_one_name(store: Store) -> None:
    first, _ = store.add_prompt("reply", nouns.prompt("one"))
    again, made = store.add_prompt("reply", nouns.prompt("one"), note="other note")
    other, made_elsewhere = store.add_prompt("greeting", nouns.prompt("one"))
    assert (again, made) == (first, False)
    assert (other.number, made_elsewhere) == (1, True)


def test_any_text_comes_back_as_it_went_in(store: Store) -> None:
    for text in nouns.AWKWARD:
        comes_back(store, text)
    assert len(store.prompt_names()) == len(nouns.AWKWARD)


def comes_back(store: Store, text: str) -> None:
    asked = Prompt(
        messages=(Message(role="user", content=text),), parameters={"stop": [text], "seed": 2**70}, note=text
    )
    kept, _ = store.add_prompt(text, asked, text, text)
    store.set_alias(text, f"at {text}", 1, text, text)
    store._memory = ("", {})
    assert store.prompt_version(text, 1) == kept
    assert kept.prompt == asked
    assert store.prompt_by_alias(text, f"at {text}") == kept
    assert text in store.prompt_names()
    move = store.alias_history(text)[0]
    assert (move.name, move.alias, move.actor, move.reason) == (text, f"at {text}", text, text)


def test_names_are_ordered_by_code_point_on_every_engine(store: Store) -> None:
    names = ["b", "A", "a", "é", "Z", "z", "日本", "_", "-", "10", "9", "ß", "e\u0301", "🦜", "a b", "a-b"]
    for name in names:
        store.add_prompt(name, nouns.prompt())
    assert store.prompt_names() == sorted(names)


def test_case_and_normal_form_make_different_names(store: Store) -> None:
    for name in ("reply", "Reply", "r\u00e9ply", "re\u0301ply"):
        assert store.add_prompt(name, nouns.prompt())[0].number == 1


def test_unknown_names_come_with_the_nearest_ones(store: Store) -> None:
    store.add_prompt("reply", nouns.prompt())
    store.set_alias("reply", "production", 1, "ada", "")
    with pytest.raises(UnknownName, match="Did you mean 'reply'"):
        store.prompt_version("replay")
    with pytest.raises(UnknownName, match=r"version of 'reply' is named '7'.*There is: 1"):
        store.prompt_version("reply", 7)
    with pytest.raises(UnknownName, match="Did you mean 'production'"):
        store.prompt_by_alias("reply", "prodution")
    with pytest.raises(UnknownName, match="Did you mean 'reply'"):
        store.prompt_by_alias("replay", "production")
    with pytest.raises(UnknownName, match="version of"):
        store.set_alias("reply", "staging", 2, "ada", "")
    with pytest.raises(UnknownName, match="alias of"):
        store.remove_alias("reply", "staging", "ada", "")
    with pytest.raises(UnknownName, match="No prompt is named"):
        store.versions("nothing like it")


def test_every_move_of_an_alias_is_kept(store: Store) -> None:
    store.add_prompt("reply", nouns.prompt("one"))
    store.add_prompt("reply", nouns.prompt("two"))
    store.set_alias("reply", "production", 1, "ada", "start")
    store.set_alias("reply", "production", 2, "bob", "better")
    store.set_alias("reply", "production", 2, "bob", "nothing moves")
    store.set_alias("reply", "production", 1, "ada", "rollback")
    assert store.aliases("reply") == {"production": 1}
    store.remove_alias("reply", "production", "cyd", "gone")
    assert store.aliases("reply") == {}
    assert [(move.from_number, move.to_number, move.actor) for move in store.alias_history("reply")] == [
        (None, 1, "ada"),
        (1, 2, "bob"),
        (2, 1, "ada"),
        (1, None, "cyd"),
    ]


@pytest.mark.parametrize("alias", ["3", "", "٣"])
def test_an_alias_that_reads_as_a_number_is_refused(store: Store, alias: str) -> None:
    store.add_prompt("reply", nouns.prompt())
    with pytest.raises(UsageError, match="Choose a word"):
        store.set_alias("reply", alias, 1, "ada", "")


def test_a_remembered_alias_is_never_stale(url: str) -> None:
    with Store.open(url) as one, Store.open(url) as two:
        one.add_prompt("reply", nouns.prompt("one"))
        one.add_prompt("reply", nouns.prompt("two"))
        for number in (1, 2, 1, 2):
            one.set_alias("reply", "production", number, "ada", "")
            assert two.prompt_by_alias("reply", "production").number == number
            assert one.prompt_by_alias("reply", "production").number == number
        two.add_prompt("reply", nouns.prompt("three"))
        assert one.prompt_version("reply").number == 3


def test_eight_writers_at_once_leave_no_gap(url: str) -> None:
    Store.open(url).close()
    rounds, writers = 10, 8
    barrier = threading.Barrier(writers)
    faults: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            with Store.open(url) as store:
                for turn in range(rounds):
                    barrier.wait()
                    store.add_prompt(f"prompt {turn}", nouns.prompt(f"writer {writer}"))
                    store.set_alias(f"prompt {turn}", "production", 1, f"writer {writer}", "")
        except BaseException as error:
            faults.append(error)
            barrier.abort()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with Store.open(url) as store:
        for turn in range(rounds):
            assert [version.number for version in store.versions(f"prompt {turn}")] == [
                1,
                2,
                3,
                4,
                5,
                6,
                7,
                8,
            ]
            assert len(store.alias_history(f"prompt {turn}")) == 1


def test_content_that_was_changed_behind_our_back_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "promptops.db"
    with Store.open(f"sqlite:///{path}") as store:
        store.add_prompt("reply", nouns.prompt("Be kind."))
        store.prompt_version("reply", 1)
        connection = sqlite3.connect(path)
        connection.execute("DROP TRIGGER prompt_versions_no_update")
        connection.execute("UPDATE prompt_versions SET content = replace(content, 'kind', 'rude')")
        connection.commit()
        connection.close()
        with pytest.raises(StoreError, match="reply@1 was changed after it was registered"):
            store.prompt_version("reply", 1)
        with pytest.raises(StoreError, match="changed"):
            store.versions("reply")
