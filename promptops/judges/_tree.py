"""A tree of questions as a set's file writes it, and what is wrong with it before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, FiniteFloat, JsonValue, StringConstraints, model_validator

from promptops.errors import UnknownName
from promptops.noun import Noun

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
MOST_NODES = 100
YES_NO = ("yes", "no")


def _is_no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a score or the name of a node, not true or false")
    return value


Then = Annotated[FiniteFloat | Name, BeforeValidator(_is_no_boolean)]
"""What follows: a score, at which the tree ends, or the name of the next node."""


class Node(Noun):
    """One question: asked of the judge, or answered by a plain metric with yes (at least so much) or no."""

    ask: Name | None = None
    metric: Name | None = None
    options: dict[str, JsonValue] = Field(default_factory=dict)
    at_least: FiniteFloat | None = None
    then: dict[Name, Then]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        answers = [answer.casefold() for answer in self.then]
        if (self.ask is None) == (self.metric is None):
            raise ValueError("needs either a question (ask) or a metric")
        if self.metric is not None:
            if self.at_least is None:
                raise ValueError("needs at_least: the value from which on the metric says yes")
            if sorted(answers) != ["no", "yes"]:
                raise ValueError("must say what follows on yes and on no: then = { yes = ..., no = ... }")
        elif self.options or self.at_least is not None:
            raise ValueError("options and at_least belong to a metric, not to a question")
        if len(set(answers)) < len(answers):
            raise ValueError("has two answers that differ in their case alone")
        if len(answers) == 1 and answers[0] in YES_NO:
            raise ValueError(f"lacks the branch {'no' if answers[0] == 'yes' else 'yes'!r}")
        if len(answers) < 2:
            raise ValueError("needs two answers at least, each with what follows")
        return self

    @property
    def next(self) -> list[str]:
        """Return the nodes that may follow."""
        return [then for then in self.then.values() if isinstance(then, str)]

    @property
    def scores(self) -> list[float]:
        """Return the scores at which the tree may end here."""
        return [then for then in self.then.values() if not isinstance(then, str)]


def refuse_broken(nodes: Mapping[str, Node], start: str) -> None:
    """Raise ValueError where a tree lacks a node, goes in a circle, or has a node that is never reached."""
    if start not in nodes:
        raise ValueError(f"start: {UnknownName('node', start, nodes)}")
    for name, node in nodes.items():
        for answer, then in node.then.items():
            if isinstance(then, str) and then not in nodes:
                raise ValueError(f"nodes.{name}: on {answer!r}: {UnknownName('node', then, nodes)}")
    try:
        tuple(TopologicalSorter({name: node.next for name, node in nodes.items()}).static_order())
    except CycleError as error:
        raise ValueError(f"nodes go in a circle: {' -> '.join(reversed(error.args[1]))}") from None
    lost = sorted(set(nodes) - set(reached_from(nodes, start)))
    if lost:
        raise ValueError(f"nothing leads to {', '.join(map(repr, lost))}; {start!r} is the start")
    if len({score for node in nodes.values() for score in node.scores}) < 2:
        raise ValueError("every way ends at the same score, so the tree tells nothing")


def reached_from(nodes: Mapping[str, Node], start: str) -> Iterator[str]:
    """Yield each node that can be reached, once."""
    seen, left = {start}, [start]
    while left:
        name = left.pop()
        yield name
        left += [each for each in dict.fromkeys(nodes[name].next) if each not in seen]
        seen |= set(nodes[name].next)


def questions_on(nodes: Mapping[str, Node], start: str) -> tuple[int, int]:
    """Return how many questions are asked of the judge on the shortest and on the longest way."""
    counts: dict[str, tuple[int, int]] = {}
    order = TopologicalSorter({name: node.next for name, node in nodes.items()}).static_order()
    for name in order:  # those that follow come first
        node = nodes[name]
        ends = [(0, 0)] * bool(node.scores) + [counts[each] for each in node.next]
        own = int(node.ask is not None)
        counts[name] = (own + min(low for low, _ in ends), own + max(high for _, high in ends))
    return counts[start]
