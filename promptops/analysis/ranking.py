"""Several runs on one evaluation set: how good each is, how sure that is, what it costs, and which is best.

Everything is paired by sample over all runs at once. A run that gave no answer to a sample has the worst
value there; a sample that the metric could not score in one of the runs is left out for all and counted.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from promptops.analysis.comparison import pair
from promptops.analysis.sides import Loaded
from promptops.analysis.standings import FEW_CLUSTERS, MetricRanking, Standing, by_metric
from promptops.analysis.summary import RESAMPLES, SEED
from promptops.errors import NotComparable, UnknownName, UsageError
from promptops.metrics import Metric
from promptops.noun import Noun
from promptops.texts.figures import figure, interval, listed
from promptops.types import Run

Rule = Literal["quality", "cheapest"]
By = Literal["cost", "tokens", "seconds"]

MOST = 50


class System(Noun):
    """One of the runs that are ranked, and what its answers take; None where some answer does not tell."""

    run: str
    name: str
    """Prompt and model, with the run's id where two have the same."""
    label: str
    """The prompt where that tells all runs apart, else the model, else the name."""
    prompt: str
    model: str
    answers: int
    missing: int
    """Samples times repeats without an answer."""
    cost: float | None
    """US dollars for all answers, also for those that came from the cache; judges are not counted."""
    cost_per_sample: float | None
    """US dollars for one answer, on average."""
    tokens_in: int | None
    tokens_out: int | None
    tokens_per_sample: float | None
    """Read and written for one answer, on average."""
    seconds: float | None
    """Median of an answer."""


class Best(Noun):
    """Who is best by a stated rule, and why."""

    rule: str
    metric: str
    run: str | None
    ties: tuple[str, ...] = ()
    """Runs that can't be told from the best."""
    sentence: str


class Ranking(Noun):
    """Several runs of one evaluation set held against each other."""

    evalset: str
    baseline: str
    level: float
    resamples: int
    seed: int
    by: By
    systems: tuple[System, ...]
    metrics: tuple[MetricRanking, ...]
    best: Best
    warnings: tuple[str, ...] = ()


def newest_of_each(runs: Sequence[Run], digest: str) -> list[Run]:
    """Return the newest finished run of each prompt and model on one state of a set, the oldest first.

    `runs` are newest first. Raises NotComparable for fewer than two.
    """
    found: dict[tuple[str, str], Run] = {}
    for run in runs:
        if run.status == "finished" and run.evalset_digest == digest:
            found.setdefault((run.prompt.digest, run.model), run)
    if len(found) < 2:
        raise NotComparable(
            f"Ranking needs two prompts or models; on this state of the set {len(found)} ran to the end. "
            "Evaluate more of them: promptops eval SET --prompt FILE --prompt FILE --model MODEL"
        )
    return list(found.values())[::-1]


def rank(
    loaded: Sequence[Loaded],
    *,
    baseline: int = 0,
    metric: str | None = None,
    best: Rule = "quality",
    margin: float | None = None,
    by: By = "cost",
    level: float = 0.95,
) -> Ranking:
    """Rank runs of the same set by each metric that all have (or by one), and name the best by a rule.

    Raises NotComparable where figures don't mean the same, UnknownName for a metric that not all runs have,
    UsageError for a rule without what it needs; a margin is never guessed.
    """
    _check(loaded, best, margin, by, level)
    metrics = _shared(loaded)
    if metric is not None and metric not in metrics:
        raise UnknownName("metric of all runs", metric, metrics)
    systems = _systems(loaded)
    labels = [metric] if metric is not None else list(metrics)
    tables = tuple(by_metric(loaded, label, metrics[label], baseline, level) for label in labels)
    return Ranking(
        evalset=loaded[0].side.run.evalset,
        baseline=loaded[baseline].side.run.id,
        level=level,
        resamples=RESAMPLES,
        seed=SEED,
        by=by,
        systems=systems,
        metrics=tables,
        best=_best(systems, tables[0], best, margin, by, level),
        warnings=_warnings(loaded, systems, tables, metrics),
    )


def amount(system: System, by: By) -> float | None:
    """Return what a system takes: US dollars per 1,000 samples, tokens a sample, or seconds an answer."""
    if by == "cost":
        return None if system.cost_per_sample is None else 1000.0 * system.cost_per_sample
    return system.tokens_per_sample if by == "tokens" else system.seconds


def takes(value: float | None, by: By) -> str:
    """Return what a system takes in words; what is not known is unknown and never 0."""
    if value is None:
        return {"cost": "has no known cost", "tokens": "has no known tokens", "seconds": "has no known time"}[
            by
        ]
    return {
        "cost": f"costs ${money(value)} per 1,000 samples",
        "tokens": f"takes {value:,.1f} tokens a sample",
        "seconds": f"takes {value:.3g} s for an answer (median)",
    }[by]


def money(value: float) -> str:
    """Return an amount of money: cents, or three digits where that would hide it."""
    return f"{value:,.2f}" if value >= 0.995 else f"{value:.3g}"


def _check(loaded: Sequence[Loaded], best: str, margin: float | None, by: str, level: float) -> None:
    if not 2 <= len(loaded) <= MOST:
        raise UsageError(f"Ranking takes 2 to {MOST} runs, not {len(loaded)}.")
    refuse_twice([one.side.run for one in loaded])
    for name, value, known in (("best", best, get_args(Rule)), ("by", by, get_args(By))):
        if value not in known:
            raise UnknownName(name, value, known)
    if not 0.5 <= level < 1:
        raise UsageError(f"The level is a probability from 0.5 to below 1, not {level!r}.")
    if margin is not None and best != "cheapest":
        raise UsageError("A margin goes with the rule `cheapest` only: --best cheapest --margin M")
    if margin is not None and not 0 < margin < float("inf"):
        raise UsageError(f"A margin is a loss in the metric's own unit, above 0, not {margin!r}.")


def _shared(loaded: Sequence[Loaded]) -> dict[str, Metric]:
    """Return the metrics that all runs have. Raises NotComparable where they or the samples differ."""
    first = loaded[0]
    pairings = [pair(first.side, other.side, other.metrics) for other in loaded[1:]]
    shared = [label for label in pairings[0].metrics if all(label in each.metrics for each in pairings)]
    if not shared:
        raise NotComparable(
            "No metric was measured in all of these runs. `promptops score RUN --metric ...` adds one."
        )
    return {label: pairings[0].metrics[label] for label in shared}


def _systems(loaded: Sequence[Loaded]) -> tuple[System, ...]:
    names, labels = labels_of([one.side.run for one in loaded])
    return tuple(_system(*each) for each in zip(loaded, names, labels, strict=True))


def refuse_twice(runs: Sequence[Run]) -> None:
    """Raise UsageError for a run that is named twice."""
    seen: set[str] = set()
    for run in runs:
        if run.id in seen:
            raise UsageError(f"Run {run.id} is named twice; it can't be ranked against itself.")
        seen.add(run.id)


def labels_of(runs: Sequence[Run]) -> tuple[list[str], list[str]]:
    """Return what runs are called: prompt and model, and in short the prompt or model that tells them apart.

    Each with the run's id where two have the same.
    """
    bare = [f"{run.prompt_ref} on {run.model}" for run in runs]
    names = [
        name if bare.count(name) == 1 else f"{name} ({run.id})" for name, run in zip(bare, runs, strict=True)
    ]
    prompts, models = [run.prompt_ref for run in runs], [run.model for run in runs]
    return names, next(each for each in (prompts, models, names) if len(set(each)) == len(each))


def _system(loaded: Loaded, name: str, label: str) -> System:
    run = loaded.side.run
    answers = [result.completion for result in loaded.outputs() if result.completion is not None]
    cost = _sum([answer.cost for answer in answers])
    tokens_in, tokens_out = (
        None if total is None else round(total)
        for total in (
            _sum([answer.tokens_in for answer in answers]),
            _sum([answer.tokens_out for answer in answers]),
        )
    )
    both = None if tokens_in is None or tokens_out is None else tokens_in + tokens_out
    seconds = [answer.seconds for answer in answers if answer.seconds is not None]
    return System(
        run=run.id,
        name=name,
        label=label,
        prompt=run.prompt_ref,
        model=run.model,
        answers=len(answers),
        missing=run.errors,
        cost=cost,
        cost_per_sample=None if cost is None else cost / len(answers),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens_per_sample=None if both is None else both / len(answers),
        seconds=statistics.median(seconds) if seconds and len(seconds) == len(answers) else None,
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _best(
    systems: Sequence[System], ranking: MetricRanking, rule: Rule, margin: float | None, by: By, level: float
) -> Best:
    race = _Race({system.run: system for system in systems}, ranking, by, level)
    if rule == "quality":
        return race.first()
    if margin is None:
        raise UsageError(
            "A margin is never guessed: state the largest loss that you accept, in the metric's own unit.\n"
            "  --best cheapest --margin M   the smallest at which one of these runs qualifies by "
            f"{ranking.label}: {race.smallest_margin()}"
        )
    return race.cheapest(margin)


@dataclass(frozen=True)
class _Race:
    """The systems by the metric that decides."""

    systems: Mapping[str, System]
    ranking: MetricRanking
    by: By
    level: float

    def first(self) -> Best:
        """Name the first by the metric, and all that can't be told from the best."""
        label = self.ranking.label
        rule = f"the first by {label}; whoever can be of rank 1 is not distinguishable from the best"
        top, *others = self.ranking.standings
        if top.figure is None:
            why = self.ranking.note or "its figure is undefined"
            return Best(rule=rule, metric=label, run=None, sentence=f"Nobody is best by {label}: {why}.")
        ties = [one for one in others if one.best_rank in (1, None)]
        if ties:
            named = listed([f"{self._label(one)} ({figure(one.figure)})" for one in ties])
            sure = (
                f"comes first by {label}, but {named} {'is' if len(ties) == 1 else 'are'} not distinguishable"
            )
            told_one = f"{self._introduced(top)} {sure} from the best. The first {self._takes(top)}."
        else:
            rest = "the other one is" if len(others) == 1 else f"each of the {len(others)} others is"
            sure = f"{rest} certainly worse ({self.level:.0%} for all together)"
            told_one = f"{self._introduced(top)} is best by {label}: {sure}. It {self._takes(top)}."
        return Best(
            rule=rule, metric=label, run=top.run, ties=tuple(one.run for one in ties), sentence=told_one
        )

    def cheapest(self, margin: float) -> Best:
        """Name the cheapest whose bound keeps the margin: true with `level` however it was chosen."""
        label = self.ranking.label
        bare = Best(
            rule=f"the cheapest by {self.by} that is not worse than the best by more than {margin:g} in "
            f"{label}; wrong with probability {1 - self.level:.2g} at most, unknown {self.by} can't win",
            metric=label,
            run=None,
            sentence="",
        )
        close = [one for one in self.ranking.standings if one.behind is not None and one.behind < margin]
        known = [one for one in close if self._amount(one) is not None]
        unknown = listed([self._label(one) for one in close if self._amount(one) is None])
        if known:
            return bare.model_copy(update=self._won(known, unknown, margin))
        why = f"no run is shown to keep the margin; the smallest that one keeps is {self.smallest_margin()}"
        if unknown:
            why = f"nobody knows what {unknown} would take, and no other run keeps the margin"
        return bare.model_copy(update={"sentence": f"Nobody is best by this rule: {why}."})

    def smallest_margin(self) -> str:
        """Return the smallest margin that a run keeps, rounded up, in words."""
        known = [one.behind for one in self.ranking.standings if one.behind is not None]
        if not known:
            return f"none ({self.ranking.note})"
        smallest = _rounded_up(max(min(known), 0.0))
        return f"{smallest:g}" if smallest else "any above 0"

    def _won(self, known: Sequence[Standing], unknown: str, margin: float) -> dict[str, object]:
        # Standings are in the order of figures, so that of equally cheap ones the better comes first.
        chosen, top = min(known, key=lambda one: self._amount(one) or 0.0), self.ranking.standings[0]
        behind = max(chosen.behind or 0.0, 0.0)
        parts = [
            f"{self._introduced(chosen)} is the cheapest that is not worse than the best by more than "
            f"{margin:g} in {self.ranking.label}: it {self._takes(chosen)}, and lies at most "
            f"{figure(behind)} behind.",
            "" if top.run == chosen.run else f"First is {self._introduced(top)}, which {self._takes(top)}.",
            f"What {unknown} would take is unknown." if unknown else "",
        ]
        ties = [one.run for one in known if one != chosen and self._amount(one) == self._amount(chosen)]
        return {"run": chosen.run, "ties": tuple(ties), "sentence": " ".join(filter(None, parts))}

    def _label(self, one: Standing) -> str:
        return self.systems[one.run].label

    def _introduced(self, one: Standing) -> str:
        return f"{self.systems[one.run].name} ({figure(one.figure)} {interval(one.low, one.high)})"

    def _amount(self, one: Standing) -> float | None:
        return amount(self.systems[one.run], self.by)

    def _takes(self, one: Standing) -> str:
        return takes(self._amount(one), self.by)


def _warnings(
    loaded: Sequence[Loaded],
    systems: Sequence[System],
    tables: Sequence[MetricRanking],
    shared: Mapping[str, Metric],
) -> tuple[str, ...]:
    found = [
        f"{system.missing} answers are missing in {system.name}: they count as worst."
        for system in systems
        if system.missing
    ]
    for table in tables:
        if table.unscored:
            found.append(
                f"{table.unscored} samples have no {table.label} score in some run: they are left out."
            )
        if 2 <= table.clusters < FEW_CLUSTERS:
            found.append(f"{table.label}: {table.clusters} groups are few, its intervals are rough.")
        if table.note and table is not tables[0]:
            found.append(f"{table.label}: {table.note}.")
    records = {record.label: record for one in loaded for record in one.side.run.metrics}
    stand_ins = [table.label for table in tables if records[table.label].stand_in]
    if stand_ins:
        found.append(
            f"{', '.join(stand_ins)}: a rule-based stand-in, not an LLM, is the judge; "
            "its scores only show the way."
        )
    alone = sorted(set(records) - set(shared))
    if alone:
        found.append(f"Not measured in all of these runs, so left out: {', '.join(alone)}.")
    return tuple(found)


def _rounded_up(value: float) -> float:
    """Round up to two digits, so that the advice is not below what is kept."""
    if value <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / step) * step
