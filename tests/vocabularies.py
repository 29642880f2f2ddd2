"""Small tokenizers of three scripts, and tiny models with their vocabularies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tests.models import WIDTH, make_tiny_model

LATIN, HAN, CYRILLIC, OTHERS = "abcdehorst", "帽子红鞋", "абвгд", "0123456789.,!?-"
UNIGRAM = [
    ("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0),
    *((letter, -9.0 - at / 7) for at, letter in enumerate(LATIN)), ("▁вода", -6.0), ("да", -5.0), ("▁the", -3.0),
    ("▁red", -4.0), ("hat", -4.5), ("s", -4.0), ("▁shoe", -5.0), ("shoes", -5.5), ("帽子", -6.0), ("红", -7.0),
    *((letter, -10.0 - at / 9) for at, letter in enumerate(CYRILLIC)),
    *((letter, -9.5 - at / 5) for at, letter in enumerate(HAN)),
    *((letter, -8.0 - at / 3) for at, letter in enumerate(OTHERS)),
    ("12", -6.0), ("红hat", -7.5), ("▁абв", -25.0), ("β", -11.0), ("<mask>", 0.0),
]  # fmt: skip
WORD_PIECES = [
    "[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LATIN, *CYRILLIC, *HAN, *OTHERS,
    *(f"##{letter}" for letter in LATIN + CYRILLIC + "0123456789"), "the", "red", "##hat", "hat", "shoe", "##s",
    "##shoes", "вода", "##да", "12", "##34", "öst", "##ste", "β",
]  # fmt: skip


def unigram() -> Tokenizer:
    """XLM-R's kind, with padding on and a mask at the end."""
    rows = list(dict(UNIGRAM).items())
    tokenizer = Tokenizer(models.Unigram(rows, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.enable_padding(pad_id=1, pad_token="<pad>")
    return tokenizer


def word_piece() -> Tokenizer:
    """BERT's kind, whose special tokens are not added tokens."""
    names = list(dict.fromkeys(WORD_PIECES))
    tokenizer = Tokenizer(models.WordPiece({name: at for at, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", names.index("[SEP]")), ("[CLS]", names.index("[CLS]"))
    )
    return tokenizer


def byte_pairs() -> Tokenizer:
    """A vocabulary of byte pairs, which cannot be trimmed."""
    return Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))


def make_model(folder: Path, tokenizer: Tokenizer, role: str = "bi_encoder") -> Path:
    """A tiny BERT with the vocabulary of a tokenizer."""
    make_tiny_model(folder, role=role)
    tokenizer.save(str(folder / "tokenizer.json"))
    size = tokenizer.get_vocab_size()
    edit(folder / "config.json", vocab_size=size, pad_token_id=tokenizer.token_to_id("<pad>") or 0)
    edit(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    weights = load_file(folder / "model.safetensors")
    (name,) = (name for name in weights if name.endswith("word_embeddings.weight"))
    weights[name] = np.random.default_rng(1).normal(size=(size, WIDTH)).astype(np.float32)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def edit(path: Path, **values: Any) -> None:
    """Set keys of a JSON object in a file."""
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")
