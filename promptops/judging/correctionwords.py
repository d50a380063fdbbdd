"""A correction by people's ratings in plain words, the same on every face."""

from __future__ import annotations

from promptops.stats.ppi import FEW
from promptops.texts.figures import figure, interval, signed
from promptops.verdicts import Correction


def corrected_line(found: Correction, *, change: bool = False) -> str:
    """Return a corrected figure in one line, or why there is none."""
    if found.value is None:
        return f"not corrected by people's ratings: {found.why}"
    shown = signed if change else figure
    how = "one-sided bounds" if change else f"{found.level:.0%} interval"
    return (
        f"{shown(found.value)} {interval(found.low, found.high, sign=change)} by people's ratings of "
        f"{found.rated:,} of {found.samples:,} samples and the judge (PPI++, {how}); the judge alone says "
        f"{shown(found.judge)}"
    )


def by_ratings(found: Correction, *, change: bool = True) -> str:
    """Say what a gate's corrected change (or figure) rests on, and what the judge alone would say."""
    return (
        f"by people's ratings of {found.rated:,} of {found.samples:,} samples (lambda {figure(found.lam)}; "
        f"the judge alone says {judge_alone(found, change=change)})"
    )


def judge_alone(found: Correction, *, change: bool = True) -> str:
    """Return the judge's own change (or figure) with its bounds."""
    shown = signed(found.judge) if change else figure(found.judge)
    return f"{shown} {interval(found.judge_low, found.judge_high, sign=change)}"


def more_ratings(found: Correction) -> str:
    """Say how many further ratings would show a gate's PASS if nothing changed."""
    if found.more is None:
        return f"Ratings of all {found.samples:,} samples would not show it either: it takes more samples."
    if not found.more:
        return "There are ratings enough to show that nothing changed; it is the change that keeps it open."
    return f"If nothing changed, about {found.more:,} more rated {_units(found)} would show it."


def settling(found: Correction) -> str:
    """Return what it would take to settle a gate that is open, as the end of an advice."""
    if found.more is None:
        return "ratings of all samples would not settle it; add samples, or accept a larger loss"
    if not found.more:
        return "more ratings alone are not likely to settle it; look at the cases, or accept a larger loss"
    return f"about {found.more:,} more rated {_units(found)} would settle it if nothing really changed"


def worth(found: Correction) -> str:
    """Say how many ratings the judge is worth, or why it can't be worth any."""
    if found.unrated == 0:
        each = "samples are rated" if found.rated == found.samples else "groups hold a rated sample"
        return f"all {found.groups:,} {each}, so that the judge has nothing to add."
    units = "rated samples" if found.groups == found.rated else "groups of rated samples"
    return f"the {found.groups:,} {units} tell with this judge as much as {found.worth or 0:,.0f} without it."


def halving(found: Correction) -> str:
    """Say how many further ratings would halve the interval."""
    what = _units(found)
    if found.halve is None:
        return f"Rating all {found.samples:,} samples would not halve the interval: it takes more samples."
    return f"About {max(found.halve - found.groups, 1):,} more rated {what} would halve the interval."


def correction_notes(found: Correction, draw: str) -> tuple[str, ...]:
    """Return what makes a correction less than it seems; `draw` is the command that draws."""
    notes: list[str] = []
    if found.rated and not found.at_random:
        notes.append(
            f"{found.rated} rated samples were not drawn at random by promptops: the figure holds only if "
            f"they are as good as a random part of all. Draw: {draw}"
        )
    elif found.left_out:
        notes.append(f"{found.left_out} rated samples are outside of the random part and left out.")
    if found.at_random and found.rated < found.drawn:
        notes.append(
            f"{found.drawn - found.rated} of {found.drawn} drawn samples have no rating or no score yet; if "
            "they were passed over because they are hard, the figure leans to the easy ones."
        )
    if not found.same_judge:
        notes.append(
            "The ratings were drawn for another judge (its signature changed). If people were asked for the "
            f"same, draw again, which keeps them: {draw}"
        )
    if found.value is not None and found.groups < FEW:
        notes.append(f"Under {FEW} rated {_units(found)} the interval may be a little too narrow.")
    if found.raters == 1:
        notes.append("One person rated, so that it is that person's opinion.")
    return tuple(notes)


def _units(found: Correction) -> str:
    return "samples" if found.groups == found.rated else "groups of samples"
