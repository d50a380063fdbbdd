"""The verbs about sets themselves: what became of them, and what their samples are worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from promptops.errors import UnknownName
from promptops.located import is_name
from promptops.tournaments import Tournaments

if TYPE_CHECKING:
    from promptops.sethistory import SetDiff, SetLog


class Curation(Tournaments):
    """Evaluation sets looked after."""

    def evalset_diff(self, evalset: str | Path, first: str = "HEAD", second: str | None = None) -> SetDiff:
        """Tell what changed of a set between two git states: samples, metrics, rules, slices, card.

        And which accepted baselines can't be compared with any more. `second` is the working tree, where none
        is named. Raises UsageError outside of git, FileProblems for a state that can't be read.
        """
        from promptops.sethistory import set_diff

        return set_diff(self._kept_folder(evalset, first), first, second, self.settings)

    def evalset_log(self, evalset: str | Path, tip: str = "HEAD", *, limit: int = 50) -> SetLog:
        """List a set's versions in git, the newest first, each with what it changed.

        Raises UsageError outside of git.
        """
        from promptops.sethistory import set_log

        return set_log(self._kept_folder(evalset, tip), tip, limit)

    def _kept_folder(self, evalset: str | Path, reference: str) -> Path:
        """Return the folder of a set that is there, or was at a commit. Raises UnknownName."""
        from promptops.gitsets import commit_of, files_at

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
