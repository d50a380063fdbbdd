"""Ask once more within one command: by models that are opened anew, on the same budget and account."""

from __future__ import annotations

from promptops.runs.evaluation import Evaluation
from promptops.runs.progress import Watch


def on_same_account(
    work: Evaluation, *, use_cache: bool | None = None, watch: Watch | None = None
) -> Evaluation:
    """Return what asks as `work` does, before or after it; `use_cache` says otherwise than it."""
    return Evaluation(
        store=work.store,
        settings=work.settings,
        environment=work.environment,
        root=work.root,
        actor=work.actor,
        concurrency=work.concurrency,
        use_cache=work.use_cache if use_cache is None else use_cache,
        cassette=work.cassette,
        watch=watch,
        usage=work.usage,
        budget=work.budget,
    )
