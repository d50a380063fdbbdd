"""Take secrets out of texts that leave this machine: values of the environment, and what looks like a key."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from pydantic import JsonValue

REDACTED = "[redacted]"
SHORTEST = 8
"""Characters of a variable's value from which on it is looked for; shorter ones stand in ordinary text."""

_SECRET_NAME = re.compile(
    r"(.*_)?(API_?KEY|ACCESS_KEY|SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIALS?|PRIVATE_KEY|AUTH)(_.*)?",
    re.IGNORECASE,
)
LONGEST_NAME = 64
"""Characters of a key up to which it is a name; longer ones are texts."""

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+")
# The end of a name says what it holds: `token_count` and `password_length` hold no secret. `token`, `key` and
# `pass` alone are ordinary (a word of a model, an index, a result), and so are `tokens` of any kind.
# A password has its name in the languages of many users; some of them put no space before it.
_HOLDS_A_SECRET = re.compile(
    r"(?:.*_)?(?:passwort|kennwort|mot_de_passe|contrase[\u00f1n]a|senha|palavra_passe|wachtwoord"
    r"|\u043f\u0430\u0440\u043e\u043b\u044c)"
    r"|.*(?:\u5bc6\u7801|\u5bc6\u78bc|\u30d1\u30b9\u30ef\u30fc\u30c9|\ube44\ubc00\ubc88\ud638)"
    r"|(?:.*_)?(?:"
    r"pass_?words?|passwd|pwd|pass_?phrase|pass_?code|secrets?|credentials?|authorization|auth|cookie|cvv|cvc"
    r"|(?:api|access|secret|private|encryption|signing)_?keys?"
    r"|(?:access|refresh|auth|bearer|session|id|api|csrf|xsrf|security|oauth|client|private|personal|secret"
    r"|service|github|gitlab|slack|bot)_?token|jwt"
    r")(?:_?(?:hash|confirm|confirmation|\d))?"
)
_TOLD = re.compile(
    r"(?<![\w-])([^\W\d_][\w\u0300-\u036f-]{0,63}(?: [^\W\d_][\w\u0300-\u036f-]{0,63}){0,2})"
    r"[\"']?\s{0,2}[=:\uff1a]\s{0,2}(?:(?:[Bb]earer|[Bb]asic) )?[\"']?(?=([^\s\"'<>&,;]{3,200}))"
)
"""A name of one to three words, `=` or `:`, and before what: that may be a name itself (`login: pwd: x1`)."""
_IN_EACH_NAME = (
    *("pass", "pwd", "secret", "credential", "auth", "cookie", "cvv", "cvc", "key", "token", "jwt"),
    *("kennwort", "contrase", "senha", "wachtwoord", "\u043f\u0430\u0440\u043e\u043b\u044c"),
    *("\u5bc6\u7801", "\u5bc6\u78bc", "\u30d1\u30b9\u30ef\u30fc\u30c9", "\ube44\ubc00\ubc88\ud638"),
)
"""What a text holds, in small letters, in which a name of a secret is found."""
_NO_WORD = re.compile(r"[0-9!@#$%^*+]")
"""What a password has and a word of a sentence hasn't: `password: see below` tells none."""
_NO_SECRET = re.compile(r"[$%{\[]|[A-Za-z_][\w.]*\(|\w+://")
"""A variable, a slot or what was replaced already; a call in code; an address."""
_KINDS = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{16,}",
    r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    r"(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{20,}",
    r"(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{20,}",
    r"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{16,}",
    r"(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{30,}",
    r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{20,}",
    r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    r"(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{16,}",
    r"(?<=[Bb]asic )[A-Za-z0-9+/]{16,}={0,2}(?![A-Za-z0-9])",
    # user:password before the host of a URL
    r"(?<=://)[^\s/@:'\"]*:[^\s/@'\"]+(?=@)",
)
_LIKE_A_KEY = re.compile("|".join(_KINDS), re.DOTALL)
_IN_EACH_KIND = (
    *("PRIVATE KEY-----", "sk-", "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    *("glpat-", "xox", "AIza", "hf_", "eyJ", "earer ", "asic ", "://"),
)
"""What a text holds in which a key is found: to look for words takes far less time than the pattern."""
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


class Redactor:
    """Replaces secrets in texts and in whatever holds texts."""

    def __init__(self, environment: Mapping[str, str], key_variables: Collection[str]) -> None:
        """Look for the values of these variables, and of all whose name says that they hold a secret.

        Of the latter, values of letters alone are left: they may be words of ordinary text.
        """
        values = {
            value.strip()
            for name, value in environment.items()
            if len(value.strip()) >= SHORTEST
            and (name in key_variables or (_SECRET_NAME.fullmatch(name) and not value.strip().isalpha()))
        }
        # The longest first: one value may hold another.
        self._ordered = sorted(values, key=lambda value: (-len(value), value))
        self._values = re.compile("|".join(map(re.escape, self._ordered)))

    def text(self, text: str) -> str:
        """Return a text without secrets; half a character, which no file may hold, becomes U+FFFD."""
        if _holds_one(self._ordered, text):
            text = self._values.sub(REDACTED, text)
        if _holds_one(_IN_EACH_KIND, text):
            text = _LIKE_A_KEY.sub(REDACTED, text)
        return text if text.isascii() else _HALF_CHARACTER.sub("\ufffd", text)

    def value(self, value: JsonValue) -> JsonValue:
        """Return a JSON value without secrets in its texts and keys."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(member) for member in value]
        if isinstance(value, dict):
            return {self.text(key): self.value(member) for key, member in value.items()}
        return value


def _holds_one(words: Sequence[str], text: str) -> bool:
    for word in words:  # noqa: SIM110  # half the time of any(), on every text
        if word in text:
            return True
    return False


def without_named_secrets(value: JsonValue) -> JsonValue:
    """Return a JSON value in which `[redacted]` stands under every key that names a secret (`password`).

    True, false, null and empty texts stay: they are none. Not for what a model is asked, or a replay would
    ask something else.
    """
    if isinstance(value, list):
        return [without_named_secrets(member) for member in value]
    if isinstance(value, dict):
        return {
            key: REDACTED
            if holds_something(member) and names_a_secret(key)
            else without_named_secrets(member)
            for key, member in value.items()
        }
    return value


def without_told_secrets(text: str) -> str:
    """Return running text with `[redacted]` for what it tells under a secret's name: `password: x1y2`.

    By `=` or `:` between them alone, and only what is no plain word. Not for what a model is asked.
    """
    if not _holds_one(":=\uff1a", text) or not _holds_one(_IN_EACH_NAME, text.lower()):
        return text
    clean, end = "", 0
    for found in _TOLD.finditer(text):
        name, told = found.groups()
        bare = told.rstrip(".:)]}\u3002")
        tells = names_a_secret(name) and _NO_WORD.search(bare) and not _NO_SECRET.match(bare)
        if tells and found.end() > end:
            clean += text[end : found.end()] + REDACTED
            end = found.end() + len(bare)
    return clean + text[end:]


def holds_something(value: JsonValue) -> bool:
    """Tell whether a value may be a secret: a text, a number, or what has members."""
    return not isinstance(value, bool) and value not in (None, "", [], {})


def names_a_secret(key: str) -> bool:
    """Tell whether a key's name says that a secret is under it: `dbPassword`, `X-Api-Key`, `access_token`."""
    return len(key) <= LONGEST_NAME and _named(key)


@lru_cache(maxsize=4096)
def _named(key: str) -> bool:
    if not key.isascii():
        key = unicodedata.normalize("NFC", key)
    return _HOLDS_A_SECRET.fullmatch(_WORDS.sub("_", key).strip("_").lower()) is not None
