"""Secrets are taken out of texts; ordinary texts stay as they are."""

from __future__ import annotations

import pytest

from promptops.texts.redaction import (
    REDACTED,
    Redactor,
    names_a_secret,
    without_named_secrets,
    without_told_secrets,
)

SECRETS = [
    "sk-proj-AbCdEfGhIjKlMnOpQrStUv0123",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghijABCDEFGHIJ",
    "github_pat_11ABCDEFG0123456789_abcdefgh",
    "xoxb-123456789012-abcdefghijkl",
    "AIzaSyA0123456789abcdefghijklmnopqrstu",
    "hf_AbCdEfGhIjKlMnOpQrStUvWx",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.abcdefghijklmnop",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret[:8])
@pytest.mark.parametrize("around", ["{}", "the key is {}.", '{{"key": "{}"}}', "a={}&b=1"])
def test_what_looks_like_a_key_is_replaced(secret: str, around: str) -> None:
    told = Redactor({}, ()).text(around.format(secret))
    assert secret not in told and told == around.format(REDACTED)


def test_a_header_and_a_url_keep_what_is_no_secret() -> None:
    clean = Redactor({}, ()).text
    assert clean("Authorization: Bearer abcdef0123456789xyz") == f"Authorization: Bearer {REDACTED}"
    assert clean("https://ada:hunter2hunter@db.example/x") == f"https://{REDACTED}@db.example/x"


@pytest.mark.parametrize(
    "text",
    ["Ask me at 10:30.", "http://127.0.0.1:8000/v1", "The bearer of this letter",
     "risk-free-and-simple-answers", "sk-short", "https://example.com/a:b@c", "AKIA", "Straße 日本語 🦜"],
)  # fmt: skip
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert Redactor({}, ()).text(text) == text


def test_values_of_variables_that_hold_secrets_are_replaced() -> None:
    environment = {
        "MODEL_KEY": "zz-quite-plain",
        "SERVICE_TOKEN": "t0ken-value",
        "DB_PASSWORD": "password",
        "LONGER_TOKEN": "t0ken-value-and-more",
        "HOME": "/home/somebody",
        "OTHER_KEY": "short",
    }
    clean = Redactor(environment, {"MODEL_KEY", "OTHER_KEY"}).text
    assert clean("a zz-quite-plain b") == f"a {REDACTED} b"
    assert clean("t0ken-value-and-more, t0ken-value") == f"{REDACTED}, {REDACTED}"
    assert clean("the password of /home/somebody is short") == "the password of /home/somebody is short"


def test_secrets_are_found_wherever_they_stand_in_a_value() -> None:
    clean = Redactor({}, ()).value
    found = clean({"a": [SECRETS[0], 1, None], SECRETS[1]: {"b": f"x {SECRETS[2]}"}})
    assert found == {"a": [REDACTED, 1, None], REDACTED: {"b": f"x {REDACTED}"}}


@pytest.mark.parametrize(
    "key",
    ["password", "dbPassword", "DB_PASSWORD", "new password", "password2", "password_hash", "passwd",
     "secret", "client_secret", "clientSecret", "api_key", "apiKey", "apikey", "X-Api-Key", "OPENAI_API_KEY",
     "APIKey", "access_token", "accessToken", "refresh_token", "authToken", "Authorization", "auth",
     "http.request.header.authorization", "private_key", "privateKey", "secret_access_key", "credentials",
     "Set-Cookie", "jwt", "passphrase"],
)  # fmt: skip
def test_a_name_says_that_a_secret_is_under_it(key: str) -> None:
    assert names_a_secret(key)
    assert without_named_secrets([{"a": {key: "hunter2secret"}}]) == [{"a": {key: REDACTED}}]
    assert without_named_secrets({key: {"held": ["hunter2secret"]}}) == {key: REDACTED}
    assert without_named_secrets({key: 12345}) == {key: REDACTED}


@pytest.mark.parametrize(
    "key",
    ["tokens_in", "tokens_out", "token_count", "llm.token_count.prompt", "max_tokens", "token", "tokens",
     "eos_token", "session_tokens", "author", "authority", "authorized_by", "key", "keys", "primary_key",
     "idempotency_key", "password_length", "secretary", "keyboard", "monkey", "passage", "pass", "session.id",
     "cookies", "compass", "bypass", "credential_type", "", "password " * 8],
)  # fmt: skip
def test_ordinary_names_hide_nothing(key: str) -> None:
    assert not names_a_secret(key)
    assert without_named_secrets({key: "plain"}) == {key: "plain"}


@pytest.mark.parametrize("value", [True, False, None, "", [], {}])
def test_what_can_be_no_secret_stays_under_the_name_of_one(value: bool | str | None) -> None:
    assert without_named_secrets({"password": value}) == {"password": value}


def test_half_a_character_becomes_one_that_a_file_may_hold() -> None:
    assert Redactor({}, ()).text("half \ud83d") == "half \ufffd"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("My password: hunter2, thanks", "My password: [redacted], thanks"),
        ("set api_key=abcd1234efgh5678.", "set api_key=[redacted]."),
        ("API key: abcd-1234", "API key: [redacted]"),
        ("login: password: hunter2 and pwd=s3cret", "login: password: [redacted] and pwd=[redacted]"),
        ("/x?access_token=a1b2c3&page=2", "/x?access_token=[redacted]&page=2"),
        ("{'dbPassword': 'p@ss!'}", "{'dbPassword': '[redacted]'}"),
        ("Authorization: Bearer abc123", "Authorization: Bearer [redacted]"),
        ("password=a=b1 x", "password=[redacted] x"),
        ("Mein Passwort: geheim7", "Mein Passwort: [redacted]"),
        ("mon mot de passe : s3same, merci", "mon mot de passe : [redacted], merci"),
        ("contrase\u00f1a=abre1", "contrase\u00f1a=[redacted]"),
        ("contrasen\u0303a=abre2", "contrasen\u0303a=[redacted]"),
        ("senha: abre-te7; wachtwoord: sesam1", "senha: [redacted]; wachtwoord: [redacted]"),
        (
            "\u043c\u043e\u0439 \u043f\u0430\u0440\u043e\u043b\u044c: x7y",
            "\u043c\u043e\u0439 \u043f\u0430\u0440\u043e\u043b\u044c: [redacted]",
        ),
        ("\u6211\u7684\u5bc6\u7801\uff1aabc123\u3002", "\u6211\u7684\u5bc6\u7801\uff1a[redacted]\u3002"),
    ],
)
def test_what_is_told_under_a_secrets_name_is_replaced_in_running_text(text: str, clean: str) -> None:
    assert without_told_secrets(text) == clean
    assert without_told_secrets(clean) == clean


@pytest.mark.parametrize(
    "text",
    ["password: see the mail of Monday", "The secret: patience.", "tokens_in=120, token_count: 99",
     "api_key=os.environ['KEY_1']", "password=$PASSWORD_1", "password: {{ slot_1 }}", "author: ada99",
     "credentials: https://example.com/2", "password=None", "at 10:30, ratio 3:1", "the password is hunter2",
     "Passwort: siehe Mail", "le mot: 3 lettres", "Passwortl\u00e4nge: 12", "Senhas: 120"],
)  # fmt: skip
def test_what_tells_no_secret_stays_in_running_text(text: str) -> None:
    assert without_told_secrets(text) == text


@pytest.mark.parametrize(
    "piece", ["a", "a ", "a:", "password:", "password=", "a-", "a: ", "'", "mot de ", "\u00e4 "]
)
def test_running_text_is_read_in_linear_time(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    assert without_told_secrets(text).startswith(text[:2])
