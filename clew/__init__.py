"""Clew: semantic search and knowledge-graph retrieval.

>>> import clew
>>> clew.build("shop.toml")  # doctest: +SKIP
>>> with clew.open("shop") as shop:  # doctest: +SKIP
...     for hit in shop.search("noise cancelling headphones", k=5).hits:
...         print(hit.rank, hit.id, hit.score)

Public names are imported when they are first used, so `import clew` loads no numeric library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from clew.core.version import __version__

if TYPE_CHECKING:
    from clew.core.errors import ClewError
    from clew.core.types import Contribution
    from clew.indexer.facade import build
    from clew.indexer.report import BuildReport
    from clew.search.graph_reports import LinkReport
    from clew.search.index import Index, open  # noqa: A004 - clew.open reads as what it does
    from clew.search.types import (
        Answer,
        AnswerRequest,
        AnswerResponse,
        Degradation,
        FacetValue,
        GraphUse,
        Group,
        Highlight,
        Hit,
        LinkedEntity,
        MatchedVariant,
        RerankUse,
        SearchRequest,
        SearchResponse,
        StageScore,
        Total,
        WhyNot,
    )

__all__ = [
    "Answer",
    "AnswerRequest",
    "AnswerResponse",
    "BuildReport",
    "ClewError",
    "Contribution",
    "Degradation",
    "FacetValue",
    "GraphUse",
    "Group",
    "Highlight",
    "Hit",
    "Index",
    "LinkReport",
    "LinkedEntity",
    "MatchedVariant",
    "RerankUse",
    "SearchRequest",
    "SearchResponse",
    "StageScore",
    "Total",
    "WhyNot",
    "__version__",
    "build",
    "open",
]

# Module → the public names that it defines.
_MODULES = {
    "clew.core.errors": ("ClewError",),
    "clew.core.types": ("Contribution",),
    "clew.indexer.report": ("BuildReport",),
    "clew.indexer.facade": ("build",),
    "clew.search.index": ("Index", "open"),
    "clew.search.graph_reports": ("LinkReport",),
    "clew.search.types": (
        "Answer", "AnswerRequest", "AnswerResponse", "Degradation", "FacetValue", "GraphUse", "Group", "Highlight",
        "Hit", "LinkedEntity", "MatchedVariant", "RerankUse", "SearchRequest", "SearchResponse", "StageScore",
        "Total", "WhyNot",
    ),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'clew' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
