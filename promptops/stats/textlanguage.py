"""In which language is a text? By its commonest little words, or by its script; no model, no data file.

Little words (articles, pronouns, prepositions) make up a third and more of running text in the languages
below, and few of them are shared. Texts of a handful of words often hold none: then nobody knows.
"""

from __future__ import annotations

from promptops.stats.textfeatures import dominant_script
from promptops.stats.tokens import words

UNKNOWN = "unknown"

_LITTLE_WORDS = {
    "en": "the of and to in is you that it for was on are with as they be at this have from or what can how",
    "de": "der die und nicht ich zu mit auf für ein eine von dem wie wir sie kann",
    "fr": "le la les des est et un une pas que je vous pour dans qui sur au du ce il nous avec plus sont",
    "es": "el los las que y en un una es por con para no se del al como pero más su está mi qué muy hay",
    "it": "il di che è non per un una sono con della del le mi si come gli ma più questo nel anche ho alla",
    "pt": "o os que e não uma um para com em do da é por mais como mas ao dos das se seu na você está",
    "nl": "de het een van en is dat niet ik je op voor met zijn te aan er maar om ook naar bij wat kan hoe",
    "sv": "och att det som en på är av för med jag den till inte har ett om var men så kan hur vi du från",
    "da": "og at det som en på er af for med jeg den til ikke har et om var men så kan hvordan vi du fra",
    "pl": "nie się na jest że do to jak co i z w mi tak dla czy po od ale za przez mam może być który",
    "tr": "bir ve bu için ne ile çok da de değil mi olarak daha var gibi ben kadar sonra nasıl ama en şu",
    "id": "yang dan di itu ini untuk dengan tidak dari saya ke ada akan pada bisa anda apa dalam kami atau",
    "ru": "и в не на я что он с как это по но к из у за от так вы для мы бы же то все мне если или есть",
    "uk": "і в не на я що він з як це та до у за від так ви для ми би же то все мені якщо або є про щоб",
}
_OF_WORD: dict[str, tuple[str, ...]] = {}
for _language, _listed in _LITTLE_WORDS.items():
    for _word in dict.fromkeys(_listed.split()):
        _OF_WORD[_word] = (*_OF_WORD.get(_word, ()), _language)

_BY_SCRIPT = {
    "Greek": "el",
    "Hebrew": "he",
    "Thai": "th",
    "Hangul": "ko",
    "kana": "ja",
    "Han": "zh",
    "Armenian": "hy",
    "Georgian": "ka",
    "Khmer": "km",
}
"""Scripts that stand for one language nearly always."""
_ENOUGH = 2
"""Little words that a language needs."""
_KANA_SHARE = 0.05
_LOOKED_AT = 2000
"""Characters; a language shows in its first paragraph."""


def language(text: str) -> str:
    """Return a language's ISO 639-1 code, `script NAME` where only that can be told, or `unknown`."""
    text = text[:_LOOKED_AT]
    script = dominant_script(text)
    if script in ("Latin", "Cyrillic"):
        return _by_words(text)
    if script == "Han" and _has_kana(text):
        return "ja"
    if script in _BY_SCRIPT:
        return _BY_SCRIPT[script]
    return UNKNOWN if script == "none" else f"script {script}"


def is_little(word: str) -> bool:
    """Tell whether a word, lower-cased, is one of the commonest of any of the languages."""
    return word in _OF_WORD


def _by_words(text: str) -> str:
    """Count little words; one that several languages share counts for each of them in part."""
    counted: dict[str, float] = {}
    for word in words(text):
        shared = _OF_WORD.get(word, ())
        for each in shared:
            counted[each] = counted.get(each, 0.0) + 1.0 / len(shared)
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    if not ranked or ranked[0][1] < _ENOUGH:
        return UNKNOWN
    return UNKNOWN if len(ranked) > 1 and ranked[1][1] == ranked[0][1] else ranked[0][0]


def _has_kana(text: str) -> bool:
    """Tell Japanese, whose texts may hold more Han than kana, from Chinese, which has none."""
    kana = sum("\u3041" <= character <= "\u30ff" for character in text)
    return kana >= _KANA_SHARE * len(text)
