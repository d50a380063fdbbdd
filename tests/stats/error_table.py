"""The table of measured error rates: the slow tests note its rows, this prints it.

python -m tests.stats.error_table [--guide]     (--guide writes it into docs/guide/promises.md)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NOTES = ROOT / ".pytest_cache" / "gate_errors.jsonl"
GUIDE = ROOT / "docs" / "guide" / "promises.md"
MARKS = ("<!-- measured -->", "<!-- /measured -->")


def note(**row: object) -> None:
    """Add a row; each is one short line, so that several processes can do it."""
    NOTES.parent.mkdir(exist_ok=True)
    with NOTES.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def rows() -> list[dict[str, Any]]:
    """Return what was noted, each cell once, the order of cases, clusters, way of stopping and shape."""
    found = {
        (row["n"], row["clusters"], row["mode"], row["shape"]): row
        for row in map(json.loads, NOTES.read_text("utf-8").splitlines())
    }
    return [found[key] for key in sorted(found)]


def whole_table() -> str:
    """Return every cell as a row of a Markdown table."""
    lines = ["| cases | in groups of | stop | scores | margin | false PASS | false FAIL | equal one passes |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for row in rows():
        lines.append(
            f"| {row['n']} | {row['clusters']} | {row['mode']} | {row['shape']} | {row['margin']} | "
            f"{row['false_pass']:.3f} | {row['false_fail']:.3f} | {row['passes']:.2f} |"
        )
    return "\n".join(lines)


def guide_table() -> str:
    """Return the largest rates over the five shapes of scores, as a Markdown table."""
    cells: dict[tuple[int, str], dict[str, list[dict[str, Any]]]] = {}
    for row in rows():
        cells.setdefault((row["n"], row["clusters"]), {}).setdefault(row["mode"], []).append(row)
    lines = [
        "| cases | in groups of | false PASS | false FAIL | with early stop: false PASS | false FAIL "
        "| in two stages: false PASS | false FAIL |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for (n, clusters), modes in cells.items():
        largest = [
            max(row[rate] for row in modes[mode])
            for mode in ("fixed", "early", "stages")
            for rate in ("false_pass", "false_fail")
        ]
        lines.append(f"| {n} | {clusters} | " + " | ".join(f"{rate:.1%}" for rate in largest) + " |")
    return "\n".join(lines)


def main() -> None:
    print(whole_table())
    if "--guide" in sys.argv:
        before, _, rest = GUIDE.read_text("utf-8").partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        GUIDE.write_text(f"{before}{MARKS[0]}\n{guide_table()}\n{MARKS[1]}{after}", "utf-8")


if __name__ == "__main__":
    main()
