"""What `monitor` takes over very many records on SQLite, beside a bare read of the same columns.

    python benchmarks/monitor.py [--records 200000] [--repeat 3]

Each figure is a process of its own: CPU seconds and the largest memory, the least of its repeats.
Run it twice: the first time compiles the modules.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from promptops.production.records import Feedback, Record, RecordScore
from promptops.store import Store

DAYS = 28
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
PAGE = 5_000
IDLE = "from promptops import Project; import promptops.production.monitoring; Project.open().store"
BARE = """
import sqlite3
read = sqlite3.connect(".promptops/promptops.db")
for query in (
    "SELECT id, at, prompt, version, alias, model, error, finish_reason, seconds, cost, rate FROM records "
    "WHERE at >= '2026-10-01' ORDER BY at, id",
    "SELECT record_id, thumb FROM feedback ORDER BY at, id",
    "SELECT record_id, label, signature, value FROM record_scores ORDER BY id",
):
    rows = read.execute(query)
    while rows.fetchmany(500):
        pass
"""
MONITOR = """
from promptops import Project
with Project.open() as project:
    project.monitor(since="2026-10-01", until="2026-10-28", score=False)
"""


def fill(store: Store, count: int) -> None:
    """Add records, feedback on a fifth and two scores of each answer."""
    rng = random.Random(1)
    for begin in range(0, count, PAGE):
        records, said, scores = [], [], []
        for number in range(begin, min(begin + PAGE, count)):
            at = (FIRST + timedelta(days=DAYS * number / count)).isoformat(timespec="microseconds")
            failed, name = rng.random() < 0.03, f"{rng.getrandbits(128):032x}"
            records.append(
                Record(
                    id=name,
                    at=at,
                    prompt="reply",
                    version=1 + 3 * number // count,
                    model="openai/gpt-4o-mini",
                    inputs={"question": "Where is my parcel? " * 4},
                    output=None if failed else "It left this morning and is with you by tomorrow. " * 3,
                    error="timeout" if failed else None,
                    finish_reason=None if failed else "stop",
                    seconds=None if failed else round(rng.lognormvariate(0, 0.5), 4),
                    cost=None if number % 10 == 0 else 0.002,
                )
            )
            if not failed and rng.random() < 0.2:
                thumb = "up" if rng.random() < 0.8 else "down"
                said.append(Feedback(id=name, record=name, at=at, thumb=thumb))
            if not failed:
                for label in ("json_valid", "short"):
                    value = float(rng.random() < 0.9)
                    scores.append(
                        RecordScore(record=name, label=label, signature=f"{label}|v1", value=value, at=at)
                    )
        store.add_records(records)
        store.add_feedback(said)
        store.add_record_scores(scores)


def measured(code: str, folder: Path) -> tuple[float, float]:
    """Return the CPU seconds of a process, and its largest memory in MB."""
    # What getrusage tells of memory includes that of the process which started it.
    code += "\nprint(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"a measured process ended with {status}")
    return used.ru_utime + used.ru_stime, int(told.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "promptops.toml").write_text("")
        (folder / ".promptops").mkdir()
        with Store.open(f"sqlite:///{folder}/.promptops/promptops.db") as store:
            fill(store, given.records)
        ways = {"bare read": BARE, "promptops, idle": IDLE, "monitor": MONITOR}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(given.repeat):  # in turn, so that a busy time meets all of them
            for name, code in ways.items():
                found[name].append(measured(code, folder))
    least = {name: (min(s for s, _ in each), min(mb for _, mb in each)) for name, each in found.items()}
    print(f"{given.records:,} records{'':<12}CPU s      MB")
    for name, (seconds, size) in least.items():
        print(f"{name:<24}{seconds:>8.2f}{size:>8.0f}")
    own = least["monitor"][0] - least["promptops, idle"][0]
    print(f"monitor but for its start takes {own / least['bare read'][0]:.1f} times the bare read")


if __name__ == "__main__":
    main()
