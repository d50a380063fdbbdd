"""What a measurement shows of other people's texts: without their addresses, and without secrets.

Texts of a file are compared as they are; what is shown of them is clean, as records are when stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from promptops.distributions.coverage import SetCoverage
from promptops.distributions.shift import SHOWN_CHARACTERS, Shift
from promptops.texts.personal import without_people
from promptops.texts.redaction import Redactor, without_told_secrets

_LOOKED_AT = 5


def clean_coverage(found: SetCoverage, redactor: Redactor) -> SetCoverage:
    """Clean the texts of production: examples, suggestions and points of the map. The set's own stay."""
    lacking = tuple(
        each.model_copy(update={"examples": tuple(_begun(text, redactor) for text in each.examples)})
        for each in found.uncovered
    )
    picked = tuple(
        each.model_copy(update={"text": _clean(each.text, redactor)}) for each in found.suggestions
    )
    drawn = found.map and found.map.model_copy(
        update={
            "points": tuple(
                each
                if each.sample is not None
                else each.model_copy(update={"text": _clean(each.text, redactor)})
                for each in found.map.points
            )
        }
    )
    return found.model_copy(update={"uncovered": lacking, "suggestions": picked, "map": drawn})


def clean_shift(found: Shift, redactor: Redactor, texts: Sequence[str]) -> Shift:
    """Clean the current `texts` that are shown, and leave out words that stand in nothing clean."""
    shown = {
        side: tuple(
            each.model_copy(update={"text": _begun(each.text, redactor)}) for each in getattr(found, side)
        )
        for side in ("foreign", "typical")
    }
    words = tuple(word for word in found.current_tokens if _stays(word, texts, redactor))
    return found.model_copy(update={**shown, "current_tokens": words})


def _stays(word: str, texts: Sequence[str], redactor: Redactor) -> bool:
    """Tell whether a word is left in one of the first clean texts that had it."""
    having = list(islice((text for text in texts if word in text.lower()), _LOOKED_AT))
    return not having or any(word in _clean(text, redactor).lower() for text in having)


def _begun(text: str, redactor: Redactor) -> str:
    """Clean the beginning of a text; where it was cut, the last word may be half an address, and goes."""
    if len(text) >= SHOWN_CHARACTERS:
        text = text[: max(text.rfind(" "), text.rfind("\n"), 0)]
    return _clean(text, redactor)


def _clean(text: str, redactor: Redactor) -> str:
    return without_people(redactor.text(without_told_secrets(text)))
