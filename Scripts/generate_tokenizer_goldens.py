"""Writes Tests/OuroTests/Fixtures/tokenizer/kinds_golden.json: small tokenizers of every supported kind, and their
output for difficult texts by the reference (Python package `tokenizers` 0.22.2).

The vocabularies are trained on this repository's licence and a few lines in other writing systems.
"""

import json
import pathlib
import random

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

root = pathlib.Path(__file__).resolve().parent.parent
corpus = [(root / "LICENSE").read_text()]
corpus += ["Grüße aus Köln, été à Orléans, привет мир 123 2024", "日本語のテキスト 中文文本 한국어", "👩‍👩‍👧 🎉🎉 naïve café"]

ADDED = [
    AddedToken("<s>", special=True, normalized=False),
    AddedToken("<s>>", special=True, normalized=False),
    AddedToken("<word>", special=False, normalized=False, single_word=True),
    AddedToken("<left>", special=True, normalized=False, lstrip=True),
    AddedToken("<right>", special=False, normalized=False, rstrip=True),
    AddedToken("<both>", special=True, normalized=True, lstrip=True, rstrip=True),
    AddedToken("whole", special=False, normalized=True, single_word=True),
    AddedToken("    ", special=False, normalized=True),
    AddedToken("café", special=False, normalized=False),
]
FRAGMENTS = [
    " ", "  ", "\t", "\n", "\r\n", "\n\n", "\u00a0", "\u2003", "\u3000", "\u0085", "\u200b", "\u180e", "\ufeff",
    "'s", "'S", "'ll", "'l", "'re", "'", "don't", "I'M", "the", "The", " of", "token", "tokens", "Ouro", "loop", "whole",
    "1", "23", "4567", "\u0663", "\u00b2", "\u00bd", "\u2167", "\u3007", "\U0001d7ce", "\U00011de5", "\u0e51",
    "e\u0301", "\u00e9", "\u0301", "ß", "привет", "日本", "한국", "\u0e01\u0e33", "ﬁ", "\U00020000", "\U000e0041",
    "👩‍👩‍👧", "🎉", "\U0001f1e9\U0001f1ea", "!", "...", "->", "{}", "_", "$", "\u0000", "\u007f", "\uffff", "\U0010ffff",
    "<s>", "<s>>", "<word>", "<left>", "<right>", "<both>", "    ", "café", "<", "<s", "Ġ", "Ċ",
]

PLAIN = pre_tokenizers.ByteLevel(add_prefix_space=False)
INDIVIDUAL = pre_tokenizers.Digits(individual_digits=True)
KINDS = {
    "words and digits": pre_tokenizers.Sequence([INDIVIDUAL, PLAIN]),
    "words": PLAIN,
    "runs of digits, prefix space": pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.ByteLevel(add_prefix_space=True)]),
    "no words": pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    "characters": None,
}

generator = random.Random(1)
kinds = []
for name, pre_tokenizer in KINDS.items():
    tokenizer = Tokenizer(models.BPE(ignore_merges=name == "words"))
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer.decoder = decoders.ByteLevel()
    # Some bytes have no token.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())[:-16] if pre_tokenizer is not None else []
    trained_on = [line for text in corpus for line in (text.split() if pre_tokenizer is None else [text])]
    trainer = trainers.BpeTrainer(vocab_size=380, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(trained_on, trainer)
    tokenizer.add_tokens(ADDED)
    cases = []
    for _ in range(50):
        text = "".join(generator.choice(FRAGMENTS) for _ in range(generator.randint(1, 14)))
        tokenizer.encode_special_tokens = False
        ids = tokenizer.encode(text).ids
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(text).ids
        shuffled = generator.sample(ids, len(ids))
        cases.append({
            "text": text, "ids": ids, "ids_specials_as_text": plain, "shuffled": shuffled,
            "decode": tokenizer.decode(shuffled, skip_special_tokens=False),
            "decode_skip_special": tokenizer.decode(shuffled, skip_special_tokens=True),
        })
    tokenizer.encode_special_tokens = False
    kinds.append({"name": name, "tokenizer": json.loads(tokenizer.to_str()), "cases": cases})

path = root / "Tests/OuroTests/Fixtures/tokenizer/kinds_golden.json"
path.write_text(json.dumps(kinds, ensure_ascii=True, separators=(",", ":")) + "\n")
print(path.stat().st_size, "bytes")
