"""ROUGE against rouge-score 0.1.2, its published cases and the paper's."""

from __future__ import annotations

import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from promptops.metrics._sentences import split_sentences
from promptops.metrics.rouge import MOST_LETTERS_LOST, Rouge, Variant
from promptops.types import Completion, Sample, Score

VARIANTS: tuple[Variant, ...] = ("rouge1", "rouge2", "rougeL", "rougeLsum")
ORACLES = {stemmer: RougeScorer(list(VARIANTS), use_stemmer=stemmer) for stemmer in (False, True)}

SPELLED = (
    "the the the a a cat cats sat on mat dogs running ran run happily Happy relational 12 x1 don't e-mail Σ "
    "“quoted” — U.S. \n \n İstanbul \u212a ﬁne"
)
WORDS = st.sampled_from(SPELLED.split(" "))
LINES = st.lists(WORDS, max_size=40).map(" ".join)


def score(output: str, *targets: str, **options: object) -> Score:
    return Rouge.model_validate(options).score(
        Completion(text=output), Sample(id="1", inputs={}, target=targets)
    )


def figure(output: str, *targets: str, **options: object) -> float:
    scored = score(output, *targets, **options)
    assert scored.unscored is None
    return scored.counts[0]


@pytest.mark.parametrize("stemmer", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=150)
@given(output=LINES, target=LINES)
def test_texts_with_lines_score_as_in_rouge_score(
    variant: Variant, stemmer: bool, output: str, target: str
) -> None:
    output, target = (
        f"{output}\n",
        f"{target}\n",
    )  # without a line break, sentences would be split by our rule
    scored = score(output, target, variant=variant, stemmer=stemmer)
    assume(scored.unscored is None)
    assert scored.counts[0] == pytest.approx(
        ORACLES[stemmer].score(target, output)[variant].fmeasure, abs=1e-12
    )


@pytest.mark.parametrize("wanted", [500, pytest.param(5_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("stemmer", [False, True])
def test_random_pairs_score_as_in_rouge_score(stemmer: bool, wanted: int) -> None:
    """Half of them with stems, half without: words that repeat, unicode, and texts that are empty."""
    chance, pairs = random.Random(f"rouge {stemmer}"), 0
    metrics = {each: Rouge(variant=each, stemmer=stemmer) for each in VARIANTS}
    words = [*SPELLED.split(" "), "", "é", "日本", "🦜", "naïve", "_", "the"]
    while pairs < wanted:
        output, target = (
            f"{' '.join(chance.choices(words, k=min(chance.randrange(30), chance.randrange(30))))}\n"
            for _ in range(2)
        )
        sample, completion = Sample(id="1", inputs={}, target=(target,)), Completion(text=output)
        found = {each: metric.score(completion, sample) for each, metric in metrics.items()}
        if any(scored.unscored for scored in found.values()):
            continue  # too many letters that the tokenizer would drop
        pairs += 1
        expected = ORACLES[stemmer].score(target, output)
        for variant, scored in found.items():
            assert scored.counts[0] == pytest.approx(expected[variant].fmeasure, abs=1e-12), (output, target)


@settings(max_examples=150)
@given(
    output=st.text(alphabet=st.characters(codec="utf-8"), max_size=60),
    target=st.text("aebc .\né", max_size=60),
)
def test_any_characters_score_as_in_rouge_score_or_are_refused(output: str, target: str) -> None:
    for variant in VARIANTS:
        lines = (f"{output}\n", f"{target}\n")
        scored = score(*lines, variant=variant)
        if scored.unscored is None:
            expected = ORACLES[True].score(lines[1], lines[0])[variant].fmeasure
            assert scored.counts[0] == pytest.approx(expected, abs=1e-12)
        else:
            letters = [letter for letter in (output + target).lower() if letter.isalpha()]
            assert sum(letter > "\x7f" for letter in letters) > MOST_LETTERS_LOST * len(letters)


@settings(max_examples=100)
@given(output=LINES, targets=st.lists(LINES, min_size=1, max_size=3))
def test_several_targets_give_the_best_as_in_rouge_score(output: str, targets: list[str]) -> None:
    scored = score(output, *targets, variant="rouge1")
    assume(scored.unscored is None)
    expected = ORACLES[True].score_multi(targets, output)["rouge1"].fmeasure
    assert scored.counts[0] == pytest.approx(expected, abs=1e-12)


def test_several_targets_can_give_the_mean() -> None:
    assert figure("one two", "one two", "three four", references="mean") == 0.5


# rouge_score/rouge_scorer_test.py
@pytest.mark.parametrize(
    ("variant", "target", "output", "expected"),
    [
        ("rouge1", "testing one two", "testing", 0.5),
        ("rouge1", "", "testing", 0.0),
        ("rouge1", "testing one two", "", 0.0),
        ("rouge2", "testing one two", "testing one", 2 / 3),
        ("rouge2", "testing one two", "testing", 0.0),
        ("rougeL", "testing one two", "testing", 0.5),
        ("rougeL", "testing one two", "two one testing", 1 / 3),
        ("rougeLsum", "w1 w2 w3 w4 w5", "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", 2 * 0.8 * 0.4 / 1.2),
    ],
)
def test_published_cases_of_rouge_score(variant: Variant, target: str, output: str, expected: float) -> None:
    assert figure(output, target, variant=variant, stemmer=False) == pytest.approx(expected, abs=1e-12)


# Lin (2004), section 3.1: ROUGE-L tells two candidates apart that have the same pairs of words.
@pytest.mark.parametrize(
    ("output", "expected"), [("police kill the gunman", 0.75), ("the gunman kill police", 0.5)]
)
def test_the_example_of_the_paper(output: str, expected: float) -> None:
    assert figure(output, "police killed the gunman", stemmer=False) == expected


def test_stemming_joins_forms_of_a_word_only_in_english() -> None:
    assert figure("he was running", "he was runs", variant="rouge1") == 1.0
    assert figure("he was running", "he was runs", variant="rouge1", stemmer=False) < 1.0
    assert figure("he was running", "he was runs", variant="rouge1", language="nl") < 1.0


def test_words_that_the_target_lacks_keep_their_place_in_the_union() -> None:
    # From "x" the walk goes up and finds the first "b"; without it both lines would find the second one.
    target, output = "b b\n", "b x\nb"
    assert ORACLES[False].score(target, output)["rougeLsum"].fmeasure == pytest.approx(0.8)
    assert figure(output, target, variant="rougeLsum", stemmer=False) == pytest.approx(0.8, abs=1e-12)


def test_a_text_without_lines_is_split_into_sentences() -> None:
    target = "The cat sat on the mat. Dr. Who slept! Then it rained."
    output = "It rained. The cat slept."
    split = ["\n".join(split_sentences(text)) for text in (target, output)]
    expected = ORACLES[True].score(*split)["rougeLsum"].fmeasure
    assert figure(output, target, variant="rougeLsum") == pytest.approx(expected, abs=1e-12)
    assert expected != ORACLES[True].score(target, output)["rougeLsum"].fmeasure


@pytest.mark.parametrize("variant", VARIANTS)
def test_texts_that_the_english_tokenizer_would_empty_are_unscored_never_zero(variant: Variant) -> None:
    scored = score("今天天气很好", "今天天气很好", variant=variant)
    assert scored.counts == ()
    assert scored.unscored is not None
    assert "100%" in scored.unscored
    assert "language" in scored.unscored


def test_mixed_scripts_are_refused_because_what_is_left_would_be_equal() -> None:
    assert score("GPT 今天天气很好", "GPT 明天有雨", variant="rougeL").unscored is not None


def test_a_few_accents_and_typographic_marks_are_scored() -> None:
    assert (
        figure("The café — “nice” and cheap, said everyone", "The café: nice and cheap, said everyone") == 1.0
    )


def test_a_target_without_english_letters_is_refused_before_anything_is_spent() -> None:
    why = Rouge().check(Sample(id="1", inputs={}, target=("今天天气很好",)))
    assert why is not None
    assert "language" in why
    assert Rouge(language="zh").check(Sample(id="1", inputs={}, target=("今天天气很好",))) is None


@pytest.mark.parametrize(
    ("language", "output", "target", "expected"),
    [
        ("zh", "今天天气很好", "今天天气很好", 1.0),
        ("zh-Hans", "今天天气好", "今天天气很好", 2 * 5 / 11),
        ("ru", "кошка спит", "Кошка СПИТ!", 1.0),
        ("hi", "हिन्दी भाषा", "हिन्दी लिपि", 0.5),
        ("ar", "القطة نائمة", "القطة جائعة", 0.5),
        ("th", "แมวนอน", "แมวนอน", 1.0),
    ],
)
def test_other_languages_have_a_tokenizer(language: str, output: str, target: str, expected: float) -> None:
    assert figure(output, target, variant="rouge1", language=language) == pytest.approx(expected)


def test_the_signature_names_tokenizer_stems_and_sentences() -> None:
    assert "tokenizer:rouge-score 0.1.2" in Rouge().signature
    assert "stems:nltk porter" in Rouge().signature
    assert "tokenizer:unicode words" in Rouge(language="zh").signature
    assert "stems:none" in Rouge(language="zh").signature
    assert "sentences:at newlines, else own-1" in Rouge(variant="rougeLsum").signature
    assert "sentences:" not in Rouge().signature
