"""The command line as a user meets it: output, exit codes, errors, and JSON that keeps its word."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from promptops.cli import COMMANDS, documents
from tests.made import Folder, questions

HEAVY = {
    *("sqlmodel", "sqlalchemy", "scipy", "numpy", "pandas", "streamlit"),
    *("nltk", "aiohttp", "rich", "pydantic", "pytest"),
}
PROMPT_COMMANDS = ("add", "list", "show", "diff", "alias", "history")


def made_run(folder: Folder, model: str = "mock/echo") -> str:
    found = folder.json("eval", "numbers", "-p", "ask.prompt.yaml", "-m", model)
    return str(found["runs"][0]["run"]["id"])


def worse(folder: Folder) -> str:
    return made_run(folder, folder.script("s.json", {"*": {}, **{f"q{n:03}": "wrong" for n in range(20)}}))


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['promptops', '--help']\n"
        "try:\n import promptops.cli; promptops.cli.main()\nexcept SystemExit: pass\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & set(printed.rpartition("LOADED")[2].split())


def test_import_loads_nothing_heavy() -> None:
    code = "import promptops, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & set(printed.split())


@pytest.mark.parametrize("command", [*COMMANDS, *(f"prompt {name}" for name in PROMPT_COMMANDS)])
def test_every_command_has_help(folder: Folder, command: str) -> None:
    printed = folder.run(*command.split(), "--help").stdout
    assert "Usage:" in printed and len(printed.splitlines()) > 4


def test_the_table_of_commands_says_what_the_commands_say() -> None:
    import importlib

    for name, (module, text) in COMMANDS.items():
        command = getattr(importlib.import_module(module), f"{name}_command")
        assert command.name == name
        assert text.endswith(".")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["evl"], "Did you mean 'eval'"),
        (["eval", "number", "-p", "ask.prompt.yaml"], "Did you mean 'numbers'"),
        (["eval", "numbers", "-p", "ask.prompt.yaml", "-m", "mok/echo"], "Did you mean 'mock'"),
        (["eval", "numbers", "-p", "nowhere.prompt.yaml"], "nowhere.prompt.yaml"),
        (["eval", "numbers", "-p", "unknown"], "No prompt is named 'unknown'"),
        (["show", "deadbeef"], "No run is named 'deadbeef'"),
        (["gate", "numbers", "-m", "mock/echo"], "--model goes with --prompt"),
        (["-C", "nowhere", "runs"], "nowhere"),
        (["--database", "mysql://x/y", "runs"], "mysql"),
        (["eval", "numbers"], "--prompt"),
    ],
)
def test_wrong_use_is_exit_code_two_and_one_clear_message(
    folder: Folder, arguments: list[str], told: str
) -> None:
    done = folder.run(*arguments, code=2)
    assert told in done.stderr
    assert len(done.stderr) < 1500


def test_a_bad_set_is_told_by_file_and_line_with_exit_code_two(folder: Folder) -> None:
    rows = [json.dumps(row) for row in questions(3)]
    rows[1] = rows[1].replace('"inputs"', '"input"')
    folder.write("evalsets/numbers/samples.jsonl", "\n".join(rows))
    done = folder.run("eval", "numbers", "-p", "ask.prompt.yaml", code=2)
    assert re.search(r"samples\.jsonl:2:\d+: input", done.stderr)
    assert folder.json("runs")["runs"] == []


def test_the_main_way_in_words(folder: Folder) -> None:
    good = made_run(folder)
    accepted = folder.run("accept").stdout
    assert good in accepted and (folder.path / "evalsets/numbers/baseline.jsonl").is_file()
    bad = worse(folder)
    compared = folder.run("compare", good, bad).stdout
    assert "exact" in compared and "-0.5000" in compared and "[-number 1-]{+wrong+}" in compared
    assert compared.startswith("exact changed from mock/echo to mock/script:s.json (change -0.5")
    failed = folder.run("gate", "numbers", code=1).stdout
    assert failed.strip().startswith("FAIL  exact fell by more than the 0.1 that you accept (change -0.50")
    assert "\n  FAIL           exact changed by -0.5 [" in failed
    assert "cost unknown" in folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "--no-cache").stderr
    shown = folder.run("show", bad, "q001").stdout
    assert "number 1" in shown and "wrong" in shown


def test_every_face_tells_the_same_sentence(folder: Folder) -> None:
    good = made_run(folder)
    folder.run("accept")
    bad = worse(folder)
    sentence = folder.json("gate", "numbers", "--report", "gate.json", code=1)["verdict"]["sentence"]
    printed = folder.run("gate", "numbers", code=1).stdout
    assert printed.lstrip().startswith(f"FAIL  {sentence}\n")
    report = json.loads((folder.path / "gate.json").read_text())
    assert report["headline"] == f"FAIL: {sentence}" and report["verdict"]["sentence"] == sentence
    compared = folder.json("compare", good, bad, "--report", "compare.json")["comparison"]["sentence"]
    assert folder.run("compare", good, bad).stdout.startswith(f"{compared}\n")
    assert json.loads((folder.path / "compare.json").read_text())["headline"] == compared
    assert (
        "metric of both runs is named 'f1'"
        in folder.run("compare", good, bad, "--metric", "f1", code=2).stderr
    )


def test_a_loss_that_may_be_chance_is_not_printed_as_a_failed_rule(folder: Folder) -> None:
    settings = folder.path / "evalsets/numbers/evalset.toml"
    more = "".join(
        f'\n[[gate]]\nmetric = "exact"\nslice = "{tag}"\nmargin = 0.9\n' for tag in ("even", "odd")
    )
    settings.write_text(settings.read_text() + more, "utf-8")
    made_run(folder)
    folder.run("accept")
    made_run(folder, folder.script("s.json", {"*": {}, **{f"q{n:03}": "wrong" for n in range(5)}}))
    printed = folder.run("gate", "numbers", code=4).stdout
    assert printed.lstrip().startswith("INCONCLUSIVE  exact fell")
    assert "  FAIL  " not in printed and "Taken alone that is a loss, but among 3 rules" in printed


def test_exit_codes_of_the_gate(folder: Folder) -> None:
    good = made_run(folder)
    assert folder.run("gate", "numbers", code=3).stderr.startswith("Error: 'numbers' has no baseline yet")
    folder.run("accept")
    folder.run("gate", "numbers", "--run", good, code=0)
    flipping = {f"q{n:03}": "wrong" for n in (1, 2)}
    made_run(folder, folder.script("t.json", {"*": {}, **flipping}))
    folder.run("gate", "numbers", code=4)
    folder.run("gate", "numbers", "--inconclusive", "warn", code=0)
    worse(folder)
    folder.run("gate", "numbers", code=1)
    settings = folder.path / "evalsets/numbers/evalset.toml"
    settings.write_text(settings.read_text().replace("margin = 0.1", ""), "utf-8")
    told = folder.run("gate", "numbers", code=2).stderr
    assert "smallest margin that this set can resolve" in told


def test_the_gate_evaluates_a_prompt_file_by_itself(folder: Folder) -> None:
    made_run(folder)
    folder.run("accept")
    folder.prompt("other", "No. {{ question }}")
    folder.run("gate", "numbers", "--prompt", "other.prompt.yaml", code=1)


def test_prompts_are_registered_shown_compared_and_aliased(folder: Folder) -> None:
    assert "ask@1 registered" in folder.run("prompt", "add", "ask.prompt.yaml").stdout
    assert "has this content already" in folder.run("prompt", "add", "ask.prompt.yaml").stdout
    folder.prompt("ask", "Please answer: {{ question }}")
    folder.run("prompt", "add", "ask.prompt.yaml", "--note", "politer")
    folder.run("prompt", "alias", "ask@1", "production", "--reason", "release")
    assert "production = @1" in folder.run("prompt", "list").stdout
    assert "{+Please" in folder.run("prompt", "diff", "ask@production", "ask").stdout
    assert "politer" in folder.run("prompt", "history", "ask").stdout
    assert "Please answer" in folder.run("prompt", "show", "ask").stdout
    made = folder.json("eval", "numbers", "-p", "ask@production")
    assert made["runs"][0]["run"]["prompt_ref"] == "ask@1"


def test_hostile_output_reaches_neither_terminal_nor_ci(folder: Folder) -> None:
    hostile = "\x1b[31mred\x1b[0m\n::error::owned\n\u202egnp"
    first = made_run(folder)
    second = made_run(folder, folder.script("s.json", {"*": hostile}))
    for printed in (folder.run("compare", first, second).stdout, folder.run("show", second, "q001").stdout):
        assert "\x1b" not in printed and "\u202e" not in printed
        assert not any(line.lstrip().startswith("::") for line in printed.splitlines())


JSON_COMMANDS = {
    "eval": (["eval", "numbers", "-p", "ask.prompt.yaml"], documents.EvalDocument),
    "resume": (["resume", "latest"], documents.EvalDocument),
    "score": (["score", "latest"], documents.EvalDocument),
    "runs": (["runs"], documents.RunsDocument),
    "show": (["show", "latest", "q001"], documents.RunDocument),
    "compare": (["compare", "latest", "latest"], documents.CompareDocument),
    "accept": (["accept"], documents.AcceptDocument),
    "gate": (["gate", "numbers"], documents.GateDocument),
    "prompt add": (["prompt", "add", "ask.prompt.yaml"], documents.PromptDocument),
    "prompt list": (["prompt", "list"], documents.PromptsDocument),
    "prompt show": (["prompt", "show", "ask"], documents.PromptDocument),
    "prompt diff": (["prompt", "diff", "ask", "ask.prompt.yaml"], documents.PromptDiffDocument),
    "prompt alias": (["prompt", "alias", "ask", "production"], documents.PromptDocument),
    "prompt history": (["prompt", "history", "ask"], documents.PromptHistoryDocument),
    "plugins": (["plugins"], documents.PluginsDocument),
    "doctor": (["doctor"], documents.DoctorDocument),
}


def test_json_is_one_object_of_the_documented_shape(folder: Folder) -> None:
    made_run(folder)
    folder.run("prompt", "add", "ask.prompt.yaml")
    folder.run("accept")
    guide = (Path(__file__).parents[2] / "docs/guide/json.md").read_text("utf-8")
    for name, (arguments, document) in JSON_COMMANDS.items():
        printed = folder.json(*arguments)
        jsonschema.validate(printed, document.model_json_schema(mode="serialization"))
        for key in printed:
            assert f"`{key}`" in guide, f"{name}: docs/guide/json.md does not describe {key!r}"


def test_a_custom_metric_needs_no_registration(folder: Folder) -> None:
    folder.write(
        "shouting.py",
        "from promptops.metrics import Metric\nfrom promptops.types import Score\n\n\n"
        "class Shouting(Metric):\n    def score(self, completion, sample):\n"
        "        return Score.of(completion.text.isupper())\n",
    )
    made_run(folder)
    found = folder.json("score", "latest", "--metric", "shouting:Shouting", code=0)
    assert found["runs"][0]["estimates"][0]["value"] == 0.0


def test_the_gate_finds_what_is_wrong_before_the_first_call(folder: Folder) -> None:
    folder.write(
        "target.py",
        "def answer(inputs):\n    open('asked.log', 'a').write('x')\n    return inputs['question']\n",
    )
    asked = folder.path / "asked.log"
    arguments = ["gate", "numbers", "-p", "ask.prompt.yaml", "-m", "python/target:answer"]
    assert "no baseline yet" in folder.run(*arguments, code=3).stderr
    assert "nightly" in folder.run(*arguments, "--baseline", "nightly", code=2).stderr
    made_run(folder)
    folder.run("accept")
    baseline = folder.path / "evalsets/numbers/baseline.jsonl"
    whole = baseline.read_text()
    baseline.write_text(whole.replace("{", "[", 1))
    assert "baseline.jsonl:1" in folder.run(*arguments, code=2).stderr
    baseline.write_text(whole)
    settings = folder.path / "evalsets/numbers/evalset.toml"
    rules = settings.read_text()
    settings.write_text(rules.replace("margin = 0.1", ""))
    assert "never guessed" in folder.run(*arguments, code=2).stderr
    settings.write_text(rules)
    folder.evalset("numbers", questions(41))
    assert "another state" in folder.run(*arguments, code=3).stderr
    assert not asked.exists()


def test_what_a_target_prints_stays_out_of_the_json(folder: Folder) -> None:
    folder.write("noisy.py", "def answer(inputs):\n    print('debug')\n    return inputs['question']\n")
    found = folder.json("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "python/noisy:answer")
    assert found["runs"][0]["run"]["done"] == 40


def test_a_run_without_any_answer_is_no_success_and_no_baseline(folder: Folder) -> None:
    script = folder.script("s.json", {"*": {"fail": "filtered", "message": "not allowed"}})
    done = folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", script, code=3)
    assert "40 x filtered: not allowed" in done.stdout
    assert "got no answer; as a baseline" in folder.run("accept", code=2).stderr


def test_doctor_finds_metrics_and_prompts_that_can_not_be_used(folder: Folder) -> None:
    settings = folder.path / "evalsets/numbers/evalset.toml"
    settings.write_text(
        settings.read_text()
        + '\n[metrics.exakt]\n\n[metrics.r]\nmetric = "rouge"\nvariant = "x"\nstemer = 1\n'
    )
    folder.write("prompts/bad.prompt.yaml", "messages: [\n")
    printed = folder.run("doctor", code=2).stdout
    assert "Did you mean 'exact'" in printed and "variant" in printed and "stemer" in printed
    assert "evalset.toml:14:" in printed and "bad.prompt.yaml" in printed


@pytest.mark.parametrize(
    "command",
    [
        *(("show", "latest"), ("resume", "latest"), ("resume", "latest", "--dry-run"), ("stop",), ("pause",)),
        *(("export", "latest", "-o", "x.csv"), ("score", "latest"), ("verify", "latest"), ("accept",)),
    ],
)
def test_a_command_about_a_run_makes_no_database(folder: Folder, command: tuple[str, ...]) -> None:
    there = sorted(folder.path.rglob("*"))
    done = folder.run("--database", "sqlite:///data/runs.db", *command, code=2)
    told = " ".join(done.stderr.split())
    assert "There is no run yet. There is no database at" in told and f"{folder.path}/data/runs.db." in told
    assert sorted(folder.path.rglob("*")) == there


def test_a_list_of_runs_makes_no_database_and_says_that_there_is_none(folder: Folder) -> None:
    there = sorted(folder.path.rglob("*"))
    done = folder.run("runs", PROMPTOPS_DATABASE="sqlite:///nowhere.db")
    assert done.stdout.startswith("There is no run yet. Make one: promptops eval")
    assert done.stderr == f"There is no database at {folder.path}/nowhere.db yet.\n"
    assert folder.json("runs")["runs"] == [] and sorted(folder.path.rglob("*")) == there
    made_run(folder)
    assert folder.run("runs").stdout.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        *(("cache", "stats"), ("cache", "clear", "--yes"), ("cache", "prune", "--older-than", "1d")),
        *(("compare", "one", "two"), ("rank", "one", "two"), ("plan", "numbers"), ("selftest", "numbers")),
        *(
            ("noise", "latest"),
            ("evalset", "value", "numbers"),
            ("leaks", "numbers", "--run", "one"),
        ),
        *(
            ("coverage", "numbers", "--production", "records:7d"),
            ("shift", "records:7d", "numbers"),
            ("slices", "latest"),
        ),
        *(("prompt", "list"), ("prompt", "show", "ask"), ("prompt", "history", "ask"), ("monitor",)),
        *(
            ("records", "list"),
            ("records", "show", "abcd"),
            ("records", "themes"),
            ("reliability", "numbers"),
        ),
    ],
)
def test_a_command_that_reads_makes_no_database_and_says_so(folder: Folder, command: tuple[str, ...]) -> None:
    there = sorted(folder.path.rglob("*"))
    done = folder.run("--database", "sqlite:///data/here.db", *command, code=None)
    assert done.returncode in (0, 2, 3) and "Traceback" not in done.stderr
    told = " ".join(done.stderr.split())
    assert told.count(f"There is no database at {folder.path}/data/here.db") == 1, done.stderr
    assert sorted(folder.path.rglob("*")) == there


def test_nothing_that_failed_is_nothing_to_ask_and_no_fault(folder: Folder) -> None:
    made_run(folder)
    again = ("eval", "numbers", "-p", "ask.prompt.yaml", "--failed-from", "latest")
    for more in ((), ("--dry-run",)):
        assert folder.run(*again, *more).stdout.startswith(
            "There is nothing to ask: no sample failed in run "
        )
        found = folder.json(*again, *more)
        assert found["runs"] == [] and found["nothing"].startswith("There is nothing to ask")
    assert len(folder.json("runs")["runs"]) == 1
    assert "left 0" in folder.run(*again[:4], "-k", "nobody", code=2).stderr


def test_a_dry_run_of_a_part_says_of_how_many(folder: Folder) -> None:
    ask = ("eval", "numbers", "-p", "ask.prompt.yaml", "--dry-run")
    assert folder.run(*ask, "--limit", "30").stdout.startswith("numbers: 30 of 40 samples. Nothing was asked")
    assert folder.json(*ask, "--limit", "30")["forecast"]["of_samples"] == 40
    assert folder.run(*ask).stdout.startswith("numbers: 40 samples.")


def test_a_misspelt_variable_is_told_once(folder: Folder) -> None:
    misspelt = {"PROMPTOPS_CONCURENCY": "3", "PROMPTOPS_TEAM_KEY": "x"}
    told = folder.run("runs", **misspelt).stderr
    assert (
        told.count("PROMPTOPS_CONCURENCY is set, and nothing reads it. Did you mean PROMPTOPS_CONCURRENCY?")
        == 1
    )
    assert "TEAM_KEY" not in told and "PROMPTOPS" not in folder.run("runs").stderr
    looked = folder.run("doctor", **misspelt).stdout
    assert "PROMPTOPS_CONCURENCY is set, and nothing reads it; PROMPTOPS_CONCURRENCY is meant?" in looked
    assert "PROMPTOPS_TEAM_KEY is set, and nothing reads it\n" in looked


def test_a_samples_tries_are_told_with_how_each_ended(folder: Folder) -> None:
    steps = [{"fail": "server", "status": 502}, {"fail": "timeout"}, {"text": "number 1"}]
    model = folder.script("s.json", {"*": {}, "q001": steps, "q002": {"fail": "filtered"}})
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", model, "--limit", "3")
    told = folder.run("show", "latest", "q001").stdout
    assert re.search(
        r"^3 tries: server 502 after \d+\.\d s, timeout after \d+\.\d s, answered after \d+\.\d s$",
        told,
        re.M,
    )
    assert re.search(r"^1 try: filtered after \d+\.\d s$", folder.run("show", "latest", "q002").stdout, re.M)
    assert "tries" not in folder.run("show", "latest", "q000").stdout


def test_a_provider_that_is_none_is_told_with_the_projects_own(folder: Folder) -> None:
    folder.write("promptops.toml", '[providers.zeta]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n')
    told = folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "nope/x", code=2).stderr
    assert "No provider is named 'nope'." in told and "Of your own there is: zeta." in " ".join(told.split())


def test_a_baseline_that_is_none_is_told_with_the_labels_first(folder: Folder) -> None:
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml")
    for label in ("weekly", "zebra"):
        folder.run("accept", "--label", label)
    told = " ".join(folder.run("gate", "numbers", "--baseline", "xyz", code=2).stderr.split())
    assert "No baseline or run is named 'xyz'. There is: weekly, zebra, " in told
