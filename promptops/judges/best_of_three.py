"""Is this output the best of three? Asked in rotated orders, with the places that were chosen told."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from promptops.judges import Ask, Judge
from promptops.judges._asking import Choice, Shown, Words, verdict_of
from promptops.judges._places import Place, task_of, texts_at
from promptops.types import Completion, Message, Prompt, Sample, Score

LETTERS = ("A", "B", "C")


class BestOfThree(Judge):
    """How often the output is chosen over two others (`others`); a tie counts a third.

    Judges prefer a place (arXiv 2306.05685, 2305.17926). `orders = "rotations"` asks three times, so that
    each text stands in each place once; `"hash"` asks once, in an order that the texts' digests draw. In
    both, a judge without a preference for a place chooses each a third of the time; `notes` tells.
    """

    prompt_file: ClassVar[str] = "best_of_three.prompt.yaml"
    unit: ClassVar[str] = "share chosen"

    others: Place = "metadata.others"
    orders: Literal["rotations", "hash"] = "rotations"
    criteria: str = "The best answer does what the task asks, is right, and leaves out nothing important."

    def check(self, sample: Sample) -> str | None:
        """Return where a sample has not two other outputs."""
        found = len(texts_at(sample, self.others))
        if found == 2:
            return None
        return f"has {found} texts at {self.others}, not the two others to choose among; others says where"

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask which is best, in each order."""
        others = texts_at(sample, self.others)
        if len(others) != 2:
            return Score.missing(f"there are not two other outputs at {self.others}")
        texts = (completion.text, *others)
        if len({text.strip() for text in texts}) < 3:
            return Score.missing("two of the three outputs are the same, so there is no best of three")
        task, places, reasons = task_of(sample, [self.others]), [], []
        shares = []
        for order in self._orders(texts):
            shown = Shown(
                task=task, **{f"answer_{x.lower()}": texts[n] for x, n in zip(LETTERS, order, strict=True)}
            )
            slots = {
                **{name: shown[name] for name in ("task", "answer_a", "answer_b", "answer_c")},
                "criteria": self.criteria,
            }
            fields = {"reason": Words(), "best": Choice((*LETTERS, "tie"))}
            found = await verdict_of(ask, self.prompt, slots, fields, shown)
            if isinstance(found, Score):
                return found
            best = found.values["best"]
            places.append(best)
            reasons.append(found.reason)
            shares.append(1 / 3 if best == "tie" else float(order[LETTERS.index(best)] == 0))
        return Score.of(sum(shares) / len(shares), reason=reasons[0], places=places, reasons=reasons)

    def _orders(self, texts: Sequence[str]) -> list[tuple[int, int, int]]:
        """Return in which orders the texts stand; the first order is drawn by their digests."""
        digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        salted = [hashlib.sha256(each + b"".join(sorted(digests))).digest() for each in digests]
        a, b, c = sorted(range(3), key=lambda n: salted[n])
        return [(a, b, c)] if self.orders == "hash" else [(a, b, c), (b, c, a), (c, a, b)]

    def notes(self, scores: Iterable[Score]) -> tuple[str, ...]:
        """Tell how often each place was chosen."""
        chosen: Counter[str] = Counter()
        for score in scores:
            places = score.evidence.get("places")
            if score.counts and isinstance(places, list):
                chosen.update(str(place) for place in places)
        total = sum(chosen[letter] for letter in LETTERS)
        if not total:
            return ()
        told = ", ".join(f"{letter} {chosen[letter] / total:.0%}" for letter in LETTERS)
        return (f"places chosen: {told} of {total}, a third each without a bias; {chosen['tie']} ties",)

    @classmethod
    def example(cls) -> BestOfThree:
        """Return a judge with a prompt of one line."""
        return cls(prompt=Prompt(messages=(Message(role="user", content="x"),)))
