"""Judges as a project's sets declare them, each with what it has shown against people. Nouns."""

from __future__ import annotations

from typing import Literal

from promptops.canonical import digest_of
from promptops.instruments import Found
from promptops.judging.certificates import Certificate
from promptops.noun import Noun

State = Literal["valid", "weak", "void", "none", "unknown"]
"""Of a certificate: it fits the judge as it is; less than the gate demands; made of another judge; there is
none; or the judge or the file can't be read."""


class LastCheck(Noun):
    """What is known of a judge's steadiness: its anchors, and when they were judged last."""

    frozen_at: str
    anchors: int
    """How many cases."""
    date: str | None = None
    """Of the newest reading by this very judge; null where there is none since they were frozen."""
    drifted: bool = False
    """Whether a reading of these anchors raised the alarm."""
    before: str | None = None
    """With an alarm: the last reading before the change."""
    since: str | None = None
    """With an alarm: the first reading after it."""
    another: bool = False
    """Whether another judge (model, prompt or scale) than that of now was frozen."""
    difference: Found = Found()
    """The newest reading less the frozen scores, in units of the scale."""

    @property
    def told(self) -> str:
        """Return it in a few words, as a cell of a table."""
        if self.drifted:
            return f"changed, {(self.date or '')[:10]}"
        if self.date is not None:
            return f"steady, {self.date[:10]}"
        return "never, of this judge" if self.another else f"frozen {self.frozen_at[:10]}"


class DeclaredJudge(Noun):
    """A judge of a set, whether its certificate fits it, and what to do next."""

    evalset: str
    label: str
    kind: str
    models: tuple[str, ...] = ()
    stand_in: bool = False
    signature: str = ""
    """Empty where the judge can't be made."""
    pairs: bool = False
    """Whether it compares two outputs; it has no scale then."""
    low: float | None = None
    high: float | None = None
    state: State
    why: str = ""
    """Why there is no certificate that fits; empty where there is."""
    command: str = ""
    """What to do next; empty where nothing is left to do."""
    outdated: str = ""
    """Of a valid certificate: that its ratings are others by now; empty where they are the same."""
    demanded: bool = False
    """Whether a rule of the gate asks for a certificate."""
    drawn: int = 0
    """Cases that were drawn for people."""
    rated: int = 0
    """Of these, with a rating."""
    raters: tuple[str, ...] = ()
    certificate: Certificate | None = None
    """As it stands, whether it fits or not."""
    unread: Found | None = None
    """Share of the rated cases to which the certified judge gave no score, with Wilson's interval."""
    check: LastCheck | None = None
    """Null where no anchors were frozen."""

    @property
    def mark(self) -> str:
        """Return a short digest of the signature, by which two judges are told apart; empty without one."""
        return digest_of(self.signature)[:12] if self.signature else ""

    @property
    def doubt(self) -> str:
        """Say of a valid certificate that it shows no agreement beyond chance; empty where it does."""
        held = self.certificate
        return held.doubt if held is not None and self.state == "valid" else ""

    @property
    def name(self) -> str:
        """Return how commands name it."""
        return f"{self.evalset}:{self.label}"


class ShippedPrompt(Noun):
    """The prompt of a kind of judges as it is shipped, to be copied and changed."""

    kind: str
    option: str
    """The option of the judge by which a file of one's own takes its place."""
    text: str
    file: str | None = None
    """Where it was written."""
    beside: str | None = None
    """The folder of the set in which that lies."""
    wiring: str
    """What the set's evalset.toml says to use it."""


class DeclaredJudges(Noun):
    """All judges of a project's sets."""

    judges: tuple[DeclaredJudge, ...]
    broken: dict[str, str]
    """Sets that can't be read, and why."""
