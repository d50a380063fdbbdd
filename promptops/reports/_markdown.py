"""Text of models and users inside GitHub's Markdown, where it stays text.

Names and odd words go into code spans and outputs into fences: what stands there is no markup, no link,
no @mention and no #reference. Escaping by backslash or entity would not do, because GitHub looks for
mentions and references after Markdown has been turned into HTML.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Literal

from promptops.texts.visible import visible, visible_line

_NUMBER = r"[<+-]?\d{1,6}(?:\.\d{1,20})?(?:e-?\d{1,3})?"
_WORD = r"[^\W\d_]+(?:['’-][^\W\d_]+)*"
# A word or a number as prose has them; a number may open or close a bracket, as intervals do.
_PLAIN = re.compile(rf"(?:{_WORD}|\[?{_NUMBER}%?|{_NUMBER}%?\]|[=%-])")
_AROUND = re.compile(r"""([('"]*)(.*?)([)'".,;:?]*)""", re.DOTALL)


def code(text: str, limit: int = 120, *, cell: bool = False) -> str:
    """Return one line as a code span; `cell` for a place inside a table."""
    flat = visible_line(text, limit)
    if not flat:
        return "(empty)"
    if cell:
        # Of `\\|` two readers make different things, so no backslash stands before a pipe but ours.
        flat = re.sub(r"\\(?=\|)", r"\\ ", flat).replace("|", r"\|")
    ticks = "`" * (_longest(flat, "`") + 1)
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{ticks}{space}{flat}{space}{ticks}"


def prose(text: str, limit: int = 600) -> str:
    """Return a sentence that may quote data: plain words and numbers stay, all else is put into code."""
    words: list[str] = []
    odd: list[str] = []
    for word in visible_line(text, limit).split(" "):
        before, core, after = _parts(word)
        if core and not _PLAIN.fullmatch(core):
            odd.append(word)
            continue
        if odd:
            words.append(_quoted(odd))
            odd = []
        words.append(f"{before}{core}{after}")
    if odd:
        words.append(_quoted(odd))
    return " ".join(words)


def fence(text: str, kind: str = "text") -> str:
    """Return text as a fenced block that nothing in it can close."""
    shown = visible(text)
    ticks = "`" * max(3, _longest(shown, "`") + 1)
    return f"{ticks}{kind}\n{shown}\n{ticks}"


def diff_fence(before: str, after: str, limit: int = 1500) -> str:
    """Return two texts below one another, the first marked as removed and the second as added."""
    lines = [*_marked(before, "-", limit), *_marked(after, "+", limit)]
    return fence("\n".join(lines), "diff")


def row(cells: Sequence[str]) -> str:
    """Return a table's row; its cells are our own text or made by `code(..., cell=True)`."""
    return f"| {' | '.join(cells)} |"


def head(names: Sequence[str], right: Sequence[str] = ()) -> str:
    """Return a table's head; the columns named in `right` are set to the right."""
    rules: list[Literal["---:", "---"]] = ["---:" if name in right else "---" for name in names]
    return f"{row(names)}\n{row(rules)}"


def _parts(word: str) -> tuple[str, str, str]:
    found = _AROUND.fullmatch(word)
    return (found[1], found[2], found[3]) if found else ("", word, "")


def _quoted(words: Sequence[str]) -> str:
    before, core, after = _parts(" ".join(words))
    return f"{before}{code(core, 600)}{after}"


def _marked(text: str, mark: str, limit: int) -> list[str]:
    shown = visible(text)
    lines = [
        part
        for line in shown[:limit].expandtabs(4).split("\n")
        # A fence does not wrap lines, and an answer is often one long one.
        for part in textwrap.wrap(line, 96, replace_whitespace=False) or [""]
    ]
    if len(shown) > limit:
        lines.append(f"... {len(shown) - limit:,} more characters")
    return [f"{mark} {line}".rstrip() for line in lines]


def _longest(text: str, character: str) -> int:
    return max((len(run) for run in re.findall(rf"{re.escape(character)}+", text)), default=0)
