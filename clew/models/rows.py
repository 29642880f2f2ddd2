"""Write a model folder with a part of the tokens: its tokenizer, its settings and the rows of its embeddings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clew.core.errors import CorruptError, FormatError, MissingExtraError
from clew.models.folder import weight_files
from clew.models.save import NOT_COPIED
from clew.models.vocabulary import Vocabulary, trimmed_table

_EMBEDDINGS = ("word_embeddings.weight", "embed_tokens.weight", "shared.weight")
# Weights that predict tokens, which neither a bi-encoder nor a cross-encoder uses.
_HEADS = ("cls.predictions.", "lm_head.")
# Other forms of the vocabulary, all of which is in tokenizer.json, and the weights.
_REWRITTEN = shutil.ignore_patterns(
    "vocab.txt",
    "vocab.json",
    "added_tokens.json",
    "unigram.json",
    "*.model",
    "*.safetensors",
    "*.safetensors.index.json",
)


def keep_rows(source: Path, target: Path, vocabulary: Vocabulary, kept: Sequence[int]) -> tuple[int, int]:
    """Write the model of a folder to a new folder with only some tokens; return the number of weights before and after.

    kept: sorted ids; the place of an id in it is its new id. Raises FormatError for a network whose embeddings are not
    found, CorruptError if they have fewer rows than the tokenizer has ids, MissingExtraError without torch.
    """
    if find_spec("torch") is None or find_spec("safetensors") is None:
        raise MissingExtraError("trimming a model needs torch and safetensors", "run `pip install 'clew[train]'`")
    new = {old: at for at, old in enumerate(kept)}
    shutil.copytree(
        source,
        target,
        ignore=lambda folder, names: {*NOT_COPIED(folder, names), *_REWRITTEN(folder, names)},
        copy_function=shutil.copyfile,
    )
    tables = {"tokenizer.json": trimmed_table(vocabulary, kept)}
    for name, renumber in (("config.json", _renumbered_config), ("tokenizer_config.json", _renumbered_settings)):
        if (target / name).is_file():
            tables[name] = renumber(json.loads((target / name).read_text(encoding="utf-8")), new)
    for name, table in tables.items():
        (target / name).write_text(json.dumps(table, ensure_ascii=False), encoding="utf-8")
    return _keep_weights(source, target, kept)


def special_ids(config: Mapping[str, Any]) -> set[int]:
    """Return the ids of tokens that a network's config.json names."""
    return {value for key, value in config.items() if key.endswith("_token_id") and isinstance(value, int)}


def _keep_weights(source: Path, target: Path, kept: Sequence[int]) -> tuple[int, int]:
    from safetensors.torch import load_file, save_file

    found = {name: tensor for path in weight_files(source) for name, tensor in load_file(path).items()}
    before = sum(tensor.numel() for tensor in found.values())
    weights = {name: tensor for name, tensor in found.items() if not name.startswith(_HEADS)}
    tables = [name for name, tensor in weights.items() if name.endswith(_EMBEDDINGS) and tensor.dim() == 2]
    if not tables:
        raise FormatError(
            f"the weights in {source} have no embeddings of tokens under a known name",
            f"trim a network whose embeddings are named {', '.join(_EMBEDDINGS)}",
        )
    for name in tables:
        if len(weights[name]) <= kept[-1]:
            raise CorruptError(
                f"{name} of {source} has {len(weights[name]):,} rows, but its tokenizer has the id {kept[-1]:,}",
                "save the model again",
            )
        weights[name] = weights[name][list(kept)].contiguous()
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    return before, sum(tensor.numel() for tensor in weights.values())


def _renumbered_config(config: Mapping[str, Any], new: Mapping[int, int]) -> dict[str, Any]:
    """Return a network's config.json with the new size of the vocabulary and the new ids."""
    named = {key: new[config[key]] for key in config if key.endswith("_token_id") and config[key] in new}
    return {**config, **named, "vocab_size": len(new)}


def _renumbered_settings(settings: Mapping[str, Any], new: Mapping[int, int]) -> dict[str, Any]:
    """Return a tokenizer_config.json with new ids of added tokens."""
    added = settings.get("added_tokens_decoder")
    if not isinstance(added, Mapping):
        return dict(settings)
    return {**settings, "added_tokens_decoder": {str(new[int(at)]): row for at, row in added.items() if int(at) in new}}
