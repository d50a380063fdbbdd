"""Which answers would be used again: those of runs, and replies of judges that belong to none."""

from __future__ import annotations

import json

from promptops.judging.keptreplies import KeptReplies, KeptReply
from promptops.replay.proofs import CacheModel
from promptops.store import Store


def reusable_models(store: Store, kept: KeptReplies) -> list[CacheModel]:
    """Return them by model, in the order of their names; a request that both know counts once."""
    found = {each.model: CacheModel.model_validate(vars(each)) for each in store.reusable()}
    replies = kept.replies()
    known = store.keyed([each.address for each in replies])
    for reply in replies:
        if reply.address not in known:
            found[reply.model] = _with(found.get(reply.model), reply)
    return [found[model] for model in sorted(found)]


def _with(before: CacheModel | None, reply: KeptReply) -> CacheModel:
    at = reply.at.isoformat(timespec="microseconds")
    size = len(json.dumps(reply.completion.model_dump(mode="json", exclude_defaults=True)))
    if before is None:
        return CacheModel(model=reply.model, entries=1, bytes=size, hits=0, oldest=at, newest=at)
    return before.model_copy(
        update={
            "entries": before.entries + 1,
            "bytes": before.bytes + size,
            "oldest": min(before.oldest or at, at),
            "newest": max(before.newest or at, at),
        }
    )
