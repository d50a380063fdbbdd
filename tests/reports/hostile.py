"""Reports made by hand, with texts in them that try to be more than text."""

from __future__ import annotations

from promptops.gate.headline import headline
from promptops.gate.rules import GateRule
from promptops.instruments import Found, LengthBias, Preference
from promptops.reports import Facts, Report, ReportCase
from promptops.types import (
    Case,
    Completion,
    Estimate,
    Message,
    MetricRecord,
    Outcome,
    Prompt,
    Result,
    Run,
    Sample,
)
from promptops.verdicts import CellVerdict, Comparison, Delta, Verdict

HOSTILE = (
    "<script>alert(1)</script>",
    "</details></summary></td></table></pre></style></svg></code>",
    "![x](https://evil.example/p.png) [y](javascript:alert(1)) <https://evil.example>",
    "@octocat #123 GH-123 owner/repo#1 https://evil.example www.evil.example a@evil.example",
    "``` \n```\n````\n~~~\n# title\n| a | b |\n|---|---|\n`` ` ``",
    "a|b \\| c \\\\| d \\",
    "::error::owned\n::stop-commands::x ##[add-mask]y %0A::warning::z",
    "\x1b[31mred\x00\x0b\x85\u2028\u202egnp\ufeff\ufffe\uffff\ud800",
    "]]> <![CDATA[ &amp; &lt; \" ' onload=alert(1)",
    "[1]: https://evil.example\n[^1]: note\n- [x] task\n> quote\n1. one\n=== \n---",
    "$`x`$ $$y$$ :tada: **bold** __b__ *i* ~~s~~ <!-- comment",
)
EVERYTHING = "\n".join(HOSTILE)


def delta(
    difference: float | None = 0.037,
    low: float | None = -0.002,
    high: float | None = 0.077,
    *,
    label: str = "rouge_l",
    name: str | None = None,
    n: int = 80,
    **more: object,
) -> Delta:
    fields = {"clusters": n, "higher_is_better": True, "resolves": 0.05, "p_value": 0.06, **more}
    before = None if difference is None else 0.4
    after = None if difference is None else 0.4 + difference
    return Delta.model_validate(
        {
            **{"label": label, "slice": name, "baseline": before, "candidate": after},
            **{"difference": difference, "low": low, "high": high, "n": n, **fields},
        }
    )


def cell(
    outcome: Outcome = "PASS",
    found: Delta | None = None,
    *,
    rule: GateRule | None = None,
    estimate: Estimate | None = None,
    sentence: str = "It is as it is.",
    **more: object,
) -> CellVerdict:
    rule = rule or GateRule(
        metric=found.label if found else "rouge_l", slice=found.slice if found else None, margin=0.05
    )
    return CellVerdict.model_validate(
        {
            **{"rule": rule, "outcome": outcome, "sentence": sentence, "delta": found},
            **{"estimate": estimate, **more},
        }
    )


def verdict(outcome: Outcome, *cells: CellVerdict, warnings: tuple[str, ...] = ()) -> Verdict:
    return Verdict(
        outcome=outcome, reason="Why.", cells=cells, warnings=warnings, baseline="b1", candidate="c2"
    )


def run_of(name: str, ref: str = "brief@2", model: str = "mock/echo") -> Run:
    record = MetricRecord(
        **{"label": "rouge_l", "metric": "rouge", "signature": "rouge|version:1", "unit": ""},
        **{"higher_is_better": True, "low": 0.0, "high": 1.0, "corpus": False},
    )
    return Run(
        id=name,
        created_at="2026-01-02T03:04:05",
        status="finished",
        evalset="made-up",
        evalset_digest="d" * 64,
        prompt=Prompt(messages=(Message(role="user", content=ref),)),
        prompt_ref=ref,
        model=model,
        metrics=(record,),
        samples=80,
        done=80,
    )


def side(text: str, figure: float = 0.5) -> Case:
    return Case(result=Result(sample_id="s", completion=Completion(text=text)), figures={"rouge_l": figure})


def said(text: str) -> Preference:
    """Return what a pairwise judge of such a name said."""
    return Preference(
        label=text,
        judge=text,
        baseline="b1",
        candidate="c2",
        n=80,
        unscored=6,
        identical=3,
        share=0.6,
        low=0.5,
        high=0.7,
        wins=40,
        losses=20,
        ties=20,
        flips=10,
        flip_rate=0.14,
        flip_low=0.08,
        flip_high=0.24,
        length=LengthBias(
            overlap=0.05,
            rate=Found(value=0.6, low=0.5, high=0.7, n=77),
            controlled=Found(n=77, reason=text),
            correlation=Found(value=0.3, low=0.1, high=0.5, n=77),
        ),
        warnings=(text,),
    )


def report(
    found: Verdict | None, text: str = "some words", *, deltas: tuple[Delta, ...] = (), cases: int = 2
) -> Report:
    """Return a report in which `text` stands wherever a user or a model may write."""
    ref = text if text != "some words" else "brief@2"
    shown = deltas or (delta(), delta(name=text), delta(-0.1, -0.2, -0.01, label="f1"))
    return Report(
        headline=headline(found, ref) if found else f"{text} changed.",
        evalset="made-up",
        verdict=found,
        rules_file="evalsets/made-up/evalset.toml",
        lines=tuple(range(12, 12 + len(found.cells))) if found else (),
        comparison=Comparison(
            baseline="b1", candidate="c2", evalset="made-up", deltas=shown, warnings=(text,)
        ),
        preference=None if text == "some words" else said(text),
        baseline=run_of("b1", ref, text),
        candidate=run_of("c2", ref, text),
        metric="rouge_l",
        changes=(-0.3, -0.1, 0.0, 0.2, 0.4),
        unchanged=1,
        cases=tuple(
            ReportCase(
                sample=Sample(
                    id=f"{text} {number}", inputs={text: text, "n": 1}, target=(text,), tags=(text,)
                ),
                change=-0.3,
                baseline=side(f"{text} before"),
                candidate=side(f"{text} after"),
            )
            for number in range(cases)
        ),
        facts=Facts(
            samples=80,
            clusters=72,
            resamples=2000,
            seed=1,
            order="as in the file",
            signatures={"rouge_l": text},
            methods={"rouge_l": "t"},
            evalset_digest="d" * 64,
            command=f"promptops gate {text}",
            promptops="0.1.0",
            python="3.11",
        ),
    )


def hostile_report(text: str = EVERYTHING) -> Report:
    """Return a failed gate that quotes a text everywhere."""
    rule = GateRule(metric="rouge_l", slice=text, margin=0.05)
    cells = (
        cell("FAIL", delta(-0.2, -0.3, -0.1, name=text), rule=rule, sentence=f"{text}: it got worse."),
        cell("INCONCLUSIVE", delta(), sentence=f"{text}: open."),
        cell("CANNOT_MEASURE", None, sentence=f"{text}: gone."),
    )
    return report(verdict("FAIL", *cells, warnings=(text, f"worse on slice {text!r}")), text)
