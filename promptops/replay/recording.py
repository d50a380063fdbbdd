"""Write what runs asked and were answered into a cassette: portable, redacted, the same bytes again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from promptops.calls.contentaddress import Asked
from promptops.errors import NotRecorded, UsageError
from promptops.judges import models_of
from promptops.replay.cassettes import Asking, Entry, Played, Shape, write_cassette
from promptops.replay.proofs import Recording
from promptops.replay.replaying import Heard, Replayer
from promptops.replay.verifying import remade
from promptops.store import Store
from promptops.texts.redaction import Redactor
from promptops.types import Completion, Request, Run, Sample

_Answers = dict[tuple[str, str | None], Entry]


@dataclass
class Recorder:
    """Collects the answers of runs; used once."""

    redactor: Redactor
    requests: bool = True
    """Whether messages and parameters are kept, for people to read."""
    _models: dict[str, str] = field(default_factory=dict)
    _runs: list[Shape] = field(default_factory=list)
    _ids: list[str] = field(default_factory=list)
    _entries: _Answers = field(default_factory=dict)
    _redacted: dict[str, None] = field(default_factory=dict)
    _unanswered: int = 0

    def add(
        self,
        store: Store,
        run: Run,
        samples: Sequence[Sample],
        asked: Mapping[str, Asked],
        local: frozenset[str],
    ) -> None:
        """Take a run's answers in; those of `local` models are left out, as they need no recording.

        Raises NotRecorded where an answer is not stored, or is not the one to the request as it is now.
        """
        now = remade(run)
        heard: list[Heard] = []
        replayer = Replayer(store, run, now.metrics, asked, clean=self._clean, hear=heard.append)
        faults = [each.why for each in now.gone]
        for page in replayer.pages(samples):
            faults.extend(f"sample {each.sample_id!r}: {each.why}" for each in (*page.remarks, *page.missing))
            for each in sorted(heard, key=lambda one: (one.sample_id, one.request.repeat, one.purpose)):
                if each.model not in local:
                    self._take(each)
            heard.clear()
        if faults:
            more = f" ... and {len(faults) - 5} more" if len(faults) > 5 else ""
            raise NotRecorded(
                f"Run {run.id} can't be recorded: {'; '.join(faults[:5])}{more}. Look at it with `promptops "
                f"replay {run.id}`, or evaluate again."
            )
        self._unanswered += run.samples * run.repeats - run.done
        self._models |= {
            name: self.redactor.text(asked[name].origin)
            for name in (run.model, *models_of(run.metrics))
            if name not in local and name in asked
        }
        self._ids.append(run.id)
        self._runs.append(self._shape(run))

    def write(self, path: Path) -> Recording:
        """Write the cassette. Raises FileProblems where it can't be written."""
        if not self._entries:
            raise UsageError("There is nothing to record: local models answer by themselves everywhere.")
        entries, size, digest = write_cassette(path, self._models, self._runs, self._entries.values())
        return Recording(
            file=str(path),
            runs=tuple(self._ids),
            entries=entries,
            bytes=size,
            sha256=digest,
            redacted=tuple(self._redacted),
            unanswered=self._unanswered,
        )

    def _take(self, heard: Heard) -> None:
        if heard.address is None:
            raise NotRecorded(
                f"It is not known where {heard.model} was reached when the run was made (an earlier "
                "promptops did not write it down). Evaluate again; the cache answers what was asked before."
            )
        entry = self._entry(heard)
        first = self._entries.setdefault((entry.address, None), entry)
        told = [(each.completion.text, each.completion.logprobs) for each in (first, entry)]
        if told[0] != told[1]:
            # The same request of another sample, which was asked on its own and got another answer.
            own = entry.model_copy(update={"sample": heard.sample_id})
            self._entries.setdefault((entry.address, heard.sample_id), own)

    def _entry(self, heard: Heard) -> Entry:
        request = heard.request
        asking = self._asking(request) if self.requests else None
        before = heard.recorded.completion
        changed = heard.completion.text != before.text
        if changed or (asking is not None and asking != _asking(request)):
            self._redacted.setdefault(heard.sample_id)
        return Entry(
            address=heard.address or "",
            model=heard.model,
            prompt=heard.prompt_digest,
            repeat=request.repeat,
            request=asking,
            completion=Played.of(heard.completion),
            redacted=changed,
        )

    def _clean(self, completion: Completion) -> Completion:
        model = None if completion.model is None else self.redactor.text(completion.model)
        text = self.redactor.text(completion.text)
        # A secret would stand there a token at a time.
        logprobs = completion.logprobs if text == completion.text else ()
        return completion.model_copy(update={"text": text, "model": model, "logprobs": logprobs})

    def _asking(self, request: Request) -> Asking:
        return Asking.model_validate(self.redactor.value(_asking(request).model_dump(mode="json")))

    def _shape(self, run: Run) -> Shape:
        shape = Shape(
            evalset=run.evalset,
            evalset_digest=run.evalset_digest,
            prompt=run.prompt.name,
            prompt_digest=run.prompt.digest,
            model=run.model,
            repeats=run.repeats,
            metrics={record.label: record.signature for record in run.metrics},
        )
        kept = self.redactor.value(shape.model_dump(mode="json", exclude={"evalset_digest", "prompt_digest"}))
        digests = {"evalset_digest": run.evalset_digest, "prompt_digest": run.prompt.digest}
        return Shape.model_validate({**kept, **digests} if isinstance(kept, dict) else digests)


def _asking(request: Request) -> Asking:
    return Asking(
        messages=request.messages, parameters=request.parameters, response_format=request.response_format
    )
