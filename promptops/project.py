"""The one core: settings, store and verbs wired together. Every face calls this and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from promptops.metrics import Metric
from promptops.types import EvalSet, MetricSpec
from promptops.verbs.evaluating import Evaluating

if TYPE_CHECKING:
    from promptops.production.judged import Judged as Verbs
else:
    # What one evaluation needs. All other verbs are imported when the first of them is wanted: half of the
    # time that a command takes to start would go into what it never calls.
    Verbs = Evaluating


class _Growing(type):
    """The class of Project: it shows all verbs, also before one of them is called."""

    if not TYPE_CHECKING:

        def __getattr__(cls, name: str) -> object:
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(_storeys(), name)

        def __dir__(cls) -> list[str]:
            return sorted({*super().__dir__(), *dir(_storeys())})


class Project(Verbs, metaclass=_Growing):
    """A folder with prompts and evaluation sets, and the database that remembers runs.

    >>> with Project.open() as project:
    ...     runs = project.evaluate("replies", ["reply@1", "reply@2"], ["offline/extractive"])
    ...     comparison = project.compare(runs[0].id, runs[1].id)
    """

    if not TYPE_CHECKING:

        def __new__(cls, *args: object, **kwargs: object) -> Project:
            # A user's own class has all from the start: its methods may call those that they replace.
            return super().__new__(cls if cls is Project else _grown(cls))

        def __getattr__(self, name: str) -> object:
            if name.startswith("__") or issubclass(type(self), _storeys()):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            self.__class__ = _grown(type(self))
            return getattr(self, name)

        def __dir__(self) -> list[str]:
            return dir(type(self))

        def _refuse_unwatched(
            self, found: EvalSet, folder: Path, specs: Sequence[MetricSpec], metrics: Mapping[str, Metric]
        ) -> None:
            # The one thing that an evaluation needs of the storeys above, and few sets ask for it.
            if any(spec.check_anchors for spec in specs) and not issubclass(type(self), _storeys()):
                self.__class__ = _grown(type(self))
            super()._refuse_unwatched(found, folder, specs, metrics)


def _storeys() -> type[Evaluating]:
    """Return the class with all verbs."""
    from promptops.production.judged import Judged

    return Judged


@cache
def _grown(cls: type[Project]) -> type[Project]:
    """Return a project's class with all verbs, under its own name."""
    body = {"__doc__": cls.__doc__, "__module__": cls.__module__, "__qualname__": cls.__qualname__}
    return cast("type[Project]", _Growing(cls.__name__, (cls, _storeys()), body))
