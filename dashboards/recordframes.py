"""Records of production as tables: texts are one harmless line each. Knows nothing of Streamlit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from dashboards.frames import cell, moment
from promptops import Feedback, Record
from promptops.texts.figures import figure

GOOD, BAD, OPEN = "good", "bad", "said something"


def records_frame(records: Sequence[Record], said: Mapping[str, Sequence[Feedback]]) -> pd.DataFrame:
    """Return one row a record: what was asked, what came back, and what was said of it."""
    rows = [
        {
            "at": moment(each.at),
            "prompt": cell(called(each)),
            "said": ", ".join(opinions(said.get(each.id, ()))),
            "asked": cell(" ".join(_texts(each.inputs))),
            "answered": cell(each.output if each.output is not None else f"no answer: {each.error or '-'}"),
            "model": cell(each.model),
            "seconds": "-" if each.seconds is None else f"{each.seconds:.2f}",
            "outcome": cell(each.outcome),
            "id": cell(each.id),
        }
        for each in records
    ]
    return pd.DataFrame(rows)


def called(record: Record) -> str:
    """Return which version answered, with the alias by which it was found."""
    return f"{record.reference or '-'}{f' ({record.alias})' if record.alias else ''}"


def opinions(said: Iterable[Feedback]) -> list[str]:
    """Return what people found, each once, the bad first."""
    found = {each.good for each in said}
    return [word for opinion, word in ((False, BAD), (True, GOOD), (None, OPEN)) if opinion in found]


def facts(record: Record) -> dict[str, str]:
    """Return what is known of a record beside its texts."""
    tokens = {"in": record.tokens_in, "out": record.tokens_out}
    told = {
        "at": f"{record.at[:19].replace('T', ' ')} UTC",
        "prompt": called(record),
        "model": record.model,
        "error": record.error,
        "ended by": record.finish_reason,
        "tokens": ", ".join(f"{count:,} {name}" for name, count in tokens.items() if count is not None),
        "seconds": None if record.seconds is None else figure(record.seconds),
        "dollars": None if record.cost is None else f"{record.cost:.6g}",
        "outcome": record.outcome,
        "person": record.subject and record.subject[:8],
        "session": record.session,
        "within": record.parent,
        "tags": ", ".join(record.tags),
        "stands for": "" if record.rate == 1 else f"{1 / record.rate:.6g} calls",
        "from": record.source,
    }
    return {name: value for name, value in told.items() if value}


def said_in_short(said: Feedback) -> str:
    """Return when somebody said what of a record, without the texts."""
    told = (
        None if said.thumb is None else f"thumb {said.thumb}",
        None if said.stars is None else f"{said.stars} of 5 stars",
        said.outcome and f"outcome {said.outcome}",
        f"by {said.by[:8]}" if said.by else None,
    )
    return "   ".join([said.at[:19].replace("T", " "), *(each for each in told if each)])


def _texts(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [text for name in sorted(value) for text in _texts(value[name])]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [] if value is None else [str(value)]
