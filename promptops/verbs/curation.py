"""The verbs about sets themselves: what became of them, and what their samples are worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from promptops.analysis.sides import load_run
from promptops.errors import NotComparable, UnknownName, UsageError
from promptops.files.located import is_name
from promptops.sets.parts import refuse_part
from promptops.types import EvalSet, Run
from promptops.verbs.tournaments import Tournaments

if TYPE_CHECKING:
    from promptops.sets.history import SetDiff, SetLog
    from promptops.sets.value import SetValue


class Curation(Tournaments):
    """Evaluation sets looked after."""

    def evalset_diff(self, evalset: str | Path, first: str = "HEAD", second: str | None = None) -> SetDiff:
        """Tell what changed of a set between two git states: samples, metrics, rules, slices, card.

        And which accepted baselines can't be compared with any more. `second` is the working tree, where none
        is named. Raises UsageError outside of git, FileProblems for a state that can't be read.
        """
        from promptops.sets.history import set_diff

        return set_diff(self._kept_folder(evalset, first), first, second, self.settings)

    def evalset_log(self, evalset: str | Path, tip: str = "HEAD", *, limit: int = 50) -> SetLog:
        """List a set's versions in git, the newest first, each with what it changed.

        Raises UsageError outside of git.
        """
        from promptops.sets.history import set_log

        return set_log(self._kept_folder(evalset, tip), tip, limit)

    def case_values(
        self,
        evalset: str | Path,
        runs: Sequence[str] = (),
        *,
        metric: str | None = None,
        subset: int | None = None,
        seed: int = 0,
    ) -> SetValue:
        """Tell what a set's samples are worth: which tell versions apart, always pass, or say the same twice.

        By `runs` of the whole set (default: the newest of each prompt and model on its present state).
        `subset` asks for the best so many samples, with their error on versions that did not help to choose
        them. Asks nobody. Raises NotMeasured for too few versions, NotComparable, UsageError, UnknownName.
        """
        from promptops.sets.value import set_value

        found = self.evalset(evalset)
        chosen = self._versions_of(found, runs)
        samples = tuple(found.samples)
        loaded = [load_run(self.store, run, samples) for run in chosen]
        return set_value(loaded, metric=metric, subset=subset, seed=seed)

    def _kept_folder(self, evalset: str | Path, reference: str) -> Path:
        """Return the folder of a set that is there, or was at a commit. Raises UnknownName."""
        from promptops.sets.gitsets import commit_of, files_at

        try:
            return self.evalset_folder(evalset).absolute()
        except UnknownName:
            above = (self.root / self.settings.evalsets).absolute()
            folder = above / str(evalset)
            if not is_name(str(evalset)) or not above.is_dir():
                raise
            if not files_at(folder, commit_of(above, reference)):
                raise
            return folder

    def _versions_of(self, found: EvalSet, runs: Sequence[str]) -> list[Run]:
        """Return one run for each version that answered a set as it is, the oldest first."""
        if not runs:
            stored = self.runs(limit=max(1, self.run_count(evalset=found.name)), evalset=found.name)
            newest: dict[tuple[str, str], Run] = {}
            for run in stored:
                if run.status == "finished" and run.evalset_digest == found.digest:
                    newest.setdefault((run.prompt.digest, run.model), run)
            return list(newest.values())[::-1]
        chosen = [self.finished_run(reference) for reference in dict.fromkeys(runs)]
        seen: dict[tuple[str, str], str] = {}
        for run in chosen:
            refuse_part(run, found.digest, "it can't tell what the set's samples are worth")
            if run.evalset_digest != found.digest:
                raise NotComparable(
                    f"Run {run.id} answered another state of {found.name!r} than the files hold now. "
                    f"Evaluate again; `promptops evalset diff {found.name}` tells what changed."
                )
            first = seen.setdefault((run.prompt.digest, run.model), run.id)
            if first != run.id:
                raise UsageError(
                    f"Runs {first} and {run.id} are of one prompt and model, so they are one version. Leave "
                    "one of them out."
                )
        return chosen
