"""In what form is a verdict told? The contract of the wing; each neighbour file is one form.

A form's name is the ending of the files that it writes: `md.py` is what `--report gate.md` asks for.
All forms tell the same object, a Report, so that no two of them can disagree.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from promptops.instruments import Preference
from promptops.noun import Noun
from promptops.types import Case, Run, Sample
from promptops.verdicts import Comparison, Delta, Verdict


class ReportCase(Noun):
    """One sample that got worse, with both answers."""

    sample: Sample
    change: float | None
    """In the report's metric; None where the candidate gave no answer at all."""
    baseline: Case | None
    candidate: Case | None


class Facts(Noun):
    """What somebody else needs to get the same figures again."""

    samples: int = 0
    clusters: int = 0
    """Groups of samples that count as one; as many as samples where there are no groups."""
    repeats: int = 1
    alpha: float = 0.05
    resamples: int = 0
    """Of the bootstrap of corpus metrics; 0 where no metric needs it."""
    seed: int = 0
    order: str = ""
    signatures: dict[str, str] = Field(default_factory=dict)
    methods: dict[str, str] = Field(default_factory=dict)
    evalset_digest: str = ""
    baseline_prompt: str = ""
    candidate_prompt: str = ""
    """Digests of the prompts."""
    command: str = ""
    promptops: str = ""
    python: str = ""


class Table(Noun):
    """Figures as they are shown: words in the first columns, numbers set to the right in the others."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    """How many of the first columns hold words."""


class Ranked(Noun):
    """Several runs or systems in the order of a ranking."""

    source: str
    """What the ranking is of: an evaluation set, or a file of judgements."""
    told: tuple[str, ...]
    """The rule, and what the ranking rests on."""
    warnings: tuple[str, ...] = ()
    tables: tuple[Table, ...]
    remarks: tuple[str, ...] = ()
    """What the columns promise."""
    figures: dict[str, JsonValue]
    """The ranking itself, as `promptops rank --json` has it."""


class Report(Noun):
    """A verdict (or a comparison or ranking) with all that is needed to believe or to doubt it."""

    format: Literal[1] = 1
    headline: str
    """What was found, how sure that is and what to do next, in plain words."""
    evalset: str
    verdict: Verdict | None = None
    rules_file: str = ""
    """The set's evalset.toml, as seen from the top of the checkout."""
    lines: tuple[int | None, ...] = ()
    """Where the rule of each of the verdict's cells stands in that file."""
    inconclusive_blocks: bool = True
    comparison: Comparison | None = None
    preference: Preference | None = None
    """What a pairwise judge said, where it was asked."""
    ranking: Ranked | None = None
    """Of a ranking, which has neither verdict nor comparison; null of any other report."""
    baseline: Run | None = None
    baseline_file: str = ""
    candidate: Run | None = None
    metric: str = ""
    """The metric that decided, which cases and the plot of differences are about."""
    slice: str | None = None
    changes: tuple[float, ...] = ()
    """Every sample's own change in that metric, the lowest first."""
    unchanged: int = 0
    """How many of these changes are exactly zero."""
    cases: tuple[ReportCase, ...] = ()
    outputs: bool = True
    """False where the baseline was accepted without outputs: then none are shown of either side."""
    facts: Facts = Facts()

    @property
    def delta(self) -> Delta | None:
        """The change that the cases and the plot of differences are about."""
        deltas = self.comparison.deltas if self.comparison else ()
        return next((each for each in deltas if (each.label, each.slice) == (self.metric, self.slice)), None)


class Form(ABC):
    """Writes a Report as one text."""

    needs_verdict: ClassVar[bool] = False
    """True where a comparison or a ranking, which have no rules, has nothing to tell."""

    @abstractmethod
    def render(self, report: Report) -> str:
        """Return the whole text. Whatever models and users wrote stays text in it."""
