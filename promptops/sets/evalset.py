"""Evaluation sets in git: `evalset.toml` and its samples, read and checked as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue, ValidationError

from promptops.distributions.rules import ShiftRule, read_shift_rule
from promptops.errors import FileProblems, Problem, UnknownName
from promptops.files.located import NAME_RULE, Faults, KeyPath, did_you_mean, is_name, kind_of, shown
from promptops.files.textfile import check_inside, file_name
from promptops.files.tomlfile import read_toml
from promptops.gate.rules import GateRule
from promptops.pairs.rules import KIND, PairRule, read_pair_rule
from promptops.sets.origins import ORIGIN_SLICES, is_synthetic
from promptops.sets.places import facts_of
from promptops.sets.samplefiles import FILES, read_samples
from promptops.types import Card, EvalSet, KeptSamples, MetricSpec, Sample

SETTINGS = "evalset.toml"
FORMAT = 1
SHORTEST_CANARY = 16
KEYS = ("format", "card", "metrics", "gate", "slices", "text")


def read_evalset(folder: Path, root: Path | None = None) -> EvalSet:
    """Read a set whole. Raises FileProblems with every fault of both files at once.

    Its files must lie, links followed, under `root` (the folder that holds the set, if not given).
    """
    folder = folder.absolute()
    if not is_name(folder.name):
        raise FileProblems([Problem(file_name(folder), f"a set's folder must be called by {NAME_RULE}")])
    check_inside(folder, folder.parent if root is None else root)
    settings = folder / SETTINGS
    check_inside(settings, folder)
    problems: list[Problem] = []
    samples: tuple[Sample, ...] | KeptSamples = ()
    try:
        samples, problems = read_samples(_samples_file(folder))
    except FileProblems as error:
        problems = list(error.problems)
    try:
        located = read_toml(settings)
    except FileProblems as error:
        raise FileProblems([*error.problems, *problems]) from error
    faults = Faults(file_name(settings), located)
    tags = None if problems else _tags(samples)
    reader = _Reader(located.value if isinstance(located.value, dict) else {}, faults, tags)
    card, metrics, slices = reader.card(), reader.metrics(), reader.slices()
    gate, shifts = reader.gate(metrics, slices)
    text = reader.text(() if problems else samples)
    if faults.problems or problems or card is None:
        raise FileProblems([*faults.problems, *problems])
    return EvalSet(
        name=folder.name,
        card=card,
        metrics=metrics,
        gate=gate,
        shifts=shifts,
        slices=slices,
        text=text,
        samples=samples,
    )


def declared_text(folder: Path) -> str | None:
    """Return which input a set says is its text, without its samples; None where it says nothing readable."""
    try:
        table = read_toml(folder / SETTINGS).value
    except FileProblems:
        return None
    text = table.get("text") if isinstance(table, dict) else None
    return text if isinstance(text, str) and text else None


def _tags(samples: Sequence[Sample]) -> set[str]:
    """Return what a rule or slice may name: every tag, and the origins of a set with synthetic samples."""
    tags: set[str] = set()
    for sample in facts_of(samples):
        tags.update(sample.tags)
        if is_synthetic(sample):
            tags.update(ORIGIN_SLICES)
    return tags


def evalset_names(root: Path) -> list[str]:
    """List the sets in a folder by name; nothing is read."""
    if not root.is_dir():
        return []
    return sorted(
        entry.name for entry in root.iterdir() if is_name(entry.name) and (entry / SETTINGS).is_file()
    )


def evalset_folder(root: Path, name: str) -> Path:
    """Return the folder of a set; a name is joined only once it is known to be one. Raises UnknownName."""
    names = evalset_names(root)
    if name not in names:
        raise UnknownName("evaluation set", name, names, hint=f"They lie in {file_name(root)}.")
    return root / name


def _samples_file(folder: Path) -> Path:
    # A link that leads nowhere is there as well: better told than passed over.
    found = [folder / name for name in FILES if (folder / name).exists() or (folder / name).is_symlink()]
    if not found:
        raise FileProblems([Problem(file_name(folder), f"holds no samples; write {FILES[0]}")])
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise FileProblems([Problem(file_name(folder), f"holds {names}; keep one of them")])
    check_inside(found[0], folder)
    return found[0]


class _Reader:
    """Reads each part of evalset.toml and notes what is wrong with it."""

    def __init__(self, table: dict[str, JsonValue], faults: Faults, tags: set[str] | None) -> None:
        self._table = table
        self._faults = faults
        self._tags = tags
        """The tags of all samples; None where these couldn't be read."""
        faults.unknown_keys((), table, KEYS)
        if "format" not in table:
            faults.add((), f"has no format; write `format = {FORMAT}` at its top")
        elif table["format"] != FORMAT or isinstance(table["format"], bool):
            told = f"must be {FORMAT}, not {shown(table['format'])}; a newer promptops may read it"
            faults.add(("format",), told)

    def card(self) -> Card | None:
        card = self._table.get("card")
        if not isinstance(card, dict):
            told = "is missing" if card is None else f"must be a table, not {kind_of(card)}"
            self._faults.add(("card",), f"{told}; write [card] with a description")
            return None
        self._faults.unknown_keys(("card",), card, Card.model_fields)
        for key, value in card.items():
            if not isinstance(value, str):
                self._faults.add(("card", key), f"must be a text, not {kind_of(value)}")
        if not str(card.get("description", "")).strip():
            self._faults.add(("card", "description"), "is missing; say in a sentence what the set asks")
        canary = card.get("canary", "")
        if isinstance(canary, str) and canary and sum(map(str.isalnum, canary)) < SHORTEST_CANARY:
            told = f"needs {SHORTEST_CANARY} letters and digits, or it stands in a text by chance"
            self._faults.add(("card", "canary"), told)
        if self._faults.problems:
            return None
        return Card.model_validate(card)

    def metrics(self) -> tuple[MetricSpec, ...]:
        metrics = self._table.get("metrics")
        if not isinstance(metrics, dict) or not metrics:
            told = f"must be tables, not {kind_of(metrics)}" if metrics else "are missing"
            self._faults.add(("metrics",), f"{told}; write for example [metrics.exact]")
            return ()
        specs = (self._metric(label, options) for label, options in metrics.items())
        return tuple(spec for spec in specs if spec is not None)

    def _metric(self, label: str, options: JsonValue) -> MetricSpec | None:
        path: KeyPath = ("metrics", label)
        if not is_name(label):
            self._faults.add(path, f"a label must be {NAME_RULE}")
            return None
        if not isinstance(options, dict):
            self._faults.add(path, f"must be a table, not {kind_of(options)}; write [metrics.{label}]")
            return None
        metric = options.get("metric", label)
        if not isinstance(metric, str) or not metric:
            self._faults.add((*path, "metric"), f"must name a metric, not {shown(metric)}")
            return None
        checked = options.get("check_anchors", False)
        if not isinstance(checked, bool):
            self._faults.add((*path, "check_anchors"), f"must be true or false, not {shown(checked)}")
            return None
        rest = {key: value for key, value in options.items() if key not in ("metric", "check_anchors")}
        return MetricSpec(label=label, metric=metric, options=rest, check_anchors=checked)

    def slices(self) -> tuple[str, ...]:
        slices = self._table.get("slices", [])
        if not isinstance(slices, list):
            self._faults.add(("slices",), f"must be a list of tags, not {kind_of(slices)}")
            return ()
        for index, tag in enumerate(slices):
            if not isinstance(tag, str) or not tag:
                self._faults.add(("slices", index), f"must be a tag, not {shown(tag)}")
            elif tag in slices[:index]:
                self._faults.add(("slices", index), f"{shown(tag)} stands here twice")
            elif self._tags is not None and tag not in self._tags:
                told = did_you_mean(tag, sorted(self._tags)[:50])
                self._faults.add(("slices", index), f"no sample has the tag {shown(tag)}.{told}")
        return tuple(tag for tag in slices if isinstance(tag, str))

    def text(self, samples: Sequence[Sample]) -> str | None:
        """Return the input that is the set's text: each sample must have it."""
        name = self._table.get("text")
        if name is None:
            return None
        if not isinstance(name, str) or not name:
            self._faults.add(("text",), f"must name an input of the samples, not {shown(name)}")
            return None
        lacking = next((sample for sample in samples if name not in sample.inputs), None)
        if lacking is not None:
            there = list(lacking.inputs)
            told = did_you_mean(name, there) if there else " It has none."
            self._faults.add(("text",), f"sample {lacking.id!r} has no input {shown(name)}.{told}")
        return name

    def gate(
        self, metrics: tuple[MetricSpec, ...], slices: tuple[str, ...]
    ) -> tuple[tuple[GateRule, ...], tuple[ShiftRule | PairRule, ...]]:
        """Return the rules about metrics, and those about texts and pairs."""
        rules = self._table.get("gate", [])
        if not isinstance(rules, list):
            self._faults.add(("gate",), "must be a list of tables; write [[gate]] above each rule")
            return (), ()
        read: list[GateRule | None] = []
        shifts: list[ShiftRule | PairRule | None] = []
        tags = None if self._tags is None else {*self._tags, *slices}
        for index, rule in enumerate(rules):
            if isinstance(rule, dict) and "shift" in rule:
                shifts.append(read_shift_rule(rule, ("gate", index), self._faults))
            elif isinstance(rule, dict) and "pairwise" in rule:
                shifts.append(read_pair_rule(rule, ("gate", index), self._faults, metrics, tags))
            else:
                read.append(self._rule(rule, ("gate", index), metrics, slices))
        judges = {each.metric for each in shifts if isinstance(each, PairRule)}
        if len(judges) > 1:
            told = f"rules name {' and '.join(sorted(judges))}, and one judge of pairs is asked; keep one"
            self._faults.add(("gate",), told)
        return tuple(each for each in read if each), tuple(each for each in shifts if each)

    def _rule(
        self, rule: JsonValue, path: KeyPath, metrics: tuple[MetricSpec, ...], slices: tuple[str, ...]
    ) -> GateRule | None:
        if not isinstance(rule, dict):
            self._faults.add(path, f"must be a table, not {kind_of(rule)}; write [[gate]] above each rule")
            return None
        known = len(self._faults.problems)
        self._faults.unknown_keys(path, rule, GateRule.model_fields)
        metric, labels = rule.get("metric"), [spec.label for spec in metrics]
        if any((spec.label, spec.metric) == (metric, KIND) for spec in metrics):
            told = f'compares two outputs and scores no run; write `pairwise = "{metric}"` in its place'
            self._faults.add((*path, "metric"), told)
        if metric not in labels:
            told = did_you_mean(metric, labels) if isinstance(metric, str) else ""
            reason = (
                f"{shown(metric)} is no label under [metrics].{told}" if "metric" in rule else "is missing"
            )
            self._faults.add((*path, "metric"), reason)
        named = rule.get("slice")
        if self._tags is not None and named is not None and named not in slices and named not in self._tags:
            told = did_you_mean(str(named), sorted({*slices, *self._tags})[:50])
            self._faults.add((*path, "slice"), f"no sample has the tag {shown(named)}.{told}")
        if "margin" not in rule and "worst_slice_margin" not in rule and rule.get("estimand") == "suite":
            self._faults.add((*path, "estimand"), "speaks of a change; it goes with `margin`")
        least, most = rule.get("min"), rule.get("max")
        if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
            self._faults.add(
                (*path, "min"), f"is above `max`, so that nothing can hold both: {least} > {most}"
            )
        if rule.get("exact") is True and rule.get("estimand") == "suite":
            self._faults.add(
                (*path, "exact"), 'bets on samples as draws; `estimand = "suite"` is not about that'
            )
        self._corrected(rule, path)
        if named is not None and "worst_slice_margin" in rule:
            self._faults.add((*path, "worst_slice_margin"), "speaks of all slices; take `slice` away")
        fields = {key: value for key, value in rule.items() if key in GateRule.model_fields}
        try:
            read = GateRule.model_validate(fields, strict=True)
        except ValidationError as error:
            self._invalid(error, path, named_already="metric")
            return None
        return read if len(self._faults.problems) == known else None

    def _corrected(self, rule: dict[str, JsonValue], path: KeyPath) -> None:
        """Note what in a rule does not go with people's ratings."""
        labels = rule.get("labels")
        if labels is not None and rule.get("corrected") is not True:
            self._faults.add((*path, "labels"), "names people's ratings; it goes with `corrected = true`")
        if isinstance(labels, str) and (labels.startswith("/") or ".." in labels.split("/")):
            self._faults.add((*path, "labels"), f"must lie in the set's folder, not {shown(labels)}")
        if rule.get("corrected") is not True:
            return
        if not {"margin", "worst_slice_margin", "min", "max"} & set(rule):
            self._faults.add((*path, "corrected"), "says by whom; write `margin`, `min` or `max` beside it")
        if rule.get("estimand") == "suite" or rule.get("exact") is True:
            key = "exact" if rule.get("exact") is True else "estimand"
            self._faults.add((*path, key), "does not go with `corrected`, whose bounds are those of PPI++")

    def _invalid(self, error: ValidationError, path: KeyPath, named_already: str) -> None:
        for fault in error.errors():
            field = fault["loc"][0]
            if field != named_already:
                told = fault["msg"].removeprefix("Input should be")
                self._faults.add((*path, field), f"must be{told}, not {shown(fault['input'])}")
