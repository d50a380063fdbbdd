"""BLEU against sacrebleu and its published example."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sacrebleu.metrics.bleu import BLEU

from promptops.metrics.bleu import Bleu
from promptops.types import Completion, Sample

# README of sacrebleu: three outputs, two references each.
OUTPUTS = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
REFERENCES = [
    ["The dog bit the man.", "It was not unexpected.", "The man bit him first."],
    ["The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."],
]

SPELLED = "the The cat sat on a mat, mat. -\n &amp; 3.14 1,000 don't 猫 坐 é “ x\t"
WORDS = st.sampled_from(SPELLED.split(" "))
TEXTS = st.lists(WORDS, max_size=14).map(" ".join)
CORPORA = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=6)


def counts(metric: Bleu, output: str, *targets: str) -> tuple[float, ...]:
    scored = metric.score(Completion(text=output), Sample(id="1", inputs={}, target=targets))
    assert scored.unscored is None
    return scored.counts


def corpus(metric: Bleu, outputs: list[str], references: list[list[str]]) -> float:
    rows = [counts(metric, *texts) for texts in zip(outputs, *references, strict=True)]
    return float(metric.combine(np.sum(rows, axis=0), np.asarray(float(len(rows)))))


def test_the_published_example_of_sacrebleu() -> None:
    assert corpus(Bleu(), OUTPUTS, REFERENCES) == pytest.approx(48.530827009929865, abs=1e-9)


@settings(max_examples=150)
@given(rows=CORPORA, tokenize=st.sampled_from(["13a", "intl", "zh", "char", "none"]), lowercase=st.booleans())
def test_corpus_bleu_equals_sacrebleu(
    rows: list[tuple[str, str, str]], tokenize: str, lowercase: bool
) -> None:
    outputs, first, second = (list(column) for column in zip(*rows, strict=True))
    metric = Bleu.model_validate({"tokenize": tokenize, "lowercase": lowercase})
    oracle = BLEU(tokenize=tokenize, lowercase=lowercase, force=True)
    expected = oracle.corpus_score(outputs, [first, second]).score
    assert corpus(metric, outputs, [first, second]) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=150)
@given(output=TEXTS, targets=st.lists(TEXTS, min_size=1, max_size=3))
def test_a_samples_own_value_is_sentence_bleu_with_effective_order(output: str, targets: list[str]) -> None:
    scored = Bleu().score(Completion(text=output), Sample(id="1", inputs={}, target=tuple(targets)))
    expected = BLEU(effective_order=True).sentence_score(output, targets).score
    assert Bleu().value(scored) == pytest.approx(expected, abs=1e-9)


def test_many_resamples_are_combined_at_once() -> None:
    rng = np.random.default_rng(7)
    rows = np.array([counts(Bleu(), *texts) for texts in zip(OUTPUTS, *REFERENCES, strict=True)])
    weights = rng.multinomial(3, [1 / 3] * 3, size=(4, 50)).astype(np.float64)
    figures = Bleu().combine(weights @ rows, weights.sum(axis=-1))
    assert figures.shape == (4, 50)
    for weight, figure in zip(weights.reshape(-1, 3), figures.reshape(-1), strict=True):
        stats = [int(total) for total in weight @ rows]
        expected = BLEU.compute_bleu(stats[2:6], stats[6:], stats[0], stats[1], smooth_method="exp").score
        assert figure == pytest.approx(expected, abs=1e-9)


def test_the_signature_holds_sacrebleus_own_with_its_version() -> None:
    oracle = BLEU()
    oracle.corpus_score(["a b", "c"], [["a b", "c"], ["a", None]])  # a varying number of references
    assert oracle.get_signature().format() in Bleu().signature
    assert f"version:{sacrebleu.__version__}" in Bleu().signature
    assert "tok:13a" in Bleu().signature


@pytest.mark.parametrize(
    ("language", "tokenizer"),
    [("en", "13a"), ("zh", "zh"), ("zh-Hant-TW", "zh"), ("ja", "char"), ("de", "13a")],
)
def test_the_language_chooses_the_tokenizer_unless_it_is_given(language: str, tokenizer: str) -> None:
    assert f"tok:{tokenizer}|" in Bleu(language=language).signature
    assert "tok:intl|" in Bleu(language=language, tokenize="intl").signature


@pytest.mark.parametrize("tokenize", ["spm", "flores101", "flores200", "spBLEU-1K", "ja-mecab", "ko-mecab"])
def test_tokenizers_that_need_a_download_are_refused(tokenize: str) -> None:
    with pytest.raises(ValidationError, match="download"):
        Bleu.model_validate({"tokenize": tokenize})


@pytest.mark.parametrize("tokenize", ["moses", "", 13, ["13a"]])
def test_tokenizers_that_do_not_exist_are_refused(tokenize: object) -> None:
    with pytest.raises(ValidationError, match="13a"):
        Bleu.model_validate({"tokenize": tokenize})


def test_scoring_many_samples_does_not_fill_sacrebleus_caches() -> None:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

    caches = [Tokenizer13a.__call__, TokenizerRegexp.__call__]
    before = [cache.cache_info().currsize for cache in caches]
    for row in range(50):
        counts(Bleu(), f"output {row}", f"target {row}")
    assert [cache.cache_info().currsize for cache in caches] == before
