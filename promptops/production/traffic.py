"""Records as arrays: what figures need of each, its feedback and its scores in columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from promptops.production.records import Feedback, RecordScore
from promptops.stats import Bools, Floats

Names = npt.NDArray[np.object_]
Moments = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Scores:
    """One label's scores of records (n,), NaN where there is none, and which records were tried in vain."""

    values: Floats
    unscored: Bools
    signature: str


@dataclass(frozen=True)
class Traffic:
    """n records in columns, the oldest first."""

    ids: Names
    at: Moments
    weights: Floats
    """How many calls each stands for."""
    references: Names
    """`reply@3`; None where the prompt is not known."""
    prompts: Names
    aliases: Names
    models: Names
    subjects: Names
    errors: Names
    finishes: Names
    seconds: Floats
    costs: Floats
    good: Floats
    """1 and 0 where somebody said so, else NaN."""
    scores: Mapping[str, Scores] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def only(self, which: Bools) -> Traffic:
        """Return some of the records."""
        columns = {name: getattr(self, name)[which] for name in self.__dataclass_fields__ if name != "scores"}
        scores = {
            label: Scores(each.values[which], each.unscored[which], each.signature)
            for label, each in self.scores.items()
        }
        return replace(self, **columns, scores=scores)


COLUMNS = (
    *("id", "at", "prompt", "version", "alias", "model", "subject", "error", "finish_reason"),
    *("seconds", "cost", "rate"),
)
"""Of the table of records."""


def traffic_of(
    columns: Mapping[str, Sequence[Any]], said: Iterable[Feedback], scores: Iterable[RecordScore]
) -> Traffic:
    """Return records with what was said of them and how they were scored.

    Of several words about a record the newest counts that says good or bad; of several signatures of a
    label the one that scored last.
    """
    places = {name: place for place, name in enumerate(columns["id"])}
    good = np.full(len(places), np.nan)
    for word in said:
        if word.record in places and word.good is not None:
            good[places[word.record]] = float(word.good)
    return Traffic(
        ids=_names(columns["id"]),
        at=np.array([at[:26] for at in columns["at"]], dtype="datetime64[us]"),
        weights=1 / np.array(columns["rate"], dtype=np.float64),
        references=_names(list(map(_reference, columns["prompt"], columns["version"]))),
        prompts=_names(columns["prompt"]),
        aliases=_names(columns["alias"]),
        models=_names(columns["model"]),
        subjects=_names(columns["subject"]),
        errors=_names(columns["error"]),
        finishes=_names(columns["finish_reason"]),
        seconds=_numbers(columns["seconds"]),
        costs=_numbers(columns["cost"]),
        good=good,
        scores=_scores(scores, places),
    )


def _scores(scores: Iterable[RecordScore], places: Mapping[str, int]) -> dict[str, Scores]:
    kept: dict[tuple[str, str], list[RecordScore]] = {}
    newest: dict[str, str] = {}
    for each in scores:
        if each.record in places:
            kept.setdefault((each.label, each.signature), []).append(each)
            newest[each.label] = each.signature
    found = {}
    for label, signature in newest.items():
        values = np.full(len(places), np.nan)
        unscored = np.zeros(len(places), dtype=bool)
        for each in kept[label, signature]:
            place = places[each.record]
            unscored[place] = each.value is None
            values[place] = np.nan if each.value is None else each.value
        found[label] = Scores(values, unscored, signature)
    return found


def _reference(prompt: str | None, version: int | None) -> str | None:
    if prompt is None:
        return None
    return prompt if version is None else f"{prompt}@{version}"


def _names(values: Sequence[str | None]) -> Names:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _numbers(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
