"""Mails of customers by rule: topics, lengths, languages, phrasings and registers that can be turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TOPICS = {
    "parcel": ("parcel", "tracking number", "courier", "delivery date", "depot", "neighbour"),
    "refund": ("refund", "bank account", "amount", "invoice", "credit note", "payment"),
    "account": ("password", "login", "profile", "e-mail address", "account", "security code"),
    "product": ("battery", "charger", "screen", "manual", "spare part", "warranty"),
    "order": ("order", "basket", "voucher", "colour", "size", "cancellation"),
    "visit": ("shop", "opening hours", "appointment", "repair desk", "parking", "branch"),
}
PHRASES = {
    "plain": (
        "I am writing about the {0} and the {1}.",
        "Can you tell me when the {0} will be ready?",
        "The {0} that I got does not match the {1}.",
        "I have waited {2} days for the {0} now.",
        "Please check the {0} and write to me about the {1}.",
        "My number for the {0} is {2}.",
    ),
    "other": (
        "This concerns my {0}, and also what happened to its {1}.",
        "By what date may somebody expect news of a {0}?",
        "There is a discrepancy between this {0} and your {1}.",
        "It has been {2} days, yet nobody sent any {0}.",
        "Would someone look into our {0} and reply regarding its {1}?",
        "You find our {0} under reference {2}.",
    ),
    "casual": (
        "hey, what's up with the {0}?? and the {1}",
        "so when's my {0} gonna be ready",
        "the {0} isn't what the {1} says lol",
        "been {2} days w/o any {0}!!",
        "pls check the {0}, thx",
        "it's nr {2} btw",
    ),
    "german": (
        "Ich schreibe wegen {0} und auch wegen {1}.",
        "Können Sie mir sagen, wann das mit {0} fertig ist?",
        "Das mit {0} passt nicht zu dem, was bei {1} steht.",
        "Ich warte nun {2} Tage auf eine Antwort zu {0}.",
        "Bitte prüfen Sie {0} und schreiben Sie mir zu {1}.",
        "Meine Nummer für {0} ist die {2}.",
    ),
}


@dataclass(frozen=True)
class Mails:
    """What mails are like; `turned` is the share of those that are unlike the others."""

    turned: float = 0.0
    topic: str | None = None
    style: str = "plain"
    sentences: tuple[int, int] = (2, 6)

    def drawn(self, n: int, seed: int) -> list[str]:
        """Draw n mails."""
        rng = np.random.default_rng(seed)
        return [self._mail(rng) for _ in range(n)]

    def _mail(self, rng: np.random.Generator) -> str:
        turned = rng.random() < self.turned
        topic = self.topic if turned and self.topic else str(rng.choice(list(TOPICS)))
        style = self.style if turned else "plain"
        lengths = self.sentences if turned else (2, 6)
        found = []
        for _ in range(rng.integers(*lengths)):
            first, second = rng.choice(TOPICS[topic], 2, replace=False)
            phrase = str(rng.choice(PHRASES[style]))
            found.append(phrase.format(first, second, rng.integers(2, 60)))
        return " ".join(found)


USUAL = Mails()
SHIFTS = {
    "topic mix": Mails(turned=0.3, topic="visit"),
    "length": Mails(turned=0.3, sentences=(6, 10)),
    "language": Mails(turned=0.15, style="german"),
    "paraphrase": Mails(turned=0.3, style="other"),
    "register": Mails(turned=0.15, style="casual"),
}
"""What each is turned by: a part of the mails differs, and the others don't."""
