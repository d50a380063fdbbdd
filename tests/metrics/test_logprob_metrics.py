"""What is measured on the answers' own log-probabilities, without a judge."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from pydantic import ValidationError

from promptops.metrics import Metric
from promptops.metrics.low_confidence import LowConfidence
from promptops.metrics.mean_logprob import MeanLogprob
from promptops.metrics.perplexity import Perplexity
from promptops.types import Completion, Sample, Score, TokenLogprob
from tests.made import Folder, questions

SAMPLE = Sample(id="a", inputs={})
KINDS = (MeanLogprob(), Perplexity(), LowConfidence())


def answer(**probabilities: float | None) -> Completion:
    tokens = tuple(
        TokenLogprob(token=f"{text} ", logprob=None if p is None else math.log(p))
        for text, p in probabilities.items()
    )
    return Completion(text="".join(token.token for token in tokens), logprobs=tokens)


def figure(metric: Metric, *answers: Completion) -> float:
    counts = np.array([metric.score(each, SAMPLE).counts for each in answers])
    return float(metric.combine(counts.sum(axis=0), np.asarray(float(len(answers)))))


def test_the_mean_counts_each_answer_the_same_and_perplexity_each_token() -> None:
    short, long = answer(a=0.5), answer(a=0.25, b=0.25, c=0.25)
    assert figure(MeanLogprob(), short, long) == pytest.approx((math.log(0.5) + math.log(0.25)) / 2)
    # By hand: two to the mean of bits over four tokens, (1 + 3 * 2) / 4.
    assert figure(Perplexity(), short, long) == pytest.approx(2 ** (7 / 4))
    assert figure(Perplexity(), answer(a=1.0)) == 1.0


def test_neighbours_that_are_unsure_make_one_span_and_the_least_sure_stands_first() -> None:
    found = LowConfidence().score(answer(In=0.9, Paris=0.19, France=0.1, in_=0.95, May=0.05), SAMPLE)
    assert found.counts == (pytest.approx(3 / 5),)
    assert found.evidence["spans"] == [
        {"text": "May ", "probability": pytest.approx(0.05)},
        {"text": "Paris France ", "probability": pytest.approx(0.1)},
    ]
    assert found.reason == 'Unsure of "May " (0.05), "Paris France " (0.1).'
    assert LowConfidence(threshold=0.07).score(answer(a=0.06, b=0.08), SAMPLE).counts == (0.5,)
    assert LowConfidence().score(answer(a=0.2), SAMPLE) == Score.of(0.0, tokens=1, spans=[])


def test_a_character_of_several_tokens_is_shown_whole() -> None:
    halves = tuple(
        TokenLogprob(token="?", logprob=-9.0, bytes=part) for part in ((0xF0, 0x9F), (0x98, 0x80), (0xE2,))
    )
    found = LowConfidence().score(Completion(text="x", logprobs=halves), SAMPLE)
    assert found.evidence["spans"] == [{"text": "\U0001f600\ufffd", "probability": math.exp(-9)}]


def test_a_token_of_which_only_very_unlikely_is_known_is_unsure_and_has_no_mean() -> None:
    odd = answer(a=0.5, b=None)
    assert LowConfidence().score(odd, SAMPLE).evidence["spans"] == [{"text": "b ", "probability": 0.0}]
    for metric in (MeanLogprob(), Perplexity()):
        assert str(metric.score(odd, SAMPLE).unscored).startswith("of 1 of 2 tokens the server says no more")


@pytest.mark.parametrize("metric", KINDS, ids=lambda metric: type(metric).__name__)
def test_an_answer_without_them_is_unscored_with_what_to_do(metric: Metric) -> None:
    told = str(metric.score(Completion(text="Yes."), SAMPLE).unscored)
    assert "`logprobs: true`" in told
    assert "empty" in str(metric.score(Completion(text=""), SAMPLE).unscored)
    unread = Completion(text="Yes.", raw={"unread_logprobs": "token 1 has no text"})
    assert str(metric.score(unread, SAMPLE).unscored).endswith("can't be read: token 1 has no text")


def test_a_threshold_is_a_probability() -> None:
    for wrong in (0, 1, -0.7):
        with pytest.raises(ValidationError):
            LowConfidence(threshold=wrong)


def test_a_run_shows_figures_and_spans_and_is_made_again_from_the_store(folder: Folder) -> None:
    token = {"token": "Perhaps", "logprob": math.log(0.125)}
    folder.write("script.json", json.dumps({"*": {"text": "Perhaps", "logprobs": [token]}}))
    metrics = "".join(
        f'[metrics.{name}]\nmetric = "{name}"\n' for name in ("mean_logprob", "perplexity", "low_confidence")
    )
    folder.evalset("numbers", questions(2), f'format = 1\n[card]\ndescription = "made"\n{metrics}')
    folder.write(
        "told.prompt.yaml",
        "messages:\n  - {role: user, content: '{{ question }}'}\nparameters: {logprobs: true}\n",
    )
    folder.prompt("plain", "{{ question }}")
    arguments = ("-m", "mock/script:script.json", "--json")
    done = json.loads(folder.run("eval", "numbers", "-p", "told.prompt.yaml", *arguments).stdout)
    figures = {row["label"]: row["value"] for row in done["runs"][0]["estimates"] if row["slice"] is None}
    assert figures == {
        "mean_logprob": pytest.approx(math.log(0.125)),
        "perplexity": pytest.approx(8.0),
        "low_confidence": 1.0,
    }
    assert 'Unsure of "Perhaps" (0.13)' in folder.run("show", "latest", "q000").stdout
    assert folder.json("replay", "latest")["replay"]["outcome"] == "equal"
    folder.run("eval", "numbers", "-p", "plain.prompt.yaml", "-m", "mock/script:script.json")
    assert "ask for them by `logprobs: true`" in folder.run("show", "latest", "q000").stdout
