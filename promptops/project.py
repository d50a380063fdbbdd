"""The one core: settings, store and verbs wired together. Every face calls this and nothing else."""

from __future__ import annotations

from promptops.production.judged import Judged


class Project(Judged):
    """A folder with prompts and evaluation sets, and the database that remembers runs.

    >>> with Project.open() as project:
    ...     runs = project.evaluate("replies", ["reply@1", "reply@2"], ["offline/extractive"])
    ...     comparison = project.compare(runs[0].id, runs[1].id)
    """
