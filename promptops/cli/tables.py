"""Figures, comparisons and verdicts as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from promptops.cli.safe import safe_line, safe_lines
from promptops.runs.states import go_on
from promptops.sets.origins import ORIGIN_SLICES
from promptops.texts.figures import figure, interval, p_value, signed
from promptops.types import Estimate, FailureCount, Outcome, Run

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from promptops.verdicts import CaseChange, Comparison, Correction, Verdict


COLOURS: dict[Outcome, str] = {
    "PASS": "bold green",
    "FAIL": "bold red",
    "INCONCLUSIVE": "bold yellow",
    "CANNOT_MEASURE": "bold magenta",
}


@cache
def console() -> Console:
    """The terminal; no markup, so that brackets in a text mean nothing."""
    from rich.console import Console

    found = Console(markup=False, highlight=False, emoji=False, soft_wrap=False)
    # A pipe or CI log has no width of its own; 80 columns would cut the tables.
    return found if found.is_terminal else Console(markup=False, highlight=False, emoji=False, width=120)


def print_estimates(
    run: Run,
    estimates: Sequence[Estimate],
    failures: Sequence[FailureCount] = (),
    *,
    cut_off: int = 0,
    slices: bool = True,
) -> None:
    """Print a run's figures, one row a metric and slice, and why samples have no answer."""
    from rich.table import Table

    console().print(_title(run), style="bold")
    for failed in failures:
        console().print(f"  {failed.count} x {failed.kind}: {safe_line(failed.example)}", style="yellow")
    if cut_off:
        told = f"  {cut_off:,} of {run.done - run.errors:,} answers were cut off at the limit of tokens"
        console().print(f"{told} (max_tokens); they are scored as they are.", style="yellow", soft_wrap=True)
    if run.done == 0:
        return
    stand_ins = {record.label for record in run.metrics if record.stand_in}
    shown = [each for each in estimates if slices or each.slice is None or each.slice in ORIGIN_SLICES]
    slices = any(each.slice is not None for each in shown) or slices
    table = Table(box=None, pad_edge=False)
    for name in ("metric", *(["slice"] if slices else []), "figure", "95 % interval", "n"):
        table.add_column(name, justify="left" if name in {"metric", "slice"} else "right")
    for found in shown:
        unscored = f"  ({found.unscored} unscored)" if found.unscored else ""
        table.add_row(
            found.label + ("*" if found.label in stand_ins else ""),
            *([safe_line(found.slice or "all", 40)] if slices else []),
            figure(found.value),
            interval(found.low, found.high),
            f"{found.n}{unscored}",
        )
    console().print(table)
    if stand_ins:
        console().print("* judged by a rule-based stand-in, not by an LLM; the scores only show the way.")


def print_notes(notes: Mapping[str, Sequence[str]]) -> None:
    """Print what belongs beside the figures of judges."""
    for label, told in notes.items():
        for note in told:
            console().print(f"  {label}: {safe_lines(note)}", soft_wrap=True)


def print_corrections(found: Mapping[str, Correction], *, change: bool = False) -> None:
    """Print what people's ratings make of judged figures, one line each."""
    from promptops.judging.correctionwords import corrected_line

    for label, each in found.items():
        console().print(f"  {label}: {safe_lines(corrected_line(each, change=change))}", soft_wrap=True)


def print_sentence(sentence: str) -> None:
    """Print what was found, before the figures."""
    console().print(safe_lines(sentence), style="bold", soft_wrap=True)
    console().print()


def print_alarm(told: str) -> None:
    """Print what must not be missed."""
    console().print(safe_lines(told), style="bold red", soft_wrap=True)


def print_comparison(comparison: Comparison, baseline: str, candidate: str) -> None:
    """Print every metric's change with the gate's own bounds."""
    from rich.table import Table

    console().print(f"Baseline  {safe_line(baseline)}\nCandidate {safe_line(candidate)}")
    for warning in comparison.warnings:
        console().print(f"Note: {safe_lines(warning)}", style="yellow")
    table = Table(box=None, pad_edge=False)
    for name in ("metric", "slice", "baseline", "candidate", "change", "[L, U]", "p", "n", "sees"):
        table.add_column(name, justify="left" if name in {"metric", "slice"} else "right")
    for delta in comparison.deltas:
        table.add_row(
            delta.label + ("" if delta.higher_is_better else " (lower is better)"),
            safe_line(delta.slice or "all", 40),
            figure(delta.baseline),
            figure(delta.candidate),
            signed(delta.difference),
            interval(delta.low, delta.high, sign=True),
            "" if delta.p_value is None else p_value(delta.p_value),
            str(delta.n),
            figure(delta.resolves),
            style=_direction(delta.low, delta.high, delta.higher_is_better),
        )
    console().print(table)
    alpha = comparison.deltas[0].alpha if comparison.deltas else 0.05
    console().print(
        f"[L, U]: one-sided bounds at alpha = {alpha:g} each; p: one-sided, for the side the change lies on; "
        "sees: the smallest change that so many cases show in 80 of 100 comparisons."
    )
    swapped = [delta for delta in comparison.deltas if delta.p_swap is not None]
    if swapped:
        told = ", ".join(f"{delta.label} {p_value(delta.p_swap or 0.0)}" for delta in swapped)
        console().print(f"p by swapping outputs (approximate randomisation, two-sided): {told}.")


def print_case(case: CaseChange, metric: str) -> None:
    """Print one sample's change with a word diff: - removed -, + added +."""
    console().print(f"\n{safe_line(case.sample_id, 80)}: {metric} {signed(case.change)}", style="bold")
    before = case.baseline.completion.text if case.baseline and case.baseline.completion else ""
    after = case.candidate.completion.text if case.candidate and case.candidate.completion else ""
    if not before and not after:
        console().print("  (the outputs were left out of the baseline)")
        return
    console().print(diff_text(before, after))


def diff_text(before: str, after: str, limit: int = 1500) -> Text:
    """Return a word diff that can be read without colour: removed in [-...-], added in {+...+}."""
    from rich.text import Text

    from promptops.texts.worddiff import word_diff

    text = Text("  ")
    for part in word_diff(before[: limit * 4], after[: limit * 4]):
        shown = safe_lines(part.text).replace("\n", "\n  ")
        if part.kind == "same":
            text.append(shown)
        elif part.kind == "removed":
            text.append(f"[-{shown}-]", style="red strike")
        else:
            text.append("{+" + shown + "+}", style="green underline")
    if len(text) > limit:
        text.truncate(limit)
        text.append(" …")
    return text


def print_verdict(verdict: Verdict) -> None:
    """Print the verdict with its plain sentence, then the notes, then each rule in figures."""
    from promptops.gate.evidence import evidence_of

    console().print(f"\n{verdict.outcome}", style=COLOURS[verdict.outcome], end="  ")
    console().print(safe_lines(verdict.sentence or verdict.reason), soft_wrap=True)
    for warning in verdict.warnings:
        console().print(f"  Note: {safe_lines(warning)}", style="yellow")
    for row in evidence_of(verdict):
        console().print(
            f"  {row.outcome:<14} {safe_lines(row.why)}",
            style=COLOURS[row.outcome].removeprefix("bold "),
        )
    seen = [f"{safe_line(row.name, 60)} {row.sees}" for row in evidence_of(verdict) if row.sees != "-"]
    if seen:
        console().print(
            f"  Sees: {', '.join(seen)} (the smallest change that so many cases show in 80 of 100)."
        )


def run_name(run: Run) -> str:
    """Return how a run is called on screen."""
    return (
        f"{run.id}  {run.prompt_ref} on {run.model}, {run.evalset}, {run.created_at[:16].replace('T', ' ')}"
    )


def _title(run: Run) -> str:
    errors = f", {run.errors} without an answer" if run.errors else ""
    state = (
        "" if run.status == "finished" else f", {run.standing}: {run.samples * run.repeats} were asked for"
    )
    if run.status in ("interrupted", "waiting"):
        state += ", and intervals here ignore that"
    if run.status == "stopped":
        state = f" of {run.samples * run.repeats}, where the gate stopped; intervals here ignore that"
    if go_on(run):
        state += f". Go on: {go_on(run)}"
    part = f"\n  A part of the set: {safe_line(run.part.sentence)}" if run.part else ""
    return f"{safe_line(run_name(run))}: {run.done} answers{errors}{state}{part}"


def _direction(low: float | None, high: float | None, higher_is_better: bool) -> str:
    if low is None or high is None or low <= 0 <= high:
        return ""
    return "green" if (low > 0) == higher_is_better else "red"
