"""Nouns to tables: pandas frames whose texts are one harmless line each. Knows nothing of Streamlit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from promptops import Bill, Case, Estimate, Evidence, Forecast, Run, Slices, verdicts
from promptops import types as nouns
from promptops.texts.figures import dollars, figure, interval, p_value, signed
from promptops.texts.visible import visible_line

CELL = 160
"""Characters of a text that a table shows."""
WHOLE = "whole set"


def cell(text: str | None) -> str:
    """Return a text as one line for a table; a spreadsheet that it is saved to must not run it."""
    line = visible_line(text or "", CELL)
    # A dash alone is no formula: it stands for what is not there.
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) and line != "-" else line


def moment(written: str) -> str:
    """Return a date and time to the minute."""
    return written[:16].replace("T", " ")


def runs_frame(
    runs: Sequence[Run],
    figures: Mapping[str, Mapping[str, float | None]],
    labels: Sequence[str],
    bills: Mapping[str, Bill],
) -> pd.DataFrame:
    """Return one row a run, with what it took and the figures of some metrics."""
    columns: dict[str, list[object]] = {
        "run": [run.id for run in runs],
        "prompt": [cell(run.prompt_ref) for run in runs],
        "model": [cell(run.model) for run in runs],
        "set": [cell(run.evalset) for run in runs],
        "date": [moment(run.created_at) for run in runs],
        "done": [_done(run) for run in runs],
        "errors": [run.errors for run in runs],
        "status": [cell(run.standing) for run in runs],
        "cost": [_cost(bills.get(run.id)) for run in runs],
        "tokens": [_tokens(bills.get(run.id)) for run in runs],
    }
    for label in labels:
        columns[label] = [figure(figures.get(run.id, {}).get(label)) for run in runs]
    return pd.DataFrame(columns)


def _done(run: Run) -> str:
    part = f", a part: {run.samples} of {run.part.samples} samples" if run.part is not None else ""
    return f"{run.done} of {run.samples * run.repeats}{part}"


def _cost(bill: Bill | None) -> str:
    """Return what a run cost; empty where its calls are too many to be added up for a list, or none."""
    if bill is None or not bill.calls + bill.cached:
        return ""
    return "unknown" if bill.cost is None else dollars(bill.cost)


def _tokens(bill: Bill | None) -> str:
    if bill is None or not bill.calls + bill.cached:
        return ""
    return "unknown" if bill.tokens is None else f"{bill.tokens:,}"


def first_labels(runs: Iterable[Run], limit: int) -> list[str]:
    """List the metrics of some runs in their order, the first ones only."""
    return list(dict.fromkeys(record.label for run in runs for record in run.metrics))[:limit]


def estimates_frame(estimates: Iterable[Estimate], run: Run) -> pd.DataFrame:
    """Return one row a metric and slice with its interval."""
    stand_ins = {record.label for record in run.metrics if record.stand_in}
    told = list(estimates)
    more = ["not asked yet"] if any(each.absent for each in told) else []
    return pd.DataFrame(
        [
            {
                "metric": each.label + ("*" if each.label in stand_ins else ""),
                "slice": cell(each.slice) if each.slice is not None else WHOLE,
                "figure": figure(each.value),
                "95 % interval": interval(each.low, each.high),
                "n": each.n,
                "unscored": each.unscored,
                "not asked yet": each.absent,
            }
            for each in told
        ],
        columns=["metric", "slice", "figure", "95 % interval", "n", "unscored", *more],
    )


def failures_frame(failures: Iterable[nouns.FailureCount]) -> pd.DataFrame:
    """Return one row a class of failure, with the words of its first one."""
    rows = [
        {"class": each.kind, "answers": f"{each.count:,}", "the first one said": cell(each.example)}
        for each in failures
    ]
    return pd.DataFrame(rows, columns=["class", "answers", "the first one said"])


def forecast_frame(found: Forecast) -> pd.DataFrame:
    """Return what each prompt's answers and each judge will take."""
    rows = [{name or "what": cell(value) for name, value in part.row.items()} for part in found.parts]
    return pd.DataFrame(rows).drop(columns="stored")


def attempts_frame(attempts: Iterable[nouns.Attempt]) -> pd.DataFrame:
    """Return one row a try at a call: what came back, how long it took, how long it had to wait before."""
    rows = [
        {
            "try": str(number),
            "ended": each.failure or "answered",
            "HTTP": "" if each.status is None else str(each.status),
            "seconds": f"{each.seconds:.2f}",
            "waited": f"{each.waited:.2f}",
            "said": cell(each.message),
        }
        for number, each in enumerate(attempts, 1)
    ]
    return pd.DataFrame(rows, columns=["try", "ended", "HTTP", "seconds", "waited", "said"])


def cases_frame(cases: Sequence[Case], labels: Sequence[str]) -> pd.DataFrame:
    """Return one row a result: how it ended, its own figures, and how its answer begins."""
    columns: dict[str, list[object]] = {
        "sample": [cell(case.result.sample_id) for case in cases],
        "repeat": [case.result.repeat for case in cases],
        "ended": [ending(case) for case in cases],
    }
    for label in labels:
        columns[label] = [case.figures.get(label) for case in cases]
    columns["answer"] = [cell(answer(case)) for case in cases]
    frame = pd.DataFrame(columns)
    return frame.astype(dict.fromkeys(labels, "float64"))


def deltas_frame(deltas: Iterable[verdicts.Delta]) -> pd.DataFrame:
    """Return one row a metric (and slice, where there are several): its change with the gate's own bounds."""
    told = list(deltas)
    several = len({each.slice for each in told}) > 1
    rows = [
        {
            "metric": _metric_name(each) + (f", {cell(each.slice or WHOLE)}" if several else ""),
            "baseline": figure(each.baseline),
            "candidate": figure(each.candidate),
            "change": signed(each.difference),
            "[L, U]": interval(each.low, each.high, sign=True),
            "p": "" if each.p_value is None else p_value(each.p_value),
            "n": each.n,
            "sees": figure(each.resolves),
            "reads": direction(each),
        }
        for each in told
    ]
    columns = ["metric", "baseline", "candidate", "change", "[L, U]", "p", "n", "sees", "reads"]
    return pd.DataFrame(rows, columns=columns)


def direction(delta: verdicts.Delta) -> str:
    """Say in a word what an interval says: better, worse, or neither."""
    if delta.difference is None:
        return "not measured"
    if delta.low is None or delta.high is None:
        return delta.note or "no interval"
    if delta.low <= 0 <= delta.high:
        return "no clear change"
    return "better" if (delta.low > 0) == delta.higher_is_better else "worse"


def pairs_frame(
    ids: Sequence[str],
    changes: Mapping[str, float | None],
    before: Mapping[str, Case],
    after: Mapping[str, Case],
    label: str,
) -> pd.DataFrame:
    """Return one row a sample in two runs, with one metric's figures and how the answers begin."""
    sides = {"baseline": before, "candidate": after}
    columns: dict[str, object] = {
        "sample": [cell(name) for name in ids],
        "change": pd.Series([changes[name] for name in ids], dtype="float64"),
    }
    for side, cases in sides.items():
        found = [cases[name].figures.get(label) if name in cases else None for name in ids]
        columns[side] = pd.Series(found, dtype="float64")
    for side, cases in sides.items():
        columns[f"{side} answers"] = [cell(answer(cases.get(name))) for name in ids]
    return pd.DataFrame(columns)


def scores_frame(sides: Mapping[str, Case | None]) -> pd.DataFrame:
    """Return one row a metric with the figure on each side."""
    labels = dict.fromkeys(label for case in sides.values() if case for label in case.figures)
    rows = [
        {"metric": label, **{side: _score_text(case, label) for side, case in sides.items()}}
        for label in labels
    ]
    return pd.DataFrame(rows, columns=["metric", *sides])


def rules_frame(rows: Iterable[Evidence]) -> pd.DataFrame:
    """Return one row a gate rule, in figures."""
    return pd.DataFrame(
        [
            {
                "verdict": each.outcome.replace("_", " "),
                "rule": cell(each.name),
                "asked": cell(each.asked),
                "found": f"{each.found} ({each.beside})" if each.beside else each.found,
                "[L, U]": each.bounds,
                "n": each.n,
                "sees": each.sees,
                "remark": cell(each.remark if each.outcome == each.alone else f"{each.alone} alone"),
            }
            for each in rows
        ],
        columns=["verdict", "rule", "asked", "found", "[L, U]", "n", "sees", "remark"],
    )


def slices_frame(found: Slices) -> pd.DataFrame:
    """Return one row a slice: its own change and bounds, and the same with all slices in mind."""
    rows = [
        {
            "slice": cell(each.name),
            "kind": "declared" if each.standing == "confirmatory" else "exploratory",
            "n": each.n,
            "change": signed(each.change),
            "shrunken": signed(each.shrunken) if each.judged else "",
            "[L, U]": interval(each.low, each.high, sign=True) if each.judged else "",
            "all together": interval(each.joint_low, each.joint_high, sign=True) if each.judged else "",
            "p of a loss": "" if each.p_harm is None else p_value(each.p_harm),
            "corrected": _corrected(each.standing, each.adjusted_p),
            "remark": cell(each.note),
        }
        for each in found.groups
    ]
    columns = ["slice", "kind", "n", "change", "shrunken", "[L, U]", "all together", "p of a loss"]
    return pd.DataFrame(rows, columns=[*columns, "corrected", "remark"])


def prompts_frame(prompts: Iterable[tuple[nouns.PromptVersion, Mapping[str, int]]]) -> pd.DataFrame:
    """Return one row a prompt with its latest version and aliases."""
    return pd.DataFrame(
        [
            {
                "prompt": cell(version.name),
                "latest": version.number,
                "aliases": cell(", ".join(f"{name} = {number}" for name, number in aliases.items())),
                "changed": moment(version.created_at),
                "note": cell(version.note),
            }
            for version, aliases in prompts
        ],
        columns=["prompt", "latest", "aliases", "changed", "note"],
    )


def versions_frame(versions: Iterable[nouns.PromptVersion], aliases: Mapping[str, int]) -> pd.DataFrame:
    """Return one row a version, the newest first."""
    return pd.DataFrame(
        [
            {
                "version": each.number,
                "aliases": cell(", ".join(name for name, number in aliases.items() if number == each.number)),
                "note": cell(each.note),
                "author": cell(each.author),
                "date": moment(each.created_at),
                "digest": each.prompt.digest[:12],
            }
            for each in sorted(versions, key=lambda version: -version.number)
        ],
        columns=["version", "aliases", "note", "author", "date", "digest"],
    )


def moves_frame(moves: Iterable[nouns.AliasMove]) -> pd.DataFrame:
    """Return one row a move of an alias, the newest first."""
    return pd.DataFrame(
        [
            {
                "date": moment(each.moved_at),
                "alias": cell(each.alias),
                "from": _version_text(each.from_number),
                "to": _version_text(each.to_number),
                "by": cell(each.actor),
                "reason": cell(each.reason),
            }
            for each in reversed(list(moves))
        ],
        columns=["date", "alias", "from", "to", "by", "reason"],
    )


def answer(case: Case | None) -> str:
    """Return the text that a model answered; empty where there is none."""
    return case.result.completion.text if case is not None and case.result.completion is not None else ""


def ending(case: Case | None) -> str:
    """Say how a sample ended: how the answer stopped, or what failed."""
    if case is None:
        return "no result"
    if case.result.failure is not None:
        return f"failed: {case.result.failure.kind}"
    if case.result.completion is None:
        return "left out"
    return "cached" if case.result.cached else case.result.completion.finish_reason


def reason(case: Case | None, label: str) -> str:
    """Return why a score is what it is, or why there is none."""
    score = case.result.scores.get(label) if case is not None else None
    if score is None:
        return ""
    return f"unscored: {score.unscored}" if score.unscored is not None else score.reason


def _corrected(standing: str, adjusted: float | None) -> str:
    """Write Holm's p-value or the q-value as `promptops slices` does."""
    return "" if adjusted is None else f"{'p' if standing == 'confirmatory' else 'q'} {p_value(adjusted)}"


def _metric_name(delta: verdicts.Delta) -> str:
    return delta.label if delta.higher_is_better else f"{delta.label} (lower is better)"


def _score_text(case: Case | None, label: str) -> str:
    return figure(case.figures.get(label)) if case is not None else "-"


def _version_text(number: int | None) -> str:
    return "nothing" if number is None else f"@{number}"
