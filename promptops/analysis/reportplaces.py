"""Where the files of a report lie, as others see it: from the top of the checkout, not of this machine."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from promptops.files.tomlfile import read_toml
from promptops.gate.rules import GateRule
from promptops.reports import Report
from promptops.verdicts import CellVerdict

WORKSPACE = "GITHUB_WORKSPACE"
"""Where GitHub's runner checks a repository out; its annotations name files from there."""


def placed(
    report: Report, folder: Path | None, rules: Sequence[GateRule], root: Path, environment: Mapping[str, str]
) -> Report:
    """Name a report's files from the top of the checkout (else of the project), and each rule's line.

    `folder` is that of the set, None where its rules play no part.
    """
    tops = [Path(top).absolute() for top in (environment.get(WORKSPACE), root) if top]
    report = _renamed(report, tops)
    if folder is None:
        return report
    file = folder / "evalset.toml"
    cells = report.verdict.cells if report.verdict else ()
    return report.model_copy(update={"rules_file": _seen(file, tops), "lines": _lines(file, rules, cells)})


def _renamed(report: Report, tops: Sequence[Path]) -> Report:
    told = report.verdict or report.comparison
    if told is None or not told.baseline.endswith(".jsonl"):
        return report
    old, new = told.baseline, _seen(Path(told.baseline), tops)
    command = report.facts.command.replace(shlex.quote(old), shlex.quote(new))
    renamed: dict[str, object] = {
        "baseline_file": new,
        "facts": report.facts.model_copy(update={"command": command}),
    }
    if report.verdict:
        renamed["verdict"] = report.verdict.model_copy(update={"baseline": new})
    if report.comparison:
        renamed["comparison"] = report.comparison.model_copy(update={"baseline": new})
    return report.model_copy(update=renamed)


def _seen(path: Path, tops: Sequence[Path]) -> str:
    whole = path.absolute()
    for top in tops:
        if whole.is_relative_to(top):
            return whole.relative_to(top).as_posix()
    return path.name


def _lines(file: Path, rules: Sequence[GateRule], cells: Sequence[CellVerdict]) -> tuple[int | None, ...]:
    if not cells:
        return ()
    located = read_toml(file)
    place, numbers = located.place, _numbers(located.value)
    found: list[int | None] = []
    for cell in cells:
        from_rules = zip(numbers, rules, strict=True)
        at = next((number for number, rule in from_rules if _comes_from(cell.rule, rule)), None)
        found.append(None if at is None else place(("gate", at)).line)
    return tuple(found)


def _numbers(table: JsonValue) -> list[int]:
    """Return where in the file each rule stands: about metrics first, about texts and pairs then."""
    rules = table.get("gate") if isinstance(table, dict) else None
    written = rules if isinstance(rules, list) else []
    later = [isinstance(rule, dict) and ("shift" in rule or "pairwise" in rule) for rule in written]
    return sorted(range(len(written)), key=lambda number: later[number])


def _comes_from(part: GateRule, rule: GateRule) -> bool:
    """Tell whether a cell's rule is a rule of the file, one of its limits, or its margin on one slice."""
    if (part.metric, part.alpha, part.corrected) != (rule.metric, rule.alpha, rule.corrected):
        return False
    if part.slice != rule.slice:
        return rule.worst_slice_margin is not None and part.margin == rule.worst_slice_margin
    limits = (
        (part.margin, rule.margin),
        (part.worst_slice_margin, rule.worst_slice_margin),
        (part.min, rule.min),
        (part.max, rule.max),
    )
    return all(mine in (None, theirs) for mine, theirs in limits)
