"""What `--json` prints: one object a command, described in docs/guide/json.md."""

from __future__ import annotations

from typing import Literal

import click
from pydantic import Field

from promptops.analysis.noise import Noise
from promptops.analysis.ranking import Ranking
from promptops.analysis.slices import Slices
from promptops.calls.bills import Bill
from promptops.calls.embedding import EmbeddingForecast
from promptops.calls.forecast import Forecast
from promptops.calls.prices import ListPrice
from promptops.distributions.coverage import SetCoverage
from promptops.distributions.leaks import Leaks
from promptops.distributions.shift import Shift
from promptops.gate.planning import Plan
from promptops.gate.selftest import SelfTest
from promptops.generation import Generated
from promptops.instruments import JudgeFacts, Preference
from promptops.noun import Noun
from promptops.replay.proofs import CacheModel, Recording, Replay, Verification
from promptops.runs.submissions import Collection, Submission
from promptops.sets.additions import Added
from promptops.texts.worddiff import DiffPart
from promptops.types import AliasMove, Case, Estimate, FailureCount, Outcome, PromptVersion, Run
from promptops.verdicts import CaseChange, Comparison, Correction, Verdict


class Document(Noun):
    """An object that `--json` prints; `format` is raised when a key changes its meaning."""

    format: Literal[1] = 1


class RunFigures(Noun):
    """A run and its figures."""

    run: Run
    estimates: tuple[Estimate, ...]
    failures: tuple[FailureCount, ...] = ()
    cut_off: int = 0
    """Answers that ended at the limit of tokens."""
    notes: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """By the label of a judge what belongs beside its figure."""
    judges: tuple[JudgeFacts, ...] = ()


class ModelPrice(Noun):
    """A model that was asked about, or a row of the table, and its price; null where it is unknown."""

    model: str
    price: ListPrice | None


class StarterFile(Noun):
    """A file of the starter project, and whether it was written or was there."""

    file: str
    written: bool


class InitDocument(Document):
    """`init`."""

    files: tuple[StarterFile, ...]


class DemoDocument(Document):
    """`demo`."""

    folder: str
    runs: tuple[Run, ...]
    comparison: Comparison
    cases: tuple[CaseChange, ...]
    shift: Shift
    verdict: Verdict


class ViewDocument(Document):
    """`view`, before it serves."""

    address: str


class EvalDocument(Document):
    """`eval`, `resume`, `score`."""

    runs: tuple[RunFigures, ...]
    calls: int
    cached: int
    tokens_in: int | None
    tokens_out: int | None
    cost: float | None
    seconds: float
    under_way: int = 0
    """Calls that were under way when the command ended: no answer, and maybe charged."""
    unchanged: tuple[str, ...] = ()
    stopped: str | None = None
    """Why no further call was made, where a limit ended it; else null."""
    exit_code: int = 0
    nothing: str | None = None
    """Why there was nothing to ask, where that is no fault; else null."""


class SubmitDocument(Document):
    """`eval --batch`."""

    submissions: tuple[Submission, ...]


class CollectDocument(Document):
    """`resume` of a run in batches while answers are still to come."""

    collection: Collection


class RunsDocument(Document):
    """`runs`."""

    runs: tuple[Run, ...]
    marks: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """By run on which side of a change of its judge its scores are."""
    bills: dict[str, Bill] = Field(default_factory=dict)
    """By run what it took; of one with very many calls only `show` tells that."""


class RunDocument(Document):
    """`show RUN`."""

    run: Run
    bill: Bill
    estimates: tuple[Estimate, ...]
    failures: tuple[FailureCount, ...] = ()
    cut_off: int = 0
    """Answers that ended at the limit of tokens."""
    notes: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    corrections: dict[str, Correction] = Field(default_factory=dict)
    """By the label of a judge what people's ratings make of its figure, where there are any."""
    judges: tuple[JudgeFacts, ...] = ()
    cases: tuple[Case, ...] = ()


class CompareDocument(Document):
    """`compare`."""

    baseline: Run | None
    candidate: Run
    comparison: Comparison
    cases: tuple[CaseChange, ...]
    preference: Preference | None = None
    corrections: dict[str, Correction] = Field(default_factory=dict)
    """By the label of a judge what people's ratings make of its change, where there are any."""


class RankDocument(Document):
    """`rank`."""

    ranking: Ranking


class SlicesDocument(Document):
    """`slices`."""

    slices: Slices


class PlanDocument(Document):
    """`plan`."""

    plan: Plan


class ForecastDocument(Document):
    """`eval`, `gate` and `resume` with `--dry-run`."""

    forecast: Forecast


class PricesDocument(Document):
    """`prices`."""

    prices: tuple[ModelPrice, ...]


class SelftestDocument(Document):
    """`selftest`."""

    selftest: SelfTest
    sentence: str


class AcceptDocument(Document):
    """`accept`."""

    run: str
    file: str


class GateDocument(Document):
    """`gate`."""

    verdict: Verdict | None
    """Null where nothing was judged: the prompt is unchanged, or `reasons` say why it could not be."""
    exit_code: int
    outcome: Outcome | None = None
    """That of the verdict; CANNOT_MEASURE where there is none; null of an unchanged prompt."""
    reasons: tuple[str, ...] = ()
    """Why there is no verdict, and what is next: a certificate that is void, a baseline that is missing."""
    unchanged: str | None = None
    stopped: str | None = None
    """Why no further call was made, where a limit ended it; else null."""


class ShiftDocument(Document):
    """`shift`."""

    shift: Shift
    exit_code: int = 0
    """1 or 3 with `--check` only."""


class CoverageDocument(Document):
    """`coverage`."""

    coverage: SetCoverage
    file: str | None = None
    """Where the suggestions were written."""


class EmbeddingForecastDocument(Document):
    """`shift` and `coverage` with `--embed` and `--dry-run`."""

    forecast: EmbeddingForecast


class GenerateDocument(Document):
    """`evalset generate`."""

    generated: Generated


class AddDocument(Document):
    """`evalset add`."""

    added: Added


class LeaksDocument(Document):
    """`leaks`."""

    leaks: Leaks
    exit_code: int = 0
    """1 with `--check` only."""


class NoiseDocument(Document):
    """`noise`."""

    noise: Noise


class PromptsDocument(Document):
    """`prompt list`."""

    prompts: tuple[PromptVersion, ...]
    aliases: dict[str, dict[str, int]]


class PromptDocument(Document):
    """`prompt add` and `prompt show`."""

    version: PromptVersion
    digest: str
    new: bool = False
    aliases: tuple[str, ...] = ()


class PromptDiffDocument(Document):
    """`prompt diff`."""

    first: str
    second: str
    parts: tuple[DiffPart, ...]


class PromptHistoryDocument(Document):
    """`prompt history`."""

    versions: tuple[PromptVersion, ...]
    moves: tuple[AliasMove, ...]


class Plugin(Noun):
    """One file of a wing."""

    wing: str
    name: str
    summary: str


class PluginsDocument(Document):
    """`plugins`."""

    plugins: tuple[Plugin, ...]


class Check(Noun):
    """One thing that `doctor` looked at."""

    name: str
    state: Literal["ok", "warning", "error"]
    told: str


class DoctorDocument(Document):
    """`doctor`."""

    checks: tuple[Check, ...]


class ReplayDocument(Document):
    """`replay`."""

    replay: Replay
    exit_code: int


class VerifyDocument(Document):
    """`verify`."""

    verification: Verification
    exit_code: int


class RecordDocument(Document):
    """`record`."""

    recording: Recording


class CacheStatsDocument(Document):
    """`cache stats`."""

    models: tuple[CacheModel, ...]
    entries: int
    bytes: int
    hits: int
    points: tuple[CacheModel, ...]
    """Of embedding models; in no sum above."""


class CacheForgottenDocument(Document):
    """`cache prune` and `cache clear`."""

    answers: int
    points: int
    dry_run: bool


def print_document(document: Noun) -> None:
    """Print one JSON object; ASCII only, so that no text in it can act on a terminal."""
    import json

    click.echo(json.dumps(document.model_dump(mode="json"), ensure_ascii=True, indent=2))
