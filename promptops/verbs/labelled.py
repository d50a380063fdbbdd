"""The verbs by which people rate in a judge's place: list judges, draw cases, write down what is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from promptops.analysis.sides import Loaded, load_accepted, load_run
from promptops.calls.models import is_judge, refuse_unlisted_metric
from promptops.errors import PromptopsError, UnknownName, UsageError
from promptops.files.filelock import one_writer
from promptops.judges import Judge
from promptops.judging.declared import DeclaredJudge, DeclaredJudges
from promptops.labels.labelling import Drawn, Intake, Labelling
from promptops.labels.labels import (
    DRAWN,
    PREFERENCES,
    Case,
    check_reason,
    draw,
    labels_file,
    read_cases,
    with_ratings,
    without_rater,
    write_cases,
)
from promptops.labels.lots import lots
from promptops.labels.ratings import judge_mark, ratable
from promptops.labels.sheets import read_pair_sheet, read_sheet, write_pair_sheet, write_sheet
from promptops.sets.unchanged import unchanged_evalset
from promptops.types import EvalSet, MetricSpec, Sample
from promptops.verbs.sounded import Sounded

SECOND = 0.3
"""The share of them that a second person rates, so that people can be held against people."""


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
        people's difference can be told. For a judge of pairs there are two runs, the older one first, and
        both outputs to a sample are one case, where they differ. Where fewer have an output, all are drawn.
        What was rated stays with its ratings. Raises UsageError where a run is not one of the set, or no
        sample has an output.
        """
        if not 1 <= count <= 100_000 or not 0 <= second <= 1:
            raise UsageError("Draw 1 sample or more, and a share of 0 to 1 of them for a second rater.")
        found, folder, built, label = self._rated(judge)
        if built.pairs and len(runs) != 2:
            raise UsageError(
                f"{label!r} compares two outputs, so that people rate those of two runs, the older one "
                f"first: promptops judge draw {judge} --run OLD --run NEW"
            )
        sides = [self._rated_side(reference, found, judge) for reference in runs]
        shown = [ratable(side, seed) for side in sides]
        in_turn = [found.samples[int(place)].id for place in lots(found.samples, seed)]
        answers, alike = (_facing if built.pairs else _single)(shown, in_turn, count)
        if not answers:
            what = "two outputs that differ and" if built.pairs else "an output that"
            raise UsageError(f"No sample has {what} can be rated. See why: promptops show {' '.join(runs)}")
        path = labels_file(folder, label, labels)
        low, high = _scale(built, label)
        mark = judge_mark(_signature(sides, label) or built.signature)
        cases = draw(answers, count, seed, second, mark)
        with self._alone():
            before = read_cases(path, low, high, pairs=built.pairs) if path.exists() else ()
            _refuse_turned(before, cases, path)
            kept = _with_seen(before, cases)
            write_cases(path, kept)
        drawn = Drawn(count, len(answers), alike, built.pairs, _groups_drawn(found.samples, answers))
        return Labelling(path, kept, _asked_in(kept, found.samples), low, high, built, drawn)

    def labelling(self, judge: str, *, labels: str | Path | None = None) -> Labelling:
        """Return a judge's labels. Raises UsageError where none were drawn, FileProblems for bad ones."""
        found, folder, built, label = self._rated(judge)
        path = labels_file(folder, label, labels)
        if not path.is_file():
            runs = "--run OLD --run NEW" if built.pairs else "--run RUN"
            raise UsageError(
                f"There are no labels at {str(path)!r}. Draw cases: promptops judge draw {judge} {runs}"
            )
        low, high = _scale(built, label)
        cases = read_cases(path, low, high, pairs=built.pairs)
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

        Of a pair it is 1 where the case's `output` is better, -1 where its `other` is, 0 for a tie. Raises
        UsageError for a rating off the scale or of a case that was not drawn.
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

        With a `share`, as (1, 2), only the first half: see `Labelling.left_for`. Raises UsageError, also for
        a file that is there already.
        """
        held = self.labelling(judge, labels=labels)
        wanted, name = held.left_for(rater, share), held.named(rater)
        if Path(file).exists():
            raise UsageError(
                f"{str(file)!r} is there already, and somebody may have filled it in. Name another, or take "
                "it away first."
            )
        beside = {name: held.judge.material(sample) for name, sample in held.samples.items()}
        write = write_pair_sheet if held.pairs else write_sheet
        write(Path(file), wanted, held.samples, beside, name)
        return len(wanted)

    def read_sheet(
        self,
        judge: str,
        rater: str,
        file: str | Path,
        *,
        replace: bool = False,
        labels: str | Path | None = None,
    ) -> Intake:
        """Take in a CSV file that a rater filled in. Return of how many cases it says something.

        That is a rating, or why there is none. What the rater said otherwise before is changed with `replace`
        alone. Raises UsageError where that is missing, and FileProblems.
        """
        held = self.labelling(judge, labels=labels)
        name, said = held.named(rater), dict[str, float | str]()
        if held.pairs:
            said = read_pair_sheet(Path(file), held.cases, name)
        else:
            said = read_sheet(Path(file), held.cases, name, held.takes, held.scale)
        before = {case.id: case.ratings.get(name, case.unrated.get(name)) for case in held.cases}
        changed = [case for case in said if before[case] is not None and before[case] != said[case]]
        same = sum(before[case] == value for case, value in said.items())
        found = Intake(len(said) - len(changed) - same, len(changed), same)
        if changed and not replace:
            sample = next(case.sample for case in held.cases if case.id == changed[0])
            raise UsageError(
                f"{str(file)!r} says of {len(changed)} cases something else than {name!r} said before (the "
                f"first answers the sample {sample!r}); {found.new} are new, {same} as before. Nothing was "
                f"written. If {name!r} thinks otherwise now, write --replace; if somebody else rated, name "
                "them: --rater NAME"
            )
        self._write_down(judge, name, said, labels)
        return found

    def _is_judge(self, spec: MetricSpec) -> bool:
        try:
            refuse_unlisted_metric(spec, self.settings)  # before its module is loaded
        except PromptopsError:
            return False
        return is_judge(spec)

    def _state(self, evalset: EvalSet, folder: Path, spec: MetricSpec) -> DeclaredJudge:
        """Return how a judge stands; people can rate for one that has no model yet."""
        from promptops.judging.state import state_of

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
        """Read a run or baseline file whose outputs people rate; no metric of it is needed.

        Raises UsageError for another set's.
        """
        if reference.endswith(".jsonl"):
            loaded = load_accepted(Path(reference), found.samples, metrics={})
        else:
            loaded = load_run(self.store, self.run(reference), metrics={})
        if loaded.side.run.evalset != found.name:
            raise UsageError(
                f"{reference!r} answers {loaded.side.run.evalset!r}, so it has no outputs for {judge!r}."
            )
        return loaded

    def _write_down(
        self, judge: str, rater: str, said: Mapping[str, float | str], labels: str | Path | None
    ) -> int:
        with self._alone():
            held = self.labelling(judge, labels=labels)
            name = held.named(rater)
            unknown = sorted(set(said) - {case.id for case in held.cases})
            numbers = [value for value in said.values() if not isinstance(value, str)]
            wrong = [value for value in numbers if not held.takes(value)]
            if unknown or wrong:
                what = f"{unknown[0]!r} is no case" if unknown else f"{wrong[0]:g} is off the scale"
                raise UsageError(f"{what} of {str(held.path)!r} ({held.scale}).")
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


def _single(
    shown: Sequence[Mapping[str, str]], in_turn: Iterable[str], count: int
) -> tuple[list[list[tuple[str, str]]], int]:
    """Return by sample what each run answered, and how often that was the same."""
    answers = [[(name, side[name]) for side in shown if name in side] for name in in_turn]
    chosen = [each for each in answers if each][:count]
    return chosen, sum(len(each) > 1 and len({text for _, text in each}) == 1 for each in chosen)


def _groups_drawn(samples: Sequence[Sample], answers: Sequence[Sequence[tuple[str, ...]]]) -> int | None:
    """Return how many groups a grouped set has, where each of them was drawn; else none."""
    drawn = {each[0][0] for each in answers}
    groups = {("group", each.group) if each.group else ("sample", each.id) for each in samples}
    left = groups - {
        ("group", each.group) if each.group else ("sample", each.id) for each in samples if each.id in drawn
    }
    return None if left or len(groups) == len(samples) else len(groups)


def _facing(
    shown: Sequence[Mapping[str, str]], in_turn: Iterable[str], count: int
) -> tuple[list[list[tuple[str, str, str]]], int]:
    """Return by sample what the newer run answered and the older one, and how many samples got the same."""
    old, new = shown
    chosen: list[list[tuple[str, str, str]]] = []
    alike = 0
    for name in in_turn:
        if len(chosen) == count:
            break
        if name in old and name in new:
            same = old[name] == new[name]
            alike += same
            if not same:
                chosen.append([(name, new[name], old[name])])
    return chosen, alike


def _refuse_turned(before: Iterable[Case], drawn: Iterable[Case], path: Path) -> None:
    """Raise UsageError where pairs stand in a file the other way round: which is the newer one would blur."""
    fresh = {case.id: case.output for case in drawn}
    turned = sum(fresh.get(case.id, case.output) != case.output for case in before)
    if turned:
        raise UsageError(
            f"{turned} of these pairs stand in {str(path)!r} the other way round. Name the runs as there, "
            "the older one first, or another file: --labels FILE"
        )


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
    if judge.pairs:
        return min(PREFERENCES), max(PREFERENCES)
    record = judge.record(label, label)
    if record.low is None or record.high is None:
        raise UsageError(f"The judge {label!r} has no scale, so that people can't rate on it.")
    return record.low, record.high


def _signature(sides: Sequence[Loaded], label: str) -> str | None:
    """Return by which judge the runs were scored, if by any; the last one's where they differ."""
    records = [record for side in sides for record in side.side.run.metrics if record.label == label]
    return records[-1].signature if records else None
