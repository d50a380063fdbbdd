"""Settings: where they come from, which wins, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.config import load_settings, redact_url, unread_variables
from promptops.errors import SettingsError
from promptops.providers import ProviderSettings


def write(folder, text, name="promptops.toml"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_without_a_file_everything_has_its_default(tmp_path):
    settings, root = load_settings(tmp_path, {})
    assert root == tmp_path
    assert settings.database == f"sqlite:///{tmp_path}/.promptops/promptops.db"
    assert (settings.model, settings.judge_model, settings.providers) == (None, None, {})
    assert (settings.evalsets, settings.allow_code) == ("evalsets", ())
    assert (settings.concurrency, settings.attempts, settings.deadline) == (8, 4, 300.0)


def test_the_nearest_file_upward_makes_the_root(tmp_path):
    write(tmp_path, "model = 'mock/far'")
    write(tmp_path / "a", "[tool.promptops]\nmodel = 'mock/near'", "pyproject.toml")
    write(tmp_path / "a" / "b", "[tool.other]\nx = 1", "pyproject.toml")
    (tmp_path / "a" / "b" / "c").mkdir()
    settings, root = load_settings(tmp_path / "a" / "b" / "c", {})
    assert (settings.model, root) == ("mock/near", tmp_path / "a")
    write(tmp_path / "a", "model = 'mock/own'")
    assert load_settings(tmp_path / "a", {})[0].model == "mock/own"


def test_flags_win_over_variables_and_these_over_the_file(tmp_path):
    write(tmp_path, "model = 'mock/file'\nconcurrency = 2\nattempts = 3\ndeadline = 10")
    environment = {
        "PROMPTOPS_MODEL": "mock/variable",
        "PROMPTOPS_CONCURRENCY": "16",
        "PROMPTOPS_ATTEMPTS": "",
    }
    settings, _ = load_settings(tmp_path, environment, concurrency=32, judge_model=None)
    assert (settings.model, settings.concurrency, settings.attempts) == ("mock/variable", 32, 3)
    assert (settings.deadline, settings.judge_model) == (10.0, None)


def test_what_is_wrong_with_a_table_is_told_without_the_table(tmp_path):
    alert = '[[monitor.alert]]\nname = "a"\nmetric = "errors"\nabove = 0.1\n'
    write(tmp_path, alert + alert)
    with pytest.raises(SettingsError, match=r"monitor: two alerts are named 'a'$"):
        load_settings(tmp_path, {})


def test_every_setting_has_a_variable(tmp_path):
    environment = {
        "PROMPTOPS_DATABASE": "postgresql://u:p@h/d",
        "PROMPTOPS_MODEL": "a/b",
        "PROMPTOPS_JUDGE_MODEL": "c/d",
        "PROMPTOPS_EVALSETS": "sets",
        "PROMPTOPS_CONCURRENCY": "1",
        "PROMPTOPS_ATTEMPTS": "2",
        "PROMPTOPS_DEADLINE": "0.5",
        "PROMPTOPS_ENGINE": "ray",
        "PROMPTOPS_SOMETHING_ELSE": "x",
    }
    settings, _ = load_settings(tmp_path, environment)
    found = settings.model_dump(exclude={"providers", "allow_code", "monitor", "logging"})
    assert [str(value) for value in found.values()] == list(environment.values())[:8]


def test_variables_that_nothing_reads_are_told_with_what_may_be_meant(tmp_path):
    environment = {
        "PROMPTOPS_CONCURENCY": "3",
        "PROMPTOPS_TEAM_KEY": "x",
        "PROMPTOPS_MODEL": "a/b",
        "PROMPTOPS_ACTOR": "me",
        "PROMPTOPS_LOG": "off",
        "OTHER": "y",
    }
    assert unread_variables(environment) == {
        "PROMPTOPS_CONCURENCY": "PROMPTOPS_CONCURRENCY",
        "PROMPTOPS_TEAM_KEY": "",
    }


def test_how_production_is_logged_is_read_and_checked(tmp_path):
    write(tmp_path, "[logging]\nsample = 0.1\nredact = ['KD-[0-9]+']\ndatabase = 'sqlite:///logs/log.db'\n"
          "[logging.prompts]\nreply = 1.0\n")  # fmt: skip
    found = load_settings(tmp_path, {})[0].logging
    assert (found.share("reply"), found.share("other"), found.share(None)) == (1.0, 0.1, 0.1)
    assert found.database == f"sqlite:///{tmp_path}/logs/log.db"
    for wrong, told in {
        "sampel = 0.1": "logging.sampel: unknown key. Did you mean 'sample'?",
        "sample = 0": "logging.sample: input should be greater than 0",
        "redact = ['(']": "is no regular expression",
        "prompts = { reply = 2 }": "less than or equal to 1",
        "database = 'postgresql://u:secret@h/d'": "Use promptops.configure_logging(database=...)",
        "flush_milliseconds = 1": "greater than or equal to 10",
    }.items():
        write(tmp_path, f"[logging]\n{wrong}\n")
        with pytest.raises(SettingsError) as error:
            load_settings(tmp_path, {})
        assert told in str(error.value) and "promptops.toml:" in str(error.value)
        assert "secret" not in str(error.value)


def test_providers_are_read(tmp_path):
    write(
        tmp_path,
        "[providers.local]\nkind = 'openai'\nbase_url = 'http://127.0.0.1:8000/v1'\n"
        "api_key_env = 'LOCAL_KEY'\n"
        "[providers.local.body]\nmin_p = 0.1\nmax_tokens = 5\n",
    )
    assert load_settings(tmp_path, {})[0].providers == {
        "local": ProviderSettings(
            kind="openai",
            base_url="http://127.0.0.1:8000/v1",
            api_key_env="LOCAL_KEY",
            body={"min_p": 0.1, "max_tokens": 5},
        )
    }


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sqlite:///data/x.db", "sqlite:///{root}/data/x.db"),
        ("sqlite:////abs/x.db", "sqlite:////abs/x.db"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql://host/db", "postgresql://host/db"),
    ],
)
def test_a_relative_database_lies_under_the_root(tmp_path, written, meant):
    write(tmp_path, f"database = '{written}'")
    (tmp_path / "below").mkdir()
    assert load_settings(tmp_path / "below", {})[0].database == meant.format(root=tmp_path)


BAD = [
    ("modle = 'x'", 1, "modle: unknown key. Did you mean 'model'?"),
    ("zzz = 1", 1, "Known are: database, model"),
    ("\n[providers.x]\nbase_ur = 'y'", 3, "providers.x.base_ur: unknown key. Did you mean 'base_url'?"),
    ("[providers.'a b']\n", 1, "no name for a provider"),
    ("providers = 5", 1, "providers: "),
    ("[providers]\nx = 5", 2, "providers.x: "),
    ("concurrency = 0", 1, "concurrency: input should be greater than or equal to 1, not 0"),
    ("concurrency = 'many'", 1, "concurrency: "),
    ("attempts = 1.5", 1, "attempts: "),
    ("deadline = -1", 1, "deadline: "),
    ("deadline = inf", 1, "deadline: inf is no finite number"),
    ("model = 5", 1, "model: "),
    ("evalsets = ''", 1, "evalsets: "),
    ("[providers.x]\ntimeout = 0", 2, "providers.x.timeout: "),
    ("model = ", 1, "is not TOML"),
    ("api_key = 'abc'", 1, "api_key_env"),
    ("[providers.x]\napi_key = 'abc'", 2, "providers.x.api_key: looks like a secret"),
    ("[providers.x]\napi-key = 'abc'", 2, "api_key_env"),
    ("[providers.x]\nOPENAI_API_KEY = 'abc'", 2, "api_key_env"),
    ("[providers.x]\ntoken = 'abc'", 2, "api_key_env"),
    ("[providers.x]\nbase_url = 'http://u:pw-4711@h/v1'", 2, "holds a password"),
    ("[providers.x.headers]\nAuthorization = 'Basic pw-4711'", 2, "api_key_env"),
    ("[providers.x.headers]\nX-Other = 'Bearer pw-4711'", 2, "api_key_env"),
    ("[providers.x.body]\nlist = ['sk-pw-4711aaaaaaaaaaaaaaaa']", 2, "api_key_env"),
    ("database = 'postgresql://u:pw-4711@h/d'", 1, "Use PROMPTOPS_DATABASE"),
]


@pytest.mark.parametrize(("text", "line", "reason"), BAD)
def test_a_wrong_setting_is_told_with_file_line_and_key(tmp_path, text, line, reason):
    write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, {})
    assert str(caught.value).startswith(f"{tmp_path}/promptops.toml:{line}")
    assert reason in str(caught.value)
    assert "4711" not in str(caught.value)


def test_faults_in_pyproject_are_told_by_their_own_line(tmp_path):
    write(tmp_path, "[project]\nname = 'x'\n[tool.promptops]\nmodle = 1\n", "pyproject.toml")
    with pytest.raises(SettingsError, match=r"pyproject\.toml:4:1: modle: unknown key"):
        load_settings(tmp_path, {})
    write(tmp_path, "[tool]\npromptops = 1\n", "pyproject.toml")
    with pytest.raises(SettingsError, match="must be a table"):
        load_settings(tmp_path, {})


def test_a_wrong_variable_or_flag_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"PROMPTOPS_CONCURRENCY: .* not 'many'"):
        load_settings(tmp_path, {"PROMPTOPS_CONCURRENCY": "many"})
    with pytest.raises(SettingsError, match="--judge-model: "):
        load_settings(tmp_path, {}, judge_model=5)
    with pytest.raises(SettingsError, match="There is no folder"):
        load_settings(tmp_path / "nowhere", {})
    write(tmp_path, "")
    with pytest.raises(SettingsError, match="is no folder"):
        load_settings(tmp_path / "promptops.toml", {})


def test_settings_cannot_be_changed(tmp_path):
    with pytest.raises(ValueError, match="frozen"):
        load_settings(tmp_path, {})[0].model = "x"


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("postgresql://me:pw@host:5432/db", "postgresql://***@host:5432/db"),
        ("postgresql+psycopg://me:p@w/x@host/db", "postgresql+psycopg://***@host/db"),
        ("https://token@host/x.git", "https://***@host/x.git"),
        ("postgresql://host/db?user=me&password=pw", "postgresql://host/db?user=***&password=***"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("sqlite:////home/a@b/x.db", "sqlite:////home/a@b/x.db"),
        ("sqlite://", "sqlite://"),
        ("git@host:x.git", "***@host:x.git"),
        ("http://[::1", "http://[::1"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_user_and_password(url, redacted):
    assert redact_url(url) == redacted


@given(st.text(alphabet=st.characters(exclude_characters="\x00"), min_size=1))
def test_a_password_never_survives(password):
    shown = redact_url(f"postgresql://user:{password}canary@host/db")
    assert "canary" not in shown


@given(st.text() | st.text(alphabet="[]=.'\"\nmodelprvis x1"))
def test_any_settings_are_read_or_refused(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("settings")
    (folder / "promptops.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_settings(folder, {})
    except SettingsError as error:
        assert str(error)
