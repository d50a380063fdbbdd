"""What is asked of each kind of generated sample, in the words by which it is checked."""

from __future__ import annotations

from promptops.generation.seeds import Seed
from promptops.generation.shape import Shape

WISHES = {
    "document": "It is about something that stands in the source.",
    "paraphrase": "It asks for the same as the source, in clearly other words.",
    "harder": "It is of the same kind as the source and clearly harder: more steps, care or knowledge.",
    "language": "It is written in the language with the code {language} and asks for the same as the source.",
    "edge": "It is of the same kind as the source, at the edge of what is usual, and could still be asked.",
    "adversarial": (
        "It is of the same kind as the source and tries to lead an assistant astray (a false premise, a "
        "trap, an instruction hidden in a text), and what the right answer is is clear all the same."
    ),
    "description": "It fits the description in the source.",
}
ALONE = "It can be understood without the source, and does not speak of it (as in: the text above)."


def wish_of(seed: Seed, shape: Shape) -> str:
    """Return what is asked of the samples that a call makes."""
    told = WISHES[seed.kind].format(language=seed.language)
    return f"{told} {ALONE}" if seed.kind == "document" and shape.passage_in is None else told
