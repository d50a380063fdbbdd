"""What turns texts into points for the verbs that ask for it, and what that would take."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from promptops.calls.budget import Budget
from promptops.calls.embedding import EmbeddingForecast, embedded, forecast_embedded, priced
from promptops.calls.models import open_model
from promptops.distributions.shift import NamedEmbed
from promptops.runs.eventloop import wait_for
from promptops.stats import Floats
from promptops.verbs.windowed import Windowed


class Pointed(Windowed):
    """Texts become points: from those that are kept, else from a model."""

    def _points(self, name: str, *, reuse: bool = True, budget: Budget | None = None) -> NamedEmbed:
        """Return what turns texts into points by a model, at the cost of a budget.

        Raises SettingsError where it can't be asked, UsageError or FileProblems where it can't be run here or
        has no price that a limit in money needs.
        """
        model = open_model(name, self.settings, self.environment, self.root)
        attempts, at_once = self.settings.attempts, model.settings.concurrency or self.settings.concurrency
        if budget is not None:
            budget.refuse_unpriced(name, priced=priced(model), by_usage=model.by_usage)
        server = model.embedder()

        def embed(texts: Sequence[str]) -> Floats:
            asking = embedded(
                texts,
                model,
                name,
                attempts=attempts,
                concurrency=at_once,
                kept=self._kept_points,
                reuse=reuse,
                budget=budget,
            )
            return wait_for(asking)

        return NamedEmbed(embed, f"{name} ({server.about})" if server is not None and server.about else name)

    def _foreseen(
        self, name: str, measure: Callable[[NamedEmbed], object], *, reuse: bool = True
    ) -> EmbeddingForecast:
        """Return what a measurement would ask a model for; it is ended where it would ask."""
        model = open_model(name, self.settings, self.environment, self.root, keyless=True)

        def foresee(texts: Sequence[str]) -> Floats:
            raise _Foreseen(texts)

        texts: Sequence[str] = ()
        try:
            measure(NamedEmbed(foresee, name))
        except _Foreseen as asked:
            texts = asked.texts
        return forecast_embedded(texts, model, name, kept=self._kept_points, reuse=reuse)


class _Foreseen(Exception):
    """The texts that a measurement looks at, on its way to whoever wants to know no more."""

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        self.texts = texts
