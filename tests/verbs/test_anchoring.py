"""A judge watched over time: a change is found and dated, noise is left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from promptops.calls.budget import Budget
from promptops.calls.call import Stopped
from promptops.errors import FileProblems, NotMeasured, UsageError
from promptops.judging import drifting
from promptops.judging.anchors import Anchor, Anchors, Freezing, Reading, append_reading, read_anchors, spread
from promptops.judging.drifting import changes_of, found_in
from promptops.project import Project
from promptops.types import Sample
from tests.judges.scripted_judge import Server, serving
from tests.made import Folder, questions
from tests.milder_judge import Mood, N, cli, scored_by


@pytest.fixture
def mood() -> Mood:
    return Mood()


@pytest.fixture
def server(mood: Mood) -> Iterator[Server]:
    with serving(mood.reply) as server:
        yield server


@pytest.fixture
def watched(folder: Folder, server: Server) -> Folder:
    return scored_by(server, folder)


def test_a_judge_that_becomes_half_a_point_milder_is_found_and_dated(
    watched: Folder, server: Server, mood: Mood
) -> None:
    with Project.open(watched.path) as project:
        frozen = project.freeze_anchors("numbers:quality", count=30)
        assert len(server.bodies) == N + 30
        assert sorted({case.score for case in frozen.cases}) == [2, 2.5, 3, 3.5, 4, 4.5]
        calm = project.check_judge("numbers:quality")
        assert len(server.bodies) == N + 60, "it is asked again, not answered from the cache"
        assert (calm.measured, calm.drifted, calm.checks, calm.calls) == (True, False, 1, 30)
        assert calm.cost == pytest.approx(30 * 110 / 1e6)
        assert "has not changed measurably" in calm.sentence
        second = project.check_judge("numbers:quality")
        mood.milder = 0.5
        found = [project.check_judge("numbers:quality") for _ in range(2)]
        caught = next(check for check in found if check.drifted)
        readings = project.readings("numbers:quality")
        assert caught.before == second.date and caught.since == found[0].date
        assert caught.shift.low is not None and caught.shift.high is not None
        assert caught.shift.low < 0.5 < caught.shift.high
        assert "its scores rose by" in caught.sentence
        later = project.check_judge("numbers:quality")
        assert later.drifted and later.since == caught.since
        assert "as was found at the check of" in later.sentence
        assert len(changes_of(readings, caught.signature)) == 1
        anew = project.freeze_anchors("numbers:quality", renew=True)
        assert {case.id for case in anew.cases} == {case.id for case in frozen.cases}
        assert not project.check_judge("numbers:quality").drifted


def test_the_difference_is_a_paired_t_interval(watched: Folder) -> None:
    with Project.open(watched.path) as project:
        frozen = project.freeze_anchors("numbers:quality")
        found = project.check_judge("numbers:quality")
        [reading] = project.readings("numbers:quality")
    gaps = [float(reading.scores[case.id] or 0) - case.score for case in frozen.cases]
    low, high = stats.t.interval(0.95, len(gaps) - 1, np.mean(gaps), stats.sem(gaps))
    assert (found.difference.value, found.difference.low, found.difference.high) == pytest.approx(
        (np.mean(gaps), low, high)
    )


def test_exit_codes_say_unchanged_changed_and_not_measured(
    watched: Folder, server: Server, mood: Mood
) -> None:
    frozen = cli(watched, "judge", "freeze", "numbers:quality", "--cases", "20")
    assert frozen.exit_code == 0 and "20 anchors of quality by judge/m" in frozen.stdout
    assert cli(watched, "judge", "check", "numbers:quality").exit_code == 0
    mood.silent = 1
    one_unread = cli(watched, "judge", "check", "numbers:quality", "--json")
    document = json.loads(one_unread.stdout)
    assert (one_unread.exit_code, document["exit_code"], document["check"]["unread"]) == (0, 0, 1)
    mood.silent = 2
    unread = cli(watched, "judge", "check", "numbers:quality")
    assert unread.exit_code == 3 and "2 of 20 anchors have no score" in unread.stdout
    server.status = 500
    down = cli(watched, "judge", "check", "numbers:quality")
    assert down.exit_code == 3 and "20 calls, of which 20 got no answer, $0" in down.stdout
    server.status = 401
    dead = cli(watched, "judge", "check", "numbers:quality")
    assert isinstance(dead.exception, Stopped) and dead.exception.exit_code == 3
    server.status = 200
    with Project.open(watched.path) as project:
        assert len(project.readings("numbers:quality")) == 2, "what measured nothing is not kept"
    mood.milder = 1.0
    changed = cli(watched, "judge", "check", "numbers:quality")
    assert changed.exit_code == 1 and "quality changed between" in changed.stdout


def test_what_it_takes_is_told_before_and_limits_are_kept(watched: Folder, server: Server) -> None:
    asked = len(server.bodies)
    told = json.loads(cli(watched, "judge", "freeze", "numbers:quality", "--dry-run", "--json").stdout)
    assert told["forecast"]["calls"] == 30 and told["forecast"]["cost"] is not None
    with Project.open(watched.path) as project:
        assert project.anchors("numbers:quality") is None
        with pytest.raises(Stopped, match="--max-calls 29 is not enough"):
            project.freeze_anchors("numbers:quality", budget=Budget(max_calls=29))
        assert len(server.bodies) == asked
        project.freeze_anchors("numbers:quality")
        assert project.forecast_check("numbers:quality").calls == 30
        with pytest.raises(Stopped, match=r"Stopped by --max-cost.*nothing was kept"):
            project.check_judge("numbers:quality", budget=Budget(max_cost=0.001))
        assert project.readings("numbers:quality") == ()


def test_a_limit_below_the_anchors_is_exit_code_three_and_asks_nobody(
    watched: Folder, server: Server
) -> None:
    with Project.open(watched.path) as project:
        project.freeze_anchors("numbers:quality", count=12)
    asked = len(server.bodies)
    done = cli(watched, "judge", "check", "numbers:quality", "--max-calls", "5")
    assert isinstance(done.exception, Stopped) and done.exception.exit_code == 3
    assert "--max-calls 5 is not enough: 12 anchors are judged" in str(done.exception)
    assert len(server.bodies) == asked


def test_the_list_of_judges_tells_of_the_last_check(watched: Folder, mood: Mood) -> None:
    def listed() -> tuple[str, Any]:
        found = json.loads(cli(watched, "judge", "list", "--json").stdout)["judges"][0]["check"]
        return cli(watched, "judge", "list").stdout, found

    assert "last check" in listed()[0] and listed()[1] is None
    with Project.open(watched.path) as project:
        project.freeze_anchors("numbers:quality", count=20)
        today = project.anchors("numbers:quality").freezing.frozen_at[:10]  # type: ignore[union-attr]
        told, found = listed()
        assert f"frozen {today}" in told and (found["date"], found["anchors"]) == (None, 20)
        steady = project.check_judge("numbers:quality")
        told, found = listed()
        assert f"steady, {today}" in told and not found["drifted"] and found["date"] == steady.date
        assert found["difference"]["low"] == pytest.approx(steady.difference.low)
        mood.milder = 1.0
        changed = project.check_judge("numbers:quality")
        assert changed.drifted
        told, found = listed()
        assert f"changed, {today}" in told and "Next: promptops judge freeze numbers:quality --renew" in told
        assert (found["drifted"], found["since"]) == (True, changed.date)
        settings = watched.path / "evalsets/numbers/evalset.toml"
        settings.write_text(settings.read_text().replace("It helps.", "It is kind."))
        told, found = listed()
        assert "never, of this judge" in told and found["another"] and found["date"] is None


def test_a_difference_that_is_the_same_on_every_anchor_has_no_interval() -> None:
    freezing = Freezing(
        evalset="e", label="l", judge="j", signature="s", source="", frozen_at="2026-01-01T00:00:00+00:00"
    )
    cases = tuple(Anchor(sample=case(n, 0)[0], output=f"text {n}", score=4.0) for n in range(12))
    anchors = Anchors(freezing=freezing, cases=cases)
    fresh = Reading(
        date="2026-02-01T00:00:00+00:00",
        anchors=anchors.digest,
        signature="s",
        judge="j",
        scores={each.id: 4.0 for each in cases},
    )
    _, check = found_in(anchors, [], fresh, (None, None))
    gap = check.difference
    assert (gap.value, gap.low, gap.high, gap.n) == (0.0, None, None, 12)
    assert gap.reason == drifting.ALL_EQUAL
    assert "+0 to the frozen scores of 12 anchors, on every one alike" in check.sentence
    assert "[" not in check.sentence


def test_another_judge_begins_a_series_of_its_own(watched: Folder, mood: Mood) -> None:
    with Project.open(watched.path) as project:
        project.freeze_anchors("numbers:quality")
        mood.milder = 0.5
        other = project.check_judge("numbers:quality", judge_model="judge/other")
        assert other.new_series == "model changed since the anchors were frozen"
        assert (other.drifted, other.checks, other.p) == (False, 0, None)
        assert other.difference.low is not None and other.difference.low > 0
        again = project.check_judge("numbers:quality", judge_model="judge/other")
        assert (again.drifted, again.checks, again.new_series) == (False, 1, "")
        settings = watched.path / "evalsets/numbers/evalset.toml"
        settings.write_text(settings.read_text().replace("[1, 5]", "[0, 10]"))
        wide = project.check_judge("numbers:quality")
        assert "scale" in wide.new_series and wide.difference.value is None
        assert "is not comparable" in wide.sentence


def test_labelled_cases_serve_as_anchors(watched: Folder) -> None:
    with Project.open(watched.path) as project:
        project.draw_cases("numbers:quality", count=25)
        held = project.labelling("numbers:quality")
        project.rate_cases("numbers:quality", "anna", {case.id: 3 for case in held.cases[:20]})
        frozen = project.freeze_anchors("numbers:quality", labelled=True)
    assert len(frozen.cases) == 20
    assert {case.output for case in frozen.cases} == {case.output for case in held.cases[:20]}


def test_an_edited_set_does_not_change_what_is_asked(watched: Folder, server: Server) -> None:
    with Project.open(watched.path) as project:
        project.freeze_anchors("numbers:quality")
        before = {body["messages"][-1]["content"] for body in server.bodies[-30:]}
        samples = watched.path / "evalsets/numbers/samples.jsonl"
        samples.write_text(samples.read_text().replace('"number ', '"figure '))
        project.check_judge("numbers:quality")
    assert {body["messages"][-1]["content"] for body in server.bodies[-30:]} == before


def test_what_makes_no_anchors_is_refused(watched: Folder, mood: Mood) -> None:
    with Project.open(watched.path) as project:
        with pytest.raises(UsageError, match=r"has no anchors\. Freeze some"):
            project.check_judge("numbers:quality")
        with pytest.raises(UsageError, match="to 40 samples, and 41 were to be frozen"):
            project.freeze_anchors("numbers:quality", count=41)
        first = project.runs()[0].id
        with pytest.raises(UsageError, match="is one of 'others'"):
            other = watched.evalset("others", questions(3))
            run = project.evaluate(other, [watched.path / "ask.prompt.yaml"], ["mock/echo"])[0]
            project.freeze_anchors("numbers:quality", runs=[run.id])
        with pytest.raises(UsageError, match="name one of the three"):
            project.freeze_anchors("numbers:quality", renew=True, labelled=True)
        mood.silent = 3
        with pytest.raises(NotMeasured, match="3 of 30 cases got no score"):
            project.freeze_anchors("numbers:quality", runs=[first])
        assert project.anchors("numbers:quality") is None
        project.freeze_anchors("numbers:quality", runs=[first])
        with pytest.raises(UsageError, match="has anchors already"):
            project.freeze_anchors("numbers:quality")


def test_broken_files_are_told_by_line_and_reason(watched: Folder) -> None:
    with Project.open(watched.path) as project:
        frozen = project.freeze_anchors("numbers:quality", count=12)
        path = project.anchors_path("numbers:quality")
        whole = path.read_text()
        assert read_anchors(path) == frozen
        lines = whole.splitlines()
        lines[1] = lines[1].replace('"score": ', '"score": 1')
        path.write_text("\n".join([lines[0], lines[1], lines[2], lines[2], '{"output": 3}']))
        with pytest.raises(FileProblems) as error:
            read_anchors(path)
        told = str(error.value)
        assert ":2:" in told and "scale is 1 to 5" in told
        assert ":4:" in told and "stands above already" in told
        assert ":5:" in told and "field required" in told
        path.write_text(whole)
        history = path.with_name("readings.jsonl")
        reading = {"anchors": frozen.digest, "signature": "s", "judge": "j", "scores": {"nobody": 1}}
        rows = [
            json.dumps(reading | {"date": "2026-01-01T00:00:00"}),
            json.dumps(reading | {"date": "2026-01-01T00:00:00+00:00"}),
            "<<<<<<< ours",
        ]
        history.write_text("\n".join(rows))
        with pytest.raises(FileProblems) as error:
            project.readings("numbers:quality")
        told = str(error.value)
        assert ":1:" in told and "has no time zone" in told
        assert ":2:" in told and "is none of the anchors" in told
        assert ":3:1" in told and "conflict mark of git" in told


def test_a_history_that_two_branches_wrote_is_one(watched: Folder, tmp_path: Path) -> None:
    with Project.open(watched.path) as project:
        frozen = project.freeze_anchors("numbers:quality", count=12)
        history = project.anchors_path("numbers:quality").with_name("readings.jsonl")
        scores = {case.id: case.score for case in frozen.cases}
        late, early = (
            Reading(date=date, anchors=frozen.digest, signature="s", judge="j", scores=scores)
            for date in ("2026-02-01T10:00:00+00:00", "2026-02-01T10:00:00+02:00")
        )
        history.write_text(late.model_dump_json())  # without an end of line, as an editor may leave it
        for reading in (early, late):
            append_reading(history, reading)
        assert project.readings("numbers:quality") == (early, late)


def case(number: int, score: float) -> tuple[Sample, str, float]:
    return Sample(id=f"s{number}", inputs={"n": number}), f"text {number}", score


def test_cases_are_drawn_over_the_whole_scale_and_the_same_everywhere() -> None:
    pool = [case(number, 1.0 if number < 5 else 5.0) for number in range(200)]
    drawn = spread(pool, 10, 3)
    assert sum(sample.inputs["n"] in range(5) for sample, _ in drawn) == 5
    assert spread(reversed(pool), 10, 3) == drawn
    assert spread(pool, 20, 3)[:10] == drawn
    assert spread(pool, 10, 4) != drawn
    shades = [case(number, number / 200) for number in range(200)]
    parts = [int(sample.inputs["n"]) // 20 for sample, _ in spread(shades, 10, 3)]  # type: ignore[arg-type]
    assert sorted(parts) == list(range(10))
    twice = [(*case(1, 1.0)[:1], "again", 1.0), case(1, 1.0)]
    assert len(spread(twice, 2, 0)) == 1


def alarms(*, anew: bool, series: int, checks: int) -> float:
    """Return the share of series about a judge that stays the same in which an alarm was raised."""
    raised = 0
    for seed in range(series):
        rng = np.random.default_rng(seed)

        def judged(rng: Any = rng) -> Any:
            """Mostly 5 and 4, seldom less: all of it luck."""
            return np.clip(np.round(rng.normal(4.6, 1.0, 150)), 1, 5)

        first = judged()
        drawn = [
            int(sample.inputs["n"])  # type: ignore[arg-type]
            for sample, _ in spread((case(n, float(first[n])) for n in range(150)), 30, seed)
        ]
        frozen = judged() if anew else first
        anchors = Anchors(
            freezing=Freezing(
                evalset="e",
                label="l",
                judge="j",
                signature="s",
                source="",
                frozen_at="2026-01-01T00:00:00+00:00",
            ),
            cases=tuple(
                Anchor(sample=case(n, 0)[0], output=f"text {n}", score=float(frozen[n])) for n in drawn
            ),
        )
        readings: list[Reading] = []
        for day in range(checks):
            now = judged()
            scores = {each.id: float(now[n]) for each, n in zip(anchors.cases, drawn, strict=True)}
            fresh = Reading(
                date=f"2026-02-{day + 1:02}T00:00:00+00:00",
                anchors=anchors.digest,
                signature="s",
                judge="j",
                scores=scores,
            )
            reading, check = found_in(anchors, readings, fresh, (None, None))
            readings.append(reading)
        raised += check.drifted
    return raised / series


def test_a_noisy_judge_that_stays_is_left_alone_as_cases_are_judged_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """8 checks at 0.6 / 100 each: at most 4.8 % of all series (Monte Carlo error .03).

    Frozen with the scores by which they were drawn over the scale, extreme ones would go back to the middle,
    and that is taken for a change.
    """
    monkeypatch.setattr(drifting, "ALPHA", 0.6)
    assert alarms(anew=True, series=60, checks=8) <= 0.048 + 2 * 0.03
    assert alarms(anew=False, series=10, checks=8) > 0.3
