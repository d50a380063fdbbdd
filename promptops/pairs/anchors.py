"""Anchors of a judge of pairs: drawn from two runs, an output each and the one that it is held against."""

from __future__ import annotations

from collections.abc import Mapping

from promptops.judging.anchors import spread
from promptops.judging.watched import Cases, Watchable, is_storable
from promptops.types import Sample, Score
from promptops.verbs.preferences import Opposed


def facing_cases(opposed: Opposed, scores: Mapping[tuple[str, int], Score], count: int, seed: int) -> Cases:
    """Draw samples that two runs answered differently, the candidate's answer first.

    They are spread over what the candidate won, as far as a verdict is stored; a half stands for what is not
    known. The cases are judged anew, so that this chooses them and is no anchor's score.
    """
    others: dict[str, str] = {}
    scored: list[tuple[Sample, str, float]] = []
    for pair in opposed.pairs:
        output, other = pair.candidate.text, pair.baseline.text
        if pair.same or pair.repeat or not (is_storable(output) and is_storable(other)):
            continue
        score = scores.get(pair.place)
        share = 0.5 if score is None or score.unscored is not None else score.counts[0]
        others[pair.sample.id] = other
        scored.append((pair.sample, output, share))
    return [Watchable(*case, others[case[0].id]) for case in spread(scored, count, seed)]
