"""Upgrades: whole or not at all, whatever happens meanwhile, and never of what isn't ours."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from promptops.errors import StoreError
from promptops.shipped import shipped_folder
from promptops.store import Store
from promptops.store.address import address_of
from promptops.store.encoding import figures_text, noun_text, remarks_text
from promptops.store.opening import make_engine
from promptops.store.upgrade import HEAD, bring_to_head, migrating, migration_config
from promptops.types import Result, Score
from tests.store import nouns
from tests.store.test_store_figures import flat
from tests.store.test_store_records import save

ROOT = Path(__file__).parents[2]

TRIGGERS = 24
"""Two for each of ten tables, one for each of three, and one that guards how calls leave the cache."""

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "HEAD"
branch_labels = depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("runs") as batch:
        batch.add_column(sa.Column("colour", sa.Text(), nullable=False, server_default="blue"))
    with op.batch_alter_table("prompt_versions") as batch:
        batch.add_column(sa.Column("weight", sa.Integer(), nullable=True))
    op.execute("UPDATE prompt_versions SET weight = number")
    op.create_table("extra", sa.Column("id", sa.Integer(), primary_key=True))
    EXTRA
"""


@pytest.fixture
def next_migrations(tmp_path: Path) -> Path:
    """Our migrations and one more, which changes tables that others refer to."""
    return with_next(tmp_path / "next migrations 100%", "")


@pytest.fixture
def first_migrations(tmp_path: Path) -> Path:
    """The migrations of the first schema alone."""
    later = shutil.ignore_patterns("__pycache__", "000[2-9]_*")
    return Path(shutil.copytree(shipped_folder("migrations"), tmp_path / "first", ignore=later))


def with_next(folder: Path, extra: str) -> Path:
    shutil.copytree(shipped_folder("migrations"), folder, ignore=shutil.ignore_patterns("__pycache__"))
    program = NEXT.replace("HEAD", HEAD).replace("EXTRA", extra)
    (folder / "versions" / "9000_next.py").write_text(program)
    return folder


def fill(url: str) -> None:
    with Store.open(url) as store:
        store.add_prompt("reply", nouns.prompt())
        store.set_alias("reply", "production", 1, "ada", "")
        store.create_run(nouns.run("abcd"), {})
        store.save_evalset(nouns.evalset())


def fill_first(url: str, folder: Path) -> None:
    """Make a database of the first schema, with results as it kept them."""
    bring(url, folder, "0001")
    address = address_of(url)
    engine = make_engine(address, read_only=False)
    with contextlib.closing(Store(engine, address, read_only=False, warnings=())) as store:
        store.add_prompt("reply", nouns.prompt())
        store.create_run(nouns.run("abcd"), {})
        with store.writing() as connection:
            for place, result in enumerate(OLD):
                values = {
                    "sample_id": result.sample_id,
                    "attempt": place,
                    "failure_kind": result.failure and result.failure.kind,
                    "failure": result.failure and noun_text(result.failure),
                    "scores": figures_text(result.scores),
                    "remarks": remarks_text(result.scores),
                }
                connection.execute(text(OLD_ROW), values)


OLD = [
    Result(sample_id="a", failure=nouns.failure()),
    Result(sample_id="a", scores=nouns.scores(0.25)),
    Result(sample_id="b", failure=nouns.failure()),
    Result(sample_id="c", scores={"alpha": Score.of(0.1, 5.0, 1e9), "zeta": Score(counts=(), unscored="")}),
]
OLD_ROW = """
INSERT INTO results
    (run_id, sample_id, repeat, attempt, failure_kind, failure, scores, remarks, cached, created_at)
VALUES ('abcd', :sample_id, 0, :attempt, :failure_kind, :failure, :scores, :remarks, false, 'then')
"""


def bring(url: str, folder: Path, head: str = "9000") -> tuple[str, ...]:
    address = address_of(url)
    engine = make_engine(address, read_only=False)
    try:
        return bring_to_head(engine, address, folder=folder, head=head)
    finally:
        engine.dispose()


def crowd(*arguments: str) -> list[int]:
    """Return how the processes of `crowd.py` ended."""
    command = [sys.executable, "-m", "tests.store.crowd", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr == ""
    ends: list[int] = json.loads(done.stdout)
    return ends


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_the_head_in_the_code_is_the_head_of_the_migrations() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(shipped_folder("migrations"))).get_heads() == [HEAD]


def test_migrations_and_tables_say_the_same(url: str) -> None:
    from alembic import command

    bring(url, shipped_folder("migrations"), HEAD)
    engine = make_engine(address_of(url), read_only=False)
    with migrating(engine) as connection:
        command.check(migration_config(shipped_folder("migrations"), connection))  # raises on a difference
    engine.dispose()


def test_a_schema_that_is_made_at_once_is_the_one_that_the_migrations_make(
    url: str, request: pytest.FixtureRequest
) -> None:
    Store.open(url).close()
    at_once = schema_of(url)
    engine = make_engine(address_of(url), read_only=False)
    with migrating(engine) as connection:
        from alembic import command

        command.downgrade(migration_config(shipped_folder("migrations"), connection), "base")
    engine.dispose()
    bring(url, shipped_folder("migrations"), HEAD)
    assert schema_of(url) == at_once
    assert len(at_once) == 17 and at_once["triggers"]


def schema_of(url: str) -> dict[str, object]:
    """Return all that a database holds but rows: columns, keys, indexes, triggers, whatever their order."""
    engine = make_engine(address_of(url), read_only=False)
    with engine.connect() as connection:
        inspector = inspect(connection)
        found: dict[str, object] = {
            table: (
                sorted(
                    (each["name"], str(each["type"]), each["nullable"])
                    for each in inspector.get_columns(table)
                ),
                inspector.get_pk_constraint(table)["constrained_columns"],
                sorted(map(repr, inspector.get_unique_constraints(table))),
                sorted(map(repr, inspector.get_foreign_keys(table))),
                sorted(
                    (index["name"], index["column_names"], index["unique"], *map(str, options.values()))
                    for index in inspector.get_indexes(table)
                    for options in [index.get("dialect_options", {})]
                ),
            )
            for table in inspector.get_table_names()
        }
        query = (
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            if connection.dialect.name == "sqlite"
            else "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
        )
        found["triggers"] = sorted(map(tuple, connection.exec_driver_sql(query)))
    engine.dispose()
    return found


def test_all_the_way_down_and_up_again(url: str) -> None:
    from alembic import command

    Store.open(url).close()
    engine = make_engine(address_of(url), read_only=False)
    with migrating(engine) as connection:
        command.downgrade(migration_config(shipped_folder("migrations"), connection), "base")
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    engine.dispose()
    fill(url)


def test_alembic_is_not_imported_where_nothing_is_to_be_done(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/promptops.db"
    Store.open(url).close()
    program = f"""
import sys
from promptops.store import Store
Store.open({url!r}).close()
Store.open({url!r}, read_only=True).close()
print([name for name in sys.modules if name.startswith(("alembic", "mako"))])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_rows_and_guards_survive_an_upgrade_and_a_backup_is_kept(url: str, next_migrations: Path) -> None:
    fill(url)
    warnings = bring(url, next_migrations)
    engine = make_engine(address_of(url), read_only=False)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT name, alias, number FROM aliases").all() == [
            ("reply", "production", 1)
        ]
        assert connection.exec_driver_sql("SELECT colour FROM runs").all() == [("blue",)]
        assert connection.exec_driver_sql("SELECT weight FROM prompt_versions").all() == [(1,)]
        assert connection.exec_driver_sql("SELECT count(*) FROM snapshot_samples").scalar() == 3
    for forbidden in ("UPDATE prompt_versions SET note = 'x'", "UPDATE runs SET colour = 'red'"):
        with pytest.raises(Exception, match="never changes"), engine.begin() as connection:
            connection.exec_driver_sql(forbidden)
    engine.dispose()
    path = address_of(url).path
    if path is None:
        assert warnings == ()
        return
    backup = path.with_name(f"{path.name}.schema-{HEAD}.backup")
    assert str(backup) in warnings[0]
    assert backup.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in path.parent.glob("*backup*")) == [backup.name]
    with Store.open(f"sqlite:///{backup}", read_only=True) as before:
        assert before.prompt_by_alias("reply", "production").number == 1


def test_an_upgrade_that_would_orphan_rows_is_undone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/promptops.db"
    fill(url)
    folder = with_next(tmp_path / "bad", 'op.execute("DELETE FROM prompt_versions")')
    with pytest.raises(StoreError, match="upgrade was undone: 1 rows"):
        bring(url, folder)
    with Store.open(url) as store:
        assert store.prompt_by_alias("reply", "production").number == 1


def test_a_second_upgrade_does_nothing(url: str, next_migrations: Path) -> None:
    fill(url)
    bring(url, next_migrations)
    assert bring(url, next_migrations) == ()


@pytest.mark.parametrize("way", ["at once", "by migrations"])
def test_a_kill_at_any_statement_of_the_first_schema_recovers(tmp_path: Path, way: str) -> None:
    paths = [tmp_path / f"{number}" / "promptops.db" for number in range(17)]
    folder = "" if way == "at once" else str(shipped_folder("migrations"))
    ends = crowd("kills", "2", folder, HEAD, *(f"sqlite:///{path}" for path in paths))
    assert ends == [-9] * len(paths)
    for path in paths:
        fill(f"sqlite:///{path}")
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_kill_at_any_statement_of_a_later_upgrade_recovers(tmp_path: Path, next_migrations: Path) -> None:
    paths = [tmp_path / f"{number}.db" for number in range(15)]
    for path in paths:
        fill(f"sqlite:///{path}")
    ends = crowd("kills", "4", str(next_migrations), "9000", *(f"sqlite:///{path}" for path in paths))
    assert ends == [-9] * len(paths)
    for path in paths:
        bring(f"sqlite:///{path}", next_migrations)
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]
        assert rows(path, "SELECT colour FROM runs") == [("blue",)]
        assert rows(path, "SELECT name, alias FROM aliases") == [("reply", "production")]
        assert len(rows(path, "SELECT name FROM sqlite_master WHERE type = 'trigger'")) == TRIGGERS


def test_results_of_the_first_schema_are_read_beside_newer_ones(url: str, first_migrations: Path) -> None:
    fill_first(url, first_migrations)
    with Store.open(url) as store:
        assert len(store.warnings) == (0 if store.dialect == "postgresql" else 1)
        assert list(store.results("abcd")) == OLD[1:]
        new = [nouns.result("abcd", "b", 9), nouns.result("abcd", "d", scores=OLD[3].scores)]
        save(store, *new)
        assert [result.scores for result in store.results("abcd")] == [
            OLD[1].scores, new[0].result.scores, OLD[3].scores, OLD[3].scores,
        ]  # fmt: skip
        assert [list(row.scores) for row in store.score_rows("abcd")] == [
            ["zeta", "alpha", "judge"], ["zeta", "alpha", "judge"], ["alpha", "zeta"], ["alpha", "zeta"],
        ]  # fmt: skip
        (page,) = store.score_pages("abcd", ["alpha"])
        assert flat(page.counts["alpha"]) == {
            0: [0.25, 2.0, 3.0], 1: [1.0, 2.0, 3.0], 2: [0.1, 5.0, 1e9], 3: [0.1, 5.0, 1e9],
        }  # fmt: skip
        with (
            pytest.raises(StoreError, match="stored in results never changes"),
            store.writing() as connection,
        ):
            connection.exec_driver_sql("UPDATE results SET figures = NULL")


def test_the_way_down_to_the_first_schema_keeps_all_scores(url: str) -> None:
    from alembic import command

    with Store.open(url) as store:
        store.create_run(nouns.run("abcd"), {})
        save(store, *(nouns.result("abcd", name, scores=nouns.scores(0.1)) for name in "ab"))
        save(store, nouns.failed("abcd", "c"))
        before = list(store.results("abcd"))
    engine = make_engine(address_of(url), read_only=False)
    with migrating(engine) as connection:
        command.downgrade(migration_config(shipped_folder("migrations"), connection), "0001")
    with engine.connect() as connection:
        query = "SELECT scores FROM results ORDER BY sample_id"
        found = [json.loads(scores) for (scores,) in connection.exec_driver_sql(query)]
    engine.dispose()
    assert found == [json.loads(figures_text(result.scores)) for result in before]
    with Store.open(url) as store:
        assert list(store.results("abcd")) == before


def test_a_kill_at_any_statement_of_the_upgrade_of_results_recovers(
    tmp_path: Path, first_migrations: Path
) -> None:
    paths = [tmp_path / f"{number}.db" for number in range(9)]
    for path in paths:
        fill_first(f"sqlite:///{path}", first_migrations)
    before = rows(paths[0], "SELECT * FROM results")
    ends = crowd(
        "kills", "4", str(shipped_folder("migrations")), HEAD, *(f"sqlite:///{path}" for path in paths)
    )
    assert ends == [-9] * len(paths)
    for path in paths:
        with Store.open(f"sqlite:///{path}") as store:
            assert list(store.results("abcd")) == OLD[1:]
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]
        assert rows(path, "SELECT * FROM results") == [(*row, None) for row in before]
        assert len(rows(path, "SELECT name FROM sqlite_master WHERE type = 'trigger'")) == TRIGGERS


def test_four_processes_upgrade_at_once(url: str) -> None:
    assert crowd("together", url) == [0, 0, 0, 0]
    fill(url)


def test_eight_processes_write_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/promptops.db"
    assert crowd("writers", url) == [0] * 8
    with Store.open(url) as store:
        for turn in range(10):
            assert [version.number for version in store.versions(f"prompt {turn}")] == list(range(1, 9))
            assert store.aliases(f"prompt {turn}") == {"production": 1}


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_schema_is_refused(url: str, read_only: bool) -> None:
    fill(url)
    engine = make_engine(address_of(url), read_only=False)
    with migrating(engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(StoreError, match=r"'9999'.*written by a newer one"):
        Store.open(url, read_only=read_only)


def test_an_older_schema_is_not_upgraded_for_reading(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(url)
    monkeypatch.setattr("promptops.store.upgrade.HEAD", "9000")
    with pytest.raises(StoreError, match=f"older schema {HEAD}"):
        Store.open(url, read_only=True)


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (id)")
    with pytest.raises(StoreError, match=r"another program .* 'songs'"):
        Store.open(f"sqlite:///{path}")
    assert rows(path, "SELECT name FROM sqlite_master") == [("songs",)]


@pytest.mark.postgres
def test_tables_of_others_may_stand_beside_ours_on_a_server(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url) as server:
        server.execute("CREATE TABLE songs (id int)")
    fill(postgres_url)
