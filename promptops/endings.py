"""How a run that may end early came to its end, in plain words."""

from __future__ import annotations

from promptops.verdicts import Stopping


def how_it_ended(found: Stopping) -> str:
    """Return how a run that may stop early ended, and what that saved."""
    waiting = ""
    if found.whole_run:
        who = "Bets" if found.first is None else "The first samples"
        waiting = f" {who} can't decide {'; '.join(found.whole_run)}: PASS needs all samples, FAIL doesn't."
    if found.first is not None:
        return _of_stages(found, waiting)
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
    rest = f" {found.in_flight:,} more answers were under way." if found.in_flight else ""
    money = f" and about ${found.cost_saved:.2f}" if found.cost_saved else ""
    saved = f" About {found.calls_saved:,} calls{money} were not spent." if found.calls_saved else ""
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
    money = f" and about ${found.cost_saved:.2f}" if found.cost_saved else ""
    calls = f"about {found.calls_saved:,} calls{money}"
    if found.left_open:
        ask = f" The others would take {calls}: {found.more}." if found.calls_saved else ""
        return f"Only the first {many} were asked, {drawn}, and they leave it open.{ask}{waiting}"
    told = f"Decided by the first {many}, {drawn}, at their share of alpha: {found.alpha_early:.2g}."
    if found.later:
        return f"{told} The {found.later:,} other answers don't count.{waiting}"
    return f"{told} {calls[:1].upper()}{calls[1:]} were not spent.{waiting}" if found.calls_saved else told
