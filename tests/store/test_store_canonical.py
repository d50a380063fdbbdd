"""The same answers give the same canonical bytes on both engines, whatever characters they hold."""

from __future__ import annotations

import json
from pathlib import Path

from promptops import Project
from promptops.replay.canonicalform import canonical_lines, place
from promptops.store import Store
from promptops.types import Score
from tests.made import EVALSET, Folder
from tests.store import nouns
from tests.store.test_store_records import save


def test_a_run_has_the_same_digest_on_both_engines(url: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("promptops.toml", "")
    texts = [
        text for text in nouns.AWKWARD if "\ud83d" not in text and "\ude00" not in text and "\0" not in text
    ]
    rows = [
        {"id": f"s{number} {text}".strip(), "inputs": {"question": text}, "target": text or "empty"}
        for number, text in enumerate(reversed(texts))
        if text.isprintable()
    ]
    folder.evalset("odd", rows, EVALSET + "\n[metrics.chrf]\n\n[metrics.bleu]\n\n[metrics.latency]\n")
    prompt = folder.prompt("ask", "{{ question }}")
    digests = set()
    for database in (url, f"sqlite:///{tmp_path}/other.db", "sqlite://"):
        with Project.open(tmp_path, database=database) as project:
            (run,) = project.evaluate(
                "odd", [prompt], ["mock/echo"], repeats=2, concurrency=len(digests) * 3 + 1
            )
            found = project.verify(run.id)
            assert found.outcome == "proven", found
            digests.add(found.sha256)
    assert len(digests) == 1


def test_any_text_is_written_the_same_from_both_engines_and_can_be_read_again(url: str) -> None:
    forms = []
    for database in (url, "sqlite://"):
        with Store.open(database) as store:
            store.create_run(nouns.run("abcd"), {})
            for number, text in enumerate(nouns.AWKWARD):
                name = f"{text}{number}"
                scores = {"exact": Score.of(0.1 + number, reason=text, quote=text, share=1 / 3)}
                completion = nouns.completion(text)
                save(
                    store,
                    nouns.call("abcd", name, completion=completion),
                    nouns.result("abcd", name, completion=completion, scores=scores),
                )
            run = store.run("abcd")
            forms.append(list(canonical_lines(run, sorted(store.results("abcd"), key=place))))
    assert forms[0] == forms[1]
    read = [json.loads(line) for line in forms[0][1:]]
    assert {row["completion"]["text"] for row in read} == set(nouns.AWKWARD)
    assert [row["sample_id"] for row in read] == sorted(row["sample_id"] for row in read)
