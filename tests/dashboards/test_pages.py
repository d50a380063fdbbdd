"""Every page by AppTest: it does its task and shows the numbers that the command line prints."""

from __future__ import annotations

import base64
import contextlib
import html
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboards import opened
from promptops import Project, PromptopsError, Selection, changes_plot, preference_sentences, rules_plot
from promptops.texts.figures import figure, signed
from promptops.types import MetricSpec
from tests.dashboards.hostile_project import SET, Made
from tests.made import PATIENCE

APP = Path(__file__).parents[2] / "dashboards" / "app.py"
Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def projects() -> Iterator[dict[str, Project]]:
    """What the pages opened, to be closed in the end: what they remember serves several tests."""
    found: dict[str, Project] = {}
    yield found
    for project in found.values():
        project.close()
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, projects: dict[str, Project]) -> Open:
    """Open a page of a project's dashboard, with parameters of its URL."""

    def show(root: Path, database: str, name: str, **parameters: str | list[str]) -> AppTest:
        monkeypatch.setenv("PROMPTOPS_ROOT", str(root))
        monkeypatch.setenv("PROMPTOPS_DATABASE", database)
        app = AppTest.from_file(str(APP), default_timeout=PATIENCE).run()
        app.switch_page(f"views/{name}.py")
        for key, value in parameters.items():
            app.query_params[key] = value
        app.run()
        with contextlib.suppress(PromptopsError):
            projects[database] = opened.project()
        return app

    return show


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, str]:
    """An empty project whose database is made."""
    (tmp_path / "promptops.toml").write_text('model = "mock/echo"\n', "utf-8")
    with Project.open(tmp_path) as project:
        project.data_version()
        return tmp_path, project.settings.database


@dataclass(frozen=True)
class Tiny:
    """A project with two runs on twenty-four questions; the second is wrong everywhere."""

    root: Path
    database: str
    good: str
    bad: str


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    """Make the project."""
    folder = tmp_path / "evalsets" / "tiny"
    folder.mkdir(parents=True)
    (folder / "evalset.toml").write_text(
        'format = 1\n[card]\ndescription = "x"\n[metrics.length]\nmax = 90\nunit = "words"\n[metrics.exact]\n'
        '[[gate]]\nmetric = "length"\nmargin = 0.2\n[[gate]]\nmetric = "exact"\nmargin = 0.1\n'
    )
    (folder / "samples.jsonl").write_text(
        "".join(f'{{"id": "s{n}", "inputs": {{"q": "word{n}"}}, "target": "word{n}"}}\n' for n in range(24))
    )
    for name, text in (("good", "{{ q }}"), ("bad", "not {{ q }}")):
        (tmp_path / f"{name}.prompt.yaml").write_text(f"messages: [{{role: user, content: '{text}'}}]\n")
    prompts = [tmp_path / "good.prompt.yaml", tmp_path / "bad.prompt.yaml"]
    with Project.open(tmp_path) as project:
        good, bad = project.evaluate("tiny", prompts, ["mock/echo"])
        return Tiny(tmp_path, project.settings.database, good.id, bad.id)


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in app.text)


def leads(app: AppTest) -> list[str]:
    """Return what is set as HTML, the sentence first."""
    return [str(element.value) for element in app.html]


def pictures(app: AppTest) -> list[str]:
    """Return the SVGs that are shown."""
    addresses = [image.url for element in app.image for image in element.proto.imgs]
    return [base64.b64decode(address.partition(",")[2]).decode("utf-8") for address in addresses]


def test_runs_are_listed_with_their_figures(page: Open, hostile: Made) -> None:
    app = page(hostile.root, hostile.database, "runs")
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table["run"]) == [hostile.candidate, hostile.baseline]
    with Project.open(hostile.root) as project:
        estimates = {found.label: found.value for found in project.estimates(hostile.candidate, slices=False)}
    assert table["f1"].iloc[0] == figure(estimates["f1"])
    assert table["quality"].iloc[0] == figure(estimates["quality"])


def test_a_selected_run_shows_figures_cases_and_one_case_in_full(page: Open, hostile: Made) -> None:
    app = page(hostile.root, hostile.database, "runs", run=hostile.candidate, cases="10", case="case-01806")
    assert not app.exception
    with Project.open(hostile.root) as project:
        estimates = project.estimates(hostile.candidate)
        result = project.result(hostile.candidate, "case-01806")
    figures = app.dataframe[1].value
    assert list(figures["figure"]) == [figure(found.value) for found in estimates if found.slice is None]
    cases = app.dataframe[3].value
    assert len(cases) == 200
    assert cases["sample"].iloc[0] == "case-01800"
    assert result is not None
    assert result.completion is not None
    assert any(block.value.startswith("The answer") for block in app.code)
    assert any("Grade" in block.value for block in app.code)


def test_beside_a_judges_figure_the_pages_tell_what_it_may_hang_on(page: Open, tiny: Tiny) -> None:
    with Project.open(tiny.root) as project:
        judge, spec = 'mock/constant:{"score": 3}', MetricSpec(label="quality", metric="rubric")
        first, second = (project.rescore(run, [spec], judge_model=judge).id for run in (tiny.good, tiny.bad))
    told = "quality: 24 distinct outputs to 24 questions (100%)"
    assert told in texts(page(tiny.root, tiny.database, "runs", run=second))
    app = page(tiny.root, tiny.database, "compare", baseline=first, candidate=second)
    assert not app.exception
    assert "quality, candidate: 24 distinct outputs to 24 questions (100%)" in texts(app)


def test_what_a_pairwise_judge_said_stands_on_the_compare_page(page: Open, tiny: Tiny) -> None:
    before = page(tiny.root, tiny.database, "compare", baseline=tiny.good, candidate=tiny.bad)
    assert not before.exception and "Side by side before a judge" not in [
        each.value for each in before.subheader
    ]
    with Project.open(tiny.root) as project:
        found = project.prefer(tiny.good, tiny.bad, judge_model='mock/constant:{"reason": "", "winner": "A"}')
    app = page(tiny.root, tiny.database, "compare", baseline=tiny.good, candidate=tiny.bad)
    assert not app.exception and "Side by side before a judge" in [each.value for each in app.subheader]
    first, order, *_ = preference_sentences(found)
    assert any(html.escape(first.partition(":")[0]) in html.unescape(each) for each in leads(app))
    assert order in texts(app) and "24 verdicts change with the order (100%" in order


def test_runs_can_be_filtered_by_their_set(page: Open, hostile: Made) -> None:
    app = page(hostile.root, hostile.database, "runs")
    assert app.selectbox[0].options == ["all sets", "hostile-mails"]
    app.selectbox[0].select("hostile-mails").run()
    assert app.query_params["set"] == "hostile-mails"
    assert len(app.dataframe[0].value) == 2


def test_two_selected_runs_lead_to_their_comparison(page: Open, hostile: Made) -> None:
    app = page(hostile.root, hostile.database, "runs", run=[hostile.candidate, hostile.baseline])
    assert [button.label for button in app.button] == ["Compare these two"]
    app.button[0].click().run()
    assert not app.exception
    assert app.query_params["baseline"] == hostile.baseline
    assert app.query_params["candidate"] == hostile.candidate
    assert [header.value for header in app.header] == ["Compare"]


def test_a_comparison_shows_what_the_command_line_prints(
    page: Open, hostile: Made, told: dict[str, object]
) -> None:
    app = page(
        hostile.root, hostile.database, "compare", baseline=hostile.baseline, candidate=hostile.candidate
    )
    assert not app.exception
    table = next(
        frame.value for frame in app.dataframe if "metric" in frame.value and "change" in frame.value
    )
    for label in ("f1", "quality"):
        delta = _delta(told, label)
        row = table[table["metric"] == label].iloc[0]
        assert row["baseline"] == figure(delta["baseline"])
        assert row["candidate"] == figure(delta["candidate"])
        assert row["change"] == signed(delta["difference"])
        assert row["[L, U]"] == f"[{signed(delta['low'])}, {signed(delta['high'])}]"
        assert row["n"] == delta["n"]
    by_slice = next(frame.value for frame in app.dataframe if "shrunken" in frame.value)
    with Project.open(hostile.root) as project:
        slices = project.slices(hostile.baseline, hostile.candidate, "f1")
    assert list(by_slice["slice"]) == [group.name for group in slices.groups]
    assert list(by_slice["shrunken"]) == [signed(group.shrunken) for group in slices.groups]
    assert set(by_slice["kind"]) == {"declared"}
    pairs = next(frame.value for frame in app.dataframe if "candidate answers" in frame.value)
    assert len(pairs) == 50
    shown = texts(app)
    assert "samples got no answer from the candidate" in shown
    assert "stand-in" in shown
    assert slices.sentence in shown
    assert "The smallest change of f1 that" in shown and "four in five" in shown


def test_a_comparison_leads_with_the_verdict_in_the_words_of_the_reports(page: Open, hostile: Made) -> None:
    app = page(
        hostile.root, hostile.database, "compare", baseline=hostile.baseline, candidate=hostile.candidate
    )
    with Project.open(hostile.root) as project:
        found = project.report(SET, run=hostile.candidate, baseline=hostile.baseline)
    assert found.verdict is not None
    assert found.headline == f"PASS: {found.verdict.sentence}"
    assert html.escape(found.verdict.sentence) in leads(app)[0]
    rules = next(frame.value for frame in app.dataframe if "verdict" in frame.value)
    assert list(rules["found"]) == [
        signed(cell.delta.difference) for cell in found.verdict.cells if cell.delta
    ]
    rules_drawn, changes_drawn = rules_plot(found.verdict), changes_plot(found.changes, found.delta)
    assert rules_drawn and changes_drawn and pictures(app) == [rules_drawn.svg, changes_drawn.svg]


def test_without_rules_a_comparison_says_what_changed_why_nothing_is_decided_and_what_to_do(
    page: Open, tiny: Tiny
) -> None:
    settings = tiny.root / "evalsets" / "tiny" / "evalset.toml"
    settings.write_text(settings.read_text().partition("[[gate]]")[0])
    app = page(tiny.root, tiny.database, "compare", baseline=tiny.good, candidate=tiny.bad)
    assert not app.exception
    assert "length did not change clearly from" in leads(app)[0] and "No rule was applied" in leads(app)[0]
    assert any("no verdict" in text.value for text in app.markdown)
    assert "has no gate rule" in texts(app) and "[[gate]]" in texts(app)
    assert len(pictures(app)) == 1


def test_a_verdict_is_remembered_until_the_rules_change(page: Open, tiny: Tiny) -> None:
    asked = {"baseline": tiny.bad, "candidate": tiny.good}
    assert (
        "length did not fall by more than 0.2" in leads(page(tiny.root, tiny.database, "compare", **asked))[0]
    )
    settings = tiny.root / "evalsets" / "tiny" / "evalset.toml"
    settings.write_text(settings.read_text().replace("0.2", "0.15"))
    assert (
        "length did not fall by more than 0.15"
        in leads(page(tiny.root, tiny.database, "compare", **asked))[0]
    )


def test_of_questions_that_changed_since_a_comparison_says_what_to_do(page: Open, tiny: Tiny) -> None:
    with (tiny.root / "evalsets" / "tiny" / "samples.jsonl").open("a") as file:
        file.write('{"id": "new", "inputs": {"q": "x"}, "target": "x"}\n')
    app = page(tiny.root, tiny.database, "compare", baseline=tiny.good, candidate=tiny.bad)
    assert "No rule was applied" in leads(app)[0]
    assert "another state of 'tiny'" in texts(app) and "Evaluate again" in texts(app)


def test_a_set_whose_files_are_gone_has_no_verdict(page: Open, tiny: Tiny) -> None:
    shutil.rmtree(tiny.root / "evalsets")
    app = page(tiny.root, tiny.database, "compare", baseline=tiny.good, candidate=tiny.bad)
    assert not app.exception
    assert "are not in this project" in texts(app)


def test_of_a_verdict_the_metric_that_it_hangs_on_is_looked_at_first(page: Open, tiny: Tiny) -> None:
    app = page(tiny.root, tiny.database, "compare", baseline=tiny.good, candidate=tiny.bad)
    assert next(box for box in app.selectbox if box.label == "Metric").value == "exact"
    assert "exact fell by more than the 0.1 that you accept" in leads(app)[0]


def test_a_slice_a_page_and_a_case_come_from_the_address(page: Open, hostile: Made) -> None:
    app = page(
        hostile.root,
        hostile.database,
        "compare",
        baseline=hostile.baseline,
        candidate=hostile.candidate,
        metric="quality",
        slice="second half",
        page="3",
        case="case-01777",
    )
    assert not app.exception
    assert [box.value for box in app.selectbox[2:4]] == ["quality", "second half"]
    assert "case-01777" in texts(app)


def test_cases_without_a_score_are_found_and_say_why(page: Open, hostile: Made) -> None:
    app = page(
        hostile.root,
        hostile.database,
        "compare",
        baseline=hostile.baseline,
        candidate=hostile.candidate,
        show="none",
    )
    assert not app.exception
    assert "case 1 of 3" in texts(app)
    assert "server (HTTP 500)" in texts(app)
    assert [badge for badge in app.markdown if "no answer" in badge.value]


def test_next_and_previous_step_through_the_cases(page: Open, hostile: Made) -> None:
    app = page(
        hostile.root, hostile.database, "compare", baseline=hostile.baseline, candidate=hostile.candidate
    )
    following = next(button for button in app.button if button.label == "Next")
    assert next(button for button in app.button if button.label == "Previous").disabled
    following.click().run()
    assert "case 2 of 2000" in texts(app)
    chosen = app.query_params["case"]
    next(button for button in app.button if button.label == "Next").click().run()
    next(button for button in app.button if button.label == "Previous").click().run()
    assert app.query_params["case"] == chosen


def test_swapping_turns_the_comparison_round(page: Open, hostile: Made, told: dict[str, object]) -> None:
    app = page(
        hostile.root, hostile.database, "compare", baseline=hostile.baseline, candidate=hostile.candidate
    )
    next(button for button in app.button if button.label == "Swap").click().run()
    assert not app.exception
    assert app.query_params["baseline"] == hostile.candidate
    difference = _delta(told, "f1")["difference"]
    assert isinstance(difference, float)
    table = next(
        frame.value for frame in app.dataframe if "metric" in frame.value and "change" in frame.value
    )
    assert table["change"].iloc[0] == signed(-difference)


def test_prompts_show_versions_their_difference_and_the_moves_of_aliases(page: Open, hostile: Made) -> None:
    app = page(hostile.root, hostile.database, "prompts")
    assert not app.exception
    tables = [frame.value for frame in app.dataframe]
    assert list(tables[0]["prompt"]) == ["mails"]
    assert list(tables[1]["version"]) == [2, 1]
    assert list(tables[1]["aliases"]) == ["production", ""]
    assert list(tables[2]["to"]) == ["@2", "@1"]
    app = page(hostile.root, hostile.database, "prompts", version="1")
    assert any("Answer in one sentence." in block.value for block in app.code)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("runs", {"run": "nosuchrun"}),
        ("compare", {"baseline": "nosuchrun"}),
        ("compare", {"candidate": "<img src=x onerror=alert(1)>"}),
        ("compare", {"case": "nosuchcase"}),
        ("prompts", {"prompt": "nosuchprompt"}),
    ],
)
def test_a_broken_address_is_told_without_a_traceback(
    page: Open, hostile: Made, name: str, parameters: dict[str, str]
) -> None:
    app = page(hostile.root, hostile.database, name, **parameters)
    assert not app.exception
    assert "is named" in texts(app)
    assert next(iter(parameters.values())) in texts(app)


@pytest.mark.parametrize(
    "parameters",
    [
        {"page": "-1"},
        {"page": "99999999999999"},
        {"page": "x"},
        {"metric": "x"},
        {"slice": "x"},
        {"show": "x"},
    ],
)
def test_a_parameter_that_makes_no_sense_leaves_the_page_whole(
    page: Open, hostile: Made, parameters: dict[str, str]
) -> None:
    app = page(
        hostile.root,
        hostile.database,
        "compare",
        baseline=hostile.baseline,
        candidate=hostile.candidate,
        **parameters,
    )
    assert not app.exception
    assert len(app.dataframe) >= 4


@pytest.mark.parametrize(
    ("name", "command"),
    [("runs", "promptops eval"), ("compare", "promptops eval"), ("prompts", "promptops prompt add")],
)
def test_an_empty_project_says_which_command_to_type(
    page: Open, small: tuple[Path, str], name: str, command: str
) -> None:
    app = page(*small, name)
    assert not app.exception
    assert any(block.value.startswith(command) for block in app.code)


@pytest.mark.parametrize("name", ["runs", "compare", "prompts"])
def test_a_database_that_is_not_there_is_told(page: Open, small: tuple[Path, str], name: str) -> None:
    root, _ = small
    app = page(root, f"sqlite:///{root}/none.db", name)
    assert not app.exception
    assert "There is no database" in texts(app)


def _delta(told: dict[str, object], label: str) -> dict[str, float]:
    comparison = told["comparison"]
    assert isinstance(comparison, dict)
    found: dict[str, float] = next(
        delta for delta in comparison["deltas"] if delta["label"] == label and delta["slice"] is None
    )
    return found


def test_an_accepted_baseline_is_compared_with_a_run_case_by_case(page: Open, tiny: Tiny) -> None:
    with Project.open(tiny.root) as project:
        project.accept(tiny.good)
        project.accept(tiny.good, label="old", outputs=False)
        path = next(iter(project.baselines("tiny")))
        from_files = project.compare(path, tiny.bad)
    tmp_path, database, bad = tiny.root, tiny.database, tiny.bad
    shown = page(tmp_path, database, "compare", baseline="baseline.jsonl", candidate=bad)
    options = next(box for box in shown.selectbox if box.label == "Baseline").options
    assert [option.split()[0] for option in options[:2]] == ["baseline.jsonl", "baseline.old.jsonl"]
    change = signed(from_files.deltas[0].difference)
    tables = [table.value for table in shown.dataframe]
    assert any("change" in table and change in set(table["change"]) for table in tables)
    assert any("**Baseline**" in text.value for text in shown.markdown)
    assert next(button for button in shown.button if button.label == "Swap").disabled
    without = page(tmp_path, database, "compare", baseline="baseline.old.jsonl", candidate=bad)
    assert not without.exception
    assert any("left out" in text.value for text in without.text)


@pytest.mark.parametrize("name", ["../baseline.jsonl", "/etc/passwd", "evalsets/tiny/baseline.jsonl"])
def test_an_address_opens_no_other_file_than_an_accepted_baseline(
    page: Open, hostile: Made, name: str
) -> None:
    shown = page(hostile.root, hostile.database, "compare", baseline=name)
    assert not shown.exception
    assert any("can't be shown" in text.value for text in shown.markdown)


def test_a_run_on_a_part_is_marked_and_compared_without_a_verdict(page: Open, tiny: Tiny) -> None:
    with Project.open(tiny.root) as project:
        prompt = tiny.root / "bad.prompt.yaml"
        part = project.evaluate("tiny", [prompt], ["mock/echo"], select=Selection(limit=6))[0]
        long = project.evaluate("tiny", [prompt], ["mock/constant:" + "word " * 100])[0]
        wanted = Selection(failed_from=long.id, limit=5)
        chosen = project.evaluate("tiny", [prompt], ["mock/echo"], select=wanted)[0]
    listed = page(tiny.root, tiny.database, "runs", run=part.id)
    assert not listed.exception
    assert "6 of 6, a part: 6 of 24 samples" in list(listed.dataframe[0].value["done"])
    assert "A part of the set: 6 of 24 samples: --limit 6 left 6." in texts(listed)
    app = page(tiny.root, tiny.database, "compare", baseline=tiny.good, candidate=part.id)
    assert not app.exception
    assert "No rule was applied" in leads(app)[0] and "the gate can't decide by it" in texts(app)
    assert "the 6 samples that both were asked" in texts(app)
    app = page(tiny.root, tiny.database, "compare", baseline=tiny.good, candidate=chosen.id)
    assert not app.exception and "by luck alone" in texts(app)
    assert any("Cases by change" in header.value for header in app.subheader)
