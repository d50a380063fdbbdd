"""Runs that asked a part of their set: never taken for whole ones, compared where both were asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from promptops.analysis.sides import Loaded
from promptops.canonical import digest_of
from promptops.errors import NotComparable
from promptops.types import Run


def is_part(run: Run, digest: str) -> bool:
    """Tell whether a run asked less than the set of a digest; what is the whole of it by now is no part."""
    return run.part is not None and run.evalset_digest != digest


def refuse_part(run: Run, digest: str, what: str) -> None:
    """Raise NotComparable for a run on a part of the set; `what` says what it can't do or be."""
    if run.part is not None and is_part(run, digest):
        model = f" --model {run.model}"
        raise NotComparable(
            f"Run {run.id} asked {run.part.sentence} "
            f"It says nothing of the others, so {what}. "
            f"Evaluate the whole set: promptops eval {run.evalset} --prompt {run.prompt_ref}{model}"
        )


def refuse_chosen(*runs: Run) -> None:
    """Raise NotComparable where samples were chosen by failures: bounds on them would be wrong."""
    for run in runs:
        if run.part is not None and run.part.failed_from is not None:
            raise NotComparable(
                f"The samples of run {run.id} were chosen because run {run.part.failed_from} failed on them, "
                "and whatever is asked again does better on such by luck alone: no bound on a change holds. "
                "`promptops compare` shows the figures and cases; evaluate the whole set for more."
            )


def whole_digest(run: Run) -> str:
    """Return the digest of the whole set of which a run asked all or a part."""
    return run.evalset_digest if run.part is None else run.part.of


def on_common(first: Loaded, second: Loaded) -> tuple[Loaded, Loaded]:
    """Return both sides on the samples that both were asked, where one or both asked a part of one set.

    Sides of other sets are returned as they are. Raises NotComparable where they share no sample.
    """
    a, b = first.side.run, second.side.run
    if a.evalset_digest == b.evalset_digest or whole_digest(a) != whole_digest(b):
        return first, second
    where = {sample.id: place for place, sample in enumerate(first.side.table.samples)}
    both = [
        (where[sample.id], place)
        for place, sample in enumerate(second.side.table.samples)
        if sample.id in where
    ]
    if not both:
        raise NotComparable(f"Runs {a.id} and {b.id} asked two parts of {b.evalset!r} that share no sample.")
    places = np.array(both, dtype=np.intp)
    shared = digest_of([a.evalset_digest, b.evalset_digest])
    return _only(first, places[:, 0], shared), _only(second, places[:, 1], shared)


def part_warnings(first: Run, second: Run, compared: int) -> list[str]:
    """Say which of two runs is about a part of its set, and what that does to the figures."""
    runs = {run.id: run for run in (first, second)}.values()
    found = [f"Run {run.id} asked {run.part.sentence}" for run in runs if run.part is not None]
    if found:
        found.append(
            f"So this is about the {compared} samples that both were asked, not about the whole set."
        )
    if chosen_by_failures(first, second):
        found.append(
            "Samples were chosen because a run failed on them, and whatever is asked again does better on "
            "such by luck alone: no bounds are told. Evaluate the whole set to know whether it got better."
        )
    return found


def refuse_mixed(*runs: Run) -> None:
    """Raise NotComparable for runs on different parts of a set: ranks need the same samples of all."""
    if len({run.evalset_digest for run in runs}) > 1:
        for run in runs:
            if run.part is not None:
                raise NotComparable(
                    f"Run {run.id} asked {run.part.sentence} "
                    "The others asked other samples, so they can't be ranked together. Compare two of them."
                )


def chosen_by_failures(*runs: Run) -> bool:
    """Tell whether a run's samples were chosen by how an earlier run did on them."""
    return any(run.part is not None and run.part.failed_from is not None for run in runs)


def _only(loaded: Loaded, places: npt.NDArray[np.intp], digest: str) -> Loaded:
    found = loaded.only(places)
    run = found.side.run.model_copy(update={"evalset_digest": digest})
    return replace(found, side=replace(found.side, run=run))
