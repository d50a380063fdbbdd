"""Evaluation sets: read whole, or refused with file, line, column and field."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptops.errors import FileProblems, UnknownName
from promptops.gate.rules import GateRule
from promptops.sets.evalset import evalset_folder, evalset_names, read_evalset
from promptops.types import Card, EvalSet, MetricSpec, Sample

TOML = """\
format = 1
slices = ["long"]

[card]
description = "Mails to sort"
origin = "written for this test"
licence = "MIT"
language = "de"

[metrics.exact]

[metrics.lsum]
metric = "rouge"
variant = "rougeLsum"
stem = true

[[gate]]
metric = "exact"
margin = 0.05

[[gate]]
metric = "lsum"
slice = "long"
min = 0.2
alpha = 0.01
"""
CARD = 'format = 1\n[card]\ndescription = "d"\n[metrics.exact]\n'
ROW = '{"id": "a", "inputs": {"x": "1"}, "target": "t", "tags": ["long"]}\n'


@pytest.fixture
def make(tmp_path):
    """Write a set and return its folder."""

    def write(toml=CARD, name="mails", **files):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "evalset.toml").write_bytes(toml.encode() if isinstance(toml, str) else toml)
        for suffix, text in (files or {"jsonl": ROW}).items():
            (folder / f"samples.{suffix}").write_bytes(text.encode() if isinstance(text, str) else text)
        return folder

    return write


def problems_of(folder):
    with pytest.raises(FileProblems) as caught:
        read_evalset(folder)
    return caught.value.problems


def test_a_set_is_read_whole(make):
    found = read_evalset(
        make(TOML, jsonl=ROW + '\n{"id": "b", "inputs": {}, "target": ["x", {"k": 1}], "weight": 2}\n')
    )
    assert found == EvalSet(
        name="mails",
        card=Card(description="Mails to sort", origin="written for this test", licence="MIT", language="de"),
        metrics=(
            MetricSpec(label="exact", metric="exact"),
            MetricSpec(label="lsum", metric="rouge", options={"variant": "rougeLsum", "stem": True}),
        ),
        gate=(
            GateRule(metric="exact", margin=0.05),
            GateRule(metric="lsum", slice="long", min=0.2, alpha=0.01),
        ),
        slices=("long",),
        samples=(
            Sample(id="a", inputs={"x": "1"}, target=("t",), tags=("long",)),
            Sample(id="b", inputs={}, target=("x", {"k": 1}), weight=2),
        ),
    )


def test_all_faults_of_both_files_are_told_at_once_and_twenty_shown(make):
    folder = make(
        "format = 2\n[card]\n[metrics.x]\n", jsonl="".join(f'{{"key{row}": 1}}\n' for row in range(30))
    )
    problems = problems_of(folder)
    assert len(problems) == 2 + 2 * 30
    with pytest.raises(FileProblems) as caught:
        read_evalset(folder)
    assert len(str(caught.value).splitlines()) == 21
    assert str(caught.value).splitlines()[-1].endswith("more")


BAD_SETTINGS = [
    ("", 1, "", "has no format"),
    ('format = "1"\n', 1, "format", "must be 1"),
    ("format = 2\n", 1, "format", "newer promptops"),
    ("format = true\n", 1, "format", "must be 1"),
    ("format = 1\n[metrics.exact]\n", 1, "card", "is missing"),
    ("format = 1\n[card]\n[metrics.exact]\n", 2, "card.description", "is missing"),
    ('format = 1\n[card]\ndescription = "d"\nlicense = "x"\n', 4, "card.license", "Did you mean 'licence'?"),
    ("format = 1\n[card]\ndescription = 5\n", 3, "card.description", "must be a text"),
    ('format = 1\n[card]\ndescription = "d"\n', 1, "metrics", "are missing"),
    (CARD + "[metric.bleu]\n", 5, "metric", "Did you mean 'metrics'?"),
    (CARD + 'metric = ""\n', 5, "metrics.exact.metric", "must name a metric"),
    (CARD + "metric = 5\n", 5, "metrics.exact.metric", "must name a metric"),
    (CARD + "when = 2020-01-01\n", 5, "metrics.exact.when", "dates"),
    (CARD + "k = nan\n", 5, "metrics.exact.k", "finite"),
    (CARD + '[metrics."a b"]\n', 5, "metrics.'a b'", "a label must be"),
    (CARD + '[metrics."../x"]\n', 5, "metrics.'../x'", "a label must be"),
    (CARD + "[gate]\nmetric = 'exact'\n", 5, "gate", "[[gate]]"),
    (CARD + "[[gate]]\nmargin = 0.1\n", 5, "gate[0].metric", "is missing"),
    (CARD + "[[gate]]\nmetric = 'exct'\n", 6, "gate[0].metric", "Did you mean 'exact'?"),
    (CARD + "[[gate]]\nmetric = 'exact'\nmargn = 0.1\n", 7, "gate[0].margn", "Did you mean 'margin'?"),
    (CARD + "[[gate]]\nmetric = 'exact'\nmargin = 0\n", 7, "gate[0].margin", "greater than 0"),
    (CARD + "[[gate]]\nmetric = 'exact'\nmargin = '0.1'\n", 7, "gate[0].margin", "valid number"),
    (CARD + "[[gate]]\nmetric = 'exact'\nalpha = 0.7\n", 7, "gate[0].alpha", "less than 0.5"),
    (
        CARD + "[[gate]]\nmetric = 'exact'\n[[gate]]\nmetric = 'exact'\nslice = 'lng'\n",
        9,
        "gate[1].slice",
        "'long'",
    ),
    ("text = 'y'\n" + CARD, 1, "text", "sample 'a' has no input 'y'. Known are: x."),
    ("text = ['x']\n" + CARD, 1, "text", "must name an input"),
    ("slices = ['x']\n" + CARD, 1, "slices[0]", "no sample has the tag 'x'"),
    ("slices = ['long', 'long']\n" + CARD, 1, "slices[1]", "twice"),
    ("slices = 'long'\n" + CARD, 1, "slices", "must be a list"),
    (CARD + "a = \n", 5, "", "not TOML"),
    (CARD + "a = [" + "[" * 5000, None, "", "not TOML"),
    (b"format = 1\n# \xff\n", 2, "", "not UTF-8"),
    ("a." * 50_000 + "a = 1", 1, "", "2,000 dots"),
    ("#" * 200_001, None, "", "larger than"),
]


@pytest.mark.parametrize(("toml", "line", "field", "reason"), BAD_SETTINGS)
def test_faulty_settings_are_told_with_their_line(make, toml, line, field, reason):
    problems = problems_of(make(toml))
    found = [problem for problem in problems if (problem.line, problem.field) == (line, field)]
    assert found, problems
    assert reason in found[0].reason
    assert found[0].file.endswith("mails/evalset.toml")


def test_a_rule_may_leave_its_margin_out(make):
    (rule,) = read_evalset(make(CARD + "[[gate]]\nmetric = 'exact'\nslice = 'long'\n")).gate
    assert rule == GateRule(metric="exact", slice="long")


def test_exactly_one_file_holds_the_samples(make):
    (problem,) = problems_of(make(jsonl=ROW, csv="id\na"))
    assert "samples.jsonl and samples.csv" in problem.reason
    folder = make(name="none")
    (folder / "samples.jsonl").unlink()
    (problem,) = problems_of(folder)
    assert "holds no samples" in problem.reason
    (problem,) = problems_of(make(name="empty", jsonl=""))
    assert "holds no samples" in problem.reason


def test_a_folder_with_another_name_or_none_is_refused(make, tmp_path):
    for name in ("a b", ".hidden", "a" * 101, "-x"):
        assert "must be called by letters" in problems_of(make(name=name))[0].reason
    assert problems_of(tmp_path / "nowhere")


def test_links_that_leave_the_root_are_refused(make, tmp_path):
    outside = make(name="outside")
    root = tmp_path / "root"
    (root / "set").mkdir(parents=True)
    (root / "linked").symlink_to(outside)
    assert "leads out" in problems_of(root / "linked")[0].reason
    for linked, kept in (("samples.jsonl", "evalset.toml"), ("evalset.toml", "samples.jsonl")):
        for entry in (root / "set").iterdir():
            entry.unlink()
        (root / "set" / kept).write_bytes((outside / kept).read_bytes())
        (root / "set" / linked).symlink_to(outside / linked)
        assert any("leads out" in problem.reason for problem in problems_of(root / "set"))
    (root / "set" / "evalset.toml").unlink()
    (root / "set" / "evalset.toml").symlink_to("/dev/zero")
    assert problems_of(root / "set")
    assert read_evalset(outside).name == "outside"


def test_sets_are_found_by_name_and_never_by_path(make, tmp_path):
    make(name="one")
    make(name="two")
    (tmp_path / "no set").mkdir()
    (tmp_path / "readme.md").write_text("")
    assert evalset_names(tmp_path) == ["one", "two"]
    assert evalset_names(tmp_path / "nowhere") == []
    assert evalset_folder(tmp_path, "two") == tmp_path / "two"
    for name in ("../one", "one/", "", ".", "/etc", "on"):
        with pytest.raises(UnknownName):
            evalset_folder(tmp_path, name)
    with pytest.raises(UnknownName, match="Did you mean 'one'"):
        evalset_folder(tmp_path, "onee")


quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(st.text(max_size=60) | st.text(alphabet="[]=.'\"\n#format1cdgae ", max_size=60))
def test_any_settings_are_read_or_refused(make, text):
    for toml in (text, CARD + text):
        try:
            read_evalset(make(toml.encode("utf-8", "surrogatepass")))
        except FileProblems as error:
            assert error.problems
