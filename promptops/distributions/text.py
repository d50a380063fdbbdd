"""A shift and a coverage in words and short figures, the same on every face."""

from __future__ import annotations

from collections.abc import Mapping

from promptops.distributions.coverage import SetCoverage
from promptops.distributions.shift import FeatureShift, Shift
from promptops.production.references import in_words
from promptops.stats.intervals import wilson_interval
from promptops.texts.figures import counted, figure, p_value, shortened

USUAL, LACKING = 0.05, 0.1
"""Shares of production far from every case: of a set like it, and from which on a set lacks something."""
GUESSED = 0.495
"""An area under the curve that is told as less than .50: worse than guessing, which only chance explains."""
_NAME = 60
"""Characters of a side's name in a sentence."""


def shift_sentence(shift: Shift) -> str:
    """Say what was found: whether texts differ, whether that is certain, and whether it is large."""
    first, second = _called(shift.reference_name), _called(shift.current_name)
    if not shift.measured or shift.p_value is None or shift.separation is None:
        return f"Whether {second} differs from {first} could not be measured: {shift.reason}."
    p, severity = p_value(shift.p_value), shift.severity
    if shift.alarmed:
        return (
            f"{second} differs from {first}: alarm, for that is certain (p {p}) and of {severity} severity."
        )
    if shift.p_value < shift.alpha:
        return (
            f"{second} differs from {first} for certain (p {p}), but so little that its texts can hardly be "
            f"told from the others (severity {severity}): no alarm."
        )
    if severity == "negligible":
        return f"{second} shows no certain difference from {first} (p {p}; severity {severity}): no alarm."
    return (
        f"{second} shows a difference of {severity} severity from {first}, but it may be chance (p {p}): no "
        "alarm."
    )


def shift_facts(shift: Shift) -> str:
    """Return the figures that alarm and severity rest on, in one line."""
    pairs = ", in pairs" if shift.paired else ""
    facts = [f"{shift.reference_used:,} and {counted(shift.current_used, 'text')}{pairs}"]
    if shift.reference_n > shift.reference_used or shift.current_n > shift.current_used:
        facts[0] += f" drawn from {shift.reference_n:,} and {shift.current_n:,}"
    if shift.blocks is not None:
        facts.append("{} and {} days, shuffled whole".format(*shift.blocks))
    if shift.embedding_model is not None:
        facts.append(f"embeddings of {shift.embedding_model}")
    if shift.mmd_p is not None:
        facts.append(f"MMD p {p_value(shift.mmd_p)}")
    if shift.panel_p is not None:
        facts.append(f"features p {p_value(shift.panel_p)}")
    if shift.auc is not None and shift.auc_low is not None and shift.auc_high is not None:
        below = " (under .5: not told apart)" if shift.auc < GUESSED else ""
        facts.append(
            f"told apart with AUC {shift.auc:.2f} [{shift.auc_low:.2f}, {shift.auc_high:.2f}]{below}"
        )
    return "; ".join(facts)


def feature_sides(item: FeatureShift) -> tuple[str, str, str]:
    """Return what of a feature stands on both sides: the name whose share changed most, else empty, and both.

    Both are shares of that name, or means.
    """
    if item.reference is not None:
        return "", figure(item.reference), figure(item.current)
    first, second = item.reference_shares, item.current_shares
    most = max({**first, **second}, key=lambda name: (_gap(first, second, name), name))
    return most, f"{first.get(most, 0.0):.0%}", f"{second.get(most, 0.0):.0%}"


def coverage_sentence(found: SetCoverage) -> str:
    """Say how much of production a set covers, beside what to expect of a set like it."""
    evalset, production = _called(found.evalset), _called(found.production)
    if found.coverage is None or found.expected is None or found.p_value is None:
        return f"How much of {production} {evalset} covers could not be measured: {found.reason}."
    covers = (
        f"covers {found.coverage:.1%} of {production}, where a set like it would cover {found.expected:.1%} "
        f"(p {p_value(found.p_value)})"
    )
    if lacks_kinds(found):
        return f"{evalset} lacks what {found.far:.1%} of production asks; it {covers}."
    return f"{evalset} {covers}."


def coverage_facts(found: SetCoverage) -> tuple[str, str]:
    """Return what was looked at and how, and how much of production lies far from every case."""
    by = found.representation if found.embedding_model is None else f"embeddings of {found.embedding_model}"
    return (
        f"{counted(found.cases_used, 'case')} and {counted(found.texts_used, 'text')} by {by}, "
        f"{found.k} nearest neighbours; density {found.density or 0.0:.2f}",
        f"{found.far or 0.0:.1%} of production lies farther from every case than 95 % of cases lie from "
        "their nearest other one; about 5 % is usual.",
    )


def thicker(found: SetCoverage) -> str:
    """Say how many suggestions lie near a case or an earlier one of them; empty where none does."""
    near = sum(not each.covered for each in found.suggestions)
    if not near:
        return ""
    lie = "lies" if near == 1 else "lie"
    return (
        f"{near} of {len(found.suggestions)} {lie} near a case or an earlier one of these: they cover "
        "nothing new, but give a kind the cases that a rule about it needs."
    )


def lacks_kinds(found: SetCoverage) -> bool:
    """Tell whether clearly more of production is far from every case than is usual, however much is covered.

    Over 10 %, and surely over the 5 % that a set like production leaves far (Wilson, 95 %).
    """
    if found.far is None or not found.texts_used:
        return False
    far = wilson_interval(round(found.far * found.texts_used), found.texts_used)
    return found.far > LACKING and far.low > USUAL


def _called(side: str) -> str:
    return shortened(in_words(side), _NAME)


def _gap(first: Mapping[str, float], second: Mapping[str, float], name: str) -> float:
    return abs(first.get(name, 0.0) - second.get(name, 0.0))
