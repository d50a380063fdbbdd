"""What changed of a set as Markdown for a pull request, and its versions as a changelog."""

from __future__ import annotations

from collections.abc import Sequence

from promptops.canonical import canonical_json
from promptops.reports._fitting import Part, fitted
from promptops.reports._markdown import code, diff_fence, head, prose, row
from promptops.sets.changes import FieldChange, NamedChange, SampleBrief, SampleChange
from promptops.sets.history import SetDiff, SetLog, StateFacts

LIMIT = 65_536
"""Characters that GitHub takes in a comment."""
_TEXT = 1500
"""Characters of a text of which a change is shown as lines."""


def diff_markdown(found: SetDiff) -> str:
    """Return a comment of at most 65,536 characters; nothing that it quotes can be markup or a mention."""
    changes = found.changes
    rest = [
        *(_named("metric", each) for each in changes.metrics),
        *(_named("rule", each) for each in changes.rules),
        *(_value("card", each) for each in changes.card),
        *(f"- slice {code(each, 60)} added" for each in changes.slices_added),
        *(f"- slice {code(each, 60)} removed" for each in changes.slices_removed),
    ]
    parts = [
        Part([f"**Evaluation set** {prose(found.sentence, 2000)}"]),
        Part([_state(found.first), _state(found.second)]),
        Part(
            [_baseline(each) for each in _baselines(found)],
            before="**Baselines**\n",
            name="baselines",
            rank=1,
        ),
        Part(rest, before="**Metrics, rules, card, slices**\n", name="changes of the set's file", rank=2),
        _folded("changed", [_changed(each) for each in changes.changed], 3),
        _folded("added", [_brief(each) for each in changes.added], 4),
        _folded("removed", [_brief(each) for each in changes.removed], 5),
    ]
    return fitted(parts, LIMIT, "`promptops evalset diff --json` prints all of it.")


def log_markdown(found: SetLog) -> str:
    """Return the versions of a set as a changelog, the newest first."""
    rows = []
    for each in found.versions:
        counts = (each.added, each.removed, each.changed)
        told = [_count(mark, count) for mark, count in zip("+-~", counts, strict=True)]
        rows.append(
            row(
                (
                    code(each.commit, cell=True) if each.commit else "not committed",
                    each.date or "-",
                    code((each.digest or "-")[:12], cell=True),
                    "-" if each.samples is None else f"{each.samples:,}",
                    *told,
                    code(each.subject, 100, cell=True) if each.subject else "-",
                    code(each.problem or "; ".join(each.other) or "-", 200, cell=True),
                )
            )
        )
    names = ("commit", "date", "version", "samples", "added", "removed", "changed", "subject", "besides")
    top = head(names, right=("samples", "added", "removed", "changed"))
    parts = [
        Part([f"**Versions of** {code(found.evalset)}"]),
        Part(rows, before=top, name="versions", rank=1),
    ]
    return fitted(parts, LIMIT, "`promptops evalset diff --log --json` prints all of it.")


def shown_value(value: object) -> str:
    """Return a value on one line: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else canonical_json(value)


def _baselines(found: SetDiff) -> Sequence[tuple[str, str, Sequence[str]]]:
    return [
        (each.file, f"{each.fit}{' (accepted anew)' if each.accepted_anew else ''}", each.why)
        for each in found.baselines
    ]


def _baseline(found: tuple[str, str, Sequence[str]]) -> str:
    file, told, why = found
    return f"- {code(file)}: {told}" + (f": {prose('; '.join(why))}" if why else "")


def _state(facts: StateFacts) -> str:
    at = f", commit {code(facts.commit)}" if facts.commit and facts.commit != facts.name else ""
    if facts.digest is None:
        return f"- {code(facts.name)}{at}: no such set"
    return f"- {code(facts.name)}{at}: {facts.samples:,} samples, digest {code(facts.digest[:12])}"


def _named(what: str, found: NamedChange) -> str:
    told = f"- {what} {code(found.name, 80)} {found.kind}"
    if found.eased is not None:
        told += " (lets more pass)" if found.eased else " (lets less pass)"
    return "\n".join([told, *(f"  {_value('', each)}" for each in found.fields)])


def _value(what: str, found: FieldChange) -> str:
    name = code(f"{what}.{found.field}" if what else found.field, 80)
    if found.kind == "added":
        return f"- {name}: {code(shown_value(found.after))}"
    if found.kind == "removed":
        return f"- {name}: {code(shown_value(found.before))} removed"
    return f"- {name}: {code(shown_value(found.before))} to {code(shown_value(found.after))}"


def _changed(found: SampleChange) -> str:
    told = [f"\nSample {code(found.id)}\n"]
    for field in found.fields:
        if field.parts:
            told.append(
                f"{code(field.field, 80)}\n\n{diff_fence(str(field.before), str(field.after), _TEXT)}\n"
            )
        else:
            told.append(_value("", field))
    return "\n".join(told)


def _brief(found: SampleBrief) -> str:
    return f"- {code(found.id)}: {code(found.text, 200)}"


def _folded(what: str, items: Sequence[str], rank: int) -> Part:
    title = f"{len(items):,} sample{'' if len(items) == 1 else 's'} {what}"
    opening = f"<details><summary>{title}</summary>\n"
    return Part(items, before=opening, after="\n</details>", name=f"samples {what}", rank=rank)


def _count(mark: str, count: int | None) -> str:
    return "-" if count is None else f"{mark}{count:,}" if count else "0"
