from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clew.core.errors import FormatError, NotFoundError
from clew.models.folder import (
    EncoderConfig,
    check_files,
    fingerprint,
    hidden_size,
    max_input_tokens,
    read_config,
    read_pair_max_length,
    role_of,
    weight_files,
)

OLD = {
    "modules.json": [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ],
    "1_Pooling/config.json": {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True},
    "sentence_bert_config.json": {"max_seq_length": 128, "do_lower_case": False},
}
NEW = {
    "modules.json": [
        {"path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling"},
    ],
    "1_Pooling/config.json": {"embedding_dimension": 8, "pooling_mode": "cls", "include_prompt": True},
    "sentence_bert_config.json": {"transformer_task": "feature-extraction"},
    "tokenizer_config.json": {"model_max_length": 256},
    "config_sentence_transformers.json": {"prompts": {"query": "query: ", "document": "passage: "}},
}
Folder = Callable[[dict[str, Any]], Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    def write(files: dict[str, Any]) -> Path:
        files = {"config.json": {"max_position_embeddings": 512}, "tokenizer.json": {"model": {}}, **files}
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(json.dumps(content))
        (tmp_path / "model.safetensors").write_bytes(b"weights")
        return tmp_path

    return write


def test_folders_of_old_sentence_transformers(folder: Folder) -> None:
    assert read_config(folder(OLD)) == EncoderConfig("mean", 128)


def test_folders_of_new_sentence_transformers(folder: Folder) -> None:
    assert read_config(folder(NEW)) == EncoderConfig("cls", 256, "query: ", "passage: ")


def test_plain_transformers_folders_are_pooled_by_mean(folder: Folder) -> None:
    assert read_config(folder({})) == EncoderConfig("mean", 512)


def test_a_tokenizer_without_a_limit(folder: Folder) -> None:
    huge = {"tokenizer_config.json": {"model_max_length": 10**30}}
    assert read_config(folder(huge)).max_length == 512


def test_the_default_prompt_serves_both_roles(folder: Folder) -> None:
    table = {"prompts": {"any": "text: "}, "default_prompt_name": "any"}
    config = read_config(folder({**OLD, "config_sentence_transformers.json": table}))
    assert (config.query_prompt, config.passage_prompt) == ("text: ", "text: ")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({**OLD, "1_Pooling/config.json": {"pooling_mode_max_tokens": True}}, "max"),
        ({**OLD, "1_Pooling/config.json": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}}, "cls"),
        ({**NEW, "1_Pooling/config.json": {"pooling_mode": "lasttoken"}}, "lasttoken"),
        ({**NEW, "1_Pooling/config.json": {"pooling_mode": "mean", "include_prompt": False}}, "prompt"),
        ({**OLD, "modules.json": [*OLD["modules.json"], {"path": "3_Dense", "type": "models.Dense"}]}, "Dense"),
        ({**OLD, "modules.json": [{"path": "", "type": "custom_st.Transformer"}]}, r"custom_st\.Transformer"),
        ({**OLD, "modules.json": [{"path": "../x", "type": "sentence_transformers.models.Pooling"}]}, r"\.\./x"),
        ({"modules.json": {"not": "a list"}}, r"modules\.json"),
        ({"config.json": {"auto_map": {"AutoModel": "modeling.Own"}}}, "auto_map"),
    ],
)
def test_what_cannot_be_run_is_refused(folder: Folder, files: dict[str, Any], words: str) -> None:
    with pytest.raises(FormatError, match=words):
        read_config(folder(files))


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Folder, missing: str) -> None:
    made = folder(OLD)
    (made / missing).unlink()
    with pytest.raises(NotFoundError, match=missing.removeprefix("model")):
        check_files(made)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        read_config(tmp_path / "nowhere")


def test_a_broken_tokenizer_is_named(folder: Folder) -> None:
    made = folder(OLD)
    (made / "tokenizer.json").write_text("{")
    with pytest.raises(FormatError, match=r"tokenizer\.json"):
        fingerprint(made)


@pytest.mark.parametrize(
    ("name", "content", "same"),
    [
        ("model.safetensors", "other weights", False),
        ("tokenizer.json", '{"model": {"other": 1}}', False),
        ("config.json", '{"max_position_embeddings": 512, "hidden_act": "relu"}', False),
        ("sentence_bert_config.json", '{"max_seq_length": 64}', False),
        ("config_sentence_transformers.json", '{"prompts": {"query": "q: "}}', False),
        ("config.json", '{"max_position_embeddings": 512, "transformers_version": "9"}', True),
        ("README.md", "a model card", True),
        ("config_sentence_transformers.json", '{"prompts": {"query": ""}}', True),
    ],
)
def test_the_fingerprint_covers_what_decides_the_vectors(folder: Folder, name: str, content: str, same: bool) -> None:
    made = folder(OLD)
    before = fingerprint(made)
    (made / name).write_text(content)
    assert (fingerprint(made) == before) is same


def test_exported_forms_are_not_part_of_the_fingerprint(folder: Folder) -> None:
    made = folder(OLD)
    before = fingerprint(made)
    (made / "onnx").mkdir()
    (made / "onnx" / "model.onnx").write_bytes(b"graph")
    assert fingerprint(made) == before


def test_a_folder_that_holds_no_model_has_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"not a usable model: config\.json is missing"):
        fingerprint(tmp_path)


# ---------------------------------------------------------------- what runs code, what is missing


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl", "last.ckpt"])
def test_pickled_weights_are_refused_by_name(folder: Folder, name: str) -> None:
    made = folder(OLD)
    (made / name).write_bytes(b"cos\nsystem\n")
    assert weight_files(made) == [made / "model.safetensors"]  # beside safetensors they are not read
    (made / "model.safetensors").unlink()
    with pytest.raises(FormatError, match=name) as caught:
        check_files(made)
    assert "safetensors" in caught.value.hint


def test_a_missing_part_of_the_weights_is_named(folder: Folder) -> None:
    parts = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    with pytest.raises(NotFoundError, match="model-00002-of-00002"):
        check_files(folder({**OLD, "model.safetensors.index.json": parts}))


def test_a_missing_pooling_is_named(folder: Folder) -> None:
    made = folder(OLD)
    (made / "1_Pooling" / "config.json").unlink()
    with pytest.raises(NotFoundError, match=r"1_Pooling/config\.json is missing"):
        read_config(made)


def test_the_width_is_found_under_any_of_its_names(folder: Folder) -> None:
    for key in ("hidden_size", "dim", "d_model"):
        assert hidden_size(folder({"config.json": {key: 12}})) == 12
    assert hidden_size(folder({"config.json": {}})) == 0


# ---------------------------------------------------------------- cross-encoders

PAIRS = {
    "config.json": {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "LABEL_0"}},
    "tokenizer_config.json": {"model_max_length": 256},
}
SAVED = {
    **PAIRS,
    "modules.json": [{"path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"}],
    "sentence_bert_config.json": {"transformer_task": "sequence-classification"},
    "config_sentence_transformers.json": {"model_type": "CrossEncoder", "prompts": {}},
}


@pytest.mark.parametrize("files", [PAIRS, SAVED])
def test_cross_encoders_are_told_by_their_network(folder: Folder, files: dict[str, Any]) -> None:
    made = folder(files)
    assert role_of(made) == "cross_encoder"
    assert read_pair_max_length(made) == 256


def test_other_networks_are_bi_encoders(folder: Folder) -> None:
    made = folder(NEW)
    assert role_of(made) == "bi_encoder"
    with pytest.raises(FormatError, match="does not name a network for sequence classification"):
        read_pair_max_length(made)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"config.json": {**PAIRS["config.json"], "id2label": {"0": "no", "1": "yes"}}}, "2 labels"),
        ({"config.json": {"architectures": ["BertForSequenceClassification"]}}, "2 labels"),
        ({"config_sentence_transformers.json": {"prompts": {"query": "Is it so? "}}}, "prompt"),
        ({"sentence_bert_config.json": {"transformer_task": "text-generation"}}, "text-generation"),
        ({"modules.json": [{"path": "1", "type": "sentence_transformers.cross_encoder.LogitScore"}]}, "LogitScore"),
        ({"config.json": {**PAIRS["config.json"], "auto_map": {}}}, "auto_map"),
    ],
)
def test_what_is_no_reranker_is_refused(folder: Folder, files: dict[str, Any], words: str) -> None:
    with pytest.raises(FormatError, match=words):
        read_pair_max_length(folder({**SAVED, **files}))


def test_one_label_may_be_a_number(folder: Folder) -> None:
    config = {"architectures": ["BertForSequenceClassification"], "num_labels": 1}
    assert read_pair_max_length(folder({**PAIRS, "config.json": config})) == 256


@pytest.mark.parametrize(
    ("name", "content", "same"),
    [
        ("model.safetensors", "other weights", False),
        ("tokenizer.json", '{"model": {"other": 1}}', False),
        ("tokenizer_config.json", '{"model_max_length": 128}', False),
        ("README.md", "a model card", True),
    ],
)
def test_the_fingerprint_of_a_cross_encoder(folder: Folder, name: str, content: str, same: bool) -> None:
    made = folder(SAVED)
    before = fingerprint(made)
    (made / name).write_text(content)
    assert (fingerprint(made) == before) is same


@pytest.mark.parametrize(
    ("config", "most"),
    [
        ({"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0}, 512),
        ({"model_type": "mpnet", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "deberta-v2", "max_position_embeddings": 512, "position_biased_input": False}, 0),
        ({"model_type": "t5"}, 0),
    ],
)
def test_how_many_pieces_a_network_has_places_for(config, most, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert max_input_tokens(tmp_path) == most
