"""The plots of the HTML report as images of their own: a page that shows one takes in no markup."""

from __future__ import annotations

from collections.abc import Sequence

from promptops.instruments import Drift
from promptops.judging.certificates import Certificate
from promptops.noun import Noun
from promptops.reports import _agreement, _drift
from promptops.reports._differences import differences_caption, differences_plot, differences_told
from promptops.reports._intervals import CAPTION, intervals_plot, intervals_told
from promptops.reports._markup import Markup, standalone
from promptops.reports._palette import plot_style
from promptops.verdicts import Delta, Verdict


class Plot(Noun):
    """An SVG without script or address, with its style for light and dark in it."""

    svg: str
    told: str
    """The same in words, for those who don't see it."""
    caption: str


def rules_plot(verdict: Verdict) -> Plot | None:
    """Draw each rule's [L, U] against the loss that is accepted; None where no rule has both."""
    drawn = intervals_plot(verdict.cells)
    return _plot(drawn, intervals_told(verdict.cells), CAPTION)


def changes_plot(changes: Sequence[float], delta: Delta) -> Plot | None:
    """Draw every case's change in one metric, with the change of all; None where there is no case."""
    drawn = differences_plot(changes, delta)
    return _plot(drawn, differences_told(changes, delta), differences_caption(changes, delta))


def agreement_plot(certificate: Certificate) -> Plot | None:
    """Draw a judge's scores against people's ratings; None where the certificate keeps none."""
    drawn = _agreement.agreement_plot(certificate)
    return _plot(drawn, _agreement.agreement_told(certificate), _agreement.agreement_caption())


def drift_plot(drift: Drift) -> Plot | None:
    """Draw a judge's readings of its anchors; None where there is none to compare."""
    drawn = _drift.drift_plot(drift)
    return _plot(drawn, _drift.drift_told(drift), _drift.drift_caption(drift))


def _plot(drawn: Markup, told: str, caption: str) -> Plot | None:
    return Plot(svg=standalone(drawn, plot_style()), told=told, caption=caption) if drawn else None
