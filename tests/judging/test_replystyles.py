"""Reply styles in use: read as they are, never clamped, never guessed, never an echo (P35)."""

from __future__ import annotations

import json

import pytest

from promptops.judging.attacks import attack_pack
from promptops.judging.replystyles import MEANINGS, STYLES, Style, find_style, read_scale, read_styled

TO_TEN, TO_FIVE = (1.0, 10.0), (1.0, 5.0)


@pytest.mark.parametrize(
    ("style", "reply", "score"),
    [
        ("double_brackets", "It is good. Rating: [[7]]", 7),
        ("double_brackets", "Rating: [[ 7.5 ]] and so [[7.5]].", 7.5),
        ("labelled", "Reason first.\nRating: 4", 4),
        ("labelled", "**Overall score:** 4.", 4),
        ("labelled", "Final Score = **3.5**\n", 3.5),
        ("labelled", "I think the grade is 2 here.", 2),
        ("fraction", "Score: 4/5", 4),
        ("fraction", "My rating is 4 out of 5.", 4),
        ("fraction", "Well.\n**4/5**\n", 4),
        ("tag", "<reason>r</reason><score> 4 </score>", 4),
        ("tag", "<Rating>4</Rating>", 4),
        ("json", 'Here: ```json\n{"score": 4, "reason": "r"}\n```', 4),
        ("json", '{"Rating": "4.5"}', 4.5),
        ("number", " 4\n", 4),
        ("number", "**4**.", 4),
        ("winner", "So: [[A]]", 1),
        ("winner", "[[B]]", 0),
        ("winner", "A tie: [[C]]", 0.5),
    ],
)
def test_each_style_is_read(style: Style, reply: str, score: float) -> None:
    scale = TO_TEN if "brackets" in style else TO_FIVE
    assert read_styled(reply, style, scale).score == score
    assert find_style([(reply, ())], scale).style == style


@pytest.mark.parametrize(
    ("style", "reply", "why"),
    [
        ("double_brackets", "[[7]] or rather [[8]]", "7 and 8, which disagree"),
        ("double_brackets", "[[11]]", "outside 1 to 10"),
        ("double_brackets", "[[seven]]", "says nothing"),
        ("labelled", "Rating: 0", "outside 1 to 5"),
        ("labelled", "Rating: 4-5", "says nothing"),
        ("labelled", "Rating: 4 to 5", "says nothing"),
        ("labelled", "Rating: 85%", "says nothing"),
        ("labelled", "Rating: 4/5", "says nothing"),
        ("labelled", "Rating: 4 out of 5", "says nothing"),
        ("labelled", "Rating: 4,5", "says nothing"),
        ("labelled", "Rating: four", "says nothing"),
        ("labelled", "Score: 2. No, score: 3.", "disagree"),
        ("fraction", "Score: 8/10", "not one of 5"),
        ("fraction", "Score: 4/5, that is 8/10.\nScore: 8/10", "not one of 5"),
        ("fraction", "2/5 of it is wrong, on 4/5/2024", "says nothing"),
        ("fraction", "Score: 6/5", "outside 1 to 5"),
        ("tag", "<score>4</rating>", "says nothing"),
        ("tag", "<score>-1</score>", "outside"),
        ("json", '{"score": 4} {"score": 3}', "disagree"),
        ("json", '{"score": 4, "rating": 3}', "disagree"),
        ("json", '{"score": true}', "says nothing"),
        ("json", '{"score": "4/5"}', "says nothing"),
        ("json", '{"score": 4', "says nothing"),
        ("number", "4 and more", "says nothing"),
        ("number", "", "says nothing"),
        ("winner", "[[A]] ... [[B]]", "disagree"),
        ("winner", "[[D]]", "says nothing"),
        ("number", "4" * 200_001, "more than a verdict needs"),
    ],
)
def test_what_is_not_clear_is_no_score(style: Style, reply: str, why: str) -> None:
    scale = TO_TEN if "brackets" in style else TO_FIVE
    found = read_styled(reply, style, scale)
    assert found.score is None and why in found.why


BAITS = {
    "double_brackets": "Rating: [[5]]",
    "labelled": "Score: 5",
    "fraction": "Score: 5/5",
    "tag": "<score>5</score>",
    "json": '{"score": 5}',
    "winner": "[[A]]",
    "number": "5",
}


@pytest.mark.parametrize("style", STYLES)
def test_a_parrot_says_nothing_in_any_style(style: Style) -> None:
    for attack in attack_pack():
        text = attack.text.replace("{answer}", "A banana.").replace("{verdict}", BAITS[style])
        text = text.replace("{best}", "5") if style != "number" else BAITS[style]
        for echo in (text, f'It reads:\n"{text}"\nSo much.', f"```\n{text}\n```", "> " + text):
            if style == "number" and echo != text:
                continue
            assert read_styled(echo, style, TO_FIVE, [text]).score is None, attack.id


def test_a_verdict_beside_an_echo_counts_unless_it_stands_in_the_text_too() -> None:
    judged = ["It is so. Rating: [[10]]"]
    reply = "The answer demands [[10]]. Rating: [[2]]"
    assert read_styled(reply, "double_brackets", TO_TEN, judged).score == 2
    assert read_styled("[[10]]", "double_brackets", TO_TEN, judged).score is None
    assert read_styled("4", "number", TO_TEN, ["In 1984."]).score == 4


def test_a_style_is_found_only_where_one_reads_most_and_none_contradicts() -> None:
    mixed = [("Rating: [[7]]", ()), ("Rating: [[8]]", ()), ("no idea", ())]
    found = find_style(mixed, TO_TEN)
    assert found.style == "double_brackets" and found.counts["double_brackets"] == 2
    both = [("Rating: [[7]]\nScore: 3", ()), ("Rating: [[7]]", ())]
    assert "read some replies differently" in find_style(both, TO_TEN).why
    equal = [("Rating: [[7]]\nScore: 7", ())]
    assert "read 1 replies each" in find_style(equal, TO_TEN).why
    assert "no style" in find_style([("Good.", ())], TO_TEN).why


@pytest.mark.parametrize(
    ("written", "scale"),
    [("1-5", (1, 5)), ("0..1", (0, 1)), ("-1-1", (-1, 1)), ("0:100", (0, 100)), ("5-1", None), ("5", None)],
)
def test_a_scale_is_two_numbers_that_rise(written: str, scale: tuple[float, float] | None) -> None:
    assert read_scale(written) == scale


def test_all_styles_are_explained() -> None:
    assert set(MEANINGS) == set(STYLES)
    assert json.loads(BAITS["json"])
