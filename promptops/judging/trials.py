"""One judge before wrong answers with and without attacks: what is asked, and what it said, kept in a file.

The judge is asked as in a run: the same requests, reader, limits and budget. What it said is written down
as it comes, and what is written down is not asked again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from promptops.calls.call import first_fault
from promptops.canonical import digest_of
from promptops.errors import FileProblems, Problem
from promptops.files.textfile import file_name
from promptops.judges import Judge
from promptops.judging.attacks import Attack, Forged, Wrong, written
from promptops.judging.keptreplies import KeptReplies
from promptops.noun import Noun
from promptops.prompts.templates import Renderer
from promptops.runs.evaluation import Evaluation
from promptops.runs.runner import Runner
from promptops.runs.tasks import Known, Task
from promptops.store.rows import CallRow, ResultRow
from promptops.types import Completion, Run, Sample, Score

PLAIN = "plain"
"""What stands in place of an attack's id where there is none."""
AGAIN = "again"
"""The same where the plain wrong answer is asked a second time."""
_BEGINNING = b'{"key": "'
"""How each line of the file begins."""


class Said(Noun):
    """What a judge said about one wrong answer; a line of the file of results."""

    key: str
    """Digest of judge, question and text: what has the same one is not asked again."""
    attack: str
    family: str
    sample: str
    text: str
    score: Score
    replies: tuple[str, ...] = ()

    @property
    def silent(self) -> bool:
        """Whether a call failed, so that the judge gave no answer: it is to be asked again."""
        return self.score.unscored is not None and "kind" in self.score.evidence


@dataclass(frozen=True)
class Trial:
    """Wrong answers, plain and with attacks, before one judge."""

    judge: Judge
    label: str
    places: Mapping[str, tuple[Attack | None, Wrong, str]]
    """By sample id of the trial: the attack, the question, and the text that is judged."""
    others: Mapping[str, str] = field(default_factory=dict)
    """By sample id of the trial what the text is held against, where the judge compares two."""
    again: frozenset[str] = frozenset()
    """Sample ids of the trial where what was asked before is asked a second time, past any cache."""

    @property
    def repeats(self) -> int:
        """How often something is asked."""
        return 2 if self.again else 1

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The questions as the judge gets them, each by an id of its own."""
        return tuple(
            wrong.sample.model_copy(update={"id": place}) for place, (_, wrong, _) in self.places.items()
        )

    def key(self, place: str) -> str:
        """Return by what a judgement is known again."""
        _, wrong, text = self.places[place]
        sample = wrong.sample.model_dump(mode="json")
        facing = [self.others[place]] if place in self.others else []
        again = [AGAIN] if place in self.again else []
        return digest_of([self.judge.signature, sample, text, *facing, *again])

    def known(self, samples: Sequence[Sample]) -> Known:
        """Return the texts as answers that are there already."""
        texts = {(each.id, int(each.id in self.again)): self.places[each.id][2] for each in samples}
        others = {(place, 1 - repeat) for place, repeat in texts} if self.again else frozenset()
        return Known(
            finished=others,
            answered={(*place, "answer"): Completion(text=text) for place, text in texts.items()},
        )


def trial_of(
    judge: Judge, label: str, attacks: Sequence[Attack], wrong: Sequence[Wrong], forged: Forged
) -> Trial:
    """Return each question's plain wrong answer, twice, and the attacks dealt out over the questions."""
    places: dict[str, tuple[Attack | None, Wrong, str]] = {
        f"{PLAIN}@{each.sample.id}": (None, each, each.answer) for each in wrong
    }
    for number, attack in enumerate(attacks):
        each = wrong[number % len(wrong)]
        places[f"{attack.id}@{each.sample.id}"] = (attack, each, written(attack, each.answer, forged))
    again: dict[str, tuple[Attack | None, Wrong, str]] = {
        f"{AGAIN}@{each.sample.id}": (None, each, each.answer) for each in wrong
    }
    return Trial(judge, label, {**places, **again}, again=frozenset(again))


@dataclass
class Notebook:
    """Takes results from the runner and writes each to the file as it comes."""

    trial: Trial
    path: Path
    said: dict[str, Said] = field(default_factory=dict)
    """By sample id of the trial."""
    shared: KeptReplies | None = None
    """Takes replies that runs may use as well."""
    _replies: dict[str, list[str]] = field(default_factory=dict)

    def submit(self, *rows: CallRow | ResultRow) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for row in rows:
            if isinstance(row, CallRow):
                self._replies.setdefault(row.sample_id, []).append(row.completion.text)
                if self.shared is not None and row.cache_key is not None and not row.cached:
                    self.shared.add(row.cache_key, self.trial.judge.models, row.completion)
            else:
                self._take(row)
        done.set_result(None)
        return done

    def _take(self, row: ResultRow) -> None:
        place = row.result.sample_id
        attack, wrong, text = self.trial.places[place]
        plain = AGAIN if place in self.trial.again else PLAIN
        said = Said(
            key=self.trial.key(place),
            attack=plain if attack is None else attack.id,
            family=plain if attack is None else attack.family,
            sample=wrong.sample.id,
            text=text,
            score=row.result.scores[self.trial.label],
            replies=tuple(self._replies.pop(place, ())),
        )
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(said.model_dump(mode="json")) + "\n")
        self.said[place] = said


def read_said(path: Path) -> dict[str, Said]:
    """Return what a file holds, by key; nothing where there is no file. Raises FileProblems.

    A last line that a kill cut off is passed over; calls that failed are asked again.
    """
    if not path.exists():
        return {}
    found: dict[str, Said] = {}
    whole = path.read_bytes()[: _whole_bytes(path)]
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            said = Said.model_validate_json(line)
        except ValidationError:
            raise FileProblems([Problem(file_name(path), "holds no results of attacks", number)]) from None
        if not said.silent:
            found[said.key] = said
    return found


def mend(path: Path) -> None:
    """Take away a last line that a kill cut off, so that the next one does not stand behind it."""
    if path.exists():
        size = _whole_bytes(path)
        with path.open("r+b") as file:
            file.truncate(size)
            file.seek(max(size - 1, 0))
            if file.read(1) not in {b"", b"\n"}:
                file.write(b"\n")


def _whole_bytes(path: Path) -> int:
    """Return how many bytes of a file are whole lines, or no lines of ours at all."""
    data = path.read_bytes()
    start = data.rfind(b"\n") + 1
    rest = data[start:]
    begun = rest.startswith(_BEGINNING) or _BEGINNING.startswith(rest)
    return start if begun and not _is_json(rest) else len(data)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


async def carry_out(work: Evaluation, trial: Trial, run: Run, notebook: Notebook) -> None:
    """Ask about all places that the notebook doesn't hold. Raises Stopped where the server refuses all."""
    left = tuple(sample for sample in trial.samples if sample.id not in notebook.said)
    task = Task(
        run=run,
        samples=left,
        caller=None,
        metrics={},
        judges={trial.label: trial.judge},
        judge_callers=work.judge_callers({trial.label: trial.judge}),
        ledger=trial.known,
        left=len(left),
        brake=work.brake,
    )
    try:
        with Renderer() as renderer:
            runner = Runner(work.engine, notebook, renderer, work.usage, work.watch, {}, work.brake, None)
            await runner.carry_out([task], work.concurrency)
    except BaseExceptionGroup as group:
        raise first_fault(group) from None
    finally:
        for model in trial.judge.models:
            await work.caller(model).model.close()
        work.engine.close()
