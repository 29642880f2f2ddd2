"""Read the settings of a model from its folder, as sentence-transformers or transformers writes it, without loading it.

Nothing in a folder is ever run: weights are safetensors, never pickles, and a network with its own code is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from clew.core.errors import FormatError, NotFoundError, UsageError
from clew.core.files import sha256_file
from clew.models.manifest import FILE_NAME, Role

Pooling = Literal["mean", "cls"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt")
"""File name patterns of weights that can run code when they are opened."""
# Types of networks that count positions from the one after the id of padding.
_POSITIONS_AFTER_PADDING = frozenset(
    {"roberta", "xlm-roberta", "xlm-roberta-xl", "roberta-prelayernorm", "camembert", "mpnet", "longformer", "xmod"}
    | {"data2vec-text", "ibert", "esm"}
)
# Keys of config.json that say who wrote it and how, not what the network computes.
_IGNORED_KEYS = ("_name_or_path", "transformers_version", "torch_dtype", "dtype", "architectures", "use_cache")


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Settings that determine, together with the weights, how texts become vectors.

    pooling: "mean" or "cls". max_length: maximum number of tokens read, special tokens included. query_prompt and
    passage_prompt: put in front of each text. lower: lower-case texts first.
    """

    pooling: Pooling
    max_length: int
    query_prompt: str = ""
    passage_prompt: str = ""
    lower: bool = False


def is_folder(model: str, base: Path = Path()) -> bool:
    """Return whether a model is given as an existing folder. base: folder that relative paths start from."""
    return bool(model) and (base / Path(model).expanduser()).is_dir()


def is_average(model: str, base: Path = Path()) -> bool:
    """Return whether a name is "A+B", the average of two models, which earlier versions had, and not a folder's."""
    return "+" in model and not is_folder(model, base)


def check_one_model(model: str, base: Path = Path()) -> None:
    """Raise UsageError if a name is that of an average. base: folder that relative paths start from."""
    if is_average(model, base):
        raise UsageError(
            f"{model!r} is not a folder, and averages of two models (A+B) were removed",
            "name one model; one that was trained on your data gains more: docs/training.md",
        )


def read_config(folder: Path) -> EncoderConfig:
    """Read the folder's settings, as sentence-transformers 2 to 6 write them; its weights are not read.

    A plain Hugging Face folder (no modules.json) gets mean pooling. Raises NotFoundError for a missing file and
    FormatError for parts that Clew does not support (dense layers, other poolings, custom code).
    """
    _check_settings(folder)
    pooling, pooled_prompt = _pooling(folder)
    settings = _read_object(folder / "sentence_bert_config.json")
    prompts = _prompts(_read_object(folder / "config_sentence_transformers.json"))
    if any(prompts) and not pooled_prompt:
        raise FormatError(
            f"{folder} excludes the prompt from the pooling, which Clew does not support", "use another model"
        )
    return EncoderConfig(pooling, _max_length(folder, settings), *prompts, lower=bool(settings.get("do_lower_case")))


def read_pair_max_length(folder: Path) -> int:
    """Return how many tokens a cross-encoder reads of a query and a text together, special tokens included.

    The folder is one that sentence-transformers' CrossEncoder saved, or a plain Hugging Face one of a network for
    sequence classification. Raises NotFoundError for a missing file and FormatError for a model that is not a
    cross-encoder with one score, or has parts that Clew does not support.
    """
    check_files(folder)
    config = _read_object(folder / "config.json")
    if not _is_classifier(config):
        raise FormatError(
            f"{folder / 'config.json'} does not name a network for sequence classification: architectures is "
            f"{config.get('architectures')!r}",
            "give a cross-encoder, such as one that sentence_transformers.CrossEncoder saved",
        )
    names = config.get("id2label")
    # transformers assumes two labels if a folder does not say.
    labels = len(names) if isinstance(names, dict) else config.get("num_labels", 2)
    if labels != 1:
        raise FormatError(
            f"{folder / 'config.json'} has {labels} labels (id2label), but a reranker has one score",
            "train it with num_labels=1, or use another model",
        )
    steps = _modules(folder, ("Transformer",))
    settings = _read_object(steps.get("Transformer", folder) / "sentence_bert_config.json")
    if settings.get("transformer_task", "sequence-classification") != "sequence-classification":
        raise FormatError(
            f"{folder} scores by {settings['transformer_task']!r}, which Clew does not support", "use another model"
        )
    if any(_prompts(_read_object(folder / "config_sentence_transformers.json"))):
        raise FormatError(f"{folder} puts a prompt before each pair, which Clew does not support", "use another model")
    return _max_length(folder, settings)


def role_of(folder: Path) -> Role:
    """Return the role of a model, by its config.json. Raises NotFoundError and FormatError that name a file."""
    check_files(folder)
    return "cross_encoder" if _is_classifier(_read_object(folder / "config.json")) else "bi_encoder"


def hidden_size(folder: Path) -> int:
    """Return the width of the network's token vectors and of a bi-encoder's vectors; 0 if config.json does not say."""
    config = _read_object(folder / "config.json")
    found = (config.get(key) for key in ("hidden_size", "dim", "d_model", "n_embd"))  # as BERT, DistilBERT, T5, GPT say
    return next((size for size in found if isinstance(size, int)), 0)


def max_input_tokens(folder: Path) -> int:
    """Return the maximum number of tokens that the network reads, special tokens included; 0 if there is no limit."""
    config = _read_object(folder / "config.json")
    places, padding = config.get("max_position_embeddings"), config.get("pad_token_id")
    # DeBERTa's positions are relative.
    if not isinstance(places, int) or places < 1 or config.get("position_biased_input") is False:
        return 0
    if config.get("model_type") in _POSITIONS_AFTER_PADDING and isinstance(padding, int):
        return places - padding - 1
    return places


def fixed_ids(folder: Path) -> int:
    """Return how many of the first token ids must stay: up to that of padding, if positions are counted from it."""
    config = _read_object(folder / "config.json")
    padding = config.get("pad_token_id")
    counted = config.get("model_type") in _POSITIONS_AFTER_PADDING
    return padding + 1 if counted and isinstance(padding, int) else 0


def layers(folder: Path) -> int:
    """Return the number of layers of the network; 0 if config.json does not say."""
    found = _read_object(folder / "config.json").get("num_hidden_layers")
    return found if isinstance(found, int) else 0


def check_files(folder: Path) -> None:
    """Check the files of a folder.

    Raises NotFoundError if a file that every model needs is missing, FormatError for one that might run code.
    """
    _check_settings(folder)
    weight_files(folder)


def _check_settings(folder: Path) -> None:
    """Do the same as `check_files` for all files except the weights."""
    if not folder.is_dir():
        raise NotFoundError(f"{folder} is not a folder", "give a sentence-transformers folder")
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise NotFoundError(
                f"{folder} is not a usable model: {name} is missing",
                "save it with sentence-transformers 5 or newer: SentenceTransformer(NAME).save(FOLDER)",
            )
    if "auto_map" in _read_object(folder / "config.json"):
        raise FormatError(
            f"{folder / 'config.json'} asks to run code that comes with the model (auto_map), which Clew never does",
            "use a model whose network is part of transformers",
        )


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files, sorted.

    Raises FormatError if there are only pickles, NotFoundError if a file is missing.
    """
    found = sorted(folder.glob("*.safetensors"))
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if not found and pickles:
        raise FormatError(
            f"{folder / pickles[0]} is a pickle, which may run code when it is opened, and Clew does not open it",
            "if you trust it, load it with sentence-transformers and .save() it again: that writes safetensors",
        )
    if not found:
        raise NotFoundError(
            f"{folder} has no .safetensors weights", "save the model again with a current sentence-transformers"
        )
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        parts = _read_object(index).get("weight_map")
        named = set(parts.values()) if isinstance(parts, dict) else set()
        if missing := sorted(map(str, named - {path.name for path in found})):
            raise NotFoundError(
                f"{folder / missing[0]} is missing, but {index.name} names it", "copy the complete folder"
            )
    return found


def fingerprint(folder: Path) -> str:
    """Return the sha256 over what determines the output; exported forms are not part of it.

    For a bi-encoder: weights, network, tokenizer, pooling, prompts and maximum length; for a cross-encoder: weights,
    network, tokenizer and maximum length.
    """
    pairs = role_of(folder) == "cross_encoder"
    settings = {"pairs": read_pair_max_length(folder)} if pairs else asdict(read_config(folder))
    _parse(folder / "tokenizer.json")  # reports a broken file by name, which the tokenizer library would not do
    network = {key: value for key, value in _read_object(folder / "config.json").items() if key not in _IGNORED_KEYS}
    content = {
        "weights": {path.name: sha256_file(path) for path in weight_files(folder)},
        "network": network,
        "tokenizer": sha256_file(folder / "tokenizer.json"),
        "settings": settings,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _is_classifier(config: Mapping[str, Any]) -> bool:
    return any(str(name).endswith("ForSequenceClassification") for name in config.get("architectures") or ())


def _modules(folder: Path, known: tuple[str, ...]) -> dict[str, Path]:
    """Return the steps in modules.json: kind → folder; empty without it. Raises FormatError for an unknown kind."""
    path = folder / "modules.json"
    if not path.is_file():
        return {}
    steps = {}
    for module in _read_list(path):
        package, _, kind = str(module["type"]).rpartition(".")
        if kind not in known or package.partition(".")[0] != "sentence_transformers":
            raise FormatError(
                f"{folder} has a {module['type']} module, which Clew does not support",
                f"use a model with {' and '.join(known[:2])}",
            )
        if module["path"] and not FILE_NAME.fullmatch(str(module["path"])):
            raise FormatError(
                f"{path} has a path that leads out of its folder: {module['path']!r}", "save the model again"
            )
        steps[kind] = folder / str(module["path"])
    return steps


def _pooling(folder: Path) -> tuple[Pooling, bool]:
    """Return the pooling, and whether it includes the tokens of a prompt."""
    if not (folder / "modules.json").is_file():
        return "mean", True
    steps = _modules(folder, ("Transformer", "Pooling", "Normalize"))
    if "Pooling" in steps and not (steps["Pooling"] / "config.json").is_file():
        raise NotFoundError(f"{steps['Pooling'] / 'config.json'} is missing", "copy the complete folder")
    config = _read_object(steps["Pooling"] / "config.json") if "Pooling" in steps else {}
    # Newer folders name the pooling; older ones set one flag for each.
    named = config.get("pooling_mode") or "+".join(
        key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
        for key, value in config.items()
        if key.startswith("pooling_mode_") and value
    )
    pooling = str(named or "mean")
    if pooling not in POOLINGS:
        raise FormatError(
            f"{folder} uses pooling {pooling!r}, which Clew does not support", f"known: {', '.join(POOLINGS)}"
        )
    return pooling, bool(config.get("include_prompt", True))


def _prompts(table: Mapping[str, Any]) -> tuple[str, str]:
    """Return the prompts of queries and passages, under the names that sentence-transformers looks for."""
    prompts: Mapping[str, str] = table.get("prompts") or {}
    default = prompts.get(table.get("default_prompt_name") or "", "")
    query = prompts.get("query", default)
    passage = next((prompts[name] for name in ("document", "passage", "corpus") if name in prompts), default)
    return query, passage


def _max_length(folder: Path, settings: Mapping[str, Any]) -> int:
    if settings.get("max_seq_length"):
        return int(settings["max_seq_length"])
    limits = (
        _read_object(folder / "tokenizer_config.json").get("model_max_length"),
        _read_object(folder / "config.json").get("max_position_embeddings"),
    )
    # A tokenizer without a limit of its own says 1e30.
    return min((int(limit) for limit in limits if isinstance(limit, int) and limit > 0), default=512)


def _read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; empty if there is no such file."""
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
