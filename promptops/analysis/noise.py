"""How much of a score is luck? Which cases were asked, what was generated, who judged; and what to do.

Needs runs that asked each sample several times: everywhere else repeats are averaged away.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from promptops.analysis.comparison import Pairing, pair
from promptops.analysis.flaky import Flaky, Passes, flaky_cases, pass_rates
from promptops.analysis.grid import Grid, grid_of, with_worst
from promptops.analysis.sides import Loaded
from promptops.analysis.spending import POWER, Choice, weigh
from promptops.analysis.summary import Bools, Floats, estimate
from promptops.errors import UnknownName, UsageError
from promptops.noun import Noun
from promptops.stats.intervals import mean_interval
from promptops.stats.variance import (
    Components,
    NoRepeatsError,
    change_components,
    components,
    nested_components,
    suite_interval,
)
from promptops.types import Run

Source = Literal["cases", "generation", "judge", "generation and judge", "baseline", "candidate"]

LEVEL = 0.95
ALPHA = 0.05
ASKED_AGAIN = 3


class NoisePart(Noun):
    """One source of a mean's uncertainty: its variance with an interval, and its share of SE squared."""

    source: Source
    variance: float
    low: float | None
    high: float | None
    share: float | None


class Spread(Noun):
    """A standard error and the interval that follows from it."""

    se: float
    low: float | None
    high: float | None


class RunNoise(Noun):
    """One metric of one run: where its uncertainty comes from. What repeats alone can tell is None."""

    run: str
    label: str
    repeats: int
    n: int
    failed: int
    unscored: int
    value: float | None
    parts: tuple[NoisePart, ...] = ()
    population: Spread | None = None
    """For the mean over all cases of which these are a sample."""
    suite: Spread | None = None
    """For the mean on these very cases: generation noise only."""
    choice: Choice | None = None
    flaky: Flaky
    passes: tuple[Passes, ...] = ()
    threshold: float | None = None
    note: str = ""


class ChangeNoise(Noun):
    """One metric's change between two runs: where its uncertainty comes from. Bounds are one-sided."""

    label: str
    n: int
    difference: float | None
    parts: tuple[NoisePart, ...] = ()
    population: Spread | None = None
    suite: Spread | None = None
    choice: Choice | None = None
    note: str = ""


class Noise(Noun):
    """What repeats tell of a run, or of two: first in a sentence, then by metric."""

    sentence: str
    label: str
    """The metric that the sentence speaks of."""
    runs: tuple[RunNoise, ...]
    changes: tuple[ChangeNoise, ...] = ()
    level: float = LEVEL
    alpha: float = ALPHA
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """What the user wants to know of which metric."""

    metric: str | None = None
    threshold: float | None = None
    margin: float | None = None
    case_cost: float = 0.0

    def label_of(self, labels: Sequence[str]) -> str:
        """Return the metric that is meant; raises UsageError where that is open, UnknownName."""
        if not labels:
            raise UsageError("The run has no metric. Add one: promptops score RUN --metric NAME")
        if self.metric is None and len(labels) > 1:
            for name, value in (("--threshold", self.threshold), ("--margin", self.margin)):
                if value is not None:
                    raise UsageError(f"{name} is in one metric's unit. Say whose: --metric {labels[0]}")
        if self.metric is not None and self.metric not in labels:
            raise UnknownName("metric of the run", self.metric, labels)
        if self.margin is not None and not 0 < self.margin < np.inf:
            raise UsageError(f"A margin is a positive number, not {self.margin!r}.")
        if self.threshold is not None and not np.isfinite(self.threshold):
            raise UsageError(f"A threshold is a number, not {self.threshold!r}.")
        if not 0 <= self.case_cost < np.inf:
            raise UsageError(f"What a case costs is a number of answers, not {self.case_cost!r}.")
        return self.metric or labels[0]


def run_noise(loaded: Loaded, asked: Asked) -> Noise:
    """Take one run's uncertainty apart. Raises UsageError and UnknownName for what was asked."""
    grid = grid_of(loaded)
    label = asked.label_of(list(grid.scores))
    labels = [label] if asked.metric else list(grid.scores)
    runs = tuple(_run_noise(grid, each, asked, each == label) for each in labels)
    sentence = _run_sentence(grid, runs[0])
    return Noise(sentence=sentence, label=label, runs=runs, warnings=_warnings([grid]))


def change_noise(first: Loaded, second: Loaded, asked: Asked) -> Noise:
    """Take the uncertainty of a change apart. Raises NotComparable, UsageError and UnknownName."""
    pairing = pair(first.side, second.side, second.metrics)
    a, b = grid_of(first), grid_of(second)
    shared = [label for label in pairing.metrics if label in a.scores]
    label = asked.label_of(shared)
    labels = [label] if asked.metric else shared
    alone = Asked(threshold=asked.threshold)
    changes = tuple(_change_noise(pairing, a, b, each, asked, each == label) for each in labels)
    return Noise(
        sentence=_change_sentence(a, b, changes[0]),
        label=label,
        runs=tuple(_run_noise(grid, each, alone, each == label) for grid in (a, b) for each in labels),
        changes=changes,
        warnings=_warnings([a, b]),
    )


def _run_noise(grid: Grid, label: str, asked: Asked, chosen: bool) -> RunNoise:
    scores, table = grid.scores[label], grid.table
    used = np.asarray(np.isfinite(scores.values).any(axis=1))
    figures = estimate(table, grid.metrics[label], label, level=LEVEL)
    threshold = asked.threshold if chosen else None
    found = RunNoise(
        run=grid.run.id,
        label=label,
        repeats=grid.run.repeats,
        n=int(used.sum()),
        failed=int(grid.failed.sum()),
        unscored=int((~np.isfinite(scores.own) & ~grid.failed).sum()),
        value=figures.value,
        flaky=flaky_cases(grid, label, LEVEL),
        passes=pass_rates(grid, label, threshold, LEVEL),
        threshold=threshold,
    )
    if found.n < 2 or len(np.unique(table.clusters[used])) < 2:
        return found.model_copy(update={"note": "fewer than two independent cases: nothing can be told"})
    values, clusters, weights = scores.values[used], table.clusters[used], table.weights[used]
    se = mean_interval(np.nanmean(values, axis=1), clusters, weights=weights).se
    told: dict[str, object] = {"population": Spread(se=se, low=figures.low, high=figures.high)}
    try:
        parts, sources = _parts_of_run(grid, label, values, used)
    except NoRepeatsError:
        told["note"] = "one repeat of each case: noise can't be told from differences between cases"
        return found.model_copy(update=told)
    repeats = _typical([values])
    margin = asked.margin if chosen else None
    choice = weigh(parts, repeats, margin=margin, alpha=(1 - LEVEL) / 2, case_cost=asked.case_cost)
    told |= {"parts": _shares(parts, sources, [repeats] * len(parts.noise)), "choice": choice}
    suite, why = _suite([values], weights, LEVEL, figures.value, grid, label)
    return found.model_copy(update={**told, "suite": suite, "note": why})


def _parts_of_run(
    grid: Grid, label: str, values: Floats, used: Bools
) -> tuple[Components, tuple[Source, ...]]:
    """Return the components; the judge's own part where one answer came twice, so that it can be told."""
    clusters, weights = grid.table.clusters[used], grid.table.weights[used]
    if not grid.scores[label].column.record.judge:
        return components(values, clusters, weights=weights), ("cases", "generation")
    texts = grid.texts[used]
    # A text that is not known is a text of its own.
    blank = np.cumsum(texts == 0).reshape(texts.shape)
    answers = np.where(texts == 0, np.iinfo(np.int64).min + blank, texts)
    try:
        found = components(values, clusters, weights=weights, answers=answers)
    except NoRepeatsError:
        return components(values, clusters, weights=weights), ("cases", "generation and judge")
    return found, ("cases", "generation", "judge")


def _change_noise(pairing: Pairing, a: Grid, b: Grid, label: str, asked: Asked, chosen: bool) -> ChangeNoise:
    delta = pairing.cell(label, None, ALPHA).delta
    found = ChangeNoise(label=label, n=delta.n, difference=delta.difference)
    first, second = a.scores[label].values, with_worst(b, label)
    if second is None:
        return found.model_copy(update={"note": "a missing answer has no worst value in this metric"})
    used = np.isfinite(first).any(axis=1) & np.isfinite(second).any(axis=1)
    first, second = first[used], second[used]
    clusters, weights = b.table.clusters[used], b.table.weights[used]
    if len(np.unique(clusters)) < 2:
        return found.model_copy(update={"note": "fewer than two independent cases: nothing can be told"})
    moved = np.nanmean(second, axis=1) - np.nanmean(first, axis=1)
    se = mean_interval(moved, clusters, weights=weights).se
    told: dict[str, object] = {"population": Spread(se=se, low=delta.low, high=delta.high)}
    if a.texts.shape == b.texts.shape and (a.texts == b.texts).all() and a.texts.any():
        return found.model_copy(update=told | _judged_twice(b, label, first, second, clusters))
    try:
        parts = change_components(first, second, clusters, weights=weights)
    except NoRepeatsError:
        told["note"] = "one of the runs has one repeat of each case: noise can't be told from real changes"
        return found.model_copy(update=told)
    margin = asked.margin if chosen else None
    each = [_typical([first]), _typical([second])]
    choice = weigh(
        parts, _joint(parts, each), arms=2, margin=margin, alpha=ALPHA, power=POWER, case_cost=asked.case_cost
    )
    told |= {"parts": _shares(parts, ("cases", "baseline", "candidate"), each), "choice": choice}
    suite, why = _suite([first, second], weights, 1 - 2 * ALPHA, delta.difference, b, label)
    return found.model_copy(update={**told, "suite": suite, "note": why})


def _judged_twice(
    grid: Grid,
    label: str,
    first: Floats,
    second: Floats,
    clusters: npt.NDArray[np.int64],
) -> dict[str, object]:
    """Tell what two scorings of the same answers tell: of the judge, and nothing of generation."""
    same = "both runs hold the same answers (one took them from the other, or from the cache)"
    if not grid.scores[label].column.record.judge:
        return {"note": f"{same}: nothing was generated anew"}
    if np.array_equal(first, second, equal_nan=True):
        return {"note": f"{same}, judged alike: where replies come from the cache, nothing is judged anew"}
    cube = np.stack([first, second], axis=2)
    if not np.isfinite(cube).all() or cube.shape[1] < 2:
        return {"note": f"{same}, judged twice; the judge's part needs two or more scored repeats everywhere"}
    parts = nested_components(cube, clusters)
    sources: tuple[Source, ...] = ("cases", "generation", "judge")
    return {
        "parts": _shares(parts, sources, [cube.shape[1], 2 * cube.shape[1]]),
        "note": f"{same}, judged twice: the parts are those of the score's mean over both",
    }


def _suite(
    sides: Sequence[Floats], weights: Floats, level: float, centre: float | None, grid: Grid, label: str
) -> tuple[Spread | None, str]:
    """Return the interval for these cases around the figure that is shown, or why there is none."""
    try:
        found = suite_interval(*sides, weights=weights, level=level)
    except NoRepeatsError as error:
        return None, f"no interval for this suite: {error}"
    if centre is None:
        return None, ""
    record, reach = grid.scores[label].column.record, found.high - found.mean
    low, high = centre - reach, centre + reach
    if len(sides) == 1:
        low = low if record.low is None else max(low, record.low)
        high = high if record.high is None else min(high, record.high)
    return Spread(se=found.se, low=low, high=high), ""


def _shares(parts: Components, sources: Sequence[Source], repeats: Sequence[float]) -> tuple[NoisePart, ...]:
    weighed = [
        parts.design * parts.case.variance,
        *(parts.kish * part.variance / each for part, each in zip(parts.noise, repeats, strict=True)),
    ]
    whole = sum(weighed)
    return tuple(
        NoisePart(
            source=source,
            variance=part.variance,
            low=part.low if np.isfinite(part.low) else None,
            high=part.high if np.isfinite(part.high) else None,
            share=weight / whole if whole > 0 else None,
        )
        for source, part, weight in zip(sources, (parts.case, *parts.noise), weighed, strict=True)
    )


def _typical(sides: Sequence[Floats]) -> float:
    """Return the harmonic mean of the cases' repeats: what counts in the variance of a mean."""
    return float(1 / np.mean([1 / np.isfinite(side).sum(axis=1) for side in sides]))


def _joint(parts: Components, repeats: Sequence[float]) -> float:
    """Return the one number of repeats with which both runs' noise would be as large as it is."""
    noise = sum(part.variance / each for part, each in zip(parts.noise, repeats, strict=True))
    return parts.within / noise if noise > 0 else float(np.mean(repeats))


def _run_sentence(grid: Grid, found: RunNoise) -> str:
    if grid.run.repeats < 2:
        return (
            f"Run {grid.run.id} asked each sample once, so it can't be known how much of a score is luck: "
            "which cases flip, pass^k, the noise of generation, an interval for this suite. "
            f"Ask several times: {_again(grid.run)}"
        )
    if found.choice is None:
        return f"{found.label}: {found.note}."
    head = _head(found.label, found.parts, "its mean")
    if grid.identical:
        head = (
            f"All {grid.run.repeats} repeats of every sample are byte-identical: this model always gives the "
            f"same here (temperature 0, rules, a recording), so repeats tell nothing of it. {head}"
        )
    return f"{head} {found.choice.sentence}"


def _change_sentence(a: Grid, b: Grid, found: ChangeNoise) -> str:
    for run in (a.run, b.run):
        if run.repeats < 2:
            return (
                f"Run {run.id or 'of the baseline'} asked each sample once, so it can't be known how much of "
                f"the change is luck. Ask several times: {_again(run)}"
            )
    if found.choice is None:
        parts = f" {_head(found.label, found.parts, 'its mean')}" if found.parts else ""
        return f"{found.label}: {found.note}.{parts}"
    return f"{_head(found.label, found.parts, 'its change')} {found.choice.sentence}"


def _head(label: str, parts: Sequence[NoisePart], what: str) -> str:
    names = {
        "cases": "which cases were asked",
        "baseline": "the baseline's noise",
        "candidate": "the candidate's noise",
    }
    told = [
        f"{part.share:.0%} from {names.get(part.source, part.source)}"
        for part in parts
        if part.share is not None
    ]
    if not told:
        return f"{label}: nothing differs, neither between cases nor between repeats."
    return f"{label}: of the uncertainty of {what}, {', '.join(told)}."


def _again(run: Run) -> str:
    words = ["--prompt", run.prompt_ref, "--model", run.model, "--repeats", str(ASKED_AGAIN)]
    return shlex.join(["promptops", "eval", run.evalset, *words])


def _warnings(grids: Sequence[Grid]) -> tuple[str, ...]:
    found = []
    for grid in grids:
        if grid.run.status != "finished":
            found.append(
                f"Run {grid.run.id} is {grid.run.standing}: what it has not answered yet is left out."
            )
    if len(grids) == 2:
        a, b = grids
        same = (a.run.prompt.digest, a.run.model) == (b.run.prompt.digest, b.run.model)
        if same and (a.cached or b.cached) and not np.array_equal(a.texts, b.texts):
            found.append(
                "Both runs ask the same of the same model and share answers by the cache, so they are not "
                "independent. Evaluate with --no-cache to measure noise between runs."
            )
    stand_ins = {record.label for grid in grids for record in grid.run.metrics if record.stand_in}
    if stand_ins:
        found.append(
            f"{', '.join(sorted(stand_ins))}: a rule-based stand-in, not an LLM, is the judge; "
            "its scores only show the way."
        )
    return tuple(found)
