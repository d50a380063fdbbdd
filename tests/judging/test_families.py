"""Which models are kin, and what is said of a judge that judges its own."""

from __future__ import annotations

import pytest

from promptops.judging.families import families_of, kinship


@pytest.mark.parametrize(
    ("model", "families"),
    [
        ("openai/gpt-4o-mini-2024-07-18", {"gpt"}),
        ("openai/o3-mini", {"gpt"}),
        ("openai/chatgpt-4o-latest", {"gpt"}),
        ("near/openai/gpt-oss-120b", {"gpt"}),
        ("anthropic/claude-sonnet-4", {"claude"}),
        ("bedrock/us.anthropic.claude-3-5-haiku", {"claude"}),
        ("google/gemini-2.5-pro", {"gemini"}),
        ("ollama/gemma2:9b", {"gemini"}),
        ("near/meta-llama/Meta-Llama-3.1-8B-Instruct", {"llama"}),
        ("near/mistralai/Mixtral-8x7B", {"mistral"}),
        ("ollama/qwen2.5:7b", {"qwen"}),
        ("near/deepseek-ai/DeepSeek-R1-Distill-Llama-8B", {"deepseek", "llama"}),
        ("near/microsoft/phi-4", {"phi"}),
        ("xai/grok-3", {"grok"}),
        ("near/EleutherAI/gpt-neox-20b", set()),
        ("near/o1x", set()),
        ("near/dolphin", set()),
        ("near/my-judge", set()),
        ("replay/gpt-4o.jsonl", set()),
        ("mock/constant:claude", set()),
        ("offline/overlap", set()),
    ],
)
def test_a_name_tells_the_family(model: str, families: set[str]) -> None:
    assert families_of(model) == families


def test_a_judge_of_its_own_kind_is_named() -> None:
    [told] = kinship("quality", ["openai/gpt-4o"], ["openai/gpt-4o-mini", "near/qwen3"])
    assert told.startswith("quality: the judge openai/gpt-4o is of one family (gpt) with openai/gpt-4o-mini;")
    [told] = kinship("quality", ["near/gpt-4o"], ["openai/GPT-4o", "openai/gpt-4o-mini"])
    assert told.startswith("quality: near/gpt-4o judges its own answers;")
    [told] = kinship("quality", ["near/unheard-of"], ["near/unheard-of"])
    assert "judges its own answers" in told


@pytest.mark.parametrize(
    ("judge", "answerer"),
    [
        ("anthropic/claude-opus-4", "openai/gpt-4o"),
        ("near/one", "near/other"),
        ("near/one", "far/one"),
        ("mock/echo", "mock/echo"),
        ("offline/overlap", "offline/extractive"),
        ("replay/claude.jsonl", "openai/claude"),
    ],
)
def test_of_others_nothing_is_said(judge: str, answerer: str) -> None:
    assert kinship("quality", [judge], [answerer]) == ()
