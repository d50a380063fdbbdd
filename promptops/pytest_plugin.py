"""An evaluation set is a test file and each gate rule a test: `pytest evalsets --prompt FILE`.

Nothing is collected, and nothing of promptops imported, without `--prompt`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from promptops.gate.rules import GateRule
    from promptops.verdicts import CellVerdict, Verdict


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add promptops' options."""
    group = parser.getgroup("promptops", "prompt evaluation")
    group.addoption(
        "--prompt", dest="promptops_prompt", metavar="PROMPT", help="Evaluate this prompt on collected sets."
    )
    group.addoption(
        "--model",
        dest="promptops_model",
        metavar="MODEL",
        help="The model (default: the prompt's or the settings').",
    )
    group.addoption(
        "--judge-model", dest="promptops_judge", metavar="MODEL", help="The model that judges ask."
    )
    group.addoption(
        "--cassette",
        dest="promptops_cassette",
        metavar="FILE",
        help="Answer from this recording: no key is needed, nobody is asked.",
    )
    group.addoption(
        "--baseline",
        dest="promptops_baseline",
        metavar="RUN",
        help="A label, file or run (default: baseline.jsonl).",
    )
    group.addoption(
        "--inconclusive",
        dest="promptops_inconclusive",
        choices=["block", "warn", "extend"],
        default="block",
        help="What an INCONCLUSIVE verdict does (default: block); extend asks the first part of the samples, "
        "and the others only where it leaves the verdict open.",
    )
    group.addoption(
        "--early-stop",
        dest="promptops_early_stop",
        action="store_true",
        help="Ask no further samples once the verdict is certain.",
    )
    group.addoption(
        "--first",
        dest="promptops_first",
        type=int,
        metavar="N",
        help="How many samples the first part has, for --inconclusive=extend (default: half of them).",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> EvalSetFile | None:
    """Collect `evalset.toml` where a prompt is named."""
    if file_path.name == "evalset.toml" and parent.config.getoption("promptops_prompt"):
        return EvalSetFile.from_parent(parent, path=file_path)
    return None


class EvalSetFile(pytest.File):
    """One evaluation set: evaluated once, when its first test is run."""

    _verdict: Verdict | None = None
    _error: Exception | None = None

    def collect(self) -> Iterable[pytest.Item]:
        """Make a test for each cell of the verdict, and one for the whole."""
        from promptops.errors import PromptopsError
        from promptops.sets.evalset import read_evalset

        try:
            found = read_evalset(self.path.parent)
        except PromptopsError as error:
            raise self.CollectError(str(error)) from None
        for rule in (*found.gate, *found.shifts):
            asked = [("margin", rule.margin is not None or (rule.min is None and rule.max is None))]
            asked.append(("bound", rule.min is not None or rule.max is not None))
            for kind in (kind for kind, wanted in asked if wanted):
                where = f"-{rule.slice}" if rule.slice else ""
                yield Cell.from_parent(self, name=f"{rule.metric}{where}-{kind}", rule=rule, kind=kind)
        yield Whole.from_parent(self, name="verdict")

    def verdict(self) -> Verdict:
        """Evaluate and decide once; an error is raised for every test of the set."""
        if self._error is not None:
            raise self._error
        if self._verdict is None:
            try:
                self._verdict = self._decide()
            except Exception as error:
                self._error = error
                raise
        return self._verdict

    def _decide(self) -> Verdict:
        from promptops.project import Project

        option = self.config.getoption
        with Project.open(self.path.parent) as project:
            return project.gate_prompt(
                self.path.parent,
                option("promptops_prompt"),
                option("promptops_model"),
                baseline=option("promptops_baseline"),
                cassette=option("promptops_cassette"),
                early_stop=option("promptops_early_stop"),
                first=option("promptops_first"),
                extend=option("promptops_inconclusive") == "extend",
                judge_model=option("promptops_judge"),
            )


class NotPassed(Exception):
    """A verdict that is not PASS."""


class Cell(pytest.Item):
    """One rule of the gate."""

    def __init__(self, *, rule: GateRule, kind: str, **details: Any) -> None:
        super().__init__(**details)
        self._rule = rule
        self._bound = kind == "bound"

    def runtest(self) -> None:
        """Fail where the rule's cell did not pass."""
        file = self.parent
        assert isinstance(file, EvalSetFile)  # noqa: S101 - made by it
        verdict = file.verdict()
        cells = self._cells(verdict)
        if not cells:
            # Nothing was measured at all, so that no rule has a cell.
            _check(verdict.outcome, verdict.reason, self.config)
        for cell in cells:
            self.add_report_section("call", "promptops", cell.sentence)
        for cell in cells:
            _check(cell.outcome, cell.sentence, self.config)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show a verdict or a mendable error as a sentence, a bug with its traceback."""
        return _told(excinfo) or super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name the set and the rule."""
        return self.path, None, f"{self.path.parent.name}: {self.name}"

    def _cells(self, verdict: Verdict) -> list[CellVerdict]:
        """Return the rule's own cells: one, or one a slice where it speaks of the worst."""
        rule, bound = self._rule, self._bound

        def mine(cell: CellVerdict) -> bool:
            asked = cell.rule
            same = ("metric", "exact", "estimand", "corrected", "labels")
            alike = all(getattr(asked, name) == getattr(rule, name) for name in same)
            if bound:
                return alike and (asked.slice, asked.min, asked.max) == (rule.slice, rule.min, rule.max)
            worst = rule.worst_slice_margin is not None and asked.margin == rule.worst_slice_margin
            return alike and (worst or (asked.slice, asked.margin) == (rule.slice, rule.margin))

        return [cell for cell in verdict.cells if mine(cell)]


class Whole(pytest.Item):
    """The verdict over all rules."""

    def runtest(self) -> None:
        """Fail where the verdict is not PASS."""
        file = self.parent
        assert isinstance(file, EvalSetFile)  # noqa: S101 - made by it
        verdict = file.verdict()
        ended = [] if verdict.stopping is None else [verdict.stopping.sentence]
        self.add_report_section("call", "promptops", "\n".join([verdict.sentence, *ended]))
        _check(verdict.outcome, "\n".join([verdict.sentence, *ended, *verdict.warnings]), self.config)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show a verdict or a mendable error as a sentence, a bug with its traceback."""
        return _told(excinfo) or super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name the set."""
        return self.path, None, f"{self.path.parent.name}: verdict"


def _check(outcome: str, sentence: str, config: pytest.Config) -> None:
    if outcome == "PASS":
        return
    if outcome == "INCONCLUSIVE" and config.getoption("promptops_inconclusive") == "warn":
        return
    raise NotPassed(f"{outcome}: {sentence}")


def _told(excinfo: pytest.ExceptionInfo[BaseException]) -> str | None:
    from promptops.errors import PromptopsError

    return str(excinfo.value) if isinstance(excinfo.value, NotPassed | PromptopsError) else None
