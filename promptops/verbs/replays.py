"""The verbs of what is stored: replay and verify a run, record it for others, and the cache."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from promptops.errors import Altered, UnknownName, UsageError
from promptops.judges import models_of
from promptops.judging.keptreplies import KeptReplies
from promptops.verbs.analyses import Analyses

if TYPE_CHECKING:
    from promptops.replay.proofs import CacheModel, Forgotten, Recording, Replay, Verification


class Replays(Analyses):
    """What was answered once need not be asked again, and can be checked."""

    def replay(self, reference: str) -> Replay:
        """Make a run again from its stored answers, in memory, and compare it with what is stored.

        Each request is rendered and each answer scored anew; nobody is asked and nothing is written.
        """
        from promptops.replay.verifying import replay_run

        run = self.run(reference)
        return replay_run(self.store, run, tuple(self.store.snapshot_samples(run.evalset_digest)))

    def verify(self, reference: str) -> Verification:
        """Tell whether prompt, samples, completions and scores of a run are those that were stored.

        `sha256` is that of the canonical form: two people whose figures are equal hold the same run.
        """
        from promptops.replay.proofs import Check, Verification
        from promptops.replay.verifying import verify_run

        try:
            return verify_run(self.store, self.run(reference))
        except Altered as error:
            check = Check(name="run", state="altered", told=str(error))
            return Verification(run=reference, outcome="altered", sha256=None, checks=(check,))

    def write_canonical(self, reference: str, path: str | Path) -> Path:
        """Write a run's canonical form as it is stored: what `verify` tells the SHA-256 of."""
        from promptops.files.textfile import replacing
        from promptops.replay.canonicalform import canonical_lines, place

        run = self.run(reference)
        with replacing(Path(path)) as file:
            for line in canonical_lines(run, sorted(self.store.results(run.id), key=place)):
                file.write(line)
        return Path(path)

    def record(self, references: Sequence[str], path: str | Path, *, requests: bool = True) -> Recording:
        """Write the answers of runs as a cassette, from which others evaluate without a key.

        Secrets are replaced, in questions and in answers. Without `requests` no message is kept, only content
        addresses. Raises UsageError for runs of a program of yours: its code is no part of an address.
        """
        from promptops.calls.models import key_variables, model_traits
        from promptops.replay.recording import Recorder
        from promptops.replay.verifying import asked_by
        from promptops.texts.redaction import Redactor

        if not references:
            raise UsageError("Name at least one run.")
        recorder = Recorder(Redactor(self.environment, key_variables(self.settings)), requests)
        for run in {run.id: run for run in map(self.run, references)}.values():
            asked = (run.model, *models_of(run.metrics))
            traits = {name: model_traits(name, self.settings) for name in asked}
            for name, kind in traits.items():
                if kind.runs_code:
                    raise UsageError(
                        f"Run {run.id} asked {name}, a program of yours. A cassette knows answers by their "
                        "request, and would go on giving them when the program has changed."
                    )
            local = frozenset(name for name, kind in traits.items() if kind.local)
            samples = tuple(self.store.snapshot_samples(run.evalset_digest))
            recorder.add(self.store, run, samples, asked_by(self.store, run), local)
        return recorder.write(Path(path))

    def cache_stats(self) -> list[CacheModel]:
        """Return which stored answers would be used again, by model. Reads every stored call once.

        Replies that judges gave in no run (`certify_judge`) are among them.
        """
        from promptops.calls.reusable import reusable_models

        return reusable_models(self.store, KeptReplies(self.root))

    def forget_answers(
        self, *, older_than: timedelta | None = None, model: str | None = None, dry_run: bool = False
    ) -> int:
        """Let stored answers not be used again; returns how many. Runs keep them, and can be verified.

        `older_than` spares what was asked or used since. Raises UnknownName for a model that never answered.
        """
        if model is not None:
            known = [found.model for found in self.cache_stats()]
            if model not in known:
                raise UnknownName("model with stored answers", model, known)
        return self._forgotten(older_than, model, dry_run)

    def points_stats(self) -> list[CacheModel]:
        """Return which points of texts by embedding models would be used again, by model."""
        from promptops.replay.proofs import CacheModel

        return [CacheModel.model_validate(vars(found)) for found in self._kept_points.kept()]

    def forget_cached(
        self, *, older_than: timedelta | None = None, model: str | None = None, dry_run: bool = False
    ) -> Forgotten:
        """Let neither stored answers nor points of texts be used again, as `forget_answers` does.

        Raises UnknownName for a model that has neither.
        """
        from promptops.replay.proofs import Forgotten

        answering = {found.model for found in self.cache_stats()}
        pointing = {found.model for found in self._kept_points.kept()}
        if model is not None and model not in answering | pointing:
            raise UnknownName("model with stored answers or points", model, answering | pointing)
        return Forgotten(
            answers=self._forgotten(older_than, model, dry_run),
            points=self._kept_points.forget(older_than=older_than, model=model, dry_run=dry_run),
        )

    def _forgotten(self, older_than: timedelta | None, model: str | None, dry_run: bool) -> int:
        """Forget stored answers, and replies of judges that belong to no run; return how many."""
        kept = KeptReplies(self.root).forget(older_than=older_than, model=model, dry_run=dry_run)
        return kept + self.store.forget(older_than=older_than, model=model, dry_run=dry_run)
