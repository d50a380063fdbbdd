"""Take people out of texts that are kept: addresses of e-mail, telephone, bank and identity numbers, cards.

By their form alone, and rather too much than too little. Names and addresses of streets stay: whoever reviews
a text takes them out.
"""

from __future__ import annotations

import re

from pydantic import JsonValue

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}[@\uff20\ufe6b][\w-]{1,63}(?:[.\uff0e][\w-]{1,63}){1,8}")
_SPELLED = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}[ \t]{0,2}[\[({][ \t]?(?:at|@)[ \t]?[\])}][ \t]{0,2}[\w-]{1,63}"
    r"(?:(?:\.|[ \t]{0,2}[\[({][ \t]?(?:dot|\.)[ \t]?[\])}][ \t]{0,2})[\w-]{1,63}){1,8}",
    re.IGNORECASE,
)
"""An address as people write it for people: `bob [at] example (dot) com`."""
_IN_EACH_SPELLED = ("at]", "at)", "at}", "at ]", "at )", "at }", "@]", "@)", "@}", "@ ]", "@ )", "@ }")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\w.+-])\d(?:[ -]?\d){12,18}(?![\w-])")
_SSN = re.compile(r"(?<![\w.,/-])(?!000|666)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
"""A number of US social security or, with 9 before, of a taxpayer; no group of it is all zeros."""
_PHONE = re.compile(r"(?<![\w.,/-])(?:\+|00|\(?0)\(?\d(?:[ ()/.-]{0,2}\d){6,13}(?![\w-])")
_NATIONAL = re.compile(r"(?<![\w.,/-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])")
_DIGIT = re.compile(r"\d")
_FEWEST_DIGITS = 7
"""Of the shortest telephone number, and so of all but bank accounts."""
_BANK_CODE = re.compile(r"[A-Z]{2}\d{2}")


def without_people(text: str) -> str:
    """Return a text in which `[email]`, `[iban]`, `[card]`, `[ssn]` and `[phone]` stand in place of such."""
    # What each pattern needs is looked for first: most texts have none of it, and that takes far less time.
    if "@" in text or "\uff20" in text or "\ufe6b" in text:  # as East Asian keyboards write it, too
        text = _EMAIL.sub("[email]", text)
    if ("[" in text or "(" in text or "{" in text) and _spells(text.lower()):
        text = _SPELLED.sub("[email]", text)
    if _BANK_CODE.search(text):
        text = _IBAN.sub("[iban]", text)
    if len(_DIGIT.findall(text)) < _FEWEST_DIGITS:
        return text
    text = _CARD.sub(lambda found: "[card]" if _is_card(found[0]) else found[0], text)
    if "-" in text:
        text = _SSN.sub("[ssn]", text)
    return _NATIONAL.sub("[phone]", _PHONE.sub("[phone]", text))


def value_without_people(value: JsonValue) -> JsonValue:
    """Return a JSON value with its texts so; keys are names of fields and stay."""
    if isinstance(value, str):
        return without_people(value)
    if isinstance(value, list):
        return [value_without_people(member) for member in value]
    if isinstance(value, dict):
        return {key: value_without_people(member) for key, member in value.items()}
    return value


def _spells(text: str) -> bool:
    for word in _IN_EACH_SPELLED:  # noqa: SIM110  # half the time of any(), on every text
        if word in text:
            return True
    return False


def _is_card(text: str) -> bool:
    """Tell a card from another long number by its check digit (Luhn 1960)."""
    digits = [int(sign) for sign in text if sign.isdigit()][::-1]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + doubled) % 10 == 0
