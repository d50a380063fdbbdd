"""How fast metrics score: ROUGE against rouge-score and BLEU against sacrebleu, as ratios of one run.

Run `python benchmarks/scoring.py`. Each figure is checked for equality on the way: speed of another number
is no speed. CPU seconds of this process; rounds of both sides alternate, medians are shown.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from promptops.metrics.bleu import Bleu
from promptops.metrics.rouge import Rouge, Variant
from promptops.types import Completion, Sample

VARIANTS: tuple[Variant, ...] = ("rouge1", "rouge2", "rougeL", "rougeLsum")
WORDS = 200
PAIRS = 30
CORPUS = 10_000
ROUNDS = 5
MUST = 15

Answer = TypeVar("Answer")

_SYLLABLES = (
    "ba",
    "re",
    "ti",
    "on",
    "al",
    "mu",
    "ne",
    "so",
    "ca",
    "li",
    "der",
    "for",
    "ter",
    "con",
    "est",
    "in",
    "un",
)
_ENDINGS = ("", "", "", "s", "ed", "ing", "ation", "ly", "ness")


def main() -> None:
    """Print the table."""
    rng = random.Random(20261121)
    print(f"{'':28}{'reference ms':>14}{'promptops ms':>14}{'ratio':>9}")
    for stemmer in (False, True):
        name = "stem" if stemmer else "no stem"
        for variant in VARIANTS:
            _print_rouge(f"{variant}, {name}", (variant,), stemmer, rng)
        _print_rouge(f"all four, {name} (must {MUST}x)", VARIANTS, stemmer, rng)
    _print_bleu(rng)


def _print_rouge(label: str, variants: tuple[Variant, ...], stemmer: bool, rng: random.Random) -> None:
    scorer = RougeScorer(list(variants), use_stemmer=stemmer)
    metrics = [Rouge(variant=variant, stemmer=stemmer) for variant in variants]
    theirs: list[float] = []
    ours: list[float] = []
    for _ in range(ROUNDS):
        # New texts in each round: nothing but stems may be remembered.
        pairs = [(_text(rng), _text(rng)) for _ in range(PAIRS)]
        cases = [
            (Completion(text=output), Sample(id="1", inputs={}, target=(target,))) for output, target in pairs
        ]
        expected, seconds = _timed(
            lambda pairs=pairs: [scorer.score(target, output) for output, target in pairs]
        )
        theirs.append(seconds)
        scores, seconds = _timed(
            lambda cases=cases: [[m.score(*case).counts[0] for m in metrics] for case in cases]
        )
        ours.append(seconds)
        for row, figures in zip(expected, scores, strict=True):
            for variant, figure in zip(variants, figures, strict=True):
                if abs(row[variant].fmeasure - figure) > 1e-12:
                    raise SystemExit(f"{variant} differs: {row[variant].fmeasure} and {figure}")
    _print_row(label, statistics.median(theirs) / PAIRS, statistics.median(ours) / PAIRS)


def _print_bleu(rng: random.Random) -> None:
    outputs = [_sentence(rng) for _ in range(CORPUS)]
    targets = [_sentence(rng) for _ in range(CORPUS)]
    metric = Bleu()
    cases = [
        (Completion(text=output), Sample(id=str(row), inputs={}, target=(target,)))
        for row, (output, target) in enumerate(zip(outputs, targets, strict=True))
    ]
    counted, counting = _timed(lambda: np.array([metric.score(*case).counts for case in cases]))
    expected, theirs = _timed(lambda: BLEU().corpus_score(outputs, [targets]).score)
    ours = []
    for _ in range(ROUNDS):
        figure, seconds = _timed(
            lambda: float(metric.combine(counted.sum(axis=0), np.asarray(float(CORPUS))))
        )
        ours.append(seconds)
        if abs(figure - expected) > 1e-9:
            raise SystemExit(f"BLEU differs: {expected} and {figure}")
    _print_row(f"corpus BLEU, N={CORPUS:,}", theirs, statistics.median(ours))
    _print_row("  counting, a sample", theirs / CORPUS, counting / CORPUS)


def _text(rng: random.Random) -> str:
    """Return about 200 words in sentences of about 20, one a line."""
    return "\n".join(_sentence(rng) for _ in range(WORDS // 20))


def _sentence(rng: random.Random) -> str:
    return " ".join(rng.choices(_VOCABULARY, _FREQUENCIES, k=rng.randint(15, 25))) + "."


def _vocabulary(rng: random.Random) -> list[str]:
    return [
        "".join(rng.choices(_SYLLABLES, k=rng.randint(1, 3))) + rng.choice(_ENDINGS) for _ in range(5_000)
    ]


def _print_row(label: str, theirs: float, ours: float) -> None:
    print(f"{label:28}{theirs * 1e3:14.3f}{ours * 1e3:14.3f}{theirs / ours:8.1f}x")


def _timed(work: Callable[[], Answer]) -> tuple[Answer, float]:
    start = time.process_time()
    answer = work()
    return answer, time.process_time() - start


_VOCABULARY = _vocabulary(random.Random(1))
_FREQUENCIES = [1 / rank for rank in range(1, len(_VOCABULARY) + 1)]
"""Zipf's law: a few words make up half of a text, as in English."""

if __name__ == "__main__":
    main()
