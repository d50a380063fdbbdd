"""A ranking's tables, for a page and for a comment."""

from __future__ import annotations

from collections.abc import Iterator

from promptops.reports import Ranked, Report, Table
from promptops.reports._markdown import code, head, prose, row
from promptops.reports._markup import NOTHING, Markup, joined, table, tag, text


def ranking_section(report: Report) -> Markup:
    """Return a ranking as a part of a page."""
    found = report.ranking
    if found is None:
        return NOTHING
    told = joined(tag("p", text(each)) for each in found.told)
    remarks = joined(tag("p", text(each), class_="quiet small") for each in found.remarks)
    return tag("section", tag("h2", text("Ranking")), told, joined(map(_page_table, found.tables)), remarks)


def ranking_lines(found: Ranked) -> list[str]:
    """Return what a ranking rests on, for a comment."""
    return [f"- {prose(each)}" for each in found.told]


def ranking_tables(found: Ranked) -> Iterator[tuple[str, str, list[str]]]:
    """Yield a comment's tables: what comes before each, its own name, and its rows."""
    for each in found.tables:
        right = each.columns[each.left :]
        yield f"{prose(each.title)}\n\n{head(each.columns, right=right)}", each.title, list(_rows(each))


def _page_table(each: Table) -> Markup:
    return table(each.title, each.columns, [[text(cell) for cell in cells] for cells in each.rows], each.left)


def _rows(each: Table) -> Iterator[str]:
    for cells in each.rows:
        words = [code(cell, cell=True) if cell else "" for cell in cells[: each.left]]
        yield row((*words, *(cell.replace("<", "&lt;") for cell in cells[each.left :])))
