"""One HTML file that needs nothing else: no script, no link, no server; it says so to the browser too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from promptops.gate.evidence import Evidence, evidence_of
from promptops.gate.headline import outcome_word
from promptops.reports import Form, Report, ReportCase
from promptops.reports._differences import differences_caption, differences_plot
from promptops.reports._facts import facts
from promptops.reports._intervals import CAPTION, intervals_plot
from promptops.reports._judges import judges_section, preference_section
from promptops.reports._markup import NOTHING, Markup, joined, table, tag, text
from promptops.reports._palette import page_style
from promptops.reports._ranking import ranking_section
from promptops.sets.origins import ORIGIN_SLICES
from promptops.texts.figures import figure, interval, p_value, signed
from promptops.texts.worddiff import word_diff
from promptops.types import Case
from promptops.verdicts import Delta, Verdict

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
SHOWN = 8000
"""Characters of an output or input that are shown."""
SEES = "the smallest change that so many cases show in 80 of 100 comparisons"
ROWS = 2000
"""Rows of slices that are shown."""
BESIDE = (None, *ORIGIN_SLICES)
"""What is told of each metric first: the whole set, and people's samples beside synthetic ones."""
FIGURES = ("baseline", "candidate", "change", "[L, U]", "p", "n")


class Html(Form):
    """A page for a browser, light or dark, on a desk or a phone."""

    def render(self, report: Report) -> str:
        """Return the page; the verdict's sentence comes first."""
        body = joined((_header(report), tag("main", joined(_sections(report))), _footer(report)), "\n")
        head = joined(
            (
                tag("meta", charset="utf-8"),
                tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
                tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
                tag("meta", name="referrer", content="no-referrer"),
                tag("title", text(_title(report))),
                tag("style", Markup(page_style())),
            ),
            "\n",
        )
        return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', body), lang='en')}\n"


def _title(report: Report) -> str:
    other = "Comparison" if report.ranking is None else "Ranking"
    word = outcome_word(report.verdict.outcome) if report.verdict else other
    return f"{word}: {report.evalset}"


def _header(report: Report) -> Markup:
    kind, sentence = "comparison", tag("h1", text(report.headline))
    if report.verdict is not None:
        kind, word = report.verdict.outcome.lower(), outcome_word(report.verdict.outcome)
        rest = report.headline.removeprefix(f"{word}: ")
        sentence = tag("h1", tag("span", text(word), class_="word"), text(f": {rest}"))
    return tag("header", sentence, _sides(report), _notes(report), class_=kind)


def _sides(report: Report) -> Markup:
    told = [f"{'Evaluation set' if report.ranking is None else report.ranking.source} {report.evalset}"]
    if report.baseline is not None:
        where = report.baseline_file or f"run {report.baseline.id}"
        told.append(f"Baseline {report.baseline.prompt_ref} on {report.baseline.model} ({where})")
    if report.candidate is not None:
        run = report.candidate
        told.append(f"Candidate {run.prompt_ref} on {run.model} (run {run.id})")
    if report.verdict is not None and report.verdict.stopping is not None:
        told.append(report.verdict.stopping.sentence)
    return joined(tag("p", text(each), class_="quiet small") for each in told)


def _notes(report: Report) -> Markup:
    if report.verdict is not None:
        found: Sequence[str] = report.verdict.warnings
    elif report.ranking is not None:
        found = report.ranking.warnings
    else:
        found = report.comparison.warnings if report.comparison else ()
    if not found:
        return NOTHING
    return tag("ul", joined(tag("li", text(f"Note: {each}")) for each in found), class_="notes")


def _sections(report: Report) -> Iterator[Markup]:
    if report.verdict is not None and report.verdict.cells:
        yield _rules(report.verdict)
    if report.ranking is not None:
        yield ranking_section(report)
        yield _facts(report)
        return
    if report.comparison is not None:
        yield _metrics(report.comparison.deltas)
        yield judges_section(report)
        yield preference_section(report)
        yield _differences(report)
        yield _slices(report.comparison.deltas)
    yield _cases(report)
    yield _facts(report)


def _rules(verdict: Verdict) -> Markup:
    rows = [
        (
            joined((text(row.name), tag("br"), tag("span", text(row.asked), class_="quiet"))),
            _outcome(row),
            tag("span", text(row.why), class_="why"),
            _found(row),
            *(text(told) for told in (row.bounds, row.n, row.sees)),
        )
        for row in evidence_of(verdict)
    ]
    return tag(
        "section",
        tag("h2", text("Rules")),
        table(
            f"What must hold, and what was found; sees: {SEES}",
            ("rule", "verdict", "why", "found", "[L, U]", "n", "sees"),
            rows,
            3,
        ),
        _figure("Plot of the rules", intervals_plot(verdict.cells), CAPTION),
    )


def _found(row: Evidence) -> Markup:
    if not row.beside:
        return text(row.found)
    return joined((text(row.found), tag("br"), tag("span", text(row.beside), class_="quiet")))


def _outcome(row: Evidence) -> Markup:
    word = tag("span", text(outcome_word(row.outcome)), class_=f"word {row.outcome.lower()}")
    return joined((word, tag("br"), tag("span", text(row.remark), class_="quiet"))) if row.remark else word


def _figure(name: str, plot: Markup, caption: str) -> Markup:
    if not plot:
        return NOTHING
    frame = tag("div", plot, class_="scroll", role="region", aria_label=name, tabindex="0")
    return tag("figure", frame, tag("figcaption", text(caption)))


def _metrics(deltas: Sequence[Delta]) -> Markup:
    whole = [delta for delta in deltas if delta.slice in BESIDE]
    alpha = whole[0].alpha if whole else 0.05
    told = (
        f"[L, U]: one-sided bounds at alpha = {alpha:g} each; p: one-sided, for the side the change lies on"
    )
    return tag(
        "section",
        tag("h2", text("Metrics")),
        table(told, ("metric", *FIGURES), [_figures(delta, _name(delta)) for delta in whole]),
    )


def _slices(deltas: Sequence[Delta]) -> Markup:
    found = [delta for delta in deltas if delta.slice not in BESIDE]
    if not found:
        return NOTHING
    rows = [_figures(delta, _name(delta)) for delta in found[:ROWS]]
    left = f" (the first {ROWS:,} of {len(found):,})" if len(found) > ROWS else ""
    frame = table(f"The same figures on slices{left}", ("metric and slice", *FIGURES), rows)
    return tag(
        "section",
        tag("h2", text("Slices")),
        tag("details", tag("summary", text(f"{len(found):,} figures")), frame),
    )


def _name(delta: Delta) -> str:
    return delta.label if delta.slice is None else f"{delta.label} on {delta.slice}"


def _figures(delta: Delta, name: str) -> Sequence[Markup]:
    lower = "" if delta.higher_is_better else " (lower is better)"
    return (
        text(name + lower),
        text(figure(delta.baseline)),
        text(figure(delta.candidate)),
        text(signed(delta.difference)),
        tag("span", text(interval(delta.low, delta.high, sign=True)), class_=_side(delta)),
        text("-" if delta.p_value is None else p_value(delta.p_value)),
        text(f"{delta.n:,}"),
    )


def _side(delta: Delta) -> str | None:
    if delta.low is None or delta.high is None or delta.low <= 0 <= delta.high:
        return None
    return "good" if (delta.low > 0) == delta.higher_is_better else "bad"


def _differences(report: Report) -> Markup:
    delta = report.delta
    if delta is None:
        return NOTHING
    plot = differences_plot(report.changes, delta)
    caption = differences_caption(report.changes, delta)
    return tag(
        "section",
        tag("h2", text(f"Case by case: {_subject(report)}")),
        _figure("Plot of differences", plot, caption),
    )


def _subject(report: Report) -> str:
    return f"{report.metric} on {report.slice}" if report.slice else report.metric


def _cases(report: Report) -> Markup:
    if not report.cases:
        return NOTHING
    told = f"Those that lost most in {_subject(report)}. Taken away: [−…−], new: {{+…+}}."
    if not report.outputs:
        told = "The baseline was accepted without outputs, so none are shown."
    return tag(
        "section",
        tag("h2", text("Worst cases")),
        tag("p", text(told), class_="quiet"),
        joined(_case(case, report) for case in report.cases),
    )


def _case(case: ReportCase, report: Report) -> Markup:
    moved = "no answer" if case.change is None else signed(case.change)
    tags = f" ({', '.join(case.sample.tags[:8])})" if case.sample.tags else ""
    title = tag(
        "h3", text(f"{case.sample.id}: {report.metric} {moved}"), tag("span", text(tags), class_="quiet")
    )
    labels = case.candidate.figures if case.candidate else {}
    each = [f"{label} {_own(case.baseline, label)} → {_own(case.candidate, label)}" for label in labels]
    figures = tag("p", text(" · ".join(each)), class_="quiet small")
    return tag("article", title, figures, _outputs(case) if report.outputs else NOTHING, _inputs(case))


def _own(case: Case | None, label: str) -> str:
    return figure(case.figures.get(label)) if case else "-"


def _outputs(case: ReportCase) -> Markup:
    before, after = _text(case.baseline), _text(case.candidate)
    parts = [_piece(part.kind, part.text) for part in word_diff(before[:SHOWN], after[:SHOWN])]
    longer = max(len(before), len(after)) - SHOWN
    more = (
        tag("p", text(f"{longer:,} more characters are left out."), class_="quiet") if longer > 0 else NOTHING
    )
    return joined((tag("div", joined(parts), class_="text", dir="auto"), more))


def _piece(kind: str, words: str) -> Markup:
    # Told apart without colour too, in the brackets that the terminal shows.
    if kind == "removed":
        return joined((_bracket("[−"), tag("del", text(words)), _bracket("−]")))
    if kind == "added":
        return joined((_bracket("{+"), tag("ins", text(words)), _bracket("+}")))
    return text(words)


def _bracket(mark: str) -> Markup:
    return tag("span", text(mark), class_="mark")


def _text(case: Case | None) -> str:
    if case is None:
        return ""
    if case.result.failure is not None:
        return f"(no answer, {case.result.failure.kind}: {case.result.failure.message})"
    return case.result.completion.text if case.result.completion else ""


def _inputs(case: ReportCase) -> Markup:
    asked = joined(
        joined((tag("dt", text(name)), tag("dd", _block(value if isinstance(value, str) else repr(value)))))
        for name, value in case.sample.inputs.items()
    )
    wanted = joined(
        joined((tag("dt", text("target")), tag("dd", _block(each)))) for each in case.sample.references
    )
    return tag("details", tag("summary", text("What was asked")), tag("dl", asked, wanted))


def _block(value: str) -> Markup:
    more = f" … {len(value) - SHOWN:,} more characters" if len(value) > SHOWN else ""
    return tag("div", text(value[:SHOWN] + more), class_="text", dir="auto")


def _facts(report: Report) -> Markup:
    rows = joined(
        joined(
            (tag("dt", text(name)), tag("dd", joined((tag("code", text(value)) for value in values), ", ")))
        )
        for name, values in facts(report)
    )
    return tag("section", tag("h2", text("How to check this")), tag("dl", rows))


def _footer(report: Report) -> Markup:
    told = f"Written by promptops {report.facts.promptops}. This page holds no script and loads nothing."
    return tag("footer", tag("p", text(told)))
