"""What a judge has shown against people, bound to the judge as it was: a file that git tracks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from promptops.errors import FileProblems, Problem
from promptops.files.textfile import file_name, read_text, replacing
from promptops.gate.rules import GateRule
from promptops.instruments import BiasPart, Found, PairFigures
from promptops.labels.labels import FEW_OF_ONE, people_in
from promptops.labels.steps import STEPS, step_of
from promptops.noun import Noun
from promptops.pairs.rules import PairRule
from promptops.texts.figures import figure, interval
from promptops.types import EvalSet, MetricRecord

FORMAT = 1
MAX_BYTES = 1_000_000
CHECK = ". Judge them: "
FREEZE = ". Freeze some: "
FREEZE_MORE = ". Allow more, or take the file of anchors away and freeze more: "
TAKE = ". Take the judge as it is now: "
ANEW = ". Score the run anew: "
COMPARE = ". Ask it: "
REBASE = ". Evaluate the baseline's prompt with the judge of now, accept that run, and commit the file: "
COMMIT = ". If it was scored since, commit it; else evaluate its prompt again and accept that run first: "
MENDS = (*STEPS, CHECK, FREEZE, FREEZE_MORE, TAKE, ANEW, REBASE, COMMIT, COMPARE)
"""What stands between the reason and the command that mends it."""


class Measured(Noun):
    """One measure of agreement: judge with single people, and people with one another."""

    measure: str
    judge_human: Found
    human_human: Found
    gap: Found
    """judge_human less human_human."""


class ClassRate(Noun):
    """One value of the scale: how often the judge's word for it is right, and how often it is found."""

    value: float
    precision: Found
    recall: Found
    missed: int
    false: int
    bias: Found | None = None
    """Mean of the judge's score less this value, over what people rated so, in units of the scale."""


class Pairing(Noun):
    """A judge's score and one person's rating of the same case."""

    judge: float
    person: float
    times: int


class Certificate(Noun):
    """What was found when a judge was held against human labels."""

    format: int = FORMAT
    evalset: str
    label: str
    judge: str
    """Its models, joined by ` + `."""
    signature: str
    """Of the judge: model, prompts, parameters, scale and options. Another one has no certificate."""
    made_at: str
    low: float
    high: float
    """The scale."""
    labels: str
    """The file of labels."""
    labels_digest: str
    cases: int
    """With a rating and a score."""
    unscored: int
    """Cases with a rating that the judge gave no score."""
    unanswered: int = 0
    """Of these, those to which it gave no answer, as of a server that is down; they are asked again."""
    raters: int
    each: tuple[int, ...] = ()
    """How many cases each rater rated, the most first; names stand in the labels only."""
    ratings: int
    copies: tuple[int, ...] = ()
    """Of each two raters who said the same of all cases that both rated (10 or more): how many these are."""
    unrated: int = 0
    """Times that a person could not tell."""
    main: str
    """The measure that a rule's `min_agreement` is about."""
    measures: tuple[Measured, ...]
    bias: Found
    """Mean of the judge's score less the mean of people's, in units of the scale."""
    parts: tuple[BiasPart, ...] = ()
    """The same by what people say and by the length of answers."""
    allowed: float | None = None
    """The largest bias that a rule of the gate allowed when it was made."""
    classes: tuple[ClassRate, ...] = ()
    pairs: tuple[Pairing, ...] = ()
    """What the plot of agreement draws."""
    compared: PairFigures | None = None
    """Of a judge of pairs, whose scores are verdicts: 1 where the newer output wins, -1 where it loses."""
    stand_in: bool = False

    @property
    def people(self) -> int:
        """How many raters count as people: not who rated fewer than five cases."""
        return people_in(self.each) if self.each else self.raters

    @property
    def against(self) -> str:
        """Tell whom the judge was held against."""
        people = "1 person" if self.people == 1 else f"{self.people} people"
        few = self.raters - self.people
        return people if not few else f"{people}, and {few} who rated fewer than {FEW_OF_ONE} cases"

    @property
    def agreement(self) -> Measured:
        """The main measure."""
        return next(each for each in self.measures if each.measure == self.main)

    def called(self, value: float) -> str:
        """Return how a value of the scale is called: of pairs it is a verdict."""
        if self.compared is None:
            return f"{value:g}"
        return "tie" if value == 0 else "newer wins" if value > 0 else "older wins"

    @property
    def alike(self) -> bool:
        """Whether its cases differ too little for the agreement to have an interval."""
        return self.agreement.judge_human.low is None

    @property
    def doubt(self) -> str:
        """Say that nothing tells the agreement from that of chance, 0; empty where it lies above."""
        found = self.agreement.judge_human
        least = found.value if found.low is None else found.low
        if least is not None and least > 0:
            return ""
        seen = figure(found.value) + ("" if found.low is None else f" {interval(found.low, found.high)}")
        return f"Nothing shows that it agrees with people better than chance would ({self.main} {seen})."


def certificate_file(folder: Path, label: str) -> Path:
    """Return where a set keeps the certificate of its judge `label`."""
    return folder / "certificates" / f"{label}.json"


def write_certificate(path: Path, certificate: Certificate) -> None:
    """Write a certificate, whole or not at all. Raises FileProblems."""
    text = json.dumps(certificate.model_dump(mode="json"), indent=2, ensure_ascii=False)
    with replacing(path) as file:
        file.write(text.encode("utf-8", "backslashreplace") + b"\n")


def read_certificate(path: Path) -> Certificate:
    """Return a certificate. Raises FileProblems where the file holds none."""
    try:
        return Certificate.model_validate_json(read_text(path, MAX_BYTES))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        reason = f"holds no certificate: {where} {fault['msg'][:1].lower()}{fault['msg'][1:]}"
        raise FileProblems([Problem(file_name(path), reason)]) from None


def unfit(evalset: EvalSet, records: Mapping[str, MetricRecord], folder: Path) -> dict[GateRule, str]:
    """Return the rules that ask for a certificate which their judge does not have, and why, in words.

    Each ends with the next step towards one. Raises FileProblems where a file beside the set is broken.
    """
    found = {}
    for rule in (*evalset.gate, *evalset.shifts):
        if demands(rule) and rule.metric in records:
            label = rule.metric
            path = certificate_file(folder, label)
            why = why_not(rule, records[label], path)
            if why:
                held = read_certificate(path) if path.is_file() else None
                fits = held is not None and held.signature == records[label].signature
                weak = held.labels_digest if held is not None and fits else ""
                step = step_of(
                    f"{evalset.name}:{label}",
                    label,
                    folder,
                    evalset.samples,
                    weak,
                    pairs=isinstance(rule, PairRule),
                    alike=held is not None and held.alike,
                )
                found[rule] = f"{why}{step.told}"
    return found


def unfit_pairs(evalset: EvalSet, judge: MetricRecord, folder: Path) -> str:
    """Say why a judge of pairs has not shown what a rule about it asks for; empty where it has.

    Raises FileProblems where a file beside the set is broken.
    """
    return next(iter(unfit(evalset, {judge.label: judge}, folder).values()), "")


def demands(rule: GateRule) -> bool:
    """Tell whether a rule of the gate asks for a certificate."""
    return rule.certified or rule.min_agreement is not None or rule.max_bias is not None


def why_not(rule: GateRule, record: MetricRecord, path: Path) -> str:
    """Say why a judge's certificate is not what a rule asks for; empty where it is. Raises FileProblems."""
    if not path.is_file():
        return f"the judge {rule.metric} has no certificate"
    held = read_certificate(path)
    if held.signature != record.signature:
        return voided(held, record)
    main = held.agreement.judge_human
    if rule.min_agreement is not None and (main.low is None or main.low < rule.min_agreement):
        seen = "has no interval" if main.low is None else f"is known to be at least {main.low:.4f} only"
        return (
            f"the certificate of {rule.metric} is too weak: its agreement with people ({held.main}) {seen}, "
            f"and the rule wants {rule.min_agreement:g}"
        )
    if rule.max_bias is not None:
        bias = held.bias
        largest = None if bias.low is None or bias.high is None else max(abs(bias.low), abs(bias.high))
        if largest is None or largest > rule.max_bias:
            seen = "is unknown" if largest is None else f"may be as large as {largest:.4f}"
            return (
                f"the certificate of {rule.metric} is too weak: its bias against people {seen}, and the rule "
                f"allows {rule.max_bias:g}"
            )
    return ""


def voided(held: Certificate, record: MetricRecord) -> str:
    """Say why a certificate of another signature is void: which part of the judge changed, and since when."""
    what = changed_parts(held.signature, record.signature)
    return f"the certificate of {record.label} is void: {what} since it was made on {held.made_at[:10]}"


def scored_by_another(rule: GateRule, record: MetricRecord, now: str, path: Path) -> str:
    """Say that a run's scores are not by the judge that is certified and that the set has `now`, a signature.

    Empty where they are, or where the judge of now is not certified. Raises FileProblems.
    """
    if record.signature == now or not demands(rule) or not path.is_file():
        return ""
    if read_certificate(path).signature != now:
        return ""
    what = changed_parts(record.signature, now)
    return f"this run was scored by another judge {record.label} than is certified ({what})"


def changed_parts(before: str, after: str) -> str:
    """Say which parts of a judge changed, by name."""
    then, now = (
        dict(part.partition(":")[::2] for part in signature.split("|")) for signature in (before, after)
    )
    names = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    return f"{', '.join(names) or 'the judge'} changed"
