"""Properties that no other test shows, and the page that says which test shows which (docs/properties.md)."""

from __future__ import annotations

import ast
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops.viewer import command
from tests.chat_server import ChatServer, chat_server
from tests.made import EVALSET, Folder, neutral_environment, questions

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "properties.md"
ASK = ("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "local/echo", "-j", "3")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as made:
        yield made


@pytest.fixture
def asked(folder: Folder, server: ChatServer) -> Folder:
    """The project of forty questions, asked of a server that counts."""
    folder.write("promptops.toml", f'[providers.local]\nkind = "openai"\nbase_url = "{server.url}"\n')
    return folder


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text("utf-8"))
    assert len(named) > 80
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / "tests" / file).is_file() or name not in _tests_in(ROOT / "tests" / file)
    ]
    assert missing == []


def test_the_page_has_every_property_once() -> None:
    rows = re.findall(r"^\| (P\d+) \|", PAGE.read_text("utf-8"), re.M)
    assert rows == [f"P{number}" for number in (*range(1, 27), *range(39, 49))]


def test_a_name_of_a_test_that_is_not_there_would_be_seen() -> None:
    assert "test_a_name_of_a_test_that_is_not_there_would_be_seen" in _tests_in(Path(__file__))
    assert "asked" not in _tests_in(Path(__file__))


def _tests_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text("utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of processes")
def test_who_kills_the_main_process_alone_leaves_no_worker_and_no_call(
    asked: Folder, server: ChatServer
) -> None:
    server.seconds = 0.05
    asked.prompt("ask", "{% if question %}{{ question }}{% endif %}", template="minijinja")
    process = subprocess.Popen(
        [sys.executable, "-m", "promptops", *ASK],
        cwd=asked.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=neutral_environment(),
        start_new_session=True,
    )
    ends = time.monotonic() + 120
    while server.calls < 9 and time.monotonic() < ends:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(1)
    calls = server.calls
    assert _session(process.pid) == []
    time.sleep(0.5)
    assert server.calls == calls < 40


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of processes")
def test_who_kills_the_main_process_alone_leaves_no_program_of_a_call(folder: Folder) -> None:
    """Neither the program nor what it has started: both would sleep for ten minutes."""
    code = (
        "import os, subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; "
        "time.sleep(600)']); open(f'begun-{os.getpid()}', 'w').write(str(child.pid)); child.wait()"
    )
    folder.write("slow.py", code)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "promptops", "eval", "numbers", "-p", "ask.prompt.yaml", "-j", "3"),
            *("-m", f"command/{sys.executable} slow.py"),
        ],
        cwd=folder.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=neutral_environment(),
        start_new_session=True,
    )
    ends = time.monotonic() + 120
    while not (begun := _begun(folder.path)) or len(begun) < 6:
        assert process.poll() is None and time.monotonic() < ends
        time.sleep(0.01)
    assert all(map(_lives, begun))
    process.send_signal(signal.SIGKILL)
    process.wait()
    while any(map(_lives, begun)):
        assert time.monotonic() < ends, "a program outlived its parent"
        time.sleep(0.01)


def _begun(folder: Path) -> list[int]:
    """Return the processes of programs that have begun, and of what these have started."""
    files = [(int(path.name.partition("-")[2]), path.read_text()) for path in folder.glob("begun-*")]
    return [number for own, child in files if child for number in (own, int(child))]


def _lives(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _session(number: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session, *_ = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(session) == number and state != "Z":  # an ended one that nobody has asked about yet
            found.append(int(status.parent.name))
    return found


def test_a_resume_asks_what_the_run_was_started_with_whatever_has_changed_since(
    asked: Folder, server: ChatServer
) -> None:
    """Prompt, parameters, questions, their order, metrics and the default model change in between."""
    settings = asked.path / "promptops.toml"
    server.seconds = 0.03
    asked.killed(ASK, lambda: server.calls >= 12)
    asked.prompt("ask", "Something else: {{ question }}", parameters={"temperature": 0.9})
    rows = questions(40)[::-1]
    for row in rows:
        row["inputs"]["question"] += " of another set"
    asked.evalset("numbers", rows, EVALSET.replace("[metrics.contains]", "[metrics.length]"))
    settings.write_text('model = "mock/echo"\n' + settings.read_text())
    server.seconds = 0.0
    run = asked.json("resume", "latest")["runs"][0]["run"]
    assert (run["status"], run["done"]) == ("finished", 40)
    assert {metric["label"] for metric in run["metrics"]} == {"exact", "contains"}
    texts = Counter(server.texts())
    assert set(texts) == {f"number {number}" for number in range(40)}
    assert texts.total() <= 40 + 3
    assert all("temperature" not in body for body in server.bodies)
    asked.run("verify", "latest")


def test_two_resumes_at_once_pay_for_nothing_twice(asked: Folder, server: ChatServer) -> None:
    server.seconds = 0.05
    asked.killed(ASK, lambda: server.calls >= 6)
    before = Counter(server.texts())
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "promptops", "resume", "latest", "-j", "3"],
            cwd=asked.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=neutral_environment(),
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120)[1] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 2]), told  # the later one may find all done
    assert codes == [0, 0] or any("another process" in text for text in told)
    again = Counter(server.texts()) - before
    assert max(again.values()) == 1
    assert len(before | again) == 40 and (before + again).total() <= 40 + 3


def test_a_disk_that_may_not_be_written_is_told_before_anything_is_asked(
    asked: Folder, server: ChatServer
) -> None:
    mount = shutil.which("mount")
    where = asked.path / ".promptops"
    where.mkdir(mode=0o700)
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "tmpfs", str(where)], capture_output=True, check=False
    )
    if not made or made.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        asked.run(*ASK)
        subprocess.run(["mount", "-o", "remount,ro", str(where)], check=True)
        calls = server.calls
        done = asked.run(*ASK, "--no-cache", code=None)
        assert done.returncode not in (0, 1) and "may be written" in done.stderr
        assert server.calls == calls
    finally:
        subprocess.run(["umount", "-l", str(where)], check=False)


def test_a_registry_that_is_down_gives_an_error_and_no_text(asked: Folder, server: ChatServer) -> None:
    pytest.importorskip("psycopg")
    asked.run("prompt", "add", "ask.prompt.yaml")
    asked.run("prompt", "alias", "ask@1", "production")
    shown = ("prompt", "show", "ask@production")
    assert "question" in asked.run(*shown).stdout
    down = "postgresql://ada:canary-b7d1@127.0.0.1:1/none"
    for arguments in (shown, ("eval", "numbers", "-p", "ask@production", "-m", "local/echo")):
        done = asked.run(*arguments, code=2, PROMPTOPS_DATABASE=down)
        assert done.stdout == "" and "127.0.0.1" in done.stderr and "canary" not in done.stderr
    assert "'staging'" in asked.run("prompt", "show", "ask@staging", code=2).stderr
    assert server.calls == 0


def test_the_source_runs_no_data_as_code() -> None:
    """No pickle, eval, exec, unsafe YAML, disk cache, or shell in what is shipped."""
    files = [
        path for part in ("promptops", "dashboards", "migrations") for path in (ROOT / part).rglob("*.py")
    ]
    found = [f"{path.name}:{fault}" for path in files for fault in _dangers(path.read_text("utf-8"))]
    assert len(files) > 150 and found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from diskcache import Cache",
        "eval('1')",
        "exec(code)",
        "yaml.load(text)",
        "subprocess.run('ls', shell=True)",
        "os.system('ls')",
        "__import__('marshal')",
        "import shelve as harmless",
    ],
)
def test_the_scan_sees_what_it_looks_for(source: str) -> None:
    assert len(_dangers(source)) == 1


_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "diskcache"}
_CALLS = {"eval", "exec", "__import__", "os.system", "os.popen", "yaml.unsafe_load", "yaml.full_load"}
_SAFE_LOADERS = {"SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader"}


def _dangers(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [each.name for each in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            )
            found += [f"{node.lineno} {name}" for name in names if name.partition(".")[0] in _MODULES]
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            shell = any(word.arg == "shell" and ast.unparse(word.value) != "False" for word in node.keywords)
            unsafe_yaml = name == "yaml.load" and not any(
                loader in ast.unparse(node) for loader in _SAFE_LOADERS
            )
            if name in _CALLS or shell or unsafe_yaml:
                found.append(f"{node.lineno} {name}")
    return found


@pytest.mark.parametrize("name", ["requirements.lock", "tests/requirements.lock"])
def test_every_locked_package_has_a_version_and_a_hash(name: str) -> None:
    text = re.sub(r"\\\n", "", (ROOT / name).read_text("utf-8"))
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(lines) > 30
    assert [line for line in lines if not re.match(r"\S+==\S+.* --hash=sha256:[0-9a-f]{64}", line)] == []


def test_the_dashboard_is_bound_to_this_machine_and_keeps_its_guards() -> None:
    words = command(Path("server.py"), 1234)
    assert words[words.index("--server.address") + 1] == "127.0.0.1"
    # Streamlit's guards against requests of other sites are on unless they are switched off.
    config = ROOT / ".streamlit" / "config.toml"
    written = " ".join(words) + (config.read_text("utf-8") if config.exists() else "")
    assert not re.search("(?i)xsrf|cors", written)
