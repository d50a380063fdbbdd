"""What belongs beside the figures of judges, and what a pairwise one said, as parts of the HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from promptops.judging.text import judge_lines
from promptops.pairs.text import preference_sentences
from promptops.reports import Report
from promptops.reports._markup import NOTHING, Markup, joined, tag, text


def judges_section(report: Report) -> Markup:
    """Return the section; nothing where no judge scored."""
    told = judge_lines(report.comparison.judges if report.comparison else ())
    return _section("Judges", told) if told else NOTHING


def preference_section(report: Report) -> Markup:
    """Return the section; nothing where no judge was asked."""
    found = report.preference
    if found is None:
        return NOTHING
    told = [*preference_sentences(found), *(f"Note: {each}" for each in found.warnings)]
    return _section("Answers side by side before a judge", told)


def _section(title: str, told: Sequence[str]) -> Markup:
    return tag(
        "section",
        tag("h2", text(title)),
        tag("ul", joined(tag("li", text(each)) for each in told), class_="notes"),
    )
