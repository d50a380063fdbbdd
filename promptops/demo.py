"""The whole way on a shipped set: two versions, one verdict; offline and without a key."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from promptops.distributions.shift import Shift
from promptops.errors import UsageError
from promptops.project import Project
from promptops.runs.progress import Watch
from promptops.shipped import shipped_folder
from promptops.types import PromptVersion, Run
from promptops.verdicts import CaseChange, Comparison, Verdict

SETTINGS = """\
# Written by `promptops demo`. Nothing here leaves this machine.
model = "offline/extractive"
judge_model = "offline/overlap"
"""


@dataclass(frozen=True)
class Demonstration:
    """What the demo has done, for a face to print."""

    folder: Path
    versions: tuple[PromptVersion, ...]
    runs: tuple[Run, ...]
    comparison: Comparison
    cases: tuple[CaseChange, ...]
    metric: str
    shift: Shift
    verdict: Verdict


def shipped_sets() -> tuple[str, ...]:
    """List the evaluation sets that come with promptops."""
    return tuple(sorted(path.parent.name for path in shipped_folder("evalsets").glob("*/evalset.toml")))


def demonstrate(
    folder: Path, evalset: str | None = None, *, swap: bool = False, watch: Watch | None = None
) -> Demonstration:
    """Register two prompt versions, evaluate, compare, measure shift and decide.

    The first shipped set is taken where none is named; `swap` takes the newer version as the baseline.
    Raises UsageError where the folder holds something else.
    """
    name = evalset or shipped_sets()[0]
    _prepare(folder, name)
    with Project.open(folder) as project:
        set_folder = project.evalset_folder(name)
        files = sorted((set_folder / "prompts").glob("*.prompt.yaml"))
        versions = tuple(project.add_prompt(path)[0] for path in files)
        pair = (versions[0].reference, versions[-1].reference)
        old, new = project.evaluate(set_folder, pair[::-1] if swap else pair, watch=watch)
        comparison = project.compare(old.id, new.id)
        metric = comparison.deltas[0].label
        return Demonstration(
            folder=folder,
            versions=versions,
            runs=(old, new),
            comparison=comparison,
            cases=tuple(project.cases(old.id, new.id, metric, limit=3)),
            metric=metric,
            shift=project.shift(old.id, new.id),
            verdict=project.gate(name, run=new.id, baseline=old.id),
        )


def _prepare(folder: Path, name: str) -> None:
    settings = folder / "promptops.toml"
    if folder.exists() and any(folder.iterdir()) and not settings.is_file():
        raise UsageError(f"{str(folder)!r} is not empty and no promptops project. Give another --folder.")
    source = shipped_folder("evalsets") / name
    if name not in shipped_sets():
        raise UsageError(
            f"No shipped evaluation set is named {name!r}. There is: {', '.join(shipped_sets())}."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not settings.is_file():
            settings.write_text(SETTINGS, "utf-8")
        shutil.copytree(source, folder / "evalsets" / name, dirs_exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{str(folder)!r} can't be written: {error.strerror}. Give another --folder."
        ) from None
