"""Go down a tree of questions that the set declares; the leaf is the score, the path its evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import ClassVar, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from promptops import plugins
from promptops.errors import PromptopsError
from promptops.judges import Ask, Judge, Rung
from promptops.judges._asking import Choice, Shown, Words, references_of, verdict_of
from promptops.judges._places import listed, task_of
from promptops.judges._tree import MOST_NODES, Name, Node, questions_on, refuse_broken
from promptops.metrics import Metric
from promptops.types import Completion, Message, MetricRecord, Prompt, Sample, Score

PATHS_TOLD = 5


class DecisionTree(Judge):
    """Asks the question of `start`, then that to which the answer leads, up to a score (as DeepEval's DAG
    metric does it). Only what the path needs is asked, each question in a call of its own; a node may apply a
    plain metric instead, which costs nothing.

    Questions with few clear answers take the grading out of the judge's hands: how much a fault counts stands
    in the set.
    """

    prompt_file: ClassVar[str] = "decision_tree.prompt.yaml"

    nodes: dict[Name, Node] = Field(min_length=1, max_length=MOST_NODES)
    start: Name
    show_reference: bool = True
    language: str = "en"
    """Of the plain metrics; the set's language unless given."""

    @model_validator(mode="after")
    def _is_a_tree(self) -> Self:
        refuse_broken(self.nodes, self.start)
        _ = self.metrics
        return self

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The plain metrics by node. Raises ValueError where one can't be made."""
        return {
            name: _metric(name, node, self.language)
            for name, node in self.nodes.items()
            if node.metric is not None
        }

    @property
    def outlook(self) -> str:
        """Say that the number of calls depends on the path."""
        least, most = questions_on(self.nodes, self.start)
        return f"{least} to {most} calls a sample, by the path" if least < most else ""

    def check(self, sample: Sample) -> str | None:
        """Return which plain metric can't score a sample."""
        faults = ((name, metric.check(sample)) for name, metric in self.metrics.items())
        return next((f"node {name}: {fault}" for name, fault in faults if fault), None)

    @property
    def asked_of_people(self) -> str:
        """Return the questions of the tree."""
        return listed([f"{node.ask} ({', '.join(node.then)})" for node in self.nodes.values() if node.ask])

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Return the scores of the leaves."""
        return tuple(
            Rung(score) for score in sorted({each for node in self.nodes.values() for each in node.scores})
        )

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Answer one question after the other; one that can't be answered leaves no score."""
        references = sample.references if self.show_reference else ()
        shown = Shown(task=task_of(sample), reference=references, candidate=completion.text)
        path: list[dict[str, JsonValue]] = []
        name = self.start
        while True:
            node = self.nodes[name]
            if node.ask is None:
                step = self._measured(name, node, completion, sample)
            else:
                step = await self._asked(name, node, shown, ask)
            if isinstance(step, Score):
                told = f"{name}: {step.unscored}"
                return step.model_copy(
                    update={"unscored": told, "evidence": {**step.evidence, "path": list(path)}}
                )
            path.append(step)
            then = node.then[str(step["answer"])]
            if not isinstance(then, str):
                return Score.of(then, reason=f"{_told(path)}. {step['reason']}".strip(), path=path)
            name = then

    async def _asked(self, name: str, node: Node, shown: Shown, ask: Ask) -> dict[str, JsonValue] | Score:
        slots: dict[str, JsonValue] = {
            "task": shown["task"],
            "references": references_of(shown),
            "candidate": shown["candidate"],
            "question": node.ask,
            "answers": ", ".join(f'"{answer}"' for answer in node.then),
        }
        fields = {"reason": Words(), "answer": Choice(tuple(node.then))}
        found = await verdict_of(ask, self.prompt, slots, fields, shown)
        if isinstance(found, Score):
            return found
        return {"node": name, "answer": found.values["answer"], "reason": found.reason}

    def _measured(
        self, name: str, node: Node, completion: Completion, sample: Sample
    ) -> dict[str, JsonValue] | Score:
        metric = self.metrics[name]
        score = metric.score(completion, sample)
        value = metric.value(score)
        if value is None or node.at_least is None:
            return score
        said = "yes" if value >= node.at_least else "no"
        answer = next(each for each in node.then if each.casefold() == said)
        reason = f"{node.metric} is {value:.4g}, {'at least' if said == 'yes' else 'below'} {node.at_least:g}"
        return {"node": name, "answer": answer, "reason": reason, "value": value}

    def parts(self) -> dict[str, str]:
        """Name the plain metrics by their signatures, beside the prompt."""
        metrics = {f"node {name}": metric.signature for name, metric in self.metrics.items()}
        return {**super().parts(), **metrics}

    def notes(self, scores: Iterable[Score]) -> tuple[str, ...]:
        """Tell which paths were taken how often."""
        paths = Counter(_told(score.evidence["path"]) for score in scores if score.counts)
        told = [f"{count} x {path}" for path, count in paths.most_common(PATHS_TOLD)]
        more = len(paths) - len(told)
        return (*told, *([f"{more} more paths"] if more > 0 else []))

    def record(self, label: str, name: str) -> MetricRecord:
        """Return what a run keeps, with the scores of the leaves as the range."""
        leaves = [score for node in self.nodes.values() for score in node.scores]
        ends = {"low": min(leaves), "high": max(leaves)}
        return super().record(label, name).model_copy(update=ends)

    @classmethod
    def example(cls) -> DecisionTree:
        """Return a judge with a prompt of one line and one question."""
        prompt = Prompt(messages=(Message(role="user", content="x"),))
        return cls(prompt=prompt, nodes={"x": Node(ask="x?", then={"yes": 1.0, "no": 0.0})}, start="x")


def _metric(name: str, node: Node, language: str) -> Metric:
    if ":" in str(node.metric):
        raise ValueError(f"nodes.{name}: {node.metric!r} runs code of yours, which a node may not name")
    try:
        chosen = plugins.find("metrics", str(node.metric), Metric)  # type: ignore[type-abstract]
    except PromptopsError as error:
        raise ValueError(f"nodes.{name}: {error}") from None
    more = {"language": language} if "language" in chosen.model_fields else {}
    try:
        return chosen.model_validate({**more, **node.options})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("options", *first["loc"])))
        raise ValueError(f"nodes.{name}: {where}: {first['msg'].removeprefix('Value error, ')}") from None


def _told(path: object) -> str:
    """Return a path on one line."""
    steps = path if isinstance(path, list) else []
    return " > ".join(f"{step['node']}: {step['answer']}" for step in steps if isinstance(step, dict))
