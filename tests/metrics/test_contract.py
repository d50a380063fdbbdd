"""What every metric in the folder must do; a new file is tested by being there."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from pydantic import ValidationError

from promptops import plugins
from promptops.metrics import Metric
from promptops.types import Completion, Sample, Score, TokenLogprob

NAMES = plugins.names("metrics")

TEXT_TARGET = Sample(
    id="text",
    inputs={},
    target=("The cat sat on the mat.", "A cat was sitting there."),
    metadata={"original": "The cat stood there."},
)
OBJECT_TARGET = Sample(
    id="object",
    inputs={},
    target=({"name": "Ada", "born": 1815, "tags": ["a", "b"]},),
    metadata={"original": "Ada, born in 1815."},
)
EMPTY_TARGET = Sample(id="empty", inputs={}, target=("",), metadata={"original": "The cat stood there."})
SAMPLES = (TEXT_TARGET, OBJECT_TARGET, EMPTY_TARGET)

OUTPUTS = {
    "equal": "The cat sat on the mat.",
    "near": "the cat is on a mat today",
    "other": "Nothing of the kind was seen by anyone in 1999.",
    "json": '{"name": "Ada", "born": 1815, "tags": ["a", "c"]}',
    "fenced": '```json\n{"name": "Ada"}\n```',
    "empty": "",
    "spaces": " \n\t ",
    "long": "The cat sat. " * 769 + "yes",
    "long word": "a" * 10_000,
    "chinese": "猫坐在垫子上。它睡着了！",
    "arabic": "جلست القطة على الحصيرة.",
    "emoji": "🐈‍⬛ 👍🏽 🇫🇷",
    "control": "a\x00b\x07c\x1b[31m\u2028\u202e\ufeff",
    "nested": "[" * 9_999,
}


def metric(name: str) -> Metric:
    return plugins.find("metrics", name, Metric).example()


def scores(name: str, sample: Sample) -> dict[str, Score]:
    """Score every output, or skip where the metric says that it can't score the sample."""
    chosen = metric(name)
    why = chosen.check(sample)
    if why is not None:
        assert why.strip()
        pytest.skip(f"{name}: sample {sample.id} {why}")
    return {
        label: chosen.score(
            Completion(
                text=text,
                seconds=0.25,
                ttft=0.1,
                cost=0.001,
                tokens_in=7,
                tokens_out=12,
                logprobs=(TokenLogprob(token=text, logprob=-0.5 - len(text) / 1e4),),
            ),
            sample,
        )
        for label, text in OUTPUTS.items()
    }


def test_the_folder_holds_the_metrics_that_the_pages_promise() -> None:
    promised = "exact contains regex f1 rouge bleu chrf ter json_valid json_schema json_fields length"
    assert {*promised.split(), "latency", "cost", "tokens"} <= set(NAMES)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
@pytest.mark.parametrize("name", NAMES)
def test_any_output_gets_finite_counts_of_one_length_or_a_reason(name: str, sample: Sample) -> None:
    lengths = set()
    for score in scores(name, sample).values():
        assert isinstance(score, Score)
        if score.unscored is not None:
            assert score.unscored.strip()
            assert score.counts == ()
        else:
            assert np.isfinite(score.counts).all()
            lengths.add(len(score.counts))
    assert len(lengths) == 1
    assert 0 not in lengths


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
@pytest.mark.parametrize("name", NAMES)
def test_values_lie_within_the_declared_range(name: str, sample: Sample) -> None:
    chosen = metric(name)
    for score in scores(name, sample).values():
        value = chosen.value(score)
        if score.unscored is not None:
            assert value is None
        else:
            assert value is not None
            assert chosen.low is None or value >= chosen.low
            assert chosen.high is None or value <= chosen.high


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
@pytest.mark.parametrize("name", NAMES)
def test_combining_one_output_gives_its_own_value_unless_the_metric_is_of_the_corpus(
    name: str, sample: Sample
) -> None:
    chosen = metric(name)
    for score in scores(name, sample).values():
        if score.unscored is None and not chosen.corpus:
            figure = chosen.combine(np.asarray(score.counts), np.asarray(1.0))
            assert float(figure) == chosen.value(score)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
@pytest.mark.parametrize("name", NAMES)
def test_counts_add_up_to_figures_within_the_range(name: str, sample: Sample) -> None:
    chosen = metric(name)
    counts = np.array([score.counts for score in scores(name, sample).values() if score.unscored is None])
    running = np.cumsum(counts, axis=0)
    n = np.arange(1.0, len(counts) + 1)
    figures = chosen.combine(running, n)
    assert figures.shape == n.shape
    scored = figures[~np.isnan(figures)]
    assert np.isfinite(scored).all()
    assert (scored >= (-np.inf if chosen.low is None else chosen.low)).all()
    assert (scored <= (np.inf if chosen.high is None else chosen.high)).all()
    one_by_one = [
        float(chosen.combine(total, np.asarray(size))) for total, size in zip(running, n, strict=True)
    ]
    np.testing.assert_array_equal(figures, one_by_one)


@pytest.mark.parametrize("name", NAMES)
def test_no_outputs_give_no_figure(name: str) -> None:
    chosen = metric(name)
    width = next(
        len(score.counts)
        for sample in SAMPLES
        if chosen.check(sample) is None
        for text in OUTPUTS.values()
        if (
            score := chosen.score(
                Completion(
                    text=text,
                    seconds=1.0,
                    ttft=0.1,
                    cost=1.0,
                    tokens_out=1,
                    logprobs=(TokenLogprob(token=text, logprob=-0.5),),
                ),
                sample,
            )
        ).counts
    )
    assert np.isnan(chosen.combine(np.zeros((3, width)), np.zeros(3))).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_signature_is_one_stable_line_that_names_the_metric(name: str) -> None:
    signature = metric(name).signature
    assert signature == metric(name).signature
    assert len(signature.splitlines()) == 1
    assert signature.startswith(f"{name}|")


@pytest.mark.parametrize("name", NAMES)
def test_options_come_back_from_the_record(name: str) -> None:
    chosen = metric(name)
    record = chosen.record("label", name)
    again = type(chosen).model_validate(record.options)
    assert again == chosen
    assert again.signature == record.signature
    assert record.unit == chosen.unit
    assert record.corpus == chosen.corpus


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused(name: str) -> None:
    chosen = metric(name)
    with pytest.raises(ValidationError, match="no_such_option"):
        type(chosen).model_validate({**chosen.model_dump(exclude_defaults=True), "no_such_option": 1})


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_without_target_is_refused_before_anything_is_spent_if_targets_are_needed(name: str) -> None:
    chosen = metric(name)
    if chosen.needs_target:
        assert chosen.check(Sample(id="none", inputs={}))


@pytest.mark.parametrize("name", NAMES)
def test_the_first_line_of_the_file_says_what_is_measured(name: str) -> None:
    line = plugins.summary("metrics", name)
    assert 20 < len(line) <= 110
    assert inspect.getdoc(plugins.find("metrics", name, Metric))


@pytest.mark.parametrize("name", [name for name in NAMES if "language" in type(metric(name)).model_fields])
def test_the_language_is_english_unless_given(name: str) -> None:
    assert type(metric(name)).model_fields["language"].default == "en"
