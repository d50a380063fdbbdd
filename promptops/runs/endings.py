"""How a run that may end early came to its end, in plain words."""

from __future__ import annotations

from promptops.store.answers import Spent
from promptops.texts.figures import dollars
from promptops.types import Run
from promptops.verdicts import Stopping, Verdict


def cut_short(run: Run, against: str, look: int | None) -> Verdict:
    """Return the verdict on a run that ended before all was asked, in no order that was drawn before."""
    places = run.samples * run.repeats
    told = (
        f"only {run.done:,} of {places:,} answers are there, and which ones depends on how quick and cheap "
        "they were, so they stand for nothing. Finish the run, then decide: promptops resume "
        f"{run.id} && promptops gate {run.evalset} --run {run.id}. A gate with --early-stop may be cut off "
        "and still tell what is certain."
    )
    return Verdict(
        outcome="CANNOT_MEASURE",
        reason=told[:1].upper() + told[1:],
        sentence=told,
        cells=(),
        baseline=against,
        candidate=run.id,
        look=look,
    )


def ended(stopping: Stopping, run: Run, spent: Spent, more: str) -> Stopping:
    """Put down how a run that may stop early ended: what was not spent, at what a sample has taken so far.

    `more` is the command that asks what a first stage left out.
    """
    planned = stopping.planned * run.repeats
    beyond = max(spent.places - stopping.samples * run.repeats, 0)
    # A first stage asks no sample beyond it, so that all others were asked for later.
    resumed = run.status == "finished" or stopping.first is not None
    judged = round(planned * spent.judgements.calls / max(run.done, 1))
    answers = max(planned - spent.answers.calls - spent.failures, 0)
    judgements = max(judged - spent.judgements.calls, 0)
    costs = [
        _priced_at(answers, spent.answers.cost, spent.answers.calls),
        _priced_at(judgements, spent.judgements.cost, spent.judgements.calls),
    ]
    known = [cost for cost in costs if cost is not None]
    priced = stopping.model_copy(
        update={
            "in_flight": 0 if resumed else beyond,
            "later": beyond if resumed else 0,
            "calls": spent.asked + spent.failures,
            "calls_saved": answers + judgements,
            "cost_saved": sum(known) if len(known) == len(costs) else None,
            "more": more if stopping.left_open else "",
        }
    )
    return priced.model_copy(update={"sentence": how_it_ended(priced)})


def how_it_ended(found: Stopping) -> str:
    """Return how a run that may stop early ended, and what that saved."""
    waiting = ""
    if found.whole_run:
        who = "Bets" if found.first is None else "The first samples"
        waiting = f" {who} can't decide {'; '.join(found.whole_run)}: PASS needs all samples, FAIL doesn't."
    if found.first is not None:
        return _of_stages(found, waiting)
    if found.cut:
        calls = f": about {_calls(found.calls_saved)}{_money(found)}" if found.calls_saved else ""
        return (
            f"The run was cut off after {found.samples:,} of {found.planned:,} samples, in an order drawn "
            f"before the run (seed {found.seed}). Bets on these hold whatever ended it; the rest can still "
            f"be asked{calls}.{_beyond(found)}{waiting}"
        )
    if not found.stopped:
        left = f", and the bound at the end had alpha = {found.alpha_end:g} left" if found.alpha_end else ""
        return (
            f"Early stop saved nothing: all {found.planned:,} samples were needed. Bets know no more than "
            f"the range of scores, so changes that are small beside it seldom end a run{left}.{waiting}"
        )
    if found.later:
        return (
            f"Decided by the first {found.samples:,} of {found.planned:,} samples, in an order drawn before "
            f"the run (seed {found.seed}): there it was certain. The {found.later:,} other answers don't "
            f"count.{waiting}"
        )
    were = "answer was" if found.in_flight == 1 else "answers were"
    rest = f" {found.in_flight:,} more {were} under way." if found.in_flight else ""
    money = _money(found)
    saved = (
        f" About {_calls(found.calls_saved)}{money} {_were(found)} not spent." if found.calls_saved else ""
    )
    return (
        f"Stopped early: it was certain after {found.samples:,} of {found.planned:,} samples, in an order "
        f"drawn before the run (seed {found.seed}).{rest}{saved}{waiting}"
    )


def _of_stages(found: Stopping, waiting: str) -> str:
    drawn = f"in an order drawn before the run (seed {found.seed})"
    many = f"{found.samples:,} of {found.planned:,} samples"
    if not found.stopped:
        return (
            f"The first {found.first:,} samples, {drawn}, left it open. So all {found.planned:,} were asked, "
            f"and decide with what of alpha was kept for them: {found.alpha_end:.2g}."
        )
    money = _money(found)
    calls = f"about {_calls(found.calls_saved)}{money}"
    if found.left_open:
        ask = f" The others would take {calls}: {found.more}." if found.calls_saved else ""
        return f"Only the first {many} were asked, {drawn}, and they leave it open.{ask}{waiting}"
    told = f"Decided by the first {many}, {drawn}, at their share of alpha: {found.alpha_early:.2g}."
    if found.later:
        return f"{told} The {found.later:,} other answers don't count.{waiting}"
    return (
        f"{told} {calls[:1].upper()}{calls[1:]} {_were(found)} not spent.{waiting}"
        if found.calls_saved
        else told
    )


def _beyond(found: Stopping) -> str:
    """Return why more is stored of a run that was cut off than its bets stand on."""
    if not found.in_flight:
        return ""
    if found.in_flight == 1:
        return " 1 more answer is stored; it counts once those before it in that order are there."
    return (
        f" {found.in_flight:,} more answers are stored; they count once those before them in that order are "
        "there."
    )


def _money(found: Stopping) -> str:
    return f" and about {dollars(found.cost_saved)}" if found.cost_saved else ""


def _calls(count: int) -> str:
    return f"{count:,} call" + ("" if count == 1 else "s")


def _were(found: Stopping) -> str:
    return "was" if found.calls_saved == 1 and not found.cost_saved else "were"


def _priced_at(count: int, cost: float | None, calls: int) -> float | None:
    """Return what so many calls would cost at the price of those that were made; None where it is unknown."""
    if not count:
        return 0.0
    return None if cost is None or not calls else count * cost / calls
