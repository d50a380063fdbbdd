"""Slices of a comparison on made-up scores whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from promptops.analysis.comparison import Pairing, pair
from promptops.analysis.groupchanges import GroupChange
from promptops.analysis.slices import Slices, slice_up
from promptops.analysis.summary import Row, Side, tally
from promptops.errors import UnknownName
from promptops.metrics import Metric
from promptops.metrics.bleu import Bleu
from promptops.metrics.f1 import F1
from promptops.metrics.tokens import Tokens
from promptops.stats.paired import terminal_bound
from promptops.types import Completion, Message, Prompt, Run, Sample
from tests.made import EVALSET, Folder, questions

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def run_of(name: str, metric: Metric) -> Run:
    return Run(
        id=name,
        created_at="2026-01-01T00:00:00",
        status="finished",
        evalset="made-up",
        evalset_digest="set",
        prompt=Prompt(messages=(Message(role="user", content="x"),)),
        prompt_ref="p@1",
        model="mock/echo",
        metrics=(metric.record("m", "m"),),
    )


def paired(
    asked: Sequence[Sample], old: Sequence[object], new: Sequence[object], metric: Metric | None = None
) -> Pairing:
    """A number is a score, a tuple its counts, a string a failure's kind, None an instrument that failed."""
    metric = metric or F1()
    sides = []
    for name, values in (("old", old), ("new", new)):
        rows: list[Row] = []
        for sample, value in zip(asked, values, strict=True):
            failed = value if isinstance(value, str) else None
            counts = value if isinstance(value, tuple) else (value,)
            score = (
                {"counts": counts, "unscored": None} if value is not None else {"counts": (), "unscored": "x"}
            )
            rows.append((sample.id, 0, failed, {} if failed else {"m": score}))
        run = run_of(name, metric)
        sides.append(Side(run, tally(tuple(asked), rows, run.metrics)))
    return pair(*sides, {"m": metric})


def samples(tags: dict[str, Bools], **fields: Sequence[object]) -> list[Sample]:
    n = len(next(iter([*tags.values(), *fields.values()])))
    return [
        Sample.model_validate(
            {
                "id": f"s{place:05}",
                "inputs": {},
                "tags": tuple(tag for tag, members in tags.items() if members[place]),
                "group": str(fields["group"][place]) if "group" in fields else None,
                "metadata": {key: values[place] for key, values in fields.items() if key != "group"},
            }
        )
        for place in range(n)
    ]


def made(
    loss: Callable[[dict[str, Bools]], Floats], n: int = 240, seed: int = 0, size: int = 1
) -> tuple[Pairing, dict[str, Bools]]:
    """Three overlapping tags and a language; ROUGE-like differences, less a loss."""
    rng = np.random.default_rng(seed)
    tags = {
        name: np.repeat(rng.random(n // size) < share, size)
        for name, share in zip("abc", (0.2, 0.4, 0.5), strict=True)
    }
    lang = np.repeat(rng.choice(["de", "en"], n // size), size).tolist()
    old = rng.uniform(0.4, 0.6, n)
    new = np.clip(old + rng.normal(0, 0.1, n) - loss(tags), 0, 1)
    fields = {"lang": lang, **({"group": (np.arange(n) // size).tolist()} if size > 1 else {})}
    return paired(samples(tags, **fields), old.tolist(), new.tolist()), tags


def group(found: Slices, name: str) -> GroupChange:
    return next(each for each in found.groups if each.name == name)


def test_each_group_has_the_gates_bounds_and_p_values_that_agree_with_statsmodels() -> None:
    pairing, _ = made(lambda tags: 0.06 * tags["a"])
    found = slice_up(pairing, "m", declared=["a", "b"])
    for name in "abc":
        cell = pairing.cell("m", name)
        told = group(found, name)
        assert (told.low, told.high, told.p_harm) == (cell.delta.low, cell.delta.high, cell.p_harm)
        assert told.joint_low < told.low < told.change < told.high < told.joint_high
    for standing, method in (("confirmatory", "holm"), ("exploratory", "fdr_bh")):
        rows = [each for each in found.groups if each.standing == standing]
        theirs = multipletests([each.p_harm for each in rows], method=method)[1]
        assert [each.adjusted_p for each in rows] == pytest.approx(theirs)
    assert [each.name for each in found.groups if each.standing == "confirmatory"] == ["a", "b"]
    assert found.sentence.startswith("m got worse on 'a'")


def test_joint_bounds_are_the_gates_bounds_at_a_share_of_alpha() -> None:
    pairing, tags = made(lambda tags: 0.0 * tags["a"])
    found = slice_up(pairing, "m")
    first, second = (side.table.columns["m"].counts[:, 0] for side in (pairing.baseline, pairing.candidate))
    bound = terminal_bound((second - first)[tags["a"]], alpha=0.05 / len(found.groups))
    assert group(found, "a").joint_low == pytest.approx(bound.low)
    assert group(found, "a").joint_high == pytest.approx(bound.high)


def test_an_exploratory_group_is_a_thing_to_confirm() -> None:
    pairing, _ = made(lambda tags: 0.1 * tags["a"])
    sentence = slice_up(pairing, "m").sentence
    assert "looks worse on 'a'" in sentence
    assert "confirm on new samples" in sentence


def test_groups_under_twenty_pairs_are_listed_and_not_judged() -> None:
    tags = {"few": np.arange(60) < 19, "most": np.arange(60) >= 19}
    scores = np.linspace(0, 1, 60).tolist()
    found = slice_up(paired(samples(tags), scores, scores[::-1]), "m")
    few = found.groups[-1]
    assert (few.name, few.judged, few.note, few.n) == ("few", False, "too small to judge", 19)
    assert few.change is not None
    assert few.p_harm is few.low is few.joint_low is few.shrunken is few.adjusted_p is None
    assert "1 more groups" in found.sentence


def test_where_no_group_is_large_enough_that_is_the_sentence() -> None:
    tags = {"few": np.arange(30) < 15, "other": np.arange(30) >= 15}
    found = slice_up(paired(samples(tags), [0.5] * 30, [0.4] * 30), "m", find=True)
    assert found.worst is None
    assert found.sentence.startswith("No slice could be searched for")
    assert slice_up(paired(samples(tags), [0.5] * 30, [0.4] * 30), "m").sentence.startswith("No group can")


def test_a_group_that_lost_too_many_scores_is_not_judged() -> None:
    tags = {"blind": np.arange(80) < 40, "seen": np.arange(80) >= 40}
    new: list[object] = [None if place < 4 else 0.5 for place in range(80)]
    found = slice_up(paired(samples(tags), [0.5] * 80, new), "m")
    assert not group(found, "blind").judged
    assert "could not be scored" in group(found, "blind").note
    assert group(found, "seen").judged


def test_the_worst_group_is_told_without_the_luck_of_being_picked() -> None:
    rng = np.random.default_rng(3)
    kinds = [f"k{place % 10}" for place in range(400)]
    old = np.full(400, 0.5)
    found = slice_up(
        paired(samples({}, kind=kinds), old.tolist(), (old + rng.normal(0, 0.1, 400)).tolist()), "m"
    )
    assert found.worst is not None and found.worst.unbiased is not None and found.worst.shrunken is not None
    assert found.worst.change < -0.015 < min(found.worst.unbiased, found.worst.shrunken)
    assert found.worst.low < found.worst.change < found.worst.high


def test_a_planted_slice_is_found_and_called_worse_than_the_rest() -> None:
    pairing, tags = made(lambda tags: 0.15 * tags["a"])
    found = slice_up(pairing, "m", find=True)
    assert found.finding is not None
    first = found.finding.found[0]
    assert (first.name, first.within, first.worse_than_rest) == ("a", None, True)
    assert first.n == tags["a"].sum()
    assert first.gap == pytest.approx(-0.15, abs=0.04)
    assert "more than the rest on 'a'" in found.sentence or "got worse on 'a'" in found.sentence
    assert all(each.within == "a" for each in found.finding.found[1:])


def test_a_loss_of_the_whole_is_not_called_a_loss_of_slices() -> None:
    pairing, _ = made(lambda tags: np.full(240, 0.1))
    finding = slice_up(pairing, "m", find=True).finding
    assert finding is not None
    assert finding.whole_worse and not finding.found
    assert "no slice of" in slice_up(pairing, "m", find=True).sentence


def test_a_slice_that_lost_more_than_a_loss_of_the_whole_is_told_as_that() -> None:
    pairing, _ = made(lambda tags: 0.05 + 0.15 * tags["a"])
    found = slice_up(pairing, "m", find=True)
    assert found.finding is not None and found.finding.whole_worse
    assert [each.name for each in found.finding.found if each.within is None] == ["a"]
    assert "got worse on the whole" in found.sentence and "more than the rest on 'a'" in found.sentence


def test_a_loss_where_two_groups_meet_is_told_as_their_meeting() -> None:
    pairing, tags = made(lambda tags: 0.3 * (tags["b"] & tags["c"]), seed=1)
    found = slice_up(pairing, "m", find=True)
    assert found.finding is not None
    assert found.finding.found[0].parts == ("b", "c")
    assert found.finding.found[0].n == (tags["b"] & tags["c"]).sum()
    assert {each.within for each in found.finding.found[1:] if each.name in {"b", "c"}} <= {"b & c"}


def test_slices_of_the_same_samples_are_one_with_the_simplest_name() -> None:
    rng = np.random.default_rng(4)
    part = np.arange(200) < 60
    inner = np.arange(200) < 30
    old = rng.uniform(0.4, 0.6, 200)
    asked = samples({"one": part, "two": part, "inner": inner})
    new = old + rng.normal(0, 0.05, 200) - 0.1 * inner
    found = slice_up(paired(asked, old.tolist(), new.tolist()), "m", find=True)
    assert found.finding is not None
    assert (found.finding.tested, found.finding.conjunctions) == (2, 0)
    assert found.finding.merged == 2  # two is one, and one & inner is inner
    told = {each.name: each for each in found.finding.found}
    assert told["inner"].within is None
    if "one" in told:
        assert (told["one"].also, told["one"].within) == (("two",), "inner")


def test_nothing_is_found_where_nothing_changed() -> None:
    tags = {"a": np.arange(80) < 40}
    found = slice_up(paired(samples(tags), [0.5] * 80, [0.5] * 80), "m", find=True)
    assert found.finding is not None and not found.finding.found
    assert found.finding.smallest_p == 1.0
    assert found.sentence.startswith("No slice is shown to be worse in m: ")


def test_missing_answers_of_a_slice_count_as_worst() -> None:
    tags = {"a": np.arange(120) < 40}
    new: list[object] = ["timeout" if place < 20 else 0.5 + 0.001 * (place % 3) for place in range(120)]
    found = slice_up(paired(samples(tags), [0.5] * 120, new), "m", find=True)
    assert found.finding is not None and found.finding.found[0].name == "a"
    assert found.finding.found[0].change == pytest.approx(-0.25, abs=0.01)
    assert any("20 samples got no answer" in note for note in found.notes)


def test_more_is_worse_where_lower_is_better() -> None:
    rng = np.random.default_rng(5)
    part = np.arange(200) < 50
    old = rng.normal(500, 20, 200)
    metric = Tokens()
    assert not metric.record("m", "m").higher_is_better
    new = old + rng.normal(0, 20, 200) + 60 * part
    found = slice_up(
        paired(samples({"a": part}, lang=["x", "y"] * 100), old.tolist(), new.tolist(), metric),
        "m",
        find=True,
    )
    assert found.finding is not None and found.finding.found[0].name == "a"
    assert found.finding.found[0].change > 40
    assert found.finding.found[0].gap > 40
    assert found.worst is not None and found.worst.name == "a"
    assert found.worst.unbiased > 40
    assert found.worst.low < found.worst.change < found.worst.high


def test_a_metric_without_a_worst_value_says_why_nothing_can_be_searched() -> None:
    new: list[object] = ["timeout", *[500.0 + place for place in range(59)]]
    found = slice_up(paired(samples({"a": np.arange(60) < 30}), [500.0] * 60, new, Tokens()), "m", find=True)
    assert found.finding is not None and "no worst value" in found.finding.reason
    assert not group(found, "a").judged


def test_a_corpus_metric_keeps_its_own_figure_and_is_searched_by_samples() -> None:
    metric = Bleu()
    rng = np.random.default_rng(6)
    words = [f"w{place}" for place in range(50)]
    part = np.arange(120) < 40
    asked, old, new = [], [], []
    for place, sample in enumerate(samples({"a": part}, lang=["x", "y"] * 60)):
        target = " ".join(rng.choice(words, 12))
        asked.append(sample.model_copy(update={"target": (target,)}))
        for values, chance in ((old, 0.2), (new, 0.45 if part[place] else 0.2)):
            text = " ".join("oops" if rng.random() < chance else word for word in target.split())
            values.append(metric.score(Completion(text=text), asked[-1]).counts)
    pairing = paired(asked, old, new, metric)
    found = slice_up(pairing, "m", find=True)
    told, cell = group(found, "a"), pairing.cell("m", "a").delta
    assert (told.change, told.low, told.high) == (cell.difference, cell.low, cell.high)
    assert told.joint_low < told.low and told.high < told.joint_high
    assert found.finding is not None and found.finding.per_sample
    assert found.finding.found[0].name == "a"
    assert found.finding.found[0].change == cell.difference
    assert any("each sample's own figure" in note for note in found.notes)
    assert found.worst is not None and found.worst.unbiased is None


def test_clusters_count_as_one() -> None:
    rng = np.random.default_rng(7)
    together = np.repeat(rng.normal(0, 0.1, 24), 10)
    tags = {"a": np.arange(240) < 60, "b": np.arange(240) % 20 < 10}
    old = np.full(240, 0.5)
    asked = samples(tags, group=(np.arange(240) // 10).tolist())
    grouped = slice_up(paired(asked, old.tolist(), (old + together).tolist()), "m", find=True)
    alone = slice_up(paired(samples(tags), old.tolist(), (old + together).tolist()), "m", find=True)
    assert group(grouped, "a").clusters == 6
    assert grouped.finding is not None and alone.finding is not None
    assert grouped.finding.smallest_p > alone.finding.smallest_p


def test_by_names_the_fields_to_look_at() -> None:
    pairing, _ = made(lambda tags: 0.1 * tags["a"])
    assert [each.facet for each in slice_up(pairing, "m", by=["lang"]).groups] == ["lang", "lang"]
    with pytest.raises(UnknownName, match="lang"):
        slice_up(pairing, "m", by=["lng"])


def test_the_search_names_the_planted_slice_and_no_other_most_of_the_time() -> None:
    named = [
        slice_up(made(lambda tags: 0.1 * tags["a"], seed=seed)[0], "m", find=True).finding
        for seed in range(20)
    ]
    standing = [[each.name for each in finding.found if each.within is None] for finding in named]
    assert sum(names == ["a"] for names in standing) >= 17


def test_ten_thousand_samples_are_searched_whole() -> None:
    rng = np.random.default_rng(8)
    tags = {f"t{place}": rng.random(10_000) < share for place, share in enumerate(np.linspace(0.03, 0.4, 30))}
    old = rng.uniform(0.3, 0.7, 10_000)
    new = old + rng.normal(0, 0.1, 10_000)
    pairing = paired(samples(tags), old.tolist(), new.tolist())
    found = slice_up(pairing, "m", find=True)
    assert found.finding is not None and found.finding.tested > 400


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 5])
def test_the_whole_way_finds_slices_where_none_is_worse_in_at_most_six_percent(size: int) -> None:
    found = [
        slice_up(made(lambda tags: np.zeros(240), seed=seed, size=size)[0], "m", find=True)
        for seed in range(2000)
    ]
    assert np.mean([bool(each.finding and each.finding.found) for each in found]) <= 0.06


def rows(n: int) -> list[dict[str, object]]:
    return questions(n, metadata=lambda place: {"kind": "long" if place % 3 else "short", "size": place})


@dataclass(frozen=True)
class Ready:
    """A project with two runs of 120 questions, of which the second fails on half of the odd ones."""

    folder: Folder
    first: str
    second: str


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Ready:
    made = Folder(tmp_path_factory.mktemp("project"))
    made.evalset("numbers", rows(120), EVALSET.replace("format = 1\n", 'format = 1\nslices = ["odd"]\n'))
    made.prompt("ask", "{{ question }}")
    answers = {"*": {}, **{f"q{place:03}": "wrong" for place in range(1, 60, 2)}}
    models = ("-m", "mock/echo", "-m", made.script("s.json", answers))
    runs = made.json("eval", "numbers", "-p", "ask.prompt.yaml", *models)["runs"]
    return Ready(made, *(each["run"]["id"] for each in runs))


def test_the_command_tells_what_was_found_first_and_lists_all_groups(ready: Ready) -> None:
    printed = ready.folder.run("slices", ready.first, ready.second, "--find", "--metric", "exact").stdout
    assert printed.startswith("exact got worse on the whole") and "'odd'" in printed
    assert "size=0..29 (1st quarter)" in printed
    assert "shrunken" in printed and "Worst group: " in printed
    ready.folder.run("accept", ready.first)
    from_file = ready.folder.run(
        "slices", "evalsets/numbers/baseline.jsonl", ready.second, "--by", "kind"
    ).stdout
    assert "kind=long" in from_file and "odd" not in from_file


def test_the_document_holds_the_same_figures(ready: Ready) -> None:
    arguments = ("--find", "--alpha", "0.01", "--seed", "3")
    found = ready.folder.json("slices", ready.first, ready.second, *arguments)["slices"]
    odd = next(each for each in found["groups"] if each["name"] == "odd")
    bound = terminal_bound(np.repeat([-1.0, 0.0], 30))
    assert (odd["standing"], odd["n"], odd["change"]) == ("confirmatory", 60, pytest.approx(-0.5))
    assert odd["p_harm"] == pytest.approx(stats.t.cdf(bound.mean / bound.se, bound.df), rel=1e-6)
    assert (found["alpha"], found["seed"], found["label"]) == (0.01, 3, "exact")
    assert found["finding"]["found"][0]["worse_than_rest"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--metric", "exat"], "Did you mean 'exact'"),
        (["--by", "knd"], "Did you mean 'kind'"),
        (["--alpha", "0.7"], "0.7"),
        (["--seed", "-1"], "-1"),
    ],
)
def test_wrong_use_is_exit_code_two(ready: Ready, arguments: list[str], told: str) -> None:
    assert told in ready.folder.run("slices", ready.first, ready.second, *arguments, code=2).stderr


def test_hostile_names_are_shown_and_not_sent_to_the_terminal(folder: Folder) -> None:
    asked = questions(40, metadata=lambda place: {"k": "\x1b[31mred" if place % 2 else "::error::x"})
    folder.evalset("numbers", asked)
    models = ("-m", "mock/echo", "-m", folder.script("s.json", {"*": "wrong"}))
    runs = folder.json("eval", "numbers", "-p", "ask.prompt.yaml", *models)["runs"]
    printed = folder.run("slices", *(each["run"]["id"] for each in runs), "--find").stdout
    assert "\x1b" not in printed and "[31mred" in printed
    assert not any(line.startswith("::") for line in printed.splitlines())
