"""The gate once more, written plainly from the page of formulas with scipy: the yardstick for power.

    python -m tests.stats.plain_gate > tests/stats/power.json

Takes some minutes; made once. Nothing of promptops.stats is used here but the simulated differences.
"""

from __future__ import annotations

import json
import math
import sys

import numpy as np
from scipy import stats

from tests.stats.simulated import CLUSTERS, ENOUGH, MARGINS, SHAPES, drawn, grouping

RUNS = 20_000


def outcome_at_the_end(d: np.ndarray, groups: np.ndarray, margin: float, alpha: float) -> str:
    n, count = len(d), int(groups[-1]) + 1
    biggest = float(np.max(np.abs(d))) or 1.0
    padded = np.append(d, [biggest, -biggest])
    labels = np.append(groups, [count, count + 1])
    centre = padded.mean()
    sums = np.bincount(labels, weights=padded - centre)
    se = math.sqrt(len(sums) / (len(sums) - 1) * float(np.sum(sums**2))) / (n + 2)
    reach = stats.t.ppf(1 - alpha, len(sums) - 1) * se * (n + 2) / n
    if d.mean() - reach > -margin:
        return "PASS"
    return "FAIL" if d.mean() + reach < 0 else "INCONCLUSIVE"


def outcome_of_bets(d: np.ndarray, groups: np.ndarray, margin: float) -> tuple[str | None, int]:
    sizes = np.bincount(groups)
    up = np.bincount(groups, weights=d + margin) / sizes.max()
    down = np.bincount(groups, weights=-d) / sizes.max()
    stakes = np.geomspace(0.01, 0.95, 20)
    won = np.exp(np.cumsum(np.log1p(np.outer(up, stakes / (1 - margin))), axis=0)).mean(axis=1)
    lost = np.exp(np.cumsum(np.log1p(np.outer(down, stakes)), axis=0)).mean(axis=1)
    for place, (gain, loss) in enumerate(zip(won, lost, strict=True)):
        if gain >= 100:
            return "PASS", int(sizes[: place + 1].sum())
        if loss >= 100:
            return "FAIL", int(sizes[: place + 1].sum())
    return None, len(d)


def main(runs: int = RUNS) -> None:
    table = []
    for shape in SHAPES:
        for clusters in CLUSTERS:
            for mode in ("fixed", "early"):
                n, margin = ENOUGH[shape], MARGINS[shape]
                row: dict[str, object] = {"shape": shape, "clusters": clusters, "mode": mode, "n": n}
                for name, true, wanted in (("pass at 0", 0.0, "PASS"), ("fail at -2", -2 * margin, "FAIL")):
                    groups = grouping(clusters, n)
                    rng = np.random.default_rng(7)
                    hits = used = 0
                    for start in range(0, runs, 1000):
                        for d in drawn(shape, groups, true, min(1000, runs - start), rng).T:
                            early, cases = (
                                outcome_of_bets(d, groups, margin) if mode == "early" else (None, n)
                            )
                            alpha = 0.04 if mode == "early" else 0.05
                            hits += (early or outcome_at_the_end(d, groups, margin, alpha)) == wanted
                            used += cases
                    row[name], row[f"cases, {name}"] = round(hits / runs, 4), round(used / runs, 1)
                table.append(row)
                print(row, file=sys.stderr, flush=True)
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
