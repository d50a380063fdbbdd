"""A column of texts that come again and again is a column of numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from promptops.production.names import Names, Numbering

COLUMN = st.lists(st.none() | st.sampled_from(["reply@1", "reply@2", "", "a\x00b"]), max_size=30)


@given(COLUMN, st.integers(1, 7))
def test_texts_in_pages_are_the_texts(texts: list[str | None], size: int) -> None:
    numbering = Numbering()
    pages = [numbering.numbers(texts[at : at + size]) for at in range(0, len(texts), size)]
    found: Names = numbering.names(np.concatenate([numbering.numbers([]), *pages]))
    assert list(found) == texts and len(found) == len(texts)
    assert found.distinct() == list(dict.fromkeys(texts))
    assert found.there.tolist() == [each is not None for each in texts]
    for text in ("reply@2", "never seen", None):
        assert found.equal(text).tolist() == [each == text for each in texts]
    which = np.arange(len(texts)) % 2 == 0
    assert list(found[which]) == texts[::2] == list(found[::2])
