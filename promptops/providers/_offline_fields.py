"""A JSON object filled from a text by what the prompt says about each of its keys."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from promptops.providers._offline_question import best_sentence as matching_sentence
from promptops.providers._offline_sections import Sections
from promptops.providers._offline_summary import best_sentence as central_sentence
from promptops.providers._offline_words import keys

_PAIR = re.compile(
    r"[\"'](?P<key>[A-Za-z_][\w-]*)[\"']\s*:\s*(?P<value>.*?)(?=,\s*\n?\s*[\"'][A-Za-z_][\w-]*[\"']\s*:|\}|\Z)",
    re.DOTALL,
)
_NAME = r"[`\"']?[a-z_]\w*[`\"']?"
_LISTED = re.compile(
    rf"\b(?:keys?|fields?|properties)\b[^.:\n]*?[:\s]\s*"
    rf"(?P<names>{_NAME}(?:\s*,\s*(?:and\s+)?{_NAME}|\s+and\s+{_NAME})*)"
)
_OBJECT = re.compile(r"\{[^{}]*\}")
_ASIDE = re.compile(r"\([^()]*\)")
_BULLET = re.compile(
    r"^[ \t]*(?:[-*•]|\d+[.)])\s*[`\"'*]*(?P<key>[a-z_]\w*)[`\"'*]*\s*(?:\([^)\n]*\)\s*)?[:=–—-]",
    re.MULTILINE,
)
_BULLET_SIGN = re.compile(r"\s*(?:[-*•]|\d+[.)])\s|\s*$")
_QUOTED = re.compile(r"[\"“'`]([\w][\w -]{0,40})[\"”'`]")
_OPTIONS = re.compile(r"\bone of:?\s*(?P<list>[^.;\n]+)|(?P<bars>[\w-]+(?:\s*[|/]\s*[\w-]+)+)")
_SPLIT = re.compile(r"\s*(?:,\s*or\s+|,\s*and\s+|,|\bor\b|\band\b|\||/)\s*")
_SAMPLE = re.compile(r"\b(?=[\w-]*(?:\d|[X#]{2}))[A-Z]{1,6}[-_]?[\dX#]{2,12}\b")
_ANY_CODE = re.compile(r"\b[A-Z]{1,5}-?\d{3,12}\b")
_CODE_NAME = re.compile(r"(?:^|_)(?:id|no|nr|number|code|ref|reference|sku|ticket|order|invoice)(?:_|$)")
_DEFAULT = re.compile(
    r"\b(?:otherwise|anything else|everything else|all else|all others?|the rest|any other|by default|"
    r"default|in doubt|unsure|unclear|none of)\b"
)
# Three words at least: "not delivered" is a case of its own, "not refunds that are late" excludes one.
_NOT = re.compile(
    r"\b(?:not|never|no|unless|except|without|rather than|even if|even though)(?: [^\s.,;:()]+){3,}"
    r"[^.,;:()\n]*"
)
_SHOUT = re.compile(r"\bexclamation|\bcapital(?:s| letters)|\bshout")
_HEADINGS = frozenset(("subject", "headline", "title", "betreff", "asunto", "тема"))
_NUMBER = re.compile(r"(?<![\w.-])-?\d{1,15}(?:\.\d{1,15})?(?!\w)")


@dataclass(frozen=True)
class _Field:
    """One key: what values it may take and what the prompt says about it."""

    name: str
    options: tuple[str, ...] = ()
    kind: str = "string"
    nullable: bool = True
    pattern: str | None = None
    told: str = ""


def object_from(sections: Sections, response_format: Mapping[str, JsonValue] | None) -> str | None:
    """Return the object that prompt or response format ask for, as JSON; None where no key is known."""
    fields = _fields(sections.instructions, response_format)
    if not fields:
        return None
    filled = {field.name: _value(field, sections) for field in fields}
    return json.dumps(filled, ensure_ascii=False)


def _fields(instructions: str, response_format: Mapping[str, JsonValue] | None) -> list[_Field]:
    schema = (response_format or {}).get("schema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if isinstance(properties, dict) and properties:
        return [_by_schema(name, given, instructions) for name, given in properties.items()]
    skeleton = _skeleton(instructions)
    names = list(skeleton) or _listed(instructions) or [hit["key"] for hit in _BULLET.finditer(instructions)]
    return [_by_words(name, skeleton.get(name, ""), instructions) for name in dict.fromkeys(names)]


def _by_schema(name: str, given: JsonValue, instructions: str) -> _Field:
    rule = given if isinstance(given, dict) else {}
    kinds = rule.get("type", "string")
    listed = kinds if isinstance(kinds, list) else [kinds]
    enum = rule.get("enum")
    options = tuple(item for item in enum if isinstance(item, str)) if isinstance(enum, list) else ()
    pattern, described = rule.get("pattern"), rule.get("description")
    told = _told(name, options, instructions)
    return _Field(
        name=name,
        options=options,
        kind=next((kind for kind in listed if isinstance(kind, str) and kind != "null"), "string"),
        nullable="null" in listed or (isinstance(enum, list) and None in enum),
        pattern=pattern if isinstance(pattern, str) else None,
        told=f"{described}\n{told}" if isinstance(described, str) else told,
    )


def _skeleton(instructions: str) -> dict[str, str]:
    """Return the keys of the first example object, each with what stands for its value."""
    start = instructions.find("{")
    while start != -1:
        pairs = {
            hit["key"]: hit["value"].strip() for hit in _PAIR.finditer(instructions[start : start + 4000])
        }
        if pairs:
            return pairs
        start = instructions.find("{", start + 1)
    return {}


def _listed(instructions: str) -> list[str]:
    found = _LISTED.search(instructions)
    if found is None:
        return []
    names = [name.strip("`\"' ") for name in re.split(r",\s*(?:and\s+)?|\s+and\s+", found["names"])]
    return [name for name in names if len(names) > 1 or "_" in name]


def _by_words(name: str, sample: str, instructions: str) -> _Field:
    told = _told(name, (), instructions)
    options = _options(sample) or next((found for line in told.splitlines() if (found := _options(line))), ())
    bare = sample.strip("\"' ")
    kind = "string"
    if bare in {"true", "false", "true|false", "true or false"} or "boolean" in told[:80].casefold():
        kind = "boolean"
    elif _NUMBER.fullmatch(bare) and not sample.startswith(('"', "'")):
        kind = "number"
    elif sample.startswith("["):
        kind = "array"
    return _Field(name, options, kind, told=f"{_told(name, options, instructions)}\n{sample}")


def _options(text: str) -> tuple[str, ...]:
    text = _ASIDE.sub("", text)
    found = _OPTIONS.search(text)
    if found is not None:
        listed = found["list"] or found["bars"]
        items = [item.strip("\"'`“” ") for item in _SPLIT.split(listed)]
        options = tuple(item for item in items if item and len(item.split()) <= 3 and item != "null")
    else:
        options = tuple(dict.fromkeys(item for item in _QUOTED.findall(text)))
    return options if len(options) > 1 else ()


def _told(name: str, options: Sequence[str], instructions: str) -> str:
    """Return what defines a key: its own lines, else those that mention it, and its options' lines."""
    lines = _joined_lines(_OBJECT.sub(" ", instructions))
    word = rf"(?:{re.escape(name)}|{re.escape(name.replace('_', ' '))})(?![\w])"
    headed = [line for line in lines if re.match(rf"\W*{word}", line, re.IGNORECASE)]
    spoken = headed or [line for line in lines if re.search(rf"(?<![\w]){word}", line, re.IGNORECASE)]
    marks = [re.compile(rf"\W*{re.escape(option)}\b", re.IGNORECASE) for option in options]
    return "\n".join([*spoken, *(line for line in lines if any(mark.match(line) for mark in marks))])


def _joined_lines(text: str) -> list[str]:
    """Return the lines, each with the indented ones that continue it."""
    joined: list[str] = []
    for line in text.splitlines():
        goes_on = line[:1].isspace() and not _BULLET_SIGN.match(line) and joined and joined[-1].strip()
        if goes_on:
            joined[-1] += " " + line.strip()
        else:
            joined.append(line)
    return joined


def _value(field: _Field, sections: Sections) -> JsonValue:
    if field.options:
        return _chosen(field, sections)
    text = sections.all
    if field.kind == "boolean":
        return bool(set(keys(field.told)) & set(keys(text)))
    if field.kind in {"integer", "number"}:
        found = _NUMBER.search(matching_sentence(f"{field.name.replace('_', ' ')} {field.told}", text))
        if found is None:
            return None
        return int(float(found.group())) if field.kind == "integer" else float(found.group())
    if field.kind == "array":
        return []
    if field.kind == "object":
        return {}
    return _text(field, text)


def _text(field: _Field, text: str) -> str | None:
    code = _code(field)
    if code is not None:
        found = code.search(text)
        return found.group() if found else (None if field.nullable else "")
    if re.search(r"summary|gist|topic|title", field.name):
        return central_sentence(text)
    sentence = matching_sentence(f"{field.name.replace('_', ' ')} {field.told}", text)
    return sentence or (None if field.nullable else "")


def _code(field: _Field) -> re.Pattern[str] | None:
    """Return the pattern of a field that holds a code such as an order number."""
    if field.pattern is not None:
        try:
            return re.compile(field.pattern.removeprefix("^").removesuffix("$"))
        except re.error:
            return None
    sample = _SAMPLE.search(field.told)
    if sample is not None:
        letters = re.match(r"[A-WYZ]+[-_]?", sample.group())
        head = letters.group() if letters else ""
        digits = len(sample.group()) - len(head)
        return re.compile(rf"(?<![\w]){re.escape(head)}\d{{{digits}}}(?!\w)")
    return _ANY_CODE if _CODE_NAME.search(field.name) else None


def _chosen(field: _Field, sections: Sections) -> str:
    """Choose the option whose description shares most words with the text."""
    described = _descriptions(field)
    common = Counter(key for told in described.values() for key in set(keys(told)))
    best, most = None, 0.0
    for option, told in described.items():
        own = {key for key in keys(told) if common[key] == 1}
        score = _shared(own, sections) + _phrases(told, sections.all) + _shouting(told, sections.all)
        if score > most:
            best, most = option, score
    return best if best is not None else _default(field, described)


def _descriptions(field: _Field) -> dict[str, str]:
    """Return what is said of each option, up to where the next one is named."""
    mentions = sorted(
        (hit.start(), hit.end(), option)
        for option in field.options
        for hit in re.finditer(rf"(?<![\w-]){re.escape(option)}(?![\w-])", field.told, re.IGNORECASE)
    )
    told = {option: [option.replace("_", " ")] for option in field.options}
    for at, (_, end, option) in enumerate(mentions):
        beyond = mentions[at + 1][0] if at + 1 < len(mentions) else len(field.told)
        told[option].append(field.told[end:beyond])
    return {option: _NOT.sub(" ", " ".join(parts)) for option, parts in told.items()}


def _shared(own: set[str], sections: Sections) -> float:
    score = 0.0
    for name, text in sections.pieces:
        counts = Counter(keys(text))
        weight = 1.5 if name in _HEADINGS else 1.0
        score += weight * sum(1 + 0.25 * (counts[key] - 1) for key in own if counts[key])
    return score


def _phrases(told: str, text: str) -> float:
    low = " ".join(text.casefold().split())
    quoted = re.findall(r"[\"“]([^\"”\n]{2,60})[\"”]", told)
    return 2.0 * sum(phrase.casefold() in low for phrase in quoted if " " in phrase)


def _shouting(told: str, text: str) -> float:
    if _SHOUT.search(told.casefold()) is None:
        return 0.0
    loud = sum(len(word) > 3 and word.isupper() and word.isalpha() for word in text.split())
    return 1.0 * ("!!" in text or text.count("!") > 2) + 1.0 * (loud >= 2)


def _default(field: _Field, described: Mapping[str, str]) -> str:
    for option, told in described.items():
        if _DEFAULT.search(told.casefold()):
            return option
    return field.options[0]
