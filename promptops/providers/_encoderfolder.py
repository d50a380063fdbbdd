"""A sentence encoder's folder as sentence-transformers lays it out: where it lies, and what its files say.

Where: below the folder in the settings, else in the hub client's cache, which is only looked at. Nothing is
ever downloaded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from promptops.canonical import digest_of
from promptops.errors import FileProblems, Problem, UsageError
from promptops.files.jsonfile import read_json
from promptops.files.textfile import file_name, read_text
from promptops.providers._bert import Bert, Shape
from promptops.providers._safetensors import Safetensors
from promptops.providers._wordpiece import SPECIAL, WordPiece

HOME = "sentence-transformers"
"""Whose models are meant where a name has no owner."""
MODULES = ("Transformer", "Pooling", "Normalize")
READ = 256
"""Tokens of a text where the folder doesn't say how many are read."""
MAX_CONFIG = 1_000_000
MAX_VOCABULARY = 50_000_000
"""Bytes."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Encoder:
    """What a folder holds, read and checked."""

    tokenizer: WordPiece
    bert: Bert
    reads: int
    """Tokens of a text, with [CLS] and [SEP]; what comes after them is not looked at."""
    digest: str
    """SHA-256 of all files that count, by their names."""


def check_name(name: str) -> None:
    """Raise UsageError for a name that no folder of a model has."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name[:100]!r} is no name of an encoder. Write it as in encoder/all-MiniLM-L6-v2.")


def find_folder(name: str, folder: Path | None, environment: Mapping[str, str]) -> Path:
    """Return where a model lies. Raises UsageError, which says how to get it, where it lies nowhere."""
    if folder is not None:
        if (folder / name / "config.json").is_file():
            return folder / name
        raise UsageError(
            f"There is no {name}/config.json in {file_name(folder)}, the `folder` of the settings. Copy the "
            "model's folder there (config.json, model.safetensors, tokenizer.json or vocab.txt, "
            "1_Pooling/config.json)."
        )
    full = name if "/" in name else f"{HOME}/{name}"
    cache = _cache(environment)
    snapshot = _snapshot(cache / f"models--{full.replace('/', '--')}")
    if snapshot is None:
        raise UsageError(
            f"The model {full} is not on this machine (looked for in {file_name(cache)}), and promptops "
            f"downloads none. Get it by `hf download {full}`, or copy its folder below one of yours and name "
            'that: [providers.local] with kind = "encoder" and folder = "models".'
        )
    return snapshot


def read_encoder(folder: Path) -> Encoder:
    """Read a model. Raises FileProblems for what is missing, damaged, or no BERT."""
    files = _Files(folder)
    shape = _shape(files)
    _refuse_other_modules(files)
    pooling = _pooling(files)
    tokenizer = _tokenizer(files)
    if max(tokenizer.vocabulary.values()) >= shape.vocabulary:
        raise files.fault("config.json", f"vocab_size is {shape.vocabulary}, fewer than the tokenizer has")
    told = files.object("sentence_bert_config.json", needed=False)
    reads = min(_count(files, "sentence_bert_config.json", told, "max_seq_length", READ, 3), shape.positions)
    weights = Safetensors(folder / "model.safetensors")
    digest = digest_of({**files.digests, "model.safetensors": weights.sha256})
    return Encoder(tokenizer, Bert(weights, shape, pooling), reads, digest)


class _Files:
    """Small files of the folder, and the digests of those that were read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digests: dict[str, str] = {}

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def text(self, name: str, limit: int) -> str:
        text = read_text(self.folder / name, limit)
        self.digests[name] = hashlib.sha256(text.encode()).hexdigest()
        return text

    def object(self, name: str, limit: int = MAX_CONFIG, *, needed: bool = True) -> dict[str, JsonValue]:
        if not needed and not self.has(name):
            return {}
        value = read_json(self.text(name, limit), file_name(self.folder / name)).value
        if not isinstance(value, dict):
            raise self.fault(name, "is no JSON object")
        return value

    def fault(self, name: str, reason: str) -> FileProblems:
        return FileProblems([Problem(file_name(self.folder / name), reason)])


def _cache(environment: Mapping[str, str]) -> Path:
    """Return the folder where the hub's client keeps models, by its own rules."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environment.get(variable):
            return Path(environment[variable])
    if environment.get("HF_HOME"):
        return Path(environment["HF_HOME"], "hub")
    home = environment.get("HOME") or environment.get("USERPROFILE") or "~"
    above = environment.get("XDG_CACHE_HOME") or str(Path(home, ".cache"))
    return Path(above, "huggingface", "hub")


def _snapshot(repository: Path) -> Path | None:
    """Return the state that `main` names, else the newest that is there."""
    snapshots = repository / "snapshots"
    try:
        commit = read_text(repository / "refs" / "main", 100).strip()
    except FileProblems:  # a copy without refs is as good
        commit = ""
    if _COMMIT.fullmatch(commit) and (snapshots / commit / "config.json").is_file():
        return snapshots / commit
    whole = [each.parent for each in snapshots.glob("*/config.json") if each.is_file()]
    return max(whole, key=lambda each: (each.stat().st_mtime, each.name), default=None)


def _shape(files: _Files) -> Shape:
    name, config = "config.json", files.object("config.json")
    for key, known in (
        ("model_type", "bert"),
        ("hidden_act", "gelu"),
        ("position_embedding_type", "absolute"),
    ):
        if config.get(key, known) != known:
            raise files.fault(name, f"{key} is {str(config[key])[:50]!r}; only {known!r} can be run here")

    def count(key: str, usual: int | None = None) -> int:
        return _count(files, name, config, key, usual, 1)

    epsilon = config.get("layer_norm_eps", 1e-12)
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float) or not 0 <= epsilon < 1:
        raise files.fault(name, "layer_norm_eps is no small number")
    shape = Shape(
        vocabulary=count("vocab_size"),
        hidden=count("hidden_size"),
        layers=count("num_hidden_layers"),
        heads=count("num_attention_heads"),
        inner=count("intermediate_size"),
        positions=count("max_position_embeddings"),
        types=count("type_vocab_size", 2),
        epsilon=float(epsilon),
    )
    if shape.hidden % shape.heads:
        raise files.fault(name, "hidden_size can't be divided among num_attention_heads")
    if shape.positions < 3:
        raise files.fault(name, "max_position_embeddings leaves no place for a word")
    return shape


def _refuse_other_modules(files: _Files) -> None:
    """Raise FileProblems where a text goes through more than a BERT, a pooling and a norm."""
    name = "modules.json"
    if not files.has(name):
        return
    modules = read_json(files.text(name, MAX_CONFIG), file_name(files.folder / name)).value
    for module in modules if isinstance(modules, list) else [None]:
        told = str(module.get("type")) if isinstance(module, dict) else "?"
        if told.rpartition(".")[2] not in MODULES:
            raise files.fault(
                name, f"names the module {told[:100]!r}; only {', '.join(MODULES)} are run here"
            )


def _pooling(files: _Files) -> Literal["mean", "cls"]:
    name = "1_Pooling/config.json"
    config = files.object(name)
    modes = {
        key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
        for key, value in config.items()
        if key.startswith("pooling_mode_") and value is True
    } or {str(config.get("pooling_mode"))}
    if modes == {"mean"}:
        return "mean"
    if modes == {"cls"}:
        return "cls"
    raise files.fault(name, "names no pooling that is known here: the mean over the tokens, or [CLS] alone")


def _tokenizer(files: _Files) -> WordPiece:
    name = "tokenizer.json"
    if files.has(name):
        found = _of_tokenizer_json(files, files.object(name, MAX_VOCABULARY))
    else:
        name = "vocab.txt"
        lines = files.text(name, MAX_VOCABULARY).replace("\r\n", "\n").removesuffix("\n").split("\n")
        told = files.object("tokenizer_config.json", needed=False)
        found = WordPiece(
            {line: place for place, line in enumerate(lines)},
            lowercase=told.get("do_lower_case") is not False,
            strip_accents=_accents(told),
            han=told.get("tokenize_chinese_chars") is not False,
        )
    missing = [token for token in ("[UNK]", "[CLS]", "[SEP]") if token not in found.vocabulary]
    if missing:
        raise files.fault(name, f"the vocabulary has no {' and no '.join(missing)}; it is none of a BERT")
    return found


def _of_tokenizer_json(files: _Files, told: dict[str, JsonValue]) -> WordPiece:
    model, normalizer, added = (told.get(key) for key in ("model", "normalizer", "added_tokens"))
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(model, dict) or model.get("type", "WordPiece") != "WordPiece" or not vocabulary:
        raise files.fault(
            "tokenizer.json", "has no WordPiece vocabulary; only BERT's tokenizers are run here"
        )
    if not isinstance(normalizer, dict) or normalizer.get("type") != "BertNormalizer":
        raise files.fault("tokenizer.json", "has another normalizer than BertNormalizer")
    ids = {
        token: place
        for token, place in (vocabulary.items() if isinstance(vocabulary, dict) else ())
        if isinstance(place, int) and not isinstance(place, bool) and place >= 0
    }
    special = tuple(
        content
        for each in (added if isinstance(added, list) else ())
        if isinstance(each, dict) and isinstance(content := each.get("content"), str) and content in ids
    )
    prefix = model.get("continuing_subword_prefix", "##")
    return WordPiece(
        ids,
        lowercase=normalizer.get("lowercase") is not False,
        strip_accents=_accents(normalizer),
        han=normalizer.get("handle_chinese_chars") is not False,
        prefix=prefix if isinstance(prefix, str) else "##",
        special=special or SPECIAL,
    )


def _accents(told: Mapping[str, JsonValue]) -> bool | None:
    value = told.get("strip_accents")
    return value if isinstance(value, bool) else None


def _count(
    files: _Files, name: str, told: Mapping[str, JsonValue], key: str, usual: int | None, least: int
) -> int:
    value = told.get(key, usual)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 10_000_000:
        raise files.fault(name, f"{key} is {str(value)[:50]}, no count from {least} on")
    return value
