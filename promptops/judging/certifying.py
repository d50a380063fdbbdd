"""A judge held against people: agreement beside theirs with one another, errors by class, and bias."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from promptops.errors import NotMeasured
from promptops.instruments import Found
from promptops.judges import Judge
from promptops.judging.biasparts import bias_parts
from promptops.judging.certificates import Certificate, ClassRate, Measured
from promptops.labels.copies import copies
from promptops.labels.labels import PREFERENCES, Case, ratings_digest
from promptops.labels.pairings import pairings
from promptops.labels.steps import FEWEST, step_towards
from promptops.pairs.agreement import net_preferences, pair_figures, verdicts_of
from promptops.stats.agreement import Measure, agreement, bias
from promptops.stats.clusters import TooFewClustersError
from promptops.stats.confusion import confusion
from promptops.stats.reweighting import Estimated
from promptops.types import Sample, Score

MOST_SILENT = 0.05
"""Share of the cases without an answer from which on there is no certificate: which they are is no chance."""
_MOST_CLASSES = 11
_SILENT = "the judge gave no answer: "
_CLASSES: tuple[Measure, ...] = ("kappa", "alpha_nominal", "accuracy")
_ORDERED: tuple[Measure, ...] = (
    "quadratic_kappa",
    "kappa",
    "alpha_ordinal",
    "spearman",
    "kendall",
    "accuracy",
)
_NUMBERS: tuple[Measure, ...] = ("alpha_interval", "pearson", "spearman", "kendall")
_PAIRS: tuple[Measure, ...] = ("quadratic_kappa", "kappa", "alpha_ordinal", "accuracy")


def certificate_of(
    judge: Judge,
    evalset: str,
    label: str,
    cases: Sequence[Case],
    samples: Mapping[str, Sample],
    scores: Mapping[str, Score],
    labels: str,
    allowed: float | None = None,
    unanswered: int = 0,
) -> Certificate:
    """Hold a judge's scores, by case id, against the ratings of the cases. Cases are clustered by group.

    `allowed` is the largest bias that a rule of the gate allows, `unanswered` the cases to which the judge
    gave no answer at all. A judge of pairs is held against people by its verdicts, and its bias is that of
    its net preference: what won in one order and tied in the other has won by a half.

    Raises NotMeasured for fewer than 20 independent cases with both.
    """
    rated = [case for case in cases if case.ratings]
    raters = sorted({rater for case in rated for rater in case.ratings})
    values_of = {key: judge.value(score) for key, score in scores.items()}
    known = [case for case in rated if values_of.get(case.id) is not None]
    groups = [samples[case.sample].group or f"\0{case.sample}" for case in known]
    if len(set(groups)) < FEWEST:
        again = f"promptops judge certify {evalset}:{label}"
        missing = len(rated) - len(known)
        # Who was not reached may be fine: the same command asks again about these cases alone.
        mend = f"Mend the judge, and ask it again: {again} --no-cache"
        if unanswered == missing:
            mend = f"It gave no answer about them. See that it answers, and run the same again: {again}"
        raise NotMeasured(
            f"{missing} of {len(rated)} rated cases have no score of the judge; the others are "
            f"{len(set(groups))} independent ones, and a certificate takes {FEWEST}. {mend}"
        )
    net = own = np.array([values_of[case.id] for case in known], dtype=np.float64)
    if judge.pairs:
        net = net_preferences(own)
        own = verdicts_of(net)
    people = np.array([[case.ratings.get(rater, np.nan) for rater in raters] for case in known])
    record = judge.record(label, label)
    values = np.unique(people[np.isfinite(people)])
    classes = np.unique(np.concatenate([own, values]))
    in_classes = len(classes) <= _MOST_CLASSES
    measures = _NUMBERS if not in_classes else _CLASSES if len(classes) <= 2 else _ORDERED
    scale = 0.0 if record.low is None else record.low, 1.0 if record.high is None else record.high
    if judge.pairs:
        measures, scale = _PAIRS, (min(PREFERENCES), max(PREFERENCES))
    found = tuple(_measured(own, people, measure, groups) for measure in measures)
    seen = bias(net, people, groups, scale=scale).difference
    return Certificate(
        evalset=evalset,
        label=label,
        judge=" + ".join(judge.models),
        signature=judge.signature,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        low=scale[0],
        high=scale[1],
        labels=labels,
        labels_digest=ratings_digest(rated),
        cases=len(known),
        unscored=len(rated) - len(known),
        unanswered=unanswered,
        raters=len(raters),
        each=tuple(sorted(np.isfinite(people).sum(axis=0).tolist(), reverse=True)),
        ratings=int(np.isfinite(people).sum()),
        copies=tuple(each.cases for each in copies(rated)),
        unrated=sum(len(case.unrated) for case in cases),
        main=measures[0],
        measures=found,
        bias=Found(value=seen.mean, low=_finite(seen.low), high=_finite(seen.high), n=seen.n),
        parts=bias_parts(
            net,
            people,
            np.array([len(case.output) - len(case.other or "") for case in known], dtype=np.float64),
            groups,
            *scale,
            names=("preference", "difference") if judge.pairs else ("value", "length"),
        ),
        allowed=allowed,
        classes=_classes(own, people, groups, scale) if in_classes else (),
        pairs=pairings(own, people, *scale),
        compared=pair_figures(net, people, [scores[case.id] for case in known], groups)
        if judge.pairs
        else None,
        stand_in=judge.stand_in,
    )


def refuse_few(
    cases: Iterable[Case], samples: Mapping[str, Sample], judge: str, *, pairs: bool = False
) -> None:
    """Raise NotMeasured where too few of a judge's cases, `SET:LABEL`, are rated to certify it."""
    step = step_towards(judge, cases, samples.values(), pairs=pairs)
    if step.why:
        raise NotMeasured(f"The judge can't be certified yet{step.told}")


def refuse_silent(reasons: Sequence[str], cases: int, judge: str, failed: int) -> None:
    """Raise NotMeasured where a judge, `SET:LABEL`, gave no answer about more than 5 % of the cases.

    `reasons` are why, one a case; `failed` are the calls that this took.
    """
    if len(reasons) <= MOST_SILENT * cases:
        return
    why, count = Counter(each.removeprefix(_SILENT) for each in reasons).most_common(1)[0]
    seen = f"{count} x {why[:200].rstrip('.')}"
    raise NotMeasured(
        f"The judge gave no answer about {len(reasons)} of {cases} cases ({seen}), so that no certificate "
        f"was written; {failed} calls failed, which may have been charged. See that its server is up and can "
        "be reached; then run the same again, which asks about these alone: promptops judge certify "
        f"{judge}"
    )


def _measured(
    own: np.typing.NDArray[np.float64],
    people: np.typing.NDArray[np.float64],
    measure: Measure,
    groups: Sequence[str],
) -> Measured:
    found = agreement(own, people, measure, groups)
    return Measured(
        measure=measure,
        judge_human=_found(found.judge_human),
        human_human=_found(found.human_human),
        gap=_found(found.gap),
    )


def _classes(
    own: np.typing.NDArray[np.float64],
    people: np.typing.NDArray[np.float64],
    groups: Sequence[str],
    scale: tuple[float, float],
) -> tuple[ClassRate, ...]:
    return tuple(
        ClassRate(
            value=each.label,
            precision=_found(each.precision),
            recall=_found(each.recall),
            missed=each.missed,
            false=each.false,
            bias=_bias_at(each.label, own, people, groups, scale),
        )
        for each in confusion(own, people, groups).classes
    )


def _bias_at(
    value: float,
    own: np.typing.NDArray[np.float64],
    people: np.typing.NDArray[np.float64],
    groups: Sequence[str],
    scale: tuple[float, float],
) -> Found:
    """Return how far a judge is off where people say `value`."""
    said = np.where(people == value, people, np.nan)
    n = int(np.isfinite(said).any(axis=1).sum())
    try:
        seen = bias(own, said, groups, scale=scale).difference
    except TooFewClustersError:
        return Found(n=n, reason="fewer than two independent cases that people rate so")
    return Found(value=seen.mean, low=_finite(seen.low), high=_finite(seen.high), n=seen.n)


def _found(each: Estimated) -> Found:
    return Found(value=each.value, low=each.low, high=each.high, n=each.n, reason=each.reason)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
