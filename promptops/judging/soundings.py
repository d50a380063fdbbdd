"""A judge asked about the same answers in several ways or several times; what it said is kept in a file.

It is asked as in a run: the same requests, reader, limits and budget. What is written down is not asked
again.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from promptops.calls.call import first_fault
from promptops.canonical import digest_of
from promptops.errors import FileProblems, Problem
from promptops.files.textfile import file_name
from promptops.judges import Judge
from promptops.noun import Noun
from promptops.prompts.templates import Renderer
from promptops.runs.evaluation import Evaluation
from promptops.runs.runner import Runner
from promptops.runs.tasks import Known, Task
from promptops.store.rows import CallRow, ResultRow
from promptops.types import Completion, Run, Sample


class Heard(Noun):
    """What a judge said once about one answer; a line of the file."""

    key: str
    """Digest of judge, question, answer and which time it was."""
    signature: str
    run: str
    sample: str
    group: str | None = None
    way: str
    repeat: int
    value: float | None
    unscored: str = ""


Place = tuple[str, str, int]
"""Way, sample id, and which time."""


@dataclass(frozen=True)
class Sounding:
    """Answers, the ways in which a judge is asked about them, and how often."""

    run: str
    ways: Mapping[str, Judge]
    cases: Mapping[str, tuple[Sample, str]]
    """By sample id, with the answer."""
    times: int = 1

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The questions."""
        return tuple(sample for sample, _ in self.cases.values())

    @property
    def places(self) -> list[Place]:
        """Everything that is to be heard."""
        return [
            (way, name, repeat) for way in self.ways for name in self.cases for repeat in range(self.times)
        ]

    def key(self, place: Place) -> str:
        """Return by what an asking is known again."""
        way, name, repeat = place
        sample, text = self.cases[name]
        return digest_of([self.ways[way].signature, sample.model_dump(mode="json"), text, repeat])


@dataclass
class Listener(ABC):
    """Takes results from the runner and keeps each score as it comes."""

    sounding: Sounding
    heard: dict[Place, Heard]

    @abstractmethod
    def keep(self, heard: Sequence[Heard]) -> None:
        """Keep what was scored, so that it is not asked again."""

    def submit(self, *rows: CallRow | ResultRow) -> asyncio.Future[None]:
        """Keep what was scored; the replies themselves are not kept."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for row in rows:
            if isinstance(row, ResultRow):
                self._take(row)
        done.set_result(None)
        return done

    def known(self, samples: Sequence[Sample]) -> Known:
        """Return the answers as given already, and what needs no asking."""
        times = range(self.sounding.times)
        return Known(
            finished={
                (each.id, repeat)
                for each in samples
                for repeat in times
                if all((way, each.id, repeat) in self.heard for way in self.sounding.ways)
            },
            answered={
                (each.id, repeat, "answer"): Completion(text=self.sounding.cases[each.id][1])
                for each in samples
                for repeat in times
            },
        )

    def _take(self, row: ResultRow) -> None:
        name, repeat = row.result.sample_id, row.result.repeat
        lasting: list[Heard] = []
        for way, judge in self.sounding.ways.items():
            score = row.result.scores[way]
            heard = Heard(
                key=self.sounding.key((way, name, repeat)),
                signature=judge.signature,
                run=self.sounding.run,
                sample=name,
                group=self.sounding.cases[name][0].group,
                way=way,
                repeat=repeat,
                value=judge.value(score),
                unscored=score.unscored or "",
            )
            self.heard[way, name, repeat] = heard
            # A call that failed says nothing of the judge: it is asked again the next time.
            if score.unscored is None or "kind" not in score.evidence:
                lasting.append(heard)
        self.keep(lasting)


@dataclass
class Log(Listener):
    """Keeps scores in a file, a line each."""

    path: Path

    def keep(self, heard: Sequence[Heard]) -> None:
        """Write down what was scored."""
        lines = [json.dumps(each.model_dump(mode="json")) + "\n" for each in heard]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(lines))


def sounding_file(root: Path, evalset: str, label: str, kind: str) -> Path:
    """Return where it is kept what a judge said, in a folder that stays out of git."""
    return root / ".promptops" / "soundings" / f"{evalset}.{label}.{kind}.jsonl"


def log_of(sounding: Sounding, path: Path, *, cache: bool = True) -> Log:
    """Return the log of a sounding with what its file holds. Raises FileProblems."""
    before = {heard.key: heard for heard in read_heard(path)} if cache else {}
    known = {place: before[key] for place in sounding.places if (key := sounding.key(place)) in before}
    return Log(sounding, known, path)


def read_heard(path: Path) -> Iterable[Heard]:
    """Return what a file holds, in order; nothing where there is none. Raises FileProblems.

    A last line that a kill cut off is passed over.
    """
    if not path.exists():
        return ()
    found: list[Heard] = []
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], 1):
        try:
            found.append(Heard.model_validate_json(line))
        except ValidationError:
            raise FileProblems([Problem(file_name(path), "holds no scores of a judge", number)]) from None
    return found


def mend(path: Path) -> None:
    """Take away a last line that a kill cut off, so that the next one does not stand behind it."""
    if path.exists():
        data = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate(data.rfind(b"\n") + 1)


async def sound(work: Evaluation, run: Run, log: Listener) -> None:
    """Ask about all that the log doesn't hold. Raises Stopped where the server refuses all."""
    sounding = log.sounding
    task = Task(
        run=run,
        samples=sounding.samples,
        caller=None,
        metrics={},
        judges=sounding.ways,
        judge_callers=work.judge_callers(sounding.ways),
        ledger=log.known,
        brake=work.brake,
    )
    try:
        with Renderer() as renderer:
            runner = Runner(work.engine, log, renderer, work.usage, work.watch, {}, work.brake, None)
            await runner.carry_out([task], work.concurrency)
    except BaseExceptionGroup as group:
        raise first_fault(group) from None
    finally:
        for name in {name for judge in sounding.ways.values() for name in judge.models}:
            await work.caller(name).model.close()
        work.engine.close()
