"""The house keeps its shape: imports point down, wings stay apart, each library is met in one room."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
FACE = "promptops"
WINGS = ("metrics", "judges", "providers", "engines", "reports")

DOORS = (
    "analysis",
    "calls",
    "distributions",
    "files",
    "gate",
    "judging",
    "labels",
    "pairs",
    "plots",
    "prompts",
    "replay",
    "runs",
    "sets",
    "texts",
    "verbs",
)
"""Rooms whose `__init__` only says what is in them."""

FLOORS: tuple[tuple[str, ...], ...] = (
    (*DOORS, "canonical", "errors", "gate.rules", "jsonvalue", "noun", "stats", "stats.*"),
    (
        "judging.contentfree",
        "instruments",
        "production",
        "production.alertrules",
        "production.alerts",
        "production.monitor",
        "production.records",
        "production.reliability",
        "production.periods",
        "production.told",
        "replay.proofs",
        "runs.submissions",
        "types",
        "verdicts",
    ),
    WINGS,
    (
        *(f"{wing}.*" for wing in WINGS),
        "store",
        "store.*",
        "judging.anchors",
        "judging.attacks",
        "gate.baselines",
        "calls.bills",
        "runs.collector",
        "replay.cassettes",
        "judging.certificates",
        "judging.correctionwords",
        "judging.declared",
        "judging.biaswords",
        "files.filelock",
        "judging.keptreplies",
        "labels.copies",
        "labels.labels",
        "labels.sheets",
        "labels.steps",
        "labels.lots",
        "replay.canonicalform",
        "config",
        "calls.contentaddress",
        "files.csvfile",
        "sets.evalset",
        "gate.evidence",
        "sets.facets",
        "judging.families",
        "texts.figures",
        "files.git",
        "files.gitbase",
        "sets.gitsets",
        "runs.endings",
        "gate.headline",
        "gate.shortfall",
        "files.idfile",
        "prompts.inputschema",
        "files.jsonfile",
        "judging.text",
        "files.located",
        "sets.matching",
        "texts.mends",
        "sets.kindtags",
        "sets.origins",
        "runs.owner",
        "runs.ahead",
        "runs.turns",
        "runs.pausing",
        "runs.apart",
        "calls.brake",
        "pairs.rules",
        "pairs.standings",
        "pairs.styles",
        "files.parquetfile",
        "texts.patterns",
        *(
            "production.answers",
            "production.buffer",
            "production.censor",
            "production.current",
            "production.draining",
            "production.drainer",
            "production.entries",
            "production.face",
            "production.finishes",
            "production.ids",
            "production.logger",
            "production.remains",
            "production.segments",
            "production.settings",
            "production.snapshots",
            "production.streams",
            "production.spooler",
            "production.tally",
            "production.trace",
        ),
        "texts.personal",
        "sets.places",
        "prompts.plaintemplate",
        "plots.images",
        "plugins",
        "pairs.text",
        "production.cleaning",
        "production.columnmap",
        "production.drafts",
        "production.importing",
        "production.logrows",
        "production.messages",
        "production.references",
        "production.spans",
        "calls.prices",
        *(
            "production.aliasrows",
            "production.alerting",
            "production.dayalerts",
            "production.days",
            "production.delivery",
            "production.fardays",
            "production.measures",
            "production.measuretext",
            "production.monitoring",
            "production.names",
            "production.traffic",
            "production.trusting",
        ),
        "prompts.files",
        "calls.quotas",
        "pairs.recorded",
        "texts.redaction",
        "prompts.text",
        "analysis.reportfiles",
        "judging.recordedreplies",
        "judging.replystyles",
        "analysis.reportplaces",
        "sets.roster",
        "sets.samplefiles",
        "sets.selection",
        "sets.changes",
        "plots.sheet",
        "shipped",
        "distributions.bare",
        "distributions.rules",
        "starter",
        "runs.states",
        "analysis.summary",
        "prompts.templatechild",
        "prompts.templateprocess",
        "prompts.templates",
        "files.textfile",
        "distributions.textrows",
        "calls.tokenestimate",
        "files.tomlfile",
        "calls.tracing",
        "runs.unanswered",
        "sets.unchanged",
        "calls.usage",
        "texts.visible",
        "calls.waits",
        "texts.worddiff",
        "files.yamlfile",
    ),
    (
        *(
            "sets.additions",
            "runs.batching",
            "calls.budget",
            "runs.calling",
            "calls.call",
            "calls.embedding",
            "runs.evaluation",
            "runs.holding",
            "runs.eventloop",
            "judging.prompts",
            "calls.limiter",
            "runs.ledger",
            "calls.limits",
            "calls.models",
            "runs.progress",
            "replay.recorded",
            "replay.recording",
            "replay.replaying",
            "runs.sameaccount",
            "calls.tokenlimit",
        ),
        *(
            "sets.candidates",
            "distributions.coverage",
            "distributions.leaks",
            "runs.runner",
            "runs.running",
            "distributions.shift",
            "distributions.shiftnotes",
            "distributions.days",
            "distributions.shown",
            "distributions.text",
            "runs.tasks",
        ),
        *(
            "production.knownrecords",
            "production.recordtexts",
            "production.recordwindows",
            "distributions.textfiles",
            "calls.reusable",
            "replay.verifying",
            "distributions.windows",
        ),
    ),
    (
        *(
            "analysis.comparison",
            "judging.attacking",
            "judging.aging",
            "judging.state",
            "labels.pairings",
            "pairs.agreement",
            "judging.agreeing",
            "judging.biasparts",
            "judging.certifying",
            "judging.drifting",
            "judging.corrected",
            "labels.ratings",
            "judging.changes",
            "gate.ratings",
            "judging.trials",
            "gate.bounds",
            "gate.expectation",
            "gate.filled",
            "analysis.exporting",
            "production.exports",
            "analysis.flaky",
            "calls.forecast",
            "generation",
            "generation.*",
            "gate.followers",
            "gate.decision",
            "gate.cells",
            "analysis.grid",
            "judging.facts",
            "judging.noise",
            "judging.referenceeffect",
            "judging.soundings",
            "gate.missing",
            "sets.mixing",
            "analysis.noise",
            "pairs.gate",
            "pairs.hearing",
            "pairs.ranking",
            "pairs.asked",
            "pairs.tournament",
            "gate.planning",
            "pairs.summary",
            "gate.planting",
            "pairs.preference",
            "calls.pricing",
            "production.checks",
            *(
                "production.naming",
                "production.themes",
                "production.usercases",
            ),
            "gate.ratchet",
            "analysis.ranking",
            "analysis.rankreport",
            "gate.reach",
            "gate.readiness",
            "gate.selftest",
            "gate.baselinefits",
            "sets.removals",
            "sets.scores",
            "sets.twins",
            "sets.value",
            "sets.subset",
            "sets.history",
            "sets.markdown",
            "gate.sight",
            "distributions.gate",
        ),
        *(
            "plots.cost",
            "plots.reliability",
            "plots.strengths",
            "analysis.groupchanges",
            "analysis.reporting",
            "analysis.sides",
            "analysis.slicefinder",
            "analysis.slices",
            "analysis.spending",
            "analysis.standings",
        ),
        "sets.parts",
        *(
            "gate.stopper",
            "gate.stopping",
        ),
    ),
    (
        "verbs.analyses",
        "verbs.anchoring",
        "verbs.batched",
        "verbs.comparisons",
        "verbs.decisions",
        "verbs.evaluating",
        "verbs.experiments",
        "verbs.rescoring",
        "verbs.forecasts",
        "verbs.gateforecasts",
        "verbs.gates",
        "verbs.generating",
        "verbs.judging",
        "verbs.sounded",
        "verbs.spooled",
        "verbs.bothsides",
        "verbs.pointed",
        "pairs.anchors",
        "verbs.paircontest",
        "judging.watched",
        "verbs.pairgates",
        "verbs.preferences",
        "production.recordbook",
        "production.monitored",
        "production.judged",
        "production.relying",
        "production.ringing",
        "production.learned",
        "verbs.certification",
        "verbs.correcting",
        "verbs.curation",
        "verbs.labelled",
        "labels.labelling",
        "verbs.tournaments",
        "project",
        "verbs.registry",
        "verbs.replays",
        "verbs.shifts",
        "verbs.steered",
        "verbs.watchkeeping",
        "verbs.windowed",
        "verbs.workspace",
    ),
    ("demo", "doctor", "viewer"),
    ("__init__", "__main__", "cli", "cli.*", "pytest_plugin"),
)
"""Lowest first: a module imports from its own floor and from those below."""

ROOMS = {
    "alembic": ("promptops/store/", "migrations/"),
    "opentelemetry": ("promptops/calls/tracing.py",),
    "psycopg": ("promptops/store/",),
    "sqlalchemy": ("promptops/store/", "migrations/"),
    "sqlmodel": ("promptops/store/",),
    "streamlit": ("dashboards/",),
}
"""Where a library may be imported, and nowhere else."""


class Import(NamedTuple):
    """One import statement's target, and where it stands."""

    target: str
    """Dotted: a module of ours or of somebody else."""
    place: str


def test_every_module_has_a_place_on_a_floor() -> None:
    homeless = [name for name in modules() if floor_of(name) is None]
    assert not homeless, f"Place these modules on a floor of FLOORS in {Path(__file__).name}: {homeless}"


def test_imports_point_down() -> None:
    guilty = [
        f"{found.place}: {name} (floor {below}) imports {found.target} (floor {above})"
        for name in modules()
        for found in own_imports(name)
        if (below := floor_of(name)) is not None
        and (above := floor_of(found.target)) is not None
        and above > below
    ]
    assert not guilty, "These imports point up:\n" + "\n".join(guilty)


def test_there_are_no_circles() -> None:
    graph = {
        name: {found.target for found in own_imports(name) if found.target != name} for name in modules()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("These modules import one another: " + " <- ".join(error.args[1]))


def test_leaves_of_a_wing_import_no_other_leaf() -> None:
    guilty = [
        f"{found.place}: the leaf {name} imports the leaf {found.target}"
        for name in modules()
        for found in own_imports(name)
        if wing_of(name)
        and wing_of(found.target)
        and name != found.target
        and not (wing_of(name) == wing_of(found.target) and leaf_name(found.target).startswith("_"))
    ]
    assert not guilty, "Leaves import only contracts and what lies below:\n" + "\n".join(guilty)


def test_nothing_inside_imports_the_face() -> None:
    guilty = [
        f"{found.place}: {name}"
        for name in modules()
        for found in own_imports(name)
        if found.target == FACE and name != FACE
    ]
    assert not guilty, "Import from the module that defines a name, not from the face:\n" + "\n".join(guilty)


def test_each_library_is_met_in_its_room_only() -> None:
    guilty = [
        f"{found.place} imports {found.target}, which belongs into {' or '.join(ROOMS[library])}"
        for path in python_files("promptops", "dashboards", "migrations")
        for found in imports(path)
        if (library := found.target.partition(".")[0]) in ROOMS and not found.place.startswith(ROOMS[library])
    ]
    assert not guilty, "\n".join(guilty)


DRAWING = {f"{FACE}.types", f"{FACE}.verdicts", f"{FACE}.texts.figures", f"{FACE}.texts.visible"}
"""Nouns, and how figures and texts are written: the same on a page as in a terminal, and nothing to call."""


def test_what_is_slow_to_import_is_imported_where_it_is_used() -> None:
    slow = {"scipy", "pyarrow", "regex", "streamlit", "sklearn"}
    guilty = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files("promptops")
        for node in parsed(path).body
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if name.partition(".")[0] in slow
    ]
    assert not guilty, "Every command pays for these imports; put them into a function:\n" + "\n".join(guilty)


def test_no_file_is_longer_than_its_ceiling() -> None:
    lengths = {
        str(path.relative_to(ROOT)): path.read_text("utf-8").count("\n")
        for path in python_files("promptops", "dashboards", "migrations")
    }
    assert {place: lines for place, lines in lengths.items() if lines > 400} == {}


def test_the_dashboard_knows_the_face_only() -> None:
    guilty = [
        f"{found.place} imports {found.target}"
        for path in python_files("dashboards")
        for found in imports(path)
        if found.target.startswith(f"{FACE}.") and found.target in modules() and found.target not in DRAWING
    ]
    assert not guilty, "Dashboards import `promptops`, its nouns and its ways of writing them:\n" + "\n".join(
        guilty
    )


def test_the_test_finds_imports_wherever_they_stand(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text(
        "from typing import TYPE_CHECKING\n"
        "import promptops.types\n"
        "from promptops import errors, plugins as doors\n"
        "from promptops.store import Store\n"
        "if TYPE_CHECKING:\n    from promptops.stats.paired import nothing\n"
        "def late():\n    import sqlmodel.main\n"
    )
    assert [found.target for found in imports(source)] == [
        "typing",
        "promptops.types",
        "promptops.errors",
        "promptops.plugins",
        "promptops.store",
        "promptops.stats.paired",
        "sqlmodel.main",
    ]


def floor_of(name: str) -> int | None:
    """Return the number of a module's floor, 0 is the lowest; None where it has none."""
    short = "__init__" if name == FACE else name.removeprefix(f"{FACE}.")
    for number, patterns in enumerate(FLOORS):
        if any(fnmatchcase(short, pattern) for pattern in patterns):
            return number
    return None


def wing_of(name: str) -> str | None:
    """Return the wing of which a module is a leaf; None for contracts and all else."""
    parts = name.split(".")
    return parts[1] if len(parts) == 3 and parts[1] in WINGS else None


def leaf_name(name: str) -> str:
    """Return the last part of a module's name."""
    return name.rpartition(".")[2]


@cache
def modules() -> dict[str, Path]:
    """Return all modules of the package by dotted name."""
    found = {}
    for path in python_files("promptops"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def own_imports(name: str) -> tuple[Import, ...]:
    """Return a module's imports of other modules of the package."""
    return tuple(found for found in imports(modules()[name]) if found.target in modules())


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Return every import in a file, also those inside functions and for type checkers."""
    return tuple(_imports(path))


@cache
def parsed(path: Path) -> ast.Module:
    """Return a file's syntax tree; three tests look at the same ones."""
    return ast.parse(path.read_text("utf-8"))


def _imports(path: Path) -> Iterator[Import]:
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, f"{shown}:{node.lineno}")
        elif isinstance(node, ast.ImportFrom) and node.module:
            targets = (f"{node.module}.{alias.name}" for alias in node.names)
            # `from package import module` means the module, `from module import name` the module too.
            for target in dict.fromkeys(each if each in modules() else node.module for each in targets):
                yield Import(target, f"{shown}:{node.lineno}")


def python_files(*folders: str) -> list[Path]:
    """Return the Python files below some folders of the checkout, in order."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
