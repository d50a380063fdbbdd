"""How to check a report: names and values in the order in which one would ask for them."""

from __future__ import annotations

from promptops.reports import Report
from promptops.types import Run


def facts(report: Report) -> list[tuple[str, tuple[str, ...]]]:
    """Return each fact's name (our own text) and its values (which may hold anything)."""
    known = report.facts
    told: list[tuple[str, tuple[str, ...]]] = []
    if known.command:
        told.append(("Decide again", (known.command,)))
    digest = (f"samples {known.evalset_digest[:16]}",) if known.evalset_digest else ()
    source = "Evaluation set" if report.ranking is None else report.ranking.source
    told.append((source, (report.evalset, *digest)))
    for name, run, prompt in (
        ("Baseline", report.baseline, known.baseline_prompt),
        ("Candidate", report.candidate, known.candidate_prompt),
    ):
        if run is not None:
            told.append((name, _run(run, prompt, report.baseline_file if name == "Baseline" else "")))
    if known.samples:
        grouped = (
            f"{known.clusters:,} groups that count as one" if known.clusters < known.samples else "no groups"
        )
        told.append(
            (
                "Samples",
                (
                    f"{known.samples:,}",
                    grouped,
                    "asked once each" if known.repeats == 1 else f"asked {known.repeats} times each",
                ),
            )
        )
        told.append(("Order", (known.order,)))
        if report.verdict is not None and report.verdict.stopping is not None:
            stages = report.verdict.stopping.first is not None
            told.append(("Stages" if stages else "Early stop", (report.verdict.stopping.sentence,)))
        told.append(("Claims", _claims(report)))
        told.append(("Bounds", (f"one-sided, each wrong with probability alpha = {known.alpha:g}",)))
    if known.resamples:
        told.append(("Bootstrap", (f"{known.resamples} resamples", f"seed {known.seed}")))
    for number, (label, signature) in enumerate(known.signatures.items(), 1):
        method = (known.methods[label],) if label in known.methods else ()
        told.append((f"Metric {number}", (label, *method, signature)))
    told.append(("Versions", (f"promptops {known.promptops}", f"Python {known.python}")))
    return told


def _claims(report: Report) -> tuple[str, ...]:
    """Name whom figures are about: the population, or these very samples (the two estimands)."""
    cells = report.verdict.cells if report.verdict is not None else ()
    suite = dict.fromkeys(cell.rule.metric for cell in cells if cell.rule.estimand == "suite")
    told = ("about the population that the samples were drawn from",)
    return told + tuple(f"the rule on {name}: about these very samples, asked again" for name in suite)


def _run(run: Run, prompt: str, file: str) -> tuple[str, ...]:
    where = file or f"run {run.id}"
    when = (run.created_at[:16].replace("T", " "),) if run.created_at else ()
    return (where, run.prompt_ref, f"prompt {prompt[:16]}", run.model, *when)
