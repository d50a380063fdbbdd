"""Share of a target object's fields that the output's JSON has with the same value."""

from __future__ import annotations

from pydantic import JsonValue, field_validator

from promptops.metrics import Metric
from promptops.metrics._json import read_json, same_json
from promptops.types import Completion, Sample, Score

SHOWN_FIELDS = 10


class JsonFields(Metric):
    """Fields with the right value, of all the target's or of `fields`; of several targets the nearest counts.

    Fields that the target lacks are neither asked for nor punished. An output that is no JSON object has none
    of the fields: 0, with the reason.
    """

    fields: tuple[str, ...] = ()
    fenced: bool = False

    @field_validator("fields")
    @classmethod
    def _refuse_repeats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("names a field twice; name each once")
        return value

    def score(self, completion: Completion, sample: Sample) -> Score:
        try:
            answer = read_json(completion.text, self.fenced)
        except ValueError as error:
            return Score.of(0, reason=str(error))
        if not isinstance(answer, dict):
            return Score.of(0, reason="JSON, but no object")
        compared = [self._compare(answer, target) for target in sample.target if isinstance(target, dict)]
        right, wrong = max(compared, key=lambda pair: len(pair[0]) / (len(pair[0]) + len(pair[1])))
        return Score.of(len(right) / (len(right) + len(wrong)), reason=_told(wrong))

    def check(self, sample: Sample) -> str | None:
        for target in sample.target:
            if not isinstance(target, dict):
                return "has a target that is no JSON object, whose fields this metric compares"
            if not target:
                return "has a target object without fields"
            for field in self.fields:
                if field not in target:
                    return f"has a target object without the field {field!r} (option fields)"
        return super().check(sample)

    def _compare(
        self, answer: dict[str, JsonValue], target: dict[str, JsonValue]
    ) -> tuple[list[str], list[str]]:
        """Return the fields that are right and those that are wrong or absent."""
        right: list[str] = []
        wrong: list[str] = []
        for field in self.fields or target:
            equal = field in answer and same_json(answer[field], target[field])
            (right if equal else wrong).append(field)
        return right, wrong


def _told(wrong: list[str]) -> str:
    more = f" and {len(wrong) - SHOWN_FIELDS} more" if len(wrong) > SHOWN_FIELDS else ""
    return f"wrong or absent: {', '.join(wrong[:SHOWN_FIELDS])}{more}" if wrong else ""
