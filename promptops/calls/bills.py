"""What a run's answered calls took, as a noun."""

from __future__ import annotations

from promptops.noun import Noun
from promptops.texts.figures import dollars


class Bill(Noun):
    """Calls that were made for a run, and apart from them what was answered before.

    What any of the calls does not tell is None of all, never 0. Calls that failed are not in it: nobody tells
    what they cost.
    """

    calls: int
    """Answers and judgements that were asked for."""
    cached: int
    """Those that an earlier run had already."""
    tokens_in: int | None
    tokens_out: int | None
    cost: float | None
    """US dollars."""
    saved: float | None
    """US dollars that the cached ones had cost when they were asked for."""

    @property
    def tokens(self) -> int | None:
        """Tokens read and written."""
        return None if self.tokens_in is None or self.tokens_out is None else self.tokens_in + self.tokens_out

    @property
    def sentence(self) -> str:
        """What was paid and what was not: "30 calls, 1,200 tokens, $0.42"."""
        tokens = "tokens unknown" if self.tokens is None else f"{self.tokens:,} tokens"
        told = f"{self.calls:,} {'call' if self.calls == 1 else 'calls'}, {tokens}, {dollars(self.cost)}"
        if not self.cached:
            return told
        saved = "what that saved is unknown" if self.saved is None else f"{dollars(self.saved)} saved"
        return f"{told}; {self.cached:,} answered before, {saved}"
