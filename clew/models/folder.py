"""What a sentence-transformers folder says of its bi-encoder, read without loading it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clew.core.errors import FormatError, NotFoundError
from clew.core.files import sha256_file

POOLINGS = ("mean", "cls")
# Keys of config.json that say who wrote it and how, not what the network computes.
_INCIDENTAL = ("_name_or_path", "transformers_version", "torch_dtype", "dtype", "architectures", "use_cache")


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """How a folder's texts become vectors, beside its weights.

    pooling: "mean" or "cls". max_length: most word pieces read, special tokens included. query_prompt and
    passage_prompt: put in front of each text. lower: lower-case texts first.
    """

    pooling: str
    max_length: int
    query_prompt: str = ""
    passage_prompt: str = ""
    lower: bool = False


def read_config(folder: Path) -> EncoderConfig:
    """Read the folder's settings, as sentence-transformers 2 to 6 write them.

    A plain Hugging Face folder (no modules.json) is read with mean pooling. Raises NotFoundError for a missing
    file and FormatError for parts Clew does not run (dense layers, other poolings, no fast tokenizer).
    """
    if not folder.is_dir():
        raise NotFoundError(f"{folder} is not a folder", "give a sentence-transformers folder")
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise NotFoundError(
                f"{folder} is no usable model: {name} is missing",
                "save it with sentence-transformers 5 or newer: SentenceTransformer(NAME).save(FOLDER)",
            )
    weight_files(folder)
    pooling, pooled_prompt = _pooling(folder)
    settings = _read(folder / "sentence_bert_config.json")
    prompts = _prompts(_read(folder / "config_sentence_transformers.json"))
    if any(prompts) and not pooled_prompt:
        raise FormatError(f"{folder} leaves its prompt out of the pooling, which Clew does not do", "use another model")
    return EncoderConfig(pooling, _max_length(folder, settings), *prompts, lower=bool(settings.get("do_lower_case")))


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files, sorted. Raises NotFoundError when there are none (pickled weights are not read)."""
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        raise NotFoundError(
            f"{folder} has no .safetensors weights", "save the model again with a current sentence-transformers"
        )
    return found


def fingerprint(folder: Path) -> str:
    """sha256 over weights, network, tokenizer, pooling, prompts and maximum length; not over exported forms."""
    settings = read_config(folder)
    _parse(folder / "tokenizer.json")  # a broken one is named here; the tokenizer library would not name the file
    network = {key: value for key, value in _read(folder / "config.json").items() if key not in _INCIDENTAL}
    content = {
        "weights": {path.name: sha256_file(path) for path in weight_files(folder)},
        "network": network,
        "tokenizer": sha256_file(folder / "tokenizer.json"),
        "settings": asdict(settings),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _pooling(folder: Path) -> tuple[str, bool]:
    """The pooling, and whether a prompt's pieces take part in it."""
    path = folder / "modules.json"
    if not path.is_file():
        return "mean", True
    steps = {str(m["type"]).rpartition(".")[2]: folder / str(m["path"]) for m in _read_list(path)}
    if unknown := sorted(set(steps) - {"Transformer", "Pooling", "Normalize"}):
        raise FormatError(
            f"{folder} has a {unknown[0]} module, which Clew does not run", "use a model with Transformer and Pooling"
        )
    config = _read(steps["Pooling"] / "config.json") if "Pooling" in steps else {}
    # Newer folders name the pooling; older ones set one flag for each.
    named = config.get("pooling_mode") or "+".join(
        key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
        for key, value in config.items()
        if key.startswith("pooling_mode_") and value
    )
    pooling = str(named or "mean")
    if pooling not in POOLINGS:
        raise FormatError(f"{folder} pools by {pooling!r}, which Clew does not do", f"known: {', '.join(POOLINGS)}")
    return pooling, bool(config.get("include_prompt", True))


def _prompts(table: Mapping[str, Any]) -> tuple[str, str]:
    """Prompts of queries and passages, under the names sentence-transformers looks for."""
    prompts: Mapping[str, str] = table.get("prompts") or {}
    default = prompts.get(table.get("default_prompt_name") or "", "")
    query = prompts.get("query", default)
    passage = next((prompts[name] for name in ("document", "passage", "corpus") if name in prompts), default)
    return query, passage


def _max_length(folder: Path, settings: Mapping[str, Any]) -> int:
    if settings.get("max_seq_length"):
        return int(settings["max_seq_length"])
    limits = (
        _read(folder / "tokenizer_config.json").get("model_max_length"),
        _read(folder / "config.json").get("max_position_embeddings"),
    )
    # A tokenizer without a limit of its own says 1e30.
    return min((int(limit) for limit in limits if isinstance(limit, int) and limit > 0), default=512)


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is no such file."""
    table = _parse(path) if path.is_file() else {}
    if not isinstance(table, dict):
        raise FormatError(f"{path} is not a JSON object", "save the model again")
    return table


def _read_list(path: Path) -> list[dict[str, Any]]:
    table = _parse(path)
    if not isinstance(table, list) or not all(
        isinstance(row, dict) and {"type", "path"} <= row.keys() for row in table
    ):
        raise FormatError(f"{path} is not a list of modules", "save the model again")
    return table


def _parse(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{path} is not valid JSON: {error}", "save the model again") from None
