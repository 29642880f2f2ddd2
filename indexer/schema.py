"""The JSON Schema of an index spec, for editors that complete and check TOML files."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clew.core.files import write_atomic
from clew.core.text import AnalyzerSpec
from clew.indexer.passages import PassagesSpec
from clew.indexer.sources.forms import SourceSpec
from clew.indexer.spec import BuildSpec, QualitySpec
from clew.kg.expand import ExpandSpec, RelationSpec
from clew.kg.linker import LinkSpec
from clew.kg.spec import GraphSpec, LabelSpec, Neo4jSpec
from clew.search.candidates.bm25 import BM25Spec
from clew.search.candidates.dense import DenseSpec
from clew.search.fields import FieldSpec
from clew.search.fusion import FusionSpec
from clew.search.rerank.spec import RerankSpec
from clew.search.versions import INDEX_NAME

DRAFT = "https://json-schema.org/draft/2020-12/schema"
# The file that `clew init` writes next to a spec, whose first line names it.
SCHEMA_FILE = "clew.schema.json"
# Table of the file → the dataclass that reads it.
_TABLES: dict[str, type] = {
    "source": SourceSpec, "passages": PassagesSpec, "analyzer": AnalyzerSpec, "bm25": BM25Spec, "dense": DenseSpec,
    "fusion": FusionSpec, "rerank": RerankSpec, "graph": GraphSpec, "quality": QualitySpec, "build": BuildSpec,
}  # fmt: skip
_INNER = (FieldSpec, LinkSpec, ExpandSpec, RelationSpec, Neo4jSpec, LabelSpec)


def spec_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a spec file: every table and key with type, default and description.

    Keys that were renamed are in it under their old names too, marked as deprecated.
    """
    from pydantic import TypeAdapter

    classes = {cls.__name__: cls for cls in (*_TABLES.values(), *_INNER)}
    _, found = TypeAdapter.json_schemas([(name, "validation", TypeAdapter(cls)) for name, cls in classes.items()])
    definitions = {name: _described(schema, classes[name]) for name, schema in found["$defs"].items()}
    tables: dict[str, Any] = {name: {"$ref": f"#/$defs/{cls.__name__}"} for name, cls in _TABLES.items()}
    tables["dense"] = {"anyOf": [tables["dense"], {"const": False, "description": "Build without vectors."}]}
    return {
        "$schema": DRAFT,
        "title": "Clew index spec",
        "type": "object",
        "properties": {
            "name": {"type": "string", "pattern": f"^{INDEX_NAME.pattern}$", "description": "Name of the index."},
            "fields": {
                "type": "object",
                "description": "Fields of a document.",
                "additionalProperties": {"$ref": "#/$defs/FieldSpec"},
            },
            **tables,
        },
        "required": ["name", "source"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def write_schema(path: Path) -> None:
    """Write the schema to a file, in one step. Raises OSError."""
    write_atomic(path, (json.dumps(spec_schema(), indent=2, ensure_ascii=False) + "\n").encode())


def _described(schema: dict[str, Any], cls: type) -> dict[str, Any]:
    """The schema of one table with a description of each key, taken from the docstring of its dataclass."""
    meanings = dict(_key_descriptions(cls))
    properties = {
        key: {**value, "description": meanings[key]} if key in meanings else value
        for key, value in schema.get("properties", {}).items()
    }
    for old, new in getattr(cls, "RENAMED", {}).items():
        properties[old] = {**properties[new], "deprecated": True, "description": f"The old name of {new}."}
    summary = inspect.getdoc(cls) or ""
    return {
        **schema,
        "properties": properties,
        "description": summary.split("\n\n", maxsplit=1)[0].replace("\n", " "),
        "additionalProperties": False,
    }


def _key_descriptions(cls: type) -> Iterator[tuple[str, str]]:
    """(key, what it means) of the keys that a docstring describes as "key: meaning." or "key, key: meaning."."""
    names = "|".join(field.name for field in dataclasses.fields(cls))
    text = (inspect.getdoc(cls) or "").partition("\n\n")[2].replace("\n", " ")
    heads = list(re.finditer(rf"(?:^|(?<=[.:;] ))((?:{names})(?:, (?:{names}))*): ", text))
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        meaning = text[head.end() : following.start() if following else None].strip(" ;")
        yield from ((key, meaning) for key in head[1].split(", "))
