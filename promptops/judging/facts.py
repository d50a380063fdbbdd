"""What belongs beside a judge's scores: how much outputs differ, what length does, and whom it is kin to."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from promptops.analysis.sides import Loaded
from promptops.analysis.summary import RESAMPLES, SEED, Floats, Ints, Side, sample_values
from promptops.canonical import canonical_json
from promptops.gate.stopping import UNSCORED_LIMIT
from promptops.instruments import Diversity, Found, JudgeFacts
from promptops.judges import Judge, asked_models
from promptops.judging.families import kinship
from promptops.metrics import Metric
from promptops.stats.clusters import TooFewClustersError
from promptops.stats.lengthcontrol import LengthCorrelation, length_correlation
from promptops.types import MetricRecord, Result, Sample

FEWEST = 10
"""Different questions below which nothing is suspicious about outputs that are alike."""
MOST_CASES = 2_000
"""Samples that are correlated with length; of more, so many by the hashes of their groups."""
_REASONS = 3

Ratings = Mapping[tuple[str, str], float]
"""People's mean rating, by sample id and output."""


@dataclass(frozen=True)
class Beside:
    """What is known of a run's judges from elsewhere, by label."""

    people: Mapping[str, Ratings] = field(default_factory=dict)
    noise: Mapping[str, Found] = field(default_factory=dict)
    """The standard deviation of one asking."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """What can't be read of this, and why."""


NOTHING = Beside()


def judge_facts(loaded: Loaded, beside: Beside = NOTHING) -> tuple[JudgeFacts, ...]:
    """Return what belongs beside the figure of each judge of a run. Reads every output once."""
    records = [record for record in loaded.side.run.metrics if record.judge]
    if not records:
        return ()
    seen = _Seen([record.label for record in records], beside.people)
    for result in loaded.outputs():
        seen.add(result)
    diversity = _diversity(loaded.side.table.samples, seen)
    return tuple(
        _with(beside, _facts(loaded, record, loaded.metrics[record.label], seen, diversity))
        for record in records
        if record.label in loaded.metrics
    )


def facts_of_both(first: Loaded, second: Loaded, beside: Beside = NOTHING) -> tuple[JudgeFacts, ...]:
    """Return what belongs beside the figures of judges in a comparison, first the baseline's."""
    before, after = judge_facts(first, beside), judge_facts(second, beside)
    return (
        *(each.model_copy(update={"side": "baseline"}) for each in before),
        *(each.model_copy(update={"side": "candidate"}) for each in after),
    )


def cautions(*sides: Loaded) -> tuple[str, ...]:
    """Return what the judges of some runs give reason to be wary of; cheaper than all facts."""
    told: list[str] = []
    for loaded in sides:
        records = [record for record in loaded.side.run.metrics if record.judge]
        if not records:
            continue
        seen = _Seen([record.label for record in records], {})
        for result in loaded.outputs():
            seen.add(result)
        _, alike = _diversity(loaded.side.table.samples, seen)
        for record in records:
            told += _wary(loaded, record, seen, alike)
    return tuple(dict.fromkeys(told))


def _with(beside: Beside, found: JudgeFacts) -> JudgeFacts:
    fault = beside.faults.get(found.label)
    told = () if fault is None else (f"{found.label}: {fault}",)
    update = {"noise": beside.noise.get(found.label), "warnings": (*found.warnings, *told)}
    return found.model_copy(update=update)


@dataclass
class _Seen:
    """What one look at every result tells."""

    labels: Sequence[str]
    people: Mapping[str, Ratings]
    first: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """By sample id the first repeat with an output, and the output's digest."""
    characters: dict[str, list[int]] = field(default_factory=dict)
    rated: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """By label and sample id, ratings of its outputs."""
    judged: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, Counter[str]] = field(default_factory=dict)
    unread: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Look at one result."""
        for label in self.labels:
            score = result.scores.get(label)
            if score is None:
                continue
            self.judged[label] += 1
            if score.unscored is not None:
                self.reasons.setdefault(label, Counter())[score.unscored[:200]] += 1
                self.unread[label] += "reply" in score.evidence
        if result.completion is None:
            return
        name, text = result.sample_id, result.completion.text
        self.characters.setdefault(name, []).append(len(text))
        if name not in self.first or result.repeat < self.first[name][0]:
            self.first[name] = result.repeat, _mark(text)
        for label, ratings in self.people.items():
            if (name, text) in ratings:
                self.rated.setdefault(label, {}).setdefault(name, []).append(ratings[name, text])


def _facts(
    loaded: Loaded, record: MetricRecord, metric: Metric, seen: _Seen, found: tuple[Diversity | None, str]
) -> JudgeFacts:
    run, label = loaded.side.run, record.label
    reasons = seen.reasons.get(label, Counter())
    diversity, alike = found if _looks(loaded, record) else (None, "")
    length, partial = _lengths(loaded.side, label, metric, seen)
    if not _looks(loaded, record):
        length, partial = Found(reason="it does not look at the output"), None
    return JudgeFacts(
        run=run.id,
        label=label,
        judges=asked_models(record.options),
        judged=seen.judged[label],
        unscored=sum(reasons.values()),
        reasons=tuple(reasons.most_common(_REASONS)),
        unread=seen.unread[label],
        diversity=diversity,
        length=length,
        length_at_equal=partial,
        warnings=_wary(loaded, record, seen, alike),
    )


def _looks(loaded: Loaded, record: MetricRecord) -> bool:
    """Tell whether a judge looks at the output at all; some judge the context that it was made from."""
    metric = loaded.metrics.get(record.label)
    return not isinstance(metric, Judge) or metric.shows_candidate


def _wary(loaded: Loaded, record: MetricRecord, seen: _Seen, alike: str) -> tuple[str, ...]:
    label = record.label
    biased = (
        *([f"{label}: {alike}"] if alike else []),
        *kinship(label, asked_models(record.options), [loaded.side.run.model]),
    )
    return (
        *(biased if _looks(loaded, record) else ()),
        *_unread(label, seen.judged[label], sum(seen.reasons.get(label, Counter()).values())),
    )


def _unread(label: str, judged: int, unscored: int) -> tuple[str, ...]:
    if not judged or unscored <= UNSCORED_LIMIT * judged:
        return ()
    return (
        f"{label}: {unscored} of {judged} answers ({unscored / judged:.1%}) have no score, more than "
        f"{UNSCORED_LIMIT:.0%}: the gate can't measure by it.",
    )


def _diversity(samples: Sequence[Sample], seen: _Seen) -> tuple[Diversity | None, str]:
    """Return how much outputs differ, and what is suspicious about that; empty where nothing is."""
    if not seen.first:
        return None, ""
    outputs: dict[bytes, bytes] = {}
    targets: dict[bytes, bytes | None] = {}
    for sample in samples:
        if sample.id in seen.first:
            question = _digest(canonical_json(sample.inputs))
            outputs.setdefault(question, seen.first[sample.id][1])
            targets.setdefault(question, _mark(sample.references[0]) if sample.target else None)
    counts = Counter(outputs.values())
    found = Diversity(questions=len(outputs), distinct=len(counts), most=max(counts.values()))
    return found, _suspicion(found, Counter(targets.values()))


def _suspicion(found: Diversity, targets: Counter[bytes | None]) -> str:
    """Say so where outputs are more alike than the right answers are: a judge may like one text for all."""
    n = found.questions
    if n < FEWEST:
        return ""
    known = None not in targets
    right = max(targets.values()) if known else 0
    if found.most > 0.5 * n and found.most - right > 0.2 * n:
        told = f"{found.most} of {n} different questions got the same output"
    elif found.distinct < 0.1 * n and (not known or len(targets) > 2 * found.distinct):
        told = f"{n} different questions got only {found.distinct} different outputs"
    else:
        return ""
    return (
        f"{told}. A judge can like one text for every question (Zheng et al. 2024, arXiv 2410.07137): read "
        "some of them before this score is believed."
    )


def _lengths(side: Side, label: str, metric: Metric, seen: _Seen) -> tuple[Found, Found | None]:
    """Correlate scores with lengths over samples, repeats averaged; also at an equal rating by people."""
    table = side.table
    scores = sample_values(table.columns[label], metric)
    ids = [sample.id for sample in table.samples]
    lengths = np.array([np.mean(seen.characters.get(name, [np.nan])) for name in ids])
    rated = seen.rated.get(label)
    human = None if not rated else np.array([np.mean(rated.get(name, [np.nan])) for name in ids])
    used = np.flatnonzero(np.isfinite(scores) & np.isfinite(lengths))
    if len(used) > MOST_CASES:
        used = _some(ids, used)
    if len(used) < 3:
        return Found(n=len(used), reason="fewer than three samples with a score and an output"), None
    try:
        found = _correlated(scores[used], lengths[used], human, used, table.clusters[used])
    except TooFewClustersError as error:
        return Found(n=len(used), reason=str(error)), None
    return Found.of(found.plain), None if found.partial is None else _enough(Found.of(found.partial))


def _enough(found: Found) -> Found:
    """Return a figure at equal ratings, or that too few are rated: of a handful it is 1 or -1 by chance."""
    few = f"{found.n} rated samples; it takes {FEWEST}"
    return found if found.n >= FEWEST else Found(n=found.n, reason=few)


def _correlated(
    scores: Floats, lengths: Floats, human: Floats | None, used: Ints, clusters: Ints
) -> LengthCorrelation:
    people = None if human is None else human[used]
    return length_correlation(scores, lengths, people, clusters, resamples=RESAMPLES, seed=SEED)


def _some(ids: Sequence[str], used: Ints) -> Ints:
    """Return so many places by the hashes of their names, in order."""
    chosen = sorted(used.tolist(), key=lambda place: _digest(ids[place]))[:MOST_CASES]
    return np.array(sorted(chosen), dtype=np.intp)


def _mark(text: str) -> bytes:
    """Return what outputs that are the same to a reader have in common."""
    return _digest(" ".join(unicodedata.normalize("NFKC", text).casefold().split()))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
