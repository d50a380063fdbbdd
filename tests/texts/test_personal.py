import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.texts import personal, redaction
from promptops.texts.personal import value_without_people, without_people
from promptops.texts.redaction import REDACTED, Redactor


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Write to anna.b+c@mail.example.org, please", "Write to [email], please"),
        ("ada\uff20example.org or ada\ufe6bexample\uff0eorg", "[email] or [email]"),
        ("IBAN DE89 3704 0044 0532 0130 00 is mine", "IBAN [iban] is mine"),
        ("GB29NWBK60161331926819", "[iban]"),
        ("card 4111 1111 1111 1111 expired", "card [card] expired"),
        ("call +49 (0)30 123456-78 or 030/1234567", "call [phone] or [phone]"),
        ("ring (555) 123-4567 now", "ring [phone] now"),
        ("0171 2345678.", "[phone]."),
        ("bob [at] example.com", "[email]"),
        ("mail Bob.K (AT) example (dot) co.uk now", "mail [email] now"),
        ("a{@}b[.]org, x(at)y.example", "[email], [email]"),
        ("my SSN is 192-45-6789, thanks", "my SSN is [ssn], thanks"),
        ("078-05-1120 and 912-70-1234", "[ssn] and [ssn]"),
    ],
)
def test_what_belongs_to_a_person_is_taken_out(text: str, clean: str) -> None:
    assert without_people(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "order LH-67890, tracking TRK41266",
        "on 2026-03-02 at 10:00 for 1,250.00 euros",
        "4111 1111 1111 1112 is no card",
        "version 10.0.19045.3693",
        "a @ b, x@y",
        "look (at) home. Then at page [at] 3",
        "part 666-12-3456, 123-00-4567, 123-45-0000 or 9-123-45-6789-1",
        "f(at) and x[at] of {at} (dot) com",
        "3 of 100 samples, 0.05 each",
        "",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert without_people(text) == text


def test_every_text_in_a_value_is_cleaned_and_keys_stay() -> None:
    value = {"a@b.example": ["x@y.example", 5, None, {"n": "+4915112345678"}]}
    assert value_without_people(value) == {"a@b.example": ["[email]", 5, None, {"n": "[phone]"}]}


def test_a_long_text_is_read_in_linear_time() -> None:
    """Patterns that try every split of a run of digits or letters would not end."""
    for piece in ("1 ", "a.", "a@", "AB12 ", "(0", "+1-", "a(at)", "a [at] b.", "(dot)a", "123-45-"):
        assert len(without_people(piece * 50_000)) > 0


PIECES = st.sampled_from(
    [*"0123456789", " ", "-", "+", "(0)", "00", "AB", "DE12", "@", "ada@example.org", "x.", "sk-", "a" * 16,
     "Bearer ", "ghp_", "://u:p@", "AKIA", "AIza", "eyJ", "hf_", "xoxb-", "glpat-", "github_pat_", "Basic ",
     "-----BEGIN PRIVATE KEY-----", "\u0663", "word", "pass-of-env-1",
     "bob [at] ", "x(AT)y", "(dot)", "123-45-6789"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join))
def test_what_is_looked_for_first_changes_nothing_that_is_found(text: str) -> None:
    plain = personal._EMAIL.sub("[email]", text)
    plain = personal._IBAN.sub("[iban]", personal._SPELLED.sub("[email]", plain))
    plain = personal._CARD.sub(lambda found: "[card]" if personal._is_card(found[0]) else found[0], plain)
    plain = personal._PHONE.sub("[phone]", personal._SSN.sub("[ssn]", plain))
    plain = personal._NATIONAL.sub("[phone]", plain)
    assert without_people(text) == plain
    secret = redaction._LIKE_A_KEY.sub(REDACTED, text.replace("pass-of-env-1", REDACTED))
    assert Redactor({"MY_PASSWORD": "pass-of-env-1"}, set()).text(text) == secret
