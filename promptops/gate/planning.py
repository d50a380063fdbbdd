"""What can this set see, what would it take to see more, and what does it cost: before it is paid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from promptops.analysis.comparison import Pairing
from promptops.analysis.noise import ChangeNoise, Noise
from promptops.analysis.spending import Choice
from promptops.calls.pricing import Extra, Price, extra_of, extra_sentence
from promptops.errors import UsageError
from promptops.gate.decision import spread
from promptops.gate.expectation import LOSS, Expected, expectations
from promptops.gate.reach import Reach
from promptops.gate.rules import GateRule
from promptops.gate.stopping import parts_of, stakes_of
from promptops.noun import Noun
from promptops.stats.decision import SMALL
from promptops.texts.figures import dollars
from promptops.types import EvalSet

LITTLE = 0.9
"""An early stop that takes more than this share of the samples saves little."""


class Plan(Noun):
    """What an evaluation set can see, and what it would take to see more."""

    evalset: str
    samples: int
    history: str
    alpha: float
    power: float
    reaches: tuple[Reach, ...]
    early: Expected | None
    """What `--early-stop` would take for all rules together; None where it can't be told."""
    price: Price | None
    concurrency: int
    """How many answers at a time the sentences count with."""
    advice: tuple[str, ...]


def priced(reach: Reach, price: Price | None) -> Reach:
    """Return a reach with what the cases take that it needs beyond those that there are."""
    found: dict[str, Extra] = {}
    if reach.needed is not None and reach.needed > reach.n:
        found["extra"] = extra_of(price, reach.needed - reach.n)
    if reach.to_see is not None and reach.to_see > reach.n:
        found["extra_to_see"] = extra_of(price, reach.to_see - reach.n)
    return reach.model_copy(update=found)


def advice(reaches: Sequence[Reach], power: float, concurrency: int) -> tuple[str, ...]:
    """Say in plain sentences what to do."""
    told: list[str] = []
    for reach in reaches:
        name = f"{reach.label} on {reach.slice!r}" if reach.slice else reach.label
        told += [f"{name}: {sentence}" for sentence in _of(reach, power, concurrency)]
    if any(reach.extra or reach.extra_to_see for reach in reaches):
        told.append(
            "More samples are paid in each evaluation; the baseline has to be evaluated on them once, too."
        )
    return tuple(told)


def with_early(
    reaches: Sequence[Reach], pairing: Pairing, evalset: EvalSet
) -> tuple[tuple[Reach, ...], Expected | None]:
    """Return the reaches with what an early stop takes, and what all rules together do; None without any."""
    samples = pairing.candidate.table.samples
    parts = parts_of(spread(evalset.gate, samples, evalset.slices)[0])
    if not parts:
        return tuple(reaches), None
    records = {label: pairing.candidate.table.columns[label].record for label in pairing.metrics}
    each, whole = expectations(pairing, stakes_of(parts, samples, records))
    told = [reach.model_copy(update={"early": each.get((reach.label, reach.slice))}) for reach in reaches]
    return tuple(told), whole


def early_advice(whole: Expected | None, *, declared: bool) -> tuple[str, ...]:
    """Say what an early stop would bring for all rules together."""
    if declared:
        return ("What --early-stop would bring is not known without two runs to learn from.",)
    if whole is None:
        return ()
    if whole.equal is None:
        return (f"What --early-stop would bring is not foretold: {whole.note or 'the runs tell nothing'}.",)
    if whole.note:
        return (f"With --early-stop {whole.note}; only a FAIL can come before.",)
    together = ", with all rules together," if whole.rules > 1 else ""
    little = "; it saves little there" if whole.equal > LITTLE * whole.samples else ""
    if whole.worse is None:
        return (
            f"With --early-stop{together} an equal version would take about {whole.equal:.0f} of "
            f"{whole.samples} samples on average{little}.",
        )
    losing = f"a loss of {LOSS:g} margins" + (" in each" if whole.rules > 1 else "")
    return (
        f"With --early-stop{together} {losing} would take about {whole.worse:.0f} of {whole.samples} samples "
        f"on average, an equal version {whole.equal:.0f}{little}.",
    )


def repeats_advice(noise: Noise, rules: Sequence[GateRule], price: Price | None) -> tuple[str, ...]:
    """Say for each ruled metric, or the first, if repeats are useless and which number is cost-optimal."""
    ruled = {rule.metric for rule in rules} or {noise.label}
    return tuple(
        f"{change.label}: {_repeats(change, price)}" for change in noise.changes if change.label in ruled
    )


def refuse_unknown(given: Iterable[str], known: Sequence[str], option: str) -> None:
    """Raise UsageError where an option names a metric that the set doesn't measure."""
    for label in given:
        if label not in known:
            raise UsageError(f"{option} names {label!r}; the set measures {', '.join(known)}.")


def _of(reach: Reach, power: float, concurrency: int) -> list[str]:
    if reach.resolves is None and reach.chance is None:
        return [f"{reach.note or 'nothing can be said'}."]
    told = _for_repeats(reach, power) if reach.method == "repeats" else _for_margin(reach, power, concurrency)
    if reach.change is not None and reach.method == "repeats":
        told.append(f"more samples don't help to see a change of {reach.change:g} on these; repeats do.")
    elif reach.change is not None and reach.to_see is not None:
        verdict = "enough"
        if reach.extra_to_see is not None:
            more = extra_sentence(reach.extra_to_see, concurrency)
            verdict = f"{reach.extra_to_see.samples} too few ({more})"
        told.append(
            f"a change of {reach.change:g} is found in {power:.0%} with {reach.to_see} cases; "
            f"{reach.n} are {verdict}."
        )
    if reach.note:
        told.append(f"{reach.note}.")
    return told


def _for_margin(reach: Reach, power: float, concurrency: int) -> list[str]:
    if reach.margin is None or reach.chance is None:
        return []
    bets = ""
    if reach.method == "bets":
        few = f", as under {SMALL} groups" if reach.clusters < SMALL else ""
        bets = f" Bets decide here{few}: the figures are theirs, by drawing the runs' groups again."
    if reach.chance >= power:
        return [f"{reach.n} cases are enough for the margin of {reach.margin:g}.{bets}"]
    more = ""
    if reach.extra is not None:
        more = (
            f" About {reach.needed} cases would pass it in {power:.0%}: {reach.extra.samples} more "
            f"({extra_sentence(reach.extra, concurrency)})."
        )
    elif reach.needed is None:
        more = " Many times these cases would not do."
    return [
        f"the margin of {reach.margin:g} is too fine for {reach.n} cases: an equal version "
        f"would pass in {reach.chance:.0%} of gates, else be INCONCLUSIVE.{more}{bets}"
    ]


def _for_repeats(reach: Reach, power: float) -> list[str]:
    if reach.margin is None or reach.chance is None:
        return []
    about = "It is about these very samples: more of them change nothing, repeats do."
    if reach.chance >= power:
        return [f"the repeats are enough for the margin of {reach.margin:g}. {about}"]
    return [
        f"the margin of {reach.margin:g} is too fine for these repeats: an equal version would pass in "
        f"{reach.chance:.0%} of gates, else be INCONCLUSIVE. About {reach.needed_repeats} repeats in "
        f"both runs would pass it in {power:.0%}. {about}"
    ]


def _repeats(change: ChangeNoise, price: Price | None) -> str:
    choice = change.choice
    if choice is None:
        return f"what repeats bring is not known: {change.note or 'the runs tell nothing'}."
    if not choice.noise_share:
        return "repeats are useless, as those of a sample scored alike throughout: ask each sample once."
    share = f"{choice.noise_share:.0%} of the change's squared standard error is noise between them"
    worth = f"repeats are useless: only {share}" if choice.useless else f"repeats are of use: {share}"
    return f"{worth}. {_optimal(choice, price)}"


def _optimal(choice: Choice, price: Price | None) -> str:
    if choice.case_cost and choice.best_repeats is None:
        return "Samples differ no more than repeats do, so more repeats are cheaper than more samples."
    if choice.case_cost:
        best = max(1, round(choice.best_repeats or 0))
        return f"Where a new sample costs {choice.case_cost:g} answers, the cost-optimal number is {best}."
    told = "While a new sample costs nothing but its answers, the cost-optimal number is 1, with more samples"
    if choice.break_even is None:
        return f"{told}."
    if choice.break_even == 0:
        return "Samples differ no more than repeats do, so one more repeat is as good as one more sample."
    each = None
    if price is not None and price.cost is not None and price.answers:
        each = price.cost / price.answers * choice.break_even
    money = "" if each is None else f" ({dollars(each)})"
    return (
        f"{told}; from a cost of {choice.break_even:.3g} answers{money} a sample on, it is more than now "
        "(--case-cost tells)."
    )
