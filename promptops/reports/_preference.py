"""What a pairwise judge said, as a part of the HTML page."""

from __future__ import annotations

from promptops.preferencetext import preference_sentences
from promptops.reports import Report
from promptops.reports._markup import NOTHING, Markup, joined, tag, text


def preference_section(report: Report) -> Markup:
    """Return the section; nothing where no judge was asked."""
    found = report.preference
    if found is None:
        return NOTHING
    told = [*preference_sentences(found), *(f"Note: {each}" for each in found.warnings)]
    return tag(
        "section",
        tag("h2", text("Answers side by side before a judge")),
        tag("ul", joined(tag("li", text(each)) for each in told), class_="notes"),
    )
