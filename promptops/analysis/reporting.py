"""From two sides and a verdict to a Report: the figures, the worst cases, and how to check it all."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
from collections.abc import Mapping, Sequence

import numpy as np

from promptops.analysis.comparison import Pairing, pair
from promptops.analysis.sides import Loaded
from promptops.analysis.summary import RESAMPLES, SEED, own_figures, slice_mask, slice_names
from promptops.gate.baselines import TIMED
from promptops.gate.bounds import bare_evidence, early_of
from promptops.gate.headline import compared, headline, leading, told_apart
from promptops.gate.sight import with_sight
from promptops.reports import Facts, Report, ReportCase
from promptops.types import Case, EvalSet, Result
from promptops.verdicts import Comparison, Delta, Stopping, Verdict

WORST = 5
"""Cases that a report shows."""
UNANSWERED = 2
"""At most so many of them are samples without an answer: one looks like the other."""
SLICES = 40
"""Tags that a report has figures for, where the set declares no slices."""


def gate_report(
    verdict: Verdict, evalset: EvalSet, first: Loaded, second: Loaded, *, blocks: bool = True
) -> Report:
    """Tell a verdict on two sides, about the metric and slice that it hangs on."""
    samples = second.side.table.samples
    stopped, early = early_of(verdict.stopping, samples), None
    if stopped is not None:
        places, early = stopped
        first, second = first.only(places), second.only(places)
    alpha = 0.05 if verdict.stopping is None else 0.05 * verdict.stopping.share
    pairing = pair(first.side, second.side, second.metrics)
    label, name = _subject(verdict, pairing)
    gated = [each.rule.slice for each in verdict.cells if each.rule.slice]
    command = ["promptops", "gate", evalset.name, "--run", verdict.candidate, "--baseline", verdict.baseline]
    command += [] if verdict.look is None else ["--look", str(verdict.look)]
    command += [] if verdict.judge_model is None else ["--judge-model", verdict.judge_model]
    tags = slice_names(samples, evalset.slices)[: max(SLICES, len(evalset.slices))]
    names = (None, *dict.fromkeys([*second.side.table.origins, *tags, *gated]))
    records = {record.label: record for record in second.side.run.metrics}
    deltas = tuple(
        with_sight(cell, records[label])
        for label in _labels(pairing, first)
        for cell in (
            [pairing.cell(label, each, alpha) for each in names]
            if early is None
            else bare_evidence(pairing, label, names, samples, early)
        )
    )
    comparison = Comparison(
        baseline=verdict.baseline,
        candidate=verdict.candidate,
        evalset=evalset.name,
        deltas=deltas,
        identical=bool(verdict.cells) and all(each.label == "identical" for each in verdict.cells),
        warnings=verdict.warnings,
    )
    return _with_cases(
        Report(
            headline=headline(verdict, second.side.run.prompt_ref),
            evalset=evalset.name,
            verdict=verdict,
            inconclusive_blocks=blocks,
            comparison=comparison,
            metric=label,
            slice=name,
            facts=_with_ratings(
                _facts(pairing, first, second, deltas, shlex.join(command), verdict.stopping), verdict
            ),
        ),
        pairing,
        first,
        second,
    )


def comparison_report(comparison: Comparison, label: str, first: Loaded, second: Loaded) -> Report:
    """Tell a comparison without rules, with the cases that lost most in one metric."""
    pairing = pair(first.side, second.side, second.metrics)
    before, after = first.side.run, second.side.run
    command = ["promptops", "compare", comparison.baseline, comparison.candidate]
    return _with_cases(
        Report(
            headline=compared(comparison, label, *told_apart(before, after)),
            evalset=comparison.evalset,
            comparison=comparison,
            metric=label,
            facts=_facts(pairing, first, second, comparison.deltas, shlex.join(command)),
        ),
        pairing,
        first,
        second,
    )


def refusal_report(evalset: str, reason: str) -> Report:
    """Tell that nothing could be measured at all, and why: what a gate refuses has no figures."""
    verdict = Verdict(outcome="CANNOT_MEASURE", reason=reason, sentence=reason, cells=())
    return Report(headline=headline(verdict), evalset=evalset, verdict=verdict, facts=versions())


def _subject(verdict: Verdict, pairing: Pairing) -> tuple[str, str | None]:
    """Return the metric and slice to look at."""
    cell = leading(verdict)
    if cell is None or cell.rule.metric not in pairing.metrics:
        return next(iter(pairing.metrics)), None
    return cell.rule.metric, cell.rule.slice


def _labels(pairing: Pairing, first: Loaded) -> list[str]:
    records = {record.label: record for record in pairing.candidate.run.metrics}
    from_file = first.side.run.id == "baseline"
    return [label for label in pairing.metrics if not (from_file and records[label].metric in TIMED)]


def _with_cases(report: Report, pairing: Pairing, first: Loaded, second: Loaded) -> Report:
    samples = pairing.candidate.table.samples
    inside = {
        sample.id for sample, kept in zip(samples, slice_mask(samples, report.slice), strict=True) if kept
    }
    moved = {sample.id: change for sample, change in pairing.changes(report.metric) if sample.id in inside}
    record = pairing.candidate.table.columns[report.metric].record
    sign = 1.0 if record.higher_is_better else -1.0
    lost = sorted((sign * change, name) for name, change in moved.items() if sign * change < 0)
    silent = pairing.candidate.table.columns[report.metric].failed >= 1.0
    unanswered = [
        sample.id for sample, fell in zip(samples, silent, strict=True) if fell and sample.id in inside
    ][:UNANSWERED]
    names = [*unanswered, *(name for _, name in lost)][:WORST]
    by_id = {sample.id: sample for sample in samples}
    cases = [
        ReportCase(
            sample=by_id[name],
            change=moved.get(name),
            baseline=_case(first.output(name, 0), first),
            candidate=_case(second.output(name, 0), second),
        )
        for name in names
    ]
    private = any(_left_out(case) for case in cases)
    return report.model_copy(
        update={
            "baseline": first.side.run,
            "candidate": second.side.run,
            "changes": tuple(sorted(moved.values())),
            "unchanged": sum(change == 0 for change in moved.values()),
            "cases": tuple(_without_outputs(case) for case in cases) if private else tuple(cases),
            "outputs": not private,
        }
    )


def _case(result: Result | None, side: Loaded) -> Case | None:
    if result is None:
        return None
    figures = own_figures(result, side.metrics)
    if result.completion is not None:
        # The server's own words are for the database; nobody looks for them in a report.
        completion = result.completion.model_copy(update={"raw": None, "logprobs": ()})
        result = result.model_copy(update={"completion": completion})
    return Case(result=result, figures=figures)


def _left_out(case: ReportCase) -> bool:
    """Tell whether the baseline has scores but not the text: somebody wanted it to stay out of sight."""
    found = case.baseline.result if case.baseline else None
    return found is not None and found.completion is None and found.failure is None


def _without_outputs(case: ReportCase) -> ReportCase:
    sides = {"baseline": case.baseline, "candidate": case.candidate}
    bare = {
        name: side.model_copy(
            update={"result": side.result.model_copy(update={"completion": None, "scores": {}})}
        )
        for name, side in sides.items()
        if side is not None
    }
    return case.model_copy(update=bare)


def _facts(
    pairing: Pairing,
    first: Loaded,
    second: Loaded,
    deltas: Sequence[Delta],
    command: str,
    stopping: Stopping | None = None,
) -> Facts:
    before, after, table = first.side.run, second.side.run, second.side.table
    corpus = any(column.record.corpus for column in table.columns.values())
    return versions().model_copy(
        update={
            "samples": len(table.samples),
            "clusters": len(np.unique(table.clusters)),
            "repeats": after.repeats,
            "alpha": deltas[0].alpha if deltas else 0.05,
            "resamples": RESAMPLES if corpus else 0,
            "seed": SEED if corpus else 0,
            "order": _order(stopping),
            "signatures": _signatures(pairing, second),
            "methods": {each.label: each.method for each in deltas if each.slice is None and each.method},
            "evalset_digest": after.evalset_digest,
            "baseline_prompt": before.prompt.digest,
            "candidate_prompt": after.prompt.digest,
            "command": command,
        }
    )


def _with_ratings(facts: Facts, verdict: Verdict) -> Facts:
    """Say beside a metric's method how people's ratings correct it, where a rule is decided by them."""
    methods = dict(facts.methods)
    for cell in verdict.cells:
        found = cell.correction
        if found is not None and cell.delta is not None and found.value is not None:
            told = f"{cell.delta.method}; ratings in {found.file}, seed {found.seed} of the draw"
            methods[cell.rule.metric] = f"{methods.get(cell.rule.metric, '')}; corrected by {told}"
    return facts.model_copy(update={"methods": methods})


def _order(stopping: Stopping | None) -> str:
    what = "samples in the order of the set's file"
    if stopping is not None:
        what = f"groups by SHA-256 of seed {stopping.seed} and their name; a verdict after the first so many"
    return f"{what}; a change is candidate minus baseline"


def _signatures(pairing: Pairing, second: Loaded) -> Mapping[str, str]:
    return {
        record.label: record.signature
        for record in second.side.run.metrics
        if record.label in pairing.metrics
    }


def versions() -> Facts:
    """Return by what version of what a report was made."""
    try:
        ours = importlib.metadata.version("promptops")
    except importlib.metadata.PackageNotFoundError:
        ours = "not installed as a package"
    return Facts(promptops=ours, python=platform.python_version())
