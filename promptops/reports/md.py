"""Markdown for a comment on a pull request or GitHub's step summary: the verdict first, the rest folded."""

from __future__ import annotations

from collections.abc import Sequence

from promptops.gate.evidence import Evidence, evidence_of
from promptops.gate.headline import compared, finding, outcome_word, told_apart
from promptops.judging.text import judge_lines
from promptops.pairs.text import preference_sentences
from promptops.reports import Form, Ranked, Report, ReportCase
from promptops.reports._facts import facts
from promptops.reports._fitting import Part, fitted
from promptops.reports._markdown import code, diff_fence, head, prose, row
from promptops.reports._ranking import ranking_lines, ranking_tables
from promptops.sets.origins import ORIGIN_SLICES
from promptops.texts.figures import figure, interval, p_value, signed
from promptops.types import Case
from promptops.verdicts import Delta, Stopping

LIMIT = 65_536
"""Characters that GitHub takes in a comment."""
BESIDE = (None, *ORIGIN_SLICES)
"""What is told of each metric first: the whole set, and people's samples beside synthetic ones."""
FIGURES = ("baseline", "candidate", "change", "[L, U]", "p", "n")


class Markdown(Form):
    """A comment of at most 65,536 characters; nothing that it quotes can be markup, a link or a mention."""

    def render(self, report: Report) -> str:
        """Return the comment; its first line is the verdict with one plain sentence."""
        if report.ranking is not None:
            return _ranking(report, report.ranking)
        parts = [
            Part([_first_line(report)]),
            Part([prose(found.sentence)] if (found := _stopping(report)) else [], name="stop", rank=1),
            Part([f"- Note: {prose(each)}" for each in _warnings(report)], name="notes", rank=1),
            Part(_rules(report), before=_rules_head(), name="rules", rank=2),
            Part(_reasons(report), name="reasons", rank=3),
            Part(_figures(report, whole=True), before=_figures_head(), name="metrics", rank=4),
            Part(_judges(report), name="judges", rank=4),
            Part(_preference(report), name="sentences on preferences", rank=4),
            _folded("Slices", _figures(report, whole=False), 7, "figures of slices", before=_figures_head()),
            _folded(_cases_title(report), _cases(report), 6, "cases"),
            _folded("How to check this", _facts(report), 5, "facts"),
        ]
        return fitted(parts, LIMIT, "`promptops gate --report FILE.html` shows all of it.")


def _ranking(report: Report, found: Ranked) -> str:
    tables = [
        Part(rows, before=f"\n{before}", name=f"rows of {title}", rank=place + 2)
        for place, (before, title, rows) in enumerate(ranking_tables(found))
    ]
    parts = [
        Part([f"**Ranking**: {prose(report.headline, 2000)}"]),
        Part([f"- Note: {prose(each)}" for each in found.warnings], name="notes", rank=1),
        Part(ranking_lines(found), name="sentences", rank=1),
        *tables,
        Part([f"\n{prose(each)}" for each in found.remarks], name="remarks", rank=len(tables) + 2),
        _folded("How to check this", _facts(report), len(tables) + 3, "facts"),
    ]
    return fitted(parts, LIMIT, "`promptops rank --report FILE.html` shows all of it.")


def _first_line(report: Report) -> str:
    if report.verdict is None:
        return _comparison_line(report)
    word = outcome_word(report.verdict.outcome)
    ref = report.candidate.prompt_ref if report.candidate else ""
    if not report.verdict.cells:
        return f"**{word}**: {prose(report.verdict.reason, 2000)}"
    return f"**{word}**: {finding(report.verdict, ref, code)}"


def _comparison_line(report: Report) -> str:
    if report.comparison is None or report.baseline is None or report.candidate is None:
        return prose(report.headline)
    before, after = told_apart(report.baseline, report.candidate)
    return f"**Comparison**: {compared(report.comparison, report.metric, before, after, code)}"


def _stopping(report: Report) -> Stopping | None:
    return report.verdict.stopping if report.verdict else None


def _warnings(report: Report) -> Sequence[str]:
    if report.verdict is not None:
        return report.verdict.warnings
    return report.comparison.warnings if report.comparison else ()


def _rules_head() -> str:
    figures = ("found", "[L, U]", "n", "sees")
    return head(("verdict", "rule", *figures), right=figures)


def _rules(report: Report) -> list[str]:
    rows = evidence_of(report.verdict) if report.verdict else ()
    return [row((_mark(each), _rule(each), _found(each), each.bounds, each.n, each.sees)) for each in rows]


def _mark(found: Evidence) -> str:
    if found.outcome != found.alone:
        return f"**{outcome_word(found.outcome)}** ({found.alone} alone)"
    word = outcome_word(found.outcome)
    return f"{word} ({found.remark})" if found.remark else word if found.outcome == "PASS" else f"**{word}**"


def _found(found: Evidence) -> str:
    return f"{found.found} ({found.beside})" if found.beside else found.found


def _rule(found: Evidence) -> str:
    on = f" on {code(found.slice, 60, cell=True)}" if found.slice else ""
    return f"{code(found.metric, cell=True)}{on}: {found.asked}"


def _reasons(report: Report) -> list[str]:
    """Tell the cells that did not pass in full; a single one is told by the first line already."""
    rows = evidence_of(report.verdict) if report.verdict else ()
    return [
        f"- {outcome_word(each.outcome)}: {prose(each.why)}"
        for each in rows
        if each.alone != "PASS" and len(rows) > 1
    ]


def _figures_head() -> str:
    return head(("metric", *FIGURES), right=FIGURES)


def _figures(report: Report, *, whole: bool) -> list[str]:
    deltas = report.comparison.deltas if report.comparison else ()
    return [_figure_row(delta) for delta in deltas if (delta.slice in BESIDE) == whole]


def _figure_row(delta: Delta) -> str:
    name = code(delta.label, cell=True)
    if delta.slice is not None:
        name += f" on {code(delta.slice, 60, cell=True)}"
    if not delta.higher_is_better:
        name += " (lower is better)"
    return row(
        (
            name,
            figure(delta.baseline),
            figure(delta.candidate),
            signed(delta.difference),
            interval(delta.low, delta.high, sign=True),
            "-" if delta.p_value is None else p_value(delta.p_value).replace("<", "&lt;"),
            f"{delta.n:,}",
        )
    )


def _judges(report: Report) -> list[str]:
    found = report.comparison.judges if report.comparison else ()
    return [f"- {prose(each)}" for each in judge_lines(found)]


def _preference(report: Report) -> list[str]:
    found = report.preference
    if found is None:
        return []
    notes = [f"- Note: {prose(each)}" for each in found.warnings]
    return [*(f"- {prose(each)}" for each in preference_sentences(found)), *notes]


def _folded(title: str, items: Sequence[str], rank: int, name: str, before: str = "") -> Part:
    """Fold a part; `title` is our own text."""
    opening = f"<details><summary>{title}</summary>\n" + (f"\n{before}" if before else "")
    return Part(items, before=opening, after="\n</details>", name=name, rank=rank)


def _cases_title(report: Report) -> str:
    return f"The {len(report.cases)} worst cases" if len(report.cases) != 1 else "The worst case"


def _cases(report: Report) -> list[str]:
    return [_case(case, report) for case in report.cases]


def _case(case: ReportCase, report: Report) -> str:
    before, after = _figure_of(case.baseline, report.metric), _figure_of(case.candidate, report.metric)
    told = f"{code(report.metric)} {before} to {after}"
    if case.change is None:
        told = "no answer"
    tags = f"; tags {' '.join(code(tag, 40) for tag in case.sample.tags[:8])}" if case.sample.tags else ""
    title = f"\nCase {code(case.sample.id)}: {told}{tags}\n"
    if not report.outputs:
        return f"{title}\n(The baseline was accepted without outputs, so none are shown.)"
    return f"{title}\n{diff_fence(_text(case.baseline), _text(case.candidate))}"


def _figure_of(case: Case | None, label: str) -> str:
    return figure(case.figures.get(label)) if case else "-"


def _text(case: Case | None) -> str:
    if case is None:
        return "(no result)"
    if case.result.failure is not None:
        return f"(no answer, {case.result.failure.kind}: {case.result.failure.message})"
    return case.result.completion.text if case.result.completion else "(not stored)"


def _facts(report: Report) -> list[str]:
    return [f"- {name}: {', '.join(code(value, 400) for value in values)}" for name, values in facts(report)]
