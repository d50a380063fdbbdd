"""A sentence encoder by numpy against torch and Hugging Face's tokenizer (make_encoder_fixture.py)."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops import Project
from promptops.calls.call import Stopped
from promptops.calls.embedding import embedded
from promptops.calls.models import open_model
from promptops.config import Settings
from promptops.errors import FileProblems, UsageError
from promptops.providers import ProviderSettings
from promptops.providers._bert import BATCH_TOKENS, gelu
from promptops.providers._encoderfolder import Encoder, read_encoder
from promptops.providers._wordpiece import WordPiece
from promptops.runs.eventloop import wait_for
from promptops.stats import Floats

FIXTURE = Path(__file__).parent / "encoder"
CASES = json.loads((FIXTURE / "expected.json").read_text("utf-8"))["cases"]
TEXTS = [case["text"] for case in CASES]
EXPECTED = np.array([case["point"] for case in CASES])
ENCODER = read_encoder(FIXTURE)


def points(texts: list[str], encoder: Encoder = ENCODER) -> Floats:
    return np.asarray(encoder.bert.points([encoder.tokenizer.tokens(text, encoder.reads) for text in texts]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURE, tmp_path / "models" / "tiny"))


def ask(folder: Path, texts: list[str], environment: dict[str, str] | None = None) -> Floats:
    given = ProviderSettings(kind="encoder", folder=folder.parent.name)
    settings = Settings(database="sqlite://", providers={"local": given})
    name = f"local/{folder.name}"
    model = open_model(name, settings, environment or {}, folder.parents[1])
    return wait_for(embedded(texts, model, name, attempts=2, concurrency=4))


@pytest.mark.parametrize("case", CASES, ids=[ascii(case["text"][:20]) for case in CASES])
def test_a_text_is_cut_into_the_tokens_of_the_reference(case: dict[str, object]) -> None:
    assert list(ENCODER.tokenizer.tokens(str(case["text"]), ENCODER.reads)) == case["ids"]


def test_points_are_those_of_torch_in_one_batch_and_one_by_one() -> None:
    np.testing.assert_allclose(points(TEXTS), EXPECTED, rtol=0, atol=1e-5)
    for text, point in zip(TEXTS, EXPECTED, strict=True):
        np.testing.assert_allclose(points([text])[0], point, rtol=0, atol=1e-5)


@given(st.lists(st.one_of(st.text(max_size=60), st.sampled_from(TEXTS)), min_size=1, max_size=12))
def test_a_texts_point_does_not_depend_on_its_batch_and_has_length_1(texts: list[str]) -> None:
    together = points(texts)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(together, np.vstack([points([text]) for text in texts]), rtol=0, atol=2e-6)


def test_more_tokens_than_one_pass_holds_give_the_same_points() -> None:
    long = "lost umbrella " * 40
    many = [*TEXTS, *[long] * (2 * BATCH_TOKENS // ENCODER.reads), *TEXTS]
    found = points(many)
    np.testing.assert_allclose(found[: len(TEXTS)], EXPECTED, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found[-len(TEXTS) :], EXPECTED, rtol=0, atol=1e-5)


def test_the_end_of_a_long_text_is_not_read() -> None:
    tokens = ENCODER.tokenizer.tokens("refund " * 100_000, 32)
    assert len(tokens) == 32
    same = points(["refund " * 30, "refund " * 30 + "parcel " * 500])
    np.testing.assert_allclose(same[0], same[1], atol=2e-6)


def test_gelu_is_that_of_the_normal_distribution() -> None:
    x = np.linspace(-12, 12, 100_001, dtype=np.float32)
    exact = [float(each) * (1 + math.erf(float(each) / math.sqrt(2))) / 2 for each in x]
    assert np.abs(gelu(x) - exact).max() < 1e-6


def test_vocab_txt_is_read_as_its_config_says(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true, "strip_accents": null}')
    plain = read_encoder(folder)
    assert plain.tokenizer.tokens(TEXTS[4], 32) == tuple(CASES[4]["ids"])
    assert plain.digest != ENCODER.digest
    assert plain.tokenizer.tokens("[MASK]", 32)[1] == plain.tokenizer.vocabulary["[MASK]"]
    cased = folder / "tokenizer_config.json"
    cased.write_text('{"do_lower_case": false}')
    unknown = plain.tokenizer.vocabulary["[UNK]"]
    assert unknown in read_encoder(folder).tokenizer.tokens("The Refund", 32)


def test_the_settings_folder_is_asked_and_equal_texts_once(folder: Path) -> None:
    rows = ask(folder, [*TEXTS, TEXTS[0], "\ud800"])
    np.testing.assert_allclose(rows[: len(TEXTS)], EXPECTED, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(rows[len(TEXTS)], rows[0])


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME"])
def test_the_hub_clients_cache_is_looked_at_where_the_settings_name_none(
    tmp_path: Path, variable: str
) -> None:
    below = {"HF_HUB_CACHE": "", "HF_HOME": "hub", "XDG_CACHE_HOME": "huggingface/hub"}
    cache = tmp_path / below.get(variable, ".cache/huggingface/hub")
    repository = cache / "models--sentence-transformers--all-MiniLM-L6-v2"
    old, new = (repository / "snapshots" / (letter * 40) for letter in "ab")
    shutil.copytree(FIXTURE, old)
    shutil.copytree(FIXTURE, new)
    (new / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    for name in ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"):
        model = open_model(
            f"encoder/{name}", Settings(database="sqlite://"), {variable: str(tmp_path)}, Path()
        )
        server = model.embedder()
        assert server is not None
        assert server.about == f"sha256 {ENCODER.digest[:12]}, first 32 tokens"


def test_a_model_that_is_not_there_is_told_with_how_to_get_it(tmp_path: Path, folder: Path) -> None:
    model = open_model(
        "encoder/all-MiniLM-L6-v2", Settings(database="sqlite://"), {"HOME": str(tmp_path)}, Path()
    )
    with pytest.raises(
        UsageError, match=r"downloads none.*hf download sentence-transformers/all-MiniLM-L6-v2"
    ):
        model.embedder()
    with pytest.raises(UsageError, match=r"no other/config\.json in .*models, the `folder` of the settings"):
        ask(folder.with_name("other"), ["x"])
    for name in ("", "../tiny", "a/b/c", "/etc", "a/..", "~root"):
        with pytest.raises(UsageError, match="no name of an encoder"):
            open_model(f"encoder/{name}" if name else "encoder/ ", Settings(database="sqlite://"), {}, Path())


def edit(file: str, **changed: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        value = json.loads((folder / file).read_text("utf-8"))
        (folder / file).write_text(json.dumps({**value, **changed}), "utf-8")

    return change


def remove(*files: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for file in files:
            (folder / file).unlink()

    return change


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (remove("model.safetensors"), r"model\.safetensors.*no such file"),
        (remove("tokenizer.json", "vocab.txt"), r"vocab\.txt.*no such file"),
        (remove("1_Pooling/config.json"), r"1_Pooling.config\.json.*no such file"),
        (edit("1_Pooling/config.json", pooling_mode_max_tokens=True), "names no pooling"),
        (edit("config.json", model_type="xlm-roberta"), "model_type is 'xlm-roberta'; only 'bert'"),
        (edit("config.json", hidden_act="gelu_new"), "hidden_act is 'gelu_new'"),
        (edit("config.json", position_embedding_type="relative_key"), "position_embedding_type"),
        (edit("config.json", num_hidden_layers=3), r"no tensor 'encoder\.layer\.2\."),
        (edit("config.json", num_hidden_layers=10**30), "more than 64 bits"),
        (edit("config.json", hidden_size=64), r"shape \[152, 32\], not \[152, 64\]"),
        (edit("config.json", num_attention_heads=5), "can't be divided"),
        (edit("config.json", num_attention_heads=0), "num_attention_heads is 0"),
        (edit("config.json", vocab_size=10), "fewer than the tokenizer has"),
        (edit("config.json", layer_norm_eps="0"), "layer_norm_eps"),
        (edit("config.json", max_position_embeddings=2), "no place for a word"),
        (edit("sentence_bert_config.json", max_seq_length=2), "max_seq_length is 2"),
        (edit("tokenizer.json", model={"type": "BPE", "vocab": {"a": 1}}), "no WordPiece vocabulary"),
        (
            edit("tokenizer.json", model={"type": "WordPiece", "vocab": {"a": 1}}),
            r"no \[UNK\] and no \[CLS\]",
        ),
        (edit("tokenizer.json", normalizer={"type": "NFKC"}), "another normalizer"),
        (
            lambda folder: (folder / "modules.json").write_text(
                '[{"type": "sentence_transformers.models.Dense"}]'
            ),
            "names the module 'sentence_transformers.models.Dense'",
        ),
        (lambda folder: (folder / "modules.json").write_text("{}"), "names the module"),
        (lambda folder: (folder / "config.json").write_text("[]"), "no JSON object"),
        (lambda folder: (folder / "1_Pooling" / "config.json").write_text("{"), "is not JSON"),
    ],
)
def test_a_folder_that_is_no_encoder_is_refused_by_the_file_at_fault(
    folder: Path, damage: Callable[[Path], object], reason: str
) -> None:
    damage(folder)
    with pytest.raises(FileProblems, match=reason):
        read_encoder(folder)


def test_weights_too_large_to_reckon_with_give_no_points(folder: Path) -> None:
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    numbers = np.frombuffer(data, "<f4", offset=start)
    numbers[:] = 3e38
    file.write_bytes(bytes(data))
    with pytest.raises(Stopped, match=r"local/tiny gave no points \(rejected\)"):
        ask(folder, ["refund"])


def test_shift_tells_the_model_its_digest_and_how_much_it_read(folder: Path) -> None:
    root = folder.parents[1]
    (root / "promptops.toml").write_text('[providers.local]\nkind = "encoder"\nfolder = "models"\n', "utf-8")
    rng = np.random.default_rng(1)

    def write(name: str, words: list[str]) -> str:
        texts = [" ".join(rng.choice(words, 6)) for _ in range(40)]
        (root / name).write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        return str(root / name)

    old = write("old.jsonl", ["where", "is", "my", "refund", "parcel"])
    new = write("new.jsonl", ["bakery", "open", "tram", "umbrella", "lost"])
    with Project.open(root) as project:
        moved = project.shift(old, new, embed="local/tiny")
    assert moved.embedding_model == f"local/tiny (sha256 {ENCODER.digest[:12]}, first 32 tokens)"
    assert moved.representation == "embeddings"
    assert moved.alarmed and moved.mmd_p == 0.001


def test_a_special_token_that_the_vocabulary_lacks_is_text() -> None:
    vocabulary = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[": 3, "]": 4, "mask": 5}
    assert WordPiece(vocabulary).tokens("[MASK][SEP]", 9) == (1, 3, 5, 4, 2, 2)
