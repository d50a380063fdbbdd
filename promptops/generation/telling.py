"""What came of a generation in one sentence, and what has to be known beside it."""

from __future__ import annotations

from collections import Counter

from promptops.generation import Generated, Rejection
from promptops.generation.passages import SHORTEST

_WORDS: dict[Rejection, tuple[str, str]] = {
    "repeated": ("repeats a case that is there", "repeat cases that are there"),
    "canary": ("holds a set's canary", "hold a set's canary"),
    "in_prompt": ("stands in a prompt", "stand in prompts"),
    "not_answerable": ("can't be answered", "can't be answered"),
    "wrong_target": ("has a wrong target", "have wrong targets"),
    "not_as_asked": ("is not as asked", "are not as asked"),
    "not_checked": ("could not be checked", "could not be checked"),
    "unreadable": ("could not be read", "could not be read"),
}


def sentence_of(found: Generated) -> str:
    """Say how many candidates there are, and what became of all others that were asked for."""
    counts = Counter(each.kind for each in found.rejected)
    lost = [f"{counts[kind]} {words[counts[kind] > 1]}" for kind, words in _WORDS.items() if counts[kind]]
    unheard = sum(each.wanted for each in found.unheard)
    lost += [f"{unheard} {_were(unheard)} asked for in vain"] if unheard else []
    lost += [f"{found.fewer} {_were(found.fewer)} not written"] if found.fewer else []
    lost += [f"{found.left} {_were(found.left)} left out by the limit"] if found.left else []
    told = f"{len(found.candidates)} of {found.wanted} synthetic samples are candidates"
    return f"{told}: {', '.join(lost)}." if lost else f"{told}."


def notes_of(found: Generated) -> tuple[str, ...]:
    """Return what a reader has to know: who checked, what lies far from production, what was passed over."""
    notes = [short_note(found.short)] if found.short else []
    if found.model == found.checker:
        notes.append(
            "The model checked its own samples, and is blind to its own mistakes; another one sees more: "
            "--checker MODEL"
        )
    if found.surplus:
        notes.append(f"{found.surplus} more samples than were asked for came, and are passed over.")
    if found.variety is not None and found.human_variety is not None:
        own, human = found.variety, found.human_variety
        if own.texts == human.texts and own.effective < 0.8 * human.effective:
            notes.append(
                f"They are less different from one another than samples of people: as {own.effective:.1f} "
                f"different ones, where as many of people are as {human.effective:.1f}."
            )
    near, human_near = found.nearness, found.human_nearness
    if (
        near is not None
        and human_near is not None
        and near.discrepancy > 2 * max(human_near.discrepancy, 0.01)
    ):
        notes.append("They lie farther from production than the samples that people wrote.")
    return tuple(notes)


def short_note(short: int) -> str:
    """Say how many passages of documents were too short to ask about."""
    passages = "1 passage was" if short == 1 else f"{short} passages were"
    return f"{passages} too short to ask about: fewer than {SHORTEST} letters and digits."


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
