"""A ranking as a Report: the same words and figures that the terminal shows, and all of it as numbers."""

from __future__ import annotations

import shlex

from promptops.analysis.ranking import Ranking, money
from promptops.analysis.reporting import versions
from promptops.analysis.standings import MetricRanking, Standing
from promptops.noun import Noun
from promptops.pairs.standings import PairRanking, PairsAsked
from promptops.reports import Ranked, Report, Table
from promptops.texts.figures import dollars, figure, interval, signed

SET = "Evaluation set"


def ranking_report(found: Ranking) -> Report:
    """Tell a ranking of runs by their metrics."""
    told = (f"Rule: {found.best.rule}.",)
    remarks = (
        f"[own]: each run's own {found.level:.0%} interval. [all hold]: difference to run "
        f"{number_of(found, found.baseline)}; these intervals hold together with {found.level:.0%}.",
        "rank: the ranks a run can have, together as well. behind: how far it lies behind the best at most.",
        f"From {found.resamples:,} resamples of whole groups of samples, seed {found.seed}.",
    )
    ranked = Ranked(
        source=SET,
        told=told,
        warnings=found.warnings,
        tables=(_systems(found), *(_metric(found, each) for each in found.metrics)),
        remarks=remarks,
        figures=_figures(found),
    )
    runs = [system.run for system in found.systems]
    command = ["promptops", "rank", *runs, "--baseline", found.baseline, "--level", f"{found.level:g}"]
    return _report(found.best.sentence, found.evalset, ranked, command)


def pair_ranking_report(found: PairRanking, *, elo: bool = False) -> Report:
    """Tell a ranking by judgements of pairs; strengths may be shown as Elo points."""
    scale = f"Elo: {found.zero} is {found.anchor_elo:g}" if elo else f"Strength: logit, {found.zero} is 0"
    remarks = (
        f"{scale}. [own]: each system's own {found.level:.0%} interval, questions as clusters.",
        f"rank: the ranks that a system can have; those of all hold together with {found.level:.0%}.",
        f"{found.method}.",
    )
    ranked = Ranked(
        source=SET if found.asked is not None else "Judgements",
        told=rests_on(found),
        warnings=found.warnings,
        tables=(_strengths(found, elo=elo), _wins(found)),
        remarks=remarks,
        figures=_figures(found),
    )
    if found.asked is None:
        command = ["promptops", "judge", "rank", found.source]
    else:
        command = ["promptops", "rank", *(one.system for one in found.standings), "--pairwise"]
    return _report(found.sentence, found.source, ranked, [*command, *(["--elo"] if elo else [])])


def rests_on(found: PairRanking) -> tuple[str, ...]:
    """Return what a ranking by pairs rests on: how many judgements, by whom, and what order did to them."""
    ties = f"{found.ties} {'tie' if found.ties == 1 else 'ties'}"
    judges = f" by {', '.join(found.judges)}" if found.judges else ""
    what = f"{found.n} judgements of {len(found.standings)} systems{judges}, {ties}, {found.groups} questions"
    if found.asked is None:
        return (f"{what}; format {found.style}, question by {found.group or 'row'}.",)
    first, *more = _asked(found.asked)
    return (f"{what}. {first}", *more)


def _asked(asked: PairsAsked) -> tuple[str, ...]:
    looks = f", {asked.looks} of {asked.planned} looks" if asked.schedule == "adaptive" else ""
    calls = f"{asked.calls} calls, {dollars(asked.cost)}" if asked.calls else "No call: all was judged before"
    told = f"{asked.judged} of {asked.pairs} pairs judged ({asked.schedule}{looks}). {calls}."
    anchors = (asked.anchors,) if asked.anchors else ()
    if asked.flip_rate is None or asked.first_rate is None:
        return (told, *anchors)
    flips, first = (
        f"{value:.1%}" + ("" if low is None or high is None else f" [{low:.1%}, {high:.1%}]")
        for value, low, high in (
            (asked.flip_rate, asked.flip_low, asked.flip_high),
            (asked.first_rate, asked.first_low, asked.first_high),
        )
    )
    return (
        told,
        f"The verdict changed with the order in {asked.flips} pairs, {flips}; the answer shown first "
        f"was chosen in {first} of the decided replies.",
        *anchors,
    )


def _report(headline: str, evalset: str, ranked: Ranked, command: list[str]) -> Report:
    facts = versions().model_copy(update={"command": shlex.join(command)})
    return Report(headline=headline, evalset=evalset, ranking=ranked, facts=facts)


def _figures(found: Noun) -> dict[str, object]:
    figures: dict[str, object] = found.model_dump(mode="json")
    return figures


def _systems(found: Ranking) -> Table:
    rows = [
        (
            str(place),
            one.run,
            one.prompt,
            one.model,
            str(one.answers) + (f" ({one.missing} missing)" if one.missing else ""),
            priced(one.cost),
            priced(None if one.cost_per_sample is None else 1000 * one.cost_per_sample),
            "unknown" if one.tokens_per_sample is None else f"{one.tokens_per_sample:,.1f}",
            "unknown" if one.seconds is None else f"{one.seconds:.3g}",
        )
        for place, one in enumerate(found.systems, 1)
    ]
    columns = ("", "run", "prompt", "model", "answers", "cost", "per 1,000", "tokens each", "seconds")
    return Table(title="Runs", columns=columns, rows=tuple(rows), left=4)


def _metric(found: Ranking, ranking: MetricRanking) -> Table:
    systems = {system.run: system for system in found.systems}
    better = "" if ranking.higher_is_better else ", lower is better"
    note = f": {ranking.note}" if ranking.note else ""
    rows = [
        (
            number_of(found, one.run),
            one.run,
            systems[one.run].label,
            figure(one.figure),
            interval(one.low, one.high),
            "baseline" if one.run == found.baseline else signed(one.difference),
            interval(one.difference_low, one.difference_high, sign=True),
            ranks_of(one),
            "-" if one.behind is None else figure(max(one.behind, 0.0)),
        )
        for one in ranking.standings
    ]
    columns = ("", "run", "name", "figure", "[own]", "difference", "[all hold]", "rank", "behind")
    title = f"{ranking.label}{better}, {ranking.n} samples{note}"
    return Table(title=title, columns=columns, rows=tuple(rows), left=3)


def _strengths(found: PairRanking, *, elo: bool) -> Table:
    rows = []
    for place, one in enumerate(found.standings, 1):
        shown = signed(one.strength), interval(one.low, one.high, sign=True)
        if elo:
            ends = one.elo_low, one.elo_high
            known = "-" if None in ends else f"[{ends[0]:.0f}, {ends[1]:.0f}]"
            shown = f"{one.elo:.0f}", known
        ranks = str(one.best_rank) if one.best_rank == one.worst_rank else f"{one.best_rank}-{one.worst_rank}"
        counts = (str(each) for each in (one.wins, one.ties, one.losses))
        rows.append((str(place), one.name, *shown, ranks, f"{one.share:.1%}", *counts))
    columns = ("", "system", "Elo" if elo else "strength", "[own]", "rank", "won", "wins", "ties", "losses")
    return Table(title="Strengths", columns=columns, rows=tuple(rows), left=2)


def _wins(found: PairRanking) -> Table:
    rows = []
    for place, one in enumerate(found.standings):
        shares = zip(found.wins[place], found.games[place], strict=True)
        cells = (f"{won / played:.0%}" if played else "-" for won, played in shares)
        rows.append((str(place + 1), one.name, *cells))
    columns = ("", "system", *(str(place) for place in range(1, 1 + len(found.standings))))
    return Table(
        title="Share that the row wins against the column", columns=columns, rows=tuple(rows), left=2
    )


def number_of(found: Ranking, run: str) -> str:
    """Return the number by which a run is called in a ranking."""
    return str(1 + [system.run for system in found.systems].index(run))


def ranks_of(one: Standing) -> str:
    """Return the ranks that a run may have, as people write them."""
    if one.best_rank is None:
        return "-"
    return str(one.best_rank) if one.best_rank == one.worst_rank else f"{one.best_rank}-{one.worst_rank}"


def priced(value: float | None) -> str:
    """Return an amount in dollars, or that it is unknown."""
    return "unknown" if value is None else f"${money(value)}"
