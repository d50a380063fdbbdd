"""On which side of a change of its judge a run lies, and whether a rule may rely on that judge.

All of it from the files of anchors beside the set; nobody is asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from promptops.errors import FileProblems
from promptops.files.git import ask_git
from promptops.gate.rules import GateRule
from promptops.instruments import Found
from promptops.judging.anchors import (
    Anchors,
    Freezing,
    Reading,
    anchors_file,
    moment,
    read_anchors,
    read_readings,
    readings_file,
)
from promptops.judging.certificates import (
    ANEW,
    CHECK,
    COMMIT,
    COMPARE,
    FREEZE,
    FREEZE_MORE,
    REBASE,
    TAKE,
    changed_parts,
    unfit,
)
from promptops.judging.drifting import ALL_EQUAL, Change, changes_of, moved, to_frozen
from promptops.pairs.rules import KIND
from promptops.store import Store
from promptops.store.rows import PairRow
from promptops.texts.mends import AGAINST
from promptops.types import EvalSet, MetricRecord, Run

FRESH = timedelta(days=1)
"""How far from a run's start its judge's anchors may have been judged to speak for it."""


class Kept:
    """What the database knows of a run's judge, by its label."""

    def __init__(self, store: Store, *, drafted: bool = False) -> None:
        """`drafted` where the run is not in the database yet."""
        self._store = store
        self._drafted = drafted

    def cached(self, run: Run, label: str, change: Change) -> int:
        """Return how many of the judge's replies are those of an earlier run, from before a change maybe."""
        since = moment(change.since).isoformat(timespec="microseconds")
        return 0 if self._drafted else self._store.cached_judgements(run.id, label, since)

    def date(self, run: Run, label: str) -> str:
        """Return as of when a run shows its judge: its anchors were judged then, or else the run begun.

        Empty of a baseline file, which tells no dates.
        """
        stored = run.created_at and not self._drafted
        kept = self._store.run_config(run.id).get("anchors") if stored else None
        told = kept.get(label) if isinstance(kept, dict) else None
        date = told.get("date") if isinstance(told, dict) else None
        return date if isinstance(date, str) else run.created_at


class Held(NamedTuple):
    """What there is on a judge's past."""

    anchors: Anchors
    readings: tuple[Reading, ...]


def held(folder: Path, label: str) -> Held | None:
    """Return a judge's anchors and readings; None where it has none. Raises FileProblems."""
    path = anchors_file(folder, label)
    if not path.is_file():
        return None
    anchors = read_anchors(path)
    return Held(anchors, read_readings(readings_file(folder, label), anchors))


def marks(folder: Path, run: Run, kept: Kept) -> dict[str, tuple[str, ...]]:
    """Say of each judge of a run that changed, by label, on which side of that its scores are."""
    found: dict[str, tuple[str, ...]] = {}
    for label, changes in _changes(folder, run.metrics).items():
        if isinstance(changes, str):
            found[label] = (changes,)
        elif changes:
            found[label] = tuple(
                _mark(change, kept.date(run, label), _older(run, label, kept, change)) for change in changes
            )
    return found


def pair_marks(
    folder: Path, label: str, signature: str, stored: Callable[[], Collection[PairRow]]
) -> tuple[str, ...]:
    """Say of each change of a judge of pairs how many of its verdicts are from before that, or may be."""
    changes = _changes_of(folder, label, signature)
    if isinstance(changes, str):
        return (f"{label}: {changes}.",)
    rows, told = stored() if changes else (), list[str]()
    for change in changes:
        after = [row for row in rows if change.side(row.created_at) == "after"]
        before, cached = len(rows) - len(after), sum(bool(row.content.get("cached")) for row in after)
        what = [f"{before} of these {len(rows)} verdicts are from before that was found"] if before else []
        what += [f"{cached} of them rest on replies that may be older"] if cached else []
        if what:
            changed = f"The judge {label} changed {change.span} ({moved(change.shift)})"
            told.append(f"{changed}: {', '.join(what)}. --no-cache asks about all pairs anew.")
    return tuple(told)


def between(folder: Path, first: Run, second: Run, kept: Kept, baseline: Path | None = None) -> list[str]:
    """Say which judges changed between two runs; `baseline` is the file of the first, where it is one."""
    told = []
    labels = {record.label for record in first.metrics}
    both = [record for record in second.metrics if record.label in labels]
    for label, changes in _changes(folder, both).items():
        if isinstance(changes, str):
            told.append(f"{label}: {changes}")
            continue
        for change in changes:
            date = kept.date(first, label) or committed_at(baseline)
            before, after = (change.side(each) if each else "" for each in (date, kept.date(second, label)))
            runs = () if after == "before" else (second,) if baseline else (first, second)
            older = "".join(_older(run, label, kept, change) for run in runs)
            if not date:
                where = (
                    ", and it is not known on which side of that the baseline was scored, as it is not "
                    "committed"
                )
            elif before != after or after == "within":
                where = ", between these runs"
            elif older:
                where = ""
            else:
                continue
            told.append(
                f"The judge {label} changed {change.span} ({moved(change.shift)}){where}: a difference in "
                f"{label} may be the judge's{older}."
            )
    return told


def committed_at(file: Path | None) -> str | None:
    """Return when a baseline file was committed, taken for when it was scored; None where it is not.

    git keeps whole seconds: one committed within the second of a change counts as from before it.
    """
    if file is None:
        return None
    clean = ask_git(file.parent, "status", "--porcelain", "--", file.name)
    if clean.code != 0 or clean.out.strip():
        return None
    return ask_git(file.parent, "log", "-1", "--format=%cI", "--", file.name).line or None


def void_rules(
    evalset: EvalSet,
    folder: Path,
    run: Run,
    baseline: Scored,
    kept: Kept,
    *,
    watched: Collection[str] = (),
) -> dict[GateRule, str]:
    """Return the rules that ask more of their judge than it has shown, and why, in words.

    That is a certificate that fits, or by `max_drift` anchors that were judged about when the run was begun
    and came out as they were frozen. Of `watched` judges the anchors are still to be judged. Raises
    FileProblems where a file is broken.
    """
    records = {record.label: record for record in run.metrics}
    found = unfit(evalset, records, folder)
    for rule in evalset.gate:
        if rule.max_drift is None or rule in found or rule.metric not in records:
            continue
        record, label = records[rule.metric], rule.metric
        if not record.judge:
            found[rule] = f"{label} asks no judge, so that `max_drift` says nothing of it"
            continue
        shown = _scores(run, label, baseline, kept)
        why = _unsteady(rule, record, folder, evalset.name, shown, watched=label in watched)
        if why:
            found[rule] = why
    return found


def unsteady_pairs(
    rule: GateRule,
    record: MetricRecord,
    folder: Path,
    evalset: str,
    dates: tuple[str, str],
    *,
    cached: bool,
    again: str,
    watched: bool = False,
) -> str:
    """Say why a judge of pairs has not shown the `max_drift` of a rule; empty where it has.

    `dates` are those of its first and last verdict; some of its replies may be older where any was `cached`.
    `again` is the command that asks for all of them anew. Of a `watched` one the anchors are still to be
    judged.
    """

    def apart(change: Change, freezing: Freezing) -> str:
        if not cached and change.side(dates[0]) == "after":
            return ""
        told = (
            f"the judge {rule.metric} changed {change.span} ({moved(change.shift)}), and its verdicts may be "
            "from before that"
        )
        taken = change.side(freezing.frozen_at) == "after"
        return told + (f"{COMPARE}{again}" if taken else _renew(evalset, rule.metric))

    shown = _Shown("verdicts", "its verdicts", dates, apart)
    return _unsteady(rule, record, folder, evalset, shown, watched=watched)


class Scored(NamedTuple):
    """The scores of a baseline."""

    at: Callable[[str], str | None]
    """When it was scored by a judge, by its label; None where nobody knows."""
    run: str | None
    """The run that it is; None of a file."""


class _Shown(NamedTuple):
    """What is held to a judge's anchors."""

    what: str
    since: str
    """Within a day of what the anchors must have been judged."""
    dates: tuple[str, ...]
    apart: Callable[[Change, Freezing], str]
    """Says why it is not by the judge as it is since a change; empty where it is."""


def _scores(run: Run, label: str, baseline: Scored, kept: Kept) -> _Shown:
    """Return the scores of a run and of its baseline."""
    when = kept.date(run, label)

    def apart(change: Change, _: Freezing) -> str:
        return _apart(change, label, run, baseline, when, kept)

    return _Shown("scores", "when this run was begun", (when,), apart)


def _unsteady(
    rule: GateRule,
    record: MetricRecord,
    folder: Path,
    evalset: str,
    shown: _Shown,
    *,
    watched: bool,
) -> str:
    """Say why a judge has not shown the `max_drift` of a rule by its anchors; empty where it has."""
    label, judge = rule.metric, f"{evalset}:{rule.metric}"
    source = " --from OLD --from NEW" if record.metric == KIND else ""
    past = held(folder, label)
    if past is None:
        return f"the judge {label} has no anchors{FREEZE}promptops judge freeze {judge}{source}"
    freezing = past.anchors.freezing
    if freezing.signature != record.signature:
        what = changed_parts(freezing.signature, record.signature)
        frozen = f"since the anchors of {label} were frozen on {freezing.frozen_at[:10]}"
        return f"{what} {frozen}{_renew(evalset, label)}"
    for change in changes_of(past.readings, record.signature):
        why = shown.apart(change, freezing)
        if why:
            return why
    if watched:
        return ""
    found = [off for when in shown.dates if (off := _off(past, when)) is not None]
    if len(found) < len(shown.dates):
        return (
            f"the anchors of {label} were not judged within a day of {shown.since}{CHECK}promptops judge "
            f"check {judge}"
        )
    off = max(found, key=_largest)
    largest = _largest(off)
    if largest <= (rule.max_drift or 0.0):
        return ""
    seen = "off by nobody knows how much" if math.isinf(largest) else f"off by as much as {largest:.3g}"
    told = (
        f"the {shown.what} of the judge {label} may be {seen} from those that were frozen, and the rule "
        f"allows {rule.max_drift:g}"
    )
    if off.low is None or off.high is None or not off.low <= 0 <= off.high or not rule.max_drift:
        return f"{told}{_renew(evalset, label)}"
    # Nothing shows a change: taken as it is now, the judge would be off by its noise the next time.
    reach = (off.high - off.low) / 2
    wanted = math.ceil(off.n * max(reach / rule.max_drift, 1.0) ** 2 * 1.5)
    more = f"promptops judge freeze {judge}{source} --cases {wanted}"
    return f"{told}, which {off.n} anchors can't show{FREEZE_MORE}{more}"


def _renew(evalset: str, label: str) -> str:
    return f"{TAKE}promptops judge freeze {evalset}:{label} --renew"


def _apart(change: Change, label: str, run: Run, baseline: Scored, when: str, kept: Kept) -> str:
    """Say why a run and its baseline are not by the judge as it is since a change; empty where they are.

    Whoever does what it says comes to a gate that measures: nothing is named that is done already.
    """
    changed = f"the judge {label} changed {change.span} ({moved(change.shift)})"
    scored = baseline.at(label)
    before = change.side(scored) if scored else ""
    anew = f"{ANEW}promptops score {run.id} --no-cache"
    again = f"promptops eval {run.evalset} --prompt PROMPT --no-cache"
    if change.side(when) != "before" and (replies := kept.cached(run, label, change)):
        return f"{changed}, and {replies} of its replies came from the cache, where they may be older{anew}"
    if change.side(when) == "within" or (change.side(when) == "before" and before == "after"):
        return f"{changed}, and this run was scored before that was found{anew}"
    if before == change.side(when):
        return ""
    if not before:
        return (
            f"{changed}, and the baseline is not committed, so that nobody knows when it was scored{COMMIT}"
            f"{again}"
        )
    if baseline.run is not None:
        again = f"promptops score {baseline.run} --no-cache"
        return f"{changed}, between the baseline and this run{AGAINST}{again}"
    return f"{changed}, between the baseline and this run{REBASE}{again}"


def _largest(off: Found) -> float:
    """Return how far off a judge may be; infinite where nobody knows."""
    if off.reason == ALL_EQUAL and off.value is not None:
        return abs(off.value)
    return math.inf if off.low is None or off.high is None else max(abs(off.low), abs(off.high))


def _off(past: Held, when: str) -> Found | None:
    """Return how far a judge was from the frozen scores when a run was begun; None where nobody looked."""
    anchors, signature = past.anchors, past.anchors.freezing.signature
    near: list[tuple[timedelta, Found]] = [
        (abs(moment(each.date) - moment(when)), to_frozen(anchors, each))
        for each in past.readings
        if (each.anchors, each.signature) == (anchors.digest, signature)
    ]
    apart = abs(moment(anchors.freezing.frozen_at) - moment(when))
    near.append((apart, Found(value=0.0, n=len(anchors.cases), reason=ALL_EQUAL)))
    gap, found = min(near, key=lambda each: each[0])
    return found if gap <= FRESH else None


def _changes(folder: Path, records: Iterable[MetricRecord]) -> Mapping[str, tuple[Change, ...] | str]:
    """Return the changes of each judge, or why its history can't be read."""
    return {
        record.label: _changes_of(folder, record.label, record.signature)
        for record in records
        if record.judge
    }


def _changes_of(folder: Path, label: str, signature: str) -> tuple[Change, ...] | str:
    try:
        past = held(folder, label)
    except FileProblems as error:
        return f"whether its judge has changed can't be read: {error.problems[0]}"
    return () if past is None else changes_of(past.readings, signature)


def _older(run: Run, label: str, kept: Kept, change: Change) -> str:
    count = kept.cached(run, label, change)
    return f"; {count} replies of run {run.id} came from the cache and may be older than it" if count else ""


def _mark(change: Change, date: str, older: str) -> str:
    side = change.side(date)
    where = {
        "before": "these scores are from before that",
        "after": "these scores are from after that",
        "within": "these scores are from about then, before or after",
    }[side]
    changed = f"the judge changed {change.span} ({moved(change.shift)})"
    return f"{changed}; {where}{'' if side == 'before' else older}"
