"""What a pairwise judge said, in the sentences that every face shows: who won, and how far to believe it."""

from __future__ import annotations

from promptops.instruments import Found, LengthBias, PairFigures, Preference
from promptops.texts.figures import counted, figure, interval, p_value, signed


def preference_sentences(found: Preference) -> tuple[str, ...]:
    """Return who won, then what place and length did to it, then what is missing; warnings are not in it."""
    told = [_won(found)]
    if found.flip_rate is not None:
        told.append(_order(found))
    if found.length is not None:
        told.append(_length(found.length))
    if found.unscored > found.unanswered:
        told.append(
            f"{counted(found.unscored - found.unanswered, 'pair')} could not be judged and count nowhere."
        )
    if found.unanswered and found.unmeasured is None:
        told.append(
            f"{counted(found.unanswered, 'pair')} got no answer of the judge and count nowhere; run the same "
            "again: only those without an answer are asked."
        )
    if found.left:
        told.append(f"Not asked about: {counted(found.left, 'pair')}; those before are a fair part of all.")
    if found.anchors:
        told.append(found.anchors)
    if found.stand_in:
        told.append("* a rule-based stand-in, not an LLM; it only shows the way.")
    return tuple(told)


def compared_sentences(found: PairFigures, bias: Found) -> tuple[str, ...]:
    """Return whom a judge and people prefer on the same pairs, how far apart that is, and what order does."""
    ends = interval(bias.low, bias.high, sign=True) if bias.low is not None else ""
    told = (
        f"Net preference for the newer output: the judge's {signed(found.judge)}, people's "
        f"{signed(found.people)}; bias {signed(bias.value)} {ends}".rstrip()
        + "."
    )
    order = f"{found.flips} of {found.flip.n} verdicts change with the order ({_figure(found.flip)})"
    if found.first.value is not None:
        order += f"; of the decided replies {_figure(found.first)} chose the answer shown first"
    if found.order_p is not None:
        order += (
            f", in both orders {found.first_both} times and the second one {found.second_both} times "
            f"(exact p {p_value(found.order_p)})"
        )
    return told, f"{order}."


def _won(found: Preference) -> str:
    star = "*" if found.stand_in else ""
    if found.unmeasured is not None:
        return f"{found.label}{star} by {found.judge}: not measured: {found.unmeasured}."
    won, lost = _halved(found.wins, "won", found.half_wins), _halved(found.losses, "lost", found.half_losses)
    return (
        f"{found.label}{star} by {found.judge}: the candidate wins {figure(found.share)} "
        f"{interval(found.low, found.high)} of {found.n} samples "
        f"({won}, {lost}, {found.ties} ties, {found.identical} identical)."
    )


def _halved(count: int, what: str, half: int) -> str:
    return f"{count} {what}" + (f", {half} of them by half" if half else "")


def _order(found: Preference) -> str:
    told = f"{found.flips} verdicts change with the order"
    if found.flip_rate is not None:
        told += f" ({found.flip_rate:.0%} {interval(found.flip_low, found.flip_high)})"
    if found.first_rate is not None:
        told += f"; the first answer is chosen {found.first_rate:.0%} of the time"
        told += f" {interval(found.first_low, found.first_high)}"
        told += f", in both orders {found.first_both} times and the second one {found.second_both} times"
    if found.order_p is not None and found.first_both + found.second_both:
        told += f" (exact p {p_value(found.order_p)})"
    return told + "."


def _length(found: LengthBias) -> str:
    told = f"Of the {found.rate.n} samples whose answers differ the candidate wins {_figure(found.rate)}"
    told += f"; with lengths held equal {_figure(found.controlled)}"
    if found.overlap is not None:
        told += f"; {found.overlap:.0%} of them have answers of about the same length"
    return f"{told}. Preference and length: Spearman {_figure(found.correlation)}."


def _figure(found: Found) -> str:
    if found.value is None:
        return f"not told ({found.reason})"
    why = f" ({found.reason})" if found.reason else ""
    return f"{figure(found.value)} {interval(found.low, found.high)}{why}"
