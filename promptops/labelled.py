"""The verbs by which people rate in a judge's place: list judges, draw cases, write down what is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from promptops import plugins
from promptops.declared import DeclaredJudge, DeclaredJudges
from promptops.errors import PromptopsError, UnknownName, UsageError
from promptops.filelock import one_writer
from promptops.judges import Judge
from promptops.labels import (
    DRAWN,
    Case,
    check_reason,
    dealt,
    draw,
    labels_file,
    left_for,
    read_cases,
    share_of,
    with_ratings,
    without_rater,
    write_cases,
)
from promptops.labels import check_rater as checked_rater
from promptops.labelsheets import read_sheet, write_sheet
from promptops.lots import lots
from promptops.models import is_judge, refuse_unlisted_metric
from promptops.ratings import judge_mark, ratable
from promptops.sides import Loaded, load_accepted, load_run
from promptops.sounded import Sounded
from promptops.types import EvalSet, MetricSpec, Sample
from promptops.unchanged import unchanged_evalset

SECOND = 0.3
"""The share of them that a second person rates, so that people can be held against people."""


class OwnCase(NamedTuple):
    """A case as one rater sees it: nothing of what others said of it."""

    id: str
    sample: str
    output: str
    rating: float | None
    """What the rater said."""
    unrated: str | None
    """Why the rater can't tell."""

    @property
    def done(self) -> bool:
        """Whether the rater has said something."""
        return self.rating is not None or self.unrated is not None


class Drawn(NamedTuple):
    """What a draw came to."""

    wanted: int
    """Samples that were to be drawn."""
    samples: int
    """Samples that were drawn."""
    alike: int
    """Of these, those to which all runs gave the same output, which is one case."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Tell what may come unexpected."""
        few = f"No more than {self.samples} samples have an output that can be rated: all are drawn."
        alike = (
            f"The runs gave the same output to {self.alike} of {self.samples} samples: one case each, which "
            "tells nothing of a change between them."
        )
        return (*([few] if self.samples < self.wanted else []), *([alike] if self.alike else []))


class Labelling(NamedTuple):
    """The labels of a judge: what to rate, on which scale, about which samples."""

    path: Path
    cases: tuple[Case, ...]
    samples: Mapping[str, Sample]
    low: float
    high: float
    judge: Judge
    """Whose scale it is: `rungs` are its steps, `material` what belongs beside a sample's inputs."""
    drawn: Drawn | None = None
    """Of labels that were drawn just now."""

    @property
    def question(self) -> str:
        """Return what people are to look for."""
        kind = type(self.judge).__module__.rpartition(".")[2]
        return self.judge.asked_of_people or plugins.summary("judges", kind)

    @property
    def raters(self) -> list[str]:
        """Return who has said something, by name."""
        return sorted({rater for case in self.cases for rater in (*case.ratings, *case.unrated)})

    def left_for(self, rater: str, share: tuple[int, int] | None = None) -> list[Case]:
        """Return what a rater is still to rate, in the rater's own order.

        With a `share`, as (1, 2), only what is in the first of two shares. Raises UsageError.
        """
        left = left_for(self.cases, checked_rater(rater))
        if share is None:
            return left
        mine = {case.id for case in dealt(self.cases, *share)}
        return [case for case in left if case.id in mine]

    def share_of(self, rater: str) -> list[OwnCase]:
        """Return what a rater has done and is still to do, in the rater's own order.

        Raises UsageError for what is no rater's name.
        """
        name = checked_rater(rater)
        return [
            OwnCase(case.id, case.sample, case.output, case.ratings.get(name), case.unrated.get(name))
            for case in share_of(self.cases, name)
        ]


class Labelled(Sounded):
    """Judges and what people say in their place."""

    def judges(self) -> DeclaredJudges:
        """List the judges of the project's sets, each with its certificate and what to do next.

        Sets that can't be read are told beside them.
        """
        found: list[DeclaredJudge] = []
        broken: dict[str, str] = {}
        for name in self.evalsets():
            try:
                folder = self.evalset_folder(name)
                evalset = unchanged_evalset(folder)
                specs = [spec for spec in evalset.metrics if self._is_judge(spec)]
            except PromptopsError as error:
                broken[name] = str(error)
                continue
            found += [self._state(evalset, folder, spec) for spec in specs]
        return DeclaredJudges(judges=tuple(found), broken=broken)

    def draw_cases(
        self,
        judge: str,
        runs: Sequence[str] = ("latest",),
        *,
        count: int = DRAWN,
        seed: int = 0,
        second: float = SECOND,
        labels: str | Path | None = None,
    ) -> Labelling:
        """Draw samples at random, and write what runs answered to them to the judge's labels, to be rated.

        A run may be a baseline file. `count` is that of samples; of two runs the same ones are drawn, so that
        people's difference can be told. Where fewer have an output, all are drawn. What was rated stays with
        its ratings. Raises UsageError where a run is not one of the set, or no sample has an output.
        """
        if not 1 <= count <= 100_000 or not 0 <= second <= 1:
            raise UsageError("Draw 1 sample or more, and a share of 0 to 1 of them for a second rater.")
        found, folder, built, label = self._rated(judge)
        sides = [self._rated_side(reference, found, judge) for reference in runs]
        shown = [ratable(side, seed) for side in sides]
        answers = [
            [(sample.id, side[sample.id]) for side in shown if sample.id in side]
            for sample in (found.samples[int(place)] for place in lots(found.samples, seed))
        ]
        chosen = [each for each in answers if each][:count]
        if not chosen:
            raise UsageError(
                f"No sample has an output that can be rated. See why: promptops show {' '.join(runs)}"
            )
        path = labels_file(folder, label, labels)
        low, high = _scale(built, label)
        mark = judge_mark(_signature(sides, label) or built.signature)
        cases = draw(chosen, count, seed, second, mark)
        with self._alone():
            kept = _with_seen(read_cases(path, low, high) if path.exists() else (), cases)
            write_cases(path, kept)
        alike = sum(len(each) > 1 and len({text for _, text in each}) == 1 for each in chosen)
        drawn = Drawn(count, len(chosen), alike)
        return Labelling(path, kept, _asked_in(kept, found.samples), low, high, built, drawn)

    def labelling(self, judge: str, *, labels: str | Path | None = None) -> Labelling:
        """Return a judge's labels. Raises UsageError where none were drawn, FileProblems for bad ones."""
        found, folder, built, label = self._rated(judge)
        path = labels_file(folder, label, labels)
        if not path.is_file():
            raise UsageError(
                f"There are no labels at {str(path)!r}. Draw cases: promptops judge draw {judge} --run RUN"
            )
        low, high = _scale(built, label)
        cases = read_cases(path, low, high)
        samples = _asked_in(cases, found.samples)
        gone = sorted({case.sample for case in cases} - set(samples))
        if gone:
            raise UsageError(
                f"{len(gone)} samples of {str(path)!r} are not in {found.name!r} (the first: {gone[0]!r}). "
                "Take their lines away, or put the samples back."
            )
        return Labelling(path, cases, samples, low, high, built)

    def rate_cases(
        self, judge: str, rater: str, ratings: Mapping[str, float], *, labels: str | Path | None = None
    ) -> int:
        """Write down what a rater said, by case id, in place of what was said before. Return how many.

        Raises UsageError for a rating off the scale or of a case that was not drawn.
        """
        return self._write_down(judge, rater, ratings, labels)

    def leave_cases(
        self, judge: str, rater: str, reasons: Mapping[str, str], *, labels: str | Path | None = None
    ) -> int:
        """Write down that a rater can't tell, and why, by case id. Return how many.

        What was said before goes; the cases are open to other raters. Raises UsageError for a case that was
        not drawn, or no reason.
        """
        why = {case: check_reason(reason) for case, reason in reasons.items()}
        return self._write_down(judge, rater, why, labels)

    def withdraw_rater(self, judge: str, rater: str, *, labels: str | Path | None = None) -> int:
        """Take away all that a rater said, and return of how many cases that was.

        The cases are open to others again. Raises UnknownName for somebody who said nothing.
        """
        with self._alone():
            held = self.labelling(judge, labels=labels)
            said = sum(case.is_done(rater) for case in held.cases)
            if not said:
                raise UnknownName("rater of these labels", rater, held.raters)
            write_cases(held.path, without_rater(held.cases, rater))
        return said

    def write_sheet(
        self,
        judge: str,
        rater: str,
        file: str | Path,
        *,
        share: tuple[int, int] | None = None,
        labels: str | Path | None = None,
    ) -> int:
        """Write what a rater is still to rate as a CSV file, in blind order. Return how many cases.

        With a `share`, as (1, 2), only the first half: see `Labelling.left_for`. Raises UsageError.
        """
        held = self.labelling(judge, labels=labels)
        wanted = held.left_for(rater, share)
        beside = {name: held.judge.material(sample) for name, sample in held.samples.items()}
        write_sheet(Path(file), wanted, held.samples, beside)
        return len(wanted)

    def read_sheet(
        self, judge: str, rater: str, file: str | Path, *, labels: str | Path | None = None
    ) -> int:
        """Take in a CSV file that a rater filled in. Return of how many cases it says something.

        That is a rating, or why there is none. Raises FileProblems.
        """
        held = self.labelling(judge, labels=labels)
        said = read_sheet(Path(file), held.cases, held.low, held.high)
        return self._write_down(judge, rater, said, labels)

    def _is_judge(self, spec: MetricSpec) -> bool:
        try:
            refuse_unlisted_metric(spec, self.settings)  # before its module is loaded
        except PromptopsError:
            return False
        return is_judge(spec)

    def _state(self, evalset: EvalSet, folder: Path, spec: MetricSpec) -> DeclaredJudge:
        """Return how a judge stands; people can rate for one that has no model yet."""
        from promptops.judgestate import state_of

        try:
            return state_of(evalset, folder, spec, self._judge_of(evalset, spec.label, folder, None))
        except PromptopsError as error:
            why = error
        try:
            bare = self._judge_of(evalset, spec.label, folder, None, asked=False)
        except PromptopsError:
            return state_of(evalset, folder, spec, why)
        found = state_of(evalset, folder, spec, bare)
        certify = f"{found.command} --model PROVIDER/MODEL" if " certify " in found.command else found.command
        unknown = {"state": "unknown", "why": str(why), "models": (), "signature": "", "command": certify}
        return found.model_copy(update=unknown)

    def _rated_side(self, reference: str, found: EvalSet, judge: str) -> Loaded:
        """Read a run or baseline file whose outputs people rate. Raises UsageError for another set's."""
        if reference.endswith(".jsonl"):
            loaded = load_accepted(Path(reference), found.samples)
        else:
            loaded = load_run(self.store, self.run(reference))
        if loaded.side.run.evalset != found.name:
            raise UsageError(
                f"{reference!r} answers {loaded.side.run.evalset!r}, so it has no outputs for {judge!r}."
            )
        return loaded

    def _write_down(
        self, judge: str, rater: str, said: Mapping[str, float | str], labels: str | Path | None
    ) -> int:
        name = checked_rater(rater)
        with self._alone():
            held = self.labelling(judge, labels=labels)
            unknown = sorted(set(said) - {case.id for case in held.cases})
            numbers = [value for value in said.values() if not isinstance(value, str)]
            wrong = [value for value in numbers if not held.low <= value <= held.high]
            if unknown or wrong:
                what = f"{unknown[0]!r} is no case" if unknown else f"{wrong[0]:g} is off the scale"
                raise UsageError(f"{what} of {str(held.path)!r} ({held.low:g} to {held.high:g}).")
            write_cases(held.path, with_ratings(held.cases, name, said))
        return len(said)

    def _alone(self) -> AbstractContextManager[None]:
        """Let no one else of this project write labels meanwhile."""
        return one_writer(self.root / ".promptops" / "labels" / "lock")

    @staticmethod
    def _set_and_label(judge: str) -> tuple[str, str]:
        name, _, label = judge.rpartition(":")
        if not name:
            raise UsageError(
                f"{judge!r} is no judge of an evaluation set. Write it as SET:LABEL, as in replies:quality."
            )
        return name, label

    def _rated(self, judge: str) -> tuple[EvalSet, Path, Judge, str]:
        """Return a judge for people to rate in its place: it need have no model by now."""
        name, label = self._set_and_label(judge)
        folder = self.evalset_folder(name)
        found = unchanged_evalset(folder)
        return found, folder, self._judge_of(found, label, folder, None, asked=False), label

    def _certified(self, judge: str, judge_model: str | None) -> tuple[EvalSet, Path, Judge, str]:
        name, label = self._set_and_label(judge)
        folder = self.evalset_folder(name)
        found = unchanged_evalset(folder)
        return found, folder, self._judge_of(found, label, folder, judge_model), label


def _asked_in(cases: Sequence[Case], samples: Iterable[Sample]) -> dict[str, Sample]:
    """Return the samples that some cases answer, by id."""
    wanted = {case.sample for case in cases}
    return {sample.id: sample for sample in samples if sample.id in wanted}


def _with_seen(before: Iterable[Case], drawn: Iterable[Case]) -> tuple[Case, ...]:
    """Return what was drawn, and of what was drawn before that which somebody has rated or could not tell."""
    fresh = {case.id: case for case in drawn}
    kept: list[Case] = []
    for case in before:
        again = fresh.get(case.id)
        if again is not None:
            seen = bool(case.ratings or case.unrated)
            more = {"seed": again.seed, "judge": again.judge, "twice": again.twice or (case.twice and seen)}
            fresh[case.id] = case.model_copy(update=more)
        elif case.ratings or case.unrated:
            kept.append(case)
    known = [case for case in fresh.values() if case.ratings or case.unrated]
    return (*kept, *known, *(case for case in fresh.values() if not (case.ratings or case.unrated)))


def _scale(judge: Judge, label: str) -> tuple[float, float]:
    record = judge.record(label, label)
    if record.low is None or record.high is None:
        raise UsageError(f"The judge {label!r} has no scale, so that people can't rate on it.")
    return record.low, record.high


def _signature(sides: Sequence[Loaded], label: str) -> str | None:
    """Return by which judge the runs were scored, if by any; the last one's where they differ."""
    records = [record for side in sides for record in side.side.run.metrics if record.label == label]
    return records[-1].signature if records else None
