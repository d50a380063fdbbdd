"""The one spelling of a JSON value, and the digest by which content is known again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

# Made once: json.dumps would make an encoder for every call.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """Return the one spelling of a JSON value: sorted keys, no spaces, no NaN."""
    return _CANONICAL.encode(value)


def digest_of(value: object) -> str:
    """Return the SHA-256 of a JSON value's canonical spelling, in hex."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def digest_of_list(items: Iterable[str]) -> str:
    """Return what `digest_of` returns of a list, from the canonical spelling of each of its items."""
    digest, between = hashlib.sha256(b"["), b""
    for item in items:
        digest.update(between + item.encode("utf-8", "surrogatepass"))
        between = b","
    digest.update(b"]")
    return digest.hexdigest()
