"""A judge asked again: its noise, and what the reference does, over a real connection."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from click.testing import CliRunner
from scipy import stats

from promptops import Project
from promptops.cli import app
from promptops.instruments import ReferenceEffect
from promptops.judging.noise import noise_figures
from promptops.judging.referenceeffect import effect_figures, effect_sentence
from promptops.judging.soundings import Heard
from tests.judges.scripted_judge import Server, serving
from tests.judging.test_facts import candidate_in
from tests.made import Folder, questions

SET = """\
format = 1

[card]
description = "made for a test"

[metrics.quality]
metric = "rubric"

[metrics.blind]
metric = "rubric"
show_reference = false

[metrics.facts]
metric = "factuality"

[metrics.guided]
metric = "reference_guided"
reference = "target"
"""
FILE = ".promptops/soundings/asked.quality.{}.jsonl"


class Wavering:
    """A judge that says 3, every third time that it sees an even answer 5, and less without target."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.lock = threading.Lock()

    def __call__(self, text: str) -> str:
        answer = candidate_in(text)
        bare = "There is no reference answer." in text
        with self.lock:
            self.seen[answer] += 1
            times = self.seen[answer]
        number = int(answer.split()[-1])
        score = 5 if number % 2 == 0 and times % 3 == 0 else 3
        return json.dumps({"score": score - bare * (number % 4 == 1)})


def command(folder: Folder, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["-C", str(folder.path), *arguments])
    assert done.exit_code == code, done.output
    return done.stdout


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEAR_KEY", "k")


def evaluated(folder: Folder, server: Server, n: int = 20) -> str:
    """Return a run whose answers nobody has judged yet."""
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    folder.write(
        "promptops.toml",
        'model = "mock/echo"\njudge_model = "near/judge"\n\n'
        f'[providers.near]\nkind = "openai"\nbase_url = "{url}"\napi_key_env = "NEAR_KEY"\n'
        "price_in = 1.0\nprice_out = 1.0\n",
    )
    server.usage = {"prompt_tokens": 10_000, "completion_tokens": 0}
    folder.evalset(
        "asked", questions(n), 'format = 1\n[card]\ndescription = "x"\n[metrics.length]\nmax = 9\n'
    )
    with Project.open(folder.path) as opened:
        run = opened.evaluate("asked", [folder.path / "ask.prompt.yaml"])[0].id
        folder.write("evalsets/asked/evalset.toml", SET)
        return run


def test_a_judge_that_wavers_is_found_out_paid_for_once_and_shown_beside_its_figure(folder: Folder) -> None:
    with serving(Wavering()) as server:
        run = evaluated(folder, server)
        given = ["judge", "noise", "asked:quality", "--run", run, "--times", "3", "--json"]
        asked = json.loads(command(folder, *given, "--dry-run"))["forecast"]
        assert asked["calls"] == 60 and not server.bodies
        limited = json.loads(command(folder, *given, "--max-cost", "0.2", "-j", "1", code=3))["noise"]
        assert len(server.bodies) == limited["calls"] == 20
        assert limited["stopped"] == "Stopped by --max-cost 0.2" and limited["cost"] == pytest.approx(0.2)
        found = json.loads(command(folder, *given))["noise"]
        assert len(server.bodies) == 60 and found["calls"] == 40
        again = json.loads(command(folder, *given))["noise"]
        assert len(server.bodies) == 60 and again["calls"] == 0 and again["one"] == found["one"]
        assert (found["n"], found["times"], found["differ"]["value"]) == (20, 3, 0.5)
        ends = stats.binomtest(10, 20).proportion_ci(method="wilson")
        assert (found["differ"]["low"], found["differ"]["high"]) == pytest.approx((ends.low, ends.high))
        # Ten answers with 3, 3, 5 and ten with 3, 3, 3: the mean square within is 10 * (8/3) / 40.
        assert found["one"]["value"] == pytest.approx((10 * (8 / 3) / 40) ** 0.5)
        assert found["one"]["low"] < found["one"]["value"] < found["one"]["high"]
        assert "differs from itself on 10 (50%" in command(folder, *given[:-1])
        with Project.open(folder.path) as opened:
            scored = opened.rescore(run)
            facts = {each.label: each for each in opened.judge_facts(scored.id)}
            assert facts["quality"].noise is not None and facts["blind"].noise is None
            assert facts["quality"].noise.value == found["one"]["value"]
        shown = command(folder, "show", scored.id)
        assert "quality: judge noise: one asking varies by 0.8165" in shown


def test_the_first_asking_is_the_runs_own_reply(folder: Folder) -> None:
    with serving(Wavering()) as server:
        run = evaluated(folder, server, n=6)
        with Project.open(folder.path) as opened:
            opened.rescore(run)
            before = len(server.bodies)
            found = opened.measure_noise("asked:quality", run, times=2)
        assert len(server.bodies) - before == found.calls == 6 and found.n == 6


def test_the_reference_is_taken_away_from_the_same_answers(folder: Folder) -> None:
    with serving(Wavering()) as server:
        run = evaluated(folder, server)
        given = ["judge", "reference", "asked:quality", "--run", run, "-n", "12", "--json"]
        assert json.loads(command(folder, *given, "--dry-run"))["forecast"]["calls"] == 24
        found = json.loads(command(folder, *given))["reference"]
        shown = [body["messages"][-1]["content"] for body in server.bodies]
        bare = [text for text in shown if "There is no reference answer." in text]
        assert (len(shown), len(bare)) == (24, 12)
        assert {candidate_in(text) for text in bare} == {candidate_in(text) for text in shown}
        odd = sum(int(candidate_in(text).split()[-1]) % 4 == 1 for text in bare)
        assert found["n"] == 12 and found["moved"]["value"] == pytest.approx(odd / 12)
        assert found["difference"]["value"] == pytest.approx(odd / 12)
        assert found["with_mean"] == 3.0 and found["without_mean"] == pytest.approx(3 - odd / 12)
        assert json.loads(command(folder, *given))["reference"]["calls"] == 0 and len(server.bodies) == 24
        assert "the reference moves the score by +" in command(folder, *given[:-1])


def test_what_has_no_reference_to_take_away_is_refused_before_a_call(folder: Folder) -> None:
    with serving(Wavering()) as server:
        run = evaluated(folder, server, n=4)
        with Project.open(folder.path) as opened:
            for label in ("blind", "facts"):
                with pytest.raises(Exception, match="reference can't be taken away"):
                    opened.reference_effect(f"asked:{label}", run)
            assert opened.reference_effect("asked:guided", run).n == 4
            with pytest.raises(Exception, match="2 times or more"):
                opened.measure_noise("asked:quality", run, times=1)
            with pytest.raises(Exception, match="SET:LABEL"):
                opened.measure_noise("quality", run)
        assert len(server.bodies) == 8


def test_a_line_that_a_kill_cut_off_is_asked_again_and_a_foreign_file_told(folder: Folder) -> None:
    with serving(Wavering()) as server:
        run = evaluated(folder, server, n=6)
        with Project.open(folder.path) as opened:
            opened.measure_noise("asked:quality", run, times=2)
            file = folder.path / FILE.format("noise")
            file.write_bytes(file.read_bytes()[:-10])
            assert opened.measure_noise("asked:quality", run, times=2).calls == 1
            assert all(json.loads(line) for line in file.read_text().splitlines())
            file.write_text("{}\n")
            with pytest.raises(Exception, match="holds no scores of a judge"):
                opened.measure_noise("asked:quality", run, times=2)
        assert len(server.bodies) == 13


def heard(values: np.ndarray, way: str = "with", groups: list[str] | None = None) -> list[Heard]:
    """Return scores (n, times) as they stand in a file; NaN where there was none."""
    return [
        Heard(
            key=f"{way}{row}-{time}",
            signature="s",
            run="r",
            sample=f"s{row}",
            group=groups[row] if groups else None,
            way=way,
            repeat=time,
            value=None if np.isnan(value) else float(value),
        )
        for row, several in enumerate(values)
        for time, value in enumerate(several)
    ]


def test_noise_is_that_of_an_analysis_of_variance() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(60, 1)) + 0.6 * rng.normal(size=(60, 4))
    found = noise_figures(heard(values))
    rows = pd.DataFrame({"y": values.ravel(), "who": np.repeat(np.arange(60), 4)})
    fit = smf.ols("y ~ C(who)", rows).fit()
    within = fit.mse_resid
    between = (fit.mse_model - within) / 4
    assert found["one"].value == pytest.approx(within**0.5)  # type: ignore[attr-defined]
    assert found["between"] == pytest.approx(between**0.5)
    assert found["share"] == pytest.approx(within / (within + between))


def test_a_judge_that_never_differs_has_no_noise_and_no_interval() -> None:
    found = noise_figures(heard(np.repeat(np.arange(10.0)[:, None], 3, axis=1)))
    one = found["one"]
    assert (one.value, one.low) == (0.0, None) and found["share"] == 0.0  # type: ignore[attr-defined]
    assert found["differ"].high == pytest.approx(  # type: ignore[attr-defined]
        stats.binomtest(0, 10).proportion_ci(method="wilson").high
    )


def test_askings_without_a_score_are_left_out_and_counted() -> None:
    values = np.array([[1.0, 2.0], [3.0, np.nan], [2.0, 2.0], [np.nan, np.nan], [1.0, 1.0]])
    found = noise_figures(heard(values))
    assert (found["n"], found["unscored"]) == (3, 3)
    assert noise_figures(heard(values[3:4]))["one"].reason == "no answer has two scores"  # type: ignore[attr-defined]


def test_the_effect_is_the_paired_t_of_scipy_and_spearmans_correlation() -> None:
    rng = np.random.default_rng(2)
    first = rng.integers(1, 6, 40).astype(float)
    second = np.clip(first - rng.integers(0, 2, 40), 1, 5)
    found = effect_figures([*heard(first[:, None]), *heard(second[:, None], "without")])
    theirs = stats.ttest_rel(first, second).confidence_interval()
    difference, moved, related = (found[name] for name in ("difference", "moved", "correlation"))
    assert difference.value == pytest.approx((first - second).mean())  # type: ignore[attr-defined]
    assert (difference.low, difference.high) == pytest.approx((theirs.low, theirs.high))  # type: ignore[attr-defined]
    assert moved.value == pytest.approx((first != second).mean())  # type: ignore[attr-defined]
    assert related.value == pytest.approx(stats.spearmanr(first, second).statistic)  # type: ignore[attr-defined]


def test_one_group_has_figures_without_intervals(tmp_path: Path) -> None:
    values = np.array([[1.0], [2.0], [3.0]])
    groups = ["one"] * 3
    found = effect_figures([*heard(values, groups=groups), *heard(values - 1, "without", groups)])
    difference = found["difference"]
    assert (difference.value, difference.low) == (1.0, None)  # type: ignore[attr-defined]
    assert "at least 2 independent clusters" in difference.reason  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("gaps", "groups", "reason"),
    [
        (
            [1.0] * 4,
            None,
            "the difference is the same on every answer, so that an interval would have no width",
        ),
        ([0.8 - 0.6, 0.3 - 0.1, 0.2, 0.2], None, "the difference is the same on every answer"),
        (
            [1.0, 0.0, 0.0, 1.0],
            ["one", "one", "two", "two"],
            "the mean difference is the same in every group",
        ),
    ],
)
def test_differences_that_never_vary_have_a_reason_and_no_interval(
    gaps: list[float], groups: list[str] | None, reason: str
) -> None:
    values = np.array(gaps)[:, None]
    found = effect_figures([*heard(values, groups=groups), *heard(values * 0, "without", groups)])
    difference = found["difference"]
    assert difference.value == pytest.approx(np.mean(gaps))  # type: ignore[attr-defined]
    assert (difference.low, difference.high) == (None, None)  # type: ignore[attr-defined]
    assert difference.reason.startswith(reason)  # type: ignore[attr-defined]
    told = {"evalset": "s", "label": "quality", "judge": "m", "signature": "s", "run": "r", "stand_in": False}
    said = effect_sentence(
        ReferenceEffect.model_validate(
            {**told, "file": "f", "calls": 0, "cost": 0.0, "stopped": None, **found}
        )
    )
    assert f"in the mean (no interval: {reason}" in said
