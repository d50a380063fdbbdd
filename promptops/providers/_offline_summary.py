"""A summary made of the text's own sentences: the first ones, or those that cover it best.

The classic extractive summary: words that are frequent in the text make its centroid, sentences are
ranked by what they hold of it, and the text is walked in as many stretches as there are sentences.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from promptops.providers._offline_wishes import Wishes
from promptops.providers._offline_words import count_words, keys, sentences

DEFAULT_SENTENCES = 3

_QUOTE = re.compile(r"[\"“”«»„「」]")
_ASIDE = re.compile(r"\s*\([^()]*\)|\s+[–—]\s+[^–—]*\s+[–—](?=\s)")
_CLAUSE = re.compile(
    r",\s+(?:which|who|whose|where|while|although|because|after|but|with|according to|as)\b"
    r"(?:[^,]|(?<=\d),(?=\d))*(?=,(?!\d)|[.!?]?$)"
)
_CUT = re.compile(r"(?<!\d)[,;:](?!\d)|[，；、]|[,;:](?=\s)")


def summary_of(text: str, wishes: Wishes) -> str:
    """Summarise a text as the wishes say; by default with its first sentences."""
    every = sentences(text)
    usable = [sentence for sentence in every if not (wishes.no_quotes and _QUOTE.search(sentence))] or every
    if not usable:
        return text.strip()
    chosen = _chosen(usable, wishes)
    if wishes.words is not None:
        chosen = _within(chosen, wishes.words, spread=wishes.spread)
    if wishes.bullets is not None:
        return "\n".join(f"- {sentence}" for sentence in chosen)
    joined = _joined(chosen)
    return joined if wishes.signs is None or len(joined) <= wishes.signs else _cut_signs(joined, wishes.signs)


def best_sentence(text: str) -> str:
    """Return the sentence that holds most of the text's frequent words."""
    every = sentences(text)
    return every[_ranked(every)[0]] if every else text.strip()


def _chosen(usable: Sequence[str], wishes: Wishes) -> list[str]:
    limit = wishes.bullets or wishes.sentences
    if limit is None:
        limit = max(DEFAULT_SENTENCES, math.ceil(len(usable) / 2)) if wishes.spread else DEFAULT_SENTENCES
    limit = max(min(limit, len(usable)), min(wishes.least_sentences, len(usable)))
    if not wishes.spread or limit == len(usable):
        return list(usable[:limit])
    return [usable[at] for at in _spread(usable, limit)]


def _spread(usable: Sequence[str], count: int) -> list[int]:
    """Return the best sentence of each of `count` stretches of the text, in the text's order."""
    scores = _scores(usable)
    held: set[str] = set()
    picked: list[int] = []
    for stretch in range(count):
        first, beyond = round(stretch * len(usable) / count), round((stretch + 1) * len(usable) / count)
        best = max(range(first, beyond), key=lambda at: (_fresh(scores[at], usable[at], held), -at))
        held.update(keys(usable[best]))
        picked.append(best)
    return picked


def _fresh(score: float, sentence: str, held: set[str]) -> float:
    own = set(keys(sentence))
    return score * (1 - 0.7 * len(own & held) / max(len(own), 1))


def _ranked(every: Sequence[str]) -> list[int]:
    scores = _scores(every)
    return sorted(range(len(every)), key=lambda at: (-scores[at], at))


def _scores(every: Sequence[str]) -> list[float]:
    frequency = Counter(key for sentence in every for key in keys(sentence))
    scores: list[float] = []
    for at, sentence in enumerate(every):
        own = set(keys(sentence))
        weight = math.fsum(math.log1p(frequency[key]) for key in own) / math.sqrt(len(own) + 4)
        quoted = 0.6 if _QUOTE.search(sentence) else 1.0  # what somebody said about it is seldom the news
        scores.append(weight * quoted * (1.15 if at == 0 else 1.0))
    return scores


def _within(chosen: Sequence[str], limit: int, *, spread: bool) -> list[str]:
    """Shorten sentences until together they have at most `limit` words."""
    if sum(map(count_words, chosen)) <= limit:
        return list(chosen)
    if spread and limit // len(chosen) >= 6:
        kept = [_shortened(sentence, limit // len(chosen)) for sentence in chosen]
        return [sentence for sentence in kept if sentence]
    kept, left = [], limit
    for sentence in chosen:
        short = sentence if count_words(sentence) <= left else _shortened(sentence, left)
        if kept and count_words(sentence) > left and left < 8:
            break
        kept.append(short)
        left -= count_words(short)
        if left <= 0:
            break
    return kept


def _shortened(sentence: str, limit: int) -> str:
    """Leave out asides, then side clauses, then the end of a sentence."""
    if count_words(sentence) <= limit:
        return sentence
    short = _ASIDE.sub("", sentence)
    while count_words(short) > limit and (clause := list(_CLAUSE.finditer(short))):
        short = (short[: clause[-1].start()] + short[clause[-1].end() :].lstrip(",")).strip()
    if count_words(short) <= limit:
        return _closed(short)
    return _closed(_cut_words(short, limit))


def _cut_words(sentence: str, limit: int) -> str:
    low, high = 0, len(sentence)
    while low < high:  # the longest beginning with so many words
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count_words(sentence[:middle]) <= limit else (low, middle - 1)
    head = sentence[:low]
    if low < len(sentence) and sentence[low : low + 1].isalnum() and " " in head:
        head = head.rpartition(" ")[0]
    commas = [
        found.start() for found in _CUT.finditer(head) if count_words(head[: found.start()]) * 2 > limit
    ]
    return head[: commas[-1]] if commas else head


def _closed(text: str) -> str:
    bare = text.rstrip(" ,;:–—-，；、")
    return bare if not bare or bare[-1] in '.!?。！？…"”»' else bare + ("。" if "。" in text else ".")


def _cut_signs(text: str, limit: int) -> str:
    head = text[:limit]
    return head.rpartition(" ")[0] if " " in head else head


def _joined(chosen: Sequence[str]) -> str:
    return "".join(part if part[-1:] in "。！？" else f"{part} " for part in chosen).strip()
