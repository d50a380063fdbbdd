"""How much of a person's edit of an earlier answer a new answer has."""

from __future__ import annotations

from collections import Counter

from promptops.metrics import Metric
from promptops.metrics._tokenizers import UNICODE_WORDS, unicode_words
from promptops.types import Completion, Sample, Score


class EditTaken(Metric):
    """Of the words that a person put into the old answer or took out of it, the share so in the new one.

    The old answer stands at `metadata.original`, the edited one is the first target, as in samples that were
    made of feedback (`promptops records cases`). The old answer itself has 0, the edited one 1, whatever
    both share; words are counted with how often they stand, whatever their order.
    """

    def score(self, completion: Completion, sample: Sample) -> Score:
        original = sample.metadata.get("original")
        if not isinstance(original, str) or not sample.references:
            return Score.missing("the sample has no metadata.original, or no target, to tell an edit from")
        before, wanted = (Counter(unicode_words(text)) for text in (original, sample.references[0]))
        put_in, taken_out = wanted - before, before - wanted
        if not put_in and not taken_out:
            return Score.missing("the edit changed no word")
        now = Counter(unicode_words(completion.text))
        there = ((now - (before & wanted)) & put_in).total()
        gone = taken_out.total() - ((now - wanted) & taken_out).total()
        share = (there + gone) / (put_in.total() + taken_out.total())
        return Score.of(
            share, reason=f"{there} of {put_in.total()} put in, {gone} of {taken_out.total()} gone"
        )

    def check(self, sample: Sample) -> str | None:
        """Return what is wrong with an edit; a sample without one is no fault and gets no score."""
        if not isinstance(sample.metadata.get("original", ""), str):
            return "metadata.original is no text; it is the answer that was edited"
        return super().check(sample)

    def parts(self) -> dict[str, str]:
        return {"tokenizer": UNICODE_WORDS}
