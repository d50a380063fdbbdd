"""Answers without content that judges are known to reward: told before any judge is asked.

The "master keys" of "One Token to Fool LLM-as-a-Judge" (arXiv 2507.08794): punctuation, and openers of
reasoning that announce an answer and give none, in several languages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_OPENERS = frozenset(
    {
        "answer",
        "final answer",
        "let me think",
        "let us solve this problem step by step",
        "lets solve this problem step by step",
        "lets think step by step",
        "lets think",
        "reasoning",
        "solution",
        "the answer is",
        "thought process",
        "thinking process",
        "step by step solution",
        "here is the answer",
        "loesung",
        "losung",
        "antwort",
        "respuesta",
        "solucion",
        "reponse",
        "solution finale",
        "risposta",
        "resposta",
        "otvet",
        "ответ",
        "решение",
        "解",
        "答案",
        "解答",
        "かいせつ",
        "解説",
        "答え",
        "let us go through this step by step",
        "denken wir schritt fur schritt",
        "reflechissons etape par etape",
        "vamos pensar passo a passo",
        "ragioniamo passo dopo passo",
        "laten we dit stap voor stap bekijken",
        "rozwiazmy to krok po kroku",
        "даваите рассуждать шаг за шагом",
        "adım adım dusunelim",
        "لنفكر خطوة بخطوة",
        "आइए चरण दर चरण स च",
        "让我们一步一步地思考",
        "一歩すつ考えてみましょう",
        "단계별로 생각해 봅시다",
        "정답",
        "풀이",
    }
)


def is_content_free(text: str, references: Sequence[str] = ()) -> bool:
    """Tell whether an answer says nothing: punctuation alone, or the opener of an answer that never comes.

    Where that is just what a reference says, it is an answer.
    """
    if not text.strip() or text.strip() in {reference.strip() for reference in references}:
        return False
    return _words(text) in _OPENERS or not _words(text)


def _words(text: str) -> str:
    """Return the letters and digits of a text, without accents, marks and repeated spaces, in lower case."""
    bare = unicodedata.normalize("NFKD", text).replace("'", "").replace("\u2019", "")
    kept = "".join(
        letter if unicodedata.category(letter)[0] in "LNS" else " "
        for letter in bare
        if not unicodedata.combining(letter)
    )
    # Marks of headings are symbols only in name; other symbols (an emoji, a currency) say something.
    said = unicodedata.normalize("NFC", re.sub(r"[`^~<>|=+]", " ", kept))
    return re.sub(r"\s+", " ", said).strip().casefold()
