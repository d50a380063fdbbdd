"""Run by tests as a program: processes that are killed while they upgrade, or that upgrade at once.

It forks, so that many processes cost little: everything is imported before.
`crowd.py kills URL...`, `crowd.py together URL` and `crowd.py writers URL` print what they saw as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import alembic.command
import alembic.config
import sqlalchemy
from sqlalchemy import event

from promptops.store import Store, upgrade
from promptops.store.address import address_of
from promptops.store.opening import make_engine
from tests.store import nouns

assert alembic.command
assert alembic.config


def forked(work: Callable[[int], None], number: int) -> list[int]:
    """Run `work` in so many processes at once; return how each ended."""
    sys.stdout.flush()
    gate, open_gate = os.pipe()
    children = []
    for index in range(number):
        child = os.fork()
        if child == 0:
            os.close(open_gate)
            os.read(gate, 1)
            try:
                work(index)
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        children.append(child)
    os.close(gate)
    os.close(open_gate)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def die_at(statement: int) -> None:
    """Kill this process just before it sends its n-th statement that changes something."""
    seen = 0

    def count(*arguments: object) -> None:
        nonlocal seen
        words = str(arguments[2]).split(None, 1)
        if words[0].upper() in ("CREATE", "INSERT", "UPDATE", "DROP", "ALTER", "DELETE"):
            seen += 1
            if seen == statement:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(sqlalchemy.Engine, "before_cursor_execute", count)


def bring(url: str, folder: str, head: str) -> None:
    """Upgrade with other migrations than the shipped ones."""
    address = address_of(url)
    engine = make_engine(address, read_only=False)
    upgrade.bring_to_head(engine, address, folder=Path(folder) if folder else None, head=head)
    engine.dispose()


def kills(step: int, folder: str, head: str, *urls: str) -> None:
    """Kill one upgrade of each database, each one later than the one before."""

    def work(number: int) -> None:
        die_at(1 + number * step)
        bring(urls[number], folder, head)

    print(
        json.dumps([code for number in range(len(urls)) for code in forked(lambda _, n=number: work(n), 1)])
    )


def main(what: str, *arguments: str) -> None:
    if what == "kills":
        kills(int(arguments[0]), *arguments[1:])
    elif what == "together":
        print(json.dumps(forked(lambda _: Store.open(arguments[0]).close(), 4)))
    elif what == "writers":
        print(json.dumps(forked(lambda number: write(arguments[0], number), 8)))


def write(url: str, writer: int) -> None:
    with Store.open(url) as store:
        for turn in range(10):
            store.add_prompt(f"prompt {turn}", nouns.prompt(f"writer {writer}"))
            store.set_alias(f"prompt {turn}", "production", 1, "", "")


if __name__ == "__main__":
    main(*sys.argv[1:])
