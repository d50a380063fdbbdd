"""Which models are of one family, by their names: a judge tends to prefer answers that sound like its own."""

from __future__ import annotations

import re
from collections.abc import Iterable

FAMILIES: dict[str, str] = {
    "gpt": r"gpt(?!-?(?:neo|j))|o[1-9](?=[-:.@]|$)|chatgpt|(?:text|code)-davinci",
    "claude": r"claude",
    "gemini": r"gemini|gemma|codegemma|palm-?2",
    "llama": r"(?:code)?llama|vicuna|alpaca",
    "mistral": r"mistral|mixtral|ministral|magistral|codestral|devstral|pixtral",
    "qwen": r"(?:code)?qwen|qwq|qvq",
    "deepseek": r"deepseek",
    "phi": r"phi(?=[-:.@\d]|$)",
    "command": r"command(?=[-:.@]|$)|aya(?=[-:.@]|$)|c4ai",
    "grok": r"grok",
    "glm": r"(?:chat)?glm",
    "yi": r"yi(?=[-:.@]|$)",
    "kimi": r"kimi|moonshot",
    "nova": r"nova(?=[-:.@]|$)",
    "granite": r"granite",
    "olmo": r"olmo|tulu",
    "falcon": r"falcon",
    "jamba": r"jamba",
    "nemotron": r"nemotron",
    "minimax": r"minimax|abab",
}
"""By the family's name what a model's name holds, at the beginning of a word of it. A distilled model has the
families of both (`DeepSeek-R1-Distill-Llama-8B`)."""

NAMELESS = frozenset({"command", "mock", "offline", "python", "replay"})
"""Providers whose models are named after files and rules, which say nothing of who answers."""

_BEGINS = r"(?:^|[^a-z0-9])"
_PATTERNS = {name: re.compile(f"{_BEGINS}(?:{holds})") for name, holds in FAMILIES.items()}

SOURCE = "judges tend to prefer answers of their own kind (Panickssery et al. 2024, arXiv 2404.13076)"


def families_of(model: str) -> frozenset[str]:
    """Return the families that a model, written `provider/model`, is of; none where its name tells none."""
    provider, _, own = model.casefold().partition("/")
    if provider in NAMELESS:
        return frozenset()
    # The last part names the model; those before it say who serves it or made it.
    return frozenset(name for name, pattern in _PATTERNS.items() if pattern.search(own.rpartition("/")[2]))


def kinship(label: str, judges: Iterable[str], answerers: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence for each model of a judge that is of one family with a model that it judges.

    The same model is the closest of kin. Reports, refuses nothing.
    """
    told: list[str] = []
    others = tuple(dict.fromkeys(answerers))
    for judge in dict.fromkeys(judges):
        same = [other for other in others if _same(judge, other)]
        kin = [other for other in others if families_of(judge) & families_of(other) and other not in same]
        if same:
            told.append(
                f"{label}: {judge} judges its own answers; {SOURCE}. Have a model of another family judge."
            )
        elif kin:
            family = " and ".join(sorted(families_of(judge) & families_of(kin[0])))
            told.append(
                f"{label}: the judge {judge} is of one family ({family}) with {', '.join(kin)}; {SOURCE}."
            )
    return tuple(told)


def _same(judge: str, other: str) -> bool:
    """Tell whether two names are of one model; who serves it is no matter where its name tells a family."""
    one, two = judge.casefold(), other.casefold()
    if one.partition("/")[0] in NAMELESS or two.partition("/")[0] in NAMELESS:
        return False
    return one == two or (bool(families_of(judge)) and one.rpartition("/")[2] == two.rpartition("/")[2])
