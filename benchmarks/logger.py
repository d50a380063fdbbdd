"""What `promptops.log` costs the application, whatever the database does; and how fast the spool is drained.

    python benchmarks/logger.py [--calls 4000] [--pause 0.5]

Each row is a process of its own: an application that logs a call of 300 characters, then waits half a
millisecond as one does that answers requests. Beside it the same with `list.append` and with Python's logging
to a file. Figures are microseconds of the call alone, on the clock; what else the machine does is in the last
columns.
"""

from __future__ import annotations

import argparse
import json
import logging
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import promptops
from promptops import Project
from promptops.production.records import RecordFilter
from promptops.store import Store

DAY = 100_000
"""Records a day that SQLite must take."""
DATABASES = ("healthy", "locked", "dead", "slow")
TEXT = "The parcel left our house this morning and should be with you by tomorrow. " * 4


def calls(way: str, folder: Path, count: int, pause: float, threads: int) -> list[float]:
    """Return the seconds of each call."""
    log = logger_of(way, folder)
    found: list[list[float]] = [[] for _ in range(threads)]

    def work(own: list[float]) -> None:
        for number in range(count // threads):
            began = time.perf_counter()
            log(number)
            own.append(time.perf_counter() - began)
            if pause:
                time.sleep(pause / 1000)

    log(0)  # the first one starts the threads
    workers = [threading.Thread(target=work, args=(own,)) for own in found]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [seconds for own in found for seconds in own]


def logger_of(way: str, folder: Path) -> Callable[[int], object]:
    if way == "list.append":
        held: list[object] = []
        return lambda number: held.append({"number": number, "text": TEXT})
    if way == "logging to a file":
        handler = logging.FileHandler(folder / "app.log")
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log = logging.getLogger("application")
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
        return lambda number: log.info("reply@3 %d %s", number, TEXT)
    return lambda number: promptops.log(
        "reply@3",
        inputs={"question": "Where is my parcel?", "number": number},
        output=TEXT,
        model="openai/gpt-4o-mini",
        tokens_in=120,
        tokens_out=60,
        seconds=0.8,
        session="chat",
        tags=["shop"],
    )


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """Give the URL of a database that is healthy, locked, dead or slow (it never answers)."""
    url = f"sqlite:///{folder}/records.db"
    if kind in ("dead", "slow"):
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"postgresql://app@127.0.0.1:{server.getsockname()[1]}/records"
            if kind == "slow":
                yield url
        if kind == "dead":
            yield url
        return
    Store.open(url).close()
    if kind == "locked":
        other = sqlite3.connect(folder / "records.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield url
        other.close()
        return
    yield url


def row(way: str, kind: str, count: int, pause: float, threads: int) -> list[float]:
    """Measure in a process of its own."""
    with tempfile.TemporaryDirectory() as name, database(kind, Path(name)) as url:
        (Path(name) / "promptops.toml").write_text("")
        asked = [way, url, name, str(count), str(pause), str(threads)]
        done = subprocess.run(
            [sys.executable, __file__, "--row", json.dumps(asked)], stdout=subprocess.PIPE, check=True
        )
        found: list[float] = json.loads(done.stdout)
        return found


def measure_row(way: str, url: str, folder: str, count: str, pause: str, threads: str) -> None:
    logging.getLogger("promptops").setLevel(logging.ERROR)
    promptops.configure_logging(project=folder, database=url)
    found = calls(way, Path(folder), int(count), float(pause), int(threads))
    print(json.dumps(found), flush=True)


def share(found: list[float], part: float) -> float:
    return sorted(found)[min(int(part * len(found)), len(found) - 1)] * 1e6


def drained(count: int) -> tuple[float, float, float]:
    """Return seconds to take, to spool and to drain so many records."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "promptops.toml").write_text("")
        dead = "postgresql://app@127.0.0.1:1/records"
        promptops.configure_logging(project=name, database=dead)
        log = logger_of("promptops.log", Path(name))
        logging.getLogger("promptops").setLevel(logging.ERROR)
        taken = spooled = 0.0
        for first in range(0, count, 5_000):
            began = time.perf_counter()
            for number in range(first, min(first + 5_000, count)):
                log(number)
            then = time.perf_counter()
            promptops.flush(60)
            taken += then - began
            spooled += time.perf_counter() - then
        with Project.open(name) as project:
            assert project.record_count(RecordFilter()) == 0
            began = time.perf_counter()
            done = project.drain_spool()
            seconds = time.perf_counter() - began
        assert done.records == count, (done, promptops.logger().stats)
        promptops.configure_logging(project=name)
        return taken, spooled, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4_000)
    parser.add_argument("--pause", type=float, default=0.5, help="milliseconds between two calls")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--row", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.row:
        measure_row(*json.loads(given.row))
        return
    print(f"{'microseconds a call':<32}{'threads':>8}{'p50':>9}{'p99':>9}{'p99.9':>10}{'max':>10}")
    rows = [("promptops.log", kind, threads) for kind in DATABASES for threads in (1, 8)]
    rows += [(way, "healthy", threads) for way in ("list.append", "logging to a file") for threads in (1, 8)]
    for way, kind, threads in rows:
        found = row(way, kind, given.calls, given.pause, threads)
        told = f"{way}, {kind}" if way == "promptops.log" else way
        figures = [share(found, part) for part in (0.5, 0.99, 0.999)]
        print(
            f"{told:<32}{threads:>8}{figures[0]:>9.1f}{figures[1]:>9.1f}{figures[2]:>10.1f}"
            f"{max(found) * 1e6:>10.1f}",
            flush=True,
        )
    taken, spooled, seconds = drained(given.records)
    print(f"spooled, with redaction: {given.records / (taken + spooled):>8.0f} records a second")
    print(
        f"drained into SQLite:     {given.records / seconds:>8.0f} records a second; {DAY:,} a day are "
        f"{DAY / 86_400:.1f} ({'kept' if given.records / seconds > DAY / 86_400 else 'BROKEN'})"
    )


if __name__ == "__main__":
    main()
