"""GitHub's annotations: the verdict, and each rule that did not hold, at its line in evalset.toml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from promptops.gate.headline import deciding, outcome_word, reason, settled
from promptops.reports import Form, Report
from promptops.texts.visible import visible_line
from promptops.types import Outcome

Level = Literal["error", "warning", "notice"]

SHOWN = 10
"""GitHub shows so many annotations of each level for a step."""


class Github(Form):
    """Workflow commands, one a line; nothing that they quote can be a command or a line of its own."""

    def render(self, report: Report) -> str:
        """Return the commands, the verdict first; at most as many of a level as GitHub shows."""
        count: dict[Level, int] = {}
        lines: list[str] = []
        for level, title, message, line in _annotations(report):
            count[level] = count.get(level, 0) + 1
            if count[level] <= SHOWN:
                lines.append(_command(level, title, message, report.rules_file, line))
        return "".join(f"{line}\n" for line in lines)


def _annotations(report: Report) -> Iterator[tuple[Level, str, str, int | None]]:
    verdict = report.verdict
    if verdict is None:
        yield "notice", f"promptops: {report.evalset}", report.headline, None
        return
    blocks = report.inconclusive_blocks
    title = f"{outcome_word(verdict.outcome)}: {report.evalset}"
    yield _level(verdict.outcome, blocks), title, report.headline, _line(report)
    decided = deciding(verdict)
    for number, cell in enumerate(verdict.cells):
        outcome = settled(cell)
        # The first annotation has told that one.
        if outcome != "PASS" and cell is not decided:
            line = report.lines[number] if number < len(report.lines) else None
            title = f"{outcome_word(outcome)}: {cell.rule.metric}"
            yield _level(outcome, blocks), title, reason(cell, len(verdict.cells)), line
    for warning in verdict.warnings:
        yield "warning", f"Note on {report.evalset}", warning, None


def _line(report: Report) -> int | None:
    """Return where the rule stands that the verdict hangs on."""
    if report.verdict is None:
        return None
    decided = deciding(report.verdict)
    for cell, line in zip(report.verdict.cells, report.lines, strict=False):
        if cell is decided:
            return line
    return None


def _level(outcome: Outcome, blocks: bool) -> Level:
    if outcome == "INCONCLUSIVE":
        return "error" if blocks else "warning"
    return "notice" if outcome == "PASS" else "error"


def _command(level: Level, title: str, message: str, file: str, line: int | None) -> str:
    fields = {"file": file, "line": str(line) if file and line else "", "title": f"promptops {title}"}
    told = ",".join(f"{name}={_property(value)}" for name, value in fields.items() if value)
    return f"::{level} {told}::{_data(message, 2000)}"


def _property(text: str) -> str:
    return _data(text, 200).replace(":", "%3A").replace(",", "%2C")


def _data(text: str, limit: int) -> str:
    """Return one line as the runner decodes it; `##[` would be a command of its older kind."""
    flat = visible_line(text, limit).replace("##[", "# #[")
    return flat.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
