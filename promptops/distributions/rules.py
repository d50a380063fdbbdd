"""Rules of a gate about texts: outputs like the baseline's, inputs like those of production."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field, JsonValue, ValidationError

from promptops.errors import UsageError
from promptops.files.located import Faults, KeyPath, shown
from promptops.gate.rules import GateRule
from promptops.production.references import is_records, read_reference

KEYS = ("shift", "max", "against", "field", "alpha")


class ShiftRule(GateRule):
    """How well texts may be told apart at most: outputs from the baseline's, inputs from those in a file."""

    shift: Literal["inputs", "outputs"]
    max: float = Field(ge=0.5, lt=1)
    against: str | None = None
    """What the set's inputs are compared with: a file in the set's folder, or records, as `records:7d`."""
    field: str | None = None


def read_shift_rule(rule: Mapping[str, JsonValue], path: KeyPath, faults: Faults) -> ShiftRule | None:
    """Return a rule of evalset.toml that has `shift`, or note what is wrong with it."""
    known = len(faults.problems)
    faults.unknown_keys(path, rule, KEYS)
    if "max" not in rule:
        faults.add(
            path, "lacks `max`: how well texts may be told apart at most, an AUC from 0.5 up (0.65 is strong)"
        )
    if rule.get("shift") == "inputs" and "against" not in rule:
        faults.add(path, "lacks `against`: a file whose texts the inputs are compared with, or records:7d")
    against = rule.get("against")
    if isinstance(against, str) and is_records(against):
        try:
            read_reference(against, datetime.now(UTC))
        except UsageError as error:
            faults.add((*path, "against"), str(error).rstrip("."))
    if rule.get("shift") == "outputs" and "against" in rule:
        faults.add((*path, "against"), "goes with inputs; outputs are compared with the baseline's")
    fields = {key: value for key, value in rule.items() if key in KEYS}
    try:
        read = ShiftRule.model_validate({**fields, "metric": f"shift of {rule['shift']}"}, strict=True)
    except ValidationError as error:
        for fault in error.errors():
            if fault["type"] != "missing":
                told = fault["msg"].removeprefix("Input should be")
                faults.add((*path, str(fault["loc"][0])), f"must be{told}, not {shown(fault['input'])}")
        return None
    return read if len(faults.problems) == known else None
