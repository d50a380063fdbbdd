"""Several runs in one table: real runs of scripted models in a real project."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest

from promptops import Project
from promptops.analysis.ranking import Ranking, amount
from promptops.analysis.standings import MetricRanking
from promptops.errors import NotComparable, UnknownName, UsageError
from promptops.plots.cost import cost_plot
from promptops.types import MetricSpec, Run
from tests.made import Folder, questions

N = 60


@pytest.fixture
def many(folder: Folder) -> Folder:
    """Sixty questions; models answer the first `right` of them rightly."""
    folder.evalset("numbers", questions(N))
    return folder


def script(folder: Folder, name: str, right: int, *, start: int = 0, **figures: Any) -> str:
    """Write a model that is right on `right` questions from `start` on; figures are of every answer."""
    wrong = {f"q{n:03}": {"text": "wrong", **figures} for n in range(N) if not start <= n < start + right}
    return folder.script(f"{name}.json", {"*": figures, **wrong})


def evaluated(folder: Folder, *models: str) -> list[Run]:
    with Project.open(folder.path) as project:
        return project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], list(models))


def ranked(folder: Folder, runs: list[Run], **more: Any) -> Ranking:
    with Project.open(folder.path) as project:
        return project.rank([run.id for run in runs], **more)


def exact(found: Ranking) -> MetricRanking:
    return next(table for table in found.metrics if table.label == "exact")


@pytest.fixture
def three(many: Folder) -> list[Run]:
    """A dear good model, a cheap one that is nearly as good, and one that is bad and cheaper still."""
    return evaluated(
        many,
        script(many, "dear", 59, cost=0.01, tokens_in=100, tokens_out=10, seconds=2.0),
        script(many, "cheap", 58, cost=0.001, tokens_in=50, tokens_out=5, seconds=0.5),
        script(many, "bad", 20, cost=0.0001, tokens_in=10, tokens_out=1, seconds=0.1),
    )


def test_a_table_has_figures_ranks_and_costs(many: Folder, three: list[Run]) -> None:
    found = ranked(many, three)
    assert [table.label for table in found.metrics] == ["exact", "contains"]
    table = exact(found)
    assert [one.run for one in table.standings] == [run.id for run in three]
    assert [one.figure for one in table.standings] == pytest.approx([59 / 60, 58 / 60, 20 / 60])
    assert [(one.best_rank, one.worst_rank) for one in table.standings] == [(1, 2), (1, 2), (3, 3)]
    assert table.standings[0].difference is None
    assert table.standings[2].difference == pytest.approx(-39 / 60)
    low, high = table.standings[2].difference_low, table.standings[2].difference_high
    assert low is not None and high is not None and low < -39 / 60 < high < -0.4
    dear = found.systems[0]
    assert (dear.cost, dear.cost_per_sample) == (pytest.approx(0.6), pytest.approx(0.01))
    assert (dear.tokens_in, dear.tokens_out, dear.tokens_per_sample) == (6000, 600, 110.0)
    assert (dear.seconds, dear.answers, dear.missing) == (2.0, 60, 0)
    assert amount(dear, "cost") == pytest.approx(10.0)
    assert len(table.pairs) == 3 and "seed" in table.method


def test_own_intervals_and_figures_are_those_that_show_prints(many: Folder, three: list[Run]) -> None:
    settings = (many.path / "evalsets/numbers/evalset.toml").read_text() + "\n[metrics.chrf]\n"
    many.evalset("numbers", questions(N), settings)
    runs = evaluated(many, script(many, "one", 55), script(many, "two", 50))
    found = ranked(many, runs)
    with Project.open(many.path) as project:
        for run in runs:
            shown = {each.label: each for each in project.estimates(run.id, slices=False)}
            for table in found.metrics:
                [standing] = [one for one in table.standings if one.run == run.id]
                expected = shown[table.label]
                assert standing.figure == pytest.approx(expected.value)
                assert (standing.low, standing.high) == pytest.approx((expected.low, expected.high))


def test_two_runs_are_as_far_behind_as_the_gates_bound_says(many: Folder, three: list[Run]) -> None:
    found = exact(ranked(many, three[:2]))
    with Project.open(many.path) as project:
        delta = project.compare(three[0].id, three[1].id, slices=False).deltas[0]
    second = next(one for one in found.standings if one.run == three[1].id)
    assert second.difference == pytest.approx(delta.difference)
    assert delta.low is not None and second.behind is not None
    assert second.behind == pytest.approx(-delta.low, rel=0.1) and second.behind >= -delta.low - 1e-12


def test_the_best_by_quality_names_all_that_can_not_be_told_from_it(many: Folder, three: list[Run]) -> None:
    best = ranked(many, three).best
    assert (best.run, best.ties, best.metric) == (three[0].id, (three[1].id,), "exact")
    assert "not distinguishable from the best" in best.sentence and "costs $10.00" in best.sentence
    alone = ranked(many, [three[0], three[2]]).best
    assert (alone.run, alone.ties) == (three[0].id, ())
    assert "the other one is certainly worse" in alone.sentence


def test_the_cheapest_keeps_the_margin_for_certain(many: Folder, three: list[Run]) -> None:
    best = ranked(many, three, best="cheapest", margin=0.1).best
    assert best.run == three[1].id and "costs $1.00" in best.sentence and "First is" in best.sentence
    assert "wrong with probability 0.05" in best.rule
    wide = ranked(many, three, best="cheapest", margin=0.9).best
    assert wide.run == three[2].id
    narrow = ranked(many, three, best="cheapest", margin=0.001).best
    assert narrow.run is None and "the smallest that one keeps is 0.0" in narrow.sentence


def test_cheap_can_be_meant_in_seconds_or_tokens(many: Folder, three: list[Run]) -> None:
    assert "takes 55.0 tokens" in ranked(many, three, best="cheapest", margin=0.1, by="tokens").best.sentence
    assert "takes 0.5 s" in ranked(many, three, best="cheapest", margin=0.1, by="seconds").best.sentence


def test_an_unknown_cost_is_no_zero_and_can_not_win(many: Folder) -> None:
    answers = {f"q{n:03}": {"cost": 0.001} for n in range(N - 1)}
    partly = many.script("partly.json", {"*": {}, **answers})
    runs = evaluated(many, script(many, "known", 60, cost=0.5), "mock/echo", partly)
    found = ranked(many, runs, best="cheapest", margin=0.2)
    assert [system.cost for system in found.systems] == [pytest.approx(30.0), None, None]
    assert found.best.run == runs[0].id and "is unknown" in found.best.sentence
    nobody = ranked(many, runs[1:], best="cheapest", margin=0.2).best
    assert nobody.run is None and "nobody knows what" in nobody.sentence
    assert "has no known cost" in ranked(many, runs[1:]).best.sentence


def test_a_margin_is_never_guessed(many: Folder, three: list[Run]) -> None:
    with pytest.raises(UsageError, match=r"never guessed.*\n.*the smallest at which .* by exact: 0\.0"):
        ranked(many, three, best="cheapest")
    with pytest.raises(UsageError, match="goes with the rule"):
        ranked(many, three, margin=0.1)
    with pytest.raises(UsageError, match="above 0"):
        ranked(many, three, best="cheapest", margin=-1.0)


def test_a_missing_answer_counts_as_worst_and_is_told(many: Folder) -> None:
    failing = {f"q{n:03}": {"fail": "rejected"} for n in range(3)}
    runs = evaluated(many, "mock/echo", many.script("f.json", {"*": {}, **failing}))
    found = ranked(many, runs)
    table = exact(found)
    assert [one.figure for one in table.standings] == pytest.approx([1.0, 57 / 60])
    assert (table.n, table.standings[1].missing) == (60, 3)
    assert any("3 answers are missing" in told for told in found.warnings)
    assert found.systems[1].missing == 3 and found.systems[1].answers == 57


def test_a_run_without_any_answer_is_the_worst(many: Folder) -> None:
    settings = (many.path / "evalsets/numbers/evalset.toml").read_text() + "\n[metrics.chrf]\n"
    many.evalset("numbers", questions(N), settings)
    runs = evaluated(many, "mock/echo", many.script("f.json", {"*": {"fail": "filtered"}}))
    for table in ranked(many, runs).metrics:
        assert [one.run for one in table.standings] == [run.id for run in runs]
        assert table.standings[1].figure == 0.0


def test_a_sample_that_one_run_can_not_score_is_left_out_for_all(many: Folder) -> None:
    """Tokens are not known of two answers: the metric drops these samples from both runs."""
    settings = (many.path / "evalsets/numbers/evalset.toml").read_text() + "\n[metrics.tokens]\n"
    many.evalset("numbers", questions(N), settings)
    known = {f"q{n:03}": {"tokens_out": 5 + n % 3} for n in range(2, N)}
    runs = evaluated(
        many,
        many.script("all.json", {"*": {"tokens_out": 7}}),
        many.script("some.json", {"*": {}, **known}),
    )
    found = ranked(many, runs, metric="tokens")
    [table] = found.metrics
    assert (table.n, table.unscored, table.higher_is_better) == (58, 2, False)
    assert [one.run for one in table.standings] == [runs[1].id, runs[0].id]
    difference = table.standings[0].difference
    assert difference is not None and difference == pytest.approx(
        np.mean([5 + n % 3 - 7 for n in range(2, N)])
    )
    assert table.standings[0].difference_high is not None and table.standings[0].difference_high < 0
    assert [(one.best_rank, one.worst_rank) for one in table.standings] == [(1, 1), (2, 2)]
    assert any("2 samples have no tokens score" in told for told in found.warnings)


def test_nobody_is_called_better_where_much_could_not_be_scored(many: Folder) -> None:
    settings = (many.path / "evalsets/numbers/evalset.toml").read_text() + "\n[metrics.tokens]\n"
    many.evalset("numbers", questions(N), settings)
    known = {f"q{n:03}": {"tokens_out": 500} for n in range(6, N)}
    runs = evaluated(
        many, many.script("all.json", {"*": {"tokens_out": 7}}), many.script("some.json", {"*": {}, **known})
    )
    [table] = ranked(many, runs, metric="tokens").metrics
    assert "10% of the answers could not be scored" in table.note
    assert [(one.best_rank, one.worst_rank, one.behind) for one in table.standings] == [(1, 2, None)] * 2


def test_few_samples_call_nobody_better(folder: Folder) -> None:
    folder.evalset("numbers", questions(12))
    runs = evaluated(folder, "mock/echo", "mock/constant:wrong")
    found = ranked(folder, runs)
    assert "under 20 samples" in exact(found).note and found.best.ties == (runs[1].id,)
    with pytest.raises(UsageError, match=r"none \(under 20 samples"):
        ranked(folder, runs, best="cheapest")


def test_few_groups_are_told(folder: Folder) -> None:
    folder.evalset("numbers", questions(40, group=lambda number: f"group {number % 5}"))
    found = ranked(folder, evaluated(folder, "mock/echo", "mock/constant:wrong"))
    assert any("5 groups are few" in told for told in found.warnings)


def test_one_group_has_figures_and_no_interval(folder: Folder) -> None:
    folder.evalset("numbers", questions(40, group=lambda _: "one"))
    found = ranked(folder, evaluated(folder, "mock/echo", "mock/constant:wrong"))
    assert [one.figure for one in exact(found).standings] == [1.0, 0.0]
    assert exact(found).note == "one group only: no interval"
    assert exact(found).standings[0].low is None and found.best.ties


def test_runs_that_do_not_mean_the_same_are_refused_with_both_values(many: Folder, three: list[Run]) -> None:
    settings = (many.path / "evalsets/numbers/evalset.toml").read_text()
    many.evalset(
        "numbers", questions(N), settings.replace("[metrics.exact]", "[metrics.exact]\nignore_case = false")
    )
    [strict] = evaluated(many, "mock/echo")
    with pytest.raises(NotComparable, match=r"(?s)ignore_case:true.*ignore_case:false"):
        ranked(many, [*three, strict])
    many.evalset("numbers", questions(N + 1), settings)
    [other] = evaluated(many, "mock/echo")
    with pytest.raises(NotComparable, match=f"{three[0].evalset_digest[:12]}.*{other.evalset_digest[:12]}"):
        ranked(many, [three[0], other])


def test_metrics_that_not_all_have_are_left_out_and_told(many: Folder, three: list[Run]) -> None:
    with Project.open(many.path) as project:
        bare = project.rescore(three[1].id, [MetricSpec(label="exact", metric="exact")])
        other = project.rescore(three[1].id, [MetricSpec(label="f1", metric="f1")])
    found = ranked(many, [three[0], bare])
    assert [table.label for table in found.metrics] == ["exact"]
    assert any("left out: contains" in told for told in found.warnings)
    with pytest.raises(NotComparable, match="share no metric"):
        ranked(many, [three[0], other])
    with pytest.raises(UnknownName, match="Did you mean 'exact'"):
        ranked(many, three, metric="exct")


def test_the_newest_run_of_each_prompt_and_model_is_found(many: Folder, three: list[Run]) -> None:
    [again] = evaluated(many, three[0].model)
    with Project.open(many.path) as project:
        found = project.rank(evalset="numbers")
        assert [system.run for system in found.systems] == [three[1].id, three[2].id, again.id]
        based = project.rank(evalset="numbers", baseline=three[2].id)
        assert based.baseline == three[2].id
        added = project.rank([three[1].id, three[2].id], baseline=three[0].id)
        assert [system.run for system in added.systems] == [run.id for run in three]
        with pytest.raises(UsageError, match="Name runs, or an evaluation set"):
            project.rank()
        with pytest.raises(UsageError, match="named twice"):
            project.rank([three[0].id, three[0].id])
        with pytest.raises(UsageError, match="takes 2 to 50 runs"):
            project.rank([three[0].id])
    many.evalset("numbers", questions(N + 1))
    with (
        Project.open(many.path) as project,
        pytest.raises(NotComparable, match="needs two prompts or models"),
    ):
        project.rank(evalset="numbers")


def test_the_command_says_who_is_best_first_and_what_it_costs(many: Folder, three: list[Run]) -> None:
    ids = [run.id for run in three]
    printed = many.run("rank", *ids).stdout
    assert " ".join(printed.split()).startswith(f"{three[0].prompt_ref} on {three[0].model} (0.9833 [0.9114,")
    assert f"seed {ranked(many, three).seed}" in printed
    assert "Rule: the first by exact" in printed and "$10.00" in printed and "1-2" in printed
    document = many.json("rank", *ids, "--best", "cheapest", "--margin", "0.1")
    assert document["ranking"]["best"]["run"] == ids[1]
    assert Ranking.model_validate_json(json.dumps(document["ranking"])).seed == document["ranking"]["seed"]
    assert (
        "unknown"
        in many.run("rank", *[run.id for run in evaluated(many, "mock/echo", "mock/constant:x")]).stdout
    )


def test_wrong_use_of_the_command_is_told(many: Folder, three: list[Run]) -> None:
    ids = [run.id for run in three]
    assert "never guessed" in many.run("rank", *ids, "--best", "cheapest", code=2).stderr
    assert "Name runs, or an evaluation set" in many.run("rank", code=2).stderr
    assert "No metric of all runs is named" in many.run("rank", *ids, "--metric", "nope", code=2).stderr
    assert "can't be written" in many.run("rank", *ids, "--plot", "no/where.svg", code=2).stderr


def test_the_plot_is_one_file_in_which_names_are_only_text(many: Folder) -> None:
    runs = evaluated(
        many,
        script(many, "<script>alert(1)", 59, cost=0.01),
        script(many, "b", 50, cost=0.001),
        "mock/constant:<i>\u202e&\ufffe",
    )
    many.run("rank", *[run.id for run in runs], "--plot", "plot.svg")
    text = (many.path / "plot.svg").read_text("utf-8")
    tree = ElementTree.fromstring(text)
    assert {element.tag.rpartition("}")[2] for element in tree.iter()} <= {
        *("svg", "title", "rect", "text", "path", "circle", "g"),
    }
    assert "<script" not in text and "&lt;script&gt;alert(1)" in text and "&lt;i&gt;" in text
    assert "\u202e" not in text and "\ufffe" not in text and "href" not in text
    assert "cost unknown" in text
    with pytest.raises(UsageError, match="nothing to draw"):
        cost_plot(ranked(many, runs, by="seconds"))
