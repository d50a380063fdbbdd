"""Both engines for the store's tests: SQLite always, PostgreSQL where a server can be started."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from promptops.store import Store

PASSWORD = "canary-b7d1"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server, from PROMPTOPS_TEST_PG_URL or started for this session."""
    given = os.environ.get("PROMPTOPS_TEST_PG_URL")
    if given:
        yield given
        return
    binaries = _postgres_binaries()
    if binaries is None:
        _go_without(
            "no PostgreSQL server is installed: apt-get install postgresql, or set PROMPTOPS_TEST_PG_URL"
        )
    if importlib.util.find_spec("psycopg") is None:
        _go_without("the driver is not installed: pip install 'psycopg[binary]'")
    folder = Path(tempfile.mkdtemp(prefix="promptops-pg-"))
    try:
        yield from _serve(binaries, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_database(postgres_server: str) -> Iterator[str]:
    """The URL of a database of this session's own."""
    import psycopg

    name = f"promptops_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    yield f"{postgres_server.rpartition('/')[0]}/{name}"
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(postgres_database: str) -> str:
    """The URL of an empty PostgreSQL database."""
    import psycopg

    with psycopg.connect(postgres_database, autocommit=True) as server:
        server.execute("DROP SCHEMA public CASCADE")
        server.execute("CREATE SCHEMA public")
    return postgres_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database that several Stores can open, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/promptops.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=["sqlite", "memory", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An open Store of each kind."""
    if request.param == "postgresql":
        where = str(request.getfixturevalue("postgres_url"))
    else:
        where = "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/data/promptops.db"
    with Store.open(where) as opened:
        yield opened


def _go_without(reason: str) -> NoReturn:
    """Skip, except where nobody would notice."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _postgres_binaries() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return folders[-1].parent if folders else None


def _serve(binaries: Path, folder: Path) -> Iterator[str]:
    user = _unprivileged_user()
    # The server refuses to run as root.
    runner = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    if user is not None:
        shutil.chown(folder, user)
    password_file = folder / "password"
    password_file.write_text(PASSWORD)
    password_file.chmod(0o644)
    data = folder / "data"
    port = _free_port()

    def run(*command: str) -> None:
        done = subprocess.run([*runner, *command], capture_output=True, text=True, cwd=folder, check=False)
        if done.returncode:
            pytest.fail(f"{command[0]} failed: {done.stdout}{done.stderr}")

    run(
        str(binaries / "initdb"), "-D", str(data), "-U", "tester", "-A", "scram-sha-256", "--no-sync",
        "-E", "UTF8", "--locale=C.UTF-8", f"--pwfile={password_file}",
    )  # fmt: skip
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    control = str(binaries / "pg_ctl")
    run(control, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://tester:{PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        run(control, "-D", str(data), "-m", "immediate", "-w", "stop")


def _unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
