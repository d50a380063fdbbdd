"""The one door to sacrebleu: what its metrics count on one output, and their signatures."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as SacrebleuMetric


class SegmentCounter:
    """Counts one output at a time what a sacrebleu metric adds up over a corpus.

    A corpus figure of sacrebleu is a formula over sums of `_compute_segment_statistics`; there is no public
    way to them.
    """

    def __init__(self, metric: SacrebleuMetric, kept_references: int) -> None:
        self._metric = metric
        # Repeats of a sample come close together; more would only cost memory.
        self._reference_info = lru_cache(maxsize=kept_references)(self._read_references)
        if hasattr(metric, "tokenizer"):
            metric.tokenizer = _forgetful(metric.tokenizer)

    def counts(self, text: str, references: tuple[str, ...]) -> tuple[float, ...]:
        """Return what is counted on one output."""
        prepared = self._metric._preprocess_segment(text)
        return tuple(self._metric._compute_segment_statistics(prepared, self._reference_info(references)))

    @property
    def signature(self) -> str:
        """sacrebleu's own, for any number of references."""
        self._metric.num_refs = -1
        return self._metric.get_signature().format()

    def _read_references(self, references: tuple[str, ...]) -> dict[str, Any]:
        return self._metric._extract_reference_info(
            [self._metric._preprocess_segment(text) for text in references]
        )


@lru_cache(maxsize=8)
def bleu_counter(tokenize: str, lowercase: bool) -> SegmentCounter:
    """Return a counter of hypothesis length, reference length, four matches and four totals."""
    from sacrebleu.metrics.bleu import BLEU

    return SegmentCounter(BLEU(tokenize=tokenize, lowercase=lowercase, force=True), kept_references=32)


@lru_cache(maxsize=8)
def chrf_counter(word_order: int, lowercase: bool) -> SegmentCounter:
    """Return a counter of output, reference and shared n-grams for each order, characters first."""
    from sacrebleu.metrics.chrf import CHRF

    return SegmentCounter(CHRF(word_order=word_order, lowercase=lowercase), kept_references=8)


@lru_cache(maxsize=8)
def ter_counter(
    normalized: bool, no_punct: bool, asian_support: bool, case_sensitive: bool
) -> SegmentCounter:
    """Return a counter of edits and mean reference length in words."""
    from sacrebleu.metrics.ter import TER

    metric = TER(
        normalized=normalized, no_punct=no_punct, asian_support=asian_support, case_sensitive=case_sensitive
    )
    return SegmentCounter(metric, kept_references=32)


def _forgetful(tokenizer: Any) -> Any:
    """Go round sacrebleu's caches of 65,536 lines, with which memory grows by 10 KB a sample."""
    if hasattr(tokenizer, "_post_tokenizer"):
        tokenizer._post_tokenizer = _forgetful(tokenizer._post_tokenizer)
    call = type(tokenizer).__call__
    return partial(call.__wrapped__, tokenizer) if hasattr(call, "__wrapped__") else tokenizer
