"""Make tests/providers/encoder: a tiny BERT with random weights, texts, and the points torch gives them.

    python -m venv v && v/bin/pip install torch transformers
    v/bin/python tests/providers/make_encoder_fixture.py

The oracle is transformers' BertModel in float32 under torch and the Rust tokenizer (`tokenizers`), pooled as
the model card of all-MiniLM-L6-v2 does it: the mean over the attention mask, then length 1.
"""

import json
from pathlib import Path

import tokenizers
import torch
import transformers

FOLDER = Path(__file__).parent / "encoder"
READ = 32
WORDS = (
    *("the", "a", "of", "to", "and", "is", "was", "in", "it", "you", "i", "my", "we", "not", "for", "on"),
    *("with", "refund", "parcel", "order", "late", "broken", "money", "back", "please", "where", "when"),
    *("how", "open", "close", "bakery", "tram", "umbrella", "lost", "word", "naive", "cafe", "strasse"),
    *("zoo", "istanbul", "ο", "σ"),
)
PIECES = ["##s", "##ed", "##ing", "##er", "##ly", "##e", "##t", "##n", "##ς", "##σ", "##ο"]
MARKS = [*list(".,!?'\"-:;()[]#$%&*+/<=>@^_`{|}~\\"), "中", "文", "é", "。", "…", "¿"]
LETTERS = [
    *"abcdefghijklmnopqrstuvwxyz",
    *(f"##{letter}" for letter in "abcdfghijklmopqruvwxyz"),
    *"0123456789",
]
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *dict.fromkeys([*WORDS, *PIECES, *MARKS, *LETTERS]),
]
TEXTS = [
    "Where is my refund?",
    "The parcel was late, and it is broken!!",
    "",
    "   \t\n ",
    "naïve café Straße ÉCLAIR",
    "İstanbul ΟΣ Σ",
    "中文 and 文中文。",
    "zoo\u200bzoo \ufeffzoo\u00a0zoo\u2028zoo\u0085zoo \ufffd\x00zoo \ue000zoo",
    "a[MASK]b [SEP] [mask] [CLS]",
    "😀 👩\u200d👩 unknown😀",
    "e\u0301 ê \u0301",
    "x" * 101 + " " + "a" * 100,
    "don't; (it's) 100% [ok] a_b-c…¿que?",
    "lost umbrella " * 40,
    "the the the",
    "ﬁne ＡＢＣ ²³ Ⅷ",
    "\u202eevil\u202c \u0378 𝒜 𠀀中",
    "i refunded openings closely orders trams waiting",
]


def write(name: str, value: object) -> None:
    file = FOLDER / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n", "utf-8")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    torch.manual_seed(20261127)
    config = transformers.BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=40,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = transformers.BertModel(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "LayerNorm.weight" in name:
                weight.normal_(1.0, 0.2)
            else:
                weight.normal_(0.0, 0.3)
    model.save_pretrained(FOLDER)
    (FOLDER / "model.safetensors").chmod(0o644)
    (FOLDER / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", "utf-8")
    tokenizer = tokenizers.BertWordPieceTokenizer(str(FOLDER / "vocab.txt"))
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.save(str(FOLDER / "tokenizer.json"), pretty=True)
    tokenizer.enable_truncation(READ)
    write("1_Pooling/config.json", {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True})
    write("sentence_bert_config.json", {"max_seq_length": READ, "do_lower_case": False})
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        point = torch.nn.functional.normalize(hidden.mean(dim=0), dim=0)
        cases.append({"text": text, "ids": ids, "point": [round(float(each), 9) for each in point]})
    made_by = {each.__name__: each.__version__ for each in (torch, transformers, tokenizers)}
    write("expected.json", {"made_by": made_by, "cases": cases})


if __name__ == "__main__":
    main()
