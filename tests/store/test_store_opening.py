"""Opening: who may read the files, what is said of the disk, and no password in any message."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import traceback
from pathlib import Path

import pytest

from promptops.errors import PromptopsError, SettingsError, StoreError
from promptops.store import Store
from promptops.store.address import address_of
from promptops.store.opening import disk_warnings, file_system, use_wal
from tests.store import nouns
from tests.store.conftest import PASSWORD


def test_files_are_read_by_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "made" / "promptops.db"
    before = os.umask(0)
    try:
        with Store.open(f"sqlite:///{path}") as store:
            store.add_prompt("reply", nouns.prompt())
            assert {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()} == {
                "promptops.db": "0o600",
                "promptops.db-wal": "0o600",
                "promptops.db-shm": "0o600",
            }
    finally:
        os.umask(before)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["promptops.db"]


def test_a_path_of_folders_that_are_not_there_is_taken_for_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"There is no folder .*mistyped for the database"):
        Store.open(f"sqlite:///{tmp_path}/mistyped/project/promptops.db")
    assert list(tmp_path.iterdir()) == []


def test_commits_are_durable_and_references_are_checked(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/promptops.db") as store:
        for transaction in (store.reading, store.writing):
            with transaction() as connection:
                settings = {
                    name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                    for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
                }
            assert settings == {
                "journal_mode": "wal",
                "synchronous": 2,
                "foreign_keys": 1,
                "busy_timeout": 10_000,
            }
        assert store.warnings == ()


def test_a_relative_path_stays_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Store.open("sqlite:///data/promptops.db") as store:
        monkeypatch.chdir("/")
        store.add_prompt("reply", nouns.prompt())
    assert (tmp_path / "data" / "promptops.db").is_file()


@pytest.mark.parametrize(
    "name", ["with space.db", "100%.db", "a#b.db", "a%20b.db", "日本.db", "semi;colon.db"]
)
def test_unusual_file_names_are_taken_literally(tmp_path: Path, name: str) -> None:
    Store.open(f"sqlite:///{tmp_path}/{name}").close()
    with Store.open(f"sqlite:///{tmp_path}/{name}", read_only=True) as store:
        assert store.prompt_names() == []
    assert {file.name for file in tmp_path.iterdir()} <= {name, f"{name}-wal", f"{name}-shm"}


def test_a_database_in_memory_ends_with_its_store() -> None:
    with Store.open("sqlite://") as one, Store.open("sqlite://") as two:
        one.add_prompt("reply", nouns.prompt())
        assert two.prompt_names() == []


def test_reading_only_changes_nothing(url: str) -> None:
    with Store.open(url) as store:
        store.add_prompt("reply", nouns.prompt())
    with Store.open(url, read_only=True) as store:
        assert store.prompt_names() == ["reply"]
        with pytest.raises(StoreError, match="opened for reading only"):
            store.add_prompt("other", nouns.prompt())
        with pytest.raises(StoreError, match=r"(?i)read-?only"), store.reading() as connection:
            connection.exec_driver_sql("DELETE FROM aliases")


def test_reading_only_makes_no_database(tmp_path: Path) -> None:
    path = tmp_path / "promptops.db"
    with pytest.raises(StoreError, match="There is no database"):
        Store.open(f"sqlite:///{path}", read_only=True)
    path.touch()
    with pytest.raises(StoreError, match="holds no promptops database"):
        Store.open(f"sqlite:///{path}", read_only=True)
    assert path.stat().st_size == 0


@pytest.mark.postgres
def test_reading_only_makes_no_tables_on_a_server(postgres_url: str) -> None:
    with pytest.raises(StoreError, match="holds no promptops database"):
        Store.open(postgres_url, read_only=True)


@pytest.mark.parametrize("read_only", [False, True])
def test_what_is_no_database_is_left_alone(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Buy milk. " * 1000)
    with pytest.raises(StoreError, match="no SQLite database"):
        Store.open(f"sqlite:///{path}", read_only=read_only)
    assert path.read_text() == "Buy milk. " * 1000
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(StoreError, match=r"no ordinary file|no database"):
            Store.open(f"sqlite:///{tmp_path}/{name}", read_only=read_only)


def test_a_folder_that_can_not_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be made"):
        Store.open(f"sqlite:///{tmp_path}/file/deeper/promptops.db")


def test_a_damaged_database_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "promptops.db"
    with Store.open(f"sqlite:///{path}") as store:
        for number in range(200):
            store.add_prompt(f"prompt {number}", nouns.prompt())
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x55" * (len(content) - 4096)
    path.write_bytes(content)
    with (
        pytest.raises(StoreError, match="the file is damaged"),
        Store.open(f"sqlite:///{path}") as store,
    ):
        store.prompt_names()


def test_a_database_that_stays_locked_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "promptops.db"
    monkeypatch.setattr("promptops.store.opening.BUSY_SECONDS", 0.05)
    with Store.open(f"sqlite:///{path}") as store, contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program kept it locked"):
            store.add_prompt("reply", nouns.prompt())


def test_a_disk_without_shared_memory_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "promptops.db"
    # This way of locking, made for network disks, can't do write-ahead logging.
    connection = sqlite3.connect(f"file:{path}?vfs=unix-dotfile", uri=True, isolation_level=None)
    assert use_wal(connection) is False
    connection.close()
    assert "Write-ahead logging is not available" in disk_warnings(path, wal=False)[0]
    assert disk_warnings(path, wal=True) == ()


def test_a_network_file_system_is_recognised() -> None:
    mounts = (
        "/dev/sda1 / ext4 rw 0 0\n"
        "server:/home /home nfs4 rw 0 0\n"
        "tmpfs /home/ada/fast tmpfs rw 0 0\n"
        "//nas/share /mnt/my\\040share cifs rw 0 0\n"
    )
    assert file_system(Path("/home/ada/promptops.db"), mounts) == "nfs4"
    assert file_system(Path("/home/ada/fast/promptops.db"), mounts) == "tmpfs"
    assert file_system(Path("/mnt/my share/promptops.db"), mounts) == "cifs"
    assert file_system(Path("/homes/promptops.db"), mounts) == "ext4"
    assert file_system(Path("/home"), "") == ""


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root@host/db",
        "promptops.db",
        "",
        "sqlite:///a.db?mode=ro",
        "sqlite://host/a.db",
        "://",
        "a://b:c@d:e/f",
    ],
)
def test_other_urls_are_refused_with_advice(url: str) -> None:
    with pytest.raises(SettingsError, match="Write sqlite:///path"):
        Store.open(url)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ada:{PASSWORD}@127.0.0.1:1/name",
        f"postgres://ada:{PASSWORD}@127.0.0.1:1/name",
        f"postgresql://127.0.0.1:1/name?user=ada&password={PASSWORD}",
        f"postgresql://ada:{PASSWORD}@127.0.0.1:port/name",
        f"mysql://ada:{PASSWORD}@host/name",
        f"sqlite://ada:{PASSWORD}@host/name",
    ],
)
def test_no_message_shows_a_password(url: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(PromptopsError) as caught:
        Store.open(url)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert PASSWORD not in told
    assert "ada" in str(caught.value) or "127.0.0.1" in str(caught.value) or "mysql" in str(caught.value)


@pytest.mark.postgres
def test_a_wrong_password_is_said_without_showing_it(postgres_url: str) -> None:
    if PASSWORD not in postgres_url:
        pytest.skip("the server is not this test's own")
    wrong = PASSWORD[::-1]
    with pytest.raises(StoreError, match="password authentication failed") as caught:
        Store.open(postgres_url.replace(PASSWORD, wrong))
    assert wrong not in "".join(traceback.format_exception(caught.value))


def test_the_address_does_not_show_a_password() -> None:
    assert PASSWORD not in repr(address_of(f"postgresql://ada:{PASSWORD}@host/name"))


def test_a_missing_driver_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install 'promptops\[postgres\]'"):
        Store.open("postgresql://ada@host/name")


@pytest.mark.postgres
def test_a_server_without_unicode_is_refused(postgres_server: str) -> None:
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute("CREATE DATABASE plain TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
        try:
            with pytest.raises(StoreError, match="encoding SQL_ASCII"):
                Store.open(postgres_server.rpartition("/")[0] + "/plain")
        finally:
            server.execute("DROP DATABASE plain WITH (FORCE)")


def test_the_data_version_changes_with_every_commit_of_anyone(url: str) -> None:
    with Store.open(url) as one, Store.open(url) as two:
        seen = [one.data_version()]
        assert one.data_version() == seen[0]
        one.add_prompt("reply", nouns.prompt("one"))
        seen.append(one.data_version())
        two.add_prompt("reply", nouns.prompt("two"))
        seen.append(one.data_version())
        assert len(set(seen)) == 3
        if one.dialect == "sqlite":
            assert two.data_version() not in seen


def test_the_data_version_of_memory_changes_too() -> None:
    with Store.open("sqlite://") as store:
        before = store.data_version()
        store.add_prompt("reply", nouns.prompt())
        assert store.data_version() != before
