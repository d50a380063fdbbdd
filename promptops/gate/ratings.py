"""People's ratings for the gate: found beside the set, laid beside both runs, or why they are of no use."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from promptops.analysis.sides import Loaded
from promptops.errors import NotComparable
from promptops.files.textfile import check_inside
from promptops.gate.cells import Ratings
from promptops.gate.rules import GateRule
from promptops.labels.labels import DRAW, DRAWN, Case, draw_command, read_cases
from promptops.labels.ratings import People, people_of
from promptops.stats.ppi import FEWEST
from promptops.types import EvalSet, MetricRecord, Run


@dataclass(frozen=True)
class Rated:
    """The ratings that a set's rules ask for."""

    folder: Path
    evalset: EvalSet
    baseline: str
    """As a command names it."""

    @cached_property
    def rules(self) -> tuple[GateRule, ...]:
        """Those that are decided by ratings, one for each judge and file."""
        asked = {(rule.metric, rule.labels): rule for rule in self.evalset.gate if rule.corrected}
        return tuple(asked.values())

    def of_both(self, first: Loaded, second: Loaded) -> Ratings:
        """Return the ratings of a baseline's and a candidate's outputs, or why they decide nothing.

        Raises FileProblems for a broken file of labels.
        """
        records = {record.label: record for record in second.side.run.metrics}
        found: dict[tuple[str, str | None, bool], People | str] = {}
        for rule in self.rules:
            record = records.get(rule.metric)
            if record is None:
                continue
            if self._of_changes(rule):
                found[rule.metric, rule.labels, True] = self._people(rule, record, [first, second], second)
            if any((each.min, each.max) != (None, None) for each in self._alike(rule)):
                found[rule.metric, rule.labels, False] = self._people(rule, record, [second], second)
        return found

    def _of_changes(self, rule: GateRule) -> bool:
        """Tell whether a change is decided by these ratings, and not one run's figure only."""
        return any(
            each.margin is not None or each.worst_slice_margin is not None for each in self._alike(rule)
        )

    def _alike(self, rule: GateRule) -> list[GateRule]:
        """Return the rules on the same judge that are decided by the same ratings."""
        same = (rule.metric, rule.labels)
        return [each for each in self.evalset.gate if each.corrected and (each.metric, each.labels) == same]

    def refuse(self, first: Loaded, draft: Run, prompt: str) -> None:
        """Raise NotComparable where the baseline's ratings can't decide, whatever a new run will answer."""
        records = {record.label: record for record in draft.metrics}
        for rule in self.rules:
            record = records.get(rule.metric)
            known = record is not None and self._of_changes(rule)
            found = self._people(rule, record, [first]) if known and record is not None else ""
            if isinstance(found, str) and found:
                why, _, command = found.partition(DRAW)
                if not command:
                    raise NotComparable(f"{why[:1].upper()}{why[1:]}.")
                raise NotComparable(
                    f"{why[:1].upper()}{why[1:]}. People rate what both versions answer, so evaluate first "
                    f"(promptops eval {self.evalset.name} --prompt {prompt}), draw and rate ({command}), and "
                    f"decide that run: promptops gate {self.evalset.name}"
                )

    def _people(
        self, rule: GateRule, record: MetricRecord, runs: list[Loaded], second: Loaded | None = None
    ) -> People | str:
        """Return ratings of runs, the baseline's first; else the reason and what mends it.

        `second` is the candidate, where there is one; it may be the only run.
        """
        name = rule.metric
        if not record.judge or record.low is None or record.high is None:
            return f"{name} is no judge with a scale, so that people can't rate on it. Take `corrected` away"
        path = self._file(rule)
        candidate = "latest" if second is None else second.side.run.id
        if not path.is_file():
            return f"nobody has rated what {name} judges ({self._shown(rule)} is not there)" + self._draw(
                rule, candidate
            )
        cases = read_cases(path, record.low, record.high)
        if not any(case.ratings for case in cases):
            return f"nobody has rated a case of {self._shown(rule)} yet{self._label(rule)}"
        if runs[0] is not second and all(result.completion is None for result in runs[0].outputs()):
            return (
                f"the baseline {Path(self.baseline).name} was accepted without outputs, so that its ratings "
                "can't be found. Evaluate its prompt again and accept that run: promptops accept RUN"
            )
        people = people_of(cases, runs, record.signature, self._shown(rule))
        why_not = self._why_not(rule, cases, people, runs, candidate)
        return why_not or replace(people, draw=self._command(rule, candidate, cases, people.seed))

    def _why_not(
        self, rule: GateRule, cases: tuple[Case, ...], people: People, runs: list[Loaded], candidate: str
    ) -> str:
        table = runs[0].side.table
        # A candidate's missing answer is the worst and needs no rating.
        known = np.isfinite(people.ratings[0])
        whose = "of the baseline"
        if len(runs) > 1:
            known &= np.isfinite(people.ratings[1]) | people.failed[1]
            whose = "of both versions"
        elif candidate == runs[0].side.run.id:
            known |= people.failed[0]
            whose = "of this version"
        groups = len(np.unique(table.clusters[known & people.drawn]))
        if groups < FEWEST:
            outside = int((known & ~people.drawn).sum())
            told = f" ({outside} more were not drawn at random)" if outside else ""
            why = (
                f"the answers {whose} to {groups} independent samples are drawn at random and rated{told}, "
                f"and a rule with `corrected` takes {FEWEST}"
            )
            if len(np.unique(table.clusters[people.drawn])) < FEWEST:
                return why + self._draw(rule, candidate, cases)
            waiting = int((people.drawn & ~known).sum())
            return f"{why}; {waiting} that were drawn wait for a rating" + self._label(rule)
        if not people.same_judge:
            return (
                f"the ratings of {rule.metric} were drawn for another judge: its signature changed since. If "
                "people are asked for the same as before, draw again, which keeps what they said"
            ) + self._draw(rule, candidate, cases, people.seed)
        return ""

    def _draw(
        self, rule: GateRule, candidate: str, cases: tuple[Case, ...] = (), seed: int | None = None
    ) -> str:
        return DRAW + self._command(rule, candidate, cases, seed)

    def _command(self, rule: GateRule, candidate: str, cases: tuple[Case, ...], seed: int | None) -> str:
        """Return the command that draws, by which nothing that was drawn is lost."""
        drawn = len({case.sample for case in cases if case.seed is not None})
        count = min(max(DRAWN, drawn), len(self.evalset.samples))
        judge = f"{self.evalset.name}:{rule.metric}"
        runs = [*([self.baseline] if self._of_changes(rule) else []), candidate]
        return draw_command(judge, runs, count, seed, self._named(rule))

    def _label(self, rule: GateRule) -> str:
        named = self._named(rule)
        command = ["promptops", "judge", "label", f"{self.evalset.name}:{rule.metric}", "--rater", "NAME"]
        return DRAW + shlex.join([*command, *([] if named is None else ["--labels", named])])

    def _named(self, rule: GateRule) -> str | None:
        return None if rule.labels is None else str(self._file(rule))

    def _file(self, rule: GateRule) -> Path:
        path = self.folder / self._shown(rule)
        check_inside(path, self.folder)
        return path

    def _shown(self, rule: GateRule) -> str:
        return rule.labels or f"labels/{rule.metric}.jsonl"
