"""What belongs beside a judge's figure, in the sentences that every face shows."""

from __future__ import annotations

from collections.abc import Sequence

from promptops.instruments import Found, JudgeFacts
from promptops.texts.figures import figure, interval


def judge_sentences(found: JudgeFacts) -> tuple[str, ...]:
    """Return what is told beside a judge's figure on a run; warnings come last, and say so."""
    told: list[str] = []
    if found.diversity is not None:
        kept = found.diversity
        told.append(f"{kept.distinct} distinct outputs to {kept.questions} questions ({kept.share:.0%})")
    told.append(f"score and length of the output: Spearman {_figure(found.length)}")
    if found.length_at_equal is not None:
        told[-1] += f"; at an equal rating by people {_figure(found.length_at_equal)}"
    if found.noise is not None:
        told.append(f"judge noise: {spread(found.noise)}, {found.noise.n} answers asked again")
    if found.unscored:
        why = "; ".join(f"{count} x {reason}" for reason, count in found.reasons)
        told.append(f"{found.unscored} of {found.judged} answers have no score: {why}")
        told += [_mend(found)] if found.unread else []
        told += _asked_again(found)
    return (*told, *(f"Note: {each.removeprefix(f'{found.label}: ')}" for each in found.warnings))


def judge_lines(found: Sequence[JudgeFacts]) -> tuple[str, ...]:
    """Return a line for each judge and side of a comparison; what it warns of stands among its notes."""
    return tuple(
        f"{each.label}, {each.side}: {'. '.join(judge_sentences(each.model_copy(update={'warnings': ()})))}."
        for each in found
        if each.judged
    )


def spread(one: Found) -> str:
    """Tell the standard deviation of one asking."""
    if one.value is None:
        return f"how much one asking varies is not told ({one.reason})"
    ends = "" if one.low is None else f" {interval(one.low, one.high)}"
    return f"one asking varies by {figure(one.value)}{ends} (standard deviation)"


def _asked_again(found: JudgeFacts) -> list[str]:
    """Tell what to do where the judge gave no answer; asking the same again mends no refused parameter."""
    silent = [why for why, _ in found.reasons if why.startswith("the judge gave no answer")]
    if not silent or found.run == "baseline":
        return []
    if any("400" in why and "logprobs" in why for why in silent):
        return [
            "the judge's server refuses logprobs: leave them out of its prompt; of a g_eval write weights = "
            f'"sampling" under [metrics.{found.label}]. Then: promptops score {found.run}'
        ]
    return [f"where the judge gave no answer, ask again for these alone: promptops score {found.run}"]


def _mend(found: JudgeFacts) -> str:
    """Tell what to do about replies that can't be read."""
    replies = "1 reply can't be read" if found.unread == 1 else f"{found.unread} replies can't be read"
    if found.run == "baseline":
        return f"{replies}: mend the judge, evaluate the baseline's prompt again, and accept that run"
    one = "it" if found.unread == 1 else "them"
    return (
        f"{replies}: mend the judge's prompt, model or scale, then ask again for {one} alone: promptops "
        f"score {found.run}"
    )


def _figure(found: Found) -> str:
    if found.value is None:
        return f"not told ({found.reason})"
    why = f", {found.reason}" if found.reason else ""
    return f"{figure(found.value)} {interval(found.low, found.high)} over {found.n}{why}"
